//! A host's part in the journal: which of a play's changes are steps, what must be done again when they
//! are taken back, and what can't be. The journal itself is on the server (`transport/journal.sh`).
use super::host::HostRun;
use super::{Events, Job, emit};
use crate::change::{Change, Effect, Ending, Entry, Identity, Ran, STEPS_OF_A_NAME, Undo};
use crate::event::{Event, Left};
use crate::facts::{self, Bytes};
use crate::plan::Via;
use crate::transport::{Connect, TransportError};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tokio::task::JoinSet;

/// What a host's run has written into its journal.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) by: Identity,
    manifest: Bytes,
    /// The shells that have said that the run begins.
    pub(super) begun: BTreeSet<usize>,
    /// Steps so far.
    pub(super) count: u32,
    /// Runs that were cut off, and the shell that sees them.
    cut_off: Vec<(usize, String)>,
    told: BTreeSet<String>,
    pub(super) play: Transaction,
}

/// What the play at hand has done on the host.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// Shells and the first step of each stretch that went through them.
    pub(super) stretches: Vec<(usize, u32)>,
    /// What takes effect only by being done again.
    pub(super) again: Vec<Again>,
    /// Handlers that nobody owed before.
    pub(super) owed: BTreeSet<String>,
    /// What can't be taken back.
    pub(super) left: Vec<Left>,
    /// Paths that tasks with `no_log` changed.
    pub(super) hidden: BTreeSet<String>,
    /// Shells whose server takes back by itself what went through them, unless it is confirmed.
    pub(super) armed: BTreeMap<usize, Via>,
}

/// Something to do again once the files are what they were.
#[derive(Clone, Debug)]
pub(super) struct Again {
    pub(super) eye: usize,
    pub(super) name: String,
    pub(super) is_handler: bool,
    pub(super) changes: Vec<Change>,
    /// Its step.
    pub(super) number: u32,
    /// The server may know what it does.
    pub(super) told: bool,
}

/// The changes of a task, as the journal wants to know of them.
pub(super) struct Doing<'a> {
    /// Its name.
    pub(super) task: &'a str,
    /// It is a handler.
    pub(super) is_handler: bool,
    /// `no_log`.
    pub(super) hidden: bool,
}

impl Journal {
    /// Of a host, which numbers its steps apart from all others: they may be one machine.
    pub(super) fn new(job: &Job, host: &str) -> Self {
        let hosts = &job.roster.now().inventory.hosts;
        let place = hosts.iter().position(|known| known.name == host).unwrap_or(hosts.len());
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let count = place.saturating_add(1).saturating_mul(STEPS_OF_A_NAME);
        let by = job.options.by.clone();
        let version = env!("CARGO_PKG_VERSION");
        let manifest = json!({"playbook": job.playbook, "who": by.who, "cowhand": version});
        Self { by, manifest: manifest.to_string().as_str().into(), count, ..Self::default() }
    }

    /// A play begins.
    pub(super) fn next_play(&mut self) {
        self.play = Transaction::default();
    }

    /// What the server's journal says, seen through a shell.
    pub(super) fn found(&mut self, eye: usize, journal: &facts::Journal) {
        let others = journal.cut_off().into_iter().filter(|run| *run != self.by.run);
        self.cut_off.extend(others.map(|run| (eye, run.to_owned())));
    }

    /// Runs that were cut off, and not told of yet.
    pub(super) fn newly_cut_off(&mut self) -> Vec<String> {
        let new = self.cut_off.iter().map(|(_, run)| run.clone());
        new.filter(|run| self.told.insert(run.clone())).collect()
    }

    /// A batch with the journal around it; whether it begins with the run's opening.
    pub(super) fn around(&mut self, eye: usize, changes: &[Change]) -> (Vec<Change>, bool) {
        let idle = |change: &Change| matches!(change, Change::Wait(_) | Change::Here(_));
        let opens = !self.begun.contains(&eye) && !changes.iter().all(idle);
        let opening = opens.then(|| {
            let (by, manifest) = (self.by.clone(), self.manifest.clone());
            Change::Journal(Entry::Begin { by, manifest })
        });
        let steps = changes.iter().map(|change| self.step(eye, change));
        let steps: Vec<Change> = steps.collect();
        (opening.into_iter().chain(steps).collect(), opens)
    }

    fn step(&mut self, eye: usize, change: &Change) -> Change {
        // What takes its time is a step of a run that waits to be confirmed: time stands still for it.
        let slow = matches!(change, Change::Wait(_) | Change::Request(_));
        if change.undo() == Undo::Nothing && !(slow && self.play.armed.contains_key(&eye)) {
            return change.clone();
        }
        let number = self.number();
        if self.play.stretches.last().is_none_or(|(last, _)| *last != eye) {
            self.play.stretches.push((eye, number));
        }
        Change::Step { run: self.by.run.clone(), number, change: Box::new(change.clone()) }
    }

    /// The first step of the play that went through a shell, or the next one.
    pub(super) fn first_step(&self, eye: usize) -> u32 {
        let mut steps = self.play.stretches.iter().filter(|(of, _)| *of == eye);
        steps.next().map_or(self.count + 1, |(_, first)| *first)
    }

    /// The next step's.
    pub(super) fn number(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    /// The opening's answer.
    pub(super) fn opened(&mut self, eye: usize, ran: &Ran) -> Result<(), TransportError> {
        TransportError::of_begin(ran)?;
        self.begun.insert(eye);
        Ok(())
    }

    /// Handlers that are owed from now on.
    pub(super) fn owes(&mut self, handler: &str) {
        self.play.owed.insert(handler.to_owned());
    }

    /// What must be done again when the run is taken back is kept on the server before it is done.
    pub(super) fn note(&mut self, eye: usize, doing: &Doing, changes: &[Change]) -> Vec<Change> {
        if doing.hidden {
            self.play.hidden.extend(changes.iter().filter_map(Change::kept_as));
        }
        let repeatable = |change: &&Change| match change.undo() {
            Undo::Again => true,
            Undo::Impossible(_) | Undo::Nothing => doing.is_handler,
            Undo::BeforeImage | Undo::Command => false,
        };
        let again: Vec<Change> = changes.iter().filter(repeatable).cloned().collect();
        if again.iter().all(|change| change.undo() == Undo::Nothing) {
            return vec![];
        }
        let changes = (!doing.hidden).then(|| again.clone());
        let effect = Effect { handler: doing.is_handler, changes };
        // It holds nothing but text, numbers and lists.
        let text = serde_json::to_string(&effect).unwrap_or_default();
        let (run, number, handler) = (self.by.run.clone(), self.number(), doing.task.to_owned());
        let again = Again {
            eye,
            name: handler.clone(),
            is_handler: doing.is_handler,
            changes: again,
            number,
            told: !doing.hidden,
        };
        let itself = again.entry(&run).filter(|_| self.play.armed.contains_key(&eye));
        self.play.again.push(again);
        let note = Entry::Handler { run, number, handler, changes: text.as_str().into() };
        [Change::Journal(note)].into_iter().chain(itself).collect()
    }

    /// A task has changed something. What of it can't be taken back is kept in mind.
    pub(super) fn changed(&mut self, doing: &Doing, changes: &[Change]) {
        let way = |change: &Change| match change.undo() {
            Undo::Impossible(why) if !doing.is_handler => Some(why),
            _ => None,
        };
        if let Some(why) = changes.iter().find_map(way) {
            self.play.left.push(Left { what: doing.task.to_owned(), why: why.to_owned() });
        }
    }
}

impl<C: Connect> HostRun<C> {
    /// The end of the run in the server's journal: the lock is free.
    async fn close(&mut self, interrupted: bool) -> Result<(), TransportError> {
        let how = match &self.recap {
            recap if recap.left > 0 => Ending::NotRolledBack,
            recap if recap.rolled_back => Ending::RolledBack,
            recap if recap.failed > 0 => Ending::Failed,
            recap if recap.stopped => Ending::Stopped,
            _ if interrupted => Ending::Interrupted,
            _ => Ending::Applied,
        };
        let (run, by) = (self.journal.by.run.clone(), self.journal.by.clone());
        let end = Change::Journal(Entry::End { run, how });
        let left_behind: BTreeSet<usize> =
            self.journal.cut_off.iter().map(|(eye, _)| *eye).collect();
        for eye in left_behind.difference(&self.journal.begun.clone()) {
            self.apply(*eye, &[Change::Journal(Entry::Tidy { by: by.clone() })]).await?;
        }
        for eye in std::mem::take(&mut self.journal.begun) {
            self.apply(eye, std::slice::from_ref(&end)).await?;
        }
        Ok(())
    }
}

/// The end of a run on all its hosts.
pub(super) async fn close<C>(job: &Job, hosts: Vec<HostRun<C>>, events: &Events) -> Vec<HostRun<C>>
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    let interrupted = job.options.interrupt.is_cancelled();
    let mut at_work = JoinSet::new();
    let mut closed = vec![];
    for (place, mut host) in hosts.into_iter().enumerate() {
        let idle =
            host.journal.begun.is_empty() && (host.journal.cut_off.is_empty() || job.options.check);
        if idle || host.recap.unreachable {
            closed.push((place, host));
            continue;
        }
        let events = events.clone();
        at_work.spawn(async move {
            if let Err(error) = host.close(interrupted).await {
                let message = format!("the end of the run could not be recorded: {error}");
                emit(&events, Event::Warning { host: Some(host.name.clone()), message });
            }
            (place, host)
        });
    }
    closed.extend(at_work.join_all().await);
    closed.sort_by_key(|(place, _)| *place);
    closed.into_iter().map(|(_, host)| host).collect()
}
