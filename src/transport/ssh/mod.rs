//! Servers over SSH: one connection per host, made when the first shell is wanted and shared by all;
//! one channel per shell. It never trusts a key for which no `known_hosts` file, authority or pin vouches
//! (unless told to take new ones), and never runs anything but one `sh` per channel.
mod bastion;
mod candidate;
mod checker;
pub mod config;
mod connection;
mod dial;
mod greeting;
mod heard;
mod host_certificate;
mod host_keys;
mod keyring;
mod known_file;
mod login;
mod proxy;
mod revoked;
mod signer;
mod tcp;
mod terms;
mod trust;

pub use bastion::Bastion;
pub(super) use dial::Brisk;
pub use heard::Heard;
pub use host_certificate::CaAlgorithms;
pub use keyring::{Identities, Keyring, Question};
pub use known_file::{KnownLine, add_known, known_lines, remove_known};
pub use tcp::{Dialling, Family};
pub use terms::Terms;
pub use trust::{Checking, NewHost, Pin};

use super::enter::enter;
use super::escalate;
use super::fault::Fault;
use super::shell::{Shell, nonce};
use super::{Connect, Escalation, TransportError, wire};
use crate::secret::Secret;
use crate::shell;
use crate::source::printable;
use connection::{Connection, Line};
use host_keys::HostName;
use russh::Disconnect;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::sync::{Mutex, Semaphore};

/// Where a server is and how to log in there.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is dialled: a name or an address.
    pub host: String,
    /// 22 unless told otherwise.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// Looked up in `known_hosts` in place of host and port (`HostKeyAlias`).
    pub host_key_alias: Option<String>,
    /// Files that know servers' keys; one that isn't there knows nothing.
    pub known_hosts: Vec<PathBuf>,
    /// What becomes of keys of which nothing is known; those that are taken are added to the first
    /// file of `known_hosts`.
    pub checking: Checking,
    /// They are added under a hash of the server's name (`HashKnownHosts`).
    pub hash_known_hosts: bool,
    /// The only keys that the server may show, whatever files know. None: as the files say.
    pub pins: Vec<Pin>,
    /// Files that revoke host keys; one that can't be read revokes all (`RevokedHostKeys`).
    pub revoked_host_keys: Vec<PathBuf>,
    /// How host certificates may be signed (`CASignatureAlgorithms`).
    pub ca_algorithms: CaAlgorithms,
    /// Keys to log in with.
    pub identities: Identities,
    /// Certificates for them (`CertificateFile`); none: `KEY-cert.pub` beside each.
    pub certificates: Vec<PathBuf>,
    /// The socket of an agent (`SSH_AUTH_SOCK`).
    pub agent: Option<PathBuf>,
    /// Tried when no key was taken.
    pub password: Option<Secret<String>>,
    /// Private keys that were read, shared by all hosts of a run.
    pub keyring: Arc<Keyring>,
    /// How often a server is dialled before it is given up (`ConnectionAttempts`).
    pub attempts: u32,
    /// For dialling and the handshake together, and for each step of the login.
    pub connect_timeout: Duration,
    /// For a batch, see [`Shell::new`].
    pub batch_timeout: Duration,
    /// Bytes of one answer, as they travel.
    pub answer_limit: usize,
    /// How many hosts may be in the middle of dialling, handshake and login at a time: behind the
    /// same door, then in all.
    pub handshakes: Vec<Arc<Semaphore>>,
    /// What leads there.
    pub via: Via,
    /// How it is dialled, where it is dialled directly.
    pub dialling: Dialling,
    /// Algorithms, signs of life, new keys.
    pub terms: Terms,
    /// Ways to log in that may be tried.
    pub methods: Vec<LoginMethod>,
    /// Where tests have it cut.
    pub fault: Option<Fault>,
}

impl Options {
    /// Port 22, no keys, strict, 10 seconds to connect and 60 for a batch.
    pub fn new(host: impl Into<String>, user: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: 22,
            user: user.into(),
            host_key_alias: None,
            known_hosts: vec![],
            checking: Checking::Ask,
            hash_known_hosts: false,
            pins: vec![],
            revoked_host_keys: vec![],
            ca_algorithms: CaAlgorithms::default(),
            identities: Identities::Usual(vec![]),
            certificates: vec![],
            agent: None,
            password: None,
            keyring: Arc::default(),
            attempts: 3,
            connect_timeout: Duration::from_secs(10),
            batch_timeout: Duration::from_secs(60),
            answer_limit: wire::MAX_FRAME,
            handshakes: vec![],
            via: Via::Tcp,
            dialling: Dialling::default(),
            terms: Terms::default(),
            methods: LoginMethod::ALL.to_vec(),
            fault: None,
        }
    }

    fn name(&self) -> HostName {
        match &self.host_key_alias {
            Some(alias) => HostName::alias(alias),
            None => HostName::new(&self.host, self.port),
        }
    }

    /// `host` or `host:port`, for messages.
    fn address(&self) -> String {
        let host = printable(&self.host);
        match self.port {
            22 => host.into_owned(),
            port if host.contains(':') => format!("[{host}]:{port}"),
            port => format!("{host}:{port}"),
        }
    }
}

/// What leads to a server.
#[derive(Clone, Debug, Default)]
pub enum Via {
    /// A TCP connection of our own.
    #[default]
    Tcp,
    /// A channel through another server.
    Jump(Arc<Bastion>),
    /// The standard streams of a command (`ProxyCommand`), run by the user's shell.
    Command(String),
}

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginMethod {
    /// Keys, of files and agents.
    PublicKey,
    /// Questions of the server.
    KeyboardInteractive,
    /// The password.
    Password,
}

impl LoginMethod {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::PublicKey, Self::KeyboardInteractive, Self::Password];

    /// As `PreferredAuthentications` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PublicKey => "publickey",
            Self::KeyboardInteractive => "keyboard-interactive",
            Self::Password => "password",
        }
    }
}

/// A shell over SSH.
pub type SshShell = Shell<Heard, Told>;

/// What is told to a channel.
pub type Told = Box<dyn AsyncWrite + Send + Sync + Unpin>;

/// One server. Nothing is dialled before the first [`Connect::shell`], and what is gone is dialled again by
/// the next; a connection ends with [`SshConnect::close`], or with this and the last of its shells.
#[derive(Debug)]
pub struct SshConnect {
    options: Options,
    connection: Mutex<Option<Arc<Connection>>>,
    channels: Arc<AtomicUsize>,
}

impl SshConnect {
    /// Of a server.
    pub fn new(options: Options) -> Self {
        Self { options, connection: Mutex::default(), channels: Arc::default() }
    }

    /// Channels that were opened so far.
    pub fn channels(&self) -> usize {
        self.channels.load(Ordering::Relaxed)
    }

    /// Says goodbye; its shells are lost.
    pub async fn close(&self) {
        if let Some(connection) = &*self.connection.lock().await {
            // A connection that is gone already needs no goodbye.
            let _ = connection.handle.disconnect(Disconnect::ByApplication, "", "en").await;
        }
    }

    /// The connection, made if there is none or the last one is gone.
    async fn connection(&self) -> Result<Arc<Connection>, TransportError> {
        let mut current = self.connection.lock().await;
        if let Some(connection) = current.as_ref().filter(|known| !known.handle.is_closed()) {
            return Ok(connection.clone());
        }
        let connection = Arc::new(connection::knock(&self.options).await?);
        Ok(current.insert(connection).clone())
    }

    /// The name and port by which files know its key.
    pub fn known_as(&self) -> (String, u16) {
        match &self.options.host_key_alias {
            Some(alias) => (alias.clone(), 22),
            None => (self.options.host.clone(), self.options.port),
        }
    }

    /// Whether there is anything to recognise the server's key by. Nothing is dialled.
    ///
    /// # Errors
    /// A file that can't be read.
    pub fn knows_host_key(&self) -> Result<bool, TransportError> {
        Ok(checker::Checker::new(&self.options)?.knows())
    }

    /// Shakes hands and goes away again: whether the server's key is one that we trust.
    ///
    /// # Errors
    /// As for a shell, up to the login; [`TransportError::NewHost`] has the key.
    pub async fn check_host_key(&self) -> Result<(), TransportError> {
        let (dialled, _permits) = connection::shake(&self.options).await?;
        // A connection that is gone already needs no goodbye.
        let _ = dialled.handle.disconnect(Disconnect::ByApplication, "", "en").await;
        Ok(())
    }
}

impl Connect for SshConnect {
    type Shell = SshShell;

    fn anew(&self) -> Self {
        Self::new(self.options.clone())
    }

    /// Whoever is to become whom they are already logged in as needs no escalation. Every call
    /// starts a shell and, through it, a `sudo`: keep what it returns.
    async fn shell(&self, escalation: Option<&Escalation>) -> Result<Self::Shell, TransportError> {
        let escalation = escalation.filter(|escalation| escalation.user != self.options.user);
        let connection = self.connection().await?;
        if let Some(Escalation { user, password: Some(_), .. }) = escalation
            && connection.mistrusted
        {
            let message = "the server's key is not the known one: it gets no password".to_owned();
            return Err(TransportError::Escalation { user: user.clone(), message, help: None });
        }
        let mut escalation = escalation.cloned();
        if let Some(escalation) = &mut escalation
            && self.options.user == "root"
        {
            // Nobody asks root; who seems to is the other's login shell.
            escalation.password = None;
        }
        let limit = self.options.batch_timeout;
        let asks = escalation.is_none() && connection.is_openssh;
        let line = Line::new(connection, self.channels.clone(), self.options.connect_timeout);
        // What is asked first may be in the command line, where we know what the server takes.
        let shell = if asks {
            let plain = shell::join(escalate::plain(&["/bin/sh"]));
            Shell::starting(line.starting(plain).await?, nonce(), limit)
        } else {
            enter(&line, &["/bin/sh"], escalation.as_ref(), limit).await?
        };
        Ok(shell.cut_by(self.options.fault.clone()).bounded(self.options.answer_limit))
    }

    async fn hang_up(&self) {
        self.connection.lock().await.take();
        if let Via::Jump(bastion) = &self.options.via {
            bastion.forget_failure().await;
        }
    }
}

async fn within<T>(limit: Duration, doing: impl Future<Output = T>) -> Result<T, TransportError> {
    let done = tokio::time::timeout(limit, doing).await;
    done.map_err(|_| TransportError::TimedOut { seconds: limit.as_secs() })
}
