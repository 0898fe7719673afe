//! Changes that can lock us out. Before the first of a play, the server's own timer is armed; behind the
//! play, a new connection confirms, or the server takes the play back by itself. It never decides what is a
//! risk by itself: that is the word of the task, its module, or [`Change::can_lock_out`].
use super::host::{HostRun, State};
use super::journal::Again;
use super::past::past;
use super::play::Batch;
use super::{Events, emit};
use crate::change::{Change, Entry, TOO_LATE, armed};
use crate::event::{Event, Left};
use crate::facts::{self, Fact, Keeper, PastRun, Probe};
use crate::plan::{Invocation, Via};
use crate::playbook::Risk;
use crate::transport::{Connect, Transport, TransportError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a connection of old may take to answer, which may be dead by now.
const BRIEFLY: Duration = Duration::from_secs(10);
/// How long the server may take to take a run back, once its time is up.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a host's run has to do with the server's timer.
#[derive(Debug, Default)]
pub(super) struct Confirmation {
    /// How long it waits, in seconds; 0: there is none.
    pub(super) seconds: u32,
    /// What is to be told with the task at hand.
    pub(super) news: Vec<Event>,
    /// The server's time, seconds since 1970, and when it was.
    clock: Option<(i64, Instant)>,
    /// Signs of life for as long as these live.
    beats: Vec<DropGuard>,
    /// Runs that were found to be taken back, or to wait.
    found: BTreeSet<String>,
}

/// Whether changes of a task can lock us out.
pub(super) fn is_risky(risk: Option<Risk>, call: &Invocation, changes: &[Change]) -> bool {
    match risk {
        Some(Risk::Lockout) => !changes.is_empty(),
        Some(Risk::None) => false,
        None if call.module.guards => !changes.is_empty(),
        None => changes.iter().any(Change::can_lock_out),
    }
}

impl<C: Connect> HostRun<C> {
    /// In check mode: what would be armed.
    pub(super) async fn would_arm(&mut self, eye: usize, task: &str) -> Result<(), TransportError> {
        let seconds = self.confirmation.seconds;
        if seconds > 0 {
            self.look(eye, vec![Probe::Keeper]).await?;
            let nothing = Fact::Keeper(Keeper::Nothing);
            let survives_reboot = self.seen(eye).get(&Probe::Keeper) != Ok(&nothing);
            let (host, task) = (self.name.clone(), task.to_owned());
            let event = Event::AtRisk { host, task, seconds, until: None, survives_reboot };
            self.confirmation.news.push(event);
        }
        Ok(())
    }

    /// Before a change that can lock us out, and from there on in the play before any through another
    /// shell: the server takes all of the play back, unless it is confirmed. The inner error is the task's.
    pub(super) async fn arm(
        &mut self,
        eye: usize,
        task: &str,
        risky: bool,
    ) -> Result<Result<(), String>, TransportError> {
        let seconds = self.confirmation.seconds;
        let play = &self.journal.play;
        if seconds == 0 || !risky && play.armed.is_empty() {
            return Ok(Ok(()));
        }
        let mut eyes: BTreeSet<usize> = play.stretches.iter().map(|(eye, _)| *eye).collect();
        eyes.insert(eye);
        let first = play.armed.is_empty();
        eyes.retain(|eye| !play.armed.contains_key(eye));
        for eye in eyes {
            let (run, from) = (self.journal.by.run.clone(), self.journal.first_step(eye));
            let mut batch = vec![Change::Journal(Entry::Arm { run: run.clone(), seconds, from })];
            let again = self.journal.play.again.iter().filter(|again| again.eye == eye);
            batch.extend(again.filter_map(|again| again.entry(&run)));
            let ran = self.act(eye, &batch).await?;
            if let Some(failed) = ran.iter().find(|ran| ran.rc != 0) {
                let why = failed.last_line();
                return Ok(Err(format!(
                    "the server can't be told to take it back by itself: {why}"
                )));
            }
            self.journal.play.armed.insert(eye, self.via(eye));
            let every = Duration::from_secs(seconds.into()) / 3;
            self.confirmation.beats.extend(self.shell(eye).map(|shell| beat(shell, run, every)));
            if let Some((now, keeper)) = ran.first().and_then(armed)
                && first
            {
                self.confirmation.clock = Some((now, Instant::now()));
                let (host, task) = (self.name.clone(), task.to_owned());
                let survives_reboot = keeper != Keeper::Nothing;
                let until = Some(now + i64::from(seconds));
                let event = Event::AtRisk { host, task, seconds, until, survives_reboot };
                self.confirmation.news.push(event);
            }
        }
        Ok(Ok(()))
    }

    /// When the server takes back at the latest what is not confirmed, by its own clock.
    pub(super) fn taken_back_by(&self) -> Option<i64> {
        let (then, when) =
            self.confirmation.clock.filter(|_| !self.journal.play.armed.is_empty())?;
        let passed = i64::try_from(when.elapsed().as_secs()).unwrap_or(0);
        Some(then + passed + i64::from(self.confirmation.seconds))
    }

    /// Behind the play: a new connection confirms, or the server takes it back.
    async fn confirm(&mut self, events: &Events) {
        let armed = std::mem::take(&mut self.journal.play.armed);
        self.confirmation.beats.clear();
        let run = self.journal.by.run.clone();
        // From now on its time runs. A connection that is dead by now says no word.
        for shell in armed.keys().filter_map(|eye| self.shell(*eye)) {
            let stay = [Change::Journal(Entry::Stay { run: run.clone() })];
            let _ = timeout(BRIEFLY, shell.apply(&stay)).await;
        }
        let host = self.name.clone();
        let Err(why) = self.knock(&armed, &run).await else {
            return emit(events, Event::Confirmed { host });
        };
        let report = self.taken_back(&armed, &run).await;
        self.journal.begun.retain(|eye| !armed.contains_key(eye));
        let mut left = std::mem::take(&mut self.journal.play.left);
        let back = report.unwrap_or_else(|| {
            let what = "everything that this run changed".to_owned();
            let why = "the server was to take it back by itself, and can't be asked whether it has";
            left.push(Left { what, why: why.into() });
            PastRun::default()
        });
        let back = back.unconfirmed.unwrap_or_default();
        left.extend(back.left.into_iter().map(|(what, why)| Left { what, why }));
        self.recap.failed += 1;
        self.recap.rolled_back = true;
        self.recap.left += left.len();
        self.state = State::Failed;
        let (restored, again) = (back.restored, back.again);
        emit(events, Event::Unconfirmed { host, run, why: Some(why), restored, again, left });
    }

    /// Comes in anew until that works or the time is up; why not.
    async fn knock(&mut self, armed: &BTreeMap<usize, Via>, run: &str) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(self.confirmation.seconds.into());
        let mut why = "nobody answered in time".to_owned();
        let mut pause = Duration::from_secs(1);
        loop {
            match timeout_at(until, self.come_in(armed, run)).await {
                Ok(Ok(true)) => return Ok(()),
                Ok(Ok(false)) => {
                    return Err("too late: the server has taken it back already".into());
                }
                Ok(Err(error)) => why = error.to_string(),
                Err(_) => return Err(why),
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(why);
            }
            // Servers punish those who knock too often.
            sleep(pause.min(left)).await;
            pause = (pause * 2).min(BRIEFLY);
        }
    }

    /// Logs in over a connection of its own, becomes whoever did something there, and confirms; `false`:
    /// too late. Everybody is in before anything is confirmed.
    async fn come_in(
        &mut self,
        armed: &BTreeMap<usize, Via>,
        run: &str,
    ) -> Result<bool, TransportError> {
        let mut shells = vec![];
        for via in armed.values() {
            let link = self.link(&via.way)?.anew();
            let shell = link.shell(via.escalate.as_ref()).await?;
            shell.observe(&[Probe::Journal]).await?;
            shells.push((link, shell));
        }
        for (_link, shell) in &shells {
            let ran = shell.apply(&[Change::Journal(Entry::Confirm { run: run.into() })]).await?;
            match ran.first() {
                Some(ran) if ran.rc == TOO_LATE => return Ok(false),
                Some(ran) if ran.rc != 0 => return Err(TransportError::Journal(ran.last_line())),
                _ => {}
            }
        }
        Ok(true)
    }

    /// What the server has done about a run that nobody confirmed, once it has; over whatever connection
    /// there is.
    async fn taken_back(&mut self, armed: &BTreeMap<usize, Via>, run: &str) -> Option<PastRun> {
        let until = Instant::now() + PATIENCE;
        let mut ended: BTreeMap<usize, PastRun> = BTreeMap::new();
        while Instant::now() < until {
            for (eye, via) in armed {
                let runs = timeout(BRIEFLY, self.runs_of(*eye, via)).await;
                let runs = runs.ok().and_then(Result::ok).unwrap_or_default();
                let over = |told: &PastRun| told.run == run && told.ended.is_some();
                ended.extend(runs.into_iter().find(over).map(|told| (*eye, told)));
            }
            if ended.len() == armed.len() {
                return ended.into_values().reduce(joined);
            }
            sleep(Duration::from_secs(1)).await;
        }
        None
    }

    async fn runs_of(&mut self, eye: usize, via: &Via) -> Result<Vec<PastRun>, TransportError> {
        if let Some(shell) = self.shell(eye)
            && let Ok(runs) = past(&*shell).await
        {
            return Ok(runs);
        }
        let link = self.link(&via.way)?.anew();
        past(&link.shell(via.escalate.as_ref()).await?).await
    }

    /// What the server's journal says of runs that were not confirmed.
    pub(super) fn found(&mut self, journal: &facts::Journal) {
        let mine = &self.journal.by.run;
        let host = self.name.clone();
        let news = match (&journal.unconfirmed, journal.overdue()) {
            (_, Some((run, until))) if run != mine => {
                let (run, until) = (run.clone(), *until);
                (format!("{run} waits"), Event::Waits { host, run, until })
            }
            (Some((run, _)), _) if run != mine => {
                let (restored, again, left) = (vec![], vec![], vec![]);
                let event =
                    Event::Unconfirmed { host, run: run.clone(), why: None, restored, again, left };
                (run.clone(), event)
            }
            _ => return,
        };
        if self.confirmation.found.insert(news.0) {
            self.confirmation.news.push(news.1);
        }
    }

    /// A run that waits to be confirmed though its cowhand is gone is taken back before anything is
    /// planned. Whether there was one, so that what was seen is no longer so.
    pub(super) async fn tidied(&mut self, eye: usize) -> Result<bool, TransportError> {
        let Ok(Fact::Journal(journal)) = self.seen(eye).get(&Probe::Journal) else {
            return Ok(false);
        };
        if journal.overdue().is_none_or(|(run, _)| *run == self.journal.by.run) {
            return Ok(false);
        }
        let by = self.journal.by.clone();
        let ran = self.apply(eye, &[Change::Journal(Entry::Tidy { by })]).await?;
        match ran.first() {
            Some(ran) => TransportError::of_begin(ran).map(|()| true),
            None => Ok(false),
        }
    }
}

/// Of several journals on one server.
fn joined(mut all: PastRun, one: PastRun) -> PastRun {
    let (into, from) =
        (all.unconfirmed.get_or_insert_default(), one.unconfirmed.unwrap_or_default());
    into.restored.extend(from.restored);
    into.again.extend(from.again);
    into.left.extend(from.left);
    all
}

/// Tells the server time and again that the run is still at it, until the guard is dropped. One that is
/// under way is never cut off: that would cost the shell.
fn beat<S: Transport + 'static>(shell: Arc<S>, run: String, every: Duration) -> DropGuard {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        let stay = [Change::Journal(Entry::Stay { run })];
        while stopped.run_until_cancelled(sleep(every)).await.is_some() {
            // Whoever uses the shell next learns that it is lost.
            if shell.apply(&stay).await.is_err() {
                return;
            }
        }
    });
    stop.drop_guard()
}

impl Again {
    /// How the server itself does it, for its journal; `None`: it must not be told.
    pub(super) fn entry(&self, run: &str) -> Option<Change> {
        let changes = self.told.then(|| {
            let owe = Change::Owe { handler: self.name.clone() };
            let settle = Change::Settle { handler: self.name.clone() };
            let marks = |mark| Some(mark).filter(|_| self.is_handler);
            marks(owe).into_iter().chain(self.changes.clone()).chain(marks(settle)).collect()
        })?;
        let (run, number) = (run.to_owned(), self.number);
        Some(Change::Journal(Entry::Again { run, number, changes }))
    }
}

/// Behind a play: whatever became of it, what can lock us out is confirmed.
pub(super) async fn confirm<C>(batch: &mut Batch<C>)
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    let due = |host: &&mut HostRun<C>| {
        host.state != State::Unreachable && !host.journal.play.armed.is_empty()
    };
    let mut were = BTreeMap::new();
    for host in batch.hosts.iter_mut().filter(due) {
        were.insert(host.name.clone(), host.state);
        host.state = State::Active;
    }
    let names = were.keys().cloned().collect();
    batch
        .each(&names, None, |world, mut host| {
            let was = were.get(&host.name).copied().unwrap_or(State::Active);
            async move {
                host.confirm(&world.events).await;
                if host.state == State::Active {
                    host.state = was;
                }
                host
            }
        })
        .await;
}
