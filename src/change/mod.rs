//! What can be done to a host: a closed set, each a piece of data that can be shown, predicted,
//! taken back and rendered. Only `transport` makes one happen.
mod deed;
mod diff;
mod here;
mod journal;
mod limit;
mod model;
mod request;
mod risk;
mod undo;
mod wait;
mod words;

pub use deed::{Back, Call, Deed, Reach};
pub use diff::{Diff, diff};
pub use here::{Here, Meet, Pause};
pub use journal::{
    Care, Effect, Ending, Entry, Identity, LOCKED, STEPS_OF_A_NAME, TOO_LATE, TakenBack, armed,
    taken_back,
};
pub use request::{Download, Request};
pub use undo::Undo;
pub use wait::{Until, Wait};

use crate::facts::{Answer, Bytes, Probe};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Wanted owner, group and permission bits; `None` leaves what is there
/// (a new file then gets what the umask and the user give).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Name or number.
    pub owner: Option<String>,
    /// Name or number.
    pub group: Option<String>,
}

/// One step from what is to what should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Writes a regular file: beside the target under a name with a leading dot, owner and mode set,
    /// validated, fsynced, renamed.
    WriteFile {
        /// Absolute path; links were resolved by whoever planned.
        path: String,
        /// All of it.
        content: Bytes,
        /// Wanted attributes; `None`s are taken over from the file that is replaced.
        attributes: Attributes,
        /// A command whose words hold `%s` (the candidate); what fails it never goes live.
        validate: Option<Vec<String>>,
        /// Copy of what was there, made first; absolute path.
        backup: Option<String>,
        /// SHA-256 of what is replaced, `None` when nothing was there: replaced is only what was seen.
        before: Option<String>,
        /// Whether content may be shown.
        secret: bool,
    },
    /// Sets owner, group or mode.
    SetAttributes {
        /// Absolute path.
        path: String,
        /// Wanted.
        attributes: Attributes,
        /// Everything below as well.
        recurse: bool,
    },
    /// Makes a folder (its parents exist or are made by earlier changes).
    MakeDir {
        /// Absolute path.
        path: String,
        /// Wanted.
        attributes: Attributes,
    },
    /// Makes a link, replacing a link that is there.
    Link {
        /// Where the link is.
        path: String,
        /// What it points to.
        target: String,
        /// Hard instead of symbolic.
        hard: bool,
    },
    /// Sets the times to now, making an empty file where nothing is.
    Touch {
        /// Absolute path.
        path: String,
        /// Wanted.
        attributes: Attributes,
    },
    /// Sets times of a path that is there.
    SetTimes {
        /// Absolute path.
        path: String,
        /// Last access; `None` leaves it.
        access: Option<When>,
        /// Last change of the content; `None` leaves it.
        modification: Option<When>,
    },
    /// Makes an empty file or folder under a name that nobody has.
    MakeTemp {
        /// The folder that it goes into; `None`: the one for temporary files.
        dir: Option<String>,
        /// Its name begins with this.
        prefix: String,
        /// Its name ends with this.
        suffix: String,
        /// A folder instead of a file.
        directory: bool,
    },
    /// Removes a path and everything below.
    Remove {
        /// Absolute path.
        path: String,
    },
    /// Asks a web server something.
    Request(Request),
    /// Makes a file of what a web server answers: beside the target, then renamed.
    Download(Box<Download>),
    /// Runs a command whose effect nobody can predict.
    Run(Command),
    /// Runs a command whose effect is known.
    Deed(Box<Deed>),
    /// Polls until something is so, or the time is up. Changes nothing.
    Wait(Wait),
    /// Restarts or brings up services of a compose project and waits until they answer.
    Compose(ComposeUp),
    /// Nothing to write: the service still runs older values than its file holds.
    Outdated {
        /// The Mailcow folder.
        dir: String,
        /// Parameter → (value that runs, value that the file holds).
        values: BTreeMap<String, (String, String)>,
    },
    /// Something that is done where cowhand runs, not on the host.
    Here(Here),
    /// Records that a handler is owed. Travels in the same batch as, and before, what notifies it.
    Owe {
        /// The handler's name.
        handler: String,
    },
    /// Takes the record away: the handler has succeeded.
    Settle {
        /// The handler's name.
        handler: String,
    },
    /// A change as a step of a run: the journal on the server keeps what it replaces.
    Step {
        /// The run.
        run: String,
        /// Counted by the run over all its changes on the host, from 1.
        number: u32,
        /// What is done.
        change: Box<Change>,
    },
    /// An entry in the journal.
    Journal(Entry),
}

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// When the change is made, by the server's clock.
    Now,
    /// Seconds since 1970.
    At(i64),
}

/// A command to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Program and arguments; with `shell`, one element: the script.
    pub argv: Vec<String>,
    /// Run by this shell (`/bin/sh`) instead of directly.
    pub shell: Option<String>,
    /// Where.
    pub chdir: Option<String>,
    /// What it reads.
    pub stdin: Option<Bytes>,
    /// Added to the environment.
    pub environment: BTreeMap<String, String>,
    /// Fill in `~`, `$NAME` and `${NAME}` on the server.
    pub expand: bool,
    /// The program itself, run from a file of its own; `argv` are its arguments then, and nothing is
    /// read.
    pub program: Option<Bytes>,
    /// Seconds after which it is ended, with everything that it has started.
    pub limit: Option<u32>,
}

/// What to do with a compose project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposeUp {
    /// The folder that compose is called in.
    pub dir: String,
    /// Which; none: all.
    pub services: Vec<String>,
    /// What.
    pub action: ComposeAction,
    /// Where it must answer afterwards: `smtp://HOST:PORT`, `https://HOST:PORT`, `tcp://HOST:PORT`
    /// (`https+proxy://` sends a PROXY line first).
    pub answers: Vec<String>,
    /// Seconds to wait for that.
    pub timeout: u32,
}

/// What compose is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComposeAction {
    /// `restart`.
    Restart,
    /// `up -d`.
    Up,
    /// `up -d --force-recreate --no-deps`.
    Recreate,
    /// `stop`.
    Stop,
    /// `down`.
    Down,
}

/// What a change that was made said. `rc` other than 0: it failed, and nothing after it was tried.
pub type Ran = Answer;

impl Change {
    /// What the function reads, if anything.
    pub fn payload(&self) -> Option<&Bytes> {
        match self {
            Self::WriteFile { content, .. } => Some(content),
            Self::Request(request) => Some(&request.config),
            Self::Download(download) => Some(&download.request.config),
            Self::Run(command) => command.program.as_ref().or(command.stdin.as_ref()),
            Self::Deed(deed) => deed.payload(),
            Self::Step { change, .. } => change.payload(),
            Self::Journal(entry) => entry.payload(),
            _ => None,
        }
    }
    /// What is done, without the journal around it.
    pub fn inner(&self) -> &Self {
        match self {
            Self::Step { change, .. } => change.inner(),
            other => other,
        }
    }
    /// What it is kept under in the server's journal, when it can be taken back from there.
    pub fn kept_as(&self) -> Option<String> {
        match (self.inner(), self.undo()) {
            (Self::Deed(deed), Undo::Command) => Some(deed.subject.clone()),
            (change, Undo::BeforeImage) => change.words().into_iter().nth(1),
            _ => None,
        }
    }
    /// Whether it is done where cowhand runs.
    pub fn is_here(&self) -> bool {
        matches!(self, Self::Here(_))
    }
    /// Whether what it will do can be told beforehand. What can't is *unknown* in check mode.
    pub fn predictable(&self) -> bool {
        match self.inner() {
            Self::Run(_)
            | Self::Wait(_)
            | Self::Request(_)
            | Self::Here(Here::Pause(_) | Here::Meet(_)) => false,
            // What is there may be what will be fetched.
            Self::Download(download) => download.before.is_none() || download.checksum.is_some(),
            _ => true,
        }
    }
    /// Whether what was known under `probe` may be different after this change. In doubt, yes: a file
    /// may be known by other names, and a command's answer may depend on anything.
    pub fn touches(&self, probe: &Probe) -> bool {
        match self {
            Self::Step { change, .. } => change.touches(probe),
            // Whoever tidies up may take a run back that nobody confirmed.
            Self::Run(_) | Self::Journal(Entry::Undo { .. } | Entry::Tidy { .. }) => true,
            Self::Request(request) => !request.reads,
            Self::Download(download) => touches_path(&download.path, probe),
            Self::Journal(_) => matches!(probe, Probe::Journal | Probe::Runs),
            Self::Wait(_) | Self::Outdated { .. } => false,
            Self::Deed(deed) => deed.touches(probe),
            Self::Here(here) => here.touches(probe),
            Self::Owe { .. } | Self::Settle { .. } => matches!(probe, Probe::Owed),
            Self::Compose(_) => matches!(
                probe,
                Probe::Compose { .. }
                    | Probe::Postconf { .. }
                    | Probe::Mailcow { .. }
                    | Probe::Command { .. }
                    // Containers rewrite files of their own at every start.
                    | Probe::Path { .. }
                    | Probe::Content { .. }
                    | Probe::Details { .. }
                    | Probe::Tree { .. }
                    | Probe::Sums { .. }
                    | Probe::Matching { .. }
            ),
            // Its name is not known before it is made, so that nothing known is about it.
            Self::MakeTemp { .. } => {
                matches!(probe, Probe::Tree { .. } | Probe::Glob { .. } | Probe::Command { .. })
            }
            Self::WriteFile { path, .. }
            | Self::SetTimes { path, .. }
            | Self::SetAttributes { path, .. }
            | Self::MakeDir { path, .. }
            | Self::Link { path, .. }
            | Self::Touch { path, .. }
            | Self::Remove { path } => touches_path(path, probe),
        }
    }
}

/// Whether a change of a path may make another answer untrue.
fn touches_path(path: &str, probe: &Probe) -> bool {
    match probe {
        Probe::Path { path: other, follow } => {
            *follow || is_within(other, path) || parent(path) == Some(other.as_str())
        }
        Probe::Content { .. }
        | Probe::Command { .. }
        | Probe::Details { .. }
        | Probe::Tree { .. }
        | Probe::Glob { .. }
        | Probe::Sums { .. }
        | Probe::Matching { .. }
        // Databases of names, units and crontabs are files, too.
        | Probe::Entries { .. }
        | Probe::Account { .. }
        | Probe::Home { .. }
        | Probe::Unit { .. }
        | Probe::Crontab { .. }
        | Probe::Hostname
        | Probe::System { .. } => true,
        Probe::Mailcow { dir } => is_within(path, dir) || is_within(dir, path),
        Probe::Compose { .. }
        | Probe::Postconf { .. }
        // A host's paths are not ours, but for what `Here` says itself.
        | Probe::Here { .. }
        | Probe::Owed
        | Probe::Journal
        | Probe::Written { .. }
        | Probe::Keeper
        | Probe::Runs => false,
    }
}

/// Whether `path` is `dir` or below it.
fn is_within(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The folder that `path` is in.
fn parent(path: &str) -> Option<&str> {
    let (dir, name) = path.rsplit_once('/')?;
    (!name.is_empty()).then_some(if dir.is_empty() { "/" } else { dir })
}

#[cfg(test)]
mod tests;
