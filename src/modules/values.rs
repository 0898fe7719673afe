//! Kinds of parameters that several modules take, read as Ansible reads them.
use super::Opt;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use std::fmt::Write as _;

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

/// Whether a flag was given, and is on.
pub(super) fn is(flag: Option<Flag>) -> bool {
    flag.is_some_and(|flag| flag.0)
}

/// For `OPTIONS`.
pub(super) const PRESENCE: Opt = Opt::new("state", "present (default) or absent.");

/// Whether something is to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Presence {
    /// It is.
    #[default]
    Present,
    /// It is not.
    Absent,
}

impl Presence {
    /// Ansible's word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Absent => "absent",
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
            value @ (Value::Object(_) | Value::Array(_)) => Ok(Self(json(&value))),
            Value::Null => Ok(Self(String::new())),
        }
    }
}

/// JSON as Python writes it: blanks behind commas and colons, nothing but ASCII.
pub(super) fn json(value: &Value) -> String {
    match value {
        Value::Object(pairs) => {
            let pair = |(key, value): (&String, &Value)| {
                format!("{}: {}", json(&key.as_str().into()), json(value))
            };
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", "))
        }
        Value::String(_) => {
            let mut out = String::new();
            for c in value.to_string().chars() {
                if c.is_ascii() {
                    out.push(c);
                } else {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // Writing to a String can't fail.
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
            }
            out
        }
        other => other.to_string(),
    }
}

/// A list of texts; a single text, whose items stand between commas, is one too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let one = |value: Value| serde_json::from_value::<Text>(value).map(|text| text.0);
        let items = match Value::deserialize(deserializer)? {
            Value::Null => vec![],
            Value::Array(items) => items,
            Value::String(text) => text.split(',').map(|item| item.trim().into()).collect(),
            other => vec![other],
        };
        let items = items.into_iter().map(one).collect::<Result<_, _>>();
        items.map(Self).map_err(D::Error::custom)
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

/// One clause of a symbolic mode, `u+rw-x`: for whom, and what is done in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clause {
    /// Which of user, group, others: masks of three bits each.
    who: u32,
    /// Nobody was named: all, but what the umask holds back stays as it is.
    masked: bool,
    /// `+`, `-` or `=`, and letters of `rwxXstugo`.
    steps: Vec<(char, String)>,
}

/// What new files are held back by, where a symbolic mode names nobody. The server's own is not asked
/// for: it is this one everywhere.
const UMASK: u32 = 0o022;

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
        const STEPS: [char; 3] = ['+', '-', '='];
        let (who, mut rest) = text.split_at(text.find(STEPS)?);
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
        let mut steps = vec![];
        while let Some(step) = rest.chars().next() {
            let what = &rest[step.len_utf8()..];
            let (what, behind) = what.split_at(what.find(STEPS).unwrap_or(what.len()));
            what.chars().all(|letter| "rwxXstugo".contains(letter)).then_some(())?;
            steps.push((step, what.to_owned()));
            rest = behind;
        }
        let masked = mask == 0;
        Some(Self { who: if masked { 0o777 } else { mask }, masked, steps })
    }
    fn apply(&self, before: u32, directory: bool) -> u32 {
        self.steps.iter().fold(before, |now, (step, what)| {
            let bits =
                what.chars().fold(0, |bits, letter| bits | self.letter(letter, now, directory));
            match step {
                '+' => now | bits,
                '-' => now & !bits,
                _ => (now & !self.all()) | bits,
            }
        })
    }
    /// Every bit of those who are named.
    fn all(&self) -> u32 {
        let special = [(0o700, 0o4000), (0o070, 0o2000), (0o007, 0o1000)];
        let special = special.iter().filter(|(who, _)| self.who & who != 0);
        special.fold(self.who, |bits, (_, special)| bits | special)
    }
    fn letter(&self, letter: char, now: u32, directory: bool) -> u32 {
        let who = if self.masked { self.who & !UMASK } else { self.who };
        // The bits that somebody has, for everybody.
        let like = |shift: u32| (((now >> shift) & 0o7) * 0o111) & self.who;
        match letter {
            'r' => 0o444 & who,
            'w' => 0o222 & who,
            'x' => 0o111 & who,
            'X' if directory || now & 0o111 != 0 => 0o111 & who,
            's' => self.all() & 0o6000,
            't' => self.all() & 0o1000,
            'u' => like(6),
            'g' => like(3),
            'o' => like(0),
            _ => 0,
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
            (json!("+w"), 0o444, false, 0o644),
            (json!("u+x,g=u"), 0o640, false, 0o770),
            (json!("u=rw"), 0o4755, false, 0o655),
            (json!("g+w-x"), 0o755, false, 0o765),
            (json!("o="), 0o1777, true, 0o770),
        ] {
            let mode: Mode = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(mode.bits(before, directory), expected, "{written}");
        }
        for wrong in [json!("rw"), json!("0888"), json!(true), json!("z=r"), json!("177777")] {
            assert!(serde_json::from_value::<Mode>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_text_is_written_as_python_writes_it() {
        let text = |value| serde_json::from_value::<Text>(value).unwrap().0;
        let value = json!({"a": "é😀\n", "b": [true, null, 1.5]});
        assert_eq!(text(value), r#"{"a": "\u00e9\ud83d\ude00\n", "b": [true, null, 1.5]}"#);
        assert_eq!(text(json!(true)), "True");
        let texts = |value| serde_json::from_value::<Texts>(value).unwrap().0;
        assert_eq!(texts(json!("a, b")), ["a", "b"]);
        assert_eq!(texts(json!([1, "b"])), ["1", "b"]);
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
