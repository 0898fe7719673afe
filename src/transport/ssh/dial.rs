//! From a name to a server that has shown that it is who it was: resolve, dial, handshake, host key.
//! It never sends anything of ours before the host key is known.
#![expect(
    clippy::disallowed_methods,
    reason = "dialling and known_hosts are what this file is for"
)]
use super::host_keys::{self, HostName, KnownHosts, Verdict};
use super::{Options, unreachable};
use crate::source::printable;
use crate::transport::TransportError;
use crate::transport::escalate::last_words;
use russh::client::{self, Handle};
use russh::keys::{Algorithm, PublicKey, PublicKeyOrCertificate};
use std::borrow::Cow;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A quiet server is asked whether it is still there; three silences in a row end the connection.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Dials and shakes hands.
pub(super) async fn dial(options: &Options) -> Result<Handle<Checker>, TransportError> {
    let known = read(&options.known_hosts)?;
    let limit = options.connect_timeout;
    let connecting = async {
        let stream = connect(options).await?;
        if let Some(fault) = &options.fault {
            fault.watch(&stream);
        }
        let config = Arc::new(config(&known, &options.name()));
        let checker = Checker { known, options: options.clone() };
        client::connect_stream(config, Brisk(stream), checker)
            .await
            .map_err(|refusal| refusal.0.unwrap_or_else(|error| broken(options, &error)))
    };
    tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_| {
        Err(unreachable(
            format!("{} doesn't answer within {} seconds", options.address(), limit.as_secs()),
            "is it up, and does a firewall let us in? --timeout waits longer",
        ))
    })
}

fn config(known: &KnownHosts, name: &HostName) -> client::Config {
    let mut config = client::Config {
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: 3,
        ..client::Config::default()
    };
    let sha1 = Algorithm::Rsa { hash: None };
    let ours: Vec<_> = config.preferred.key.iter().filter(|key| **key != sha1).cloned().collect();
    config.preferred.key = Cow::Owned(known.order(name, &ours));
    config
}

async fn connect(options: &Options) -> Result<TcpStream, TransportError> {
    let address = options.address();
    let found = tokio::net::lookup_host((options.host.as_str(), options.port)).await;
    let found = found.map_err(|error| {
        unreachable(
            format!("can't resolve `{}`: {error}", printable(&options.host)),
            "set ansible_host to an address, or mend the name",
        )
    })?;
    let mut failed = None;
    for candidate in found {
        match TcpStream::connect(candidate).await {
            Ok(stream) => {
                // Only speed depends on it.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => failed = Some(error),
        }
    }
    let Some(error) = failed else {
        return Err(unreachable(format!("`{address}` has no address"), "set ansible_host"));
    };
    Err(match error.kind() {
        ErrorKind::ConnectionRefused => unreachable(
            format!("{address} refuses connections"),
            "is sshd running there, on that port? ansible_port says another one",
        ),
        _ => unreachable(format!("can't connect to {address}: {error}"), "is the network up?"),
    })
}

/// A handshake that came to nothing.
fn broken(options: &Options, error: &russh::Error) -> TransportError {
    let address = options.address();
    let help = match error {
        russh::Error::Version => "what answers there doesn't speak SSH: is the port right?",
        russh::Error::NoCommonAlgo { .. } => {
            "the server's algorithms are too old or too new for us"
        }
        russh::Error::HUP
        | russh::Error::Disconnect
        | russh::Error::IO(_)
        | russh::Error::Join(_) => {
            "the server hung up: too many connections at once, or it has banned our address?"
        }
        _ => "what answers there may not be an SSH server",
    };
    unreachable(format!("no SSH handshake with {address}: {}", told(error)), help)
}

/// An error of russh as a fragment: bounded, since servers' words may be in it.
pub(super) fn told(error: &russh::Error) -> String {
    let text = last_words(&error.to_string());
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !text.starts_with("SSH") => first.to_lowercase().chain(letters).collect(),
        _ => text,
    }
}

fn read(files: &[impl AsRef<Path>]) -> Result<KnownHosts, TransportError> {
    let mut known = KnownHosts::default();
    for file in files.iter().map(AsRef::as_ref) {
        match std::fs::read(file) {
            Ok(text) => known.add(file, &String::from_utf8_lossy(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                let message = format!("can't read {}: {error}", file.display());
                return Err(unreachable(message, "servers' keys can't be checked without it"));
            }
        }
    }
    Ok(known)
}

/// Judges the host key in the middle of the handshake.
pub(super) struct Checker {
    known: KnownHosts,
    options: Options,
}

/// Why a handshake ended: our own verdict, or russh's error.
#[derive(Debug)]
pub(super) struct Refusal(Result<TransportError, russh::Error>);

impl From<russh::Error> for Refusal {
    fn from(error: russh::Error) -> Self {
        Self(Err(error))
    }
}

impl client::Handler for Checker {
    type Error = Refusal;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Refusal> {
        match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                self.check(key).map(|()| true).map_err(|error| Refusal(Ok(error)))
            }
            // We ask for none.
            PublicKeyOrCertificate::Certificate(_) => Err(Refusal(Ok(unreachable(
                format!("{} shows a host certificate", self.options.address()),
                "host certificates are not supported yet: give the server a plain host key",
            )))),
        }
    }
}

impl Checker {
    fn check(&self, key: &PublicKey) -> Result<(), TransportError> {
        let (name, address) = (self.options.name(), self.options.address());
        let shown = host_keys::fingerprint(key);
        match self.known.judge(&name, key) {
            Verdict::Known => Ok(()),
            Verdict::Unknown(_) if self.options.accept_new => self.remember(&name, key),
            Verdict::Unknown(useless) => Err(unreachable(
                format!("the host key of {address} is not known: it shows {shown}"),
                unknown_help(&self.options, &host_keys::line(&name, key), &useless),
            )),
            Verdict::Revoked(place) => Err(unreachable(
                format!("the host key of {address} is revoked by {place}: {shown}"),
                "whoever answers there may not be your server: don't log in",
            )),
            Verdict::Changed(known) => {
                let known: Vec<String> = known
                    .iter()
                    .map(|(place, key)| format!("{} ({place})", host_keys::fingerprint(key)))
                    .collect();
                let known = known.join(", ");
                Err(unreachable(
                    format!(
                        "the host key of {address} has changed: it was {known}, now it is {shown}"
                    ),
                    format!(
                        "somebody may be in between. If the server was set up anew, compare the \
                         fingerprint on its console (`ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub`) \
                         and then replace the line",
                        file_kind(key)
                    ),
                ))
            }
        }
    }

    fn remember(&self, name: &HostName, key: &PublicKey) -> Result<(), TransportError> {
        let Some(file) = self.options.known_hosts.first() else { return Ok(()) };
        append(file, &host_keys::line(name, key)).map_err(|error| {
            let message = format!("can't add the new host key to {}: {error}", file.display());
            unreachable(message, "add it by hand, or give another known_hosts file")
        })
    }
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
        "compare the fingerprint with the server's own, then add this line to {file}: {line}{}",
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

/// One write, so that hosts that come at the same time don't mix.
fn append(file: &Path, line: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let whole = std::fs::read(file).unwrap_or_default();
    let gap = if whole.is_empty() || whole.ends_with(b"\n") { "" } else { "\n" };
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file)?;
    file.write_all(format!("{gap}{line}\n").as_bytes())
}

/// A TCP stream that acknowledges at once: a handshake is a ping-pong in which a delayed
/// acknowledgement costs 40 ms a turn.
pub(in crate::transport) struct Brisk(pub(in crate::transport) TcpStream);

impl AsyncRead for Brisk {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(cx, buffer);
        #[cfg(target_os = "linux")]
        let _ = self.0.set_quickack(true);
        read
    }
}

impl AsyncWrite for Brisk {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
