//! `cron`: a job, or a variable, of a crontab or of a file in `/etc/cron.d`.
mod table;

use super::values::{is, PRESENCE, Flag, Presence, Text};
use super::write::{self, Wishes};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Back, Call, Change, Deed, Ran, Reach};
use crate::facts::{Bytes, Fact, Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use table::Crontab;

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    name: Text,
    #[serde(default)]
    state: Presence,
    job: Option<Text>,
    user: Option<String>,
    cron_file: Option<String>,
    minute: Option<Text>,
    hour: Option<Text>,
    day: Option<Text>,
    month: Option<Text>,
    weekday: Option<Text>,
    special_time: Option<Special>,
    disabled: Option<Flag>,
    env: Option<Flag>,
    insertafter: Option<String>,
    insertbefore: Option<String>,
    backup: Option<Flag>,
}

/// Moments that have a name.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Special {
    Reboot,
    Yearly,
    Annually,
    Monthly,
    Weekly,
    Daily,
    Hourly,
}

impl Special {
    fn name(self) -> &'static str {
        match self {
            Self::Reboot => "reboot",
            Self::Yearly => "yearly",
            Self::Annually => "annually",
            Self::Monthly => "monthly",
            Self::Weekly => "weekly",
            Self::Daily => "daily",
            Self::Hourly => "hourly",
        }
    }
}

impl Params {
    fn times(&self) -> [&str; 5] {
        let fields = [&self.minute, &self.hour, &self.day, &self.month, &self.weekday];
        fields.map(|field| field.as_ref().map_or("*", |field| field.0.as_str()))
    }

    fn check(&self) -> Result<(), PlanError> {
        let message = match self.state {
            _ if self.insertafter.is_some() && self.insertbefore.is_some() => {
                "parameters are mutually exclusive: insertafter|insertbefore"
            }
            _ if self.cron_file.as_deref() == Some("/etc/crontab") => {
                "Will not manage /etc/crontab via cron_file, see documentation."
            }
            _ if self.special_time.is_some() && self.times().iter().any(|field| *field != "*") => {
                "You cannot combine special_time with any of the time or day/date parameters."
            }
            Presence::Present if self.cron_file.is_some() && self.user.is_none() => {
                "To use cron_file=... parameter you must specify user=... as well"
            }
            Presence::Present if self.job.is_none() => {
                "You must specify 'job' to install a new cron job or variable"
            }
            Presence::Present if (self.insertafter.is_some() || self.insertbefore.is_some()) && !is(self.env) => {
                "Insertafter and insertbefore parameters are valid only with env=yes"
            }
            _ if is(self.env) && self.name.0.contains(' ') => "Invalid name for environment variable",
            _ => return Ok(()),
        };
        Err(PlanError::failed(message))
    }

    /// The line of the job.
    fn line(&self) -> String {
        let job = self.job.as_ref().map_or("", |job| job.0.trim_matches(['\r', '\n']));
        let when = match self.special_time {
            Some(special) => format!("@{}", special.name()),
            None => self.times().join(" "),
        };
        let off = if is(self.disabled) { "#" } else { "" };
        // Files of cron say who runs a job.
        let who = self.user.as_deref().filter(|_| self.cron_file.is_some());
        let who = who.map(|user| format!("{user} ")).unwrap_or_default();
        format!("{off}{when} {who}{job}")
    }

    fn file(&self) -> Option<String> {
        let file = self.cron_file.as_deref()?;
        Some(if file.starts_with('/') { file.to_owned() } else { format!("/etc/cron.d/{file}") })
    }

    fn probe(&self) -> Probe {
        Probe::Crontab { user: self.user.clone().unwrap_or_default() }
    }

    /// What is there.
    fn text(&self, seen: &Observed) -> Result<String, PlanError> {
        if let Some(file) = self.file() {
            let file = write::resolve(&file, seen)?;
            return Ok(write::text(&file, seen)?.unwrap_or_default());
        }
        match seen.get(&self.probe())? {
            Fact::Crontab(Some(bytes)) => Ok(bytes.text().into_owned()),
            _ => Err(PlanError::failed("crontab is not there")),
        }
    }

    /// What should be there.
    fn edited(&self, text: &str) -> Result<Crontab, PlanError> {
        let mut table = Crontab::read(text, self.cron_file.is_none());
        let name = self.name.0.as_str();
        match (is(self.env), self.state) {
            (true, Presence::Present) => {
                let value = self.job.as_ref().map_or("", |job| job.0.as_str());
                let beside = match (&self.insertafter, &self.insertbefore) {
                    (Some(other), _) => Some((other.as_str(), 1)),
                    (None, Some(other)) => Some((other.as_str(), 0)),
                    (None, None) => None,
                };
                let set = table.set_variable(name, &format!("{name}=\"{value}\""), beside);
                set.map_err(|missing| PlanError::failed(format!("Variable named '{missing}' not found.")))?;
            }
            (true, Presence::Absent) => table.remove_variable(name),
            (false, Presence::Present) => table.set_job(name, &self.line()),
            (false, Presence::Absent) => table.remove_job(name),
        }
        Ok(table)
    }

    fn written(&self, text: String, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        if let Some(file) = self.file() {
            let path = write::resolve(&file, seen)?;
            if text.is_empty() && self.state == Presence::Absent && !is(self.env) {
                return Ok(vec![Change::Remove { path }]);
            }
            let wishes = Wishes { backup: is(self.backup), ..Wishes::default() };
            return write::write(&path, Bytes::from(text), wishes, seen);
        }
        let user = self.user.clone().unwrap_or_default();
        let whose = if user.is_empty() { String::new() } else { format!(" of {user}") };
        let content = Bytes::from(text);
        Ok(vec![Change::Deed(Box::new(Deed {
            subject: format!("crontab{whose}"),
            effect: format!("{}: {}\n", self.name.0, self.state.name()),
            makes: vec![(self.probe(), Fact::Crontab(Some(content.clone())))],
            call: Call::Crontab { user, content },
            // The server keeps the old one itself.
            back: Back::Programs(vec![]),
            reach: Reach::Itself,
        }))])
    }
}

impl Module for This {
    const NAME: &'static str = "cron";
    const SUMMARY: &'static str = "jobs that run at times, and variables for them";
    const EXAMPLES: &'static [&'static str] = &[
        "{name: clean up, minute: '5', hour: '3', job: /usr/local/bin/clean-up}",
        "{name: backup, cron_file: backup, user: root, special_time: daily, job: /usr/local/bin/backup}",
        "{name: MAILTO, env: true, job: root}",
        "{name: clean up, state: absent}",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("name", "What the job is called; it stands above it as a comment. With `env`, the variable."),
        PRESENCE,
        Opt::new("job", "The command line; with `env`, the value.").aliases(&["value"]),
        Opt::new("user", "Whose crontab; with `cron_file`, who runs the job."),
        Opt::new("cron_file", "A file in /etc/cron.d, or an absolute path, instead of a crontab."),
        Opt::new("minute", "0-59, *, */2 … (default *)."),
        Opt::new("hour", "0-23, *, */2 … (default *)."),
        Opt::new("day", "Of the month: 1-31, *, */2 … (default *).").aliases(&["dom"]),
        Opt::new("month", "1-12, *, */2 … (default *)."),
        Opt::new("weekday", "0-6 for Sunday to Saturday, * … (default *).").aliases(&["dow"]),
        Opt::new("special_time", "reboot, yearly, annually, monthly, weekly, daily or hourly."),
        Opt::new("disabled", "Put a # in front of the job."),
        Opt::new("env", "It is a variable."),
        Opt::new("insertafter", "With `env`: behind this variable."),
        Opt::new("insertbefore", "With `env`: in front of this variable."),
        Opt::new("backup", "Keep what is replaced; a crontab is kept in the server's journal, whatever this says."),
    ];
    const RETURNS: &'static [Table] = &[&[
        ("jobs", "The names of the jobs that are there."),
        ("envs", "The names of the variables."),
        ("cron_file", "As wished."),
        ("state", "As wished, when the file was removed."),
        ("backup_file", "Where what was there is kept."),
    ]];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        params.file().map_or_else(|| vec![params.probe()], |file| write::probes(&file))
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        params.check()?;
        let text = params.text(seen)?;
        let table = params.edited(&text)?;
        if !table.is_changed() {
            return Ok(vec![]);
        }
        params.written(table.text(), seen)
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        let Ok(table) = params.text(seen).and_then(|text| params.edited(&text)) else { return Map::new() };
        let removed = matches!(changes, [Change::Remove { .. }]);
        let mut out = if removed {
            super::stat::json_map(json!({"state": params.state.name()}))
        } else {
            super::stat::json_map(json!({"jobs": table.jobs(), "envs": table.variables()}))
        };
        if let Some(file) = &params.cron_file {
            out.insert("cron_file".into(), file.clone().into());
        }
        if let Some(backup) = write::backup_of(changes) {
            out.insert("backup_file".into(), backup.into());
        }
        out
    }
}
