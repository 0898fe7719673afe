//! Splits a line of an INI inventory into words, with a shell's quotes, as Python's `shlex` does.

/// A word without its quotes, and the columns (from 0, in characters) that it takes in the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Quotes removed, escapes resolved.
    pub(super) text: String,
    /// Its first column.
    pub(super) start: usize,
    /// The first column behind it.
    pub(super) end: usize,
}

/// The words of a line; a `#` outside of quotes ends them.
///
/// # Errors
/// The column and the reason.
pub(super) fn split(line: &str) -> Result<Vec<Word>, (usize, &'static str)> {
    let mut words: Vec<Word> = vec![];
    let mut open: Option<Word> = None;
    let mut chars = line.chars().enumerate().peekable();
    while let Some((column, c)) = chars.next() {
        if c.is_whitespace() {
            words.extend(open.take());
            continue;
        }
        if c == '#' {
            return match open {
                Some(_) => Err((column, "`#` begins a comment in the middle of a word")),
                None => Ok(words),
            };
        }
        let word = open.get_or_insert(Word { text: String::new(), start: column, end: column });
        match c {
            '\\' => match chars.next() {
                Some((_, escaped)) => word.text.push(escaped),
                None => return Err((column, "nothing follows this `\\`")),
            },
            '\'' | '"' => loop {
                match chars.next() {
                    Some((_, end)) if end == c => break,
                    Some((_, '\\')) if c == '"' => match chars.next() {
                        Some((_, escaped @ ('"' | '\\'))) => word.text.push(escaped),
                        Some((_, other)) => word.text.extend(['\\', other]),
                        None => return Err((column, "this quote is never closed")),
                    },
                    Some((_, inner)) => word.text.push(inner),
                    None => return Err((column, "this quote is never closed")),
                }
            },
            _ => word.text.push(c),
        }
        word.end = chars.peek().map_or_else(|| line.chars().count(), |(next, _)| *next);
    }
    words.extend(open);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        split(line).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn quotes_and_escapes_are_those_of_a_shell() {
        assert_eq!(
            texts(r#"a "b\n\"c" 'd\' e\ f  x="1 2"'3' # g"#),
            ["a", r#"b\n"c"#, r"d\", "e f", "x=1 23"]
        );
        assert_eq!(texts("  "), Vec::<String>::new());
        assert_eq!(texts("''"), [""]);
    }

    #[test]
    fn words_know_their_columns() {
        let words = split("ä  b='x y' c").unwrap();
        let places: Vec<_> = words.iter().map(|word| (word.start, word.end)).collect();
        assert_eq!(places, [(0, 1), (3, 10), (11, 12)]);
    }

    #[test]
    fn what_is_left_open_is_refused_where_it_began() {
        assert_eq!(split("a 'b"), Err((2, "this quote is never closed")));
        assert_eq!(split("a x=\"b\\"), Err((4, "this quote is never closed")));
        assert_eq!(split("a\\"), Err((1, "nothing follows this `\\`")));
        assert_eq!(split("p=a#b"), Err((3, "`#` begins a comment in the middle of a word")));
    }
}
