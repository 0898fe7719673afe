//! YAML as Ansible reads it, every node with its place. `parse` makes the nodes, `scalar` says what
//! plain text means.
mod parse;
mod scalar;
#[cfg(test)]
mod tests;

pub use parse::{parse, parse_one};

use super::Span;
use serde_json::Value;

/// A node of a document. Aliases and merge keys are already resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it was written.
    pub span: Span,
    /// An explicit tag, e.g. `!vault`.
    pub tag: Option<String>,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A single value; `plain` when it was written without quotes and not as a block.
    Scalar {
        /// The value, resolved by the rules of YAML 1.1 as PyYAML applies them.
        value: Scalar,
        /// The text as written (quotes removed, escapes resolved).
        text: String,
        /// Written without quotes and not as a block.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Pairs in the order written; keys are unique.
    Mapping(Vec<(Node, Node)>),
}

/// A resolved scalar.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `yes`, `on` …
    Bool(bool),
    /// Decimal, `0x`, `0o`-less octal (`0644`), binary, sexagesimal.
    Int(i64),
    /// With a point or exponent.
    Float(f64),
    /// Everything else.
    String(String),
}

impl Node {
    /// The pairs, if it is a mapping.
    pub fn mapping(&self) -> Option<&[(Node, Node)]> {
        match &self.kind {
            Kind::Mapping(pairs) => Some(pairs),
            _ => None,
        }
    }
    /// The items, if it is a list.
    pub fn sequence(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Sequence(items) => Some(items),
            _ => None,
        }
    }
    /// The text, if it resolved to a string.
    pub fn str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { value: Scalar::String(text), .. } => Some(text),
            _ => None,
        }
    }
    /// The text of any scalar as written.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
    /// The value under `key`, if it is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.mapping()?.iter().find(|(k, _)| k.text() == Some(key)).map(|(_, value)| value)
    }
    /// The value without its places. Keys become strings.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Scalar { value, .. } => match value {
                Scalar::Null => Value::Null,
                Scalar::Bool(b) => (*b).into(),
                Scalar::Int(i) => (*i).into(),
                Scalar::Float(f) => (*f).into(),
                Scalar::String(text) => text.clone().into(),
            },
            Kind::Sequence(items) => items.iter().map(Node::to_value).collect(),
            Kind::Mapping(pairs) => Value::Object(
                pairs
                    .iter()
                    .map(|(key, value)| (key.text().unwrap_or("").to_owned(), value.to_value()))
                    .collect(),
            ),
        }
    }
    /// The deepest node on a path of mapping keys and list indices.
    pub fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> &Node {
        let mut node = self;
        for step in path {
            let next = match &node.kind {
                Kind::Mapping(_) => node.get(step),
                Kind::Sequence(items) => step.parse().ok().and_then(|i: usize| items.get(i)),
                Kind::Scalar { .. } => None,
            };
            match next {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }
}
