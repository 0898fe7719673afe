//! Filters on any value: defaults, types, numbers and sizes.
use crate::vars::call::{Call, Entry, entry};
use crate::vars::native::{self, undefined};
use crate::vars::session::Session;
use minijinja::value::{Value, ValueKind};
use minijinja::{Error, State};

pub(super) static ENTRIES: [Entry; 14] = [
    entry(
        "default",
        &["default_value", "boolean"],
        "another value where this one is undefined (or false, with `true`)",
        "nothing | default('x')",
        default,
    )
    .also(&["d"])
    .lenient(),
    entry(
        "mandatory",
        &["msg"],
        "an error where the value is undefined",
        "'x' | mandatory",
        mandatory,
    )
    .lenient(),
    entry(
        "ternary",
        &["true_val", "false_val", "none_val"],
        "one value for true, another for false",
        "true | ternary('on', 'off')",
        ternary,
    ),
    entry(
        "bool",
        &[],
        "a boolean from `yes`, `on`, `1`, `true` and their opposites",
        "'yes' | bool",
        bool,
    ),
    entry("int", &["default", "base"], "a whole number", "'42' | int", int),
    entry("float", &["default"], "a fraction", "'1.5' | float", float),
    entry("string", &[], "text", "42 | string", |call| Ok(Value::from(call.text()?))),
    entry("type_debug", &[], "the name of the type", "[] | type_debug", |call| {
        Ok(Value::from(native::type_name(&call.value)))
    }),
    entry("abs", &[], "a number without its sign", "-3 | abs", abs),
    entry(
        "round",
        &["precision", "method"],
        "a number rounded (`common`, `ceil`, `floor`)",
        "2.7 | round",
        round,
    ),
    entry(
        "human_readable",
        &["isbits", "unit"],
        "a size with its unit",
        "1048576 | human_readable",
        human_readable,
    ),
    entry(
        "human_to_bytes",
        &["default_unit", "isbits"],
        "the bytes of a size with a unit",
        "'2 KB' | human_to_bytes",
        human_to_bytes,
    ),
    entry("pow", &["y"], "a power", "2 | pow(3)", |call| raise(call, f64::powf)),
    entry("root", &["base"], "a root, square unless told otherwise", "9 | root", |call| {
        raise(call, |x, y| x.powf(1.0 / y))
    }),
];

#[expect(clippy::unnecessary_wraps, reason = "a function of the table")]
fn default(call: &mut Call) -> Result<Value, Error> {
    let missing = call.value.is_undefined() || (call.flag(1, false) && !call.value.is_true());
    if !missing {
        return Ok(call.value.clone());
    }
    Ok(call.arg(0).cloned().unwrap_or_else(|| Value::from("")))
}

fn mandatory(call: &mut Call) -> Result<Value, Error> {
    if !call.value.is_undefined() {
        return Ok(call.value.clone());
    }
    // The call accepted the miss; here it counts again.
    let message = call.text_arg(0)?;
    let name =
        format!("a mandatory variable{}", message.map(|it| format!(" ({it})")).unwrap_or_default());
    note_missing(call.state, name)?;
    Err(undefined())
}

fn note_missing(state: &State, name: String) -> Result<(), Error> {
    Session::of(state).map(|session| session.miss(name))
}

fn ternary(call: &mut Call) -> Result<Value, Error> {
    let none = call.arg(2).filter(|_| call.value.is_none());
    let chosen = if call.value.is_true() { call.need(0)? } else { call.need(1)? };
    Ok(none.unwrap_or(chosen).clone())
}

fn bool(call: &mut Call) -> Result<Value, Error> {
    match call.value.kind() {
        ValueKind::Bool => return Ok(call.value.clone()),
        ValueKind::None => return Ok(Value::from(false)),
        ValueKind::Number | ValueKind::String => {}
        _ => return Err(call.error(format!("cannot take {}", native::type_name(&call.value)))),
    }
    let text = call.text()?.to_lowercase();
    match text.as_str() {
        "yes" | "y" | "on" | "1" | "true" | "t" | "1.0" => Ok(Value::from(true)),
        "no" | "n" | "off" | "0" | "false" | "f" | "0.0" | "" => Ok(Value::from(false)),
        _ => Err(call.error(format!("cannot tell whether {} is true", native::repr(&call.value)?))),
    }
}

fn int(call: &mut Call) -> Result<Value, Error> {
    let default = call.arg(0).cloned().unwrap_or_else(|| Value::from(0));
    let base = u32::try_from(call.int_arg(1)?.unwrap_or(10)).unwrap_or(0);
    if base != 0 && !(2..=36).contains(&base) {
        return Err(call.error("needs a base from 2 to 36"));
    }
    let value = &call.value;
    if value.kind() == ValueKind::Bool {
        return Ok(Value::from(i64::from(value.is_true())));
    }
    if value.is_integer() {
        return Ok(value.clone());
    }
    let Some(text) = value.as_str() else {
        return Ok(f64::try_from(value.clone()).ok().and_then(truncate).unwrap_or(default));
    };
    let text = text.trim().replace('_', "").to_lowercase();
    let digits = match base {
        16 => text.strip_prefix("0x"),
        8 => text.strip_prefix("0o"),
        2 => text.strip_prefix("0b"),
        _ => None,
    };
    let whole =
        i64::from_str_radix(digits.unwrap_or(&text), base.max(2)).ok().filter(|_| base != 0);
    let whole =
        whole.map(Value::from).or_else(|| (base == 10).then(|| truncate(text.parse().ok()?))?);
    Ok(whole.unwrap_or(default))
}

/// A fraction without what is behind the point, if it fits.
fn truncate(number: f64) -> Option<Value> {
    format!("{:.0}", number.trunc()).parse::<i64>().ok().map(Value::from)
}

#[expect(clippy::unnecessary_wraps, reason = "a function of the table")]
fn float(call: &mut Call) -> Result<Value, Error> {
    let default = call.arg(0).cloned().unwrap_or_else(|| Value::from(0.0));
    if call.value.kind() == ValueKind::Bool {
        return Ok(Value::from(if call.value.is_true() { 1.0 } else { 0.0 }));
    }
    let number = match call.value.as_str() {
        Some(text) => text.trim().replace('_', "").parse().ok(),
        None => f64::try_from(call.value.clone()).ok(),
    };
    Ok(number.map_or(default, |number: f64| Value::from(number)))
}

fn number(call: &Call, value: &Value) -> Result<f64, Error> {
    let number = (value.kind() == ValueKind::Number).then(|| f64::try_from(value.clone()));
    number
        .transpose()?
        .ok_or_else(|| call.error(format!("needs a number, not {}", native::type_name(value))))
}

fn abs(call: &mut Call) -> Result<Value, Error> {
    if call.value.is_integer() {
        let whole = call.int_value()?;
        return whole
            .checked_abs()
            .map(Value::from)
            .ok_or_else(|| call.error("cannot take so large a number"));
    }
    Ok(Value::from(number(call, &call.value)?.abs()))
}

fn round(call: &mut Call) -> Result<Value, Error> {
    let value = number(call, &call.value)?;
    let precision = call.int_arg(0)?.unwrap_or(0).clamp(-300, 300);
    let method = call.text_arg(1)?.unwrap_or_else(|| "common".to_owned());
    let scale = 10_f64.powi(i32::try_from(precision).unwrap_or(0));
    let rounded = match method.as_str() {
        "ceil" => (value * scale).ceil() / scale,
        "floor" => (value * scale).floor() / scale,
        "common" => match usize::try_from(precision) {
            Ok(places) => format!("{value:.places$}").parse().unwrap_or(value),
            Err(_) => (value * scale).round_ties_even() / scale,
        },
        _ => return Err(call.error("rounds by `common`, `ceil` or `floor`")),
    };
    Ok(Value::from(rounded))
}

fn raise(call: &mut Call, power: fn(f64, f64) -> f64) -> Result<Value, Error> {
    let other = call.arg(0).cloned().unwrap_or_else(|| Value::from(2));
    Ok(Value::from(power(number(call, &call.value)?, number(call, &other)?)))
}

const UNITS: [(char, f64); 9] = [
    ('Y', 1_208_925_819_614_629_174_706_176.0),
    ('Z', 1_180_591_620_717_411_303_424.0),
    ('E', 1_152_921_504_606_846_976.0),
    ('P', 1_125_899_906_842_624.0),
    ('T', 1_099_511_627_776.0),
    ('G', 1_073_741_824.0),
    ('M', 1_048_576.0),
    ('K', 1024.0),
    ('B', 1.0),
];

fn human_readable(call: &mut Call) -> Result<Value, Error> {
    let size = match call.value.as_str() {
        Some(text) => text.trim().parse().map_err(|_| call.error("needs a number"))?,
        None => number(call, &call.value)?,
    };
    let base = if call.flag(0, false) { "bits" } else { "Bytes" };
    let unit = call.text_arg(1)?.and_then(|unit| unit.to_uppercase().chars().next());
    let fits = |(name, limit): &&(char, f64)| unit.map_or(size >= *limit, |unit| unit == *name);
    let (name, limit) = UNITS.iter().find(fits).copied().unwrap_or(('B', 1.0));
    let suffix = if name == 'B' { base.to_owned() } else { format!("{name}{}", &base[..1]) };
    Ok(Value::from(format!("{:.2} {suffix}", size / limit)))
}

fn human_to_bytes(call: &mut Call) -> Result<Value, Error> {
    let text = call.text()?;
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = (&text[..split], text[split..].trim());
    let unit = if unit.is_empty() {
        call.text_arg(0)?.unwrap_or_else(|| "B".to_owned())
    } else {
        unit.to_owned()
    };
    let fault = || {
        call.error(format!("cannot read the size `{}`", text.chars().take(40).collect::<String>()))
    };
    let count: f64 = digits.parse().map_err(|_| fault())?;
    let letter = unit.chars().next().map(|c| c.to_ascii_uppercase()).ok_or_else(fault)?;
    let rest = unit[1..].to_lowercase();
    let known = if letter == 'B' {
        ["", "yte", "ytes", "it", "its"]
    } else {
        ["", "b", "byte", "bit", "bytes"]
    };
    let limit = UNITS.iter().find(|(name, _)| *name == letter).map(|(_, limit)| *limit);
    let limit = limit.filter(|_| known.contains(&rest.as_str())).ok_or_else(fault)?;
    truncate((count * limit).round()).ok_or_else(fault)
}
