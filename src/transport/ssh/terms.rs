//! What is offered to a server in the handshake and kept up behind it: algorithms, signs of life, new
//! keys. It only ever narrows what russh offers by default, and never brings SHA-1 back.
use super::checker::Checker;
use super::config::expand;
use russh::client;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, HashAlg, PublicKey};
use russh::{Limits, Preferred, cipher, kex, mac};
use std::borrow::Cow;
use std::time::Duration;

/// A quiet server is asked whether it is still there; three silences in a row end the connection.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
const ALIVE_MAX: usize = 3;

/// russh takes no larger limit: more under one key would not be safe.
const REKEY_BYTES: u64 = 1 << 30;

/// The terms of a connection. Lists are names on the wire, best first; none: what russh prefers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub(super) kex: Option<Vec<String>>,
    pub(super) ciphers: Option<Vec<String>>,
    pub(super) macs: Option<Vec<String>>,
    /// Also names of certificates.
    pub(super) host_keys: Option<Vec<String>>,
    /// How keys may sign when we log in, also names of certificates.
    pub(super) user_keys: Option<Vec<String>>,
    /// Bits that an RSA key must have (`RequiredRSASize`).
    pub(super) rsa_bits: u32,
    pub(super) rekey_bytes: Option<u64>,
    pub(super) rekey_time: Option<Duration>,
    /// `None`: a quiet server is never asked.
    pub(super) alive_every: Option<Duration>,
    pub(super) alive_max: usize,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            kex: None,
            ciphers: None,
            macs: None,
            host_keys: None,
            user_keys: None,
            rsa_bits: 1024,
            rekey_bytes: None,
            rekey_time: None,
            alive_every: Some(ALIVE_EVERY),
            alive_max: ALIVE_MAX,
        }
    }
}

/// The lists of algorithms that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Kex,
    Ciphers,
    Macs,
    HostKeys,
    UserKeys,
}

impl List {
    /// What a list of `ssh_config` leaves of what we can do, best first.
    pub(super) fn choose(self, list: &str) -> Vec<String> {
        let (defaults, more) = self.known();
        let all: Vec<_> = defaults.iter().chain(&more).map(String::as_str).collect();
        expand(list, &all[..defaults.len()], &all)
    }

    /// What is offered by default, and what else can be wished for.
    pub(super) fn known(self) -> (Vec<String>, Vec<String>) {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let preferred = Preferred::DEFAULT;
        match self {
            Self::Kex => {
                let names = preferred.kex.iter().filter(|name| !is_extension(name));
                let more =
                    [kex::ECDH_SHA2_NISTP256, kex::ECDH_SHA2_NISTP384, kex::ECDH_SHA2_NISTP521];
                (
                    names.map(|n| n.as_ref().to_owned()).collect(),
                    own(&more.each_ref().map(AsRef::as_ref)),
                )
            }
            Self::Ciphers => (
                preferred.cipher.iter().map(|n| n.as_ref().to_owned()).collect(),
                own(&["aes128-gcm@openssh.com"]),
            ),
            Self::Macs => (preferred.mac.iter().map(|n| n.as_ref().to_owned()).collect(), vec![]),
            Self::HostKeys | Self::UserKeys => {
                let keys = || preferred.key.iter().filter(|key| **key != SHA1);
                let certificates = keys().map(Algorithm::to_certificate_type);
                let plain = keys().map(|key| key.as_str().to_owned());
                let sk = ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"];
                let sk = if self == Self::UserKeys { own(&sk) } else { vec![] };
                (certificates.chain(plain).chain(sk).collect(), vec![])
            }
        }
    }
}

const SHA1: Algorithm = Algorithm::Rsa { hash: None };

/// Names in the list of key exchanges that are none, but say what else we can do.
fn is_extension(name: &kex::Name) -> bool {
    name.as_ref().starts_with("ext-info-") || name.as_ref().starts_with("kex-strict-")
}

impl Terms {
    /// What russh is to do for a server.
    pub(super) fn config(&self, checker: &Checker) -> client::Config {
        let mut config = client::Config {
            keepalive_interval: self.alive_every,
            keepalive_max: self.alive_max,
            limits: self.limits(),
            ..client::Config::default()
        };
        let preferred = &mut config.preferred;
        if let Some(names) = &self.kex {
            let extensions = preferred.kex.iter().filter(|name| is_extension(name)).copied();
            preferred.kex = Cow::Owned(known(names).chain(extensions).collect());
        }
        if let Some(names) = &self.ciphers {
            preferred.cipher = Cow::Owned(known::<cipher::Name>(names).collect());
        }
        if let Some(names) = &self.macs {
            preferred.mac = Cow::Owned(known::<mac::Name>(names).collect());
        }
        checker.prefer(preferred);
        if let Some(names) = &self.host_keys {
            let has = |name: &str| names.iter().any(|known| known == name);
            preferred.key.to_mut().retain(|key| has(key.as_str()));
            preferred.host_key_certificates.to_mut().retain(|key| has(&key.to_certificate_type()));
        }
        config
    }

    /// Whether one of our keys may be used to log in.
    ///
    /// # Errors
    /// A fragment that says of the key why not.
    pub(super) fn may_sign(&self, key: &PublicKey, hash: Option<HashAlg>) -> Result<(), String> {
        self.is_long_enough(key)?;
        let name = match key.algorithm() {
            Algorithm::Rsa { .. } => Algorithm::Rsa { hash },
            other => other,
        };
        match &self.user_keys {
            Some(names) if !names.iter().any(|known| known == name.as_str()) => {
                Err("is of a kind that PubkeyAcceptedAlgorithms leaves out".into())
            }
            _ => Ok(()),
        }
    }

    /// # Errors
    /// A fragment that says of an RSA key that it is too short.
    pub(super) fn is_long_enough(&self, key: &PublicKey) -> Result<(), String> {
        match key.key_data() {
            KeyData::Rsa(rsa) if rsa.key_size() < self.rsa_bits => Err(format!(
                "has {} bits, and RequiredRSASize asks for {}",
                rsa.key_size(),
                self.rsa_bits
            )),
            _ => Ok(()),
        }
    }

    fn limits(&self) -> Limits {
        let usual = Limits::default();
        let bytes = self.rekey_bytes.map(|bytes| bytes.min(REKEY_BYTES));
        let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
        Limits::new(
            bytes.unwrap_or(usual.rekey_write_limit),
            bytes.unwrap_or(usual.rekey_read_limit),
            self.rekey_time.unwrap_or(usual.rekey_time_limit),
        )
    }
}

fn known<'a, T: TryFrom<&'a str>>(names: &'a [String]) -> impl Iterator<Item = T> {
    names.iter().filter_map(|name| T::try_from(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_can_be_chosen_is_one_that_russh_knows() {
        let all = |list: List| {
            let (defaults, more) = list.known();
            defaults.into_iter().chain(more).collect::<Vec<_>>()
        };
        let names = all(List::Kex);
        assert_eq!(known::<kex::Name>(&names).count(), names.len());
        let names = all(List::Ciphers);
        assert_eq!(known::<cipher::Name>(&names).count(), names.len());
        let names = all(List::Macs);
        assert_eq!(known::<mac::Name>(&names).count(), names.len());
    }

    #[test]
    fn weak_algorithms_can_not_be_wished_for() {
        for (list, wish) in [
            (List::Kex, "diffie-hellman-group1-sha1,none"),
            (List::Ciphers, "none,clear,3des-cbc,aes128-cbc"),
            (List::Macs, "none,hmac-sha1,umac-64@openssh.com"),
            (List::HostKeys, "ssh-rsa,ssh-dss"),
            (List::UserKeys, "ssh-rsa"),
        ] {
            assert_eq!(list.choose(wish), Vec::<String>::new(), "{list:?}");
        }
        assert_eq!(List::Ciphers.choose("^aes128-ctr,3des-cbc")[0], "aes128-ctr");
    }
}
