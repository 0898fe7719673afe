//! Filters that write values as JSON or YAML, and read them.
use crate::vars::call::{Call, Entry, entry};
use crate::vars::native::{float, from_json};
use crate::vars::yaml_text::{self, Layout};
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use serde_json::Value as Json;
use std::fmt::Write as _;

pub(super) static ENTRIES: [Entry; 6] = [
    entry(
        "to_json",
        &["indent", "sort_keys", "ensure_ascii"],
        "JSON on one line",
        "{'a': 1} | to_json",
        |call| json(call, None, false),
    )
    .also(&["tojson"]),
    entry(
        "to_nice_json",
        &["indent", "sort_keys", "ensure_ascii"],
        "JSON on lines of its own",
        "{'a': 1} | to_nice_json",
        |call| json(call, Some(4), true),
    ),
    entry("from_json", &[], "the value that JSON holds", "'[1]' | from_json", |call| {
        let parsed: Result<Json, _> = serde_json::from_str(&call.text()?);
        parsed
            .map(|json| from_json(&json))
            .map_err(|error| call.error(format!("found no JSON: {error}")))
    }),
    entry(
        "to_yaml",
        &["indent", "sort_keys", "default_flow_style", "width"],
        "YAML, inner collections in brackets",
        "{'a': [1]} | to_yaml",
        |call| yaml(call, 2, None),
    ),
    entry(
        "to_nice_yaml",
        &["indent", "sort_keys", "default_flow_style", "width"],
        "YAML on lines of its own",
        "{'a': [1]} | to_nice_yaml",
        |call| yaml(call, 4, Some(false)),
    ),
    entry("from_yaml", &[], "the value that YAML holds", "'a: 1' | from_yaml", |call| {
        let mut all = yaml_text::read_all(&call.text()?).map_err(|why| call.error(why))?;
        match all.len() {
            0 => Ok(Value::from(())),
            1 => Ok(from_json(&all.remove(0))),
            _ => Err(call.error("found more than one document; use `from_yaml_all`")),
        }
    }),
];

fn json(call: &mut Call, indent: Option<usize>, sort: bool) -> Result<Value, Error> {
    let indent = if call.arg(0).is_some_and(|indent| !indent.is_none()) {
        Some(call.size_arg(0, 4)?)
    } else {
        indent
    };
    let mut writer = JsonWriter {
        out: String::new(),
        indent,
        sort: call.flag(1, sort),
        ascii: call.flag(2, true),
    };
    writer.node(&call.json()?, 0);
    Ok(Value::from(writer.out))
}

/// Writes JSON as Python does: a space after separators, everything but ASCII escaped.
struct JsonWriter {
    out: String,
    indent: Option<usize>,
    sort: bool,
    ascii: bool,
}

impl JsonWriter {
    fn node(&mut self, value: &Json, depth: usize) {
        match value {
            Json::Null => self.out.push_str("null"),
            Json::Bool(is) => self.out.push_str(if *is { "true" } else { "false" }),
            Json::Number(number) if number.is_f64() => {
                self.out.push_str(&float(number.as_f64().unwrap_or_default()));
            }
            Json::Number(number) => self.out.push_str(&number.to_string()),
            Json::String(text) => self.text(text),
            Json::Array(items) => {
                self.out.push('[');
                for (nth, item) in items.iter().enumerate() {
                    self.between(nth, depth + 1);
                    self.node(item, depth + 1);
                }
                self.end(items.is_empty(), depth);
                self.out.push(']');
            }
            Json::Object(entries) => {
                self.out.push('{');
                let mut entries: Vec<_> = entries.iter().collect();
                if self.sort {
                    entries.sort_by_key(|(key, _)| *key);
                }
                for (nth, (key, entry)) in entries.iter().enumerate() {
                    self.between(nth, depth + 1);
                    self.text(key);
                    self.out.push_str(": ");
                    self.node(entry, depth + 1);
                }
                self.end(entries.is_empty(), depth);
                self.out.push('}');
            }
        }
    }
    fn between(&mut self, nth: usize, depth: usize) {
        let comma = if nth == 0 { "" } else { "," };
        self.out.push_str(comma);
        match self.indent {
            Some(indent) => self.line(indent * depth),
            None if nth > 0 => self.out.push(' '),
            None => {}
        }
    }
    fn end(&mut self, empty: bool, depth: usize) {
        if let Some(indent) = self.indent.filter(|_| !empty) {
            self.line(indent * depth);
        }
    }
    fn line(&mut self, width: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', width));
    }
    fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.out.extend(['\\', c]),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                _ if c < ' ' || (self.ascii && !c.is_ascii()) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.out, "\\u{unit:04x}");
                    }
                }
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

fn yaml(call: &mut Call, indent: usize, flow: Option<bool>) -> Result<Value, Error> {
    let flow = match call.arg(2) {
        Some(flow) if flow.kind() == ValueKind::None => None,
        Some(flow) => Some(flow.is_true()),
        None => flow,
    };
    let indent = call.size_arg(0, indent)?.clamp(2, 9);
    let layout = Layout { indent, flow, sort_keys: call.flag(1, true) };
    Ok(Value::from(yaml_text::dump(&call.json()?, layout)))
}
