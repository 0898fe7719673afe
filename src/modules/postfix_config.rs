//! `postfix_config`: parameters of Mailcow's Postfix, in a managed block of `extra.cf`. Never touches
//! `main.cf`, which Mailcow rebuilds, nor any line outside the block. A file that is right is not enough:
//! where the running Postfix has other values still, that is a change too.
mod block;
mod protocols;
#[cfg(test)]
mod tests;
mod values;

use super::mailcow_facts::checks;
use super::values::{Flag, Mode, Text};
use super::write::{self, Wishes};
use super::{Module, Opt, PlanError};
use crate::change::{Change, Ran};
use crate::facts::{Bytes, Fact, Observed, Probe, Unasked, at_least, postfix_file};
use block::Block;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use values::Parameters;

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    project_src: Option<String>,
    path: Option<String>,
    parameters: Parameters,
    postfix_version: Option<Text>,
    #[serde(default = "default_marker")]
    marker: String,
    running: Option<Flag>,
    validate: Option<String>,
    backup: Option<Flag>,
    mode: Option<Mode>,
    owner: Option<Text>,
    group: Option<Text>,
}

fn default_marker() -> String {
    "cowhand: managed settings, put your own outside".into()
}

impl Module for This {
    const NAME: &'static str = "postfix_config";
    const SUMMARY: &'static str = "set parameters of Mailcow's Postfix in a managed block of extra.cf";
    const EXAMPLES: &'static [&'static str] = &[
        "
path: /opt/mailcow-dockerized/data/conf/postfix/extra.cf
parameters: {smtp_tls_ciphers: high, tls_preempt_cipherlist: true}
",
        "
path: /opt/mailcow-dockerized/data/conf/postfix/extra.cf
postfix_version: 3.7.11
parameters: {smtpd_tls_protocols: '!SSLv2, !SSLv3, !TLSv1, !TLSv1.1'}
",
        "
project_src: /opt/mailcow-dockerized
parameters: {smtpd_tls_mandatory_protocols: '>=TLSv1.2', smtpd_tls_ciphers: high}
",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new(
            "project_src",
            "The Mailcow folder: gives the file, Postfix's version, its running values and the check of a candidate.",
        ),
        Opt::new("path", "The file itself, instead of `project_src`."),
        Opt::new(
            "parameters",
            "Names and values; null leaves a parameter alone. Protocol lists may be in either syntax and are written in the one that the version takes.",
        ),
        Opt::new("postfix_version", "Postfix's version, where it does not run or only `path` is given."),
        Opt::new("marker", "What stands behind `# BEGIN` and `# END` around the block."),
        Opt::new(
            "running",
            "Whether it is a change when the file is right and the running Postfix has other values; needs `project_src`.",
        ),
        Opt::new(
            "validate",
            "A command with %s that must accept the candidate; with `project_src`, `postconf` in the container unless told otherwise.",
        ),
        Opt::new("backup", "Keep a copy of what is replaced, outside the Mailcow folder."),
        Opt::new("mode", "Permission bits; 0644 for a new file."),
        write::OWNER,
        write::GROUP,
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        let Ok(path) = path(params) else { return vec![] };
        let mut probes = write::probes(&path);
        if let Some(dir) = &params.project_src {
            probes.push(Probe::Mailcow { dir: dir.clone() });
            probes.extend(running_probe(params));
        }
        probes
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let state = State::of(params, seen)?;
        let mut changes = state.write(params, seen)?;
        let values = state.outdated();
        if let Some(dir) = &params.project_src
            && !values.is_empty()
        {
            changes.push(Change::Outdated { dir: dir.clone(), values });
        }
        Ok(changes)
    }

    fn result(params: &Params, seen: &Observed, changes: &[Change], _: &[Ran]) -> Map<String, Value> {
        let Ok(state) = State::of(params, seen) else { return Map::new() };
        let mut result = state.result();
        if let Some(backup) = write::backup_of(changes) {
            result.insert("backup_file".into(), json!(backup));
        }
        result
    }
}

/// The file, the values for it, and what runs.
struct State {
    path: String,
    version: Option<String>,
    values: BTreeMap<String, String>,
    before: Option<Bytes>,
    after: Vec<u8>,
    running: Option<BTreeMap<String, String>>,
    overridden: Vec<block::Override>,
    trips: Vec<usize>,
    check: Option<String>,
}

impl State {
    fn of(params: &Params, seen: &Observed) -> Result<Self, PlanError> {
        let path = write::resolve(&path(params)?, seen)?;
        let marker = &params.marker;
        if marker.trim() != marker || marker.contains("myhostname") || values::one_line(marker).is_err() {
            return Err(refused("marker", "must stay what it is in a comment of extra.cf"));
        }
        let mailcow = match &params.project_src {
            Some(dir) => Some(seen.mailcow(dir)?.as_ref().map_err(PlanError::failed)?),
            None => None,
        };
        let told = params.postfix_version.as_ref().map(|version| version.0.clone());
        let version = told.or_else(|| mailcow.and_then(|mailcow| mailcow.postfix_version.clone()));
        if version.is_none() && params.parameters.need_version() {
            return Err(PlanError::failed(
                "can't tell the Postfix version, on which the syntax of protocol lists depends: it does not run",
            ));
        }
        let values = params.parameters.render(version.as_deref().unwrap_or_default());
        let block = Block { marker, values: &values };
        let before = seen.content(&path)?.cloned();
        let after = block.put(before.as_ref().map_or(&[], |bytes| &bytes.0));
        let mut overridden = block.overrides(&after);
        overridden.retain(|user| plain(&user.value) != plain(&values[&user.name]));
        let trips = block.trips(&after);
        let running = running(params, seen)?.cloned();
        let in_container = || mailcow.map(|mailcow| crate::shell::join(checks::postfix(mailcow)));
        let check = params.validate.clone().or_else(in_container);
        Ok(Self { path, version, values, before, after, running, overridden, trips, check })
    }

    /// What makes the file right, if it is not.
    fn write(&self, params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        if self.before.is_none() && self.after.is_empty() {
            return Ok(vec![]);
        }
        let readable = Mode::Bits(0o644);
        let mode = params.mode.as_ref().or(Some(&readable).filter(|_| self.before.is_none()));
        let wishes = Wishes {
            mode,
            owner: params.owner.as_ref(),
            group: params.group.as_ref(),
            validate: self.check.as_deref(),
            backup: params.backup.is_some_and(|backup| backup.0),
        };
        let mut changes = write::write(&self.path, Bytes(self.after.clone()), wishes, seen)?;
        for change in &mut changes {
            // Not beside the file: Mailcow's update commits whatever lies in its folder.
            if let Change::WriteFile { path, backup: Some(backup), .. } = change
                && let Some(name) = backup.strip_prefix(path.as_str())
            {
                *backup = format!("/var/lib/cowhand/backups{path}{name}");
            }
        }
        Ok(changes)
    }

    /// What runs with another value than the file gives it. A parameter that the user's own line sets
    /// runs as the user wants.
    fn outdated(&self) -> BTreeMap<String, (String, String)> {
        let Some(running) = &self.running else { return BTreeMap::new() };
        let mine = self.values.iter().filter(|(name, _)| {
            !self.overridden.iter().any(|user| user.name == **name)
        });
        mine.filter_map(|(name, value)| Some((name, value, running.get(name)?)))
            .filter(|(_, value, runs)| plain(value) != plain(runs))
            .map(|(name, value, runs)| (name.clone(), (runs.clone(), value.clone())))
            .collect()
    }

    fn result(&self) -> Map<String, Value> {
        let overridden: Vec<Value> = (self.overridden.iter())
            .map(|user| json!({ "name": user.name, "line": user.line, "value": user.value }))
            .collect();
        let result = json!({
            "path": self.path,
            "postfix_version": self.version,
            "parameters": self.values,
            "running": self.running,
            "outdated": self.outdated().keys().collect::<Vec<_>>(),
            "overridden": overridden,
            "trips_seclevel": self.trips,
            "warnings": self.warnings(),
        });
        match result {
            Value::Object(result) => result,
            _ => Map::new(),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let path = &self.path;
        let overridden = self.overridden.iter().map(|user| {
            let value: String = user.value.chars().take(80).collect();
            format!("{path}:{}: the line `{} = {value}` below our block wins over it", user.line, user.name)
        });
        let switch = self.version.as_deref().is_some_and(|version| at_least(version, &[3, 6]));
        let trips = self.trips.iter().filter(|_| switch).map(|line| {
            format!("{path}:{line}: this line makes Mailcow set SECLEVEL=0 for the whole Postfix container")
        });
        let unknown = self.running.iter().flat_map(|running| {
            self.values.keys().filter(|name| !running.contains_key(*name))
        });
        let unknown = unknown.map(|name| format!("this Postfix knows no parameter `{name}`"));
        overridden.chain(trips).chain(unknown).collect()
    }
}

fn path(params: &Params) -> Result<String, PlanError> {
    match (&params.project_src, &params.path) {
        (Some(dir), None) => Ok(postfix_file(dir)),
        (None, Some(path)) => Ok(path.clone()),
        _ => Err(refused("", "give one of project_src and path")),
    }
}

fn refused(path: &str, message: &str) -> PlanError {
    PlanError::Params { path: path.into(), message: message.into() }
}

fn running_probe(params: &Params) -> Option<Probe> {
    let dir = params.project_src.clone().filter(|_| params.running.is_none_or(|running| running.0))?;
    let keys = params.parameters.names();
    (!keys.is_empty()).then_some(Probe::Postconf { dir, keys })
}

fn running<'a>(
    params: &Params,
    seen: &'a Observed,
) -> Result<Option<&'a BTreeMap<String, String>>, Unasked> {
    let Some(probe) = running_probe(params) else { return Ok(None) };
    match seen.get(&probe)? {
        Fact::Postconf(values) => Ok(values.as_ref()),
        _ => Err(Unasked(probe)),
    }
}

/// A value whose spacing does not count.
fn plain(value: &str) -> String {
    let commas = value.replace(',', " , ");
    let words: Vec<&str> = commas.split_whitespace().collect();
    words.join(" ").replace(" ,", ",")
}
