//! A server on the way to others (`ProxyJump`): one connection, shared by all hosts behind it, and a
//! channel for each of them. Its key is checked as strictly as any other, and nobody waits twice for
//! one that is down.
#![expect(
    clippy::disallowed_methods,
    reason = "how old a failure is decides whether it still holds"
)]
use super::connection::{Connection, knock};
use super::{Options, within};
use crate::source::printable;
use crate::transport::{Stage, TransportError};
use russh::client::Msg;
use russh::{ChannelOpenFailure, ChannelStream};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// So long a failure holds for whoever comes next: hosts that want the same bastion come together.
const HOLDS: Duration = Duration::from_secs(5);

/// A server on the way to others.
pub struct Bastion {
    options: Options,
    state: Mutex<State>,
}

enum State {
    New,
    Up(Arc<Connection>),
    Down { since: Instant, stage: Stage, message: String, help: Option<String> },
}

/// Its connection may need another bastion's, and so on.
type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<Arc<Connection>, TransportError>> + Send + 'a>>;

impl Bastion {
    /// Nothing is dialled before a host behind it is.
    pub fn new(options: Options) -> Self {
        Self { options, state: Mutex::new(State::New) }
    }

    /// The connection, made if there is none or the last one is gone.
    pub(super) fn connection(&self) -> Connecting<'_> {
        Box::pin(async {
            let came = Instant::now();
            // Held while we connect: others who want it wait for the answer.
            let mut state = self.state.lock().await;
            match &*state {
                State::Up(connection) if !connection.handle.is_closed() => {
                    return Ok(connection.clone());
                }
                State::Down { since, stage, message, help } if came < *since + HOLDS => {
                    return Err(TransportError::Unreachable {
                        stage: *stage,
                        message: message.clone(),
                        help: help.clone(),
                    });
                }
                _ => {}
            }
            match knock(&self.options).await {
                Ok(connection) => {
                    let connection = Arc::new(connection);
                    *state = State::Up(connection.clone());
                    Ok(connection)
                }
                Err(error) => {
                    let message = format!("the jump host is out of reach: {error}");
                    let help = error.help().map(str::to_owned);
                    let stage = match error {
                        TransportError::Unreachable { stage, .. } => stage,
                        TransportError::NewHost(_) => Stage::HostKey,
                        _ => Stage::Dial,
                    };
                    let since = Instant::now();
                    *state =
                        State::Down { since, stage, message: message.clone(), help: help.clone() };
                    Err(TransportError::Unreachable { stage, message, help })
                }
            }
        })
    }

    /// If it was out of reach, it is dialled again by whoever comes next, however soon.
    pub(super) async fn forget_failure(&self) {
        let mut state = self.state.lock().await;
        if matches!(*state, State::Down { .. }) {
            *state = State::New;
        }
    }

    /// A way through it to a server, which the bastion resolves and dials.
    pub(super) async fn open(&self, to: &Options) -> Result<ChannelStream<Msg>, TransportError> {
        let connection = self.connection().await?;
        let port = u32::from(to.port);
        let opening =
            connection.handle.channel_open_direct_tcpip(to.host.as_str(), port, "127.0.0.1", 0);
        let opened = within(to.connect_timeout, opening).await?;
        let channel = opened.map_err(|error| self.refused(to, &error))?;
        Ok(channel.into_stream())
    }

    fn refused(&self, to: &Options, error: &russh::Error) -> TransportError {
        let (jump, to) = (self.options.address(), to.address());
        match error {
            russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited) => {
                Stage::Dial.error(
                    format!("the jump host {jump} forbids the way to {to}"),
                    "its sshd_config needs AllowTcpForwarding, and PermitOpen if that is set",
                )
            }
            russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed) => Stage::Dial
                .error(
                    format!("the jump host {jump} can't connect to {to}"),
                    "is it up, is the port right, and does the jump host know that name?",
                ),
            error => Stage::Dial.error(
                format!(
                    "the jump host {jump} opens no way to {to}: {}",
                    printable(&error.to_string())
                ),
                "is it overloaded, or did it go away?",
            ),
        }
    }
}

impl fmt::Debug for Bastion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bastion").field("address", &self.options.address()).finish_non_exhaustive()
    }
}
