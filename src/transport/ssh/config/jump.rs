//! Hops of `ProxyJump`: `[user@]host[:port]`, `ssh://[user@]host[:port]`, several with commas. Pure.
use std::fmt;

/// One hop, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// Who logs in there, where the hop says so.
    pub user: Option<String>,
    /// A name to look up in the configuration.
    pub host: String,
    /// Where the hop says so.
    pub port: Option<u16>,
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// The hops of a chain, the first to be dialled first; none for `none`.
///
/// # Errors
/// A fragment: what would have been right.
pub(super) fn parse(text: &str) -> Result<Vec<Hop>, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(vec![]);
    }
    let wrong = || "takes [user@]host[:port], several with commas".to_owned();
    text.split(',').map(|hop| parse_hop(hop).ok_or_else(wrong)).collect()
}

fn parse_hop(text: &str) -> Option<Hop> {
    let bare = match text.get(..6) {
        Some(scheme) if scheme.eq_ignore_ascii_case("ssh://") => {
            text[6..].strip_suffix('/').unwrap_or(&text[6..])
        }
        _ => text,
    };
    let (user, place) = match bare.rsplit_once('@') {
        Some((user, place)) => (Some(user.to_owned()), place),
        None => (None, bare),
    };
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, behind) = rest.split_once(']')?;
        match behind.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if behind.is_empty() => (host, None),
            None => return None,
        }
    } else {
        match place.split_once(':') {
            // An address of IPv6 without brackets has no port.
            Some((_, rest)) if rest.contains(':') => (place, None),
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        }
    };
    let port = match port {
        Some(text) => Some(text.parse().ok().filter(|port| *port > 0)?),
        None => None,
    };
    if host.is_empty() || user.as_ref().is_some_and(String::is_empty) {
        return None;
    }
    Some(Hop { user, host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parse(text) {
            Ok(hops) => hops.iter().map(Hop::to_string).collect::<Vec<_>>().join(" | "),
            Err(_) => "wrong".into(),
        }
    }

    #[test]
    fn hops_have_users_ports_and_addresses() {
        for (text, meaning) in [
            ("none", ""),
            ("a", "a"),
            ("me@a:44,b", "me@a:44 | b"),
            ("ssh://me@a:44,SSH://b/", "me@a:44 | b"),
            ("[2001:db8::1]:33,2001:db8::2", "[2001:db8::1]:33 | 2001:db8::2"),
            ("a@b@c", "a@b@c"),
            ("a,,b", "wrong"),
            ("@a", "wrong"),
            ("a:0", "wrong"),
            ("a:ssh", "wrong"),
            ("[::1", "wrong"),
        ] {
            assert_eq!(read(text), meaning, "{text}");
        }
    }
}
