//! What a server calls itself (RFC 4253, section 4.2), overheard on its way to russh, which keeps it to
//! itself. Never shown to anybody: servers say there what they like.
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that may stand before and in that line; russh takes no more than twenty lines.
const ENOUGH: usize = 8 << 10;

/// A stream whose beginning is kept.
pub(super) struct Overheard<S> {
    stream: S,
    greeting: Greeting,
}

/// The beginning.
#[derive(Clone, Default)]
pub(super) struct Greeting(Arc<Mutex<Vec<u8>>>);

impl<S> Overheard<S> {
    pub(super) fn on(stream: S) -> (Self, Greeting) {
        let greeting = Greeting::default();
        (Self { stream, greeting: greeting.clone() }, greeting)
    }
}

impl Greeting {
    /// `OpenSSH_9.2p1`, of `SSH-2.0-OpenSSH_9.2p1 Debian-2`.
    pub(super) fn software(&self) -> Option<String> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&heard);
        let name = text.lines().find_map(|line| line.strip_prefix("SSH-2.0-"))?;
        name.split_whitespace().next().map(str::to_owned)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Overheard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let mut heard = self.greeting.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < ENOUGH {
            heard.extend_from_slice(&buffer.filled()[before..]);
            heard.truncate(ENOUGH);
        }
        drop(heard);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Overheard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_found_behind_whatever_stands_before_it() {
        let software =
            |text: &str| Greeting(Arc::new(Mutex::new(text.as_bytes().to_vec()))).software();
        let name = Some("OpenSSH_9.2p1".to_owned());
        assert_eq!(software("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\0\0\x01"), name);
        assert_eq!(software("welcome\r\nSSH-2.0-OpenSSH_9.2p1\r\n"), name);
        assert_eq!(software("SSH-1.99-old\r\n"), None);
        assert_eq!(software(""), None);
    }
}
