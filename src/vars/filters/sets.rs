//! Filters that take lists for sets. Order stays that of the first list.
use super::select::attribute;
use crate::vars::call::{Call, Entry, entry};
use crate::vars::native;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use std::collections::HashSet;

pub(super) static ENTRIES: [Entry; 5] = [
    entry(
        "unique",
        &["case_sensitive", "attribute"],
        "each item once, texts without regard to case",
        "[1, 1, 2] | unique",
        unique,
    ),
    entry(
        "union",
        &["other"],
        "the items of either list, each once",
        "[1, 2] | union([2, 3])",
        union,
    ),
    entry(
        "intersect",
        &["other"],
        "the items of both lists, each once",
        "[1, 2] | intersect([2, 3])",
        |call| common(call, true),
    ),
    entry(
        "difference",
        &["other"],
        "the items of the first list alone, each once",
        "[1, 2] | difference([2, 3])",
        |call| common(call, false),
    ),
    entry(
        "symmetric_difference",
        &["other"],
        "the items of one list alone, each once",
        "[1, 2] | symmetric_difference([2, 3])",
        symmetric,
    ),
];

/// Equal for equal values.
fn key(value: &Value, case: bool) -> Result<String, Error> {
    let value = match value.kind() {
        ValueKind::Bool => Value::from(i64::from(value.is_true())),
        ValueKind::Number if !value.is_integer() => {
            let number = f64::try_from(value.clone())?;
            i64::try_from(value.clone()).map_or(Value::from(number), Value::from)
        }
        _ => value.clone(),
    };
    let key = native::to_json(&value)?.to_string();
    Ok(if case { key } else { key.to_lowercase() })
}

fn once(items: Vec<Value>, case: bool, path: Option<&Value>) -> Result<Vec<Value>, Error> {
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for item in items {
        let fold = case || item.as_object().is_some() && path.is_none();
        let looked_at = path.map_or_else(|| Ok(item.clone()), |path| attribute(&item, path))?;
        if seen.insert(key(&looked_at, fold)?) {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn unique(call: &mut Call) -> Result<Value, Error> {
    let path = call.arg(1).filter(|path| !path.is_none());
    once(call.list()?, call.flag(0, false), path).map(Value::from)
}

fn union(call: &mut Call) -> Result<Value, Error> {
    let mut items = call.list()?;
    items.extend(call.list_of(call.need(0)?)?);
    once(items, true, None).map(Value::from)
}

/// The items of one list that are, or are not, in the other.
fn within(items: Vec<Value>, other: &[Value], wanted: bool) -> Result<Vec<Value>, Error> {
    let other = other.iter().map(|item| key(item, true)).collect::<Result<HashSet<_>, _>>()?;
    let mut kept = Vec::new();
    for item in items {
        if other.contains(&key(&item, true)?) == wanted {
            kept.push(item);
        }
    }
    once(kept, true, None)
}

fn common(call: &mut Call, wanted: bool) -> Result<Value, Error> {
    within(call.list()?, &call.list_of(call.need(0)?)?, wanted).map(Value::from)
}

fn symmetric(call: &mut Call) -> Result<Value, Error> {
    let (left, right) = (call.list()?, call.list_of(call.need(0)?)?);
    let mut items = within(left.clone(), &right, false)?;
    items.extend(within(right, &left, false)?);
    Ok(Value::from(items))
}
