//! `hostname`: what the machine is called, now and at its next start.
use super::accounts::words;
use super::write::{self, Wishes};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Back, Call, Change, Deed, Ran, Reach};
use crate::facts::{Bytes, Fact, Hostname, Observed, Probe, Unasked};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    name: String,
    #[serde(default)]
    r#use: Use,
}

/// Who keeps the name there.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Use {
    /// Whoever does.
    #[default]
    Auto,
    Systemd,
    #[serde(alias = "debian")]
    Alpine,
}

const FILE: &str = "/etc/hostname";

fn names(seen: &Observed) -> Result<&Hostname, Unasked> {
    match seen.get(&Probe::Hostname)? {
        Fact::Hostname(names) => Ok(names),
        _ => Err(Unasked(Probe::Hostname)),
    }
}

impl Params {
    fn deed(&self, now: &Hostname, argv: Vec<String>, back: Vec<String>) -> Change {
        let next = if now.systemd { &self.name } else { &now.next };
        let after = Hostname { now: self.name.clone(), next: next.clone(), ..now.clone() };
        Change::Deed(Box::new(Deed {
            subject: "hostname".into(),
            effect: format!("{} → {}\n", now.now, self.name),
            call: Call::Program(argv),
            back: Back::Programs(vec![back]),
            makes: vec![(Probe::Hostname, Fact::Hostname(after))],
            reach: Reach::Itself,
        }))
    }
}

impl Module for This {
    const NAME: &'static str = "hostname";
    const SUMMARY: &'static str = "name the machine";
    const EXAMPLES: &'static [&'static str] = &["name: mx1"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("name", "What it is called."),
        Opt::new("use", "auto (default), systemd, or debian or alpine, which keep it in /etc/hostname."),
    ];
    const RETURNS: &'static [Table] = &[&[
        ("name", "As wished."),
        ("ansible_facts", "`ansible_hostname`, `ansible_nodename`, `ansible_fqdn`, `ansible_domain`."),
    ]];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        [vec![Probe::Hostname], write::probes(FILE)].concat()
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let name = params.name.as_str();
        if name.is_empty() || name.starts_with('-') || name.contains(char::is_whitespace) {
            let message = format!("`{name}` is no name for a machine");
            return Err(PlanError::Params { path: "name".into(), message });
        }
        let now = names(seen)?;
        let systemd = now.systemd && params.r#use == Use::Auto || params.r#use == Use::Systemd;
        if systemd {
            if now.now == name && now.next == name {
                return Ok(vec![]);
            }
            let now = Hostname { systemd: true, ..now.clone() };
            let set = |name: &str| words(["hostnamectl", "set-hostname", name]);
            return Ok(vec![params.deed(&now, set(name), set(&now.now))]);
        }
        let mut changes = vec![];
        if now.now != name {
            let now = Hostname { systemd: false, ..now.clone() };
            changes.push(params.deed(&now, words(["hostname", name]), words(["hostname", &now.now])));
        }
        let text = write::text(FILE, seen)?.unwrap_or_default();
        if text.trim() != name {
            changes.extend(write::write(FILE, Bytes::from(format!("{name}\n")), Wishes::default(), seen)?);
        }
        Ok(changes)
    }

    fn result(params: &Params, _: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let (host, domain) = params.name.split_once('.').unwrap_or((&params.name, ""));
        super::stat::json_map(json!({
            "name": params.name,
            "ansible_facts": {
                "ansible_hostname": host,
                "ansible_nodename": params.name,
                "ansible_fqdn": params.name,
                "ansible_domain": domain,
            },
        }))
    }
}
