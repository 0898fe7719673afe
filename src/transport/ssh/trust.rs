//! How strictly host keys are checked, and keys that are pinned. Nothing is decided here.
use super::host_keys::{fingerprint, public_key};
use russh::keys::{HashAlg, PublicKey};
use std::fmt;
use std::str::FromStr;

/// What becomes of a key of which nothing is known (`StrictHostKeyChecking`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checking {
    /// `yes`: it is refused.
    Strict,
    /// `ask`: whoever sits at a terminal is asked before the run; on the wire it is refused.
    #[default]
    Ask,
    /// `accept-new`: it is taken and remembered. A changed key is refused all the same.
    AcceptNew,
    /// `no`, `off`: as `accept-new`, and a changed key is let pass, but no password follows it. One
    /// that is revoked is refused even so.
    Off,
}

/// A host key that the inventory names (`cowhand_host_key`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// As in a `.pub` file.
    Key(Box<PublicKey>),
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    Fingerprint(String),
}

impl Pin {
    pub(super) fn is_of(&self, key: &PublicKey) -> bool {
        match self {
            Self::Key(pinned) => pinned.key_data() == key.key_data(),
            Self::Fingerprint(pinned) => *pinned == key.fingerprint(HashAlg::Sha256).to_string(),
        }
    }
}

impl FromStr for Pin {
    type Err = String;

    /// `SHA256:…`, or `TYPE BASE64` with or without a comment.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with("SHA256:") {
            // OpenSSH leaves out base64's padding.
            let text = text.trim_end_matches('=');
            let is_one = text.len() == "SHA256:".len() + 43
                && text["SHA256:".len()..]
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b));
            return if is_one {
                Ok(Self::Fingerprint(text.to_owned()))
            } else {
                Err(format!("`{text}` is no SHA256 fingerprint"))
            };
        }
        let key = public_key(text);
        key.map(|key| Self::Key(Box::new(key)))
            .ok_or_else(|| format!("`{text}` is neither a public key nor `SHA256:…`"))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(&fingerprint(key)),
            Self::Fingerprint(text) => f.write_str(text),
        }
    }
}

/// A server of whose key nothing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHost {
    /// What happened.
    pub message: String,
    /// What to do.
    pub help: String,
    /// `host` or `host:port`, for people.
    pub address: String,
    /// `ED25519 SHA256:…`.
    pub fingerprint: String,
    /// The line of `known_hosts` that would make it known.
    pub line: String,
    /// Where the same key stands as that of another name.
    pub elsewhere: Option<String>,
    /// Whether whoever sits at a terminal may be asked.
    pub may_ask: bool,
}
