//! What can be known about a host. A [`Probe`] is a question that changes nothing, a [`Fact`] its
//! answer, [`Observed`] what is known at one moment. One file per kind of probe: what the server is
//! asked (the words of a function in `transport/remote.sh`) and how its answer is read, side by side.
//! Pure: nothing here can reach a host.
mod account;
mod bytes;
mod command;
mod compose;
mod content;
mod crontab;
mod details;
mod entries;
mod files;
mod here;
mod home;
mod hostname;
mod journal;
mod keeper;
mod mailcow;
mod observed;
mod owed;
mod path;
mod postconf;
mod runs;
mod system;
mod tree;
mod unit;
mod written;

pub use account::{Account, Shadow, User};
pub use bytes::Bytes;
pub use compose::{Compose, Container};
pub use details::{Details, Inode};
pub use entries::Entries;
pub use files::fnmatch;
pub use here::Here;
pub use home::Home;
pub use hostname::Hostname;
pub use journal::{Journal, Lock};
pub use keeper::Keeper;
pub use mailcow::{Era, Mailcow, at_least, other_era, postfix_file};
pub use observed::{Observed, Unasked};
pub use owed::Owed;
pub use path::{PathKind, Stat};
pub use runs::{PastHandler, PastRun, PastStep, Unconfirmed};
pub use system::{FACT_PATH, GATHER_TIMEOUT, Topic, chosen, injected};
pub use tree::Tree;
pub use unit::{Manager, Reign, Unit};
pub use written::Written;

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
    /// Entries of a database of names.
    Entries {
        /// `passwd`, `group`, `hosts` …
        database: String,
        /// Which; `None`: all.
        key: Option<String>,
        /// Where they are looked for (`getent -s`).
        service: Option<String>,
    },
    /// A user.
    Account {
        /// Its name.
        name: String,
    },
    /// Where a user's home is.
    Home {
        /// Its name; empty: whoever we are.
        user: String,
        /// Files below it to look at on the way: what they are becomes known as if it had been asked for.
        files: Vec<String>,
    },
    /// A service.
    Unit {
        /// Its name.
        name: String,
        /// Whose.
        reign: Reign,
        /// As this knows it; `None`: as whatever starts services there.
        only: Option<Manager>,
        /// Stands in the list of processes while it runs; empty: it is asked itself.
        pattern: String,
    },
    /// A user's crontab.
    Crontab {
        /// Its name; empty: whoever we are.
        user: String,
    },
    /// What the machine is called.
    Hostname,
    /// What a path is where cowhand runs.
    Here {
        /// Absolute path.
        path: String,
    },
    /// Handlers that were notified by any run and have not succeeded since.
    Owed,
    /// Who is at work, which runs were never ended, and what runs have written.
    Journal,
    /// What a run last wrote at a path.
    Written {
        /// Absolute path.
        path: String,
    },
    /// What would start a timer again behind a reboot.
    Keeper,
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
    /// As `getent` tells them.
    Entries(Entries),
    /// A user, or the room for one.
    Account(Account),
    /// `None`: there is no such user.
    Home(Option<Home>),
    /// A service.
    Unit(Unit),
    /// Empty where there is none; `None`: no cron is there.
    Crontab(Option<Bytes>),
    /// Its names.
    Hostname(Hostname),
    /// `None`: nothing there.
    Here(Option<Here>),
    /// Handler names, oldest first.
    Owed(Vec<Owed>),
    /// The lock, runs without an end, files that runs wrote.
    Journal(Journal),
    /// `None`: it was not kept.
    Written(Option<Bytes>),
    /// What would.
    Keeper(Keeper),
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
    /// The last thing that it said on stderr, or its exit status.
    pub fn last_line(&self) -> String {
        let said = self.stderr.text();
        let line = said.lines().rev().find(|line| !line.trim().is_empty());
        line.map_or_else(|| format!("exit status {}", self.rc), |line| line.trim().to_owned())
    }
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
    /// An entry of a database of names.
    pub fn entry(database: &str, key: &str) -> Self {
        Self::Entries { database: database.into(), key: Some(key.into()), service: None }
    }
    /// Where a user's home is.
    pub fn home(user: &str) -> Self {
        Self::Home { user: user.into(), files: vec![] }
    }
    /// Whether it asks for what cowhand itself keeps on the server, which nothing else changes.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Owed | Self::Journal | Self::Written { .. } | Self::Runs)
    }
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
            Self::Entries { database, key, service } => {
                entries::words(database, key.as_deref(), service.as_deref())
            }
            Self::Account { name } => account::words(name),
            Self::Home { user, files } => home::words(user, files),
            Self::Unit { name, reign, only, pattern } => unit::words(name, *reign, *only, pattern),
            Self::Crontab { user } => crontab::words(user),
            Self::Hostname => hostname::words(),
            // Never sent: `transport::here` looks.
            Self::Here { path } => vec!["look_here".into(), path.clone()],
            Self::Owed => owed::words(),
            Self::Journal => journal::words(),
            Self::Written { path } => written::words(path),
            Self::Keeper => keeper::words(),
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
            Self::Content { .. } => content::read(content::PROBE, answer).map(Fact::Content),
            Self::Details { .. } => details::read(answer).map(Fact::Details),
            Self::Tree { .. } => tree::read(answer).map(Fact::Tree),
            Self::Glob { .. } => files::read("probe_glob", answer).map(Fact::Glob),
            Self::Sums { .. } => files::read("probe_sums", answer).map(Fact::Sums),
            Self::Matching { .. } => files::read("probe_matching", answer).map(Fact::Matching),
            Self::Command { .. } => Ok(Fact::Command(answer.clone())),
            Self::Mailcow { dir } => mailcow::read(dir, answer).map(Fact::Mailcow),
            Self::Compose { .. } => Compose::read(answer).map(Fact::Compose),
            Self::Postconf { keys, .. } => postconf::read(keys, answer).map(Fact::Postconf),
            Self::Entries { .. } => entries::read(answer).map(Fact::Entries),
            Self::Account { .. } => account::read(answer).map(Fact::Account),
            Self::Home { files, .. } => home::read(files, answer).map(Fact::Home),
            Self::Unit { .. } => unit::read(answer).map(Fact::Unit),
            Self::Crontab { .. } => crontab::read(answer).map(Fact::Crontab),
            Self::Hostname => hostname::read(answer).map(Fact::Hostname),
            Self::Here { .. } => Ok(Fact::Here(None)),
            Self::Owed => owed::read(answer).map(Fact::Owed),
            Self::Journal => journal::read(answer).map(Fact::Journal),
            Self::Written { .. } => written::read(answer).map(Fact::Written),
            Self::Keeper => keeper::read(answer).map(Fact::Keeper),
            Self::Runs => runs::read(answer).map(Fact::Runs),
            Self::System { topic, .. } => Ok(Fact::System(system::read(*topic, answer))),
        }
    }
}
