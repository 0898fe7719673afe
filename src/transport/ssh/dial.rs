//! From a name to a server that has shown that it is who it was: resolve, dial, handshake, host key.
//! It never sends anything of ours before the host key is known.
use super::checker::Checker;
use super::greeting::Overheard;
use super::proxy::{self, Said};
use super::{Options, Via, tcp};
use crate::source::printable;
use crate::transport::escalate::last_words;
use crate::transport::{Stage, TransportError};
use russh::client::{self, Handle};
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A server that has shown its key.
pub(super) struct Dialled {
    pub(super) handle: Handle<Checker>,
    /// Its key is not the known one, and was let pass: it must be told no password.
    pub(super) mistrusted: bool,
    /// It calls itself OpenSSH.
    pub(super) is_openssh: bool,
    /// What it says when it hangs up.
    pub(super) farewell: Farewell,
}

/// A server's last words, which it may say when it ends a connection.
#[derive(Clone, Default)]
pub(super) struct Farewell(Arc<Mutex<Option<String>>>);

impl Farewell {
    /// It was said.
    pub(super) fn is(&self, words: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(last_words(words));
    }

    /// What was said, safe to print.
    pub(super) fn words(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Dials and shakes hands.
pub(super) async fn dial(options: &Options) -> Result<Dialled, TransportError> {
    let checker = Checker::new(options)?;
    let mistrusted = checker.mistrusted();
    let farewell = checker.farewell();
    let limit = options.connect_timeout;
    let said = Said::default();
    let connecting = async {
        let stream = way(options, &said).await?;
        let (stream, greeting) = Overheard::on(stream);
        let config = Arc::new(options.terms.config(&checker));
        let handle = match client::connect_stream(config, stream, checker).await {
            Ok(handle) => handle,
            Err(refusal) => {
                if let Via::Command(_) = options.via {
                    said.end().await;
                }
                return Err(refusal.0.unwrap_or_else(|error| broken(options, &error, &said)));
            }
        };
        let is_openssh = greeting.software().is_some_and(|name| name.starts_with("OpenSSH_"));
        let mistrusted = mistrusted.load(Ordering::Relaxed);
        Ok(Dialled { handle, mistrusted, is_openssh, farewell })
    };
    tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_| {
        Err(Stage::Dial.error(
            format!("{} doesn't answer within {} seconds", options.address(), limit.as_secs()),
            "is it up, and does a firewall let us in? --timeout waits longer",
        ))
    })
}

/// A stream of bytes to a server.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The stream to the server, whichever way leads there.
async fn way(options: &Options, said: &Said) -> Result<Box<dyn Stream>, TransportError> {
    Ok(match &options.via {
        Via::Tcp => {
            let stream = tcp::connect(options).await?;
            if let Some(fault) = &options.fault {
                fault.watch(&stream);
            }
            Box::new(Brisk(stream))
        }
        Via::Jump(bastion) => Box::new(bastion.open(options).await?),
        Via::Command(command) => Box::new(proxy::start(command, said.clone())?),
    })
}

/// A handshake that came to nothing.
fn broken(options: &Options, error: &russh::Error, said: &Said) -> TransportError {
    let address = options.address();
    if let (Via::Command(command), Some(words)) = (&options.via, said.last_words()) {
        return Stage::Handshake.error(
            format!("ProxyCommand leads to no SSH server for {address}: {words}"),
            format!("try it yourself: {}", printable(command)),
        );
    }
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
    Stage::Handshake.error(format!("no SSH handshake with {address}: {}", told(error)), help)
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
