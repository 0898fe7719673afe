//! What a plain scalar means: YAML 1.1 (yaml.org/type) as PyYAML's resolver applies it.
use super::Scalar;

/// The value of text that was written without quotes.
pub(super) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Scalar::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        _ => number(text).unwrap_or_else(|| Scalar::String(text.to_owned())),
    }
}

/// Only text that begins like a number can be one.
fn number(text: &str) -> Option<Scalar> {
    let begins = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    if !begins {
        return None;
    }
    int(text).map(Scalar::Int).or_else(|| float(text).map(Scalar::Float))
}

fn sign(text: &str) -> (i64, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    }
}

/// `12`, `1_000`, `0b11`, `0o`-less octal `0644`, `0x1F`, sexagesimal `1:30`.
fn int(text: &str) -> Option<i64> {
    let (sign, body) = sign(text);
    let digits = |text: &str, radix: u32| {
        let dense: String = text.chars().filter(|c| *c != '_').collect();
        let fits = !dense.is_empty() && dense.chars().all(|c| c.is_digit(radix));
        if fits { i64::from_str_radix(&dense, radix).ok() } else { None }
    };
    let value = if let Some(rest) = body.strip_prefix("0b") {
        digits(rest, 2)
    } else if let Some(rest) = body.strip_prefix("0x") {
        digits(rest, 16)
    } else if body == "0" {
        Some(0)
    } else if let Some(rest) = body.strip_prefix('0') {
        digits(rest, 8)
    } else if body.contains(':') {
        sexagesimal(body)
    } else if body.starts_with(|c: char| c.is_ascii_digit()) {
        digits(body, 10)
    } else {
        None
    };
    value.map(|value| sign * value)
}

fn sexagesimal(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let first = parts.next()?;
    let first: i64 = first.chars().filter(|c| *c != '_').collect::<String>().parse().ok()?;
    parts.try_fold(first, |value, part| {
        let fits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let part: i64 = part.parse().ok().filter(|part| fits && *part < 60)?;
        value.checked_mul(60)?.checked_add(part)
    })
}

/// With a point; an exponent needs its sign. `.inf` and `.nan` stay text: JSON has no word for them.
fn float(text: &str) -> Option<f64> {
    let (_, body) = sign(text);
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let some = |text: &str| text.bytes().any(|b| b.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        exponent.starts_with(['+', '-']) && exponent.len() > 1 && digits(&exponent[1..])
    });
    if !digits(whole) || !digits(fraction) || !(some(whole) || some(fraction)) || !exponent_fits {
        return None;
    }
    // PyYAML wants a digit before the point, or nothing at all there.
    text.chars().filter(|c| *c != '_').collect::<String>().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_means_what_pyyaml_takes_it_for() {
        let text = |text: &str| Scalar::String(text.to_owned());
        for (written, expected) in [
            ("yes", Scalar::Bool(true)),
            ("Off", Scalar::Bool(false)),
            ("y", text("y")),
            ("oN", text("oN")),
            ("~", Scalar::Null),
            ("", Scalar::Null),
            ("0644", Scalar::Int(0o644)),
            ("0o644", text("0o644")),
            ("0689", text("0689")),
            ("0x1F", Scalar::Int(31)),
            ("0b11", Scalar::Int(3)),
            ("1_000", Scalar::Int(1000)),
            ("-7", Scalar::Int(-7)),
            ("+7", Scalar::Int(7)),
            ("1:30", Scalar::Int(90)),
            ("22:22:22", Scalar::Int(80542)),
            ("1:99", text("1:99")),
            ("1.5", Scalar::Float(1.5)),
            ("1.", Scalar::Float(1.0)),
            (".5", Scalar::Float(0.5)),
            ("1.5e+3", Scalar::Float(1500.0)),
            ("1e3", text("1e3")),
            ("1.5e3", text("1.5e3")),
            ("1.2.3", text("1.2.3")),
            ("127.0.0.1", text("127.0.0.1")),
            ("2026-11-25", text("2026-11-25")),
            ("-", text("-")),
            (".", text(".")),
            ("99999999999999999999", text("99999999999999999999")),
        ] {
            assert_eq!(resolve(written), expected, "{written}");
        }
    }
}
