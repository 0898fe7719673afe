//! Local facts: what the `*.fact` files on a server say, as JSON or INI. Data like all that comes from
//! a server.
use super::{Parts, object};
use serde_json::{Map, Value, json};

pub(super) fn read(parts: &Parts<'_>) -> Map<String, Value> {
    let facts: Map<String, Value> =
        parts.0.iter().map(|(name, text)| ((*name).to_owned(), fact(text))).collect();
    object(json!({ "ansible_local": facts }))
}

/// A line `ran|file STATUS PATH`, then what it holds or said.
fn fact(text: &str) -> Value {
    let (head, body) = text.split_once('\n').unwrap_or((text, ""));
    let mut head = head.splitn(3, ' ').skip(1);
    let (status, path) = (head.next().unwrap_or_default(), head.next().unwrap_or_default());
    if status != "0" {
        let said = body.trim();
        return format!("Failure executing fact script ({path}), rc: {status}, err: {said}").into();
    }
    if let Ok(value) = serde_json::from_str(body) {
        return value;
    }
    ini(body).map_or_else(
        || format!("error loading facts as JSON or ini - please check content: {path}").into(),
        Value::Object,
    )
}

/// Sections of `name = value` or `name : value`; names in lower case, values as text.
fn ini(text: &str) -> Option<Map<String, Value>> {
    let mut sections = Map::new();
    let mut current: Option<String> = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.entry(name).or_insert_with(|| json!({}));
            current = Some(name.to_owned());
            continue;
        }
        let (name, value) = line.split_once(['=', ':'])?;
        let section = sections.get_mut(current.as_deref()?)?.as_object_mut()?;
        section.insert(name.trim().to_lowercase(), value.trim().into());
    }
    current.map(|_| sections)
}
