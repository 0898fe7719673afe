//! `probe_runs`: what past runs changed on the server, as far as they are kept. Printed are parts, each
//! ended by a NUL: `run` and five lines and its manifest, `step` and its record, `handler` and its name;
//! behind a handler, what it did. Of a run that is not confirmed, `waits` and until when; or `unconfirmed`,
//! and behind it what became of the paths and handlers.
use super::{Answer, Bytes, Garbled};
use serde::{Deserialize, Serialize};

/// A run as the server remembers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// Its name.
    pub run: String,
    /// When it began, seconds since 1970 by the server's clock.
    pub begun: i64,
    /// The address it came from; empty where sshd did not tell.
    pub from: String,
    /// When it ended and how; `None`: it is at work, or was cut off.
    pub ended: Option<(i64, String)>,
    /// What was run and by whom, as the run said it (JSON).
    pub manifest: Bytes,
    /// What it changed, in order.
    pub steps: Vec<PastStep>,
    /// The handlers that it ran, in order.
    pub handlers: Vec<PastHandler>,
    /// It waits to be confirmed until then, seconds since 1970 by the server's clock.
    pub waits: Option<i64>,
    /// Nobody confirmed it: what came of taking it back.
    pub unconfirmed: Option<Unconfirmed>,
}

/// What the server did about a run that nobody confirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// Paths that are as they were.
    pub restored: Vec<String>,
    /// Handlers and tasks that were done again.
    pub again: Vec<String>,
    /// Those that were not, since what they do was not told.
    pub owed: Vec<String>,
    /// What could not be brought back, and why.
    pub left: Vec<(String, String)>,
}

impl Unconfirmed {
    /// A part of the report, if it is one.
    fn part(&mut self, text: &str) -> Option<()> {
        let (kind, rest) = text.split_once(' ')?;
        match kind {
            "restored" => self.restored.push(rest.to_owned()),
            "again" => self.again.push(rest.to_owned()),
            "owed" => self.owed.push(rest.to_owned()),
            "left" => {
                let (what, why) = rest.rsplit_once('\n')?;
                self.left.push((what.to_owned(), why.to_owned()));
            }
            _ => return None,
        }
        Some(())
    }
}

/// A change that a run made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastStep {
    /// Counted by the run.
    pub number: u32,
    /// The function that made it.
    pub function: String,
    /// The path.
    pub path: String,
    /// Nothing was there before.
    pub new: bool,
    /// It was made to the end.
    pub done: bool,
    /// It was taken back.
    pub undone: bool,
}

/// A handler that a run ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastHandler {
    /// Counted by the run.
    pub number: u32,
    /// Its name.
    pub handler: String,
    /// Its changes as a JSON list; empty: not told.
    pub changes: Bytes,
}

pub(super) fn words() -> Vec<String> {
    vec!["probe_runs".into()]
}

pub(super) fn read(answer: &Answer) -> Result<Vec<PastRun>, Garbled> {
    let stdout = answer.succeeded("probe_runs")?;
    let mut runs: Vec<PastRun> = vec![];
    let mut parts = stdout.split(|&byte| byte == 0);
    while let Some(part) = parts.next() {
        if part.is_empty() {
            continue;
        }
        let mut rest = part;
        let kind = line(&mut rest);
        let last = runs.last_mut();
        let understood = match (kind.as_str(), last) {
            ("run", _) => run(rest).map(|run| runs.push(run)),
            ("step", Some(last)) => step(rest).map(|step| last.steps.push(step)),
            ("handler", Some(last)) => {
                let changes = Bytes(parts.next().unwrap_or_default().to_vec());
                let number = line(&mut rest).parse().ok();
                let handler = String::from_utf8_lossy(rest).into_owned();
                number.map(|number| last.handlers.push(PastHandler { number, handler, changes }))
            }
            ("waits", Some(last)) => {
                last.waits = line(&mut rest).parse().ok();
                Some(())
            }
            ("unconfirmed", Some(last)) => {
                last.unconfirmed = Some(Unconfirmed::default());
                Some(())
            }
            (_, Some(PastRun { unconfirmed: Some(report), .. })) => {
                report.part(&String::from_utf8_lossy(part))
            }
            _ => None,
        };
        if understood.is_none() {
            let text: String = String::from_utf8_lossy(part).chars().take(80).collect();
            let why = format!("no part of a run: {}", text.escape_debug());
            return Err(Garbled { probe: "probe_runs", why });
        }
    }
    Ok(runs)
}

/// Takes a line off the front.
fn line(rest: &mut &[u8]) -> String {
    let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    let text = String::from_utf8_lossy(&rest[..end]).into_owned();
    *rest = &rest[(end + 1).min(rest.len())..];
    text
}

fn run(mut rest: &[u8]) -> Option<PastRun> {
    let run = line(&mut rest);
    let begun = line(&mut rest).parse().unwrap_or(0);
    let from = line(&mut rest);
    let (ended, how) = (line(&mut rest), line(&mut rest));
    let ended = ended.parse().ok().map(|when| (when, how));
    let manifest = Bytes(rest.to_vec());
    (!run.is_empty()).then(|| PastRun { run, begun, from, ended, manifest, ..PastRun::default() })
}

fn step(mut rest: &[u8]) -> Option<PastStep> {
    let number = line(&mut rest).parse().ok()?;
    let mark = line(&mut rest);
    let function = line(&mut rest);
    let new = line(&mut rest) == "absent";
    let path = String::from_utf8_lossy(rest).into_owned();
    let (done, undone) = (matches!(mark.as_str(), "done" | "undone"), mark == "undone");
    Some(PastStep { number, function, path, new, done, undone })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_with_their_steps_and_handlers_whatever_paths_hold() {
        let stdout = "run\nab\n100\n192.0.2.1\n\n\n{\"who\":\"ada\"}\0step\n00001\ndone\nwrite_file\n\
                      file 644:0:0 e3\n/etc/a\nb\0step\n00002\n\nmake_dir\nabsent\n/d\0handler\n00003\n\
                      restart x\0[1]\0run\ncd\n200\n\n201\nrolled back\n{}\0";
        let runs = read(&Answer { stdout: stdout.into(), ..Answer::default() }).unwrap();
        assert_eq!((runs[0].run.as_str(), runs[0].begun, &runs[0].ended), ("ab", 100, &None));
        assert_eq!(runs[0].steps[0].path, "/etc/a\nb");
        assert!(runs[0].steps[0].done && !runs[0].steps[0].new && runs[0].steps[1].new);
        assert_eq!(runs[0].handlers[0].handler, "restart x");
        assert_eq!(runs[0].handlers[0].changes, "[1]".into());
        assert_eq!(runs[1].ended, Some((201, "rolled back".into())));
        let stdout = "run\nef\n200\n\n\n\n{}\0waits\n260\0run\ngh\n200\n\n261\nnot confirmed, taken back\n{}\0\
                      unconfirmed\0restored /a\nb\0left /c\nd\nwas changed since\0again reload\0owed x y\0\
                      step\n00001\nundone\nwrite_file\nabsent\n/a\nb\0";
        let runs = read(&Answer { stdout: stdout.into(), ..Answer::default() }).unwrap();
        assert_eq!((runs[0].waits, &runs[0].unconfirmed), (Some(260), &None));
        let report = runs[1].unconfirmed.as_ref().unwrap();
        assert_eq!(
            (&report.restored[..], &report.again[..]),
            (&["/a\nb".into()][..], &["reload".into()][..])
        );
        assert_eq!(report.left, [("/c\nd".into(), "was changed since".into())]);
        assert_eq!((&report.owed[..], runs[1].steps.len()), (&["x y".into()][..], 1));
        assert!(read(&Answer { stdout: "step\n1\n\0".into(), ..Answer::default() }).is_err());
    }
}
