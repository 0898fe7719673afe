//! What a scalar without quotes means: the rules of YAML 1.1 as `PyYAML` applies them, which differ
//! from every later YAML (`yes` is true, `0644` is octal, `1e3` is text).
use super::Scalar;

/// The value of a plain scalar.
pub(super) fn plain(text: &str) -> Scalar {
    (null(text).or_else(|| boolean(text)).or_else(|| int(text)).or_else(|| float(text)))
        .unwrap_or_else(|| Scalar::String(text.to_owned()))
}

/// `~`, `null` in three spellings, nothing.
pub(super) fn null(text: &str) -> Option<Scalar> {
    matches!(text, "" | "~" | "null" | "Null" | "NULL").then_some(Scalar::Null)
}

/// `yes`, `true`, `on` and their opposites, in three spellings each.
pub(super) fn boolean(text: &str) -> Option<Scalar> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Some(Scalar::Bool(true))
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(Scalar::Bool(false))
        }
        _ => None,
    }
}

/// Whole numbers: `12`, `1_000`, `0644`, `0xff`, `0b11`, `1:30` (base 60). A number that does not
/// fit 64 bits stays text, so that no digit is lost.
pub(super) fn int(text: &str) -> Option<Scalar> {
    let (negative, digits) = sign(text);
    let magnitude = if let Some(binary) = digits.strip_prefix("0b") {
        radix(binary, 2)?
    } else if let Some(hex) = digits.strip_prefix("0x") {
        radix(hex, 16)?
    } else if digits == "0" {
        0
    } else if let Some(octal) = digits.strip_prefix('0') {
        if octal.chars().all(|c| c == '_') { 0 } else { radix(octal, 8)? }
    } else if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    } else if let Some((first, rest)) = digits.split_once(':') {
        (rest.split(':')).try_fold(radix(first, 10)?, |sum, part| {
            sum.checked_mul(60)?.checked_add(sixtieth(part)?.into())
        })?
    } else {
        radix(digits, 10)?
    };
    let value = if negative { -magnitude } else { magnitude };
    i64::try_from(value).ok().map(Scalar::Int)
}

/// Numbers with a point: `1.5`, `.5`, `1.0e+3` (the exponent needs its sign), `1:30.5`, `.inf`, `.nan`.
pub(super) fn float(text: &str) -> Option<Scalar> {
    let (negative, digits) = sign(text);
    let value = match digits {
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" if digits == text => f64::NAN,
        _ => match digits.rsplit_once(':') {
            Some((whole, last)) => sexagesimal(whole, last)?,
            None => decimal(digits, digits.len() != text.len())?,
        },
    };
    Some(Scalar::Float(if negative { -value } else { value }))
}

/// Whether a minus stands before it, and what stands behind the sign.
fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Digits of a base with `_` anywhere among them.
fn radix(digits: &str, base: u32) -> Option<i128> {
    if !digits.chars().all(|c| c == '_' || c.is_digit(base)) {
        return None;
    }
    i128::from_str_radix(&digits.replace('_', ""), base).ok()
}

/// `0` … `59`.
fn sixtieth(part: &str) -> Option<u8> {
    let digits = matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit());
    part.parse().ok().filter(|value| digits && *value < 60)
}

/// `whole:last`, both base 60, `last` with a point.
fn sexagesimal(whole: &str, last: &str) -> Option<f64> {
    let Scalar::Int(whole) =
        int(whole).filter(|_| whole.starts_with(|c: char| c.is_ascii_digit()))?
    else {
        return None;
    };
    let (seconds, fraction) = last.split_once('.')?;
    let fraction: String = fraction.chars().filter(|c| *c != '_').collect();
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds: f64 = format!("{}.{fraction}0", sixtieth(seconds)?).parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "a float is what was asked for")]
    Some(whole as f64 * 60.0 + seconds)
}

/// Digits, point, digits, exponent with sign; `signed` numbers need a digit before the point.
fn decimal(digits: &str, signed: bool) -> Option<f64> {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let numeric = |part: &str| part.bytes().all(|b| b == b'_' || b.is_ascii_digit());
    let digit_first = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let formed =
        if whole.is_empty() { !signed && digit_first(fraction) } else { digit_first(whole) };
    let exponent_formed = exponent.is_none_or(|exponent| {
        (exponent.strip_prefix(['+', '-']))
            .is_some_and(|power| !power.is_empty() && power.bytes().all(|b| b.is_ascii_digit()))
    });
    if !(formed && numeric(whole) && numeric(fraction) && exponent_formed) {
        return None;
    }
    digits.replace('_', "").parse().ok()
}
