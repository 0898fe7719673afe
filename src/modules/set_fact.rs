//! `set_fact`: variables that hold for the host from here on.
use super::values::Flag;
use super::{Module, Opt, PlanError};
use crate::change::{Change, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

/// Every key but `cacheable` is the name of a variable.
#[derive(Deserialize)]
pub(super) struct Params {
    cacheable: Option<Flag>,
    #[serde(flatten)]
    facts: Map<String, Value>,
}

impl Module for This {
    const NAME: &'static str = "set_fact";
    const SUMMARY: &'static str = "set variables of the host";
    const EXAMPLES: &'static [&'static str] = &["greeting: hello"];
    const OPTIONS: &'static [Opt] =
        &[Opt::new("cacheable", "Set facts of the host as well, for this run.")];
    const ANY_KEY: bool = true;
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(params: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        if params.facts.is_empty() {
            return Err(PlanError::failed("no variable is set: write `name: value`"));
        }
        let name_like = |name: &str| {
            let first = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
            first && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        };
        match params.facts.keys().find(|name| !name_like(name)) {
            Some(name) => Err(PlanError::failed(format!("`{name}` is not a variable's name"))),
            None => Ok(vec![]),
        }
    }

    fn result(params: &Params, _: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("ansible_facts".into(), params.facts.clone().into());
        if params.cacheable.is_some_and(|cacheable| cacheable.0) {
            out.insert("_ansible_facts_cacheable".into(), true.into());
        }
        out
    }
}
