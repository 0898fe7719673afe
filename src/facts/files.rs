//! Questions about several files at once: `probe_glob PATTERN` (paths that a shell's pattern names),
//! `probe_sums ALGORITHM PATH…` (checksums) and `probe_matching ERE PATH…` (which have a line that
//! matches). Each prints its answers ended by NULs.
use super::{Answer, Garbled};

pub(super) fn glob_words(pattern: &str) -> Vec<String> {
    vec!["probe_glob".into(), pattern.into()]
}

pub(super) fn sums_words(algorithm: &str, paths: &[String]) -> Vec<String> {
    let head = ["probe_sums".to_owned(), algorithm.to_owned()];
    head.into_iter().chain(paths.iter().cloned()).collect()
}

pub(super) fn matching_words(pattern: &str, paths: &[String]) -> Vec<String> {
    let head = ["probe_matching".to_owned(), pattern.to_owned()];
    head.into_iter().chain(paths.iter().cloned()).collect()
}

/// What stands before each NUL.
pub(super) fn read(probe: &'static str, answer: &Answer) -> Result<Vec<String>, Garbled> {
    let stdout = answer.succeeded(probe)?;
    let Some(text) = stdout.strip_suffix(b"\0") else {
        return match stdout {
            [] => Ok(vec![]),
            _ => Err(Garbled { probe, why: "the last answer has no end".into() }),
        };
    };
    Ok(text.split(|byte| *byte == 0).map(|it| String::from_utf8_lossy(it).into_owned()).collect())
}

/// Whether a name is one that a shell's pattern means: `*`, `?`, `[a-z]`, `[!a]`.
pub fn fnmatch(pattern: &str, name: &str) -> bool {
    let mut regex = String::from("(?s)^");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => {
                let ahead: String = rest.clone().collect();
                // A `]` right behind the opening is one of the characters.
                let begin = usize::from(ahead.starts_with('!'));
                let first = ahead[begin..].chars().next().map_or(0, char::len_utf8);
                match ahead.get(begin + first..).and_then(|ahead| ahead.find(']')) {
                    None => regex.push_str("\\["),
                    Some(end) => {
                        let set = &ahead[begin..begin + first + end];
                        let set = set.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]");
                        let set = set.replace('&', "\\&").replace('~', "\\~").replace('^', "\\^");
                        regex.push_str(if begin == 1 { "[^" } else { "[" });
                        regex.push_str(&set);
                        regex.push(']');
                        let length = ahead[..=begin + first + end].chars().count();
                        rest.by_ref().take(length).for_each(drop);
                    }
                }
            }
            other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex::Regex::new(&regex).is_ok_and(|regex| regex.is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_a_shell() {
        for (pattern, name, expected) in [
            ("*.log", "a.log", true),
            ("*.log", "a.log.1", false),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("a.c", "abc", false),
            ("[^a]", "^", true),
            ("(x)", "(x)", true),
        ] {
            assert_eq!(fnmatch(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn answers_end_with_a_nul() {
        let answer = |stdout: &str| Answer { rc: 0, stdout: stdout.into(), ..Answer::default() };
        assert_eq!(read("x", &answer("a\0b\nc\0")).unwrap(), ["a", "b\nc"]);
        assert_eq!(read("x", &answer("")).unwrap(), Vec::<String>::new());
        assert!(read("x", &answer("a")).is_err());
    }
}
