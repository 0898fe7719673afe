//! What the modules that edit a text file have in common: finding it, Python's regular expressions,
//! writing it back.
use super::PlanError;
use super::write::{self, Wishes, resolve, text};
use crate::change::{Attributes, Change};
use crate::facts::{Bytes, Observed, Stat};
use serde_json::Value;

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

/// A regular expression as Python reads it.
#[derive(Debug)]
pub(super) struct Pattern {
    name: &'static str,
    regex: fancy_regex::Regex,
}

impl Pattern {
    /// `name`: the parameter that it was written in; `flags`: as in `(?flags)`, may be empty.
    pub(super) fn new(name: &'static str, pattern: &str, flags: &str) -> Result<Self, PlanError> {
        // Python has `\Z` for the end of the text and `(?P=name)` for a group of before.
        let pattern = pattern.replace("\\Z", "\\z");
        let pattern = if flags.is_empty() { pattern } else { format!("(?{flags}){pattern}") };
        match fancy_regex::Regex::new(&pattern) {
            Ok(regex) => Ok(Self { name, regex }),
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or("").trim().to_owned();
                Err(Self::wrong(name, format!("not a regular expression that is supported: {why}")))
            }
        }
    }
    fn wrong(name: &str, message: String) -> PlanError {
        PlanError::Params { path: name.to_owned(), message }
    }
    fn costly(&self) -> PlanError {
        Self::wrong(self.name, "takes too long to match here: write it simpler".into())
    }
    /// The names of its groups.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.regex.capture_names().flatten()
    }
    pub(super) fn is_match(&self, text: &str) -> Result<bool, PlanError> {
        self.regex.is_match(text).map_err(|_| self.costly())
    }
    pub(super) fn captures<'t>(
        &self,
        text: &'t str,
    ) -> Result<Option<fancy_regex::Captures<'t, str>>, PlanError> {
        self.regex.captures(text).map_err(|_| self.costly())
    }
    /// The text with every match replaced, and how many there were.
    pub(super) fn replace(&self, text: &str, with: &str) -> Result<(String, usize), PlanError> {
        let (mut out, mut count, mut at) = (String::new(), 0, 0);
        for captures in self.regex.captures_iter(text) {
            let captures = captures.map_err(|_| self.costly())?;
            let Some(hit) = captures.get(0) else { continue };
            out.push_str(&text[at..hit.start()]);
            captures.expand(with, &mut out);
            at = hit.end();
            count += 1;
        }
        out.push_str(&text[at..]);
        Ok((out, count))
    }
    /// Which lines match, their ends left out.
    pub(super) fn lines(&self, all: &[String]) -> Result<Vec<bool>, PlanError> {
        all.iter().map(|line| self.is_match(body(line))).collect()
    }
}

/// A line without its end.
pub(super) fn body(line: &str) -> &str {
    line.trim_end_matches(['\n', '\r'])
}

/// The first or the last that is so.
pub(super) fn position(hits: &[bool], first: bool) -> Option<usize> {
    let mut hits = hits.iter();
    if first { hits.position(|hit| *hit) } else { hits.rposition(|hit| *hit) }
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

/// What these modules say of what they did.
pub(super) fn message(message: &str, changes: &[Change], before: Option<&Stat>) -> String {
    const ATTRIBUTES: &str = "ownership, perms or SE linux context changed";
    let mut said = vec![];
    for change in changes {
        match change {
            Change::WriteFile { attributes, .. } => {
                said.push(message);
                // What a new file is given is no change of what was there.
                let given = Attributes::default() != *attributes;
                said.extend((given && before.is_some()).then_some(ATTRIBUTES));
            }
            Change::SetAttributes { .. } => said.push(ATTRIBUTES),
            _ => {}
        }
    }
    said.join(" and ")
}

/// What these modules return of a file that is not there.
pub(super) fn missing(message: String) -> PlanError {
    let result = [("rc".to_owned(), Value::from(257))].into_iter().collect();
    PlanError::Failed { message, result }
}

/// Lines with their ends.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_pythons() {
        let (text, count) =
            Pattern::new("r", r"(\w)(?!\w)", "m").unwrap().replace("ab cd", "<$1>").unwrap();
        assert_eq!((text.as_str(), count), ("a<b> c<d>", 2));
        assert!(Pattern::new("r", r"(a)\1\Z", "").unwrap().is_match("aa").unwrap());
        let costly = Pattern::new("regexp", r"(?=a)(x+x+)+y\b(?<=y)", "").unwrap();
        assert!(costly.is_match("b").is_ok());
        let error = Pattern::new("regexp", "(a", "").unwrap_err().to_string();
        assert!(error.starts_with("regexp: not a regular expression"), "{error}");
    }

    #[test]
    fn replacements_are_written_as_in_python() {
        assert_eq!(replacement(r"\1=yes $x"), "${1}=yes $$x");
        assert_eq!(replacement(r"\g<name>\n\\"), "${name}\n\\");
    }
}
