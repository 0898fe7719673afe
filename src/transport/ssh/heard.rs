//! What a channel says, as one stream of bytes: what the command prints and, before its first word, what
//! the login complains of on the side. It tells a command that ended from a connection that was lost.
use super::connection::Seated;
use russh::ChannelMsg;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;

/// Packets that wait to be read; more are left to the connection.
const WAITING: usize = 16;

/// Reads what is said. A connection that is lost is an error; dropping this closes the channel.
#[derive(Debug)]
pub struct Heard {
    packets: mpsc::Receiver<io::Result<Vec<u8>>>,
    /// What is left of a packet.
    rest: io::Cursor<Vec<u8>>,
}

impl Heard {
    pub(super) fn of(seated: Seated) -> Self {
        let (sender, packets) = mpsc::channel(WAITING);
        tokio::spawn(listen(seated, sender));
        Self { packets, rest: io::Cursor::default() }
    }
}

async fn listen(seated: Seated, sender: mpsc::Sender<io::Result<Vec<u8>>>) {
    let Seated { mut channel, seat } = seated;
    let mut silent = true;
    let mut over = false;
    loop {
        let said = tokio::select! {
            said = channel.wait() => said,
            () = sender.closed() => break,
        };
        let data = match said {
            Some(ChannelMsg::Data { data }) => {
                silent = false;
                data
            }
            // Behind the first word this might come in the middle of another.
            Some(ChannelMsg::ExtendedData { data, .. }) if silent => data,
            Some(ChannelMsg::Eof | ChannelMsg::Close | ChannelMsg::ExitStatus { .. }) => {
                over = true;
                continue;
            }
            Some(_) => continue,
            None => break,
        };
        if sender.send(Ok(data.to_vec())).await.is_err() {
            break;
        }
    }
    if !over {
        // Nobody may listen any more.
        let _ = sender.send(Err(io::ErrorKind::ConnectionAborted.into())).await;
    }
    // A connection that is gone already has no channels.
    let _ = channel.close().await;
    drop(seat);
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let heard = &mut *self;
        while heard.rest.position() >= heard.rest.get_ref().len() as u64 {
            match ready!(heard.packets.poll_recv(context)) {
                Some(packet) => heard.rest = io::Cursor::new(packet?),
                None => return Poll::Ready(Ok(())),
            }
        }
        Pin::new(&mut heard.rest).poll_read(context, buffer)
    }
}
