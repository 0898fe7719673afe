//! Filters that choose items, or apply a filter or test to each.
use crate::vars::call::{Call, Entry, entry};
use crate::vars::engine::unknown;
use crate::vars::native::{broken, entry as entry_of, undefined};
use crate::vars::session::Session;
use crate::vars::syntax::plain_name;
use crate::vars::{filters, tests};
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, ErrorKind};

pub(super) static ENTRIES: [Entry; 6] = [
    entry(
        "map",
        &["*"],
        "an attribute of each item, or a filter applied to each",
        "[{'a': 1}] | map(attribute='a')",
        map,
    ),
    entry("select", &["*"], "the items that pass a test", "[1, 2] | select('gt', 1)", |call| {
        choose(call, false, true)
    }),
    entry("reject", &["*"], "the items that fail a test", "[1, 2] | reject('gt', 1)", |call| {
        choose(call, false, false)
    }),
    entry(
        "selectattr",
        &["*"],
        "the items whose attribute passes a test",
        "[{'a': 1}] | selectattr('a', 'eq', 1)",
        |call| choose(call, true, true),
    ),
    entry(
        "rejectattr",
        &["*"],
        "the items whose attribute fails a test",
        "[{'a': 1}] | rejectattr('a', 'eq', 1)",
        |call| choose(call, true, false),
    ),
    entry(
        "groupby",
        &["attribute", "default"],
        "pairs of a value and the items whose attribute it is",
        "[{'a': 1}] | groupby('a')",
        groupby,
    ),
];

/// What a dotted path leads to inside a value, undefined where it leads nowhere.
pub(super) fn attribute(value: &Value, path: &Value) -> Result<Value, Error> {
    let Some(text) = path.as_str() else { return step(value, path) };
    text.split('.').try_fold(value.clone(), |value, name| match name.parse::<u64>() {
        Ok(index) if value.kind() != ValueKind::Map => step(&value, &Value::from(index)),
        _ => step(&value, &Value::from(name)),
    })
}

fn step(value: &Value, key: &Value) -> Result<Value, Error> {
    match entry_of(value, key) {
        Err(error) if error.kind() == ErrorKind::UndefinedError => Ok(Value::UNDEFINED),
        other => other,
    }
}

/// As [`attribute`]; what is missing is noted under its path.
fn noted(call: &Call, item: &Value, path: &Value) -> Result<Value, Error> {
    let value = attribute(item, path)?;
    if value.is_undefined() {
        Session::of(call.state)?.miss(path.to_string());
    }
    Ok(value)
}

fn map(call: &mut Call) -> Result<Value, Error> {
    let items = call.list()?;
    if let Some(path) = call.named.remove("attribute") {
        let default = call.named.remove("default");
        call.only(&[])?;
        let values = items.iter().map(|item| match &default {
            Some(default) => attribute(item, &path)
                .map(|it| if it.is_undefined() { default.clone() } else { it }),
            None => noted(call, item, &path),
        });
        return values.collect::<Result<Vec<_>, _>>().map(Value::from);
    }
    let Some((name, args)) = named_call(call, "filter")? else {
        return Err(call.error("needs the name of a filter, or `attribute`"));
    };
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        let args: Vec<Value> = std::iter::once(item).chain(args.iter().cloned()).collect();
        values.push(call.state.apply_filter(&name, &args)?);
    }
    Ok(Value::from(values))
}

/// The filter or test that the arguments name, and what it is given.
fn named_call(call: &mut Call, kind: &str) -> Result<Option<(String, Vec<Value>)>, Error> {
    if call.rest.is_empty() {
        call.only(&[])?;
        return Ok(None);
    }
    let given = call.rest.remove(0);
    let name = plain_name(given.as_str().ok_or_else(|| call.error("needs a name as text"))?);
    let table: Vec<_> = if kind == "filter" { filters().collect() } else { tests().collect() };
    if !table.iter().any(|entry| entry.name == name) {
        return Err(broken(unknown(kind, name, table.iter().map(|entry| entry.name))));
    }
    let mut args = std::mem::take(&mut call.rest);
    if !call.named.is_empty() {
        args.push(std::mem::take(&mut call.named).into_iter().collect::<Kwargs>().into());
    }
    Ok(Some((name.to_owned(), args)))
}

fn choose(call: &mut Call, by_attribute: bool, wanted: bool) -> Result<Value, Error> {
    let items = call.list()?;
    let path = if by_attribute {
        if call.rest.is_empty() {
            return Err(call.error("needs the name of an attribute"));
        }
        Some(call.rest.remove(0))
    } else {
        None
    };
    let test = named_call(call, "test")?;
    let mut chosen = Vec::new();
    for item in items {
        let value = match &path {
            Some(path) => noted(call, &item, path)?,
            None => item.clone(),
        };
        let passes = match &test {
            Some((name, args)) => {
                let args: Vec<Value> = std::iter::once(value).chain(args.iter().cloned()).collect();
                call.state.perform_test(name, &args)?
            }
            None if value.is_undefined() => return Err(undefined()),
            None => value.is_true(),
        };
        if passes == wanted {
            chosen.push(item);
        }
    }
    Ok(Value::from(chosen))
}

fn groupby(call: &mut Call) -> Result<Value, Error> {
    let path = call.need(0)?.clone();
    let mut keyed = Vec::new();
    for item in call.list()? {
        let mut key = match call.arg(1) {
            Some(_) => attribute(&item, &path)?,
            None => noted(call, &item, &path)?,
        };
        if key.is_undefined() {
            key = call.arg(1).cloned().ok_or_else(undefined)?;
        }
        keyed.push((key, item));
    }
    let keyed = super::lists::sort_by(call, keyed, &|(key, _)| key, false)?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for (key, item) in keyed {
        match groups.last_mut() {
            Some((last, items)) if *last == key => items.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let groups = groups.into_iter().map(|(key, items)| Value::from(vec![key, Value::from(items)]));
    Ok(Value::from(groups.collect::<Vec<_>>()))
}
