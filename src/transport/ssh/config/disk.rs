//! The edge of the configuration: its files, and the commands that it may name. It never reads a file
//! that others could have written into.
#![expect(clippy::disallowed_methods, reason = "reading these files is what this is for")]
use super::{Client, Files};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file that is longer is none that somebody wrote.
const MAX_BYTES: u64 = 8 << 20;

/// Files on the disk.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, checked: bool) -> io::Result<String> {
        let about = std::fs::metadata(path)?;
        if about.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if about.len() > MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let ours = about.uid() == 0 || about.uid() == rustix::process::getuid().as_raw();
        if checked && (!ours || about.mode() & 0o022 != 0) {
            let why = "others could have written it; make it yours, with mode 0600";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
    }

    fn glob(&self, pattern: &Path) -> io::Result<Vec<PathBuf>> {
        let wrong = |error: glob::PatternError| io::Error::new(io::ErrorKind::InvalidInput, error);
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let found = glob::glob_with(&pattern.to_string_lossy(), options).map_err(wrong)?;
        // What can't be looked at is not there, as for a shell.
        let mut found: Vec<PathBuf> = found.filter_map(Result::ok).collect();
        found.sort();
        Ok(found)
    }
}

impl Client {
    /// Whoever runs this process.
    pub fn of_process() -> Self {
        let named = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        let text = |os: std::ffi::OsString| os.into_string().ok();
        Self {
            home: std::env::home_dir().unwrap_or_default(),
            user: named.unwrap_or_else(|| "root".to_owned()),
            uid: rustix::process::getuid().as_raw(),
            hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            environment: std::env::vars_os()
                .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
                .collect(),
            exec: None,
        }
    }
}

/// Runs the command of a `Match exec`: whether it ended well.
///
/// # Errors
/// It can't be started.
pub fn run(command: &str) -> io::Result<bool> {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let shell = shell.unwrap_or_else(|| "/bin/sh".into());
    let status = Command::new(shell)
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    Ok(status.success())
}
