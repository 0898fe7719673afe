//! `raw`: a line for the shell of the host, as it is. Every module needs no more than a shell here, so
//! this is `shell` without its options.
use super::execute;
use super::values::Text;
use super::{Module, Opt, PlanError, Table};
use crate::change::{Change, Command, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    free_form: Text,
    executable: Option<String>,
    #[serde(default, rename = "_environment")]
    environment: BTreeMap<String, Text>,
}

impl Module for This {
    const NAME: &'static str = "raw";
    const SUMMARY: &'static str = "give a line to the host's shell";
    const EXAMPLES: &'static [&'static str] = &["free_form: uptime", "free_form: uptime\nexecutable: /bin/bash"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("free_form", "The line."),
        Opt::new("executable", "The shell (default /bin/sh)."),
        execute::ENVIRONMENT,
    ];
    const FREE_FORM: Option<&'static str> = Some("free_form");
    const RETURNS: &'static [Table] = &[execute::SAID];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(params: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        Ok(vec![Change::Run(Command {
            argv: vec![params.free_form.0.clone()],
            shell: Some(params.executable.clone().unwrap_or("/bin/sh".into())),
            environment: execute::environment(&params.environment),
            ..Command::default()
        })])
    }

    fn result(_: &Params, _: &Observed, _: &[Change], ran: &[Ran]) -> Map<String, Value> {
        ran.last().map_or_else(Map::new, |ran| execute::told(ran, false))
    }
}
