//! What a keyword's argument may be, and the one form in which it is kept: `yes` and `no`, seconds,
//! bytes, canonical words. Pure.
//!
//! Source: `ssh_config(5)`; time formats are those of `sshd_config(5)`, "TIME FORMATS".
use super::jump;

/// What the arguments of a keyword may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Check {
    /// `yes` or `no`, also as `true` and `false`.
    Flag,
    /// The same, or one of these.
    FlagOr(&'static [&'static str]),
    /// One of these.
    Words(&'static [&'static str]),
    /// Anything, one word.
    Text,
    /// From 1 to 65535.
    Port,
    /// From 0.
    Number,
    /// The rest of the line as it stands.
    Line,
    /// `yes`, `no` (also `off`), `ask` or `accept-new`.
    Strictness,
    /// `90` or `1m30s`; kept as seconds. `none` is as good as unset.
    Time,
    /// `size [time]` with sizes as `1G`; kept as bytes, 0 for the default, and seconds if there are.
    Rekey,
    /// Several words, or `none` alone.
    Files,
    /// A list with commas, perhaps behind `+`, `-` or `^`.
    Algorithms,
    /// `[user@]host[:port]`, several with commas, or `none`.
    Jumps,
    /// `yes`, `no`, `ask`, `confirm`, a time, or `confirm` and a time.
    AddKeys,
}

impl Check {
    /// The arguments as they are kept.
    ///
    /// # Errors
    /// A fragment: what would have been right.
    pub(super) fn read(self, words: &[String]) -> Result<Vec<String>, String> {
        match self {
            Self::Files => files(words),
            Self::Rekey => rekey(words),
            Self::AddKeys => add_keys(words),
            Self::Time if words == ["none"] => Ok(vec![]),
            _ => match words {
                [word] => self.read_one(word).map(|word| vec![word]),
                [] => Err("an argument is missing".into()),
                _ => Err("takes one argument".into()),
            },
        }
    }

    fn read_one(self, word: &str) -> Result<String, String> {
        if word.is_empty() {
            return Err("an argument is missing".into());
        }
        match self {
            Self::Flag => flag(word).map(str::to_owned).ok_or_else(|| "takes yes or no".into()),
            Self::FlagOr(others) => match flag(word) {
                Some(flag) => Ok(flag.to_owned()),
                None => one_of(word, others)
                    .ok_or_else(|| format!("takes yes, no, {}", others.join(", "))),
            },
            Self::Words(words) => {
                one_of(word, words).ok_or_else(|| format!("takes one of {}", words.join(", ")))
            }
            Self::Port => match word.parse::<u16>() {
                Ok(port) if port > 0 => Ok(port.to_string()),
                _ => Err("takes a port, from 1 to 65535".into()),
            },
            Self::Number => match word.parse::<i32>() {
                Ok(number) if number >= 0 => Ok(number.to_string()),
                _ => Err("takes a number, from 0".into()),
            },
            Self::Time => time(word).ok_or_else(|| "takes a time, as `90` or `1m30s`".into()),
            Self::Jumps => jump::parse(word).map(|_| word.to_owned()),
            Self::Algorithms => {
                let list = word.trim_start_matches(['+', '-', '^']);
                let well_formed =
                    word.len() - list.len() <= 1 && list.split(',').all(|n| !n.is_empty());
                if well_formed {
                    Ok(word.to_owned())
                } else {
                    Err("takes a list with commas".into())
                }
            }
            Self::Strictness if word.eq_ignore_ascii_case("off") => Ok("no".into()),
            Self::Strictness => Self::FlagOr(&["ask", "accept-new"]).read_one(word),
            Self::Line | Self::Text | Self::Files | Self::Rekey | Self::AddKeys => {
                Ok(word.to_owned())
            }
        }
    }
}

fn flag(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "yes" | "true" => Some("yes"),
        "no" | "false" => Some("no"),
        _ => None,
    }
}

fn one_of(word: &str, words: &[&str]) -> Option<String> {
    words.iter().find(|known| known.eq_ignore_ascii_case(word)).map(|&known| known.to_owned())
}

fn files(words: &[String]) -> Result<Vec<String>, String> {
    if words.is_empty() || words.iter().any(String::is_empty) {
        return Err("an argument is missing".into());
    }
    if words.len() > 1 && words.iter().any(|word| word.eq_ignore_ascii_case("none")) {
        return Err("takes `none` alone".into());
    }
    Ok(words.to_vec())
}

fn rekey(words: &[String]) -> Result<Vec<String>, String> {
    let wrong = || "takes a size (`default`, or as `1G`) and perhaps a time".to_owned();
    let (amount, interval) = match words {
        [amount] => (amount, None),
        [amount, interval] => (amount, Some(interval.as_str())),
        _ => return Err(wrong()),
    };
    let bytes = if amount == "default" { 0 } else { size(amount).ok_or_else(wrong)? };
    let mut read = vec![bytes.to_string()];
    if let Some(text) = interval.filter(|text| *text != "none") {
        read.push(time(text).ok_or_else(wrong)?);
    }
    Ok(read)
}

fn add_keys(words: &[String]) -> Result<Vec<String>, String> {
    let wrong = || "takes yes, no, ask, confirm, or a time".to_owned();
    let read = |word: &String| {
        let named = flag(word).map(str::to_owned).or_else(|| one_of(word, &["ask", "confirm"]));
        named.or_else(|| time(word)).ok_or_else(wrong)
    };
    match words {
        [word] => Ok(vec![read(word)?]),
        [first, limit] if first.eq_ignore_ascii_case("confirm") => {
            Ok(vec!["confirm".into(), time(limit).ok_or_else(wrong)?])
        }
        _ => Err(wrong()),
    }
}

/// Bytes: digits, perhaps with `K`, `M` or `G`. OpenSSH refuses a limit below 16 bytes.
fn size(text: &str) -> Option<u64> {
    let (digits, unit) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1 << 10),
        (at, 'm' | 'M') => (&text[..at], 1 << 20),
        (at, 'g' | 'G') => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes == 0 || *bytes >= 16)
}

/// Seconds as a number.
fn time(text: &str) -> Option<String> {
    let (mut total, mut digits) = (0_u64, String::new());
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        let unit = match letter.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    if !digits.is_empty() {
        total = total.checked_add(digits.parse().ok()?)?;
    }
    (i32::try_from(total).is_ok() && !text.is_empty()).then(|| total.to_string())
}
