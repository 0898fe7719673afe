//! Changes to the journal that every run keeps on a server: what was replaced, and how to bring it back.
//! The layout and the functions are in `transport/journal.sh`. Pure: nothing here reads a clock or asks
//! who we are; whoever starts a run says so.
use super::{Change, Ran};
use crate::facts::{Bytes, Keeper};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An entry in a server's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Takes the server's lock, tidies up after runs that were cut off, and opens the run's journal. Travels
    /// in the batch of a run's first change, before it. Fails with [`LOCKED`] when somebody else is at work.
    Begin {
        /// Who runs what.
        by: Identity,
        /// What the journal keeps of that, as JSON.
        manifest: Bytes,
    },
    /// A handler, or a task that restarts something, runs: what it does is kept, so that the run can be taken back without its playbook.
    Handler {
        /// The run.
        run: String,
        /// The number of this step.
        number: u32,
        /// The handler's name.
        handler: String,
        /// Its [`Effect`], as JSON.
        changes: Bytes,
    },
    /// Takes steps back, newest first. What became of each: [`taken_back`].
    Undo {
        /// The run that does it, which holds the lock.
        run: String,
        /// The run whose steps they are.
        of: String,
        /// The first step to take back.
        from: u32,
        /// What to do about paths that were changed since.
        care: Care,
    },
    /// Tidies up after runs that were cut off, where nothing else is to be done.
    Tidy {
        /// Who does it.
        by: Identity,
    },
    /// From here on the server takes the run back by itself, unless it is confirmed. Prints what
    /// [`armed`] reads.
    Arm {
        /// The run.
        run: String,
        /// How long behind the last sign of life.
        seconds: u32,
        /// The first step to take back.
        from: u32,
    },
    /// How the server itself does again what a step did: kept beside its [`Entry::Handler`].
    Again {
        /// The run.
        run: String,
        /// The number of that step.
        number: u32,
        /// What is done.
        changes: Vec<Change>,
    },
    /// A sign of life of a run that waits to be confirmed.
    Stay {
        /// The run.
        run: String,
    },
    /// The run stays. Fails with [`TOO_LATE`] when the server has begun to take it back.
    Confirm {
        /// The run.
        run: String,
    },
    /// The run is over: the lock is free.
    End {
        /// The run.
        run: String,
        /// How it went.
        how: Ending,
    },
}

/// What takes effect only by being done again, once a run was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// It was a handler, and may be owed.
    pub handler: bool,
    /// What it does; `None`: not told (`no_log`).
    pub changes: Option<Vec<Change>>,
}

/// Who is at work on a server, as the lock names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The run's name: letters and digits, the same on all its hosts.
    pub run: String,
    /// `user@host, pid N`.
    pub who: String,
    /// Seconds after which a lock that is not renewed is left behind.
    pub lease: u32,
}

impl Default for Identity {
    fn default() -> Self {
        Self { run: "run".into(), who: "somebody".into(), lease: 60 }
    }
}

/// What to do about a path that is neither as the run left it nor as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Care {
    /// Leave it alone, and bring back the others.
    Careful,
    /// Leave everything alone when there is one.
    Strict,
    /// Bring it back all the same.
    Force,
}

/// How a run ended on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// As wished.
    Applied,
    /// Failed, and what it did stays.
    Failed,
    /// Failed, and was taken back.
    RolledBack,
    /// Failed, and could not be taken back whole.
    NotRolledBack,
    /// Stopped, since other hosts had failed; what it did stays.
    Stopped,
    /// Stopped by ctrl-C.
    Interrupted,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::RolledBack => "rolled back",
            Self::NotRolledBack => "not rolled back",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
        })
    }
}

/// The exit status of [`Entry::Begin`] when the lock is somebody else's; then it prints a line each: the
/// run, who, since when, the lease, seconds since it was renewed.
pub const LOCKED: i32 = 75;

/// The exit status of what a run does that the server has taken back by itself.
pub const TOO_LATE: i32 = 76;

/// Reads what [`Entry::Arm`] printed: the server's time in seconds since 1970, and what keeps its timer.
pub fn armed(ran: &Ran) -> Option<(i64, Keeper)> {
    let text = ran.stdout.text();
    let (now, keeper) = text.split_once('\n')?;
    Some((now.parse().ok()?, Keeper::read(keeper.trim())?))
}

/// What became of a step that was to be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakenBack {
    /// The path is as it was before.
    Restored(String),
    /// It is not.
    Left {
        /// The path.
        path: String,
        /// A lowercase fragment.
        why: String,
    },
}

/// Reads what [`Entry::Undo`] printed; what it never prints is left out.
pub fn taken_back(ran: &Ran) -> Vec<TakenBack> {
    let text = ran.stdout.text();
    let part = |part: &str| {
        if let Some(path) = part.strip_prefix("restored ") {
            return Some(TakenBack::Restored(path.to_owned()));
        }
        let (path, why) = part.strip_prefix("left ")?.rsplit_once('\n')?;
        Some(TakenBack::Left { path: path.to_owned(), why: why.to_owned() })
    };
    text.split('\0').filter_map(part).collect()
}

impl Entry {
    pub(super) fn payload(&self) -> Option<&Bytes> {
        match self {
            Self::Begin { manifest, .. } => Some(manifest),
            Self::Handler { changes, .. } => Some(changes),
            // What the server does by itself is shell, which `transport::wire` alone writes.
            Self::Arm { .. }
            | Self::Again { .. }
            | Self::Undo { .. }
            | Self::Tidy { .. }
            | Self::Stay { .. }
            | Self::Confirm { .. }
            | Self::End { .. } => None,
        }
    }

    pub(super) fn words(&self) -> Vec<String> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        match self {
            Self::Begin { by, .. } => {
                words(&["begin_run", &by.run, &by.who, &by.lease.to_string()])
            }
            Self::Tidy { by } => words(&["tidy", &by.run, &by.who, &by.lease.to_string()]),
            Self::Handler { run, number, handler, .. } => {
                words(&["note_handler", run, &step(*number), handler])
            }
            Self::Undo { run, of, from, care } => {
                let care = match care {
                    Care::Careful => "careful",
                    Care::Strict => "strict",
                    Care::Force => "force",
                };
                words(&["undo_run", run, of, &step(*from), care])
            }
            Self::Arm { run, seconds, from } => {
                words(&["arm_run", run, &seconds.to_string(), &step(*from)])
            }
            Self::Again { run, number, .. } => words(&["keep_again", run, &step(*number)]),
            Self::Stay { run } => words(&["stay_run", run]),
            Self::Confirm { run } => words(&["confirm_run", run]),
            Self::End { run, how } => words(&["end_run", run, &how.to_string()]),
        }
    }
}

/// The words of a change that is a step of a run.
pub(super) fn step_words(run: &str, number: u32, change: &Change) -> Vec<String> {
    let mut words = vec!["step".to_owned(), run.to_owned(), step(number)];
    if let Change::Deed(deed) = change
        && let Some(back) = deed.back()
    {
        words.extend(["with_back".to_owned(), back, deed.subject.clone()]);
    }
    words.extend(change.words());
    words
}

/// Steps that one name of a machine may number in a run. A machine that has several names in the inventory
/// has one journal, and each name numbers from a multiple of this on.
pub const STEPS_OF_A_NAME: u32 = 100_000;

/// A step's name: so many digits that names sort as numbers do. All but the last five say whose it is.
fn step(number: u32) -> String {
    format!("{number:010}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_steps_is_read_whatever_their_paths_hold() {
        let ran = Ran {
            stdout: "restored /a\nb\0left /c\nd\nwas changed since\0odd\0".into(),
            ..Ran::default()
        };
        assert_eq!(
            taken_back(&ran),
            [
                TakenBack::Restored("/a\nb".into()),
                TakenBack::Left { path: "/c\nd".into(), why: "was changed since".into() },
            ]
        );
    }

    #[test]
    fn a_step_is_its_change_behind_the_run_and_a_number_that_sorts() {
        let change = Box::new(Change::Remove { path: "/x".into() });
        let step = Change::Step { run: "ab".into(), number: 7, change };
        assert_eq!(step.words(), ["step", "ab", "0000000007", "remove_path", "/x"]);
    }
}
