//! The vocabulary between doing and telling. Owned, serialisable, versioned: a run's events can be
//! rendered again later by any reporter. Secrets are already redacted in what is in here.
mod edit;

pub use edit::{Damage, Edit};

use crate::change::Diff;
use crate::facts::Lock;
use crate::secret::Secrets;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The version of this vocabulary, written as `"v"` in every JSON line.
pub const VERSION: u32 = 1;

/// Something that happened during a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run begins.
    RunStarted {
        /// The playbook as given.
        playbook: String,
        /// Nothing will be touched.
        check: bool,
        /// All hosts of all plays.
        hosts: Vec<String>,
    },
    /// A play begins.
    PlayStarted {
        /// Its name, or its host pattern.
        name: String,
        /// Its hosts, in order.
        hosts: Vec<String>,
        /// Tasks that are known beforehand, for the progress bar.
        tasks: usize,
    },
    /// A task begins on a batch of hosts.
    TaskStarted {
        /// `role : name`, or the module's name.
        task: String,
        /// `path:line:column` of the task.
        place: String,
        /// A handler.
        handler: bool,
        /// Where it runs.
        hosts: Vec<String>,
    },
    /// A task has ended on a host (all items of its loop are done).
    TaskFinished {
        /// Host.
        host: String,
        /// As in `TaskStarted`.
        task: String,
        /// As in `TaskStarted`.
        place: String,
        /// As in `TaskStarted`.
        handler: bool,
        /// How it ended.
        outcome: Outcome,
        /// What changed, or would.
        diffs: Vec<Diff>,
        /// What `register` gets.
        result: Map<String, Value>,
    },
    /// One item of a loop has ended.
    ItemFinished {
        /// Host.
        host: String,
        /// Task.
        task: String,
        /// The item's label.
        item: String,
        /// How it ended.
        outcome: Outcome,
        /// What changed, or would.
        diffs: Vec<Diff>,
        /// What this item's entry of `.results` gets.
        result: Map<String, Value>,
    },
    /// A task is about to write a file, or would, that a run wrote earlier and somebody else has changed since.
    Edited {
        /// Host.
        host: String,
        /// As in `TaskStarted`.
        task: String,
        /// What was changed.
        #[serde(flatten)]
        edit: Edit,
    },
    /// Check mode: if the play failed behind this task, what it does could not be taken back.
    Irreversible {
        /// Host.
        host: String,
        /// As in `TaskStarted`.
        task: String,
        /// As in `TaskStarted`.
        place: String,
        /// A lowercase fragment.
        why: String,
    },
    /// A handler that an earlier run still owes is taken up (or, in check mode, is drift).
    Owed {
        /// Host.
        host: String,
        /// Handler.
        handler: String,
        /// Seconds since 1970 by the server's clock.
        since: i64,
        /// The playbook at hand has this handler.
        known: bool,
    },
    /// Something people should know that is no task's outcome.
    Warning {
        /// The host it is about, if any.
        host: Option<String>,
        /// A sentence.
        message: String,
    },
    /// A host can't be spoken to any more; its remaining tasks are not run.
    Unreachable {
        /// Host.
        host: String,
        /// A lowercase fragment.
        message: String,
        /// What to do.
        help: Option<String>,
    },
    /// The plays are over for the others, and run once more for hosts that did not answer when they were first
    /// called. What is told of those from here on is what counts.
    SecondChance {
        /// Those hosts.
        hosts: Vec<String>,
    },
    /// A host was left alone: it is not as the saved plan found it.
    Refused {
        /// Host.
        host: String,
        /// A lowercase fragment.
        message: String,
    },
    /// Somebody else is at work on a host, so nothing was touched.
    Locked {
        /// Host.
        host: String,
        /// Who, and since when.
        lock: Lock,
    },
    /// A run was cut off on a host earlier. What it had begun goes on with its playbook.
    CutOff {
        /// Host.
        host: String,
        /// The run.
        run: String,
    },
    /// Nothing failed on a host, but the play was stopped there because others had failed.
    Stopped {
        /// Host.
        host: String,
        /// A lowercase fragment.
        why: String,
    },
    /// A play failed on a host or was stopped there, and what it had done there was taken back.
    RolledBack {
        /// Host.
        host: String,
        /// Paths that are as they were, newest change first.
        restored: Vec<String>,
        /// Handlers and tasks that were done again, so that services notice.
        again: Vec<String>,
        /// What could not be brought back; empty: the host is as it was.
        left: Vec<Left>,
    },
    /// A task can lock us out of a host. The play is confirmed over a new connection, or the server takes it
    /// back by itself.
    AtRisk {
        /// Host.
        host: String,
        /// Task.
        task: String,
        /// How long the server waits.
        seconds: u32,
        /// It waits from now on, until then unless the play goes on: seconds since 1970 by the server's
        /// clock. `None`: it would, in check mode.
        until: Option<i64>,
        /// It would take it back behind a reboot as well.
        survives_reboot: bool,
    },
    /// A new connection has confirmed what a play did on a host.
    Confirmed {
        /// Host.
        host: String,
    },
    /// Nobody confirmed what a run did on a host, so the server has taken it back by itself.
    Unconfirmed {
        /// Host.
        host: String,
        /// The run.
        run: String,
        /// Why this run could not, as a lowercase fragment; `None`: it was an earlier one.
        why: Option<String>,
        /// As in `RolledBack`; of an earlier run nothing is told here.
        restored: Vec<String>,
        /// As in `RolledBack`.
        again: Vec<String>,
        /// As in `RolledBack`.
        left: Vec<Left>,
    },
    /// An earlier run waits on a host to be confirmed, and nobody will: it is taken back first.
    Waits {
        /// Host.
        host: String,
        /// The run.
        run: String,
        /// Until when the server itself waits, seconds since 1970 by its clock.
        until: i64,
    },
    /// Interrupted: the change in hand is finished, and nothing new is begun.
    Stopping,
    /// The run is over.
    RunFinished {
        /// Per host.
        recap: BTreeMap<String, Recap>,
        /// Stopped by ctrl-C.
        interrupted: bool,
    },
}

impl Event {
    /// The event without a secret in anything that people wrote or a server said. Hosts keep their
    /// names, and tasks their places.
    #[must_use]
    pub fn censored(mut self, secrets: &Secrets) -> Self {
        if secrets.is_empty() {
            return self;
        }
        let text = |text: &mut String| {
            if let Cow::Owned(censored) = secrets.censor(text) {
                *text = censored;
            }
        };
        match &mut self {
            Self::PlayStarted { name, .. } => text(name),
            Self::TaskStarted { task, .. }
            | Self::Irreversible { task, .. }
            | Self::AtRisk { task, .. } => text(task),
            Self::TaskFinished { task, outcome, diffs, result, .. } => {
                text(task);
                outcome.texts().into_iter().for_each(text);
                diffs
                    .iter_mut()
                    .flat_map(|diff| [&mut diff.subject, &mut diff.text])
                    .for_each(text);
                *result = secrets.censor_map(std::mem::take(result));
            }
            Self::ItemFinished { task, item, outcome, diffs, result, .. } => {
                [task, item].into_iter().chain(outcome.texts()).for_each(text);
                diffs
                    .iter_mut()
                    .flat_map(|diff| [&mut diff.subject, &mut diff.text])
                    .for_each(text);
                *result = secrets.censor_map(std::mem::take(result));
            }
            Self::Edited { task, edit, .. } => {
                let lines = edit.ours.iter_mut().chain(&mut edit.theirs);
                [task, &mut edit.path].into_iter().chain(lines).for_each(text);
            }
            Self::Owed { handler, .. } => text(handler),
            Self::Warning { message, .. } | Self::Refused { message, .. } => text(message),
            Self::Unreachable { message, help, .. } => {
                [message].into_iter().chain(help.as_mut()).for_each(text);
            }
            Self::RolledBack { restored, again, left, .. }
            | Self::Unconfirmed { restored, again, left, .. } => {
                let left = left.iter_mut().flat_map(|left| [&mut left.what, &mut left.why]);
                restored.iter_mut().chain(again).chain(left).for_each(text);
            }
            Self::RunStarted { .. }
            | Self::SecondChance { .. }
            | Self::Locked { .. }
            | Self::CutOff { .. }
            | Self::Stopped { .. }
            | Self::Confirmed { .. }
            | Self::Waits { .. }
            | Self::Stopping
            | Self::RunFinished { .. } => {}
        }
        self
    }
}

impl Outcome {
    fn texts(&mut self) -> Option<&mut String> {
        match self {
            Self::Unknown { why } | Self::Skipped { why } => Some(why),
            Self::Failed { message, .. } => Some(message),
            Self::Ok | Self::Changed | Self::WouldChange => None,
        }
    }
}

/// Something that could not be brought back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// A path, or the name of a task or handler.
    pub what: String,
    /// A lowercase fragment.
    pub why: String,
}

/// How a task ended on a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Already so.
    Ok,
    /// Changed.
    Changed,
    /// Check mode: would change.
    WouldChange,
    /// Check mode can't tell.
    Unknown {
        /// Why.
        why: String,
    },
    /// Not run.
    Skipped {
        /// Why: the condition that was false, or the like.
        why: String,
    },
    /// Did not work.
    Failed {
        /// For people.
        message: String,
        /// Did not matter: `ignore_errors`.
        ignored: bool,
        /// A rescue section takes over.
        rescued: bool,
    },
}

/// Outcomes of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recap {
    /// Tasks.
    pub ok: usize,
    /// Tasks.
    pub changed: usize,
    /// Tasks.
    pub would_change: usize,
    /// Tasks.
    pub unknown: usize,
    /// Tasks.
    pub skipped: usize,
    /// Tasks.
    pub failed: usize,
    /// Tasks.
    pub rescued: usize,
    /// Tasks.
    pub ignored: usize,
    /// Handlers owed when the run ended (in check mode: found).
    pub owed: usize,
    /// A play was stopped here, since other hosts had failed.
    #[serde(default)]
    pub stopped: bool,
    /// What a play had done here was taken back.
    #[serde(default)]
    pub rolled_back: bool,
    /// What could not be brought back.
    #[serde(default)]
    pub left: usize,
    /// The host was given up.
    pub unreachable: bool,
    /// Round trips that carried probes or changes.
    pub batches: usize,
    /// Channels that were opened.
    pub channels: usize,
}

/// An event as one JSON line: `{"v":1,"event":…}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// [`VERSION`].
    pub v: u32,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}
