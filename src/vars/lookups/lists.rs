//! Lookups that put lists together.
use super::{Options, is_list, items_of, opened};
use crate::vars::filters::{self, combinations};
use crate::vars::native::{self, broken, entry};
use crate::vars::session::Session;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use regex::Regex;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// Lists, each given by itself or all of them as one list of lists.
fn columns(terms: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    match terms {
        [] => Err(broken("the lookup needs at least one list")),
        [one] if is_list(one) && items_of(one)?.iter().all(is_list) => {
            items_of(one)?.iter().map(items_of).collect()
        }
        _ => terms.iter().map(items_of).collect(),
    }
}

pub(super) fn nested(_: &Arc<Session>, terms: &[Value], _: &Options) -> Result<Vec<Value>, Error> {
    Ok(combinations(&columns(terms)?)?.into_iter().map(Value::from).collect())
}

pub(super) fn together(
    _: &Arc<Session>,
    terms: &[Value],
    _: &Options,
) -> Result<Vec<Value>, Error> {
    let columns = columns(terms)?;
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |column: &Vec<Value>, nth: usize| {
        column.get(nth).cloned().unwrap_or_else(|| Value::from(()))
    };
    Ok((0..longest)
        .map(|nth| Value::from(columns.iter().map(|column| cell(column, nth)).collect::<Vec<_>>()))
        .collect())
}

pub(super) fn dict(_: &Arc<Session>, terms: &[Value], _: &Options) -> Result<Vec<Value>, Error> {
    let mut items = Vec::new();
    for term in opened(terms, 1)? {
        if term.kind() != ValueKind::Map {
            return Err(broken(format!(
                "lookup `dict` needs a mapping, not {}",
                native::type_name(&term)
            )));
        }
        for key in term.try_iter()?.checked() {
            let key = key?;
            let value = entry(&term, &key)?;
            items.push(Value::from_pairs([("key", key), ("value", value)]));
        }
    }
    Ok(items)
}

/// `START-END/STRIDE:FORMAT`, of which the end alone must be there.
static SHORT: LazyLock<Regex> = LazyLock::new(|| {
    let number = "(?:0x[0-9a-fA-F]+|[0-9]+)";
    let short = format!(
        "^(?:(?P<start>{number})-)?(?P<end>{number})(?:/(?P<stride>{number}))?(?::(?P<format>.+))?$"
    );
    // The cases of expressions use it: it compiles.
    Regex::new(&short).expect("a constant pattern compiles")
});

pub(super) fn sequence(
    _: &Arc<Session>,
    terms: &[Value],
    options: &Options,
) -> Result<Vec<Value>, Error> {
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in options {
        given.insert(name.clone(), native::text(value)?);
    }
    for term in opened(terms, 1)? {
        let text = native::text(&term)?;
        if let Some(short) = SHORT.captures(text.trim()) {
            for name in ["start", "end", "stride", "format"] {
                let part = short.name(name).map(|part| part.as_str().to_owned());
                given.extend(part.map(|part| (name.to_owned(), part)));
            }
            continue;
        }
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some((name, value)) => given.insert(name.to_owned(), value.to_owned()),
                None => given.insert("end".to_owned(), word.to_owned()),
            };
        }
    }
    let number = |name: &str| -> Result<Option<i64>, Error> {
        // ansible-core 2.19 takes no hexadecimal ones any more.
        let read = given.get(name).map(|text| text.parse());
        read.transpose()
            .map_err(|_| broken(format!("lookup `sequence` needs a whole number as `{name}`")))
    };
    if let Some(other) = given
        .keys()
        .find(|name| !["start", "end", "count", "stride", "format"].contains(&name.as_str()))
    {
        return Err(broken(format!("lookup `sequence` has no option `{other}`")));
    }
    let (start, stride) = (number("start")?.unwrap_or(1), number("stride")?);
    let (end, stride) = match (number("end")?, number("count")?) {
        (Some(end), None) => (end, stride.unwrap_or(1)),
        (None, Some(0)) => return Ok(Vec::new()),
        (None, Some(count)) => {
            let stride = stride.unwrap_or(1);
            (count.saturating_sub(1).saturating_mul(stride).saturating_add(start), stride)
        }
        _ => return Err(broken("lookup `sequence` needs either `end` or `count`")),
    };
    if stride == 0 || (stride > 0) != (end >= start) && end != start {
        return Err(broken("lookup `sequence` never gets from its start to its end"));
    }
    let steps = end.abs_diff(start) / stride.unsigned_abs();
    if steps >= 100_000 {
        return Err(broken("lookup `sequence` comes to over 100000 numbers"));
    }
    let format = given.get("format").map_or("%d", String::as_str);
    crate::vars::functions::bounded_format(format)?;
    let numbers = (0..=steps).map(|step| start + stride * i64::try_from(step).unwrap_or(0));
    let style = minijinja::formatting::FormatStyle::Printf;
    numbers
        .map(|number| {
            minijinja::formatting::format(style, format, &[Value::from(number)]).map(Value::from)
        })
        .collect()
}

pub(super) fn subelements(
    _: &Arc<Session>,
    terms: &[Value],
    options: &Options,
) -> Result<Vec<Value>, Error> {
    let (list, path, flags) = match terms {
        [one] if is_list(one) => match items_of(one)?.as_slice() {
            [list, path] => (list.clone(), path.clone(), None),
            [list, path, flags] => (list.clone(), path.clone(), Some(flags.clone())),
            _ => return Err(broken("lookup `subelements` needs a list and a path")),
        },
        [list, path] => (list.clone(), path.clone(), None),
        [list, path, flags] => (list.clone(), path.clone(), Some(flags.clone())),
        _ => return Err(broken("lookup `subelements` needs a list and a path")),
    };
    let flag = flags.map(|flags| entry(&flags, &Value::from("skip_missing"))).transpose()?;
    let skip =
        flag.or_else(|| options.get("skip_missing").cloned()).is_some_and(|skip| skip.is_true());
    let path = native::to_json(&path)?;
    let pairs = filters::subelements(native::to_json(&list)?, &path, skip);
    let mut pairs = pairs.map_err(|why| broken(format!("lookup `subelements` {why}")))?;
    // The list that was taken apart is in no pair.
    let place = format!("/{}", path.as_str().unwrap_or_default().replace('.', "/"));
    let (above, last) = place.rsplit_once('/').unwrap_or(("", ""));
    for item in &mut pairs {
        if let Some(Json::Object(entries)) = item.get_mut(0).and_then(|it| it.pointer_mut(above)) {
            entries.remove(last);
        }
    }
    Ok(pairs.iter().map(native::from_json).collect())
}
