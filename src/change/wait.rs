//! What can be waited for on a host.
use serde::{Deserialize, Serialize};

/// What to wait for (seconds).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// What must be so.
    pub until: Until,
    /// Before the first look.
    pub delay: u32,
    /// Between looks.
    pub sleep: u32,
    /// In all.
    pub timeout: u32,
}

/// What can be waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// A TCP port takes connections, or (`open: false`) does not.
    Port {
        /// Host name or address, as the server sees it.
        host: String,
        /// TCP port.
        port: u16,
        /// Wanted.
        open: bool,
        /// Seconds that one connection may take.
        connect: u32,
        /// What somebody who connects reads has a line that matches (ERE).
        pattern: Option<String>,
    },
    /// Nobody is connected to a port (Linux's `/proc/net/tcp`, whose spelling these have).
    Drained {
        /// TCP port, four hexadecimal digits.
        port: String,
        /// States that count, two hexadecimal digits each.
        states: Vec<String>,
        /// Local addresses that count; none: all.
        local: Vec<String>,
        /// Addresses of peers that do not count.
        excluded: Vec<String>,
    },
    /// A path exists, or (`present: false`) does not; with `pattern`, a line of it matches (ERE).
    Path {
        /// Absolute path.
        path: String,
        /// Wanted.
        present: bool,
        /// Extended regular expression.
        pattern: Option<String>,
    },
    /// Nothing but the time.
    Time,
}
