//! Judges the host key in the middle of the handshake. Whatever it can't tell it refuses; it takes a
//! new key only where that was asked for, and a changed or revoked one never silently.
#![expect(
    clippy::disallowed_methods,
    reason = "known_hosts are read and certificates' times compared here"
)]
use super::dial::Farewell;
use super::host_keys::{self, HostName, KnownHosts, Verdict};
use super::known_file::add_known;
use super::revoked::Revoked;
use super::{Checking, NewHost, Options, Pin};
use crate::transport::{Stage, TransportError};
use russh::client::{self, DisconnectReason};
use russh::keys::{Algorithm, Certificate, PublicKey, PublicKeyOrCertificate};
use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

/// What is known of a server's key before it shows one.
pub(super) struct Checker {
    known: KnownHosts,
    revoked: Vec<(PathBuf, Revoked)>,
    options: Options,
    /// Set when a changed key was let pass (`StrictHostKeyChecking no`): no password may follow.
    mistrusted: Arc<AtomicBool>,
    farewell: Farewell,
}

/// Why a handshake ended: our own verdict, or russh's error.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) Result<TransportError, russh::Error>);

impl From<russh::Error> for Refusal {
    fn from(error: russh::Error) -> Self {
        Self(Err(error))
    }
}

impl client::Handler for Checker {
    type Error = Refusal;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Refusal> {
        let judged = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.check(key, None),
            PublicKeyOrCertificate::Certificate(certificate) => {
                let key = PublicKey::new(certificate.public_key().clone(), "");
                self.check(&key, Some(certificate))
            }
        };
        judged.map(|()| true).map_err(|error| Refusal(Ok(error)))
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Refusal>) -> Result<(), Refusal> {
        match reason {
            DisconnectReason::ReceivedDisconnect(said) => {
                self.farewell.is(&said.message);
                Ok(())
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }
}

impl Checker {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// [`TransportError::Unreachable`]: without them nothing can be told of the server.
    pub(super) fn new(options: &Options) -> Result<Self, TransportError> {
        let mut known = KnownHosts::default();
        for file in &options.known_hosts {
            match std::fs::read(file) {
                Ok(text) => known.add(file, &String::from_utf8_lossy(&text)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(file, &error.to_string())),
            }
        }
        let mut revoked = vec![];
        for file in &options.revoked_host_keys {
            // One that isn't there revokes every key, says ssh_config(5).
            let text = std::fs::read(file).map_err(|error| unreadable(file, &error.to_string()))?;
            let read = Revoked::read(&text).map_err(|why| {
                let message = format!("{} {why}", file.display());
                Stage::Setup.error(message, "no server's key can be trusted before it is mended")
            })?;
            revoked.push((file.clone(), read));
        }
        let (mistrusted, farewell) = (Arc::default(), Farewell::default());
        Ok(Self { known, revoked, options: options.clone(), mistrusted, farewell })
    }

    /// Where the server's last words will be.
    pub(super) fn farewell(&self) -> Farewell {
        self.farewell.clone()
    }

    /// Whether a key was let pass that is not the known one; to be read after the handshake.
    pub(super) fn mistrusted(&self) -> Arc<AtomicBool> {
        self.mistrusted.clone()
    }

    /// Whether there is anything to recognise the server by.
    pub(super) fn knows(&self) -> bool {
        !self.options.pins.is_empty() || self.known.knows(&self.options.name())
    }

    /// Puts the kinds of keys that are known of the server first, and asks for certificates where
    /// they could be of use.
    pub(super) fn prefer(&self, preferred: &mut russh::Preferred) {
        let sha1 = Algorithm::Rsa { hash: None };
        let ours: Vec<_> = preferred.key.iter().filter(|key| **key != sha1).cloned().collect();
        let name = self.options.name();
        let pinned = self.options.pins.iter().filter_map(|pin| match pin {
            Pin::Key(key) => Some(key.as_ref()),
            Pin::Fingerprint(_) => None,
        });
        preferred.key = Cow::Owned(if self.options.pins.is_empty() {
            let order = self.known.order(&name, &ours);
            preferred.host_key_certificates = Cow::Owned(self.known.certificates(&name, &order));
            order
        } else {
            host_keys::kinds_first(pinned, &ours)
        });
    }

    fn check(&self, key: &PublicKey, signed: Option<&Certificate>) -> Result<(), TransportError> {
        let (name, address) = (self.options.name(), self.options.address());
        let shown = host_keys::fingerprint(key);
        if let Err(why) = self.options.terms.is_long_enough(key) {
            let message = format!("the host key of {address} {why}: {shown}");
            return Err(Stage::HostKey.error(message, "give the server a longer key"));
        }
        let verdict = self.verdict(&name, key, signed)?;
        match verdict {
            Verdict::Revoked(place) => Err(revoked(&address, &place.to_string(), &shown)),
            _ if !self.options.pins.is_empty() => self.pinned(key),
            Verdict::Known => Ok(()),
            Verdict::Unknown(useless) => match self.options.checking {
                Checking::AcceptNew | Checking::Off => self.remember(&name, key),
                Checking::Strict | Checking::Ask => {
                    let (line, checking) = (host_keys::line(&name, key), self.options.checking);
                    Err(TransportError::NewHost(Box::new(NewHost {
                        message: format!(
                            "the host key of {address} is not known: it shows {shown}"
                        ),
                        help: unknown_help(&self.options, &line, &useless),
                        address,
                        fingerprint: shown,
                        line,
                        elsewhere: self.known.elsewhere(key).map(|place| place.to_string()),
                        may_ask: checking == Checking::Ask,
                    })))
                }
            },
            Verdict::Changed(_) if self.options.checking == Checking::Off => {
                tracing::warn!(
                    "the host key of {address} has changed, and is let pass: now it is {shown}"
                );
                self.mistrusted.store(true, Ordering::Relaxed);
                Ok(())
            }
            Verdict::Changed(known) => Err(changed(&address, &known, key)),
        }
    }

    /// What files say; of them the revoked win.
    fn verdict(
        &self,
        name: &HostName,
        key: &PublicKey,
        signed: Option<&Certificate>,
    ) -> Result<Verdict, TransportError> {
        for (file, revoked_keys) in &self.revoked {
            let is_revoked = match signed {
                None => revoked_keys.has_key(key),
                Some(certificate) => revoked_keys.has_certificate(certificate),
            };
            if is_revoked {
                let (address, shown) = (self.options.address(), host_keys::fingerprint(key));
                return Err(revoked(&address, &file.display().to_string(), &shown));
            }
        }
        let Some(certificate) = signed else { return Ok(self.known.judge(name, key)) };
        // A clock before 1970 makes every certificate one that is not valid yet.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let algorithms = &self.options.ca_algorithms;
        Ok(self.known.judge_certificate(name, certificate, algorithms, now.as_secs()))
    }

    /// Pins of the inventory are all that counts for their host.
    fn pinned(&self, key: &PublicKey) -> Result<(), TransportError> {
        if self.options.pins.iter().any(|pin| pin.is_of(key)) {
            return Ok(());
        }
        let pins: Vec<String> = self.options.pins.iter().map(ToString::to_string).collect();
        Err(Stage::HostKey.error(
            format!(
                "the host key of {} is not the one that cowhand_host_key pins: that is {}, it shows {}",
                self.options.address(),
                pins.join(" or "),
                host_keys::fingerprint(key)
            ),
            format!("somebody may be in between. {}", console_help(key)),
        ))
    }

    fn remember(&self, name: &HostName, key: &PublicKey) -> Result<(), TransportError> {
        let Some(file) = self.options.known_hosts.first() else { return Ok(()) };
        let line = if self.options.hash_known_hosts {
            host_keys::hashed_line(name, key)
        } else {
            host_keys::line(name, key)
        };
        add_known(file, &line).map_err(|error| {
            let message = format!("can't add the new host key to {}: {error}", file.display());
            Stage::Setup.error(message, "add it by hand, or give another known_hosts file")
        })
    }
}

fn unreadable(file: &Path, why: &str) -> TransportError {
    let message = format!("can't read {}: {why}", file.display());
    Stage::Setup.error(message, "servers' keys can't be checked without it")
}

fn revoked(address: &str, place: &str, shown: &str) -> TransportError {
    Stage::HostKey.error(
        format!("the host key of {address} is revoked by {place}: {shown}"),
        "whoever answers there may not be your server: don't log in",
    )
}

fn changed(
    address: &str,
    known: &[(host_keys::Place, PublicKey)],
    key: &PublicKey,
) -> TransportError {
    let shown = host_keys::fingerprint(key);
    let known: Vec<String> = known
        .iter()
        .map(|(place, key)| format!("{} ({place})", host_keys::fingerprint(key)))
        .collect();
    let known = known.join(", ");
    Stage::HostKey.error(
        format!("the host key of {address} has changed: it was {known}, now it is {shown}"),
        format!("somebody may be in between. {} and then replace the line", console_help(key)),
    )
}

fn console_help(key: &PublicKey) -> String {
    format!(
        "If the server was set up anew, compare the fingerprint on its console (`ssh-keygen -lf \
         /etc/ssh/ssh_host_{}_key.pub`)",
        file_kind(key)
    )
}

fn unknown_help(
    options: &Options,
    line: &str,
    useless: &[(host_keys::Place, &'static str)],
) -> String {
    let file = options.known_hosts.first();
    let file = file.map_or("your known_hosts file".into(), |file| file.display().to_string());
    let useless = useless.iter().take(3).map(|(place, why)| format!("; {place} {why}"));
    format!(
        "compare the fingerprint with the server's own, then add this line to {file} (`cowhand trust \
         add` does it for many): {line}{}",
        useless.collect::<String>()
    )
}

fn file_kind(key: &PublicKey) -> &'static str {
    match key.algorithm() {
        Algorithm::Ecdsa { .. } => "ecdsa",
        Algorithm::Rsa { .. } => "rsa",
        _ => "ed25519",
    }
}
