//! This machine, as lookups and tests of files see it. The trait is all that templates know of it: `project`
//! looks at the real one, tests at what they made up. What was asked once is not asked again in a run, so
//! that a template comes to the same in prefetch, in the plan and in a retry.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, where links are not followed.
    Link,
    /// A device, a socket …
    Other,
}

/// What is known of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// What it is.
    pub kind: PathKind,
    /// Device and inode: the same for the same file.
    pub id: (u64, u64),
}

/// The machine that this program runs on.
pub trait Machine: Send + Sync {
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// What a file holds; `None` where there is none.
    ///
    /// # Errors
    /// Why it can't be read, as a lowercase fragment.
    fn read(&self, path: &Path) -> Result<Option<Arc<[u8]>>, String>;
    /// The names in a folder, sorted; none where there is none.
    fn names(&self, folder: &Path) -> Vec<String>;
    /// What a path is; with `follow` what its links lead to.
    fn about(&self, path: &Path, follow: bool) -> Option<About>;
    /// A path without links, as far as it exists; a relative one begins at the current folder.
    fn real(&self, path: &Path) -> PathBuf;
    /// What a command line of the shell prints.
    ///
    /// # Errors
    /// Its status, as a lowercase fragment.
    fn run(&self, command: &str) -> Result<String, String>;
    /// Keeps a text in a file that only its owner may read; in check mode it keeps it until the end of
    /// the run and writes nothing.
    ///
    /// # Errors
    /// Why it can't, as a lowercase fragment.
    fn keep(&self, path: &Path, text: &str) -> Result<(), String>;
    /// Random numbers.
    fn chance(&self) -> [u32; 8];
    /// When the run began.
    fn start(&self) -> jiff::Zoned;
}

/// A machine made of a few variables and files, which nothing else can be asked.
pub(super) struct Memory {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) files: Box<super::Files>,
}

impl Machine for Memory {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
    fn read(&self, path: &Path) -> Result<Option<Arc<[u8]>>, String> {
        Ok((self.files)(&path.to_string_lossy()))
    }
    fn names(&self, _: &Path) -> Vec<String> {
        vec![]
    }
    fn about(&self, path: &Path, _: bool) -> Option<About> {
        let is = |kind| About { kind, id: (0, 0) };
        if path == Path::new("/") {
            return Some(is(PathKind::Folder));
        }
        (self.files)(&path.to_string_lossy()).map(|_| is(PathKind::File))
    }
    fn real(&self, path: &Path) -> PathBuf {
        Path::new("/").join(path)
    }
    fn run(&self, _: &str) -> Result<String, String> {
        Err("no command can be run here".to_owned())
    }
    fn keep(&self, _: &Path, _: &str) -> Result<(), String> {
        Ok(())
    }
    fn chance(&self) -> [u32; 8] {
        [4; 8]
    }
    fn start(&self) -> jiff::Zoned {
        jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC)
    }
}
