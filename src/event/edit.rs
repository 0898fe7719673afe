//! What somebody else has made of a file that a run of ours wrote.
use serde::{Deserialize, Serialize};

/// A file of ours, or our part of one, that is neither as our run left it nor as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Absolute path.
    pub path: String,
    /// The run that wrote it last.
    pub run: String,
    /// When that was, seconds since 1970 by the server's clock.
    pub at: i64,
    /// What became of it.
    pub damage: Damage,
    /// [`Damage::Switched`]: the file that was written, and counted then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// Lines that our run left, that are gone and that are wanted. Told where diffs are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ours: Vec<String>,
    /// Lines that are there instead, and that are not wanted. Told where diffs are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub theirs: Vec<String>,
}

/// What became of something that a run of ours wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// It is another one now.
    Changed,
    /// Nothing was put in the place of the lines that are gone.
    LinesLost,
    /// The file is gone.
    FileLost,
    /// It may be as it was, but another file counts now: Mailcow has changed its layout.
    Switched,
}
