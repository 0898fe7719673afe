//! One host during a run: its shells, what is known of it, what it owes, how it fares.
use super::confirm::Confirmation;
use super::foresight::Foresight;
use super::journal::Journal;
use super::written::Written;
use super::{Job, Roster};
use crate::event::Recap;
use crate::facts::Observed;
use crate::plan::{Context, HostVars, Via, Way};
use crate::playbook::Task;
use crate::transport::{Connect, TransportError};
use crate::vars::{Layer, Scope, Trust};
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
pub(super) struct Eye<S> {
    pub(super) via: Via,
    pub(super) shell: Arc<S>,
    pub(super) seen: Observed,
    /// What the host owes was asked through it.
    pub(super) met: bool,
}

/// Gives the way to a host that is reached by these variables.
pub(super) type Dial<C> = Arc<dyn Fn(&str, &Scope) -> Result<C, TransportError> + Send + Sync>;

/// A host during a run.
pub(super) struct HostRun<C: Connect> {
    pub(super) name: String,
    pub(super) dial: Dial<C>,
    /// The variables by which it is reached.
    reach: Scope,
    /// Which hosts and groups its variables know of.
    knows: usize,
    /// The ways that were dialled.
    links: Vec<(Way, C)>,
    pub(super) eyes: Vec<Eye<C::Shell>>,
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
    /// It did not answer when it was first called, and may be called again.
    pub(super) missed: bool,
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
    /// What earlier runs have written there.
    pub(super) written: Written,
    /// Handlers that it notified and that are marked on other hosts, where its tasks ran.
    pub(super) elsewhere: BTreeMap<String, BTreeSet<String>>,
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
            knows: 0,
            links: vec![],
            eyes: vec![],
            vars,
            notified: BTreeSet::new(),
            inherited: BTreeSet::new(),
            owed: BTreeMap::new(),
            warned: BTreeSet::new(),
            state: State::Active,
            missed: false,
            stopped: None,
            set: Map::new(),
            left: None,
            recap: Recap::default(),
            foresight: Foresight::None,
            journal: Journal::default(),
            written: Written::default(),
            elsewhere: BTreeMap::new(),
            chosen: true,
            confirmation: Confirmation::default(),
        }
    }

    /// A host that nothing has been done to.
    pub(super) fn met(job: &Job, name: String, dial: Dial<C>) -> Self {
        let shared = job.roster.now();
        let vars = shared.host_vars(&name);
        let reach = shared.reach(&name, &vars);
        let journal = Journal::new(job, &name);
        let mut host = Self::new(name, dial, reach, vars);
        host.journal = journal;
        host.knows = job.roster.grown();
        host.confirmation.seconds = job.options.confirm_timeout;
        host
    }

    /// Its variables follow groups that it was put into since.
    pub(super) fn keep_up_with(&mut self, roster: &Roster) {
        let grown = roster.grown();
        if self.knows != grown {
            self.vars.follow(roster.now().host_vars(&self.name));
            self.knows = grown;
        }
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
        let confirmation = std::mem::take(&mut self.confirmation);
        let new = Self::new(self.name.clone(), self.dial.clone(), reach, vars);
        *self = Self { links, eyes, recap, journal, chosen, confirmation, ..new };
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

    /// The same, so that what they share with others is not kept either if it is out of reach.
    pub(super) async fn hang_up_links(&mut self) {
        self.eyes.clear();
        for (_, link) in &self.links {
            link.hang_up().await;
        }
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

    /// Keeps the facts that a task returned. Those of `set_fact` stand above a play's variables; with
    /// `cacheable` they are facts of the host as well.
    pub(super) fn keep_facts(&mut self, task: &Task, result: &Map<String, Value>) {
        let all = facts_of(result);
        let cacheable = result.get("_ansible_facts_cacheable") == Some(&Value::Bool(true));
        let sets = task.module.name == "set_fact";
        if !sets || cacheable {
            self.vars.learn(all.clone());
        }
        if sets {
            self.set.clone_from(&all);
            self.vars.register(all);
        }
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
