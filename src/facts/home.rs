//! `probe_home USER FILE…`: where a user's home is, and what its files are: no second round trip for paths
//! that only the server knows. Nothing is printed when there is no such user; else its home, a line; its
//! numbers, a line; then three lines for each file, in base64: what `probe_path` says of it with links
//! followed and not followed, and what `probe_content` says.
use super::{Answer, Bytes, Fact, Garbled, Probe};
use serde::{Deserialize, Serialize};

/// A home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// Absolute path.
    pub dir: String,
    /// The user's number.
    pub uid: u32,
    /// Its group's number.
    pub gid: u32,
    /// What else was seen on the way.
    pub inside: Vec<(Probe, Fact)>,
}

/// Stands behind an answer that is none.
const FAILED: &[u8] = b"\n!failed";

const PROBE: &str = "probe_home";

pub(super) fn words(user: &str, files: &[String]) -> Vec<String> {
    [PROBE, user].map(str::to_owned).into_iter().chain(files.iter().cloned()).collect()
}

pub(super) fn read(files: &[String], answer: &Answer) -> Result<Option<Home>, Garbled> {
    let stdout = answer.succeeded(PROBE)?;
    if stdout.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(stdout);
    home(files, &text).map(Some).ok_or_else(|| Garbled { probe: PROBE, why: "no home".into() })
}

fn home(files: &[String], text: &str) -> Option<Home> {
    let mut lines = text.lines();
    let dir = lines.next()?.to_owned();
    let (uid, gid) = lines.next()?.split_once(' ')?;
    let mut home = Home { dir, uid: uid.parse().ok()?, gid: gid.parse().ok()?, inside: vec![] };
    for file in files {
        let path = home.path(file);
        for probe in [
            Probe::Path { path: path.clone(), follow: true },
            Probe::Path { path: path.clone(), follow: false },
            Probe::Content { path: path.clone() },
        ] {
            let stdout = Bytes::from_base64(lines.next()?.as_bytes())?;
            // What could not be looked at is asked for again, and then says why.
            if !stdout.0.ends_with(FAILED)
                && let Ok(fact) = probe.read(&Answer { stdout, ..Answer::default() })
            {
                home.inside.push((probe, fact));
            }
        }
    }
    Some(home)
}

impl Home {
    /// A file below it.
    pub fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.dir.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_comes_with_what_is_in_it() {
        let coded = |text: &str| Bytes::from(text).base64();
        let stat = format!("81a4:0:0:1:5:root:root\n{}\n", "a".repeat(64));
        let lines = [coded(&stat), coded(""), coded("\n!failed")];
        let text = format!("/root/\n0 7\n{}\n", lines.join("\n"));
        let home = home(&["x".into()], &text).unwrap();
        assert_eq!((home.dir.as_str(), home.uid, home.gid), ("/root/", 0, 7));
        assert_eq!(home.inside.len(), 2);
        let probe = Probe::Path { path: "/root/x".into(), follow: false };
        assert_eq!(home.inside[1], (probe, Fact::Path(None)));
        assert!(super::home(&["x".into()], "/root\n0 7\n").is_none());
    }
}
