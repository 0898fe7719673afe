//! `probe_details PATH follow|nofollow SUM mime|- flags|-`: what `probe_path` leaves out because it
//! is seldom wanted. Nothing is printed when nothing is there; else lines `inode=…` (see [`Inode`]),
//! `access=rwx`, `sum=…`, `mime=TYPE; charset=NAME`, `flags=VERSION LETTERS` (those that are known),
//! and at the end `real=` with the path behind all links, byte by byte.
use super::{Answer, Garbled, PathKind};
use serde::{Deserialize, Serialize};

/// What `lstat` tells of a path, as far as the coreutils and busybox print it alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inode {
    /// Type and permission bits (`st_mode`).
    pub raw: u32,
    /// Owner's number.
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, seconds since 1970.
    pub mtime: i64,
    /// Last access, seconds since 1970.
    pub atime: i64,
    /// Last change of the inode, seconds since 1970.
    pub ctime: i64,
    /// Number of the inode.
    pub inode: u64,
    /// Number of the device that it is on.
    pub dev: u64,
    /// Names that it has.
    pub links: u64,
    /// Blocks of 512 bytes.
    pub blocks: u64,
    /// Bytes of the blocks that are best read at once.
    pub block_size: u64,
    /// Number of the device that it is, 0 for what is none.
    pub rdev: u64,
    /// Owner's name, `UNKNOWN` where there is none.
    pub owner: String,
    /// Group's name, `UNKNOWN` where there is none.
    pub group: String,
}

/// What is seldom wanted of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Numbers and times.
    pub inode: Inode,
    /// Whether we may read, write, execute it.
    pub access: (bool, bool, bool),
    /// The checksum that was asked for; `None`: no regular file, or not readable.
    pub sum: Option<String>,
    /// Media type and character set, as `file` guesses them.
    pub mime: Option<(String, String)>,
    /// Version and letters of the flags, as `lsattr` prints them.
    pub flags: Option<(String, String)>,
    /// The path behind all links.
    pub real: String,
}

pub(super) fn words(path: &str, follow: bool, sum: &str, mime: bool, flags: bool) -> Vec<String> {
    let follow = if follow { "follow" } else { "nofollow" };
    let wish = |wanted: bool, word: &str| if wanted { word } else { "-" }.to_owned();
    let head = ["probe_details", path, follow, sum].map(str::to_owned);
    head.into_iter().chain([wish(mime, "mime"), wish(flags, "flags")]).collect()
}

pub(super) fn read(answer: &Answer) -> Result<Option<Details>, Garbled> {
    const PROBE: &str = "probe_details";
    let stdout = answer.succeeded(PROBE)?;
    if stdout.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(stdout);
    details(&text).map(Some).ok_or_else(|| {
        let text: String = text.chars().take(120).collect();
        Garbled { probe: PROBE, why: format!("no details: {}", text.escape_debug()) }
    })
}

fn details(text: &str) -> Option<Details> {
    let (lines, real) = text.split_once("real=")?;
    let mut out = Details { real: real.to_owned(), ..Details::default() };
    let mut told = false;
    for line in lines.lines() {
        match line.split_once('=')? {
            ("inode", numbers) => {
                out.inode = inode(numbers)?;
                told = true;
            }
            ("access", letters) => {
                let may = |letter| letters.contains(letter);
                out.access = (may('r'), may('w'), may('x'));
            }
            ("sum", hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
                out.sum = Some(hex.to_owned());
            }
            ("mime", both) => {
                let (kind, charset) = both.split_once("; charset=")?;
                out.mime = Some((kind.to_owned(), charset.to_owned()));
            }
            ("flags", both) => {
                let (version, letters) = both.split_once(' ')?;
                out.flags = Some((version.to_owned(), letters.replace('-', "")));
            }
            _ => return None,
        }
    }
    told.then_some(out)
}

/// `RAW:UID:GID:SIZE:MTIME:ATIME:CTIME:INODE:DEV:LINKS:BLOCKS:BLOCK:MAJOR:MINOR:OWNER:GROUP`, the
/// first and both numbers of a device in hex.
pub(super) fn inode(line: &str) -> Option<Inode> {
    let [
        raw,
        uid,
        gid,
        size,
        mtime,
        atime,
        ctime,
        inode,
        dev,
        links,
        blocks,
        block,
        major,
        minor,
        owner,
        group,
    ] = line.split(':').collect::<Vec<_>>().try_into().ok()?;
    let hex = |text| u64::from_str_radix(text, 16).ok();
    let raw = u32::from_str_radix(raw, 16).ok()?;
    let device = matches!(raw & 0o170_000, 0o020_000 | 0o060_000);
    Some(Inode {
        raw,
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        size: size.parse().ok()?,
        mtime: mtime.parse().ok()?,
        atime: atime.parse().ok()?,
        ctime: ctime.parse().ok()?,
        inode: inode.parse().ok()?,
        dev: dev.parse().ok()?,
        links: links.parse().ok()?,
        blocks: blocks.parse().ok()?,
        block_size: block.parse().ok()?,
        rdev: if device { rdev(hex(major)?, hex(minor)?) } else { 0 },
        owner: owner.to_owned(),
        group: group.to_owned(),
    })
}

/// As `makedev(3)` of Linux puts both numbers together.
fn rdev(major: u64, minor: u64) -> u64 {
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12 | (major & !0xfff) << 32
}

impl Inode {
    /// File, folder, link …
    pub fn kind(&self) -> PathKind {
        PathKind::of(self.raw)
    }
    /// Permission bits, with setuid, setgid and sticky.
    pub fn mode(&self) -> u32 {
        self.raw & 0o7777
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(stdout: &str) -> Result<Option<Details>, Garbled> {
        read(&Answer { rc: 0, stdout: stdout.into(), ..Answer::default() })
    }

    #[test]
    fn what_is_told_of_a_path_is_read_line_by_line() {
        let text = "inode=81a4:0:7:4:5:6:8:10397622:65024:2:8:4096:0:0:root:UNKNOWN\naccess=rw-\n\
                    sum=906f\nmime=text/plain; charset=us-ascii\nflags=15 ----i----e--\nreal=/a\nb";
        let read = read_text(text).unwrap().unwrap();
        assert_eq!((read.inode.inode, read.inode.links, read.inode.mode()), (10_397_622, 2, 0o644));
        assert_eq!(read.access, (true, true, false));
        assert_eq!(read.sum.as_deref(), Some("906f"));
        assert_eq!(read.mime, Some(("text/plain".into(), "us-ascii".into())));
        assert_eq!(read.flags, Some(("15".into(), "ie".into())));
        assert_eq!(read.real, "/a\nb");
        assert_eq!(read_text(""), Ok(None));
    }

    #[test]
    fn a_device_has_the_number_that_linux_gives_it() {
        let line = "21b6:0:0:0:5:5:5:4:5:1:0:4096:1:3:root:root";
        assert_eq!(inode(line).unwrap().rdev, 259);
    }

    #[test]
    fn what_is_no_detail_is_refused() {
        for text in ["real=/a", "inode=zz\nreal=/", "inode=81a4:0:0\nreal=/", "access=r\n", "x"] {
            assert!(read_text(text).is_err(), "{text:?}");
        }
    }
}
