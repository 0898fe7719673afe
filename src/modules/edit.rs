//! What the modules that edit a text file have in common: finding it, Python's regular expressions,
//! writing it back.
use super::write::{self, Wishes, resolve, text};
use super::{PlanError, copy};
use crate::change::Change;
use crate::facts::{Bytes, Observed};
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

/// A file that is edited: the path behind links, and its text if there is one.
pub(super) fn open(path: &str, seen: &Observed) -> Result<(String, Option<String>), PlanError> {
    if !path.starts_with('/') {
        return Err(PlanError::failed(format!("`path` must be absolute, not `{path}`")));
    }
    let path = resolve(path, seen)?;
    let text = text(&path, seen)?;
    Ok((path, text))
}

/// The changes that make `text` the file's content.
pub(super) fn save(
    path: &str,
    text: String,
    wishes: Wishes<'_>,
    seen: &Observed,
) -> Result<Vec<Change>, PlanError> {
    write::write(path, Bytes::from(text), wishes, seen)
}

/// A regular expression as Python reads it; what this library can't do is refused.
pub(super) fn regex(name: &str, pattern: &str, multi_line: bool) -> Result<Regex, PlanError> {
    let wrong = |message: String| PlanError::Params { path: name.to_owned(), message };
    // Python writes a named group like that too, and `\Z` for the end of the text.
    let pattern = pattern.replace("\\Z", "\\z");
    RegexBuilder::new(&pattern).multi_line(multi_line).build().map_err(|error| {
        let why = error.to_string();
        let why = why.lines().last().unwrap_or("").trim().to_owned();
        wrong(format!("not a regular expression that is supported: {why}"))
    })
}

/// A replacement as Python writes it (`\1`, `\g<name>`), for this library.
pub(super) fn replacement(python: &str) -> String {
    let mut out = String::new();
    let mut chars = python.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '$' => out.push_str("$$"),
            '\\' => match chars.next() {
                Some(digit) if digit.is_ascii_digit() => {
                    out.extend(["${", digit.encode_utf8(&mut [0; 4]), "}"]);
                }
                Some('g') if chars.peek() == Some(&'<') => {
                    chars.next();
                    let name: String = chars.by_ref().take_while(|c| *c != '>').collect();
                    out.extend(["${", &name, "}"]);
                }
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

/// What these modules return beside `changed`.
pub(super) fn result(message: &str, changes: &[Change]) -> Map<String, Value> {
    let mut out = copy::written("", changes);
    let backup = out.remove("backup_file").unwrap_or("".into());
    out.clear();
    let content = changes.iter().any(|change| matches!(change, Change::WriteFile { .. }));
    let attributes = changes.iter().any(|c| matches!(c, Change::SetAttributes { .. }));
    let message = match (content, attributes) {
        (true, _) => message,
        (false, true) => "ownership, perms or SE linux context changed",
        (false, false) => "",
    };
    out.insert("msg".into(), message.into());
    out.insert("backup".into(), backup);
    out
}

/// Lines with their ends.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_are_written_as_in_python() {
        assert_eq!(replacement(r"\1=yes $x"), "${1}=yes $$x");
        assert_eq!(replacement(r"\g<name>\n\\"), "${name}\n\\");
    }
}
