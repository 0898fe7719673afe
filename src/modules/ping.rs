//! `ping`: whether a host can be logged in to, and has what is needed there.
use super::values::Text;
use super::{Module, Opt, PlanError, Table};
use crate::change::{Change, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    data: Option<Text>,
}

/// Something that every host has.
fn root() -> Probe {
    Probe::Path { path: "/".into(), follow: true }
}

impl Module for This {
    const NAME: &'static str = "ping";
    const SUMMARY: &'static str = "log in, and answer pong";
    const EXAMPLES: &'static [&'static str] = &["data: pong"];
    const OPTIONS: &'static [Opt] =
        &[Opt::new("data", "What is answered (default pong); `crash` fails.")];
    const RETURNS: &'static [Table] = &[&[("ping", "`data`.")]];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![root()]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        seen.get(&root())?;
        match &params.data {
            Some(data) if data.0 == "crash" => Err(PlanError::failed("boom")),
            _ => Ok(vec![]),
        }
    }

    fn result(params: &Params, _: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let data = params.data.as_ref().map_or("pong", |data| data.0.as_str());
        [("ping".to_owned(), data.into())].into_iter().collect()
    }
}
