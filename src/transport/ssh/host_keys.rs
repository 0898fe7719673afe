//! Whether a server is who it was: `known_hosts` files, read and matched. It never decides by itself
//! to trust a key, and never lets a line that it can't read weaken one that it can.
//!
//! Format and rules: `sshd(8)`, section "`SSH_KNOWN_HOSTS` FILE FORMAT".
use super::host_certificate::{self, CaAlgorithms};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::ssh_key::rand_core::Rng as _;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};
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

    /// What a host certificate must be valid for: the name without its port.
    pub(super) fn principal(&self) -> &str {
        self.bare.as_deref().unwrap_or(&self.name)
    }

    /// The names to look up, the nearest first.
    fn names(&self) -> impl Iterator<Item = &str> {
        [Some(self.name.as_str()), self.bare.as_deref()].into_iter().flatten()
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
    /// Whoever has this may sign certificates of hosts.
    Authority(PublicKey),
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
            let Some((marker, names, key)) = parts(line) else { continue };
            let place = Place { file: file.to_owned(), line: index + 1 };
            let entry = match (marker, public_key(key)) {
                (_, None) => Entry::Unusable("holds no key that can be read"),
                ("", Some(key)) => Entry::Key(key),
                ("@revoked", Some(key)) => Entry::Revoked(key),
                ("@cert-authority", Some(key)) => Entry::Authority(key),
                _ => Entry::Unusable("begins with a marker that is not known"),
            };
            self.0.push(Line { place, names: names.to_owned(), entry });
        }
    }

    /// What is known of `key` as the key of `host`. Comments of keys play no part. The name without
    /// its port is asked only when nothing is known under the one with it.
    pub(super) fn judge(&self, host: &HostName, key: &PublicKey) -> Verdict {
        for name in host.names() {
            if let Some(place) = self.revoked(name, &[key.key_data()]) {
                return Verdict::Revoked(place);
            }
            let known = self.keys(name);
            if known.iter().any(|(_, known)| known.key_data() == key.key_data()) {
                return Verdict::Known;
            }
            // Another key under the bare name says nothing of a server on another port.
            if !known.is_empty() && name == host.name {
                let owned = |(place, key): (&Place, &PublicKey)| (place.clone(), key.clone());
                return Verdict::Changed(known.into_iter().map(owned).collect());
            }
        }
        Verdict::Unknown(self.useless(host))
    }

    /// What is known of a host that shows a certificate, at a time in seconds since 1970. As OpenSSH
    /// does, a certificate that vouches for nothing counts as the plain key in it.
    pub(super) fn judge_certificate(
        &self,
        host: &HostName,
        shown: &Certificate,
        algorithms: &CaAlgorithms,
        now: u64,
    ) -> Verdict {
        let mut vain = vec![];
        for name in host.names() {
            if let Some(place) = self.revoked(name, &[shown.public_key(), shown.signature_key()]) {
                return Verdict::Revoked(place);
            }
            let Some(place) = self.authority(name, shown) else { continue };
            match host_certificate::check(shown, host.principal(), algorithms, now) {
                Ok(()) => return Verdict::Known,
                Err(why) => vain.push((place, why)),
            }
        }
        match self.judge(host, &PublicKey::new(shown.public_key().clone(), "")) {
            Verdict::Unknown(useless) => {
                vain.extend(useless);
                Verdict::Unknown(vain)
            }
            verdict => verdict,
        }
    }

    /// Whether anything is known by which a key of this host could be recognised.
    pub(super) fn knows(&self, host: &HostName) -> bool {
        host.names().any(|name| !self.keys(name).is_empty() || self.has_authority(name))
    }

    /// Where a key stands as that of other names.
    pub(super) fn elsewhere(&self, key: &PublicKey) -> Option<Place> {
        let is_same = |line: &&Line| match &line.entry {
            Entry::Key(known) => known.key_data() == key.key_data(),
            _ => false,
        };
        self.0.iter().find(is_same).map(|line| line.place.clone())
    }

    fn revoked(&self, name: &str, keys: &[&KeyData]) -> Option<Place> {
        let mut lines = self.0.iter().filter(|line| names_match(&line.names, name));
        let is_meant = |line: &&Line| match &line.entry {
            Entry::Revoked(revoked) => keys.contains(&revoked.key_data()),
            _ => false,
        };
        lines.find(is_meant).map(|line| line.place.clone())
    }

    fn authority(&self, name: &str, shown: &Certificate) -> Option<Place> {
        let mut lines = self.0.iter().filter(|line| names_match(&line.names, name));
        let is_signer = |line: &&Line| match &line.entry {
            Entry::Authority(key) => key.key_data() == shown.signature_key(),
            _ => false,
        };
        lines.find(is_signer).map(|line| line.place.clone())
    }

    fn has_authority(&self, name: &str) -> bool {
        let is_one = |line: &Line| matches!(line.entry, Entry::Authority(_));
        self.0.iter().any(|line| is_one(line) && names_match(&line.names, name))
    }

    /// Lines that name the host and can't be read.
    fn useless(&self, host: &HostName) -> Vec<(Place, &'static str)> {
        let lines = self.0.iter().filter(|line| line.is_of(host));
        let why = |line: &Line| match line.entry {
            Entry::Unusable(why) => Some((line.place.clone(), why)),
            _ => None,
        };
        lines.filter_map(why).collect()
    }

    /// Of `ours`, in their order, the kinds of keys whose certificates the host is asked for: all,
    /// unless only plain keys are known; then no kind that would hide a key that we know.
    pub(super) fn certificates(&self, host: &HostName, ours: &[Algorithm]) -> Vec<Algorithm> {
        let known: Vec<_> = host.names().flat_map(|name| self.keys(name)).collect();
        let all = known.is_empty() || host.names().any(|name| self.has_authority(name));
        let is_known = |ours: &&Algorithm| known.iter().any(|(_, key)| is_kind(key, ours));
        ours.iter().filter(|ours| all || is_known(ours)).cloned().collect()
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
        kinds_first(known.into_iter().map(|(_, key)| key), ours)
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
        host.names().any(|name| names_match(&self.names, name))
    }
}

/// The line that makes a key known under a name.
pub(super) fn line(host: &HostName, key: &PublicKey) -> String {
    format!("{host} {}", plain(key))
}

/// The same without telling the name to whoever reads the file (`HashKnownHosts`).
pub(super) fn hashed_line(host: &HostName, key: &PublicKey) -> String {
    let mut salt = [0; 20];
    russh::keys::key::safe_rng().fill_bytes(&mut salt);
    // HMAC takes keys of any length.
    let mac = Hmac::<Sha1>::new_from_slice(&salt).map(|mac| mac.chain_update(&host.name));
    match mac {
        Ok(mac) => {
            let hash = mac.finalize().into_bytes();
            format!("|1|{}|{} {}", BASE64.encode(salt), BASE64.encode(hash), plain(key))
        }
        Err(_) => line(host, key),
    }
}

/// `ours` with the kinds of some keys first.
pub(super) fn kinds_first<'a>(
    keys: impl Iterator<Item = &'a PublicKey>,
    ours: &[Algorithm],
) -> Vec<Algorithm> {
    let keys: Vec<_> = keys.collect();
    let mut ours = ours.to_vec();
    ours.sort_by_key(|ours| !keys.iter().any(|key| is_kind(key, ours)));
    ours
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

/// Marker, names and the rest of a line; `None`: it says nothing.
pub(super) fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (marker, rest) = if line.starts_with('@') { word(line) } else { ("", line) };
    let (names, key) = word(rest);
    Some((marker, names, key))
}

/// RSA keys are of one kind, whatever they are hashed with.
fn is_kind(key: &PublicKey, algorithm: &Algorithm) -> bool {
    match (key.algorithm(), algorithm) {
        (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
        (theirs, ours) => theirs == *ours,
    }
}

fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// `TYPE BASE64 [comment]`.
pub(super) fn public_key(text: &str) -> Option<PublicKey> {
    let (kind, rest) = word(text);
    let (base64, _comment) = word(rest);
    PublicKey::from_openssh(&format!("{kind} {base64}")).ok()
}

/// Whether the first field of a line means `name` (lower case): one hashed name, or patterns of
/// which one matches and none with `!` does.
pub(super) fn names_match(names: &str, name: &str) -> bool {
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
pub(super) fn glob(pattern: &[u8], text: &[u8]) -> bool {
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
