//! Kinds of parameters that several modules take, read as Ansible reads them.
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

/// A boolean, also as one of Ansible's words for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let word = match &value {
            Value::Bool(b) => return Ok(Self(*b)),
            Value::Number(n) => n.to_string(),
            Value::String(text) => text.to_lowercase(),
            _ => String::new(),
        };
        match word.as_str() {
            "yes" | "on" | "1" | "true" | "t" | "y" | "1.0" => Ok(Self(true)),
            "no" | "off" | "0" | "false" | "f" | "n" | "0.0" => Ok(Self(false)),
            _ => Err(D::Error::custom(format!("{value} is not a boolean"))),
        }
    }
}

/// Text; numbers and booleans become text, as Ansible's `str` parameters take them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Bool(b) => Ok(Self(if b { "True" } else { "False" }.to_owned())),
            Value::Number(n) => Ok(Self(n.to_string())),
            // `content: "{{ some_dict }}"` writes JSON.
            value @ (Value::Object(_) | Value::Array(_)) => Ok(Self(value.to_string())),
            Value::Null => Ok(Self(String::new())),
        }
    }
}

/// A whole number, also as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub(super) u32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = match &value {
            Value::Number(n) => n.as_u64().and_then(|n| u32::try_from(n).ok()),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Self).ok_or_else(|| D::Error::custom(format!("{value} is not a whole number")))
    }
}

/// Permission bits: a number (`0644`), octal digits in quotes, or symbols (`u=rw,g=r,o=`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// All bits.
    Bits(u32),
    /// Changes to what is there.
    Symbols(Vec<Clause>),
    /// `preserve`: the mode of the source, which for files of a project is that of new files.
    Preserve,
}

/// One clause of a symbolic mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clause {
    /// Which of user, group, others: masks of three bits each.
    who: u32,
    /// `+`, `-` or `=`.
    op: char,
    /// `r`, `w`, `x`, `X`, `s`, `t`.
    what: String,
}

impl Mode {
    /// The bits that `before` becomes.
    pub(super) fn bits(&self, before: u32, directory: bool) -> u32 {
        match self {
            Self::Bits(bits) => *bits,
            Self::Preserve => before,
            Self::Symbols(clauses) => {
                clauses.iter().fold(before, |bits, clause| clause.apply(bits, directory))
            }
        }
    }
    fn parse(text: &str) -> Option<Self> {
        if text == "preserve" {
            return Some(Self::Preserve);
        }
        if !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
            return u32::from_str_radix(text, 8)
                .ok()
                .filter(|bits| *bits <= 0o7777)
                .map(Self::Bits);
        }
        text.split(',').map(Clause::parse).collect::<Option<Vec<_>>>().map(Self::Symbols)
    }
}

impl Clause {
    fn parse(text: &str) -> Option<Self> {
        let at = text.find(['+', '-', '='])?;
        let (who, rest) = text.split_at(at);
        let mut mask = 0;
        for letter in who.chars() {
            mask |= match letter {
                'u' => 0o700,
                'g' => 0o070,
                'o' => 0o007,
                'a' => 0o777,
                _ => return None,
            };
        }
        let mut rest = rest.chars();
        let op = rest.next()?;
        let what: String = rest.collect();
        let known = what.chars().all(|letter| "rwxXst".contains(letter));
        known.then_some(Self { who: if mask == 0 { 0o777 } else { mask }, op, what })
    }
    fn apply(&self, before: u32, directory: bool) -> u32 {
        let mut bits = 0;
        for letter in self.what.chars() {
            bits |= match letter {
                'r' => 0o444 & self.who,
                'w' => 0o222 & self.who,
                'x' => 0o111 & self.who,
                'X' if directory || before & 0o111 != 0 => 0o111 & self.who,
                's' => {
                    (if self.who & 0o700 != 0 { 0o4000 } else { 0 })
                        | (if self.who & 0o070 != 0 { 0o2000 } else { 0 })
                }
                't' => 0o1000,
                _ => 0,
            };
        }
        match self.op {
            '+' => before | bits,
            '-' => before & !bits,
            _ => (before & !self.who) | bits,
        }
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let mode = match &value {
            // YAML has read `0644` as an octal number already.
            Value::Number(n) => n
                .as_u64()
                .and_then(|n| u32::try_from(n).ok())
                .filter(|n| *n <= 0o7777)
                .map(Self::Bits),
            Value::String(text) => Self::parse(text.trim()),
            _ => None,
        };
        mode.ok_or_else(|| {
            D::Error::custom(format!("{value} is not a mode (write \"0644\" or \"u=rw,g=r,o=\")"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn modes_are_numbers_octal_text_or_symbols() {
        for (written, before, directory, expected) in [
            (json!(0o644), 0, false, 0o644),
            (json!("0644"), 0, false, 0o644),
            (json!("755"), 0, false, 0o755),
            (json!("u=rw,g=r,o="), 0o777, false, 0o640),
            (json!("u+x"), 0o644, false, 0o744),
            (json!("a-w"), 0o666, false, 0o444),
            (json!("u=rwX,g=rX,o=rX"), 0o600, false, 0o644),
            (json!("u=rwX,g=rX,o=rX"), 0o600, true, 0o755),
            (json!("g+s"), 0o755, true, 0o2755),
            (json!("+t"), 0o777, true, 0o1777),
        ] {
            let mode: Mode = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(mode.bits(before, directory), expected, "{written}");
        }
        for wrong in [json!("rw"), json!("0888"), json!(true), json!("z=r"), json!("177777")] {
            assert!(serde_json::from_value::<Mode>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn booleans_are_also_written_as_words() {
        let read = |value| serde_json::from_value::<Flag>(value).map(|flag| flag.0).ok();
        assert_eq!(read(json!("Yes")), Some(true));
        assert_eq!(read(json!("off")), Some(false));
        assert_eq!(read(json!(1)), Some(true));
        assert_eq!(read(json!("maybe")), None);
    }
}
