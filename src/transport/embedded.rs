//! A small SSH server on loopback that runs a real `sh`: what `cowhand demo` hardens and what tests
//! log in to. One user's key or password opens it to whoever has that; it is never a server for real.
#![expect(clippy::disallowed_methods, reason = "it starts the shells that it is asked for")]
use super::ssh::Brisk;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Handle, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, Disconnect, MethodKind, MethodSet};
use std::collections::{HashMap, HashSet};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What a server is like.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// Whoever has this key may log in, under any name: a line as in `id_ed25519.pub`.
    pub authorized_key: Option<String>,
    /// Whoever knows this may log in, under any name.
    pub password: Option<String>,
    /// Said to everybody before the login.
    pub banner: Option<String>,
    /// The server's private key as OpenSSH text; a new one otherwise.
    pub host_key: Option<String>,
    /// Added to the environment of every command, e.g. `PATH`, `COWHAND_STATE`.
    pub env: Vec<(String, String)>,
}

/// A running server; it ends, with its connections, when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub addr: SocketAddr,
    host_key: PublicKey,
    counts: Arc<Counts>,
    _alive: DropGuard,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    channels: AtomicUsize,
    /// Open at the same time on one connection.
    most: AtomicUsize,
}

impl Server {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port, or a key that can't be read.
    pub async fn start(options: ServerOptions) -> io::Result<Self> {
        let unreadable = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        let host_key = match &options.host_key {
            Some(text) => PrivateKey::from_openssh(text).map_err(unreadable)?,
            None => new_key()?,
        };
        let authorized = options.authorized_key.as_deref().map(PublicKey::from_openssh);
        let authorized = authorized.transpose().map_err(unreadable)?;
        let public = host_key.public_key().clone();
        let config = Arc::new(server::Config {
            keys: vec![host_key],
            methods: MethodSet::from([MethodKind::PublicKey, MethodKind::Password].as_slice()),
            auth_rejection_time: Duration::from_millis(5),
            inactivity_timeout: None,
            ..server::Config::default()
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let counts = Arc::<Counts>::default();
        let alive = CancellationToken::new();
        let guest = Guest {
            authorized,
            password: options.password,
            banner: options.banner,
            env: options.env.into(),
            counts: counts.clone(),
            open: HashSet::new(),
            inputs: HashMap::new(),
        };
        tokio::spawn(serve(listener, config, guest, alive.clone()));
        Ok(Self { addr, host_key: public, counts, _alive: alive.drop_guard() })
    }

    /// The line of a `known_hosts` file that makes it known.
    pub fn known_hosts_line(&self) -> String {
        // A key that was made or parsed can be written.
        let key = self.host_key.to_openssh().unwrap_or_default();
        format!("[{}]:{} {key}", self.addr.ip(), self.addr.port())
    }

    /// Connections that were taken so far.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// The most channels that were open at the same time on one connection.
    pub fn most_channels(&self) -> usize {
        self.counts.most.load(Ordering::Relaxed)
    }

    /// Channels that were opened so far.
    pub fn channels(&self) -> usize {
        self.counts.channels.load(Ordering::Relaxed)
    }
}

/// Writes a new private key to a file that only its owner can read.
///
/// # Errors
/// The file is there already, or can't be written.
///
/// # Returns
/// Its public half, as [`ServerOptions::authorized_key`] wants it.
pub fn write_key(path: &Path) -> io::Result<String> {
    let key = new_key()?;
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    key.public_key().to_openssh().map_err(io::Error::other)
}

fn new_key() -> io::Result<PrivateKey> {
    let mut random = russh::keys::key::safe_rng();
    PrivateKey::random(&mut random, Algorithm::Ed25519).map_err(io::Error::other)
}

async fn serve(
    listener: TcpListener,
    config: Arc<server::Config>,
    guest: Guest,
    alive: CancellationToken,
) {
    loop {
        let stream = tokio::select! {
            () = alive.cancelled() => return,
            taken = listener.accept() => match taken {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        guest.counts.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(attend(stream, config.clone(), guest.clone(), alive.clone()));
    }
}

/// One connection, to its end.
async fn attend(
    stream: TcpStream,
    config: Arc<server::Config>,
    guest: Guest,
    alive: CancellationToken,
) {
    // Only speed depends on it.
    let _ = stream.set_nodelay(true);
    let running = tokio::select! {
        () = alive.cancelled() => return,
        running = server::run_stream(config, Brisk(stream), guest) => running,
    };
    // Whoever doesn't speak SSH is no guest.
    let Ok(mut running) = running else { return };
    let handle = running.handle();
    tokio::select! {
        () = alive.cancelled() => {
            let _ = handle.disconnect(Disconnect::ByApplication, String::new(), "en".into()).await;
        }
        _ = &mut running => {}
    }
}

/// One connection's side of the talk.
#[derive(Clone)]
struct Guest {
    authorized: Option<PublicKey>,
    password: Option<String>,
    banner: Option<String>,
    env: Arc<[(String, String)]>,
    counts: Arc<Counts>,
    open: HashSet<ChannelId>,
    /// Per channel what its command reads. Dropping it closes the command's input.
    inputs: HashMap<ChannelId, Input>,
}

#[derive(Clone)]
struct Input {
    bytes: Option<mpsc::UnboundedSender<Vec<u8>>>,
    /// Cancelled when the channel is closed.
    closed: CancellationToken,
}

impl server::Handler for Guest {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        Ok(self.banner.clone())
    }

    async fn auth_publickey(
        &mut self,
        _user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        let key = key.public_key.key_data();
        let is_known = self.authorized.as_ref().is_some_and(|known| known.key_data() == key);
        Ok(if is_known { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_password(&mut self, _user: &str, password: &str) -> Result<Auth, russh::Error> {
        let is_right = self.password.as_deref().is_some_and(|right| right == password);
        Ok(if is_right { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.counts.channels.fetch_add(1, Ordering::Relaxed);
        self.open.insert(channel.id());
        self.counts.most.fetch_max(self.open.len(), Ordering::Relaxed);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let command = String::from_utf8_lossy(command).into_owned();
        let (sender, receiver) = mpsc::unbounded_channel();
        let closed = CancellationToken::new();
        let input = Input { bytes: Some(sender), closed: closed.clone() };
        if self.inputs.insert(channel, input).is_some() {
            return session.channel_failure(channel);
        }
        session.channel_success(channel)?;
        let run = Run { command, env: self.env.clone(), channel, handle: session.handle() };
        tokio::spawn(run.finish(receiver, closed));
        Ok(())
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        let input = self.inputs.get(&channel).and_then(|input| input.bytes.as_ref());
        if let Some(input) = input {
            // A command that reads no more is told by its exit.
            let _ = input.send(data.to_vec());
        }
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        if let Some(input) = self.inputs.get_mut(&channel) {
            input.bytes = None;
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.open.remove(&channel);
        if let Some(input) = self.inputs.remove(&channel) {
            input.closed.cancel();
        }
        Ok(())
    }
}

/// A command on a channel.
struct Run {
    command: String,
    env: Arc<[(String, String)]>,
    channel: ChannelId,
    handle: Handle,
}

impl Run {
    async fn finish(self, mut input: mpsc::UnboundedReceiver<Vec<u8>>, closed: CancellationToken) {
        let spawned = tokio::process::Command::new("/bin/sh")
            .args(["-c", &self.command])
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let status = match spawned {
            Err(_) => 127,
            Ok(mut child) => {
                let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
                let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else { return };
                // Ends when the guest's end of the queue does, or the command reads no more.
                tokio::spawn(async move {
                    while let Some(bytes) = input.recv().await {
                        if stdin.write_all(&bytes).await.is_err() {
                            break;
                        }
                    }
                });
                let ended = async {
                    tokio::join!(self.pass_on(stdout, None), self.pass_on(stderr, Some(1)));
                    child.wait().await
                };
                let status = tokio::select! {
                    () = closed.cancelled() => return,
                    status = ended => status,
                };
                status.ok().and_then(|status| status.code()).unwrap_or(255)
            }
        };
        // A guest who has gone hears nothing.
        let status = u32::try_from(status).unwrap_or(255);
        let _ = self.handle.exit_status_request(self.channel, status).await;
        let _ = self.handle.eof(self.channel).await;
        let _ = self.handle.close(self.channel).await;
    }

    async fn pass_on(&self, mut from: impl AsyncRead + Unpin, extended: Option<u32>) {
        let mut buffer = vec![0; 32 << 10];
        while let Ok(read) = from.read(&mut buffer).await
            && read > 0
        {
            let bytes = buffer[..read].to_vec();
            let passed = match extended {
                None => self.handle.data(self.channel, bytes).await.is_ok(),
                Some(kind) => self.handle.extended_data(self.channel, kind, bytes).await.is_ok(),
            };
            if !passed {
                return;
            }
        }
    }
}
