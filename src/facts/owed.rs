//! `probe_owed`: handlers that were notified and have not succeeded since.
use super::{Answer, Garbled};
use serde::{Deserialize, Serialize};

/// A handler that some run still owes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// The handler's name.
    pub handler: String,
    /// When it was notified, seconds since 1970 by the server's clock.
    pub since: i64,
}

pub(super) fn words() -> Vec<String> {
    vec!["probe_owed".into()]
}

pub(super) fn read(answer: &Answer) -> Result<Vec<Owed>, Garbled> {
    let _ = answer;
    Ok(vec![])
}
