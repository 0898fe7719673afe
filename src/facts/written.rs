//! What runs of cowhand have written on a server and nobody removed: the parts `wrote` of what
//! `probe_journal` prints, and `probe_written PATH`, which prints such a file as `probe_content` does.
use super::{Answer, Bytes, Garbled, content};
use serde::{Deserialize, Serialize};

/// A file that a run wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The run that wrote it last.
    pub run: String,
    /// When, seconds since 1970 by the server's clock.
    pub at: i64,
    /// Of the file as that run left it, lowercase hex.
    pub sha256: String,
    /// Absolute.
    pub path: String,
}

impl Written {
    /// Reads four lines.
    pub(super) fn read(lines: &str) -> Option<Self> {
        let mut parts = lines.splitn(4, '\n').map(str::to_owned);
        let (run, at, sha256) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let path = parts.next()?.strip_suffix('\n')?.to_owned();
        (sha256.len() == 64 && !path.is_empty()).then_some(Self { run, at, sha256, path })
    }
}

const PROBE: &str = "probe_written";

pub(super) fn words(path: &str) -> Vec<String> {
    vec![PROBE.into(), path.into()]
}

pub(super) fn read(answer: &Answer) -> Result<Option<Bytes>, Garbled> {
    content::read(PROBE, answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_whatever_its_path_holds() {
        let sum = "a".repeat(64);
        let written = Written::read(&format!("ab\n7\n{sum}\n/odd\nname\n")).unwrap();
        assert_eq!((written.run.as_str(), written.at), ("ab", 7));
        assert_eq!((written.path.as_str(), written.sha256), ("/odd\nname", sum.clone()));
        for cut in [format!("ab\n7\n{sum}\n/name"), format!("ab\n7\n{sum}\n"), "ab\n7\n".into()] {
            assert_eq!(Written::read(&cut), None, "{cut:?}");
        }
    }
}
