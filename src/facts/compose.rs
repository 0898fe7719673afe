//! `probe_compose DIR SERVICE…`: the containers of a compose project. Answers with one line a container:
//! service, id, status, start.
use super::{Answer, Garbled};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The containers of the services that were asked for, by service; a service without one is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compose {
    /// By service.
    pub containers: BTreeMap<String, Container>,
}

/// A container, as `docker inspect` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// `running`, `restarting`, `exited` …
    pub status: String,
    /// `.State.StartedAt`, as docker writes it.
    pub started_at: String,
}

impl Compose {
    /// Reads what `probe_compose` prints, and `compose_up` when it is done. Of several containers of
    /// one service the first counts.
    ///
    /// # Errors
    /// [`Garbled`] for a line of another shape, or when the function failed.
    pub fn read(answer: &Answer) -> Result<Self, Garbled> {
        let mut compose = Self::default();
        for line in lines("probe_compose", answer)? {
            let words: Vec<&str> = line.split(' ').collect();
            let [service, id, status, started_at] = words[..] else {
                return Err(garbled("probe_compose", format!("unexpected line {}", shown(&line))));
            };
            compose.containers.entry(service.to_owned()).or_insert(Container {
                id: id.to_owned(),
                status: status.to_owned(),
                started_at: started_at.to_owned(),
            });
        }
        Ok(compose)
    }
}

pub(super) fn words(dir: &str, services: &[String]) -> Vec<String> {
    let head = ["probe_compose".to_owned(), dir.to_owned()];
    head.into_iter().chain(services.iter().cloned()).collect()
}

/// The lines of an answer, unless its function failed.
pub(super) fn lines(probe: &'static str, answer: &Answer) -> Result<Vec<String>, Garbled> {
    if answer.rc != 0 {
        let said = answer.stderr.text();
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
        return Err(garbled(probe, format!("it ended with {}: {}", answer.rc, shown(last))));
    }
    Ok(answer.stdout.text().lines().map(str::to_owned).collect())
}

pub(super) fn garbled(probe: &'static str, why: impl Into<String>) -> Garbled {
    Garbled { probe, why: why.into() }
}

/// Text from a server inside one of our messages: bounded, control characters escaped.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(200).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rc: i32, stdout: &str, stderr: &str) -> Answer {
        Answer { rc, stdout: stdout.into(), stderr: stderr.into(), took: None }
    }

    #[test]
    fn a_line_is_a_container_and_no_line_is_none() {
        let read =
            Compose::read(&answer(0, "nginx-mailcow 0a1b running 2026-01-02T03:04:05Z\n", ""));
        let containers = read.unwrap().containers;
        assert_eq!(containers["nginx-mailcow"].id, "0a1b");
        assert_eq!(containers["nginx-mailcow"].status, "running");
        assert_eq!(containers["nginx-mailcow"].started_at, "2026-01-02T03:04:05Z");
        assert_eq!(containers.len(), 1);
        assert_eq!(Compose::read(&answer(0, "", "")).unwrap(), Compose::default());
    }

    #[test]
    fn what_the_function_never_prints_is_garbled_and_shown_without_control_characters() {
        let error = Compose::read(&answer(0, "a \u{1b}[31mb\n", "")).unwrap_err();
        assert!(error.why.contains(r"\u{1b}"), "{}", error.why);
        let error = Compose::read(&answer(1, "", "first\nCannot connect to the daemon\n\n"));
        assert_eq!(error.unwrap_err().why, "it ended with 1: Cannot connect to the daemon");
    }
}
