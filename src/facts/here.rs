//! What a path is where cowhand runs. No server is asked: `transport::here` looks.
use super::Bytes;
use serde::{Deserialize, Serialize};

/// What is at a path where cowhand runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Here {
    /// A folder.
    Folder,
    /// A file (links are followed).
    File {
        /// Lowercase hex.
        md5: String,
        /// Lowercase hex.
        sha1: String,
        /// Lowercase hex.
        sha256: String,
    },
    /// Something that can't be read, and why (a lowercase fragment).
    Unreadable(String),
}

impl Here {
    /// A file with this content.
    pub fn file(content: &Bytes) -> Self {
        let sum = |algorithm| content.sum(algorithm).unwrap_or_default();
        Self::File { md5: sum("md5"), sha1: sum("sha1"), sha256: content.sha256() }
    }
}
