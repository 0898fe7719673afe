//! The texts that must not be told, and their removal from whatever is. One set for a run, shared by
//! those who learn secrets (vault, templates, prompts) and the few places where something is told:
//! events, findings, logs.
use super::REDACTED;
use super::forms::{SHORT, forms};
use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// Texts that must not be told. Cheap to clone; clones share what they know.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    /// Every form of every secret.
    texts: BTreeSet<String>,
    /// Files that were encrypted: no line of them is shown.
    hidden: BTreeSet<PathBuf>,
    /// Made when first needed after a change.
    finder: Option<Arc<AhoCorasick>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Secrets {
    /// A text that must not be told from now on.
    pub fn keep(&self, secret: &str) {
        if secret.trim().is_empty() {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !known.texts.contains(secret) {
            known.texts.extend(forms(secret));
            known.finder = None;
        }
    }
    /// Every text inside a value; numbers too, but not what is true, false or nothing.
    pub fn keep_value(&self, value: &Value) {
        match value {
            Value::String(text) => self.keep(text),
            Value::Number(number) => self.keep(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.keep_value(item)),
            Value::Object(entries) => entries.values().for_each(|entry| self.keep_value(entry)),
            Value::Null | Value::Bool(_) => {}
        }
    }
    /// A file that was encrypted: findings don't show its lines.
    pub fn hide(&self, path: &Path) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).hidden.insert(path.to_owned());
    }
    /// Whether a file was encrypted.
    pub fn is_hidden(&self, path: &Path) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).hidden.contains(path)
    }
    /// Whether a text tells a secret.
    pub fn holds(&self, text: &str) -> bool {
        matches!(self.censor(text), Cow::Owned(_))
    }
    /// A text with every secret in it replaced.
    pub fn censor<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(finder) = self.finder() else { return text.into() };
        let mut out = String::new();
        let mut copied = 0;
        for found in finder.find_iter(text) {
            let (before, after) = (&text[..found.start()], &text[found.end()..]);
            let hit = &text[found.start()..found.end()];
            let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            let inside = word(before.chars().next_back()) || word(after.chars().next());
            if inside && hit.chars().count() < SHORT {
                continue;
            }
            out.push_str(&text[copied..found.start()]);
            out.push_str(REDACTED);
            copied = found.end();
        }
        if copied == 0 {
            return text.into();
        }
        out.push_str(&text[copied..]);
        out.into()
    }
    /// A value with every secret in its texts, numbers and keys replaced.
    #[must_use]
    pub fn censor_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.censor(&text).into_owned()),
            Value::Number(number) if self.holds(&number.to_string()) => REDACTED.into(),
            Value::Array(items) => {
                items.into_iter().map(|item| self.censor_value(item)).collect::<Vec<_>>().into()
            }
            Value::Object(entries) => Value::Object(self.censor_map(entries)),
            other => other,
        }
    }
    /// As [`Secrets::censor_value`].
    #[must_use]
    pub fn censor_map(&self, entries: Map<String, Value>) -> Map<String, Value> {
        if self.is_empty() {
            return entries;
        }
        let censored = |(key, value): (String, Value)| {
            (self.censor(&key).into_owned(), self.censor_value(value))
        };
        entries.into_iter().map(censored).collect()
    }
    /// Whether nothing is secret.
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).texts.is_empty()
    }

    fn finder(&self) -> Option<Arc<AhoCorasick>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.texts.is_empty() || known.finder.is_some() {
            return known.finder.clone();
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let builder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).to_owned();
        // It fails only for more than 2^31 states: gigabytes of secrets, when memory is the end of it.
        let finder = builder.build(&known.texts).expect("secrets fit in memory");
        known.finder = Some(Arc::new(finder));
        known.finder.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn secrets(texts: &[&str]) -> Secrets {
        let secrets = Secrets::default();
        texts.iter().for_each(|text| secrets.keep(text));
        secrets
    }

    #[test]
    fn a_secret_is_taken_out_wherever_it_stands() {
        let secrets = secrets(&["hunter2"]);
        assert_eq!(secrets.censor("xhunter2y hunter2"), "x‹secret›y ‹secret›");
        assert_eq!(secrets.censor("hunter1"), "hunter1");
        assert_eq!(format!("{secrets:?}"), REDACTED);
    }

    #[test]
    fn escaped_quoted_and_encoded_secrets_are_found() {
        let secret = "it's \"a\\b\" & ü/+";
        let secrets = secrets(&[secret]);
        let json = serde_json::to_string(&serde_json::json!({"a": secret})).unwrap();
        for told in [
            json.clone(),
            serde_json::to_string(&json).unwrap(),
            crate::shell::quote(secret),
            "it%27s%20%22a%5Cb%22%20%26%20%C3%BC%2F%2B".to_owned(),
        ] {
            assert!(secrets.holds(&told), "{told}");
        }
        for before in 0..4 {
            for after in 0..4 {
                let plain = format!("{}{secret}{}", "x".repeat(before), "y".repeat(after));
                let encoded = STANDARD.encode(plain);
                let told = secrets.censor(&encoded).into_owned();
                assert!(told.len() < 25, "{before} {after}: {told}");
            }
        }
    }

    #[test]
    fn lines_of_a_long_secret_are_secret_and_short_ones_only_as_words() {
        let secrets = secrets(&["{\nMIIEvQIBADANBg\n  kqhkiG9w0BAQ\n}\n", "abc"]);
        assert_eq!(secrets.censor("+  MIIEvQIBADANBg"), "+  ‹secret›");
        assert_eq!(secrets.censor("  kqhkiG9w0BAQ"), "  ‹secret›");
        assert_eq!(secrets.censor("} abcd abc"), "} abcd ‹secret›");
    }

    #[test]
    fn values_are_censored_in_keys_texts_and_numbers() {
        let secrets = secrets(&["hunter2"]);
        secrets.keep_value(&serde_json::json!({"pin": 48_151_623, "on": true, "none": null}));
        let told = serde_json::json!({"a hunter2": ["hunter2", 48_151_623, 4, true, null]});
        assert_eq!(
            secrets.censor_value(told),
            serde_json::json!({"a ‹secret›": ["‹secret›", "‹secret›", 4, true, null]})
        );
    }

    #[test]
    fn nothing_is_secret_before_something_is_and_empty_texts_never_are() {
        let secrets = secrets(&["", " \n"]);
        assert!(secrets.is_empty());
        assert_eq!(secrets.censor("a b"), "a b");
    }
}
