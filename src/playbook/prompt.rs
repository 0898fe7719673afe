//! `vars_prompt`: which variables a play asks for, and how. Nothing is asked here.
use super::keywords::suggest;
use super::load::Reader;
use super::shape::{kind, literal_flag, text};
use crate::source::{Diagnostic, Node, Spanned};
use serde_json::Value;

/// A variable that somebody is asked for.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The variable.
    pub name: Spanned<String>,
    /// The question.
    pub text: String,
    /// What holds when nothing is typed.
    pub default: Option<Value>,
    /// What is typed is not shown.
    pub private: bool,
    /// It is asked for twice.
    pub confirm: bool,
    /// The scheme by which its hash takes its place.
    pub encrypt: Option<Spanned<String>>,
    /// For that hash.
    pub salt: Option<String>,
    /// Its value is never a template, wherever it is from.
    pub is_unsafe: bool,
}

const KEYS: [&str; 9] =
    ["name", "prompt", "default", "private", "confirm", "encrypt", "salt", "salt_size", "unsafe"];

impl Reader<'_> {
    /// The entries of `vars_prompt`.
    pub(super) fn prompts(&mut self, node: &Node) -> Vec<Prompt> {
        node.sequence().unwrap_or_default().iter().filter_map(|entry| self.prompt(entry)).collect()
    }

    fn prompt(&mut self, node: &Node) -> Option<Prompt> {
        let Some(pairs) = node.mapping() else {
            let finding = Diagnostic::error(node.span, "expected a variable to ask for");
            self.found(finding.label(kind(node)).help("write `- {name: …, prompt: …}`"));
            return None;
        };
        for (key, value) in pairs {
            let word = key.text().unwrap_or_default();
            if !KEYS.contains(&word) {
                let message = format!("`{word}` is not a part of `vars_prompt`");
                self.found(suggest(Diagnostic::error(key.span, message), word, KEYS));
            } else if ["private", "confirm", "unsafe"].contains(&word)
                && literal_flag(value).is_none()
            {
                self.error(value.span, format!("`{word}` must be `true` or `false`"));
            } else if word == "salt_size" {
                let finding = Diagnostic::error(key.span, "`salt_size` is not supported");
                self.found(finding.help("give the `salt`, or leave it to chance"));
            }
        }
        let Some(name) = node.get("name").map(text) else {
            self.error(node.span, "`name` is missing");
            return None;
        };
        self.name(&name, "a variable");
        let flag = |name: &str, default| node.get(name).and_then(literal_flag).unwrap_or(default);
        let words = |name: &str| node.get(name).map(text);
        Some(Prompt {
            text: words("prompt").map_or_else(|| name.value.clone(), |text| text.value),
            default: node.get("default").map(Node::to_value).filter(|value| !value.is_null()),
            private: flag("private", true),
            confirm: flag("confirm", false),
            encrypt: words("encrypt"),
            salt: words("salt").map(|salt| salt.value),
            is_unsafe: flag("unsafe", false),
            name,
        })
    }
}
