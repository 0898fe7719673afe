//! `fail`: ends the task with a message.
use super::values::Text;
use super::{Module, Opt, PlanError};
use crate::change::Change;
use crate::facts::{Observed, Probe};
use serde::Deserialize;

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    msg: Option<Text>,
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
        let default = || "Failed as requested from task".to_owned();
        Err(PlanError::failed(params.msg.as_ref().map_or_else(default, |msg| msg.0.clone())))
    }
}
