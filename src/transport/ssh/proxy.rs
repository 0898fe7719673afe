//! `ProxyCommand`: a process whose standard streams are the way to a server. It is no child of the
//! terminal's ctrl-C, since the change in hand is to be finished; it ends with the connection.
#![expect(clippy::disallowed_methods, reason = "starting that process is what this is for")]
use crate::transport::escalate::last_words;
use crate::transport::{Stage, TransportError};
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, Join, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

/// Of what the process says on stderr the last so many bytes are kept.
const KEPT: usize = 4 << 10;

/// So long after its streams ended a process is listened to.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The process.
pub(super) struct Proxy {
    streams: Join<ChildStdout, ChildStdin>,
    _child: Child,
}

/// What it said on stderr so far.
#[derive(Clone, Default)]
pub(super) struct Said {
    words: Arc<Mutex<Vec<u8>>>,
    /// Cancelled when nothing more will come.
    ended: CancellationToken,
}

impl Said {
    /// Waits for the last of it, but not long: the process may live on.
    pub(super) async fn end(&self) {
        let _ = tokio::time::timeout(LAST_WORDS, self.ended.cancelled()).await;
    }

    /// The end of it, fit to be shown; `None`: nothing.
    pub(super) fn last_words(&self) -> Option<String> {
        let said = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        let words = last_words(&String::from_utf8_lossy(&said));
        (!words.is_empty()).then_some(words)
    }
}

/// Starts a command in the user's shell; what it says on stderr is kept in `said`.
pub(super) fn start(command: &str, said: Said) -> Result<Proxy, TransportError> {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let spawned = Command::new(shell.unwrap_or_else(|| "/bin/sh".into()))
        .arg("-c")
        // Without another shell in between: it would outlive us.
        .arg(format!("exec {command}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let failed = |error: &io::Error| {
        Stage::Setup
            .error(format!("can't start ProxyCommand `{command}`: {error}"), "mend ProxyCommand")
    };
    let mut child = spawned.map_err(|error| failed(&error))?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(failed(&io::ErrorKind::BrokenPipe.into()));
    };
    tokio::spawn(listen(stderr, said));
    Ok(Proxy { streams: tokio::io::join(stdout, stdin), _child: child })
}

async fn listen(mut stderr: ChildStderr, said: Said) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        let mut kept = said.words.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..read]);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
    said.ended.cancel();
}

impl AsyncRead for Proxy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.streams).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Proxy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.streams).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.streams).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.streams).poll_shutdown(cx)
    }
}
