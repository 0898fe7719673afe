//! `group_by`: groups of hosts, made of what is known of them. The run takes in what the result says.
use super::values::{Text, Texts};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Change, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    key: Text,
    parents: Option<Texts>,
}

impl Module for This {
    const NAME: &'static str = "group_by";
    const SUMMARY: &'static str = "put hosts into groups, for the rest of the run";
    const EXAMPLES: &'static [&'static str] = &["key: os_debian\nparents: [os]"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("key", "The group that the host is put into; blanks become `-`."),
        Opt::new("parents", "Groups that this group is below (default `all`)."),
    ];
    const RETURNS: &'static [Table] = &[&[
        ("add_group", "The group."),
        ("parent_groups", "Those that it is below."),
    ]];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(_: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        Ok(vec![])
    }

    fn result(params: &Params, _: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let name = |name: &str| name.replace(' ', "-");
        let parents = params.parents.as_ref().map_or_else(
            || vec!["all".to_owned()],
            |parents| parents.0.iter().map(|parent| name(parent)).collect(),
        );
        let mut out = Map::new();
        out.insert("add_group".into(), name(&params.key.0).into());
        out.insert("parent_groups".into(), parents.into());
        out
    }
}
