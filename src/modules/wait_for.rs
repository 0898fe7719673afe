//! `wait_for`: waits until a port or a path is as wished.
use super::values::Number;
use super::{Module, Opt, PlanError};
use crate::change::{Change, Ran, Until, Wait};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    host: Option<String>,
    port: Option<Number>,
    path: Option<String>,
    search_regex: Option<String>,
    #[serde(default)]
    state: State,
    delay: Option<Number>,
    sleep: Option<Number>,
    timeout: Option<Number>,
    msg: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Started,
    Present,
    Stopped,
    Absent,
}

impl Module for This {
    const NAME: &'static str = "wait_for";
    const SUMMARY: &'static str = "wait until a port or a path is as wished";
    const EXAMPLES: &'static [&'static str] =
        &["port: 25\ntimeout: 60", "path: /run/ready\nstate: absent"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("host", "The port's host, as the server sees it (default 127.0.0.1)."),
        Opt::new("port", "A TCP port that takes connections."),
        Opt::new("path", "A path that exists."),
        Opt::new("search_regex", "A line of `path` matches this."),
        Opt::new("state", "started or present; stopped or absent."),
        Opt::new("delay", "Seconds before the first look (default 0)."),
        Opt::new("sleep", "Seconds between looks (default 1)."),
        Opt::new("timeout", "Seconds in all (default 300)."),
        Opt::new("msg", "What to say when the time is up."),
    ];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(params: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        let wanted = matches!(params.state, State::Started | State::Present);
        let until = match (&params.port, &params.path) {
            (Some(_), Some(_)) => {
                return Err(PlanError::failed("`port` and `path` exclude each other"));
            }
            (Some(port), None) => {
                if params.search_regex.is_some() {
                    return Err(PlanError::failed("`search_regex` is supported with `path` alone"));
                }
                let port = u16::try_from(port.0)
                    .map_err(|_| PlanError::failed(format!("{} is not a port", port.0)))?;
                let host = params.host.clone().unwrap_or("127.0.0.1".into());
                Until::Port { host, port, open: wanted }
            }
            (None, Some(path)) => Until::Path {
                path: path.clone(),
                present: wanted,
                pattern: params.search_regex.clone(),
            },
            (None, None) => Until::Time,
        };
        let seconds = |given: Option<Number>, default| given.map_or(default, |given| given.0);
        Ok(vec![Change::Wait(Wait {
            until,
            delay: seconds(params.delay, 0),
            sleep: seconds(params.sleep, 1),
            timeout: seconds(params.timeout, 300),
        })])
    }

    fn result(
        params: &Params,
        _: &Observed,
        _: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("changed".into(), false.into());
        if let (Some(msg), true) = (&params.msg, ran.last().is_some_and(|ran| ran.rc != 0)) {
            out.insert("msg".into(), msg.clone().into());
            out.insert("failed".into(), true.into());
        }
        out
    }
}
