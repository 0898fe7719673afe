//! What values of keywords look like, and what a value is when it is taken for one of them. A value
//! that holds a template is believed: it is checked when it is rendered.
use crate::source::{Diagnostic, Kind, Node, Scalar, Spanned};
use serde_json::Value;

/// What a keyword's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// True or false.
    Flag,
    /// A number.
    Number,
    /// Text.
    Text,
    /// Text, or a list of texts.
    Texts,
    /// An expression, true or false, or a list of them.
    Conditions,
    /// A mapping.
    Mapping,
    /// A mapping, or a list of them.
    Mappings,
    /// A mapping of variables.
    Variables,
    /// A list of tasks or roles.
    Items,
    /// A value, or a list of values.
    List,
    /// Whatever.
    Any,
}

impl Shape {
    /// What is expected, for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Flag => "`true` or `false`",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Texts => "text or a list of texts",
            Self::Conditions => "an expression, or a list of expressions",
            Self::Mapping => "a mapping",
            Self::Mappings => "a mapping of names and values",
            Self::Variables => "a mapping of variables",
            Self::Items => "a list",
            Self::List => "a value or a list of values",
            Self::Any => "a value",
        }
    }

    /// What is wrong with a value of the keyword `name`, if something is.
    pub(super) fn misfit(self, name: &str, node: &Node) -> Option<Diagnostic> {
        let culprit = match (self, &node.kind) {
            (Self::Texts | Self::Conditions | Self::Mappings, Kind::Sequence(items)) => {
                items.iter().find(|item| !self.takes_one(item))
            }
            (Self::Items, Kind::Sequence(_)) => None,
            (Self::List, Kind::Sequence(items)) => items.iter().find(|item| is_null(item)),
            // Nothing at all is an empty list, and no variables.
            (Self::Items | Self::Variables, _) if is_null(node) => None,
            _ => (!self.takes_one(node)).then_some(node),
        }?;
        let message = format!("`{name}` must be {}", self.text());
        let finding = Diagnostic::error(culprit.span, message).label(kind(culprit));
        Some(match self.hint() {
            Some(hint) => finding.help(hint),
            None => finding,
        })
    }

    /// How what is expected is written, where the words alone may not tell.
    const fn hint(self) -> Option<&'static str> {
        match self {
            Self::Items => Some("write each item on a line of its own, after `- `"),
            Self::Mapping | Self::Mappings | Self::Variables => {
                Some("write `name: value` on lines of their own, further in")
            }
            Self::Conditions => Some("write an expression without braces, e.g. `x is defined`"),
            _ => None,
        }
    }

    fn takes_one(self, node: &Node) -> bool {
        let scalar = match &node.kind {
            Kind::Scalar { value, .. } => value,
            Kind::Mapping(_) => {
                return matches!(
                    self,
                    Self::Mapping | Self::Mappings | Self::Variables | Self::List | Self::Any
                );
            }
            Kind::Sequence(_) => return self == Self::Any,
        };
        let text = node.text().unwrap_or_default();
        if is_template(text) && !matches!(self, Self::Items | Self::Variables) {
            return true;
        }
        match self {
            Self::Flag => flag(scalar).is_some(),
            Self::Number => {
                matches!(scalar, Scalar::Int(_) | Scalar::Float(_))
                    || text.trim_end_matches('%').parse::<f64>().is_ok()
            }
            Self::Text | Self::Texts | Self::List => !text.is_empty() && *scalar != Scalar::Null,
            Self::Conditions => match scalar {
                Scalar::Bool(_) => true,
                Scalar::String(text) => !text.trim().is_empty(),
                _ => false,
            },
            Self::Any => true,
            Self::Mapping | Self::Mappings | Self::Variables | Self::Items => false,
        }
    }
}

/// What Ansible takes for true and false where a flag is expected.
fn flag(scalar: &Scalar) -> Option<bool> {
    match scalar {
        Scalar::Bool(value) => Some(*value),
        Scalar::Int(1) => Some(true),
        Scalar::Int(0) => Some(false),
        Scalar::String(text) => word(text),
        _ => None,
    }
}

/// Ansible's words for true and false.
pub(super) fn word(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "on" | "y" | "t" | "1" => Some(true),
        "no" | "false" | "off" | "n" | "f" | "0" => Some(false),
        _ => None,
    }
}

/// What a node is, for people.
pub(super) const fn kind(node: &Node) -> &'static str {
    match &node.kind {
        Kind::Sequence(_) => "this is a list",
        Kind::Mapping(_) => "this is a mapping",
        Kind::Scalar { value, .. } => match value {
            Scalar::Null => "nothing is given",
            Scalar::Bool(_) => "this is true or false",
            Scalar::Int(_) | Scalar::Float(_) => "this is a number",
            Scalar::String(text) if text.is_empty() => "this is empty",
            Scalar::String(_) => "this is text",
        },
    }
}

/// Whether nothing is given.
pub(super) const fn is_null(node: &Node) -> bool {
    matches!(&node.kind, Kind::Scalar { value: Scalar::Null, .. })
}

/// Whether text holds a template.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Whether a template is anywhere inside.
pub(super) fn holds_template(node: &Node) -> bool {
    match &node.kind {
        Kind::Scalar { text, .. } => is_template(text),
        Kind::Sequence(items) => items.iter().any(holds_template),
        Kind::Mapping(pairs) => {
            pairs.iter().any(|(key, value)| holds_template(key) || holds_template(value))
        }
    }
}

/// A literal `true` or `false`; `None` for anything else.
pub(super) fn literal_flag(node: &Node) -> Option<bool> {
    match &node.kind {
        Kind::Scalar { value, .. } => flag(value),
        _ => None,
    }
}

/// Whether a word can name a variable.
pub(super) fn is_name(word: &str) -> bool {
    const RESERVED: &[&str] = &[
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class",
        "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global",
        "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return",
        "try", "while", "with", "yield",
    ];
    let first = word.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&word)
}

/// A value with its place.
pub(super) fn value(node: &Node) -> Spanned<Value> {
    Spanned::new(node.to_value(), node.span)
}

/// A list's items, or the one value that there is.
pub(super) fn values(node: &Node) -> Vec<Spanned<Value>> {
    each(node).map(value).collect()
}

/// A list's texts, or the one text that there is.
pub(super) fn texts(node: &Node) -> Vec<Spanned<String>> {
    each(node).map(text).collect()
}

/// A scalar's text.
pub(super) fn text(node: &Node) -> Spanned<String> {
    Spanned::new(node.text().unwrap_or_default().to_owned(), node.span)
}

fn each(node: &Node) -> impl Iterator<Item = &Node> {
    let items = node.sequence();
    items.unwrap_or_else(|| std::slice::from_ref(node)).iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables_are_what_python_calls_identifiers() {
        for good in ["a", "_a1", "Result"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "1a", "a-b", "a b", "{{ x }}", "class", "ä"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
