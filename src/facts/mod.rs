//! What can be known about a host. A [`Probe`] is a question that changes nothing, a [`Fact`] its
//! answer, [`Observed`] what is known at one moment. One file per kind of probe: what the server is
//! asked (the words of a function in `transport/remote.sh`) and how its answer is read, side by side.
//! Pure: nothing here can reach a host.
mod bytes;
mod command;
mod compose;
mod content;
mod details;
mod files;
mod here;
mod journal;
mod mailcow;
mod owed;
mod path;
mod postconf;
mod runs;
mod system;
mod tree;

pub use bytes::Bytes;
pub use compose::{Compose, Container};
pub use details::{Details, Inode};
pub use files::fnmatch;
pub use here::Here;
pub use journal::{Journal, Lock};
pub use mailcow::{Era, Mailcow, at_least, postfix_file};
pub use owed::Owed;
pub use path::{PathKind, Stat};
pub use runs::{PastHandler, PastRun, PastStep};
pub use system::{FACT_PATH, GATHER_TIMEOUT, Topic, chosen, injected};
pub use tree::Tree;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A read-only question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// Type, mode, owner, times and checksum of a path, itself or (`follow`) what it points to.
    Path {
        /// Absolute path.
        path: String,
        /// Look through symbolic links.
        follow: bool,
    },
    /// The bytes of a regular file (symbolic links are followed).
    Content {
        /// Absolute path.
        path: String,
    },
    /// Times, inode, access and what else is seldom wanted of a path.
    Details {
        /// Absolute path.
        path: String,
        /// Look through symbolic links.
        follow: bool,
        /// A checksum too: `md5`, `sha1`, `sha224`, `sha256`, `sha384` or `sha512`; empty: none.
        sum: String,
        /// What `file` takes it for.
        mime: bool,
        /// What `lsattr` says.
        flags: bool,
    },
    /// Everything below a folder.
    Tree {
        /// Absolute path.
        path: String,
        /// Levels below it; `None`: all.
        depth: Option<u32>,
        /// Look into folders that symbolic links lead to.
        follow: bool,
    },
    /// Paths that a pattern of the shell names.
    Glob {
        /// With `*`, `?` or `[…]`.
        pattern: String,
    },
    /// Checksums of files.
    Sums {
        /// `md5`, `sha1`, `sha224`, `sha256`, `sha384` or `sha512`.
        algorithm: String,
        /// Absolute paths.
        paths: Vec<String>,
    },
    /// Which of some files have a line that matches.
    Matching {
        /// Extended regular expression (POSIX).
        pattern: String,
        /// Absolute paths.
        paths: Vec<String>,
    },
    /// What a command that changes nothing prints. Whoever asks vouches for that.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// What a Mailcow folder is: era, files that count, versions in the containers.
    Mailcow {
        /// The folder with `docker-compose.yml` and `mailcow.conf`.
        dir: String,
    },
    /// The containers of a compose project, as `docker inspect` sees them.
    Compose {
        /// The folder that compose is called in.
        dir: String,
        /// The services asked for.
        services: Vec<String>,
    },
    /// Parameters as the running Postfix has them (`postconf -h` in the container).
    Postconf {
        /// The Mailcow folder.
        dir: String,
        /// Parameter names.
        keys: Vec<String>,
    },
    /// What a path is where cowhand runs.
    Here {
        /// Absolute path.
        path: String,
    },
    /// Handlers that were notified by any run and have not succeeded since.
    Owed,
    /// Who is at work, and which runs were never ended.
    Journal,
    /// What past runs changed.
    Runs,
    /// What the server is.
    System {
        /// Which facts.
        topic: Topic,
        /// [`Topic::Local`]: the folder; [`Topic::Mounts`]: seconds that a file system may take.
        argument: String,
    },
}

/// The answer to a [`Probe`] of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// `None`: nothing there.
    Path(Option<Stat>),
    /// `None`: nothing there.
    Content(Option<Bytes>),
    /// `None`: nothing there.
    Details(Option<Details>),
    /// `None`: no folder there.
    Tree(Option<Tree>),
    /// Paths in the order of the shell.
    Glob(Vec<String>),
    /// By path in the order asked; empty where there is none.
    Sums(Vec<String>),
    /// The paths that have such a line.
    Matching(Vec<String>),
    /// What it printed and how it ended.
    Command(Answer),
    /// `Err`: why it is not a Mailcow folder, as a lowercase fragment.
    Mailcow(Result<Mailcow, String>),
    /// By service.
    Compose(Compose),
    /// Values by parameter; `None`: Postfix does not run.
    Postconf(Option<BTreeMap<String, String>>),
    /// `None`: nothing there.
    Here(Option<Here>),
    /// Handler names, oldest first.
    Owed(Vec<Owed>),
    /// The lock, and runs without an end.
    Journal(Journal),
    /// Runs, oldest first.
    Runs(Vec<PastRun>),
    /// By Ansible's names, without `ansible_`.
    System(Map<String, Value>),
}

/// What a function on the server printed and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Exit status.
    pub rc: i32,
    /// Standard output.
    pub stdout: Bytes,
    /// Standard error.
    pub stderr: Bytes,
    /// When a command began and ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Took>,
}

/// When a command ran, by the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// Microseconds since 1970.
    pub start: i64,
    /// Microseconds since 1970.
    pub end: i64,
    /// Seconds that local time is ahead of UTC.
    pub offset: i32,
}

impl Answer {
    /// A function that can't fail without a reason did: its last words.
    fn succeeded(&self, probe: &'static str) -> Result<&[u8], Garbled> {
        if self.rc == 0 {
            return Ok(&self.stdout.0);
        }
        let said: String = self.stderr.text().trim().chars().take(300).collect();
        Err(Garbled { probe, why: format!("{} (exit status {})", said.escape_debug(), self.rc) })
    }
}

/// The server answered something that its function never prints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's answer to {probe} can't be read: {why}")]
pub struct Garbled {
    /// The function that was called.
    pub probe: &'static str,
    /// What is wrong with the answer, with the server's last words.
    pub why: String,
}

impl Probe {
    /// The remote function to call and its arguments; `transport::wire` quotes them.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Path { path, follow } => path::words(path, *follow),
            Self::Content { path } => content::words(path),
            Self::Details { path, follow, sum, mime, flags } => {
                details::words(path, *follow, sum, *mime, *flags)
            }
            Self::Tree { path, depth, follow } => tree::words(path, *depth, *follow),
            Self::Glob { pattern } => files::glob_words(pattern),
            Self::Sums { algorithm, paths } => files::sums_words(algorithm, paths),
            Self::Matching { pattern, paths } => files::matching_words(pattern, paths),
            Self::Command { argv } => command::words(argv),
            Self::Mailcow { dir } => mailcow::words(dir),
            Self::Compose { dir, services } => compose::words(dir, services),
            Self::Postconf { dir, keys } => postconf::words(dir, keys),
            // Never sent: `transport::here` looks.
            Self::Here { path } => vec!["look_here".into(), path.clone()],
            Self::Owed => owed::words(),
            Self::Journal => journal::words(),
            Self::Runs => runs::words(),
            Self::System { topic, argument } => system::words(*topic, argument),
        }
    }
    /// Reads the server's answer.
    ///
    /// # Errors
    /// [`Garbled`] for what the function never prints.
    pub fn read(&self, answer: &Answer) -> Result<Fact, Garbled> {
        match self {
            Self::Path { .. } => path::read(answer).map(Fact::Path),
            Self::Content { .. } => content::read(answer).map(Fact::Content),
            Self::Details { .. } => details::read(answer).map(Fact::Details),
            Self::Tree { .. } => tree::read(answer).map(Fact::Tree),
            Self::Glob { .. } => files::read("probe_glob", answer).map(Fact::Glob),
            Self::Sums { .. } => files::read("probe_sums", answer).map(Fact::Sums),
            Self::Matching { .. } => files::read("probe_matching", answer).map(Fact::Matching),
            Self::Command { .. } => Ok(Fact::Command(answer.clone())),
            Self::Mailcow { dir } => mailcow::read(dir, answer).map(Fact::Mailcow),
            Self::Compose { .. } => Compose::read(answer).map(Fact::Compose),
            Self::Postconf { keys, .. } => postconf::read(keys, answer).map(Fact::Postconf),
            Self::Here { .. } => Ok(Fact::Here(None)),
            Self::Owed => owed::read(answer).map(Fact::Owed),
            Self::Journal => journal::read(answer).map(Fact::Journal),
            Self::Runs => runs::read(answer).map(Fact::Runs),
            Self::System { topic, .. } => Ok(Fact::System(system::read(*topic, answer))),
        }
    }
}

/// What is known about one host at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed(BTreeMap<Probe, Fact>);

/// A fact that nobody asked for yet; the runner fetches it and plans again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not asked yet: {0:?}")]
pub struct Unasked(pub Probe);

impl Observed {
    /// The fact for `probe`.
    ///
    /// # Errors
    /// [`Unasked`] when nobody asked; never a guess.
    pub fn get(&self, probe: &Probe) -> Result<&Fact, Unasked> {
        self.0.get(probe).ok_or_else(|| Unasked(probe.clone()))
    }
    /// Whether the answer is known.
    pub fn knows(&self, probe: &Probe) -> bool {
        self.0.contains_key(probe)
    }
    /// Records an answer.
    pub fn set(&mut self, probe: Probe, fact: Fact) {
        self.0.insert(probe, fact);
    }
    /// Forgets what `stale` says may have changed.
    pub fn forget(&mut self, stale: impl Fn(&Probe) -> bool) {
        self.0.retain(|probe, _| !stale(probe));
    }
    /// All that is known.
    pub fn iter(&self) -> impl Iterator<Item = (&Probe, &Fact)> {
        self.0.iter()
    }
    /// The stat of a path.
    ///
    /// # Errors
    /// [`Unasked`].
    pub fn stat(&self, path: &str, follow: bool) -> Result<Option<&Stat>, Unasked> {
        let probe = Probe::Path { path: path.to_owned(), follow };
        match self.get(&probe)? {
            Fact::Path(stat) => Ok(stat.as_ref()),
            _ => Err(Unasked(probe)),
        }
    }
    /// The bytes of a file.
    ///
    /// # Errors
    /// [`Unasked`].
    pub fn content(&self, path: &str) -> Result<Option<&Bytes>, Unasked> {
        let probe = Probe::Content { path: path.to_owned() };
        match self.get(&probe)? {
            Fact::Content(bytes) => Ok(bytes.as_ref()),
            _ => Err(Unasked(probe)),
        }
    }
    /// What a Mailcow folder is.
    ///
    /// # Errors
    /// [`Unasked`].
    pub fn mailcow(&self, dir: &str) -> Result<&Result<Mailcow, String>, Unasked> {
        let probe = Probe::Mailcow { dir: dir.to_owned() };
        match self.get(&probe)? {
            Fact::Mailcow(mailcow) => Ok(mailcow),
            _ => Err(Unasked(probe)),
        }
    }
}
