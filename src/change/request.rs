//! What is asked of a web server by the host itself. How it is asked stands in the words of curl's
//! configuration files, which the host's curl reads from its standard input: so nothing of it, secrets
//! least of all, is seen among its processes.
use super::Attributes;
use crate::facts::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// For `curl --config -`.
    pub config: Bytes,
    /// Its URL, where it asks for nothing that any `wget` could not do.
    pub plain: Option<String>,
    /// It asks, and changes nothing (`GET`, `HEAD`).
    pub reads: bool,
}

impl Request {
    /// Given up after so many seconds.
    pub(super) fn within(&mut self, seconds: u32) {
        // The last line of its kind counts.
        self.config.0.extend_from_slice(format!("\nmax-time = {seconds}\n").as_bytes());
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("reads", &self.reads).finish_non_exhaustive()
    }
}

/// A file that is made of what a web server answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    /// Absolute path; links were resolved by whoever planned.
    pub path: String,
    /// What is asked.
    pub request: Request,
    /// Wanted attributes; `None`s are taken over from the file that is replaced.
    pub attributes: Attributes,
    /// Copy of what was there, made first; absolute path.
    pub backup: Option<String>,
    /// SHA-256 of what is replaced, `None` when nothing was there.
    pub before: Option<String>,
    /// Algorithm and hexadecimal digits: what is not that never goes live.
    pub checksum: Option<(String, String)>,
}

impl Download {
    /// `run_download PATH MODE OWNER GROUP BEFORE BACKUP ALGORITHM CHECKSUM URL`.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = super::words::dressed("run_download", &self.path, &self.attributes);
        let (algorithm, sum) = self.checksum.clone().unwrap_or_default();
        words.extend([
            self.before.clone().unwrap_or_default(),
            self.backup.clone().unwrap_or_default(),
            algorithm,
            sum,
            self.request.plain.clone().unwrap_or_default(),
        ]);
        words
    }
}
