//! Reads YAML inside of texts, and writes it as Python's writer does by default, except that long lines are never folded, and that keys
//! are always written on one line.
//! Facts about scalars: the YAML 1.1 types, <https://yaml.org/type/>.
use super::native::float;
use crate::source::{Node, SourceMap, parse};
use regex::Regex;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::OnceLock;

/// How to lay YAML out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) indent: usize,
    /// Whether collections are written in brackets; `None`: those that hold no other collections.
    pub(super) flow: Option<bool>,
    pub(super) sort_keys: bool,
}

/// Every document of a text, as Ansible reads YAML.
pub(super) fn read_all(text: &str) -> Result<Vec<Value>, String> {
    let mut sources = SourceMap::default();
    let file = sources.add("text", text);
    let nodes = parse(&sources, file, &mut vec![]).map_err(|found| match found.span {
        Some(span) => format!("found no YAML: line {}: {}", span.start.line, found.message),
        None => format!("found no YAML: {}", found.message),
    })?;
    Ok(nodes.iter().map(Node::to_value).collect())
}

/// A document, with a newline at its end.
pub(super) fn dump(value: &Value, layout: Layout) -> String {
    let mut out = String::new();
    let mut writer = Writer { out: &mut out, layout };
    writer.node(value, 0, false);
    if !matches!(value, Value::Array(_) | Value::Object(_)) && !out.ends_with(['\'', '"']) {
        out.push_str("\n...");
    }
    out.push('\n');
    out
}

struct Writer<'a> {
    out: &'a mut String,
    layout: Layout,
}

impl Writer<'_> {
    /// A value at the current column; `indent` is that of the collection it starts.
    fn node(&mut self, value: &Value, indent: usize, in_mapping: bool) {
        match value {
            Value::Array(items) if !items.is_empty() && !self.is_flow(value) => {
                for (nth, item) in items.iter().enumerate() {
                    if nth > 0 {
                        self.line(indent);
                    }
                    self.out.push('-');
                    let inner = indent + self.layout.indent;
                    let width = if self.is_block(item) { self.layout.indent.max(2) - 1 } else { 1 };
                    self.spaces(width);
                    self.node(
                        item,
                        if self.is_block(item) { indent + width + 1 } else { inner },
                        false,
                    );
                }
            }
            Value::Object(entries) if !entries.is_empty() && !self.is_flow(value) => {
                for (nth, (key, entry)) in self.ordered(entries).into_iter().enumerate() {
                    if nth > 0 {
                        self.line(indent);
                    }
                    self.key(key, false);
                    self.out.push(':');
                    let inner = indent + self.layout.indent;
                    match entry {
                        // A list inside a mapping is not moved in.
                        Value::Array(_) if self.is_block(entry) => {
                            self.line(indent);
                            self.node(entry, indent, true);
                        }
                        _ if self.is_block(entry) => {
                            self.line(inner);
                            self.node(entry, inner, true);
                        }
                        _ => {
                            self.out.push(' ');
                            self.node(entry, inner, true);
                        }
                    }
                }
            }
            Value::Array(_) | Value::Object(_) => self.flow(value, indent.max(self.layout.indent)),
            // A scalar alone is moved in by as much as one inside a collection.
            scalar => self.scalar(
                scalar,
                if indent == 0 && !in_mapping { self.layout.indent } else { indent },
                false,
            ),
        }
    }

    fn ordered<'v>(
        &self,
        entries: &'v serde_json::Map<String, Value>,
    ) -> Vec<(&'v String, &'v Value)> {
        let mut entries: Vec<_> = entries.iter().collect();
        if self.layout.sort_keys {
            entries.sort_by_key(|(key, _)| *key);
        }
        entries
    }
    fn is_flow(&self, value: &Value) -> bool {
        let collection = |value: &Value| matches!(value, Value::Array(_) | Value::Object(_));
        match (self.layout.flow, value) {
            (Some(flow), _) => flow,
            (None, Value::Array(items)) => !items.iter().any(collection),
            (None, Value::Object(entries)) => !entries.values().any(collection),
            _ => false,
        }
    }
    fn is_block(&self, value: &Value) -> bool {
        let filled = match value {
            Value::Array(items) => !items.is_empty(),
            Value::Object(entries) => !entries.is_empty(),
            _ => false,
        };
        filled && !self.is_flow(value)
    }
    fn line(&mut self, indent: usize) {
        self.out.push('\n');
        self.spaces(indent);
    }
    fn spaces(&mut self, count: usize) {
        self.out.extend(std::iter::repeat_n(' ', count));
    }
    fn flow(&mut self, value: &Value, indent: usize) {
        let inner = indent + self.layout.indent;
        match value {
            Value::Array(items) => {
                self.out.push('[');
                for (nth, item) in items.iter().enumerate() {
                    self.out.push_str(if nth > 0 { ", " } else { "" });
                    self.flow(item, inner);
                }
                self.out.push(']');
            }
            Value::Object(entries) => {
                self.out.push('{');
                for (nth, (key, entry)) in self.ordered(entries).into_iter().enumerate() {
                    self.out.push_str(if nth > 0 { ", " } else { "" });
                    self.key(key, true);
                    self.out.push_str(": ");
                    self.flow(entry, inner);
                }
                self.out.push('}');
            }
            scalar => self.scalar(scalar, indent, true),
        }
    }
    fn scalar(&mut self, value: &Value, indent: usize, flow: bool) {
        match value {
            Value::String(text) => self.text(text, indent, flow),
            Value::Number(number) if number.is_f64() => {
                let text = float(number.as_f64().unwrap_or_default());
                self.out.push_str(&if text.contains('.') {
                    text
                } else {
                    text.replace('e', ".0e")
                });
            }
            other => {
                let _ = write!(self.out, "{other}");
            }
        }
    }
    /// A key stays on one line, where Python's writer would mark it with `?`.
    fn key(&mut self, text: &str, flow: bool) {
        if text.contains('\n') { escaped(self.out, text) } else { self.text(text, 0, flow) }
    }
    fn text(&mut self, text: &str, indent: usize, flow: bool) {
        if needs_escapes(text) {
            escaped(self.out, text);
        } else if is_plain(text, flow) {
            self.out.push_str(text);
        } else {
            self.out.push('\'');
            let mut rest = text;
            while let Some(at) = rest.find('\n') {
                let breaks = rest[at..].len() - rest[at..].trim_start_matches('\n').len();
                self.out.push_str(&rest[..at].replace('\'', "''"));
                self.out.extend(std::iter::repeat_n('\n', breaks + 1));
                self.spaces(indent);
                rest = &rest[at + breaks..];
            }
            self.out.push_str(&rest.replace('\'', "''"));
            self.out.push('\'');
        }
    }
}

/// What only double quotes can hold.
fn needs_escapes(text: &str) -> bool {
    let special = |c: char| {
        c != '\n' && (c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}'))
    };
    text.chars().any(special) || text.contains(" \n") || text.contains("\n ")
}

fn escaped(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{85}' => out.push_str("\\N"),
            '\0' => out.push_str("\\0"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            _ if c.is_control() => {
                let _ = write!(out, "\\x{:02X}", u32::from(c));
            }
            '\u{feff}' => out.push_str("\\uFEFF"),
            _ => out.push(c),
        }
    }
    out.push('"');
}

fn is_plain(text: &str, flow: bool) -> bool {
    let blank_end =
        text.is_empty() || text.starts_with(' ') || text.ends_with(' ') || text.contains('\n');
    if blank_end
        || text.starts_with("---")
        || text.starts_with("...")
        || other_type().is_match(text)
    {
        return false;
    }
    let chars: Vec<char> = text.chars().collect();
    let ends = |at: usize| chars.get(at + 1).is_none_or(|c| *c == ' ');
    chars.iter().enumerate().all(|(at, c)| match c {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`'
            if at == 0 =>
        {
            false
        }
        '?' | ':' if at == 0 => !flow && !ends(at),
        '-' if at == 0 => !ends(at),
        ',' | '?' | '[' | ']' | '{' | '}' => !flow,
        ':' => !flow && !ends(at),
        '#' => chars[at - 1] != ' ',
        _ => true,
    })
}

/// Texts that a reader would take for something else.
fn other_type() -> &'static Regex {
    static OTHER: OnceLock<Regex> = OnceLock::new();
    OTHER.get_or_init(|| {
        let pattern = r"^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF|~|null|Null|NULL|=|<<
            |[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+
            |[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?
            |[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)
            |[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[\ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}.*)$";
        // The pattern is a constant that the tests compile.
        Regex::new(&format!("(?x){pattern}")).expect("the pattern is valid")
    })
}
