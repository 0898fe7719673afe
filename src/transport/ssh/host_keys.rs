//! Whether a server is who it was: `known_hosts` files, read and matched. It never decides by itself
//! to trust a key, and never lets a line that it can't read weaken one that it can.
//!
//! Format and rules: `sshd(8)`, section "`SSH_KNOWN_HOSTS` FILE FORMAT".
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::{Algorithm, HashAlg, PublicKey};
use sha1::Sha1;
use std::fmt;
use std::path::{Path, PathBuf};

/// The name under which a server's key is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostName {
    /// As it stands in the file: `host`, or `[host]:port` when the port is not 22. Lower case.
    name: String,
    /// The bare host: its key is accepted on another port, as long as that port has none of its own.
    bare: Option<String>,
}

impl HostName {
    /// Of a server at an address.
    pub(super) fn new(host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        match port {
            22 => Self { name: host, bare: None },
            _ => Self { name: format!("[{host}]:{port}"), bare: Some(host) },
        }
    }

    /// A name that stands for the server whatever its address and port (`HostKeyAlias`).
    pub(super) fn alias(name: &str) -> Self {
        Self { name: name.to_ascii_lowercase(), bare: None }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Where a line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The file.
    pub(super) file: PathBuf,
    /// From 1.
    pub(super) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// What the files say of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is this host's.
    Known,
    /// Nothing is known of this host. Lines that name it and were of no use, each with the reason.
    Unknown(Vec<(Place, &'static str)>),
    /// The host had other keys.
    Changed(Vec<(Place, PublicKey)>),
    /// A line forbids this key.
    Revoked(Place),
}

#[derive(Debug)]
struct Line {
    place: Place,
    names: String,
    entry: Entry,
}

#[derive(Debug)]
enum Entry {
    Key(PublicKey),
    Revoked(PublicKey),
    /// Of no use here, and why.
    Unusable(&'static str),
}

/// The lines of all files, in order.
#[derive(Debug, Default)]
pub(super) struct KnownHosts(Vec<Line>);

impl KnownHosts {
    /// Adds the text of one file.
    pub(super) fn add(&mut self, file: &Path, text: &str) {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = Place { file: file.to_owned(), line: index + 1 };
            let (marker, rest) = if line.starts_with('@') { word(line) } else { ("", line) };
            let (names, key) = word(rest);
            let entry = match (marker, public_key(key)) {
                (_, None) => Entry::Unusable("holds no key that can be read"),
                ("", Some(key)) => Entry::Key(key),
                ("@revoked", Some(key)) => Entry::Revoked(key),
                ("@cert-authority", Some(_)) => {
                    Entry::Unusable("is for host certificates, which are not supported yet")
                }
                _ => Entry::Unusable("begins with a marker that is not known"),
            };
            self.0.push(Line { place, names: names.to_owned(), entry });
        }
    }

    /// What is known of `key` as the key of `host`. Comments of keys play no part.
    pub(super) fn judge(&self, host: &HostName, key: &PublicKey) -> Verdict {
        let is_same = |other: &PublicKey| other.key_data() == key.key_data();
        for line in self.0.iter().filter(|line| line.is_of(host)) {
            if matches!(&line.entry, Entry::Revoked(revoked) if is_same(revoked)) {
                return Verdict::Revoked(line.place.clone());
            }
        }
        let named = self.keys(&host.name);
        if named.iter().any(|(_, known)| is_same(known)) {
            return Verdict::Known;
        }
        if !named.is_empty() {
            let owned = |(place, key): (&Place, &PublicKey)| (place.clone(), key.clone());
            return Verdict::Changed(named.into_iter().map(owned).collect());
        }
        if let Some(bare) = &host.bare
            && self.keys(bare).iter().any(|(_, known)| is_same(known))
        {
            return Verdict::Known;
        }
        let useless = self.0.iter().filter(|line| line.is_of(host));
        Verdict::Unknown(
            useless
                .filter_map(|line| match line.entry {
                    Entry::Unusable(why) => Some((line.place.clone(), why)),
                    _ => None,
                })
                .collect(),
        )
    }

    /// `ours` with the types of the host's known keys first: a server picks the first that it has,
    /// and one that has several keys must show the one that we know.
    pub(super) fn order(&self, host: &HostName, ours: &[Algorithm]) -> Vec<Algorithm> {
        let mut known = self.keys(&host.name);
        if known.is_empty()
            && let Some(bare) = &host.bare
        {
            known = self.keys(bare);
        }
        let rank = |ours: &Algorithm| {
            let is_known = |(_, key): &(&Place, &PublicKey)| match (key.algorithm(), ours) {
                (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
                (theirs, ours) => theirs == *ours,
            };
            !known.iter().any(is_known)
        };
        let mut ours = ours.to_vec();
        ours.sort_by_key(rank);
        ours
    }

    fn keys(&self, name: &str) -> Vec<(&Place, &PublicKey)> {
        self.0
            .iter()
            .filter(|line| names_match(&line.names, name))
            .filter_map(|line| match &line.entry {
                Entry::Key(key) => Some((&line.place, key)),
                _ => None,
            })
            .collect()
    }
}

impl Line {
    fn is_of(&self, host: &HostName) -> bool {
        let bare = host.bare.as_ref().is_some_and(|bare| names_match(&self.names, bare));
        bare || names_match(&self.names, &host.name)
    }
}

/// The line that makes a key known under a name.
pub(super) fn line(host: &HostName, key: &PublicKey) -> String {
    format!("{host} {}", plain(key))
}

/// `ED25519 SHA256:…`, as `ssh` and `ssh-keygen -l` show a key.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    let kind = match key.algorithm() {
        Algorithm::Ed25519 => "ED25519".to_owned(),
        Algorithm::Ecdsa { .. } => "ECDSA".to_owned(),
        Algorithm::Rsa { .. } => "RSA".to_owned(),
        other => other.to_string(),
    };
    format!("{kind} {}", key.fingerprint(HashAlg::Sha256))
}

fn plain(key: &PublicKey) -> String {
    let bare = PublicKey::new(key.key_data().clone(), "");
    // A key that was parsed can be written again; an empty text would match nothing.
    bare.to_openssh().unwrap_or_default()
}

fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// `TYPE BASE64 [comment]`.
fn public_key(text: &str) -> Option<PublicKey> {
    let (kind, rest) = word(text);
    let (base64, _comment) = word(rest);
    PublicKey::from_openssh(&format!("{kind} {base64}")).ok()
}

/// Whether the first field of a line means `name` (lower case): one hashed name, or patterns of
/// which one matches and none with `!` does.
fn names_match(names: &str, name: &str) -> bool {
    if let Some(hashed) = names.strip_prefix("|1|") {
        return hash_matches(hashed, name).unwrap_or(false);
    }
    let mut is_match = false;
    for pattern in names.split(',') {
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        };
        if glob(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes()) {
            if negated {
                return false;
            }
            is_match = true;
        }
    }
    is_match
}

/// `SALT|HASH`, both base64: the hash is HMAC-SHA1 of the name with the salt as its key.
fn hash_matches(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let (salt, hash) = (BASE64.decode(salt).ok()?, BASE64.decode(hash).ok()?);
    let mac = Hmac::<Sha1>::new_from_slice(&salt).ok()?.chain_update(name);
    Some(mac.verify_slice(&hash).is_ok())
}

/// `*` is any run of characters, `?` any one. Never backtracks further than the last `*`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(b'?') => (at, seen) = (at + 1, seen + 1),
            Some(byte) if *byte == text[seen] => (at, seen) = (at + 1, seen + 1),
            _ => {
                let Some((star_at, from)) = star else { return false };
                star = Some((star_at, from + 1));
                (at, seen) = (star_at + 1, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
#[path = "host_keys_tests.rs"]
mod tests;
