//! Templates that can't be compiled, and names that they read and nothing defines: told before any host is
//! contacted.
use super::names::{Names, Read};
use crate::facts::Topic;
use crate::playbook::could_be;
use crate::source::{Diagnostic, Position, SourceMap, Span, nearest};
use crate::vars::{Engine, TemplateError};
use regex::Regex;
use std::collections::BTreeSet;

/// What is wrong with the templates of a project, each by itself and taken together.
pub(super) fn undefined(
    names: &Names<'_>,
    engine: &Engine,
    sources: &SourceMap,
) -> Vec<Diagnostic> {
    let mut found = vec![];
    // Names that nothing defines, where they are read.
    let mut unknown: Vec<(String, &Read<'_>)> = vec![];
    for read in &names.reads {
        let Some(span) = read.span else { continue };
        let checked = match read.expression() {
            Some(_) => engine.check_condition(&read.value),
            None => engine.check(&read.value),
        };
        if let Err(error) = checked {
            let whole = names.files.contains(&span.file);
            let place = if whole { line(sources, span, &error) } else { span };
            found.push(Diagnostic::error(place, error.to_string()));
            continue;
        }
        let strange = read.names(engine).into_iter().filter(|name| !is_known(names, name));
        unknown.extend(strange.map(|name| (name, read)));
    }
    // Who asks for a name anywhere may mean it everywhere.
    let strange: BTreeSet<&str> = unknown.iter().map(|(name, _)| name.as_str()).collect();
    let guarded: BTreeSet<&str> =
        strange.into_iter().filter(|name| is_guarded(name, &unknown)).collect();
    let facts = Topic::all().flat_map(Topic::facts).map(|fact| format!("ansible_{fact}"));
    let facts: Vec<String> = if names.gathered { facts.collect() } else { vec![] };
    let candidates: BTreeSet<&str> =
        names.defined.iter().copied().chain(facts.iter().map(String::as_str)).collect();
    for (name, read) in unknown.iter().filter(|(name, _)| !guarded.contains(name.as_str())) {
        let Some(span) = read.span.map(|span| locate(sources, span, name)) else { continue };
        let finding = Diagnostic::error(span, format!("`{name}` is not defined"))
            .label("nothing defines this variable")
            .help(advice(name, &candidates));
        if !found.contains(&finding) {
            found.push(finding);
        }
    }
    found
}

fn is_known(names: &Names<'_>, name: &str) -> bool {
    names.defined.contains(name)
        || names.gathered && fact(name).is_some()
        || names.patterns.iter().any(|pattern| could_be(pattern, name))
}

fn fact(name: &str) -> Option<Topic> {
    name.strip_prefix("ansible_").and_then(Topic::of)
}

fn advice(name: &str, candidates: &BTreeSet<&str>) -> String {
    match nearest(name, candidates.iter().copied()) {
        _ if fact(name).is_some() => {
            "this is a fact, and no play gathers facts: remove `gather_facts: false`, or use the module \
             `setup`"
                .to_owned()
        }
        _ if name.starts_with("ansible_python") => {
            "nothing of ours runs Python on a server: there is no such fact".to_owned()
        }
        Some(near) => format!("did you mean `{near}`?"),
        None => "define it, or say what holds without it: `| default(…)`, `is defined`".to_owned(),
    }
}

/// Whether any of the texts that read `name` asks first if it is there.
fn is_guarded(asked: &str, reads: &[(String, &Read<'_>)]) -> bool {
    let name = regex::escape(asked);
    let guard =
        format!(r"\b{name}\b[\w.\[\]'\x22]*\s*(\|\s*(default|d)\b|is\s+(not\s+)?(un)?defined\b)");
    // The pattern is made of an escaped name: it always compiles.
    let guard = Regex::new(&guard);
    let mut reads = reads.iter().filter(|(name, _)| name == asked);
    guard.is_ok_and(|guard| reads.any(|(_, read)| guard.is_match(&read.value.to_string())))
}

/// The line of a file that an error names, without the blanks around it; or else the word that it names.
fn line(sources: &SourceMap, span: Span, error: &TemplateError) -> Span {
    let TemplateError::Broken { line: Some(line), .. } = error else {
        let message = error.to_string();
        return message.split('`').nth(1).map_or(span, |word| locate(sources, span, word));
    };
    let text = sources.line(span.file, *line);
    let column = |chars: usize| u32::try_from(chars + 1).unwrap_or(u32::MAX);
    let before = text.chars().take_while(|c| c.is_whitespace()).count();
    let at = |column| Position { line: *line, column };
    let end = column(text.trim_end().chars().count());
    Span { file: span.file, start: at(column(before).min(end)), end: at(end) }
}

/// Where `name` stands inside a span.
fn locate(sources: &SourceMap, span: Span, name: &str) -> Span {
    let word = Regex::new(&format!(r"\b{}\b", regex::escape(name))).ok();
    let lines = sources.text(span.file).lines().enumerate();
    for (index, line) in lines {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        if number < span.start.line || number > span.end.line {
            continue;
        }
        let from = if number == span.start.line { span.start.column as usize - 1 } else { 0 };
        let offset = line.char_indices().nth(from).map_or(line.len(), |(at, _)| at);
        if let Some(hit) = word.as_ref().and_then(|word| word.find_at(line, offset)) {
            let column =
                |at: usize| u32::try_from(line[..at].chars().count() + 1).unwrap_or(u32::MAX);
            let at = |column| Position { line: number, column };
            return Span {
                file: span.file,
                start: at(column(hit.start())),
                end: at(column(hit.end())),
            };
        }
    }
    span
}
