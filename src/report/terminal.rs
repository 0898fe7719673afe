//! What may reach a terminal: our own colours, and of foreign text only what can't steer it.
use std::borrow::Cow;

/// Colours, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Whether to use any.
    pub color: bool,
}

impl Palette {
    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
    /// All is well.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }
    /// Something changed, or would.
    pub fn changed(self, text: &str) -> String {
        self.paint("33", text)
    }
    /// Something is wrong.
    pub fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }
    /// Less important.
    pub fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }
    /// A heading.
    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }
    /// A line of a unified diff.
    pub fn diff_line(self, line: &str) -> String {
        match line.as_bytes().first() {
            Some(b'+') => self.paint("32", line),
            Some(b'-') => self.paint("31", line),
            Some(b'@') => self.paint("36", line),
            _ => line.to_owned(),
        }
    }
}

/// Text from a server with its control characters made visible; tabs and line ends stay. Longer
/// than 4,000 characters is cut, and says so.
pub fn clean(text: &str) -> Cow<'_, str> {
    const LIMIT: usize = 4_000;
    let steers = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.len() <= LIMIT && !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut out: String = (text.chars().take(LIMIT))
        .map(|c| if steers(c) { c.escape_unicode().to_string() } else { c.to_string() })
        .collect();
    if text.chars().nth(LIMIT).is_some() {
        out.push_str(" … (cut)");
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_can_not_steer_the_terminal() {
        assert_eq!(clean("a\tb\nc"), "a\tb\nc");
        assert_eq!(clean("\x1b[31mred"), "\\u{1b}[31mred");
        assert_eq!(clean("a\u{202e}b"), "a\\u{202e}b");
        assert!(clean(&"x".repeat(5_000)).ends_with("… (cut)"));
    }
}
