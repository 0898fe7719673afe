//! Splits a line of `ssh_config(5)`: the keyword, then words with quotes and escapes, until a comment.
//! Pure; columns count from 1, in characters.

/// A line that says something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// As written, without quotes.
    pub(super) keyword: String,
    /// Its columns: the first, and the first behind it.
    pub(super) columns: (u32, u32),
    /// Everything behind the keyword (and the `=` that may follow it), as it stands.
    pub(super) rest: String,
    /// The column at which the rest begins.
    pub(super) rest_column: u32,
}

/// A word, without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// The first column, and the first behind it.
    pub(super) columns: (u32, u32),
}

/// What a line says; `None`: it is empty, or a comment.
pub(super) fn line(text: &str) -> Option<Split> {
    let letters: Vec<char> =
        text.trim_end_matches([' ', '\t', '\r', '\n', '\u{c}']).chars().collect();
    let start = letters.iter().position(|c| !is_space(*c))?;
    if letters[start] == '#' {
        return None;
    }
    let (keyword, mut at) = if letters[start] == '"' {
        let close = letters[start + 1..].iter().position(|c| *c == '"');
        let close = close.map_or(letters.len(), |close| start + 1 + close);
        (&letters[start + 1..close], (close + 1).min(letters.len()))
    } else {
        let stop = letters[start..].iter().position(|c| is_space(*c) || matches!(c, '=' | '"'));
        let stop = stop.map_or(letters.len(), |stop| start + stop);
        (&letters[start..stop], stop)
    };
    let columns = (column(start), column(at));
    let skip_space = |mut at: usize| {
        while letters.get(at).is_some_and(|c| is_space(*c)) {
            at += 1;
        }
        at
    };
    at = skip_space(at);
    if letters.get(at) == Some(&'=') {
        at = skip_space(at + 1);
    }
    let rest = letters[at..].iter().collect();
    Some(Split { keyword: keyword.iter().collect(), columns, rest, rest_column: column(at) })
}

/// The words of the rest of a line. Quotes group, `\` escapes quotes, itself and (outside of quotes)
/// a blank; a word that begins with `#` ends the line.
///
/// # Errors
/// The column of a quote that is never closed.
pub(super) fn split(rest: &str, rest_column: u32) -> Result<Vec<Word>, u32> {
    let letters: Vec<char> = rest.chars().collect();
    let place = |at: usize| rest_column + column(at) - 1;
    let (mut words, mut at) = (vec![], 0);
    loop {
        while letters.get(at).is_some_and(|c| matches!(c, ' ' | '\t')) {
            at += 1;
        }
        match letters.get(at) {
            None | Some('#') => return Ok(words),
            Some(_) => {}
        }
        let (start, mut text, mut quote) = (at, String::new(), None);
        while let Some(&letter) = letters.get(at) {
            let next = letters.get(at + 1);
            match (letter, quote, next) {
                ('\\', _, Some('\'' | '"' | '\\')) | ('\\', None, Some(' ')) => {
                    text.extend(next);
                    at += 1;
                }
                (' ' | '\t', None, _) => break,
                ('"' | '\'', None, _) => quote = Some((letter, at)),
                (_, Some((open, _)), _) if letter == open => quote = None,
                _ => text.push(letter),
            }
            at += 1;
        }
        if let Some((_, open)) = quote {
            return Err(place(open));
        }
        words.push(Word { text, columns: (place(start), place(at)) });
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{c}')
}

fn column(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX - 1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, Vec<String>)> {
        let split_line = line(text)?;
        let words = split(&split_line.rest, split_line.rest_column).unwrap();
        Some((split_line.keyword, words.into_iter().map(|word| word.text).collect()))
    }

    #[test]
    fn keywords_stand_before_blanks_or_one_equals_sign() {
        for text in
            ["Port 22", " Port=22", "\tPort = 22 ", "Port\t=22\r", "\"Port\" 22", "Port =22"]
        {
            assert_eq!(read(text), Some(("Port".into(), vec!["22".into()])), "{text:?}");
        }
        assert_eq!(read("Port==22").unwrap().1, ["=22"]);
        assert_eq!(read("Port").unwrap().1, Vec::<String>::new());
        assert_eq!(read("  # Port 22"), None);
        assert_eq!(read(" \t "), None);
    }

    #[test]
    fn words_have_quotes_escapes_and_comments() {
        let words = read(r#"X 'a  b'\ c "d\"e" f\g h#i #j k"#).unwrap().1;
        assert_eq!(words, ["a  b c", "d\"e", "f\\g", "h#i"]);
        assert_eq!(read("X \"\"").unwrap().1, [""]);
        assert_eq!(split("a \"b", 3), Err(5));
        let columns: Vec<_> = split("ä \"b c\"", 7).unwrap().iter().map(|w| w.columns).collect();
        assert_eq!(columns, [(7, 8), (9, 14)]);
    }
}
