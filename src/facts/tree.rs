//! `probe_tree PATH DEPTH follow|nofollow`: what is below a folder. Nothing is printed when there is
//! no folder; else a line with the server's time, then pieces: a line per path (see [`Inode`]), an
//! empty line, the paths in the same order, each ended by a NUL, and a line feed.
use super::details::{Inode, inode};
use super::{Answer, Garbled};
use serde::{Deserialize, Serialize};

/// What is below a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// When it was looked at, seconds since 1970 by the server's clock.
    pub now: i64,
    /// Paths and what they are, in the order of the folder.
    pub entries: Vec<(String, Inode)>,
}

const PROBE: &str = "probe_tree";

pub(super) fn words(path: &str, depth: Option<u32>, follow: bool) -> Vec<String> {
    let follow = if follow { "follow" } else { "nofollow" };
    let depth = depth.map_or_else(String::new, |depth| depth.to_string());
    vec![PROBE.into(), path.into(), depth, follow.into()]
}

pub(super) fn read(answer: &Answer) -> Result<Option<Tree>, Garbled> {
    let stdout = answer.succeeded(PROBE)?;
    if stdout.is_empty() {
        return Ok(None);
    }
    tree(stdout).map(Some).ok_or_else(|| Garbled { probe: PROBE, why: "no list of paths".into() })
}

fn tree(stdout: &[u8]) -> Option<Tree> {
    let (now, mut rest) = line(stdout)?;
    let mut out = Tree { now: now.parse().ok()?, entries: vec![] };
    while !rest.is_empty() {
        let mut inodes = vec![];
        loop {
            let (text, behind) = line(rest)?;
            rest = behind;
            if text.is_empty() {
                break;
            }
            inodes.push(inode(text)?);
        }
        for inode in inodes {
            let end = rest.iter().position(|byte| *byte == 0)?;
            out.entries.push((String::from_utf8_lossy(&rest[..end]).into_owned(), inode));
            rest = &rest[end + 1..];
        }
        rest = rest.strip_prefix(b"\n")?;
    }
    Some(out)
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(stdout: &str) -> Result<Option<Tree>, Garbled> {
        read(&Answer { rc: 0, stdout: stdout.into(), ..Answer::default() })
    }

    #[test]
    fn paths_of_any_name_are_told_piece_by_piece() {
        let line = "81a4:0:7:4:5:6:8:1:65024:2:8:4096:0:0:root:root";
        let text = format!("99\n{line}\n{line}\n\n/d/odd\nname\0/d/b\0\n{line}\n\n/d/c\0\n");
        let read = read_text(&text).unwrap().unwrap();
        let names: Vec<_> = read.entries.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!((read.now, names), (99, vec!["/d/odd\nname", "/d/b", "/d/c"]));
        assert_eq!(read_text("99\n").unwrap().unwrap().entries, []);
        assert_eq!(read_text(""), Ok(None));
    }

    #[test]
    fn half_a_list_is_refused() {
        for text in ["x\n", "9", "9\n81a4\n\n/a\0\n", "9\n\n/a\0\n"] {
            assert!(read_text(text).is_err(), "{text:?}");
        }
    }
}
