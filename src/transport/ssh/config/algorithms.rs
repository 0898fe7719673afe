//! Lists of algorithms: `+`, `-` and `^` change the defaults, anything else replaces them. Pure.
//!
//! Source: `ssh_config(5)`, "Ciphers" and its like.
use super::pattern::{list_matches, matches};

/// What a list means. Patterns choose among `all`; what is not in `all` is left out, as nobody here
/// could use it.
pub fn expand(list: &str, defaults: &[&str], all: &[&str]) -> Vec<String> {
    let names = |list: &str| list.split(',').map(str::to_owned).collect::<Vec<_>>();
    let defaults = || defaults.iter().map(|&name| name.to_owned());
    let wanted: Vec<String> = match list.as_bytes().first() {
        Some(b'-') => {
            return defaults().filter(|name| !list_matches(&list[1..], name, false)).collect();
        }
        Some(b'+') => defaults().chain(names(&list[1..])).collect(),
        Some(b'^') => names(&list[1..]).into_iter().chain(defaults()).collect(),
        _ => names(list),
    };
    let mut chosen: Vec<String> = vec![];
    for pattern in wanted {
        for name in all.iter().filter(|name| matches(&pattern, name)) {
            if !chosen.iter().any(|other| other == name) {
                chosen.push((*name).to_owned());
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_replace_extend_shorten_and_reorder() {
        let mean = |list| expand(list, &["a", "b", "c"], &["a", "b", "c", "d1", "d2"]).join(",");
        for (list, meaning) in [
            ("c,a", "c,a"),
            ("c,x,c", "c"),
            ("x", ""),
            ("+d1", "a,b,c,d1"),
            ("+d*,a", "a,b,c,d1,d2"),
            ("-a,c", "b"),
            ("-*", ""),
            ("^c,d2", "c,d2,a,b"),
        ] {
            assert_eq!(mean(list), meaning, "{list}");
        }
    }
}
