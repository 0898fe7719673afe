//! The tests of the language: what may stand behind `is`.
use super::call::{Call, Entry, entry};
use super::filters::{compile_pattern, too_long};
use super::native::{self, from_json};
use super::version::{self, Scheme};
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use std::cmp::Ordering;

pub(super) static ENTRIES: [Entry; 45] = [
    entry("defined", &[], "there is such a value", "1 is defined", |call| {
        yes(!call.value.is_undefined())
    })
    .lenient(),
    entry("undefined", &[], "there is no such value", "nothing is undefined", |call| {
        yes(call.value.is_undefined())
    })
    .lenient(),
    entry("none", &[], "the value is none", "none is none", |call| yes(call.value.is_none())),
    entry("string", &[], "the value is text", "'a' is string", |call| {
        kind(call, ValueKind::String)
    }),
    entry("number", &[], "the value is a number", "1 is number", |call| {
        yes(matches!(call.value.kind(), ValueKind::Number | ValueKind::Bool))
    }),
    entry("integer", &[], "the value is a whole number", "1 is integer", |call| {
        yes(call.value.is_integer())
    }),
    entry("float", &[], "the value is a fraction", "1.5 is float", |call| {
        yes(call.value.is_number() && !call.value.is_integer())
    }),
    entry("boolean", &[], "the value is true or false", "true is boolean", |call| {
        kind(call, ValueKind::Bool)
    }),
    entry("mapping", &[], "the value is a mapping", "{} is mapping", |call| {
        kind(call, ValueKind::Map)
    }),
    entry("sequence", &[], "the value has items by number or key", "[] is sequence", |call| {
        yes(matches!(
            call.value.kind(),
            ValueKind::Seq | ValueKind::Iterable | ValueKind::Map | ValueKind::String
        ))
    }),
    entry("iterable", &[], "the value can be gone through", "[] is iterable", |call| {
        yes(matches!(
            call.value.kind(),
            ValueKind::Seq | ValueKind::Iterable | ValueKind::Map | ValueKind::String
        ))
    }),
    entry("true", &[], "the value is true itself", "true is true", |call| {
        yes(call.value.kind() == ValueKind::Bool && call.value.is_true())
    }),
    entry("false", &[], "the value is false itself", "false is false", |call| {
        yes(call.value.kind() == ValueKind::Bool && !call.value.is_true())
    }),
    entry("truthy", &["convert_bool"], "the value counts as true", "'x' is truthy", |call| {
        truth(call, true)
    }),
    entry("falsy", &["convert_bool"], "the value counts as false", "'' is falsy", |call| {
        truth(call, false)
    }),
    entry(
        "match",
        &["pattern", "ignorecase", "multiline"],
        "the text begins with a match",
        "'foobar' is match('foo')",
        |call| pattern(call, true),
    ),
    entry(
        "search",
        &["pattern", "ignorecase", "multiline"],
        "the text has a match",
        "'foobar' is search('bar')",
        |call| pattern(call, false),
    ),
    entry(
        "regex",
        &["pattern", "ignorecase", "multiline", "match_type"],
        "the text has a match, of a type",
        "'foobar' is regex('o+')",
        regex,
    ),
    entry(
        "version",
        &["version", "operator", "strict", "version_type"],
        "the version compares so with another",
        "'1.10' is version('1.9', '>')",
        version,
    )
    .also(&["version_compare"]),
    entry(
        "subset",
        &["superset"],
        "every item is in the other list",
        "[1] is subset([1, 2])",
        |call| within(call, false),
    )
    .also(&["issubset"]),
    entry(
        "superset",
        &["subset"],
        "every item of the other list is here",
        "[1, 2] is superset([1])",
        |call| within(call, true),
    )
    .also(&["issuperset"]),
    entry("contains", &["other"], "the other value is in here", "[1, 2] is contains(1)", |call| {
        let (inside, item) = (call.value.clone(), call.need(0)?.clone());
        holds(call, &inside, &item)
    }),
    entry("in", &["seq"], "the value is in the other", "1 is in([1, 2])", |call| {
        let (inside, item) = (call.need(0)?.clone(), call.value.clone());
        holds(call, &inside, &item)
    }),
    entry("any", &[], "one item is true", "[false, true] is any", |call| {
        yes(call.list()?.iter().any(Value::is_true))
    }),
    entry("all", &[], "every item is true", "[true, true] is all", |call| {
        yes(call.list()?.iter().all(Value::is_true))
    }),
    entry(
        "changed",
        &[],
        "the result says that something changed",
        "{'changed': true} is changed",
        changed,
    )
    .also(&["change"]),
    entry("failed", &[], "the result says that it failed", "{'failed': true} is failed", |call| {
        field(call, "failed")
    })
    .also(&["failure"]),
    entry(
        "succeeded",
        &[],
        "the result does not say that it failed",
        "{'rc': 0} is succeeded",
        |call| field(call, "failed").map(|failed| Value::from(!failed.is_true())),
    )
    .also(&["success", "successful"]),
    entry(
        "skipped",
        &[],
        "the result says that it was skipped",
        "{'skipped': true} is skipped",
        |call| field(call, "skipped"),
    )
    .also(&["skip"]),
    entry(
        "unreachable",
        &[],
        "the result says that the host was not reached",
        "{'unreachable': true} is unreachable",
        |call| field(call, "unreachable"),
    ),
    entry(
        "reachable",
        &[],
        "the result does not say that the host was not reached",
        "{} is reachable",
        |call| field(call, "unreachable").map(|it| Value::from(!it.is_true())),
    ),
    entry("eq", &["other"], "the values are equal", "1 is eq(1)", |call| {
        yes(call.value == *call.need(0)?)
    })
    .also(&["equalto", "=="]),
    entry("ne", &["other"], "the values differ", "1 is ne(2)", |call| {
        yes(call.value != *call.need(0)?)
    })
    .also(&["!="]),
    entry("lt", &["other"], "the value is less", "1 is lt(2)", |call| order(call, Ordering::is_lt))
        .also(&["lessthan", "<"]),
    entry("le", &["other"], "the value is less or equal", "1 is le(1)", |call| {
        order(call, Ordering::is_le)
    })
    .also(&["<="]),
    entry("gt", &["other"], "the value is greater", "2 is gt(1)", |call| {
        order(call, Ordering::is_gt)
    })
    .also(&["greaterthan", ">"]),
    entry("ge", &["other"], "the value is greater or equal", "2 is ge(2)", |call| {
        order(call, Ordering::is_ge)
    })
    .also(&[">="]),
    entry("sameas", &["other"], "the values are the same", "true is sameas(true)", |call| {
        let other = call.need(0)?;
        yes(call.value.kind() == other.kind() && call.value == *other)
    }),
    entry("odd", &[], "the number is odd", "3 is odd", |call| {
        yes(call.int_value()?.rem_euclid(2) == 1)
    }),
    entry("even", &[], "the number is even", "2 is even", |call| {
        yes(call.int_value()?.rem_euclid(2) == 0)
    }),
    entry(
        "divisibleby",
        &["num"],
        "the number can be divided by another",
        "6 is divisibleby(3)",
        |call| {
            let by = call.int_arg(0)?.unwrap_or(0);
            let rest = call.int_value()?.checked_rem(by);
            rest.map(|rest| Value::from(rest == 0))
                .ok_or_else(|| call.error("cannot divide by that number"))
        },
    ),
    entry("lower", &[], "the text has no capitals", "'a' is lower", |call| {
        let text = call.text()?;
        yes(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase))
    }),
    entry("upper", &[], "the text has no small letters", "'A' is upper", |call| {
        let text = call.text()?;
        yes(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase))
    }),
    entry("filter", &[], "there is a filter of this name", "'int' is filter", |call| {
        let name = call.text()?;
        yes(super::filters().any(|filter| filter.name == name))
    }),
    entry("test", &[], "there is a test of this name", "'odd' is test", |call| {
        let name = call.text()?;
        yes(super::tests().any(|test| test.name == name))
    }),
];

#[expect(clippy::unnecessary_wraps, reason = "the value of a table's function")]
fn yes(is: bool) -> Result<Value, Error> {
    Ok(Value::from(is))
}

fn kind(call: &Call, kind: ValueKind) -> Result<Value, Error> {
    yes(call.value.kind() == kind)
}

fn truth(call: &mut Call, wanted: bool) -> Result<Value, Error> {
    let mut is = call.value.is_true();
    if call.flag(0, false) && call.value.kind() == ValueKind::String {
        let text = call.text()?.to_lowercase();
        is = match text.as_str() {
            "yes" | "y" | "on" | "1" | "true" | "t" => true,
            "no" | "n" | "off" | "0" | "false" | "f" => false,
            _ => is,
        };
    }
    yes(is == wanted)
}

fn pattern(call: &mut Call, at_start: bool) -> Result<Value, Error> {
    let regex = compile_pattern(&call.need_text(0)?, call.flag(1, false), call.flag(2, false))?;
    let text = call.text()?;
    let found = regex.find(&text).map_err(too_long)?;
    yes(found.is_some_and(|found| !at_start || found.start() == 0))
}

fn regex(call: &mut Call) -> Result<Value, Error> {
    match call.text_arg(3)?.as_deref() {
        None | Some("search") => pattern(call, false),
        Some("match") => pattern(call, true),
        Some("fullmatch") => {
            let whole = format!("^(?:{})$", call.need_text(0)?);
            let regex = compile_pattern(&whole, call.flag(1, false), false)?;
            yes(regex.is_match(&call.text()?).map_err(too_long)?)
        }
        Some(_) => Err(call.error("matches by `search`, `match` or `fullmatch`")),
    }
}

fn version(call: &mut Call) -> Result<Value, Error> {
    let scheme = match (call.flag(2, false), call.text_arg(3)?.as_deref()) {
        (true, Some(_)) => return Err(call.error("takes `strict` or `version_type`, not both")),
        (true, None) | (false, Some("strict")) => Scheme::Strict,
        (false, None | Some("loose")) => Scheme::Loose,
        (false, Some("semver" | "semantic")) => Scheme::Semantic,
        (false, Some(_)) => {
            return Err(call.error("knows the version types `loose`, `strict` and `semver`"));
        }
    };
    let order =
        version::compare(&call.text()?, &call.need_text(0)?, scheme).map_err(native::broken)?;
    yes(match call.text_arg(1)?.as_deref() {
        None | Some("==" | "=" | "eq") => order.is_eq(),
        Some("!=" | "<>" | "ne") => order.is_ne(),
        Some("<" | "lt") => order.is_lt(),
        Some("<=" | "le") => order.is_le(),
        Some(">" | "gt") => order.is_gt(),
        Some(">=" | "ge") => order.is_ge(),
        Some(other) => return Err(call.error(format!("knows no operator `{other}`"))),
    })
}

fn within(call: &mut Call, turned: bool) -> Result<Value, Error> {
    let (mut inner, mut outer) = (call.list()?, call.list_of(call.need(0)?)?);
    if turned {
        std::mem::swap(&mut inner, &mut outer);
    }
    let inner = inner.iter().map(native::to_json).collect::<Result<Vec<_>, _>>()?;
    let outer = outer.iter().map(native::to_json).collect::<Result<Vec<_>, _>>()?;
    call.state.consume_fuel((inner.len() as u64).saturating_mul(outer.len() as u64))?;
    yes(inner.iter().all(|item| outer.contains(item)))
}

fn holds(call: &Call, inside: &Value, item: &Value) -> Result<Value, Error> {
    match (inside.as_str(), item.as_str()) {
        (Some(inside), Some(item)) => yes(inside.contains(item)),
        (Some(_), None) => {
            Err(call.error(format!("cannot look for {} in a text", native::type_name(item))))
        }
        (None, _) => yes(call.list_of(inside)?.contains(item)),
    }
}

/// A field of a task's result that is true.
fn field(call: &mut Call, name: &str) -> Result<Value, Error> {
    let entries = call.entries_of(&call.value)?;
    yes(entries.iter().any(|(key, value)| key.as_str() == Some(name) && value.is_true()))
}

fn changed(call: &mut Call) -> Result<Value, Error> {
    let result = call.json()?;
    let Some(entries) = result.as_object() else {
        return Err(call
            .error(format!("needs the result of a task, not {}", native::type_name(&call.value))));
    };
    if let Some(changed) = entries.get("changed") {
        return yes(from_json(changed).is_true());
    }
    let results = entries.get("results").and_then(|results| results.as_array());
    yes(results
        .is_some_and(|results| results.iter().any(|it| it.get("changed") == Some(&true.into()))))
}

fn order(call: &mut Call, wanted: fn(Ordering) -> bool) -> Result<Value, Error> {
    let other = call.need(0)?;
    let comparable = |value: &Value| match value.kind() {
        ValueKind::Number | ValueKind::Bool => Some(0),
        ValueKind::String => Some(1),
        ValueKind::Seq => Some(2),
        _ => None,
    };
    if comparable(&call.value).is_none() || comparable(&call.value) != comparable(other) {
        let (a, b) = (native::type_name(&call.value), native::type_name(other));
        return Err(call.error(format!("cannot compare {a} and {b}")));
    }
    yes(wanted(call.value.cmp(other)))
}
