//! `wait_for_connection`: waits until the host can be spoken to, over a new connection.
use super::values::Number;
use super::{Module, Opt, PlanError, Table};
use crate::change::{Change, Here, Meet, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    delay: Option<Number>,
    sleep: Option<Number>,
    timeout: Option<Number>,
    connect_timeout: Option<Number>,
}

impl Module for This {
    const NAME: &'static str = "wait_for_connection";
    const SUMMARY: &'static str = "wait until the host can be spoken to";
    const EXAMPLES: &'static [&'static str] = &["{delay: 5, timeout: 300}"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("delay", "Seconds before the first try (default 0)."),
        Opt::new("sleep", "Seconds between tries (default 1)."),
        Opt::new("timeout", "Seconds in all (default 600)."),
        Opt::new("connect_timeout", "Seconds for one try (default 5)."),
    ];
    const RETURNS: &'static [Table] = &[&[("elapsed", "Seconds that it took.")]];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(params: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        let seconds = |given: Option<Number>, default| given.map_or(default, |given| given.0.into());
        Ok(vec![Change::Here(Here::Meet(Meet {
            delay: seconds(params.delay, 0),
            sleep: seconds(params.sleep, 1),
            connect: seconds(params.connect_timeout, 5),
            timeout: seconds(params.timeout, 600),
        }))])
    }

    fn result(_: &Params, _: &Observed, _: &[Change], ran: &[Ran]) -> Map<String, Value> {
        let mut out = Map::from_iter([("changed".to_owned(), false.into())]);
        if let Some(ran) = ran.last() {
            let took = ran.took.map_or(0, |took| (took.end - took.start) / 1_000_000);
            out.insert("elapsed".into(), took.into());
            if ran.rc != 0 {
                out.insert("failed".into(), true.into());
                out.insert("msg".into(), ran.stderr.text().into());
            }
        }
        out
    }
}
