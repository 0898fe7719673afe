//! Text that came from elsewhere, made safe to print: a terminal obeys what it is shown.
use std::borrow::Cow;

/// The text with every control character (tabs excepted) and every character that turns the
/// direction of writing replaced by one visible character, so that columns stay where they were.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| visible(c) == c) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(visible).collect())
}

fn visible(c: char) -> char {
    match c {
        '\t' => c,
        // The pictures of control characters stand in the same order as the characters.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmless_is_left_alone() {
        assert!(matches!(printable("Grüße\t名 ‹secret›"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_a_terminal_would_obey_becomes_visible() {
        assert_eq!(printable("\u{1b}[2J\r\n\u{7f}\u{9b}\u{2067}"), "␛[2J␍␊␡��");
    }
}
