//! `fail`: ends the task with a message.
use super::{Module, Opt, PlanError};
use crate::change::Change;
use crate::facts::{Observed, Probe};
use serde::Deserialize;

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    #[serde(default = "default_msg")]
    msg: String,
}

fn default_msg() -> String {
    "Failed as requested from task".into()
}

impl Module for This {
    const NAME: &'static str = "fail";
    const SUMMARY: &'static str = "fail with a message";
    const EXAMPLES: &'static [&'static str] = &["msg: this host is not ready"];
    const OPTIONS: &'static [Opt] = &[Opt::new("msg", "What to say.")];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(params: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        Err(PlanError::failed(params.msg.clone()))
    }
}
