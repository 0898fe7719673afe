//! `probe_path PATH nofollow|follow`: what a path is. Nothing is printed when nothing is there; else
//! a line `RAWMODE:UID:GID:SIZE:MTIME:OWNER:GROUP`, a line with the SHA-256 (or `-`), and what a
//! link points to.
use super::{Answer, Garbled};
use serde::{Deserialize, Serialize};

/// What a path is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// File, folder, link …
    pub kind: PathKind,
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner's number.
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// Owner's name, the number as text where there is no name.
    pub owner: String,
    /// Group's name, the number as text where there is no name.
    pub group: String,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, seconds since 1970.
    pub mtime: i64,
    /// Lowercase hex, regular files alone.
    pub sha256: Option<String>,
    /// What a link points to, as written in it.
    pub target: Option<String>,
}

/// The kinds of path that `stat` tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathKind {
    /// Regular file.
    File,
    /// Folder.
    Directory,
    /// Symbolic link.
    Link,
    /// Device, socket, pipe.
    Other,
}

pub(super) fn words(path: &str, follow: bool) -> Vec<String> {
    let follow = if follow { "follow" } else { "nofollow" };
    vec!["probe_path".into(), path.into(), follow.into()]
}

pub(super) fn read(answer: &Answer) -> Result<Option<Stat>, Garbled> {
    let stdout = answer.succeeded("probe_path")?;
    if stdout.is_empty() {
        return Ok(None);
    }
    stat(stdout).map(Some).ok_or_else(|| {
        let text: String = String::from_utf8_lossy(stdout).chars().take(120).collect();
        Garbled { probe: "probe_path", why: format!("no stat: {}", text.escape_debug()) }
    })
}

impl Stat {
    /// What a function that changed a path says of it afterwards; `None` when it says nothing.
    pub fn told(answer: &Answer) -> Option<Self> {
        stat(&answer.stdout.0)
    }
}

fn stat(stdout: &[u8]) -> Option<Stat> {
    let text = std::str::from_utf8(stdout).ok()?;
    let (line, rest) = text.split_once('\n')?;
    let (sha256, target) = rest.split_once('\n')?;
    let [raw, uid, gid, size, mtime, owner, group] =
        line.split(':').collect::<Vec<_>>().try_into().ok()?;
    let raw = u32::from_str_radix(raw, 16).ok()?;
    let kind = PathKind::of(raw);
    let hex = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
    // A regular file without one is a file that we may not read.
    let fits = match kind {
        PathKind::File => hex || sha256 == "-",
        _ => sha256 == "-",
    };
    let is_link = kind == PathKind::Link;
    (fits && is_link != target.is_empty()).then_some(())?;
    let name = |name: &str, number: &str| {
        if name == "UNKNOWN" { number.to_owned() } else { name.to_owned() }
    };
    Some(Stat {
        kind,
        mode: raw & 0o7777,
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        owner: name(owner, uid),
        group: name(group, gid),
        size: size.parse().ok()?,
        mtime: mtime.parse().ok()?,
        sha256: hex.then(|| sha256.to_owned()),
        target: is_link.then(|| target.to_owned()),
    })
}

impl PathKind {
    /// From the type bits of a raw mode (POSIX `sys/stat.h`, values as on Linux).
    pub(super) fn of(raw: u32) -> Self {
        match raw & 0o170_000 {
            0o100_000 => Self::File,
            0o040_000 => Self::Directory,
            0o120_000 => Self::Link,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(stdout: &str) -> Result<Option<Stat>, Garbled> {
        read(&Answer { rc: 0, stdout: stdout.into(), ..Answer::default() })
    }

    #[test]
    fn a_file_a_folder_and_a_link_are_told_apart() {
        let sum = "a".repeat(64);
        let file = read_text(&format!("89ed:0:7:3:-5:root:UNKNOWN\n{sum}\n")).unwrap().unwrap();
        assert_eq!((file.kind, file.mode, file.mtime), (PathKind::File, 0o4755, -5));
        assert_eq!((file.owner.as_str(), file.group.as_str()), ("root", "7"));
        assert_eq!(file.sha256.as_deref(), Some(sum.as_str()));
        let folder = read_text("41ed:0:0:4096:5:root:root\n-\n").unwrap().unwrap();
        assert_eq!((folder.kind, folder.sha256), (PathKind::Directory, None));
        let link = read_text("a1ff:0:0:3:5:root:root\n-\nodd\nname\n").unwrap().unwrap();
        assert_eq!((link.kind, link.target.as_deref()), (PathKind::Link, Some("odd\nname\n")));
        assert_eq!(read_text(""), Ok(None));
    }

    #[test]
    fn what_stat_never_prints_is_refused() {
        for text in [
            "\n",
            "89ed:0:7:3:5:root:root\n",
            "89ed:0:7:3:5:root\n-\n",
            "zz:0:7:3:5:root:root\n-\n",
            "81ed:0:7:3:5:root:root\nabc\n",
            "81ed:0:7:3:5:root:root\n-\ntarget",
            "a1ff:0:0:3:5:root:root\n-\n",
            "41ed:-1:0:3:5:root:root\n-\n",
        ] {
            assert!(read_text(text).is_err(), "{text:?}");
        }
    }
}
