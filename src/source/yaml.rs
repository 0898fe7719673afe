//! YAML as Ansible reads it, every node with its place. Never guesses: what Ansible's reader would
//! refuse is refused, with its line and column.
mod compose;
mod protected;
mod resolve;
#[cfg(test)]
mod tests;

pub use protected::{TEXT, VAULT, inert, sealed_in};

use super::{Diagnostic, FileId, Position, SourceMap, Span, Spanned, Vars};
use serde_json::Value;
use std::borrow::Cow;

/// Files larger than this are refused (bytes).
const LARGEST: usize = 8 << 20;
/// How deep values may be nested.
const DEPTH: usize = 128;

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
        /// The value, resolved by the rules of YAML 1.1 as `PyYAML` applies them.
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

/// Every document of a file. What is odd but meant something (a key given twice) is told in `warnings`.
///
/// # Errors
/// Broken YAML, unknown tags, too deep (128), too large (8 MiB), aliases that expand to too much.
pub fn parse(
    sources: &SourceMap,
    file: FileId,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Vec<Node>, Diagnostic> {
    let text = sources.text(file).strip_prefix('\u{feff}').unwrap_or(sources.text(file));
    let at = |line: usize, column: usize| {
        let from_one = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        let start = Position { line: from_one(line), column: from_one(column) };
        Span { file, start, end: Position { column: start.column + 1, ..start } }
    };
    if text.len() > LARGEST {
        return Err(Diagnostic::error(at(0, 0), "larger than 8 MiB"));
    }
    for (line, content) in text.split('\n').enumerate() {
        if let Some((column, found)) = content.chars().enumerate().find(|(_, c)| !allowed(*c)) {
            let message = format!("character U+{:04X} can't be written in YAML", u32::from(found));
            return Err(Diagnostic::error(at(line, column), message)
                .help("write it as an escape in double quotes, e.g. \"\\e\" or \"\\x07\""));
        }
    }
    // The reader needs a line break at the end; what ends without one gets it, and loses it again.
    let unended = !text.is_empty() && !text.ends_with(['\n', '\r']);
    let text = if unended { Cow::Owned(format!("{text}\n")) } else { Cow::Borrowed(text) };
    let documents = compose::Composer::new(file, &text, unended, warnings).documents()?;
    if sources.is_hidden(file) {
        let secrets = sources.vault().secrets();
        documents.iter().for_each(|document| secrets.keep_value(&document.to_value()));
    }
    Ok(documents)
}

/// The only document of a file; `None` when the file says nothing.
///
/// # Errors
/// As [`parse`], and for a second document.
pub fn parse_one(
    sources: &SourceMap,
    file: FileId,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Option<Node>, Diagnostic> {
    let mut documents = parse(sources, file, warnings)?.into_iter();
    let first = documents.next();
    match documents.next() {
        Some(second) => Err(Diagnostic::error(second.span, "a second document begins here")
            .help("one file holds one document: remove the `---` between them")),
        None => Ok(first.filter(|node| {
            !matches!(&node.kind, Kind::Scalar { value: Scalar::Null, text, .. } if text.is_empty())
        })),
    }
}

/// Whether YAML lets a character stand unescaped.
fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fefe}'
        | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
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
    /// The variables that a mapping sets, each with its place; nothing at all sets none.
    ///
    /// # Errors
    /// Not a mapping.
    pub fn vars(&self) -> Result<Vars, Diagnostic> {
        if let Kind::Scalar { value: Scalar::Null, .. } = self.kind {
            return Ok(vec![]);
        }
        let Some(pairs) = self.mapping() else {
            return Err(Diagnostic::error(self.span, "expected a mapping of variables"));
        };
        let spanned = |(key, value): &(Node, Node)| {
            let name = key.text().unwrap_or_default().to_owned();
            (Spanned::new(name, key.span), Spanned::new(value.to_value(), value.span))
        };
        Ok(pairs.iter().map(spanned).collect())
    }
    /// The value without its places. Keys become strings. What is `!vault` or `!unsafe` becomes a
    /// template that yields it, so that it is opened when it is used, and never evaluated.
    pub fn to_value(&self) -> Value {
        self.value(false)
    }
    fn value(&self, inert: bool) -> Value {
        let inert = inert || self.tag.as_deref() == Some("!unsafe");
        match &self.kind {
            Kind::Scalar { text, .. } if self.tag.as_deref() == Some("!vault") => {
                protected::sealed(text).into()
            }
            Kind::Scalar { value, text, .. } => match value {
                Scalar::Null => Value::Null,
                Scalar::Bool(b) => (*b).into(),
                Scalar::Int(i) => (*i).into(),
                Scalar::Float(f) if f.is_finite() => (*f).into(),
                // JSON has neither infinity nor NaN: they stay as written.
                Scalar::Float(_) => text.clone().into(),
                Scalar::String(text) if inert => protected::inert(text).into(),
                Scalar::String(text) => text.clone().into(),
            },
            Kind::Sequence(items) => items.iter().map(|item| item.value(inert)).collect(),
            Kind::Mapping(pairs) => Value::Object(
                pairs
                    .iter()
                    .map(|(key, value)| (key.text().unwrap_or("").to_owned(), value.value(inert)))
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
