//! `add_host`: a host that the inventory does not have, for the rest of the run. The run takes in what the
//! result says.
use super::values::{Text, Texts};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Change, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

/// Every other key is the name of a variable.
#[derive(Deserialize)]
pub(super) struct Params {
    name: Text,
    groups: Option<Texts>,
    #[serde(flatten)]
    vars: Map<String, Value>,
}

impl Params {
    /// The name, and the port behind it.
    fn name(&self) -> (&str, Option<&str>) {
        let written = self.name.0.as_str();
        let port = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match written.rsplit_once(':') {
            Some((name, number)) if port(number) && !name.contains(':') => (name, Some(number)),
            Some((name, number)) if port(number) && name.starts_with('[') => {
                (name.trim_matches(['[', ']']), Some(number))
            }
            _ => (written, None),
        }
    }
}

impl Module for This {
    const NAME: &'static str = "add_host";
    const SUMMARY: &'static str = "add a host to the inventory, for the rest of the run";
    const EXAMPLES: &'static [&'static str] =
        &["name: mx3.example.org\ngroups: mailcow\nansible_host: 192.0.2.3"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("name", "Its name, or `NAME:PORT`.").aliases(&["host", "hostname"]),
        Opt::new("groups", "Groups that it is put into.").aliases(&["group", "groupname"]),
    ];
    const ANY_KEY: bool = true;
    const ONCE: bool = true;
    const RETURNS: &'static [Table] =
        &[&[("add_host", "The host: `host_name`, `groups`, `host_vars`.")]];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(_: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        Ok(vec![])
    }

    fn result(params: &Params, _: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let (name, port) = params.name();
        let mut vars = params.vars.clone();
        vars.extend(port.map(|port| ("ansible_port".to_owned(), port.into())));
        let groups = params.groups.as_ref().map_or(&[][..], |groups| &groups.0);
        let mut out = Map::new();
        out.insert(
            "add_host".into(),
            json!({"host_name": name, "groups": groups, "host_vars": vars}),
        );
        out
    }
}
