//! A connection on which somebody has logged in: made with few tries, and with no more handshakes in
//! flight than servers like.
use super::checker::Checker;
use super::heard::Heard;
use super::{Options, Told, Via, dial, login, within};
use crate::shell;
use crate::transport::enter::Door;
use crate::transport::shell::Start;
use crate::transport::{Stage, TransportError, backoff};
use russh::client::{Handle, Msg};
use russh::{Channel, Pty};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Channels that a server is asked for at the same time.
const CHANNELS: usize = 2;

/// A connection on which somebody has logged in.
pub(super) struct Connection {
    pub(super) handle: Handle<Checker>,
    /// The server's key is not the known one, and was let pass: it must be told no password.
    pub(super) mistrusted: bool,
    /// It is OpenSSH's server, of which we know what it takes.
    pub(super) is_openssh: bool,
    /// One for each channel that may be open.
    seats: Arc<Semaphore>,
}

/// A channel, and its seat for as long as it is open.
pub(super) struct Seated {
    pub(super) channel: Channel<Msg>,
    /// There is always one, since nobody closes the semaphore.
    pub(super) seat: Option<OwnedSemaphorePermit>,
}

/// Channels of a connection, counted.
#[derive(Clone, Debug)]
pub(super) struct Line {
    connection: Arc<Connection>,
    channels: Arc<AtomicUsize>,
    /// For opening one.
    limit: Duration,
}

/// What a command on a channel says, and what it reads.
type Streams = (Heard, Told);

impl Line {
    pub(super) fn new(
        connection: Arc<Connection>,
        channels: Arc<AtomicUsize>,
        limit: Duration,
    ) -> Self {
        Self { connection, channels, limit }
    }

    /// Waits for a seat: whoever has one gives it back when its channel has been closed.
    async fn open(&self) -> Result<Seated, TransportError> {
        let opening = async {
            let seat = self.connection.seats.clone().acquire_owned().await.ok();
            (self.connection.handle.channel_open_session().await, seat)
        };
        let (opened, seat) = within(self.limit, opening).await?;
        self.channels.fetch_add(1, Ordering::Relaxed);
        let channel = opened.map_err(|error| self.lost("open a channel", &error))?;
        Ok(Seated { channel, seat })
    }

    /// Starts a command, without waiting for the answer to that.
    async fn exec(
        &self,
        seated: Seated,
        command: String,
        terminal: bool,
    ) -> Result<Streams, TransportError> {
        let channel = &seated.channel;
        let started = async {
            if terminal {
                channel.request_pty(false, "dumb", 80, 24, 0, 0, &[(Pty::ECHO, 0)]).await?;
            }
            channel.exec(false, command).await
        };
        started.await.map_err(|error| self.lost("start a shell", &error))?;
        let writer = Box::new(channel.make_writer());
        Ok((Heard::of(seated), writer))
    }

    /// Opens a channel for a shell that is started later; `plain` is its command line unless there is
    /// something to be asked.
    pub(super) async fn starting(
        self,
        plain: String,
    ) -> Result<Start<Heard, Told>, TransportError> {
        let first = Mutex::new(Some(self.open().await?));
        Ok(Start::new(move |asking| {
            let channel = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (line, command) = (self.clone(), asking.unwrap_or_else(|| plain.clone()));
            Box::pin(async move {
                let channel = match channel {
                    Some(channel) => channel,
                    None => line.open().await?,
                };
                line.exec(channel, command, false).await
            })
        }))
    }

    /// Something can't be done any more.
    fn lost(&self, what: &str, error: &russh::Error) -> TransportError {
        if self.connection.handle.is_closed() {
            return TransportError::Lost { in_change: false };
        }
        let message = format!("can't {what}: {}", dial::told(error));
        TransportError::Unreachable { stage: Stage::Login, message, help: None }
    }
}

impl Door for Line {
    type Reader = Heard;
    type Writer = Told;

    async fn start(&self, words: &[String], terminal: bool) -> Result<Streams, TransportError> {
        self.exec(self.open().await?, shell::join(words), terminal).await
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

/// Connects; what may pass is tried again, a little later each time.
pub(super) async fn knock(options: &Options) -> Result<Connection, TransportError> {
    for tried in 1.. {
        let begun = tokio::time::Instant::now();
        match connect(options).await {
            // Whoever took all the time there is would only take it again.
            Err(error)
                if error.may_pass()
                    && tried < options.attempts
                    && begun.elapsed() < options.connect_timeout =>
            {
                tokio::time::sleep(backoff(tried)).await;
            }
            ended => return ended,
        }
    }
    unreachable!("the last try returns")
}

/// A handshake, and the permits for it, which are given back when the login is over.
pub(super) async fn shake(
    options: &Options,
) -> Result<(dial::Dialled, Vec<SemaphorePermit<'_>>), TransportError> {
    if let Via::Jump(bastion) = &options.via {
        // First: it needs a permit of its own, and must not wait for those who wait for it.
        bastion.connection().await?;
    }
    let mut permits = vec![];
    for semaphore in &options.handshakes {
        // Nobody closes the semaphore; without a permit there is no bound, which is safe.
        permits.extend(semaphore.acquire().await);
    }
    Ok((dial::dial(options).await?, permits))
}

async fn connect(options: &Options) -> Result<Connection, TransportError> {
    let (dialled, _permits) = shake(options).await?;
    let dial::Dialled { mut handle, mistrusted, is_openssh, farewell } = dialled;
    let mut options = options.clone();
    options.password = options.password.filter(|_| !mistrusted);
    login::login(&mut handle, &options, &farewell).await?;
    let seats = Arc::new(Semaphore::new(CHANNELS));
    Ok(Connection { handle, mistrusted, is_openssh, seats })
}
