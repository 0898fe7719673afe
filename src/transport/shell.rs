//! Speaks [`wire`] over any pair of byte streams that leads to a POSIX `sh`: what `ssh` and `local`
//! have in common. It never opens anything itself and never sends a byte before the first batch.
use super::fault::{Blow, Fault};
use super::{Transport, TransportError, escalate, wire};
use crate::change::{Change, Ran, Until};
use crate::facts::{Answer, Fact, Probe};
use std::hash::{BuildHasher as _, RandomState};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

/// A `sh` behind two streams: `R` is what it prints, `W` what it reads.
#[derive(Debug)]
pub struct Shell<R, W> {
    session: Mutex<Session<R, W>>,
    nonce: String,
    /// For a batch, beside what its changes ask for themselves.
    limit: Duration,
    batches: AtomicUsize,
    /// Where tests have it cut.
    fault: Option<Fault>,
}

#[derive(Debug)]
struct Session<R, W> {
    reader: R,
    writer: W,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was sent yet: the prelude goes first.
    New,
    /// Between batches.
    Idle,
    /// In the middle of a batch, or a batch was left in the middle: what comes next can't be told
    /// apart from what was meant for others.
    Broken,
}

/// What a batch is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aim {
    Look,
    Change,
}

/// A nonce for [`Shell::new`]: letters and digits that nobody can guess.
pub fn nonce() -> String {
    // The standard library keys each of these from the system's randomness.
    let word = || RandomState::new().hash_one(());
    format!("cowhand{:016x}{:016x}", word(), word())
}

impl<R, W> Shell<R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    /// `nonce`: letters and digits that nobody can guess, new for each session. `limit`: how long a
    /// batch may take; waits and compose add their own time-outs, and somebody's command has none.
    pub fn new(reader: R, writer: W, nonce: impl Into<String>, limit: Duration) -> Self {
        Self {
            session: Mutex::new(Session { reader, writer, phase: Phase::New }),
            nonce: nonce.into(),
            limit,
            batches: AtomicUsize::new(0),
            fault: None,
        }
    }

    /// It is cut where the fault says, if there is one.
    #[must_use]
    pub fn cut_by(mut self, fault: Option<Fault>) -> Self {
        self.fault = fault;
        self
    }

    /// Batches that were sent so far.
    pub fn batches(&self) -> usize {
        self.batches.load(Ordering::Relaxed)
    }

    async fn exchange(
        &self,
        batch: wire::Batch,
        aim: Aim,
        limit: Option<Duration>,
    ) -> Result<Vec<Answer>, TransportError> {
        let mut session = self.session.lock().await;
        // A session that is left in the middle, by an error or because the caller went away, stays so.
        let phase = std::mem::replace(&mut session.phase, Phase::Broken);
        let wanted = batch.requests();
        let fault = self.fault.as_ref();
        let strike = fault.and_then(|fault| fault.enter(aim == Aim::Change, wanted));
        let batch = match strike {
            Some(strike) if strike.blow == Blow::Shell => batch.dying_behind(strike.behind),
            _ => batch.text(),
        };
        let text = match phase {
            Phase::New => wire::opening(&self.nonce) + &batch,
            Phase::Idle => batch,
            Phase::Broken => return Err(TransportError::Lost { in_change: false }),
        };
        self.batches.fetch_add(1, Ordering::Relaxed);
        let frames =
            wire::Frames::new(&self.nonce, wanted, phase == Phase::New, aim == Aim::Change);
        let strike = fault.zip(strike.map(|strike| strike.behind));
        let talk = self.talk(&mut session, text.as_bytes(), frames, aim, strike);
        let answers = match limit {
            None => talk.await?,
            Some(limit) => tokio::time::timeout(limit, talk)
                .await
                .map_err(|_| TransportError::TimedOut { seconds: limit.as_secs() })??,
        };
        session.phase = Phase::Idle;
        Ok(answers)
    }

    /// Writes and reads at the same time, so that neither side can wait for the other for ever.
    async fn talk(
        &self,
        session: &mut Session<R, W>,
        text: &[u8],
        mut frames: wire::Frames,
        aim: Aim,
        strike: Option<(&Fault, usize)>,
    ) -> Result<Vec<Answer>, TransportError> {
        let Session { reader, writer, .. } = session;
        let struck = |answers: usize| {
            if let Some((fault, _)) = strike.filter(|(_, behind)| *behind == answers) {
                fault.strike();
            }
        };
        struck(0);
        let mut writing = pin!(async {
            writer.write_all(text).await?;
            writer.flush().await
        });
        let mut written = false;
        let mut buffer = vec![0; 64 << 10];
        loop {
            tokio::select! {
                // A write that fails is told by what is read: last words, or the end.
                _ = &mut writing, if !written => written = true,
                read = reader.read(&mut buffer) => {
                    let read = read.unwrap_or(0);
                    if read == 0 {
                        return Err(ended(&frames, aim));
                    }
                    let before = frames.answered();
                    let ended = frames.push(&buffer[..read])?;
                    let now = ended.as_ref().map_or(frames.answered(), Vec::len);
                    (before + 1..=now).for_each(struck);
                    if let Some(answers) = ended {
                        return Ok(answers);
                    }
                }
            }
        }
    }

    /// `None`: a batch that runs somebody's command takes the time it takes.
    fn limit_for(&self, changes: &[Change]) -> Option<Duration> {
        changes.iter().try_fold(self.limit, |limit, change| match change.inner() {
            Change::Run(_)
            | Change::Request(_)
            | Change::Download(_)
            | Change::WriteFile { validate: Some(_), .. } => None,
            Change::Wait(wait) => {
                let last_look = if matches!(wait.until, Until::Time) { 0 } else { wait.sleep };
                let seconds = [wait.delay, wait.timeout, last_look];
                Some(limit + seconds.into_iter().map(|s| Duration::from_secs(s.into())).sum())
            }
            // Compose itself is given as long again: pulling, stopping and starting come first.
            Change::Compose(up) => Some(limit + 2 * Duration::from_secs(up.timeout.into())),
            _ => Some(limit),
        })
    }
}

/// Why nothing more comes.
fn ended(frames: &wire::Frames, aim: Aim) -> TransportError {
    let said = frames.last_words();
    if !frames.ready() && !said.is_empty() {
        escalate::no_shell(&said)
    } else {
        TransportError::Lost { in_change: aim == Aim::Change }
    }
}

impl<R, W> Transport for Shell<R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    async fn observe(&self, probes: &[Probe]) -> Result<Vec<Fact>, TransportError> {
        if probes.is_empty() {
            return Ok(vec![]);
        }
        let batch = wire::probes(probes)?;
        let answers = self.exchange(batch, Aim::Look, Some(self.limit)).await?;
        let facts = probes.iter().zip(&answers).map(|(probe, answer)| probe.read(answer));
        Ok(facts.collect::<Result<_, _>>()?)
    }

    async fn apply(&self, changes: &[Change]) -> Result<Vec<Ran>, TransportError> {
        if changes.is_empty() {
            return Ok(vec![]);
        }
        let batch = wire::changes(changes)?;
        self.exchange(batch, Aim::Change, self.limit_for(changes)).await
    }
}
