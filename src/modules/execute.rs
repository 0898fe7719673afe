//! What the modules that run something have in common: when nothing need be run, and what is told of
//! what ran.
use super::values::{Flag, Text};
use super::{Opt, PlanError, Table};
use crate::change::{self, Change, Ran};
use crate::facts::{Bytes, Fact, Observed, Probe, Took, Unasked};
use jiff::tz::{Offset, TimeZone};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// For `OPTIONS`.
pub(super) const CHDIR: Opt = Opt::new("chdir", "Run it in this folder.");
/// For `OPTIONS`.
pub(super) const CREATES: Opt =
    Opt::new("creates", "A path or a pattern; when something of that name exists, nothing is run.");
/// For `OPTIONS`.
pub(super) const REMOVES: Opt =
    Opt::new("removes", "A path or a pattern; when nothing of that name exists, nothing is run.");
/// For `OPTIONS`.
pub(super) const STDIN: Opt = Opt::new("stdin", "What the command reads.");
/// For `OPTIONS`.
pub(super) const STDIN_ADD_NEWLINE: Opt =
    Opt::new("stdin_add_newline", "End `stdin` with a line end (default true).");
/// For `OPTIONS`.
pub(super) const STRIP_EMPTY_ENDS: Opt =
    Opt::new("strip_empty_ends", "Take line ends off the end of stdout and stderr (default true).");
/// For `OPTIONS`.
pub(super) const ENVIRONMENT: Opt = Opt::new("_environment", "From the keyword `environment`.");

/// For `RETURNS`.
pub(super) const RETURNS: Table = &[
    ("cmd", "What was run: a list, or the text for a shell."),
    ("rc", "Exit status."),
    ("stdout", "What it printed."),
    ("stdout_lines", "The same in lines."),
    ("stderr", "What it complained of."),
    ("stderr_lines", "The same in lines."),
    ("start", "When it began, in the server's time zone; null when nothing was run."),
    ("end", "When it ended."),
    ("delta", "How long it took, H:MM:SS.ffffff."),
];

/// For `RETURNS` of modules that tell no more.
pub(super) const SAID: Table = &[
    ("rc", "Exit status."),
    ("stdout", "What it printed."),
    ("stdout_lines", "The same in lines."),
    ("stderr", "What it complained of."),
    ("stderr_lines", "The same in lines."),
];

/// A command as these modules see it.
pub(super) struct Wanted<'a> {
    pub(super) run: change::Command,
    /// What results call it.
    pub(super) cmd: Value,
    pub(super) creates: Option<&'a str>,
    pub(super) removes: Option<&'a str>,
    pub(super) strip: bool,
}

/// What the command reads, with the line end that Ansible adds.
pub(super) fn stdin(text: Option<&Text>, newline: Option<Flag>) -> Option<Bytes> {
    let end = if newline.is_none_or(|newline| newline.0) { "\n" } else { "" };
    text.map(|text| Bytes::from(format!("{}{end}", text.0)))
}

pub(super) fn environment(written: &BTreeMap<String, Text>) -> BTreeMap<String, String> {
    written.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect()
}

impl Wanted<'_> {
    pub(super) fn observe(&self) -> Vec<Probe> {
        self.creates.iter().chain(&self.removes).map(|path| self.guard(path)).collect()
    }

    pub(super) fn plan(self, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        Ok(match self.spared(seen)? {
            Some(_) => vec![],
            None => vec![Change::Run(self.run)],
        })
    }

    /// The question whether what `creates` or `removes` names is there.
    fn guard(&self, path: &str) -> Probe {
        let path = match &self.run.chdir {
            Some(folder) if !path.starts_with('/') => {
                format!("{}/{path}", folder.trim_end_matches('/'))
            }
            _ => path.to_owned(),
        };
        if path.contains(['*', '?', '[']) {
            Probe::Glob { pattern: path }
        } else {
            Probe::Path { path, follow: true }
        }
    }

    fn exists(&self, path: &str, seen: &Observed) -> Result<bool, Unasked> {
        Ok(match seen.get(&self.guard(path))? {
            Fact::Path(stat) => stat.is_some(),
            Fact::Glob(paths) => !paths.is_empty(),
            _ => false,
        })
    }

    /// Why nothing needs to be run.
    pub(super) fn spared(&self, seen: &Observed) -> Result<Option<String>, PlanError> {
        if let Some(path) = self.creates
            && self.exists(path, seen)?
        {
            return Ok(Some(format!("'{path}' exists")));
        }
        if let Some(path) = self.removes
            && !self.exists(path, seen)?
        {
            return Ok(Some(format!("'{path}' does not exist")));
        }
        Ok(None)
    }

    pub(super) fn result(&self, seen: &Observed, ran: &[Ran]) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("cmd".into(), self.cmd.clone());
        if let Ok(Some(why)) = self.spared(seen) {
            let said = format!("skipped, since {}", why.replace('\'', ""));
            let none = json!({
                "msg": format!("Did not run command since {why}"),
                "rc": 0, "stdout": said, "stdout_lines": [said], "stderr": "", "stderr_lines": [],
                "start": null, "end": null, "delta": null, "changed": false,
            });
            out.extend(none.as_object().cloned().unwrap_or_default());
            return out;
        }
        let Some(ran) = ran.last() else { return out };
        out.extend(said(ran, self.strip));
        let msg = if ran.rc == 0 { "" } else { "non-zero return code" };
        out.insert("msg".into(), msg.into());
        let [start, end, delta] = ran.took.map(times).unwrap_or_default();
        out.extend([
            ("start".to_owned(), start.into()),
            ("end".to_owned(), end.into()),
            ("delta".to_owned(), delta.into()),
        ]);
        out
    }
}

/// What a command said and how it ended.
pub(super) fn said(ran: &Ran, strip: bool) -> Map<String, Value> {
    let text = |bytes: &Bytes| {
        let text = bytes.text();
        if strip { text.trim_end_matches(['\r', '\n']).to_owned() } else { text.into() }
    };
    let (stdout, stderr) = (text(&ran.stdout), text(&ran.stderr));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let said = json!({
        "rc": ran.rc,
        "stdout": stdout,
        "stdout_lines": lines(&stdout),
        "stderr": stderr,
        "stderr_lines": lines(&stderr),
        "changed": true,
        "failed": ran.rc != 0,
    });
    said.as_object().cloned().unwrap_or_default()
}

/// As [`said`], with the message of a failure.
pub(super) fn told(ran: &Ran, strip: bool) -> Map<String, Value> {
    let mut out = said(ran, strip);
    if ran.rc != 0 {
        out.insert("msg".into(), "non-zero return code".into());
    }
    out
}

/// Begin, end and duration as Python prints them; `None` for what is no moment.
pub(super) fn times(took: Took) -> [Option<String>; 3] {
    let zone = Offset::from_seconds(took.offset).map_or(TimeZone::UTC, TimeZone::fixed);
    let moment = |micros: i64| {
        let moment = jiff::Timestamp::from_microsecond(micros).ok()?.to_zoned(zone.clone());
        Some(moment.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string())
    };
    let micros = took.end.saturating_sub(took.start).max(0);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let delta = format!("{hours}:{minutes:02}:{:02}.{fraction:06}", seconds % 60);
    [moment(took.start), moment(took.end), Some(delta)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_servers_zone() {
        let took = Took { start: 1_795_602_258_100_409, end: 1_795_602_258_110_370, offset: 3600 };
        let [start, end, delta] = times(took).map(Option::unwrap);
        assert_eq!(start, "2026-11-25 11:24:18.100409");
        assert_eq!(end, "2026-11-25 11:24:18.110370");
        assert_eq!(delta, "0:00:00.009961");
    }
}
