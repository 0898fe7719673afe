//! What a command does whose effect is known: it can be foreseen, and mostly taken back.
use crate::facts::{Bytes, Fact, Observed, Probe};
use crate::shell;
use serde::{Deserialize, Serialize};

/// A command whose effect is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// What it is done to, for people: `user deploy`.
    pub subject: String,
    /// What it comes to, for people: lines that end with line feeds.
    pub effect: String,
    /// What is run.
    pub call: Call,
    /// How it is taken back.
    pub back: Back,
    /// What is known afterwards.
    pub makes: Vec<(Probe, Fact)>,
    /// What may be different afterwards.
    pub reach: Reach,
}

/// What a deed runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A program with its arguments.
    Program(Vec<String>),
    /// A program with its arguments; then it is told what a question is answered.
    Telling {
        /// A program with its arguments.
        argv: Vec<String>,
        /// The question.
        look: Box<Probe>,
    },
    /// Makes a user's home.
    Home {
        /// The user.
        user: String,
        /// The home.
        dir: String,
        /// What is copied into it; `None`: what the server has for that.
        skeleton: Option<String>,
    },
    /// Gives a user this hash of a password.
    Password {
        /// The user.
        user: String,
        /// `USER:HASH`, a line.
        line: Bytes,
    },
    /// Gives a user this crontab; an empty one: none.
    Crontab {
        /// The user.
        user: String,
        /// All of it.
        content: Bytes,
    },
}

/// How a deed is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Back {
    /// By these programs, one after the other.
    Programs(Vec<Vec<String>>),
    /// By doing it again, once the files that it reads are what they were.
    Again,
    /// There is nothing to take back.
    Nothing,
    /// Not at all.
    Never,
}

/// What may be different behind a deed, beside what it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Everything: services do what they like.
    Anything,
    /// Accounts, files and what commands print, but no service and no container.
    Accounts,
    /// Nothing else.
    Itself,
}

impl Deed {
    pub(super) fn words(&self) -> Vec<String> {
        let words = |words: &[&str], argv: &[String]| {
            words.iter().map(|word| (*word).to_owned()).chain(argv.iter().cloned()).collect()
        };
        match &self.call {
            Call::Program(argv) => words(&["run_command", "", "", "0"], argv),
            Call::Telling { argv, look } => {
                words(&["do_and_look", &shell::join(look.words())], argv)
            }
            Call::Home { user, dir, skeleton } => {
                words(&["make_home", user, dir, skeleton.as_deref().unwrap_or_default()], &[])
            }
            Call::Password { user, .. } => words(&["set_password", user], &[]),
            Call::Crontab { user, .. } => words(&["set_crontab", user], &[]),
        }
    }

    pub(super) fn payload(&self) -> Option<&Bytes> {
        match &self.call {
            Call::Password { line: bytes, .. } | Call::Crontab { content: bytes, .. } => {
                Some(bytes)
            }
            Call::Program(_) | Call::Telling { .. } | Call::Home { .. } => None,
        }
    }

    /// The line of shell that takes it back, for the server's journal; `$note` is the step's folder there.
    pub(super) fn back(&self) -> Option<String> {
        match (&self.call, &self.back) {
            // These keep what they replace themselves.
            (Call::Password { .. }, Back::Programs(_)) => {
                Some("chpasswd -e <\"$note/image\"".into())
            }
            (Call::Crontab { user, .. }, Back::Programs(_)) => {
                let whose = if user.is_empty() { String::new() } else { shell::join(["-u", user]) };
                Some(format!(
                    "if [ -s \"$note/image\" ]; then crontab {whose} - <\"$note/image\"; else crontab {whose} -r; fi"
                ))
            }
            (_, Back::Programs(programs)) => {
                let lines = programs.iter().map(shell::join);
                Some(lines.collect::<Vec<_>>().join(" && "))
            }
            (_, Back::Again | Back::Nothing | Back::Never) => None,
        }
    }

    pub(super) fn touches(&self, probe: &Probe) -> bool {
        if self.makes.iter().any(|(made, _)| made == probe) {
            return true;
        }
        match self.reach {
            Reach::Anything => !(probe.is_ours() || matches!(probe, Probe::Here { .. })),
            Reach::Accounts => {
                let untouched = matches!(
                    probe,
                    Probe::Here { .. }
                        | Probe::Mailcow { .. }
                        | Probe::Compose { .. }
                        | Probe::Postconf { .. }
                        | Probe::Unit { .. }
                        | Probe::Crontab { .. }
                );
                !(untouched || probe.is_ours())
            }
            Reach::Itself => matches!(probe, Probe::Command { .. } | Probe::System { .. }),
        }
    }

    pub(super) fn predict(&self, seen: &mut Observed) {
        for (probe, fact) in &self.makes {
            seen.set(probe.clone(), fact.clone());
        }
    }
}
