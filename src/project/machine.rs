//! The real machine behind lookups and tests of files.
use super::LARGEST_FILE;
use crate::vars::{About, Machine, PathKind};
use std::collections::HashMap;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// This machine. What was read, and what commands said, is the same until the run is over.
#[derive(Debug)]
pub struct ThisMachine {
    writes: bool,
    start: jiff::Zoned,
    read: Mutex<HashMap<PathBuf, Option<Arc<[u8]>>>>,
    said: Mutex<HashMap<String, Result<String, String>>>,
}

impl ThisMachine {
    /// `writes`: generated passwords are written; otherwise nothing is.
    pub fn new(writes: bool) -> Self {
        let start = jiff::Zoned::now();
        Self { writes, start, read: Mutex::default(), said: Mutex::default() }
    }
}

impl Machine for ThisMachine {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
    fn read(&self, path: &Path) -> Result<Option<Arc<[u8]>>, String> {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(path) {
            return Ok(found.clone());
        }
        let bytes = super::bytes(path, LARGEST_FILE).map_err(|found| found.message)?;
        let bytes: Option<Arc<[u8]>> = bytes.map(Into::into);
        known.insert(path.to_owned(), bytes.clone());
        Ok(bytes)
    }
    fn names(&self, folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }
    fn about(&self, path: &Path, follow: bool) -> Option<About> {
        let about =
            if follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) }.ok()?;
        let kind = match about.file_type() {
            kind if kind.is_file() => PathKind::File,
            kind if kind.is_dir() => PathKind::Folder,
            kind if kind.is_symlink() => PathKind::Link,
            _ => PathKind::Other,
        };
        Some(About { kind, id: (about.dev(), about.ino()) })
    }
    fn real(&self, path: &Path) -> PathBuf {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // What does not exist is kept behind what does.
        let mut out = PathBuf::new();
        for part in absolute.components() {
            if part == std::path::Component::ParentDir {
                out.pop();
            } else {
                out.push(part);
                out = std::fs::canonicalize(&out).unwrap_or(out);
            }
        }
        out
    }
    fn run(&self, command: &str) -> Result<String, String> {
        let mut known = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let said = known.entry(command.to_owned()).or_insert_with(|| {
            let ran = Command::new("/bin/sh").args(["-c", command]).stdin(Stdio::null()).output();
            let ran = ran.map_err(|error| error.to_string())?;
            if !ran.status.success() {
                let said = String::from_utf8_lossy(&ran.stderr);
                return Err(format!("ended with {}: {}", ran.status, said.trim()));
            }
            String::from_utf8(ran.stdout).map_err(|_| "printed what is not UTF-8".to_owned())
        });
        said.clone()
    }
    fn keep(&self, path: &Path, text: &str) -> Result<(), String> {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(path.to_owned(), Some(text.as_bytes().into()));
        if !self.writes || path == Path::new("/dev/null") {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let kept = std::fs::create_dir_all(folder).and_then(|()| {
            let mut beside = tempfile::NamedTempFile::new_in(folder)?;
            beside.write_all(text.as_bytes())?;
            beside.as_file().sync_all()?;
            beside.persist(path).map(drop).map_err(std::io::Error::from)
        });
        kept.map_err(|error| format!("{}: {error}", path.display()))
    }
    fn chance(&self) -> [u32; 8] {
        let mut bytes = [0; 32];
        // It fails only where the kernel has no random numbers at all: nothing on such a machine is safe.
        getrandom::fill(&mut bytes).expect("the kernel gives random numbers");
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| bytes[at * 4 + byte]));
        std::array::from_fn(word)
    }
    fn start(&self) -> jiff::Zoned {
        self.start.clone()
    }
}
