//! `postfix_config`: parameters of Mailcow's Postfix, in a managed block of `extra.cf`. Never touches
//! `main.cf`, which Mailcow rebuilds, nor any line outside the block. A file that is right is not enough:
//! where the running Postfix has other values still, that is a change too.
mod block;
mod protocols;
#[cfg(test)]
mod tests;
mod values;

use super::mailcow_facts::checks;
use super::{Module, Opt, PlanError};
use crate::change::{Attributes, Change, Ran};
use crate::facts::{Bytes, Fact, Mailcow, Observed, PathKind, Probe, Unasked, at_least, postfix_file};
use block::Block;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use values::Parameters;

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    #[serde(default)]
    project_src: Option<String>,
    #[serde(default)]
    path: Option<String>,
    parameters: Parameters,
    #[serde(default)]
    postfix_version: Option<String>,
    #[serde(default = "default_marker")]
    marker: String,
    #[serde(default = "yes")]
    running: bool,
    #[serde(default)]
    validate: Option<String>,
    #[serde(default)]
    backup: bool,
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    group: Option<String>,
}

fn default_marker() -> String {
    "cowhand: managed settings, put your own outside".into()
}

fn yes() -> bool {
    true
}

/// Permission bits, as a number or as octal text.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Value")]
struct Mode(u32);

impl TryFrom<Value> for Mode {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let bits = match &value {
            Value::Number(number) => number.as_u64().and_then(|bits| u32::try_from(bits).ok()),
            Value::String(text) => u32::from_str_radix(text, 8).ok(),
            _ => None,
        };
        bits.filter(|bits| *bits <= 0o7777).map(Self).ok_or_else(|| format!("{value} is no octal mode"))
    }
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
            "A command with `%s` that must accept the candidate; with `project_src`, `postconf` in the container unless told otherwise.",
        ),
        Opt::new("backup", "Keep a copy of what is replaced, outside the Mailcow folder."),
        Opt::new("mode", "Permission bits; 0644 for a new file."),
        Opt::new("owner", "Owner."),
        Opt::new("group", "Group."),
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        let Ok(path) = path(params) else { return vec![] };
        let mut probes = vec![Probe::Path { path: path.clone(), follow: false }, Probe::Content { path }];
        if let Some(dir) = &params.project_src {
            probes.push(Probe::Mailcow { dir: dir.clone() });
            probes.extend(running_probe(params));
        }
        probes
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let state = State::of(params, seen)?;
        let mut changes: Vec<Change> = state.write(params, seen)?.into_iter().collect();
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
        if let Some(Change::WriteFile { backup: Some(backup), .. }) = changes.first() {
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
    check: Option<Vec<String>>,
}

impl State {
    fn of(params: &Params, seen: &Observed) -> Result<Self, PlanError> {
        let path = path(params)?;
        let marker = &params.marker;
        if marker.trim() != marker || marker.contains("myhostname") || values::one_line(marker).is_err() {
            return Err(refused("marker", "must stay what it is in a comment of extra.cf"));
        }
        let mailcow = match &params.project_src {
            Some(dir) => Some(seen.mailcow(dir)?.as_ref().map_err(PlanError::failed)?),
            None => None,
        };
        let version = (params.postfix_version.clone())
            .or_else(|| mailcow.and_then(|mailcow| mailcow.postfix_version.clone()));
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
        let check = check(params, mailcow)?;
        Ok(Self { path, version, values, before, after, running, overridden, trips, check })
    }

    /// The step that makes the file right, if it is not.
    fn write(&self, params: &Params, seen: &Observed) -> Result<Option<Change>, PlanError> {
        let path = self.path.clone();
        let stat = seen.stat(&path, false)?;
        if let Some(stat) = stat
            && stat.kind != PathKind::File
        {
            return Err(PlanError::failed(format!("{path} is no regular file, and was left alone")));
        }
        let mut attributes = Attributes {
            mode: params.mode.map(|mode| mode.0),
            owner: params.owner.clone(),
            group: params.group.clone(),
        };
        let unlike = stat.is_some_and(|stat| {
            let is = |wanted: &Option<String>, name: &str, number: u32| {
                wanted.as_ref().is_none_or(|wanted| wanted == name || *wanted == number.to_string())
            };
            attributes.mode.is_some_and(|mode| mode != stat.mode)
                || !is(&attributes.owner, &stat.owner, stat.uid)
                || !is(&attributes.group, &stat.group, stat.gid)
        });
        let same = match &self.before {
            Some(bytes) => bytes.0 == self.after,
            None => self.after.is_empty(),
        };
        if same {
            return Ok(unlike.then_some(Change::SetAttributes { path, attributes, recurse: false }));
        }
        if stat.is_none() {
            attributes.mode.get_or_insert(0o644);
        }
        let before = self.before.as_ref().map(Bytes::sha256);
        let backup = before.as_ref().filter(|_| params.backup);
        Ok(Some(Change::WriteFile {
            content: Bytes(self.after.clone()),
            attributes,
            validate: self.check.clone(),
            backup: backup.map(|sum| format!("/var/lib/cowhand/backups{path}.{}", &sum[..12])),
            before,
            secret: false,
            path,
        }))
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
    let dir = params.project_src.clone().filter(|_| params.running)?;
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

/// The command that a candidate must pass.
fn check(params: &Params, mailcow: Option<&Mailcow>) -> Result<Option<Vec<String>>, PlanError> {
    let Some(command) = &params.validate else { return Ok(mailcow.map(checks::postfix)) };
    match shlex::split(command) {
        Some(words) if words.iter().any(|word| word.contains("%s")) => Ok(Some(words)),
        Some(_) => Err(refused("validate", "must contain %s")),
        None => Err(refused("validate", "has a quote without its other half")),
    }
}

/// A value whose spacing does not count.
fn plain(value: &str) -> String {
    let commas = value.replace(',', " , ");
    let words: Vec<&str> = commas.split_whitespace().collect();
    words.join(" ").replace(" ,", ",")
}
