//! Filters on mappings.
use super::lists;
use crate::vars::call::{Call, Entry, entry};
use crate::vars::native::{self, from_json};
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use serde_json::{Map, Value as Json};

pub(super) static ENTRIES: [Entry; 6] = [
    entry(
        "combine",
        &["*"],
        "mappings as one, the later winning (`recursive`, `list_merge`)",
        "{'a': 1} | combine({'b': 2})",
        combine,
    ),
    entry(
        "dict2items",
        &["key_name", "value_name"],
        "the entries as a list of keys and values",
        "{'a': 1} | dict2items",
        to_items,
    ),
    entry(
        "items2dict",
        &["key_name", "value_name"],
        "a mapping from a list of keys and values",
        "[{'key': 'a', 'value': 1}] | items2dict",
        from_items,
    ),
    entry("items", &[], "pairs of key and value", "{'a': 1} | items", items),
    entry(
        "dictsort",
        &["case_sensitive", "by", "reverse"],
        "pairs of key and value in order",
        "{'b': 1, 'a': 2} | dictsort",
        dictsort,
    ),
    entry(
        "subelements",
        &["subelements", "skip_missing"],
        "pairs of each item and each item of a list inside it",
        "[{'a': [1, 2]}] | subelements('a')",
        |call| {
            let path = call.need(0)?.clone();
            subelements(call.json()?, &native::to_json(&path)?, call.flag(1, false))
                .map(from_list)
                .map_err(|why| call.error(why))
        },
    ),
];

fn from_list(items: Vec<Json>) -> Value {
    from_json(&Json::Array(items))
}

#[derive(Clone, Copy)]
enum Lists {
    Replace,
    Keep,
    Append,
    Prepend,
    AppendOnce,
    PrependOnce,
}

fn combine(call: &mut Call) -> Result<Value, Error> {
    call.only(&["recursive", "list_merge"])?;
    let recursive = call.named.get("recursive").is_some_and(Value::is_true);
    let lists = match call.named.get("list_merge").map(native::text).transpose()?.as_deref() {
        None | Some("replace") => Lists::Replace,
        Some("keep") => Lists::Keep,
        Some("append") => Lists::Append,
        Some("prepend") => Lists::Prepend,
        Some("append_rp") => Lists::AppendOnce,
        Some("prepend_rp") => Lists::PrependOnce,
        Some(_) => return Err(call.error(
            "merges lists by `replace`, `keep`, `append`, `prepend`, `append_rp` or `prepend_rp`",
        )),
    };
    let mut whole = Map::new();
    for given in std::iter::once(&call.value).chain(&call.rest) {
        let parts =
            if given.kind() == ValueKind::Map { vec![given.clone()] } else { call.list_of(given)? };
        for part in parts {
            let Json::Object(part) = native::to_json(&part)? else {
                return Err(call.error(format!("needs mappings, not {}", native::type_name(&part))));
            };
            merge(&mut whole, part, recursive, lists);
        }
    }
    Ok(from_json(&Json::Object(whole)))
}

fn merge(whole: &mut Map<String, Json>, part: Map<String, Json>, recursive: bool, lists: Lists) {
    for (key, new) in part {
        match (whole.get_mut(&key), new) {
            (Some(Json::Object(old)), Json::Object(new)) if recursive => {
                merge(old, new, recursive, lists);
            }
            (Some(Json::Array(old)), Json::Array(new)) => {
                *old = merge_lists(std::mem::take(old), new, lists);
            }
            (_, new) => {
                whole.insert(key, new);
            }
        }
    }
}

fn merge_lists(old: Vec<Json>, new: Vec<Json>, lists: Lists) -> Vec<Json> {
    let without = |list: Vec<Json>, other: &[Json]| {
        list.into_iter().filter(|item| !other.contains(item)).collect()
    };
    let (first, second) = match lists {
        Lists::Replace => (Vec::new(), new),
        Lists::Keep => (old, Vec::new()),
        Lists::Append => (old, new),
        Lists::Prepend => (new, old),
        Lists::AppendOnce => (without(old, &new), new),
        Lists::PrependOnce => {
            let old: Vec<Json> = without(old, &new);
            (new, old)
        }
    };
    first.into_iter().chain(second).collect()
}

fn names(call: &Call) -> Result<(String, String), Error> {
    let key = call.text_arg(0)?.unwrap_or_else(|| "key".to_owned());
    Ok((key, call.text_arg(1)?.unwrap_or_else(|| "value".to_owned())))
}

fn to_items(call: &mut Call) -> Result<Value, Error> {
    let (key_name, value_name) = names(call)?;
    let entries = call.entries_of(&call.value)?.into_iter();
    let items = entries.map(|(key, value)| {
        Value::from_pairs([(key_name.as_str(), key), (value_name.as_str(), value)])
    });
    Ok(Value::from(items.collect::<Vec<_>>()))
}

fn from_items(call: &mut Call) -> Result<Value, Error> {
    let (key_name, value_name) = names(call)?;
    let mut entries = Map::new();
    for item in call.list()? {
        let Json::Object(mut item) = native::to_json(&item)? else {
            return Err(call.error("needs a list of mappings"));
        };
        let (Some(key), Some(value)) = (item.remove(&key_name), item.remove(&value_name)) else {
            return Err(call.error(format!("needs `{key_name}` and `{value_name}` in every item")));
        };
        entries.insert(native::text(&from_json(&key))?, value);
    }
    Ok(from_json(&Json::Object(entries)))
}

fn pairs(entries: Vec<(Value, Value)>) -> Value {
    Value::from(
        entries.into_iter().map(|(key, value)| Value::from(vec![key, value])).collect::<Vec<_>>(),
    )
}

fn items(call: &mut Call) -> Result<Value, Error> {
    call.entries_of(&call.value).map(pairs)
}

fn dictsort(call: &mut Call) -> Result<Value, Error> {
    let by_value = match call.text_arg(1)?.as_deref() {
        None | Some("key") => false,
        Some("value") => true,
        Some(_) => return Err(call.error("sorts by `key` or `value`")),
    };
    let entries = call.entries_of(&call.value)?;
    let mut entries = if by_value {
        lists::sort_by(call, entries, &|(_, value)| value, call.flag(0, false))?
    } else {
        lists::sort_by(call, entries, &|(key, _)| key, call.flag(0, false))?
    };
    if call.flag(2, false) {
        entries.reverse();
    }
    Ok(pairs(entries))
}

/// Pairs of each item and each item of the list that a path leads to inside it.
pub(in crate::vars) fn subelements(
    items: Json,
    path: &Json,
    skip_missing: bool,
) -> Result<Vec<Json>, String> {
    let items = match items {
        Json::Array(items) => items,
        Json::Object(entries) => entries.into_iter().map(|(_, value)| value).collect(),
        _ => return Err("needs a list or mapping".to_owned()),
    };
    let path: Vec<&str> = match path {
        Json::String(text) => text.split('.').collect(),
        Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
        _ => return Err("needs a path as text or list".to_owned()),
    };
    let mut pairs = Vec::new();
    for item in items {
        let found = path.iter().try_fold(&item, |value, name| value.get(name));
        match found {
            Some(Json::Array(inner)) => {
                pairs.extend(
                    inner.iter().map(|inner| Json::Array(vec![item.clone(), inner.clone()])),
                );
            }
            None if skip_missing => {}
            None => return Err(format!("found no `{}` in an item", path.join("."))),
            Some(_) => return Err(format!("needs a list in `{}`", path.join("."))),
        }
    }
    Ok(pairs)
}
