//! The short form of arguments: `copy: src=a dest="b c"`, and free text with options in it, as in
//! `command: make install chdir=/src`. Words end at white space outside of quotes and templates.
use std::ops::Range;

/// Options that Ansible takes out of the free text of a command; every other `key=value` stays.
const OF_COMMANDS: &[&str] = &[
    "chdir",
    "creates",
    "executable",
    "removes",
    "stdin",
    "stdin_add_newline",
    "strip_empty_ends",
    "warn",
];

/// One `key=value`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) value: String,
    /// Where it stands in the text, in bytes.
    pub(super) range: Range<usize>,
}

/// A short form taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Short {
    pub(super) pairs: Vec<Pair>,
    /// What is no `key=value`, as written; with its place.
    pub(super) free: Option<(String, Range<usize>)>,
}

/// The pairs of a text that holds nothing else, as `--extra-vars` does.
///
/// # Errors
/// A quote or a template that is not closed, a word that is no pair.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let short = parse(text, false)?;
    match short.free {
        Some((word, _)) => Err(format!("`{word}` sets no variable")),
        None => Ok(short.pairs.into_iter().map(|pair| (pair.key, pair.value)).collect()),
    }
}

/// Takes a short form apart. `command`: the free text is a command line, so only the options of
/// commands are taken out of it.
///
/// # Errors
/// A quote or a template that is not closed.
pub(super) fn parse(text: &str, command: bool) -> Result<Short, &'static str> {
    let mut short = Short::default();
    let (mut free, mut from, mut place) = (String::new(), 0, None::<Range<usize>>);
    for range in words(text)? {
        let word = &text[range.clone()];
        let pair = equals(word).map(|at| (word[..at].trim(), &word[at + 1..]));
        let pair = pair.filter(|(key, _)| !command || OF_COMMANDS.contains(key));
        if let Some((key, value)) = pair {
            // White space before an option goes with it, line ends stay.
            let kept = free.trim_end_matches([' ', '\t']).len();
            free.truncate(kept);
            let value = unquoted(&unescaped(value)).to_owned();
            short.pairs.push(Pair { key: key.to_owned(), value, range: range.clone() });
        } else {
            free.push_str(&text[from..range.end]);
            place = Some(place.map_or(range.start, |place| place.start)..range.end);
        }
        from = range.end;
    }
    short.free = place.map(|place| (free.trim().to_owned(), place));
    Ok(short)
}

/// The words of a text, in bytes.
fn words(text: &str) -> Result<Vec<Range<usize>>, &'static str> {
    let mut out = vec![];
    let mut start = None;
    let (mut quote, mut closers, mut escaped) = (None, vec![], false);
    let mut skip = 0;
    for (at, c) in text.char_indices() {
        if at < skip {
            continue;
        }
        let rest = &text[at..];
        let outside = quote.is_none() && closers.is_empty();
        if c.is_whitespace() && outside {
            out.extend(start.take().map(|start| start..at));
            escaped = false;
            continue;
        }
        start.get_or_insert(at);
        if quote.is_none() {
            let opens = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];
            if closers.last().is_some_and(|closer| rest.starts_with(closer)) {
                closers.pop();
                skip = at + 2;
            } else if let Some((_, closer)) = opens.iter().find(|(o, _)| rest.starts_with(o)) {
                closers.push(*closer);
                skip = at + 2;
            }
        }
        if matches!(c, '"' | '\'') && !escaped {
            match quote {
                None => quote = Some(c),
                Some(open) if open == c => quote = None,
                Some(_) => {}
            }
        }
        escaped = c == '\\' && !escaped;
    }
    out.extend(start.map(|start| start..text.len()));
    match (quote, closers.last()) {
        (Some(_), _) => Err("a quote is not closed"),
        (_, Some(_)) => Err("a template is not closed"),
        _ => Ok(out),
    }
}

/// Where the first `=` is that is neither at the beginning nor behind a backslash.
fn equals(word: &str) -> Option<usize> {
    let quoted = word.starts_with(['"', '\'']) || is_template_first(word);
    let at = (1..word.len())
        .find(|&at| word.as_bytes()[at] == b'=' && word.as_bytes()[at - 1] != b'\\')?;
    (!quoted).then_some(at)
}

fn is_template_first(word: &str) -> bool {
    word.starts_with("{{") || word.starts_with("{%")
}

/// Without the quotes around it.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = |quote: char| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.ends_with('\\')).then_some(inner)
    };
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// With the escapes that Ansible knows replaced.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        let mut chars = behind.chars();
        let coded = |length: usize| {
            let digits = behind.get(1..=length)?;
            Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, 1 + length))
        };
        let plain = match chars.next() {
            Some('n') => Some(('\n', 1)),
            Some('t') => Some(('\t', 1)),
            Some('r') => Some(('\r', 1)),
            Some(c @ ('\\' | '\'' | '"')) => Some((c, 1)),
            Some('x') => coded(2),
            Some('u') => coded(4),
            Some('U') => coded(8),
            _ => None,
        };
        if let Some((c, length)) = plain {
            out.push(c);
            rest = &behind[length..];
        } else {
            out.push('\\');
            rest = behind;
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let short = parse(text, false).unwrap();
        short.pairs.into_iter().map(|pair| (pair.key, pair.value)).collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn pairs_are_split_at_white_space_outside_of_quotes() {
        let found = pairs("src=a dest='b c'  mode=\"0644\"");
        assert_eq!(found, [pair("src", "a"), pair("dest", "b c"), pair("mode", "0644")]);
    }

    #[test]
    fn templates_are_not_split() {
        let found = pairs("path={{ a b | default('x y') }}/c msg={% if a %}b{% endif %}");
        let first = pair("path", "{{ a b | default('x y') }}/c");
        assert_eq!(found, [first, pair("msg", "{% if a %}b{% endif %}")]);
    }

    #[test]
    fn values_keep_their_own_equal_signs_and_escapes_are_replaced() {
        assert_eq!(pairs(r"line=a=b regexp=x\ty"), [pair("line", "a=b"), pair("regexp", "x\ty")]);
    }

    #[test]
    fn a_command_keeps_its_text_and_gives_away_its_options_alone() {
        let short = parse("make  X=1 chdir=/src   install\nthen creates=/done", true).unwrap();
        let keys: Vec<_> = short.pairs.iter().map(|p| (p.key.as_str(), p.value.as_str())).collect();
        assert_eq!(keys, [("chdir", "/src"), ("creates", "/done")]);
        assert_eq!(short.free.unwrap().0, "make  X=1   install\nthen");
    }

    #[test]
    fn what_is_not_closed_is_an_error() {
        assert_eq!(parse("echo it's", true), Err("a quote is not closed"));
        assert_eq!(parse("echo {{ a", true), Err("a template is not closed"));
    }

    #[test]
    fn a_command_in_quotes_is_free_text_as_a_whole() {
        let short = parse("\"a b=c\" 'chdir=x'", true).unwrap();
        assert_eq!(short.free.unwrap().0, "\"a b=c\" 'chdir=x'");
    }
}
