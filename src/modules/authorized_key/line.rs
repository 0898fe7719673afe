//! A line of `authorized_keys`: options, kind, key, comment (sshd(8)).

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// What it may be used for, as written; may be empty.
    pub(super) options: String,
    /// `ssh-ed25519` …
    pub(super) kind: String,
    /// In base64.
    data: String,
    /// The rest of the line.
    pub(super) comment: String,
}

impl Key {
    /// `None` for what is no key: comments, empty lines, and what sshd passes over.
    pub(super) fn read(line: &str) -> Option<Self> {
        let line = line.trim();
        let (first, rest) = word(line);
        if is_kind(first) {
            return Self::behind(String::new(), first, rest);
        }
        let (kind, behind) = word(rest);
        (!first.starts_with('#') && is_kind(kind)).then(|| Self::behind(first.to_owned(), kind, behind))?
    }

    fn behind(options: String, kind: &str, rest: &str) -> Option<Self> {
        let (data, comment) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (kind, data, comment) = (kind.to_owned(), data.to_owned(), comment.trim().to_owned());
        (!data.is_empty()).then_some(Self { options, kind, data, comment })
    }

    /// Whether it is the same key, whatever it may be used for.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.data == other.data
    }

    pub(super) fn line(&self) -> String {
        let parts = [&self.options, &self.kind, &self.data, &self.comment];
        let parts = parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str);
        parts.collect::<Vec<_>>().join(" ")
    }
}

/// The first word, white space in quotes being part of it, and what stands behind.
fn word(text: &str) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    let end = text.find(|c: char| {
        if escaped {
            escaped = false;
            return false;
        }
        match c {
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => {}
        }
        !quoted && c.is_whitespace()
    });
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, rest.trim_start())
}

fn is_kind(word: &str) -> bool {
    let names = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-sha2-", "rsa-sha2-"];
    names.iter().any(|name| word.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_options_in_quotes_a_kind_a_key_and_a_comment() {
        let line = r#"from="a b",command="say \"hi\" x" ssh-rsa AAAA me and you"#;
        let key = Key::read(line).unwrap();
        assert_eq!(key.options, r#"from="a b",command="say \"hi\" x""#);
        assert_eq!((key.kind.as_str(), key.comment.as_str()), ("ssh-rsa", "me and you"));
        assert_eq!(key.line(), line);
        assert!(Key::read("ssh-rsa AAAA").unwrap().is(&key));
        for other in ["# ssh-rsa AAAA", "", "ssh-rsa", "what ever"] {
            assert_eq!(Key::read(other), None, "{other:?}");
        }
    }
}
