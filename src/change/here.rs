//! What is done where cowhand runs, for a task of a host. Nothing of it travels: `transport::here` does it.
use crate::facts::{Bytes, Fact, Observed, Probe};
use serde::{Deserialize, Serialize};

/// Something to do where cowhand runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Here {
    /// Makes a file, and the folders that it is in.
    Keep {
        /// Absolute path.
        path: String,
        /// All of it.
        content: Bytes,
    },
    /// Waits for the time, or for whoever sits at the terminal.
    Pause(Pause),
    /// Waits until the host can be spoken to, over a new connection.
    Meet(Meet),
}

/// What a pause is ended by, and what is said in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// After so many seconds; `None`: when somebody has answered.
    pub seconds: Option<u64>,
    /// What is asked; `None`: nothing, so that nobody need answer.
    pub prompt: Option<String>,
    /// Show what is typed.
    pub echo: bool,
}

/// How long a host is waited for, in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meet {
    /// Before the first try.
    pub delay: u64,
    /// Between tries.
    pub sleep: u64,
    /// For one try.
    pub connect: u64,
    /// In all.
    pub timeout: u64,
}

impl Here {
    pub(super) fn words(&self) -> Vec<String> {
        match self {
            Self::Keep { path, .. } => vec!["keep_here".into(), path.clone()],
            Self::Pause(_) => vec!["pause_here".into()],
            Self::Meet(_) => vec!["meet_host".into()],
        }
    }

    pub(super) fn touches(&self, probe: &Probe) -> bool {
        match (self, probe) {
            (Self::Keep { path, .. }, Probe::Here { path: other }) => path == other,
            // The host may be the machine that cowhand runs on.
            (Self::Keep { path, .. }, _) => super::touches_path(path, probe),
            (Self::Pause(_), _) => false,
            // It may have started anew.
            (Self::Meet(_), _) => !matches!(probe, Probe::Here { .. }),
        }
    }

    pub(super) fn predict(&self, seen: &mut Observed) {
        if let Self::Keep { path, content } = self {
            let kept = crate::facts::Here::file(content);
            seen.set(Probe::Here { path: path.clone() }, Fact::Here(Some(kept)));
        }
    }
}
