//! Patterns of `ssh_config(5)`, "PATTERNS": `*`, `?`, lists with commas, `!`. Pure.
use super::super::host_keys::glob;

/// One pattern, letters as they are.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    glob(pattern.as_bytes(), text.as_bytes())
}

/// A list with commas: one matches, and none with `!` does. `fold`: capital letters of the pattern
/// mean small ones, as in lists of hosts.
pub(super) fn list_matches(list: &str, text: &str, fold: bool) -> bool {
    let mut found = false;
    for pattern in list.split(',') {
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        };
        let pattern = if fold { pattern.to_ascii_lowercase() } else { pattern.to_owned() };
        if matches(&pattern, text) {
            if negated {
                return false;
            }
            found = true;
        }
    }
    found
}
