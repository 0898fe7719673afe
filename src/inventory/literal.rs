//! Values of INI inventories: a Python literal where the text is one, else the text itself.
//! Never evaluates anything.
use serde_json::{Map, Number, Value};

/// How deep lists and mappings may be nested; deeper text stays text.
const DEPTH: usize = 64;

/// The value that a text stands for: `80`, `True`, `['a', 'b']`, `{'a': 1}`, `0x1f` … or itself.
pub(super) fn value(text: &str) -> Value {
    let mut reader = Reader { rest: text };
    (reader.value(0).filter(|_| reader.at_end())).unwrap_or_else(|| text.into())
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip_blanks();
        if depth > DEPTH {
            return None;
        }
        match self.rest.chars().next()? {
            '[' => self.items(']', depth).map(|(items, _)| items.into()),
            '(' => match self.items(')', depth)? {
                (mut items, false) if items.len() == 1 => items.pop(),
                (items, _) => Some(items.into()),
            },
            '{' => self.braces(depth),
            '\'' | '"' => self.strings().map(Value::from),
            '+' | '-' => self.signed(),
            '.' | '0'..='9' => self.number().map(Value::Number),
            _ => self.word(),
        }
    }

    /// Items up to `close`, and whether a comma ended them.
    fn items(&mut self, close: char, depth: usize) -> Option<(Vec<Value>, bool)> {
        self.skip_one();
        let (mut items, mut comma) = (vec![], false);
        loop {
            if self.take(close) {
                return (!comma || !items.is_empty()).then_some((items, comma));
            }
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.value(depth + 1)?);
            comma = self.take(',');
        }
    }

    /// A mapping or a set; a set becomes a list.
    fn braces(&mut self, depth: usize) -> Option<Value> {
        self.skip_one();
        let (mut pairs, mut items, mut comma) = (Map::new(), vec![], true);
        loop {
            if self.take('}') {
                let set = !items.is_empty();
                return Some(if set { items.into() } else { pairs.into() });
            }
            if !comma {
                return None;
            }
            let first = self.value(depth + 1)?;
            if self.take(':') {
                let key = match first {
                    Value::String(key) => key,
                    Value::Array(_) | Value::Object(_) => return None,
                    other => other.to_string(),
                };
                pairs.insert(key, self.value(depth + 1)?);
            } else {
                items.push(first);
            }
            if !pairs.is_empty() && !items.is_empty() {
                return None;
            }
            comma = self.take(',');
        }
    }

    /// One string or several in a row.
    fn strings(&mut self) -> Option<String> {
        let mut all = String::new();
        loop {
            let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let Some(quote) = quote else { return Some(all) };
            self.skip_one();
            loop {
                match self.next()? {
                    '\n' => return None,
                    '\\' => self.escape(&mut all)?,
                    c if c == quote => break,
                    c => all.push(c),
                }
            }
            self.skip_blanks();
        }
    }

    fn escape(&mut self, into: &mut String) -> Option<()> {
        let plain = match self.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'v' => '\x0b',
            'x' => self.code(2)?,
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            '\n' => return Some(()),
            c @ ('\\' | '\'' | '"') => c,
            // Octal and named characters: leave the text as it is rather than guess.
            '0'..='7' | 'N' => return None,
            other => {
                into.push('\\');
                other
            }
        };
        into.push(plain);
        Some(())
    }

    fn code(&mut self, digits: usize) -> Option<char> {
        let hex = self.rest.get(..digits)?;
        if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.rest = &self.rest[digits..];
        char::from_u32(u32::from_str_radix(hex, 16).ok()?)
    }

    fn signed(&mut self) -> Option<Value> {
        let negative = self.next()? == '-';
        self.skip_blanks();
        let number = self.number()?;
        if !negative {
            return Some(number.into());
        }
        if let Some(whole) = number.as_i128() {
            return i64::try_from(-whole).ok().map(Value::from);
        }
        Number::from_f64(-number.as_f64()?).map(Value::Number)
    }

    fn number(&mut self) -> Option<Number> {
        let lower = self.rest.to_ascii_lowercase();
        for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] {
            if lower.starts_with(prefix) {
                self.rest = &self.rest[2..];
                self.rest = self.rest.strip_prefix('_').unwrap_or(self.rest);
                let digits = self.digits(base)?;
                return u64::from_str_radix(&digits, base).ok().map(Number::from);
            }
        }
        let whole = self.digits(10);
        let fraction = self.rest.starts_with('.').then(|| {
            self.skip_one();
            self.digits(10)
        });
        let mut text = match (&whole, &fraction) {
            (None, None | Some(None)) => return None,
            (whole, fraction) => format!(
                "{}.{}",
                whole.as_deref().unwrap_or("0"),
                fraction.clone().flatten().as_deref().unwrap_or("0")
            ),
        };
        let exponent = self.rest.starts_with(['e', 'E']);
        if exponent {
            self.skip_one();
            let sign = self.rest.chars().next().filter(|c| matches!(c, '+' | '-'));
            if sign.is_some() {
                self.skip_one();
            }
            text = format!("{text}e{}{}", sign.unwrap_or('+'), self.digits(10)?);
        }
        if exponent || fraction.is_some() {
            return Number::from_f64(text.parse().ok()?);
        }
        // A leading zero would be octal in other languages: Python refuses it, so it is text.
        let whole =
            whole.filter(|digits| !digits.starts_with('0') || digits.bytes().all(|b| b == b'0'))?;
        whole.parse().ok().map(|number: u64| number.into())
    }

    /// Digits of a base; single underscores between them are dropped.
    fn digits(&mut self, base: u32) -> Option<String> {
        let length =
            self.rest.find(|c: char| c != '_' && !c.is_digit(base)).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(length);
        let odd = digits.is_empty()
            || digits.starts_with('_')
            || digits.ends_with('_')
            || digits.contains("__");
        if odd {
            return None;
        }
        self.rest = rest;
        Some(digits.replace('_', ""))
    }

    fn word(&mut self) -> Option<Value> {
        let length = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (word, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        let value = match word {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn skip_one(&mut self) {
        self.next();
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Only blanks or a comment are left.
    fn at_end(&mut self) -> bool {
        self.skip_blanks();
        self.rest.is_empty() || self.rest.starts_with('#')
    }
}

#[cfg(test)]
mod tests {
    use super::value;
    use serde_json::{Value, json};

    #[test]
    fn python_literals_become_values() {
        for (text, expected) in [
            ("80", json!(80)),
            ("-1", json!(-1)),
            ("- 1", json!(-1)),
            ("+2", json!(2)),
            ("1_000", json!(1000)),
            ("00", json!(0)),
            ("0x1F", json!(31)),
            ("0x_1", json!(1)),
            ("0o17", json!(15)),
            ("0b11", json!(3)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("5.", json!(5.0)),
            ("1e5", json!(100_000.0)),
            ("1e-1", json!(0.1)),
            ("01.5", json!(1.5)),
            ("True", json!(true)),
            ("False", json!(false)),
            ("None", json!(null)),
            ("'80'", json!("80")),
            ("\"a'b\"", json!("a'b")),
            ("'a' \"b\"", json!("ab")),
            ("'\\x41\\u00e9\\n\\q'", json!("Aé\n\\q")),
            ("[1, 'a', [True]]", json!([1, "a", [true]])),
            ("[1,]", json!([1])),
            ("[]", json!([])),
            ("()", json!([])),
            ("(1)", json!(1)),
            ("(1,)", json!([1])),
            ("{'a': 1, 2: None}", json!({"a": 1, "2": null})),
            ("{}", json!({})),
            ("{1, 2}", json!([1, 2])),
            ("1 # one", json!(1)),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn everything_else_is_text() {
        for text in [
            "",
            "0644",
            "true",
            "yes",
            "1 + 1",
            "1+2j",
            "--1",
            "not 1",
            "[,]",
            "[1 2]",
            "{1: 2, 3}",
            "'a",
            "b'a'",
            "a b",
            "1.2.3.4",
            "1__0",
            "1_",
            "[1",
            "x # y",
            "/srv/a",
            "~",
            "0x",
            "1e",
            ".",
            "99999999999999999999",
            "{[1]: 2}",
            "'\u{e9}\\x",
            "'\\xé'",
            "{{ x }}",
            "None1",
        ] {
            assert_eq!(value(text), Value::from(text));
        }
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        assert_eq!(value(&deep), Value::from(deep.clone()));
    }
}
