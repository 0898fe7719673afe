//! Between JSON and the engine's values, and Python's way of writing values as text.
//! Whole numbers, fractions and texts stay what they are; what JSON can't hold is an error.
use super::filters::{Elapsed, Moment, iso, plain};
use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, Value};
use serde_json::{Map, Number, Value as Json};
use std::fmt::Write as _;
use std::sync::Arc;

/// Lists and mappings within each other, at most.
const DEEPEST: usize = 128;

/// Stands for a parameter that shall not be given at all.
#[derive(Debug)]
pub(super) struct Omit;

impl Object for Omit {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

pub(super) fn is_omit(value: &Value) -> bool {
    value.downcast_object_ref::<Omit>().is_some()
}

pub(super) fn broken(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

pub(super) fn undefined() -> Error {
    Error::from(ErrorKind::UndefinedError)
}

pub(super) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(is) => Value::from(*is),
        Json::Number(number) => from_number(number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(from_json).collect::<Vec<_>>()),
        Json::Object(entries) => {
            Value::from_pairs(entries.iter().map(|(key, value)| (key.as_str(), from_json(value))))
        }
    }
}

fn from_number(number: &Number) -> Value {
    if let Some(whole) = number.as_i64() {
        Value::from(whole)
    } else if let Some(whole) = number.as_u64() {
        Value::from(whole)
    } else {
        Value::from(number.as_f64().unwrap_or(f64::NAN))
    }
}

/// The JSON of a value, everything inside it rendered; what is omitted is left out.
pub(super) fn to_json(value: &Value) -> Result<Json, Error> {
    convert(value, 0)?.ok_or_else(|| broken("the value is omitted where one is needed"))
}

/// As [`to_json`], but `None` where the value itself is omitted.
pub(super) fn to_json_or_omit(value: &Value) -> Result<Option<Json>, Error> {
    convert(value, 0)
}

fn convert(value: &Value, depth: usize) -> Result<Option<Json>, Error> {
    if depth > DEEPEST {
        return Err(broken("the value is nested too deep"));
    }
    Ok(Some(match value.kind() {
        ValueKind::Undefined => return Err(undefined()),
        ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => number(value)?,
        ValueKind::String => Json::String(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter()?.checked() {
                items.extend(convert(&item?, depth + 1)?);
            }
            Json::Array(items)
        }
        ValueKind::Map => {
            let mut entries = Map::new();
            for key in value.try_iter()?.checked() {
                let key = key?;
                if let Some(entry) = convert(&entry(value, &key)?, depth + 1)? {
                    entries.insert(text(&key)?, entry);
                }
            }
            Json::Object(entries)
        }
        ValueKind::Invalid => return Err(invalid(value)),
        _ if is_omit(value) => return Ok(None),
        kind => match value.downcast_object_ref::<Moment>() {
            Some(moment) => Json::String(iso(moment.0)),
            None => return Err(broken(format!("a {kind} is not a value that can be stored"))),
        },
    }))
}

fn number(value: &Value) -> Result<Json, Error> {
    if value.is_integer() {
        let whole = i64::try_from(value.clone()).map(Number::from);
        let whole = whole.or_else(|_| u64::try_from(value.clone()).map(Number::from));
        return whole
            .map(Json::Number)
            .map_err(|_| broken(format!("the number {value} is too large")));
    }
    let fraction = f64::try_from(value.clone())?;
    let number = Number::from_f64(fraction);
    number.map(Json::Number).ok_or_else(|| broken("the number is not finite"))
}

/// An entry of a mapping that has it.
pub(super) fn entry(map: &Value, key: &Value) -> Result<Value, Error> {
    let value = map.get_item(key)?;
    if value.kind() == ValueKind::Invalid { Err(invalid(&value)) } else { Ok(value) }
}

/// The error inside an invalid value.
fn invalid(value: &Value) -> Error {
    let fault = value.try_iter().map(|mut items| items.next());
    fault.err().unwrap_or_else(|| broken(value.to_string()))
}

/// As Python's `str()`.
pub(super) fn text(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_text(&mut out, value, false, 0)?;
    Ok(out)
}

/// As Python's `repr()`.
pub(super) fn repr(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_text(&mut out, value, true, 0)?;
    Ok(out)
}

fn write_text(out: &mut String, value: &Value, quoted: bool, depth: usize) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(broken("the value is nested too deep"));
    }
    match value.kind() {
        ValueKind::Undefined => return Err(undefined()),
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number if value.is_integer() => out.push_str(&value.to_string()),
        ValueKind::Number => out.push_str(&float(f64::try_from(value.clone())?)),
        ValueKind::String if quoted => write_quoted(out, value.as_str().unwrap_or_default()),
        ValueKind::String => out.push_str(value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable => {
            let (open, close) = if value.is_tuple() { ('(', ')') } else { ('[', ']') };
            out.push(open);
            let mut length = 0;
            for item in value.try_iter()?.checked() {
                out.push_str(if length > 0 { ", " } else { "" });
                write_text(out, &item?, true, depth + 1)?;
                length += 1;
            }
            out.push_str(if value.is_tuple() && length == 1 { "," } else { "" });
            out.push(close);
        }
        ValueKind::Map => {
            out.push('{');
            for (nth, key) in value.try_iter()?.checked().enumerate() {
                let key = key?;
                out.push_str(if nth > 0 { ", " } else { "" });
                write_text(out, &key, true, depth + 1)?;
                out.push_str(": ");
                write_text(out, &entry(value, &key)?, true, depth + 1)?;
            }
            out.push('}');
        }
        ValueKind::Invalid => return Err(invalid(value)),
        _ if is_omit(value) => return Err(broken("the value is omitted where one is needed")),
        kind => match value.downcast_object_ref::<Moment>() {
            Some(moment) => out.push_str(&plain(moment.0)),
            None if value.downcast_object_ref::<Elapsed>().is_some() => {
                out.push_str(&value.to_string());
            }
            None => return Err(broken(format!("a {kind} cannot be written as text"))),
        },
    }
    Ok(())
}

/// Python prefers single quotes, unless only double ones save it from escaping.
fn write_quoted(out: &mut String, text: &str) {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(mark);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if c == mark => {
                out.push('\\');
                out.push(c);
            }
            _ if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push(mark);
}

/// Python's `repr()` of a float: the shortest digits that read back as the same number.
pub(super) fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number == 0.0 || (-4..16).contains(&exponent) {
        let plain = number.to_string();
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// Python's name of a value's type.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "Undefined",
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Seq if value.is_tuple() => "tuple",
        ValueKind::Seq | ValueKind::Iterable => "list",
        ValueKind::Map => "dict",
        _ if value.downcast_object_ref::<Moment>().is_some() => "datetime",
        _ if value.downcast_object_ref::<Elapsed>().is_some() => "timedelta",
        _ => "object",
    }
}
