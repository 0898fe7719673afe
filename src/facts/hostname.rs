//! `probe_hostname`: what the machine is called: now, a line; at its next start, a line (may be empty); a line
//! `systemd` where that keeps the name.
use super::{Answer, Garbled};
use serde::{Deserialize, Serialize};

/// What a machine is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hostname {
    /// Now.
    pub now: String,
    /// At its next start, from `/etc/hostname`.
    pub next: String,
    /// systemd keeps it.
    pub systemd: bool,
}

pub(super) fn words() -> Vec<String> {
    vec!["probe_hostname".into()]
}

pub(super) fn read(answer: &Answer) -> Result<Hostname, Garbled> {
    let text = String::from_utf8_lossy(answer.succeeded("probe_hostname")?);
    let mut lines = text.lines().map(str::to_owned);
    let mut line = || lines.next().unwrap_or_default();
    let (now, next, systemd) = (line(), line(), line() == "systemd");
    Ok(Hostname { now, next, systemd })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_a_name_now_and_one_for_later() {
        let read =
            |stdout: &str| read(&Answer { stdout: stdout.into(), ..Answer::default() }).unwrap();
        let both = Hostname { now: "a".into(), next: "b".into(), systemd: true };
        assert_eq!(read("a\nb\nsystemd\n"), both);
        assert_eq!(read("a\n\n"), Hostname { now: "a".into(), ..Hostname::default() });
    }
}
