//! What can be wrong with a configuration, and where: for people.
use std::fmt;

/// What nginx, or the template engine, could not read. `at` counts bytes.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) what: String,
}

impl Fault {
    pub(super) fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }
}

/// A place as an editor counts it: both from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    /// The place of byte `at` of `text`.
    pub(super) fn of(text: &[u8], at: usize) -> Self {
        let mut lines = text[..at].split(|byte| *byte == b'\n');
        // There is always a last line, if only an empty one.
        let last = lines.next_back().unwrap_or_default();
        let column = String::from_utf8_lossy(last).chars().count() + 1;
        Self { line: lines.count() + 1, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a configuration was not edited. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum EditError {
    /// It can't be read.
    #[error("{what} at {place}")]
    Broken {
        what: String,
        place: Place,
    },
    /// What should be edited is not there.
    #[error("there is no `{0}` block in it")]
    NoContext(String),
    /// A directive that would have to change shares its text with a Jinja branch.
    #[error("`{setting}` at {place} begins and ends in different Jinja branches")]
    Cut {
        setting: String,
        place: Place,
    },
    /// The edited text does not say what was asked for, or says something else beside it.
    #[error("`{0}` can't be put there without touching something else")]
    Unproven(String),
}

impl EditError {
    /// Gives a fault its place in `text`.
    pub(super) fn broken(text: &[u8], fault: Fault) -> Self {
        Self::Broken { place: Place::of(text, fault.at), what: fault.what }
    }
}
