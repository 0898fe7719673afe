//! `ssh_config(5)`: what OpenSSH's client would do for a host, so that whoever can `ssh mx1` can reach
//! it here too, with the same keys, jump hosts and trust. Reading (`parse`) and resolving
//! (`resolve`) are pure; `disk` alone touches files. It never trusts more than OpenSSH would: what
//! would need that is refused by name.
//!
//! Source: `ssh_config(5)` of OpenSSH 9.2 and 10.0; what it leaves open was tried with `ssh -G`.
mod algorithms;
mod apply;
mod arguments;
mod criteria;
mod disk;
mod jump;
mod keywords;
mod parse;
mod pattern;
mod resolve;
mod tokens;
mod values;
mod words;

pub use algorithms::expand;
pub use arguments::Arguments;
pub use disk::{Disk, run};
pub use jump::Hop;
pub use resolve::{Resolved, Unresolved};

use crate::source::{Diagnostic, SourceMap};
use parse::{Line, Loader};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The system's file.
const SYSTEM: &str = "/etc/ssh/ssh_config";

/// Which files there are to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// `~/.ssh/config`, then `/etc/ssh/ssh_config`; one that isn't there says nothing.
    #[default]
    Usual,
    /// This one alone (`-F FILE`).
    File(PathBuf),
    /// No file at all (`-F none`).
    None,
}

impl From<&Path> for Which {
    fn from(path: &Path) -> Self {
        if path.as_os_str() == "none" { Self::None } else { Self::File(path.to_owned()) }
    }
}

/// How files are read.
pub trait Files {
    /// The text of a file. `checked`: not if others than its owner could have written it.
    ///
    /// # Errors
    /// As reading a file has them.
    fn read(&self, path: &Path, checked: bool) -> io::Result<String>;
    /// The files that a pattern of a shell names, in order.
    ///
    /// # Errors
    /// It is no pattern.
    fn glob(&self, pattern: &Path) -> io::Result<Vec<PathBuf>>;
}

/// Whose file it is: that decides where relative includes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    User,
    System,
}

/// Who connects, and from where.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// `%d`, and what `~` means.
    pub home: PathBuf,
    /// `%u`
    pub user: String,
    /// `%i`
    pub uid: u32,
    /// `%l`
    pub hostname: String,
    /// For `${NAME}`.
    pub environment: BTreeMap<String, String>,
    /// Runs the command of a `Match exec`; `None`: such commands are refused.
    pub exec: Option<fn(&str) -> io::Result<bool>>,
}

/// A configuration that was read.
#[derive(Debug, Default)]
pub struct Config {
    files: Vec<Vec<Line>>,
    sources: SourceMap,
}

impl Config {
    /// Reads files and those they include.
    ///
    /// # Errors
    /// Everything that is wrong with them, with places.
    pub fn load(
        which: &Which,
        home: &Path,
        files: &dyn Files,
    ) -> Result<Self, (SourceMap, Vec<Diagnostic>)> {
        let mut sources = SourceMap::default();
        let mut loader = Loader::new(files, &mut sources, home);
        let mut lines = vec![];
        for (path, scope, must) in which.paths(home) {
            match files.read(&path, scope == Scope::User && !must) {
                Ok(text) => lines.push(loader.text(&path, &text, scope, 0)),
                Err(error) if error.kind() == io::ErrorKind::NotFound && !must => {}
                Err(error) => {
                    let message = format!("can't read {}: {error}", path.display());
                    loader.found.push(Diagnostic::general(message));
                }
            }
        }
        let found = std::mem::take(&mut loader.found);
        if found.is_empty() { Ok(Self { files: lines, sources }) } else { Err((sources, found)) }
    }
}

impl Which {
    /// Files, whose they are, and whether they must be there.
    fn paths(&self, home: &Path) -> Vec<(PathBuf, Scope, bool)> {
        match self {
            Self::Usual => vec![
                (home.join(".ssh/config"), Scope::User, false),
                (SYSTEM.into(), Scope::System, false),
            ],
            Self::File(path) => vec![(path.clone(), Scope::User, true)],
            Self::None => vec![],
        }
    }
}
