//! Into a shell, as the login user or somebody else: starts what [`escalate`] says, talks until the shell
//! runs, and tries again on a terminal where one is asked for. What `ssh` and `local` have in common.
use super::escalate::{self, Step, Talk};
use super::shell::{Shell, nonce};
use super::{Escalation, TransportError};
use std::future::Future;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// How long somebody who seems to ask is silent if he really does.
const DOUBT: Duration = Duration::from_secs(2);

/// Where commands can be started.
pub(super) trait Door: Sync {
    /// What the command says.
    type Reader: AsyncRead + Unpin + Send;
    /// What it reads.
    type Writer: AsyncWrite + Unpin + Send;
    /// Starts a command; on a `terminal` that echoes nothing, or without one.
    fn start(
        &self,
        words: &[String],
        terminal: bool,
    ) -> impl Future<Output = Result<(Self::Reader, Self::Writer), TransportError>> + Send;
}

/// A shell behind the door. `shell`: the words that start it; `limit`: for a batch, and for the talk.
pub(super) async fn enter<D: Door>(
    door: &D,
    shell: &[&str],
    escalation: Option<&Escalation>,
    limit: Duration,
) -> Result<Shell<D::Reader, D::Writer>, TransportError> {
    let nonce = nonce();
    let Some(escalation) = escalation else {
        let (reader, writer) = door.start(&escalate::plain(shell), false).await?;
        return Ok(Shell::new(reader, writer, nonce, limit));
    };
    let mut terminal = escalate::wants_terminal(escalation);
    loop {
        let words = escalate::words(escalation, shell, &nonce, terminal)?;
        let (mut reader, mut writer) = door.start(&words, terminal).await?;
        let mut talk = Talk::new(escalation, &nonce);
        let talking = converse(&mut reader, &mut writer, &mut talk);
        match tokio::time::timeout(limit, talking).await {
            Ok(Ok(true)) => return Ok(Shell::new(reader, writer, nonce, limit)),
            Ok(Ok(false)) if !terminal && talk.wants_terminal() => terminal = true,
            Ok(Ok(false)) => return Err(talk.ended()),
            Ok(Err(refused)) => return Err(refused),
            Err(_) => return Err(talk.silent()),
        }
    }
}

/// Talks until the shell runs. `false`: it ended before that.
async fn converse(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    talk: &mut Talk<'_>,
) -> Result<bool, TransportError> {
    let mut buffer = [0; 4096];
    let mut patience = Duration::MAX;
    loop {
        let reading = tokio::time::timeout(patience, reader.read(&mut buffer));
        let read = match reading.await.map_err(|_| talk.unarmed())? {
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {
                return Err(TransportError::Lost { in_change: false });
            }
            // A terminal that nobody holds any more is an error too.
            Ok(0) | Err(_) => return Ok(false),
            Ok(read) => read,
        };
        match talk.hear(&buffer[..read])? {
            Step::Wait => patience = Duration::MAX,
            Step::Doubt => patience = DOUBT,
            Step::Ready => return Ok(true),
            Step::Answer(line) => {
                // What becomes of it is heard next.
                let _ = writer.write_all(line.expose().as_bytes()).await;
                let _ = writer.flush().await;
            }
        }
    }
}
