//! `probe_journal`: who is at work on the server, and which runs were never ended. Printed are parts,
//! each ended by a NUL: `lock` and its five lines; `open` and a run; `waits`, a run and until when;
//! `unconfirmed`, the run that came last and when it was taken back; or `wrote` and a file that a run wrote.
use super::{Answer, Garbled, Written};
use serde::{Deserialize, Serialize};

/// What there is to know of a server's journal before anything is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Who is at work.
    pub lock: Option<Lock>,
    /// Runs that have not ended: the one at work, and those that were cut off.
    pub open: Vec<String>,
    /// A run that waits to be confirmed, and until when (seconds since 1970 by the server's clock).
    #[serde(default)]
    pub waits: Option<(String, i64)>,
    /// The run that came last, when nobody confirmed it and the server took it back; and when.
    #[serde(default)]
    pub unconfirmed: Option<(String, i64)>,
    /// What runs have written.
    #[serde(default)]
    pub written: Vec<Written>,
}

impl Journal {
    /// Runs that were cut off, one that only left its lock behind included. None as long as somebody is
    /// at work: it may be theirs. One that waits to be confirmed is none: it is taken back.
    pub fn cut_off(&self) -> Vec<&str> {
        let lock = self.lock.as_ref();
        if lock.is_some_and(|lock| !lock.lapsed()) {
            return vec![];
        }
        let open = self.open.iter().map(String::as_str);
        // A run that died over its lock has not even left its name.
        let left = lock.map(|lock| if lock.run.is_empty() { "unnamed" } else { &lock.run });
        let left = left.filter(|run| !self.open.iter().any(|open| open == run));
        let waits = |run: &&str| self.waits.as_ref().is_some_and(|(waits, _)| waits == run);
        open.chain(left).filter(|run| !waits(run)).collect()
    }

    /// The run that waits to be confirmed though whoever ran it is gone.
    pub fn overdue(&self) -> Option<&(String, i64)> {
        let gone = self.lock.as_ref().is_none_or(Lock::lapsed);
        self.waits.as_ref().filter(|_| gone)
    }
}

/// Who is at work on a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// The run.
    pub run: String,
    /// `user@host, pid N`.
    pub who: String,
    /// Seconds since 1970 by the server's clock.
    pub since: i64,
    /// Seconds.
    pub lease: i64,
    /// Seconds since it was renewed.
    pub age: i64,
}

impl Lock {
    /// Whether it was left behind. One from the future was not renewed either.
    pub fn lapsed(&self) -> bool {
        self.age.abs() > self.lease
    }

    /// Reads five lines.
    pub fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut text = || lines.next().map(str::to_owned);
        let (run, who) = (text()?, text()?);
        // A lock that is just being written has no time yet.
        let mut number = || lines.next().map(|line| line.parse().unwrap_or(0));
        Some(Self { run, who, since: number()?, lease: number()?, age: number()? })
    }
}

pub(super) fn words() -> Vec<String> {
    vec!["probe_journal".into()]
}

pub(super) fn read(answer: &Answer) -> Result<Journal, Garbled> {
    let stdout = answer.succeeded("probe_journal")?;
    let text = String::from_utf8_lossy(stdout);
    let mut journal = Journal::default();
    for part in text.split_terminator('\0') {
        match part.split_once('\n') {
            Some(("lock", lines)) => journal.lock = Lock::read(lines),
            Some(("open", run)) => journal.open.push(run.to_owned()),
            Some(("waits", rest)) => journal.waits = moment(rest),
            Some(("unconfirmed", rest)) => journal.unconfirmed = moment(rest),
            // A record that a power cut left half written says nothing.
            Some(("wrote", rest)) => journal.written.extend(Written::read(rest)),
            _ => {
                let part: String = part.chars().take(80).collect();
                let why = format!("neither a lock nor a run: {}", part.escape_debug());
                return Err(Garbled { probe: "probe_journal", why });
            }
        }
    }
    Ok(journal)
}

/// A run and a moment, a line each.
fn moment(lines: &str) -> Option<(String, i64)> {
    let (run, when) = lines.split_once('\n')?;
    Some((run.to_owned(), when.trim().parse().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(stdout: &str) -> Result<Journal, Garbled> {
        read(&Answer { stdout: stdout.into(), ..Answer::default() })
    }

    #[test]
    fn a_lock_is_left_behind_when_it_is_older_than_its_lease() {
        let text = |age| format!("lock\nab\nada@ws, pid 7\n100\n60\n{age}\0open\nab\0open\ncd\0");
        let journal = read_text(&text(60)).unwrap();
        let lock = journal.lock.as_ref().unwrap();
        assert_eq!(
            (lock.run.as_str(), lock.who.as_str(), lock.since),
            ("ab", "ada@ws, pid 7", 100)
        );
        assert!(!lock.lapsed() && journal.cut_off().is_empty());
        for age in [61, -61] {
            let journal = read_text(&text(age)).unwrap();
            assert_eq!(journal.cut_off(), ["ab", "cd"]);
        }
        let waits = read_text(&(text(61) + "waits\ncd\n130\0")).unwrap();
        assert_eq!(waits.cut_off(), ["ab"], "what waits to be confirmed was not cut off");
        assert_eq!(waits.overdue(), Some(&("cd".into(), 130)));
        assert_eq!(read_text(&(text(5) + "waits\ncd\n130\0")).unwrap().overdue(), None);
        let back = read_text("unconfirmed\ncd\n130\0").unwrap();
        assert_eq!(back.unconfirmed, Some(("cd".into(), 130)));
        let wrote = format!("wrote\nab\n7\n{}\n/etc/f\n\0", "a".repeat(64));
        assert_eq!(read_text(&wrote).unwrap().written[0].path, "/etc/f");
        assert_eq!(read_text(""), Ok(Journal::default()));
        assert!(read_text("what\0").is_err());
    }
}
