//! Filters on lists: ends, order, shape.
use super::select::attribute;
use crate::vars::call::{Call, Entry, entry};
use crate::vars::native::{self, broken, undefined};
use crate::vars::session::Session;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use std::cmp::Ordering;

pub(super) static ENTRIES: [Entry; 17] = [
    entry("list", &[], "a list of the items, keys or characters", "'ab' | list", |call| {
        call.list().map(Value::from)
    }),
    entry("length", &[], "how many items, entries or characters", "[1, 2] | length", length)
        .also(&["count"]),
    entry("first", &[], "the first item", "[1, 2] | first", |call| end(call, false)),
    entry("last", &[], "the last item", "[1, 2] | last", |call| end(call, true)),
    entry("min", &["attribute", "case_sensitive"], "the least item", "[2, 1] | min", |call| {
        extreme(call, false)
    }),
    entry("max", &["attribute", "case_sensitive"], "the greatest item", "[2, 1] | max", |call| {
        extreme(call, true)
    }),
    entry("sum", &["attribute", "start"], "the items added up", "[1, 2] | sum", sum),
    entry(
        "sort",
        &["reverse", "case_sensitive", "attribute"],
        "the items in order",
        "[2, 1] | sort",
        sort,
    ),
    entry("reverse", &[], "the items, or the text, backwards", "[1, 2] | reverse", reverse),
    entry(
        "batch",
        &["linecount", "fill_with"],
        "lists of so many items",
        "[1, 2, 3] | batch(2)",
        batch,
    ),
    entry(
        "slice",
        &["slices", "fill_with"],
        "so many lists of items",
        "[1, 2, 3] | slice(2)",
        slice,
    ),
    entry(
        "flatten",
        &["levels", "skip_nulls"],
        "lists inside the list opened",
        "[1, [2, [3]]] | flatten",
        flatten,
    ),
    entry(
        "zip",
        &["*"],
        "the items of several lists side by side",
        "[1, 2] | zip(['a', 'b'])",
        zip,
    ),
    entry(
        "zip_longest",
        &["*"],
        "as `zip`, up to the end of the longest",
        "[1, 2] | zip_longest(['a'], fillvalue='-')",
        zip_longest,
    ),
    entry(
        "product",
        &["*"],
        "every combination of the items of several lists",
        "[1, 2] | product(['a'])",
        product,
    ),
    entry(
        "extract",
        &["container", "morekeys"],
        "what is in the container under this key",
        "1 | extract(['a', 'b'])",
        extract,
    ),
    entry("join", &["d", "attribute"], "the items as one text", "[1, 2] | join(', ')", join),
];

/// Items that combinations may have, at most.
const MOST: usize = 100_000;

fn length(call: &mut Call) -> Result<Value, Error> {
    let length = match call.value.as_str() {
        Some(text) => Some(text.chars().count()),
        None => call.value.len(),
    };
    match length {
        Some(length) => Ok(Value::from(length)),
        None => Ok(Value::from(call.list()?.len())),
    }
}

fn end(call: &mut Call, last: bool) -> Result<Value, Error> {
    let items = call.list()?;
    let item = if last { items.last() } else { items.first() };
    if item.is_none() {
        Session::of(call.state)?.miss(if last {
            "the last item of an empty list"
        } else {
            "the first item of an empty list"
        });
    }
    Ok(item.cloned().unwrap_or_default())
}

/// As Python compares, texts without regard to case unless told otherwise; unlike things are an error.
fn compare(a: &Value, b: &Value, case: bool) -> Result<Ordering, Error> {
    let number = |value: &Value| matches!(value.kind(), ValueKind::Number | ValueKind::Bool);
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        return Ok(if case { a.cmp(b) } else { a.to_lowercase().cmp(&b.to_lowercase()) });
    }
    if number(a) && number(b) {
        let plain = |value: &Value| {
            if value.kind() == ValueKind::Bool {
                Value::from(i64::from(value.is_true()))
            } else {
                value.clone()
            }
        };
        return Ok(plain(a).cmp(&plain(b)));
    }
    if a.kind() == ValueKind::Seq && b.kind() == ValueKind::Seq {
        for (a, b) in a.try_iter()?.zip(b.try_iter()?) {
            match compare(&a, &b, case)? {
                Ordering::Equal => {}
                other => return Ok(other),
            }
        }
        return Ok(a.len().cmp(&b.len()));
    }
    if a.is_undefined() || b.is_undefined() {
        return Err(undefined());
    }
    Err(broken(format!(
        "{} and {} cannot be put in order",
        native::type_name(a),
        native::type_name(b)
    )))
}

/// Sorts stably; an error where two keys cannot be compared.
pub(super) fn sort_by<T>(
    call: &Call,
    items: Vec<T>,
    key: &impl Fn(&T) -> &Value,
    case: bool,
) -> Result<Vec<T>, Error> {
    call.state.consume_fuel(items.len() as u64)?;
    let mut left = items;
    if left.len() < 2 {
        return Ok(left);
    }
    // By hand, since the standard library's sorting takes no comparison that can fail.
    let right = left.split_off(left.len() / 2);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let mut left = sort_by(call, left, key, case)?.into_iter().peekable();
    let mut right = sort_by(call, right, key, case)?.into_iter().peekable();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let later = compare(key(a), key(b), case)? == Ordering::Greater;
        merged.extend(if later { right.next() } else { left.next() });
    }
    merged.extend(left.chain(right));
    Ok(merged)
}

fn keyed(call: &Call, path: Option<&Value>) -> Result<Vec<(Vec<Value>, Value)>, Error> {
    let paths: Vec<Value> = match path.filter(|path| !path.is_none()) {
        Some(path) => match path.as_str() {
            Some(text) => text.split(',').map(Value::from).collect(),
            None => vec![path.clone()],
        },
        None => Vec::new(),
    };
    let key = |item: &Value| -> Result<Vec<Value>, Error> {
        if paths.is_empty() {
            return Ok(vec![item.clone()]);
        }
        let keys = paths.iter().map(|path| {
            let value = attribute(item, path)?;
            if value.is_undefined() {
                Session::of(call.state)?.miss(path.to_string());
                return Err(undefined());
            }
            Ok(value)
        });
        keys.collect()
    };
    call.list()?.into_iter().map(|item| Ok((key(&item)?, item))).collect()
}

fn sorted(call: &Call, path: Option<&Value>, case: bool) -> Result<Vec<Value>, Error> {
    let items = keyed(call, path)?.into_iter().map(|(key, item)| {
        let key = if key.len() == 1 { key[0].clone() } else { Value::from(key) };
        (key, item)
    });
    let items = sort_by(call, items.collect(), &|(key, _)| key, case)?;
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

fn sort(call: &mut Call) -> Result<Value, Error> {
    let mut items = sorted(call, call.arg(2), call.flag(1, false))?;
    if call.flag(0, false) {
        items.reverse();
    }
    Ok(Value::from(items))
}

fn extreme(call: &mut Call, greatest: bool) -> Result<Value, Error> {
    let items = sorted(call, call.arg(0), call.flag(1, false))?;
    let item = if greatest { items.last() } else { items.first() };
    item.cloned().ok_or_else(|| call.error("needs at least one item"))
}

fn sum(call: &mut Call) -> Result<Value, Error> {
    let mut total = call.arg(1).cloned().unwrap_or_else(|| Value::from(0));
    for (mut keys, _) in keyed(call, call.arg(0))? {
        let item = keys.pop().unwrap_or_default();
        total = match (total.kind(), item.kind()) {
            (ValueKind::Number, ValueKind::Number | ValueKind::Bool) => add(call, &total, &item)?,
            (ValueKind::Seq, ValueKind::Seq) => {
                let mut all = call.list_of(&total)?;
                all.extend(call.list_of(&item)?);
                Value::from(all)
            }
            _ => return Err(call.error(format!("cannot add {}", native::type_name(&item)))),
        };
    }
    Ok(total)
}

fn add(call: &Call, a: &Value, b: &Value) -> Result<Value, Error> {
    let whole = |value: &Value| match value.kind() {
        ValueKind::Bool => Some(i64::from(value.is_true())),
        _ if value.is_integer() => value.as_i64(),
        _ => None,
    };
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a
            .checked_add(b)
            .map(Value::from)
            .ok_or_else(|| call.error("comes to too large a number")),
        _ => Ok(Value::from(f64::try_from(a.clone())? + f64::try_from(b.clone())?)),
    }
}

fn reverse(call: &mut Call) -> Result<Value, Error> {
    let mut items = call.list()?;
    items.reverse();
    if call.value.kind() == ValueKind::String {
        return Ok(Value::from(items.iter().map(ToString::to_string).collect::<String>()));
    }
    Ok(Value::from(items))
}

fn batch(call: &mut Call) -> Result<Value, Error> {
    let size = call.size_arg(0, 0)?;
    if size == 0 {
        return Err(call.error("needs a size of at least 1"));
    }
    let mut lines: Vec<Vec<Value>> = call.list()?.chunks(size).map(<[Value]>::to_vec).collect();
    if let (Some(fill), Some(last)) = (call.arg(1).filter(|fill| !fill.is_none()), lines.last_mut())
    {
        last.resize(size, fill.clone());
    }
    Ok(Value::from(lines))
}

fn slice(call: &mut Call) -> Result<Value, Error> {
    let count = call.size_arg(0, 0)?;
    if count == 0 {
        return Err(call.error("needs at least 1 slice"));
    }
    let items = call.list()?;
    let (each, more) = (items.len() / count, items.len() % count);
    let mut rest = items.as_slice();
    let mut slices = Vec::with_capacity(count);
    for nth in 0..count {
        let (part, others) = rest.split_at(each + usize::from(nth < more));
        rest = others;
        let mut part = part.to_vec();
        if let Some(fill) = call.arg(1).filter(|fill| !fill.is_none() && more > 0 && nth >= more) {
            part.push(fill.clone());
        }
        slices.push(part);
    }
    Ok(Value::from(slices))
}

fn flatten(call: &mut Call) -> Result<Value, Error> {
    let levels = call.int_arg(0)?.unwrap_or(100).clamp(0, 100);
    let skip = call.flag(1, true);
    let mut flat = Vec::new();
    open(call, call.list()?, levels, skip, &mut flat)?;
    Ok(Value::from(flat))
}

fn open(
    call: &Call,
    items: Vec<Value>,
    levels: i64,
    skip: bool,
    flat: &mut Vec<Value>,
) -> Result<(), Error> {
    for item in items {
        match item.kind() {
            ValueKind::Seq | ValueKind::Iterable if levels > 0 => {
                open(call, call.list_of(&item)?, levels - 1, skip, flat)?;
            }
            ValueKind::None if skip => {}
            _ => flat.push(item),
        }
    }
    Ok(())
}

/// The value and the other arguments as lists.
fn columns(call: &Call) -> Result<Vec<Vec<Value>>, Error> {
    std::iter::once(&call.value).chain(&call.rest).map(|list| call.list_of(list)).collect()
}

fn zip(call: &mut Call) -> Result<Value, Error> {
    call.only(&[])?;
    let columns = columns(call)?;
    let shortest = columns.iter().map(Vec::len).min().unwrap_or(0);
    let rows = (0..shortest)
        .map(|nth| columns.iter().map(|column| column[nth].clone()).collect::<Vec<_>>());
    Ok(Value::from(rows.collect::<Vec<_>>()))
}

fn zip_longest(call: &mut Call) -> Result<Value, Error> {
    call.only(&["fillvalue"])?;
    let fill = call.named.get("fillvalue").cloned().unwrap_or_else(|| Value::from(()));
    let columns = columns(call)?;
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let item = |list: &Vec<Value>, nth: usize| list.get(nth).unwrap_or(&fill).clone();
    let rows =
        (0..longest).map(|nth| columns.iter().map(|list| item(list, nth)).collect::<Vec<_>>());
    Ok(Value::from(rows.collect::<Vec<_>>()))
}

fn product(call: &mut Call) -> Result<Value, Error> {
    call.only(&["repeat"])?;
    let repeat = call.named.get("repeat").and_then(Value::as_usize).unwrap_or(1).min(100);
    let columns = columns(call)?;
    let columns: Vec<_> = std::iter::repeat_n(&columns, repeat).flatten().cloned().collect();
    combinations(&columns).map(Value::from)
}

/// Every combination of one item of each list, the last list turning fastest.
pub(in crate::vars) fn combinations(columns: &[Vec<Value>]) -> Result<Vec<Vec<Value>>, Error> {
    let count = columns.iter().try_fold(1_usize, |count, column| count.checked_mul(column.len()));
    if count.is_none_or(|count| count > MOST) {
        return Err(broken(format!("there are over {MOST} combinations")));
    }
    let extend = |rows: Vec<Vec<Value>>, column: &Vec<Value>| {
        let longer =
            |row: &Vec<Value>, item: &Value| row.iter().chain([item]).cloned().collect::<Vec<_>>();
        rows.iter()
            .flat_map(|row| column.iter().map(|item| longer(row, item)).collect::<Vec<_>>())
            .collect()
    };
    Ok(columns.iter().fold(vec![Vec::new()], extend))
}

fn extract(call: &mut Call) -> Result<Value, Error> {
    let more = match call.arg(1).filter(|more| !more.is_none()) {
        Some(keys) if keys.kind() == ValueKind::Seq => call.list_of(keys)?,
        Some(key) => vec![key.clone()],
        None => Vec::new(),
    };
    let mut found = call.need(0)?.clone();
    for key in std::iter::once(&call.value).chain(&more) {
        let path = if key.as_str().is_some_and(|key| key.contains('.')) {
            found.get_item(key)?
        } else {
            attribute(&found, key)?
        };
        found = path;
        if found.is_undefined() {
            Session::of(call.state)?.miss(key.to_string());
            break;
        }
    }
    Ok(found)
}

fn join(call: &mut Call) -> Result<Value, Error> {
    let between = call.text_arg(0)?.unwrap_or_default();
    let mut texts = Vec::new();
    for (mut keys, _) in keyed(call, call.arg(1))? {
        texts.push(native::text(&keys.pop().unwrap_or_default())?);
    }
    Ok(Value::from(texts.join(&between)))
}
