//! `probe_entries DATABASE KEY SERVICE`: entries of a database of names (`passwd`, `group`, `hosts` …), as
//! `getent` prints them: its exit status, a line; then the entries.
use super::{Answer, Garbled};
use serde::{Deserialize, Serialize};

/// What `getent` said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// 0: found; 1: no such database; 2: no such key; 3: the database can't be listed.
    pub rc: i32,
    /// The entries, a line each.
    pub lines: Vec<String>,
}

impl Entries {
    /// One entry, of fields that stand between colons.
    pub fn one(line: String) -> Self {
        Self { rc: 0, lines: vec![line] }
    }
    /// No such key.
    pub fn none() -> Self {
        Self { rc: 2, lines: vec![] }
    }
    /// Fields of the first entry.
    pub fn first(&self) -> Option<Vec<&str>> {
        self.lines.first().map(|line| line.split(':').collect())
    }
}

const PROBE: &str = "probe_entries";

pub(super) fn words(database: &str, key: Option<&str>, service: Option<&str>) -> Vec<String> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    vec![PROBE.into(), database.into(), text(key), text(service)]
}

pub(super) fn read(answer: &Answer) -> Result<Entries, Garbled> {
    let text = String::from_utf8_lossy(answer.succeeded(PROBE)?);
    let (rc, rest) = text.split_once('\n').unwrap_or_default();
    let rc = rc.parse().map_err(|_| Garbled { probe: PROBE, why: "no exit status".into() })?;
    let lines = rest.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    Ok(Entries { rc, lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_behind_the_exit_status() {
        let read = |stdout: &str| read(&Answer { stdout: stdout.into(), ..Answer::default() });
        let entries = read("0\nroot:x:0:0:root:/root:/bin/sh\n").unwrap();
        assert_eq!(entries.first().unwrap()[5], "/root");
        assert_eq!(read("2\n\n"), Ok(Entries::none()));
        assert!(read("no").is_err());
    }
}
