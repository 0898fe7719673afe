//! Which facts a play gathers: those that templates and conditions may use, its own and those of the
//! plays behind it, since facts stay with a host. In doubt a fact is used: what is asked in vain costs
//! a line, what is missed would be wrong.
use super::PlayJob;
use super::keywords::{flag, text};
use super::names::Names;
use super::scope::Shared;
use crate::facts::{FACT_PATH, GATHER_TIMEOUT, Probe, Topic, chosen};
use crate::modules::MODULES;
use crate::playbook;
use crate::source::{Span, Spanned};
use crate::vars::{Engine, Scope, TemplateError};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The facts that anything in the project may use from these plays on.
pub fn used(plays: &[PlayJob], shared: &Shared) -> BTreeSet<Topic> {
    let names = Names::of(plays, shared);
    let mut found = BTreeSet::new();
    names.values().for_each(|value| walk(value, &mut found));
    for bytes in shared.files.values() {
        if let Ok(text) = std::str::from_utf8(bytes) {
            scan(text, &mut found);
        }
    }
    found
}

/// Whether anything in the project may ask for other hosts' variables.
pub(super) fn asks_for_others(plays: &[PlayJob], shared: &Shared) -> bool {
    fn inside(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains("hostvars"),
            Value::Array(items) => items.iter().any(inside),
            Value::Object(pairs) => pairs.values().any(inside),
            _ => false,
        }
    }
    let names = Names::of(plays, shared);
    let in_file =
        |bytes: &std::sync::Arc<[u8]>| String::from_utf8_lossy(bytes).contains("hostvars");
    names.values().any(inside) || shared.files.values().any(in_file)
}

/// What a play asks of a host before its first task.
///
/// # Errors
/// Keywords that can't be rendered or are no such thing.
pub fn gathered(
    play: &playbook::Play,
    used: &BTreeSet<Topic>,
    engine: &Engine,
    scope: &Scope,
) -> Result<Vec<Probe>, (TemplateError, Option<Span>)> {
    if !flag(play.gather_facts.as_ref(), true, engine, scope)? {
        return Ok(vec![]);
    }
    let mut words = vec![];
    for subset in &play.gather_subset {
        words.extend(text(Some(subset), engine, scope)?);
    }
    let words: Vec<&str> = words.iter().flat_map(|word| word.split(',')).map(str::trim).collect();
    let place = play.gather_subset.first().map(|subset| subset.span);
    let chosen = chosen(&words).map_err(|message| broken(message, place))?;
    let folder = text(play.fact_path.as_ref(), engine, scope)?;
    let timeout = match text(play.gather_timeout.as_ref(), engine, scope)? {
        None => GATHER_TIMEOUT,
        Some(written) => written.trim().parse().map_err(|_| {
            let place = play.gather_timeout.as_ref().map(|timeout| timeout.span);
            broken(format!("`{written}` is no number of seconds"), place)
        })?,
    };
    let folder = folder.as_deref().unwrap_or(FACT_PATH);
    Ok(used.intersection(&chosen).map(|topic| topic.probe(folder, timeout)).collect())
}

fn broken(message: String, place: Option<Span>) -> (TemplateError, Option<Span>) {
    (TemplateError::Broken { message, line: None }, place)
}

/// Whether a play may gather facts at all.
pub(super) fn gathers(play: &playbook::Play) -> bool {
    !matches!(&play.gather_facts, Some(Spanned { value: Value::Bool(false), .. }))
}

fn walk(value: &Value, found: &mut BTreeSet<Topic>) {
    match value {
        Value::String(text) => scan(text, found),
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        Value::Object(pairs) => pairs.values().for_each(|value| walk(value, found)),
        _ => {}
    }
}

/// A constant pattern.
fn pattern(text: &str) -> Regex {
    // The tests below use every one of them: they compile.
    Regex::new(text).expect("a constant pattern compiles")
}

static WORD: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bansible_(\w+)"));
static MEMBER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"^\s*(?:\.\s*(\w+)|\[\s*['"](\w+)['"]\s*\])"#));
static EXTRACT: LazyLock<Regex> = LazyLock::new(|| pattern(r#"['"]extract['"]\s*,\s*$"#));
static LITERAL: LazyLock<Regex> = LazyLock::new(|| pattern(r#"^\s*,\s*\[?\s*['"]"#));
static DYNAMIC: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"\bvars\s*\[\s*[^'"\s]|['"]vars['"]\s*,\s*[^'"\s]|varnames|\bvars\s*\|"#)
});

/// The facts that a text names, and all of them where it may name any.
fn scan(text: &str, found: &mut BTreeSet<Topic>) {
    for hit in WORD.captures_iter(text) {
        let behind = &text[hit.get(0).map_or(0, |whole| whole.end())..];
        match (&hit[1], member(behind)) {
            ("facts", Some(name)) => found.extend(topics(name)),
            ("facts", None) => found.extend(Topic::all()),
            (name, _) => found.extend(Topic::of(name)),
        }
    }
    for (at, name) in text.match_indices("hostvars") {
        if !names_one(&text[..at], &text[at + name.len()..]) {
            found.extend(Topic::all());
        }
    }
    if DYNAMIC.is_match(text) {
        found.extend(Topic::all());
    }
}

/// `.name` or `['name']` at the beginning of a text.
fn member(text: &str) -> Option<&str> {
    let hit = MEMBER.captures(text)?;
    hit.get(1).or_else(|| hit.get(2)).map(|name| name.as_str())
}

/// The topics of `ansible_facts.name`: all for a method, none for what a module of ours returns, and
/// for an unknown name that of interfaces, which have any name.
fn topics(name: &str) -> Vec<Topic> {
    let name = name.strip_prefix("ansible_").unwrap_or(name);
    let returned = MODULES.iter().any(|module| module.facts.contains(&name));
    match Topic::of(name) {
        Some(topic) => vec![topic],
        None if ["get", "items", "keys", "values"].contains(&name) => Topic::all().collect(),
        None if returned => vec![],
        None => vec![Topic::Network],
    }
}

/// Whether `hostvars` is followed by a host and the name of a variable, which is told by the name.
fn names_one(before: &str, behind: &str) -> bool {
    if EXTRACT.is_match(before) {
        return LITERAL.is_match(behind);
    }
    let Some(host) = behind.trim_start().strip_prefix('[') else { return false };
    let mut depth = 1_usize;
    let end = host.char_indices().find(|(_, c)| {
        depth = match c {
            '[' => depth + 1,
            ']' => depth - 1,
            _ => depth,
        };
        depth == 0
    });
    end.is_some_and(|(at, _)| member(&host[at + 1..]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(text: &str) -> Vec<Topic> {
        let mut found = BTreeSet::new();
        scan(text, &mut found);
        found.into_iter().collect()
    }

    #[test]
    fn a_text_uses_the_facts_that_it_names() {
        use Topic::{Distribution, Env, Hardware, Local, Network};
        for (text, expected) in [
            ("{{ ansible_distribution }} {{ ansible_memtotal_mb }}", vec![Distribution, Hardware]),
            ("{{ ansible_facts.os_family }}", vec![Distribution]),
            ("ansible_facts['default_ipv4'].address == x", vec![Network]),
            ("ansible_facts.eth0.mtu", vec![Network]),
            ("ansible_facts.mailcow.era", vec![]),
            ("ansible_local.prefs and ansible_env.HOME", vec![Env, Local]),
            ("{{ hostvars[groups['a'][0]]['ansible_eth0'].mtu }}", vec![Network]),
            ("{{ hostvars[h].ansible_host }}", vec![]),
            (
                "{{ groups.x | map('extract', hostvars, ['ansible_lsb', 'id']) }}",
                vec![Distribution],
            ),
            ("{{ lookup('vars', 'ansible_env') }}", vec![Env]),
            ("{{ ansible_host }}:{{ ansible_port }} {{ ansible_check_mode }}", vec![]),
        ] {
            assert_eq!(used(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_that_may_name_any_fact_uses_all() {
        for text in [
            "{{ ansible_facts | to_json }}",
            "ansible_facts[name]",
            "{{ ansible_facts.items() }}",
            "{{ hostvars }}",
            "{{ hostvars[h] }}",
            "{{ hostvars[h][name] }}",
            "{{ vars[name] }}",
            "{{ lookup('vars', name) }}",
            "{{ groups.x | map('extract', hostvars, name) }}",
            "{{ ansible_facts[",
            "hostvars[",
        ] {
            assert_eq!(used(text).len(), Topic::all().count(), "{text}");
        }
    }
}
