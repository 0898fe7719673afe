//! Variables of plays and roles that nothing reads: a warning of `lint`. A name counts as read wherever it
//! stands as a word, in an expression, a text, a file or a name: what is only maybe unread is not told.
use super::PlayJob;
use super::names::Names;
use super::scope::Shared;
use crate::source::{Diagnostic, Spanned};
use serde_json::Value;
use std::collections::HashSet;

/// Ways to read variables by names that are made up when they are read.
const DYNAMIC: [&str; 3] = ["varnames", "vars", "hostvars"];

/// What plays and roles define, and nothing in the project reads.
pub fn unread(plays: &[PlayJob], shared: &Shared) -> Vec<Diagnostic> {
    let names = Names::of(plays, shared);
    let mut read = HashSet::new();
    names.values().for_each(|value| words_in(value, &mut read));
    let texts = shared.files.values().filter_map(|bytes| std::str::from_utf8(bytes).ok());
    texts.for_each(|text| read.extend(words(text)));
    if DYNAMIC.iter().any(|name| read.contains(name)) {
        return vec![];
    }
    // Connections and modules read these by themselves.
    let own = |name: &str| name.starts_with("ansible_");
    let mut told = HashSet::new();
    (names.own.iter())
        .filter(|name| !read.contains(name.value.as_str()) && !own(&name.value))
        .filter(|name| told.insert(name.span))
        .map(|Spanned { value, span }| {
            Diagnostic::error(*span, format!("nothing reads `{value}`"))
                .warning()
                .help("remove it, or look whether it is spelt otherwise where it is used")
        })
        .collect()
}

fn words_in<'a>(value: &'a Value, out: &mut HashSet<&'a str>) {
    match value {
        Value::String(text) => out.extend(words(text)),
        Value::Array(items) => items.iter().for_each(|item| words_in(item, out)),
        Value::Object(entries) => entries.iter().for_each(|(key, value)| {
            out.extend(words(key));
            words_in(value, out);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}
