//! Lists of TLS protocols, read in both syntaxes of Postfix and written in the one that its version
//! takes. Before 3.6 it takes `!SSLv3` and the like alone: `>=TLSv1.2` there is "disabling TLS support".
//! Since then it takes both, yet `!SSLv3` anywhere in its configuration makes Mailcow's entry script
//! weaken OpenSSL for the whole container.
use crate::facts::at_least;
use crate::source::nearest;

const NAMES: [&str; 6] = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/// Which protocols are allowed; at least one is, at least one is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Protocols([bool; NAMES.len()]);

impl Protocols {
    /// Reads `!SSLv2, !SSLv3`, `TLSv1.2, TLSv1.3`, `>=TLSv1.2, <=TLSv1.3` and mixtures.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (mut included, mut excluded) = ([false; NAMES.len()], [false; NAMES.len()]);
        let (mut lowest, mut highest) = (0, NAMES.len() - 1);
        let words = text.split(|c: char| c.is_whitespace() || ",:".contains(c));
        for word in words.filter(|word| !word.is_empty()) {
            if let Some(name) = word.strip_prefix(">=") {
                lowest = lowest.max(index(name)?);
            } else if let Some(name) = word.strip_prefix("<=") {
                highest = highest.min(index(name)?);
            } else if let Some(name) = word.strip_prefix('!') {
                excluded[index(name)?] = true;
            } else {
                included[index(word)?] = true;
            }
        }
        let any = !included.contains(&true);
        let allowed = std::array::from_fn(|at| {
            (any || included[at]) && !excluded[at] && (lowest..=highest).contains(&at)
        });
        match (allowed.contains(&true), allowed.contains(&false)) {
            (false, _) => Err("leaves no protocol at all".into()),
            (_, false) => Err("excludes no protocol".into()),
            _ => Ok(Self(allowed)),
        }
    }

    /// In the words of a Postfix of this version.
    pub(super) fn render(self, version: &str) -> String {
        let allowed = |at: &usize| self.0[*at];
        let every = 0..NAMES.len();
        let mut words = vec![];
        let (mut first, mut last) = (0, NAMES.len() - 1);
        if at_least(version, &[3, 6]) {
            first = every.clone().find(allowed).unwrap_or(first);
            last = every.rev().find(allowed).unwrap_or(last);
            if first > 0 {
                words.push(format!(">={}", NAMES[first]));
            }
            if last < NAMES.len() - 1 {
                words.push(format!("<={}", NAMES[last]));
            }
        }
        let excluded = (first..=last).filter(|at| !allowed(at));
        words.extend(excluded.map(|at| format!("!{}", NAMES[at])));
        words.join(", ")
    }
}

fn index(name: &str) -> Result<usize, String> {
    NAMES.iter().position(|known| *known == name).ok_or_else(|| {
        let hint = nearest(name, NAMES).map_or_else(
            || format!("one of {}", NAMES.join(", ")),
            |known| format!("did you mean {known}?"),
        );
        format!("no protocol is called `{name}` ({hint})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_syntax_becomes_what_the_version_takes() {
        let old = "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1";
        for (text, before_3_6, since_3_6) in [
            (old, old, ">=TLSv1.2"),
            ("!SSLv2 !SSLv3,!TLSv1:!TLSv1.1", old, ">=TLSv1.2"),
            (">=TLSv1.2", old, ">=TLSv1.2"),
            ("TLSv1.2, TLSv1.3", old, ">=TLSv1.2"),
            ("!SSLv2, !SSLv3", "!SSLv2, !SSLv3", ">=TLSv1"),
            ("TLSv1.2", "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1, !TLSv1.3", ">=TLSv1.2, <=TLSv1.2"),
            ("!SSLv2, !SSLv3, !TLSv1.1", "!SSLv2, !SSLv3, !TLSv1.1", ">=TLSv1, !TLSv1.1"),
        ] {
            let protocols = Protocols::parse(text).unwrap();
            assert_eq!(protocols.render("3.5.25"), before_3_6, "{text}");
            for version in ["3.6.0", "3.7.11", "3.10.13"] {
                assert_eq!(protocols.render(version), since_3_6, "{text}");
            }
        }
    }

    #[test]
    fn every_set_survives_both_syntaxes() {
        for bits in 1..(1_u32 << NAMES.len()) - 1 {
            let set = Protocols(std::array::from_fn(|at| bits & (1 << at) != 0));
            for version in ["3.5", "3.10"] {
                let text = set.render(version);
                assert_eq!(Protocols::parse(&text), Ok(set), "{text}");
            }
        }
    }

    #[test]
    fn unknown_names_and_empty_sets_are_refused() {
        for (text, why) in [
            (">=TLSv1.9", "no protocol is called `TLSv1.9` (did you mean TLSv1"),
            ("!sslv3", "no protocol is called `sslv3`"),
            ("", "excludes no protocol"),
            (">=TLSv1.3, <=TLSv1.2", "leaves no protocol at all"),
        ] {
            let error = Protocols::parse(text).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
