//! One host during a run: its shells, what is known of it, what it owes, how it fares.
use super::confirm::Confirmation;
use super::foresight::Foresight;
use super::journal::Journal;
use super::{Events, Job, emit};
use crate::change::{Change, Ran};
use crate::event::{Event, Outcome, Recap};
use crate::facts::{Fact, Observed, Probe, injected};
use crate::plan::{Context, HostVars, Via, Way};
use crate::playbook::Task;
use crate::transport::{Connect, Transport, TransportError, here};
use crate::vars::{Hosts, Layer, Scope, Trust};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How a host fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// At work.
    Active,
    /// A task failed; a rescue section may bring it back.
    Failed,
    /// Given up.
    Unreachable,
    /// Done with this play: `meta: end_host`.
    Ended,
}

/// A shell and what has been seen through it. What a user may see differs from user to user.
struct Eye<S> {
    via: Via,
    shell: Arc<S>,
    seen: Observed,
    /// What the host owes was asked through it.
    met: bool,
}

/// Gives the way to a host that is reached by these variables.
pub(super) type Dial<C> = Arc<dyn Fn(&str, &Scope) -> Result<C, TransportError> + Send + Sync>;

/// A host during a run.
pub(super) struct HostRun<C: Connect> {
    pub(super) name: String,
    pub(super) dial: Dial<C>,
    /// The variables by which it is reached.
    reach: Scope,
    /// The ways that were dialled.
    links: Vec<(Way, C)>,
    eyes: Vec<Eye<C::Shell>>,
    pub(super) vars: HostVars,
    /// Handlers that were notified, by their full names.
    pub(super) notified: BTreeSet<String>,
    /// Handlers that earlier runs owe and that nothing has notified in this one.
    pub(super) inherited: BTreeSet<String>,
    /// Handlers that are marked as owed on the host, and through which shells.
    pub(super) owed: BTreeMap<String, BTreeSet<usize>>,
    /// Warnings that were told.
    pub(super) warned: BTreeSet<String>,
    pub(super) state: State,
    /// Why it failed, when it did because others had.
    pub(super) stopped: Option<String>,
    /// What `set_fact` set last.
    pub(super) set: Map<String, Value>,
    /// The use of a role that it is done with: `meta: end_role`.
    pub(super) left: Option<Arc<()>>,
    pub(super) recap: Recap,
    /// Recorded for a saved plan, or held to one.
    pub(super) foresight: Foresight,
    /// What this run has written into the server's journal.
    pub(super) journal: Journal,
    /// Handlers that it notified and that are marked on other hosts, where its tasks ran.
    pub(super) elsewhere: BTreeMap<String, BTreeSet<String>>,
    /// What all know of all, where anything asks for it.
    pub(super) everyone: Option<Arc<Hosts>>,
    /// A play works on it; others are there for tasks that are delegated to them.
    pub(super) chosen: bool,
    /// What is confirmed behind the play, or taken back.
    pub(super) confirmation: Confirmation,
}

impl<C: Connect> HostRun<C> {
    pub(super) fn new(name: String, dial: Dial<C>, reach: Scope, vars: HostVars) -> Self {
        Self {
            name,
            dial,
            reach,
            links: vec![],
            eyes: vec![],
            vars,
            notified: BTreeSet::new(),
            inherited: BTreeSet::new(),
            owed: BTreeMap::new(),
            warned: BTreeSet::new(),
            state: State::Active,
            stopped: None,
            set: Map::new(),
            left: None,
            recap: Recap::default(),
            foresight: Foresight::None,
            journal: Journal::default(),
            elsewhere: BTreeMap::new(),
            everyone: None,
            chosen: true,
            confirmation: Confirmation::default(),
        }
    }

    /// A host that nothing has been done to.
    pub(super) fn met(job: &Job, name: String, dial: Dial<C>) -> Self {
        let vars = job.shared.host_vars(&name);
        let reach = job.shared.reach(&name, &vars);
        let journal = Journal::new(job, &name);
        let mut host = Self::new(name, dial, reach, vars);
        host.journal = journal;
        host.confirmation.seconds = job.options.confirm_timeout;
        host
    }

    /// As new, on the same connection and through the same shells.
    pub(super) fn begin_again(&mut self, vars: HostVars) {
        let (batches, channels) = (self.recap.batches, self.recap.channels);
        let mut eyes = std::mem::take(&mut self.eyes);
        for eye in &mut eyes {
            eye.seen = Observed::default();
        }
        let recap = Recap { batches, channels, ..Recap::default() };
        let journal = std::mem::take(&mut self.journal);
        let links = std::mem::take(&mut self.links);
        let (chosen, reach) = (self.chosen, self.reach.clone());
        let everyone = self.everyone.take();
        let confirmation = std::mem::take(&mut self.confirmation);
        let new = Self::new(self.name.clone(), self.dial.clone(), reach, vars);
        *self = Self { links, eyes, recap, journal, everyone, chosen, confirmation, ..new };
    }

    /// The same host, should this one be lost by a bug: nothing is known of it.
    pub(super) fn spare(&self) -> Self {
        let (name, dial) = (self.name.clone(), self.dial.clone());
        Self::new(name, dial, self.reach.clone(), self.vars.clone())
    }

    /// The shell as whom and by which way a task speaks to it, opened when it is first wanted.
    pub(super) async fn eye(&mut self, via: &Via) -> Result<usize, TransportError> {
        if let Some(at) = self.eyes.iter().position(|eye| eye.via == *via) {
            return Ok(at);
        }
        let shell = Arc::new(self.link(&via.way)?.shell(via.escalate.as_ref()).await?);
        self.recap.channels += 1;
        self.eyes.push(Eye { via: via.clone(), shell, seen: Observed::default(), met: false });
        Ok(self.eyes.len() - 1)
    }

    /// The link that goes this way, dialled when it is first wanted.
    pub(super) fn link(&mut self, way: &Way) -> Result<&C, TransportError> {
        let known = self.links.iter().position(|(known, _)| known == way);
        let at = known.unwrap_or(self.links.len());
        if known.is_none() {
            let values = way.clone().into_iter().collect();
            let (origin, places) = ("connection".to_owned(), BTreeMap::new());
            let layer = Layer { origin, trust: Trust::Data, values, places };
            let link = (self.dial)(&self.name, &self.reach.with(layer))?;
            self.links.push((way.clone(), link));
        }
        Ok(&self.links[at].1)
    }

    /// Whether nobody has asked through this shell yet what the host owes.
    pub(super) fn is_new(&self, eye: usize) -> bool {
        !self.eyes[eye].met
    }

    /// As whom and by which way a shell was opened.
    pub(super) fn via(&self, eye: usize) -> Via {
        self.eyes[eye].via.clone()
    }

    /// A shell itself, unless it was closed since.
    pub(super) fn shell(&self, eye: usize) -> Option<Arc<C::Shell>> {
        self.eyes.get(eye).map(|eye| eye.shell.clone())
    }

    /// Closes its connections (`meta: reset_connection`); the next task opens new ones.
    pub(super) fn hang_up(&mut self) {
        self.eyes.clear();
        self.links.clear();
    }

    /// Whether it is done with a role that a place belongs to.
    pub(super) fn has_left(&self, context: &Context) -> bool {
        let left = |left: &Arc<()>| context.uses.iter().any(|used| Arc::ptr_eq(used, left));
        self.left.as_ref().is_some_and(left)
    }

    /// What has been seen through a shell.
    pub(super) fn seen(&self, eye: usize) -> &Observed {
        &self.eyes[eye].seen
    }

    /// In check mode: what earlier tasks would have made of it.
    pub(super) fn overlay(&mut self, eye: usize, changes: &[Change]) {
        for change in changes {
            for other in 0..self.eyes.len() {
                if other != eye {
                    self.eyes[other].seen.forget(|probe| change.touches(probe));
                }
            }
            change.predict(&mut self.eyes[eye].seen);
        }
    }

    /// Asks what is not known yet, all in one round trip.
    pub(super) async fn look(
        &mut self,
        eye: usize,
        probes: Vec<Probe>,
    ) -> Result<(), TransportError> {
        let mut wanted: Vec<Probe> = vec![];
        for probe in probes {
            if let Some(fact) = here::look(&probe) {
                self.eyes[eye].seen.set(probe, fact);
                continue;
            }
            if !self.eyes[eye].seen.knows(&probe) && !wanted.contains(&probe) {
                wanted.push(probe);
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        self.recap.batches += 1;
        let facts = self.eyes[eye].shell.observe(&wanted).await?;
        for (probe, fact) in wanted.into_iter().zip(facts) {
            if let Fact::Owed(owed) = &fact {
                self.eyes[eye].met = true;
                for owed in owed {
                    self.owed.entry(owed.handler.clone()).or_default().insert(eye);
                }
            }
            if let Fact::Journal(journal) = &fact {
                self.journal.found(eye, journal);
                self.found(journal);
            }
            let Eye { via, seen, .. } = &mut self.eyes[eye];
            self.foresight.saw(via, &probe, &fact);
            seen.set(probe, fact);
        }
        Ok(())
    }

    /// Takes facts of the server among the host's variables.
    pub(super) async fn gather(
        &mut self,
        eye: usize,
        probes: Vec<Probe>,
    ) -> Result<(), TransportError> {
        self.look(eye, probes.clone()).await?;
        for probe in probes {
            if let Ok(Fact::System(facts)) = self.eyes[eye].seen.get(&probe) {
                let named = |(name, value): (&String, &Value)| (injected(name), value.clone());
                self.vars.facts.extend(facts.iter().map(named));
            }
        }
        Ok(())
    }

    /// Makes changes as steps of the run, and forgets what they may have made untrue. The first that
    /// really changes something takes the server's lock.
    pub(super) async fn act(
        &mut self,
        eye: usize,
        changes: &[Change],
    ) -> Result<Vec<Ran>, TransportError> {
        let (batch, opens) = self.journal.around(eye, changes);
        let mut ran = self.apply(eye, &batch).await?;
        if opens {
            self.journal.opened(eye, &ran.remove(0))?;
        }
        for (change, ran) in changes.iter().zip(&ran) {
            match change {
                Change::Owe { handler } if ran.rc == 0 => {
                    if !self.owed.contains_key(handler) {
                        self.journal.owes(handler);
                    }
                    self.owed.entry(handler.clone()).or_default().insert(eye);
                }
                Change::Settle { handler } if ran.rc == 0 => {
                    if let Some(eyes) = self.owed.get_mut(handler) {
                        eyes.remove(&eye);
                        if eyes.is_empty() {
                            self.owed.remove(handler);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(ran)
    }

    /// A batch as it is, without the journal around it.
    pub(super) async fn apply(
        &mut self,
        eye: usize,
        batch: &[Change],
    ) -> Result<Vec<Ran>, TransportError> {
        for eye in &mut self.eyes {
            eye.seen.forget(|probe| batch.iter().any(|change| change.touches(probe)));
        }
        let mut ran: Vec<Ran> = vec![];
        for part in batch.chunk_by(|one, next| one.is_here() == next.is_here()) {
            if ran.last().is_some_and(|last| last.rc != 0) {
                break;
            }
            if part.iter().all(Change::is_here) {
                ran.extend(here::make(part).await);
            } else {
                self.recap.batches += 1;
                ran.extend(self.eyes[eye].shell.apply(part).await?);
            }
        }
        Ok(ran)
    }

    /// Takes back the mark of a handler, through every shell that it was made through.
    pub(super) async fn settle(&mut self, handler: &str) -> Result<(), TransportError> {
        for eye in self.owed.get(handler).cloned().unwrap_or_default() {
            self.act(eye, &[Change::Settle { handler: handler.to_owned() }]).await?;
        }
        Ok(())
    }

    /// When a handler was first owed, by the server's clock.
    pub(super) fn owed_since(&self, handler: &str) -> Option<i64> {
        self.eyes.iter().find_map(|eye| match eye.seen.get(&Probe::Owed) {
            Ok(Fact::Owed(owed)) => {
                owed.iter().find(|owed| owed.handler == handler).map(|owed| owed.since)
            }
            _ => None,
        })
    }

    /// Gives the host up.
    pub(super) fn lose(&mut self, error: &TransportError, events: &Events) {
        self.state = State::Unreachable;
        if self.refused(error, events) {
            return;
        }
        self.recap.unreachable = true;
        let help = match self.taken_back_by().map(jiff::Timestamp::from_second) {
            Some(Ok(when)) => Some(format!(
                "nobody confirms what this run did there, so the server takes it back by itself, by {} at the latest",
                when.strftime("%H:%M:%S UTC")
            )),
            _ => error.help().map(str::to_owned),
        };
        let (host, message) = (self.name.clone(), error.to_string());
        emit(events, Event::Unreachable { host, message, help });
    }

    /// Whether the host can be spoken to, but nothing may be touched there.
    fn refused(&mut self, error: &TransportError, events: &Events) -> bool {
        let host = self.name.clone();
        match error {
            TransportError::Locked(lock) => {
                emit(events, Event::Locked { host, lock: *lock.clone() });
            }
            TransportError::Journal(_) => {
                emit(events, Event::Refused { host, message: error.to_string() });
            }
            _ => return false,
        }
        self.recap.failed += 1;
        true
    }

    /// Counts an outcome.
    pub(super) fn count(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Ok => &mut self.recap.ok,
            Outcome::Changed => &mut self.recap.changed,
            Outcome::WouldChange => &mut self.recap.would_change,
            Outcome::Unknown { .. } => &mut self.recap.unknown,
            Outcome::Skipped { .. } => &mut self.recap.skipped,
            Outcome::Failed { ignored: true, .. } => &mut self.recap.ignored,
            Outcome::Failed { rescued: true, .. } => &mut self.recap.rescued,
            Outcome::Failed { .. } => &mut self.recap.failed,
        };
        *counter += 1;
    }

    /// Keeps the facts that a task returned. Those of `set_fact` stand above a play's variables; with
    /// `cacheable` they are facts of the host as well.
    pub(super) fn keep_facts(&mut self, task: &Task, result: &Map<String, Value>) {
        let all = facts_of(result);
        let cacheable = result.get("_ansible_facts_cacheable") == Some(&Value::Bool(true));
        let sets = task.module.name == "set_fact";
        if !sets || cacheable {
            self.vars.facts.extend(all.clone());
        }
        if sets {
            self.set.clone_from(&all);
            self.vars.registered.extend(all);
        }
    }

    /// The last word.
    pub(super) fn finish(mut self) -> Recap {
        self.recap.owed = self.owed.len();
        self.recap
    }
}

/// The facts of a result and of a loop's results.
pub(super) fn facts_of(result: &Map<String, Value>) -> Map<String, Value> {
    let facts = |result: &Map<String, Value>| {
        result.get("ansible_facts").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let mut all = facts(result);
    for item in result.get("results").and_then(Value::as_array).into_iter().flatten() {
        all.extend(item.as_object().map(facts).unwrap_or_default());
    }
    all
}
