//! Speaks [`wire`] over any pair of byte streams that leads to a POSIX `sh`: what `ssh` and `local`
//! have in common. It never opens anything itself and never sends a byte before the first batch.
//!
//! A shell that is started with a command line (`Shell::starting`) may have its first look in there: that
//! saves a round trip, since a server reads nothing before the command runs.
use super::fault::{Blow, Fault};
use super::{Transport, TransportError, escalate, wire};
use crate::change::{Change, Ran, Until};
use crate::facts::{Answer, Fact, Probe};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

/// A `sh` behind two streams: `R` is what it prints, `W` what it reads.
#[derive(Debug)]
pub struct Shell<R, W> {
    session: Mutex<Session<R, W>>,
    /// Where it is not running yet.
    start: Option<Start<R, W>>,
    nonce: String,
    /// Bytes of one answer.
    answer_limit: usize,
    /// For a batch, beside what its changes ask for themselves.
    limit: Duration,
    batches: AtomicUsize,
    /// Where tests have it cut.
    fault: Option<Fault>,
}

/// Starts a shell: as it is, or with a command line that asks something first.
pub(super) struct Start<R, W>(Box<dyn Fn(Option<String>) -> Starting<R, W> + Send + Sync>);

/// A shell that is about to run.
pub(super) type Starting<R, W> =
    Pin<Box<dyn Future<Output = Result<(R, W), TransportError>> + Send>>;

impl<R, W> Start<R, W> {
    pub(super) fn new(
        start: impl Fn(Option<String>) -> Starting<R, W> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(start))
    }
}

impl<R, W> fmt::Debug for Start<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Start")
    }
}

#[derive(Debug)]
struct Session<R, W> {
    streams: Option<(R, W)>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It is not running yet.
    Unstarted,
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

/// A batch on its way.
struct Errand<'a> {
    text: String,
    wanted: usize,
    aim: Aim,
    /// Where a test has it cut, behind so many answers.
    strike: Option<(&'a Fault, usize)>,
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
        let streams = Some((reader, writer));
        Self::of(Session { streams, phase: Phase::New }, None, nonce.into(), limit)
    }

    /// One that is started by its first batch.
    pub(super) fn starting(start: Start<R, W>, nonce: impl Into<String>, limit: Duration) -> Self {
        let session = Session { streams: None, phase: Phase::Unstarted };
        Self::of(session, Some(start), nonce.into(), limit)
    }

    fn of(
        session: Session<R, W>,
        start: Option<Start<R, W>>,
        nonce: String,
        limit: Duration,
    ) -> Self {
        Self {
            session: Mutex::new(session),
            start,
            nonce,
            answer_limit: wire::MAX_FRAME,
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

    /// No answer may have more bytes than so many, as they travel.
    #[must_use]
    pub fn bounded(mut self, answer_limit: usize) -> Self {
        self.answer_limit = answer_limit;
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
        if phase == Phase::Broken {
            return Err(TransportError::Lost { in_change: false });
        }
        let wanted = batch.requests();
        let fault = self.fault.as_ref();
        let strike = fault.and_then(|fault| fault.enter(aim == Aim::Change, wanted));
        let text = match strike {
            Some(strike) if strike.blow == Blow::Shell => batch.dying_behind(strike.behind),
            _ => batch.text(),
        };
        self.batches.fetch_add(1, Ordering::Relaxed);
        let strike = fault.zip(strike.map(|strike| strike.behind));
        let errand = Errand { text, wanted, aim, strike };
        let doing = self.run(&mut session, phase, &errand);
        let (answers, phase) = match limit {
            None => doing.await?,
            Some(limit) => tokio::time::timeout(limit, doing)
                .await
                .map_err(|_| TransportError::TimedOut { seconds: limit.as_secs() })??,
        };
        session.phase = phase;
        Ok(answers)
    }

    /// Starts the shell where that is due, and has a batch answered. In which phase is it then?
    async fn run(
        &self,
        session: &mut Session<R, W>,
        phase: Phase,
        errand: &Errand<'_>,
    ) -> Result<(Vec<Answer>, Phase), TransportError> {
        let frames = |opening| {
            let may_stop = errand.aim == Aim::Change;
            let frames = wire::Frames::new(&self.nonce, errand.wanted, opening, may_stop);
            frames.at_most(self.answer_limit)
        };
        if let Some(start) = self.start.as_ref().filter(|_| phase == Phase::Unstarted) {
            let looks = errand.aim == Aim::Look;
            let asking = looks.then(|| wire::asking(&self.nonce, &errand.text)).flatten();
            if asking.is_some() {
                let streams = session.streams.insert((start.0)(asking).await?);
                let mut frames = frames(true);
                match self.talk(streams, b"", &mut frames, errand).await {
                    // Not every user's shell takes a command line that is so long.
                    Err(_) if !frames.ready() => {}
                    told => return Ok((told?, Phase::New)),
                }
            }
            // First of all the other's channel is closed.
            session.streams = None;
            session.streams = Some((start.0)(None).await?);
        }
        let opening = phase != Phase::Idle;
        let text = if opening { wire::opening(&self.nonce) } else { String::new() } + &errand.text;
        let lost = TransportError::Lost { in_change: errand.aim == Aim::Change };
        let streams = session.streams.as_mut().ok_or(lost)?;
        let answers = self.talk(streams, text.as_bytes(), &mut frames(opening), errand).await?;
        Ok((answers, Phase::Idle))
    }

    /// Writes and reads at the same time, so that neither side can wait for the other for ever.
    async fn talk(
        &self,
        (reader, writer): &mut (R, W),
        text: &[u8],
        frames: &mut wire::Frames,
        errand: &Errand<'_>,
    ) -> Result<Vec<Answer>, TransportError> {
        let struck = |answers: usize| {
            if let Some((fault, _)) = errand.strike.filter(|(_, behind)| *behind == answers) {
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
                    let read = match read {
                        Ok(0) if !frames.ready() => {
                            return Err(escalate::no_shell(&frames.last_words()));
                        }
                        Ok(0) | Err(_) => {
                            return Err(TransportError::Lost { in_change: errand.aim == Aim::Change });
                        }
                        Ok(read) => read,
                    };
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
