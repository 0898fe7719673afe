//! `wait_for`: waits until a port or a path is as wished.
mod connections;

use super::edit::Pattern;
use super::ere::ere;
use super::values::{Number, Texts};
use super::{Module, Opt, PlanError, Table, write};
use crate::change::{Change, Ran, Until, Wait};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value, json};

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
    connect_timeout: Option<Number>,
    active_connection_states: Option<Vec<connections::State>>,
    exclude_hosts: Option<Texts>,
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
    Drained,
}

impl Params {
    fn host(&self) -> &str {
        self.host.as_deref().unwrap_or("127.0.0.1")
    }

    fn wanted(&self) -> bool {
        matches!(self.state, State::Started | State::Present)
    }

    fn check(&self) -> Result<(), PlanError> {
        let only = |state| {
            format!("state={state} should only be used for checking a port in the wait_for module")
        };
        let message = match self.state {
            _ if self.port.is_some() && self.path.is_some() => {
                "port and path parameter can not both be passed to wait_for".to_owned()
            }
            State::Stopped if self.path.is_some() => only("stopped"),
            State::Drained if self.path.is_some() => only("drained"),
            State::Drained if self.port.is_none() => "state=drained needs `port`".to_owned(),
            state if state != State::Drained && self.exclude_hosts.is_some() => {
                "exclude_hosts should only be with state=drained".to_owned()
            }
            _ if self.search_regex.is_some() && !self.wanted() => {
                "`search_regex` is for what is started or present".to_owned()
            }
            _ => return Ok(()),
        };
        Err(PlanError::failed(message))
    }

    fn until(&self) -> Result<Until, PlanError> {
        self.check()?;
        let pattern = self.search_regex.as_deref();
        let pattern = pattern.map(|pattern| ere("search_regex", pattern)).transpose()?;
        Ok(match (&self.port, &self.path) {
            (Some(Number(port)), _) => {
                let wrong = |_| PlanError::failed(format!("{port} is not a port"));
                let port = u16::try_from(*port).map_err(wrong)?;
                if self.state == State::Drained {
                    let states = self.active_connection_states.as_deref();
                    let excluded = self.exclude_hosts.as_ref().map_or(&[][..], |hosts| &hosts.0);
                    connections::until(self.host(), port, states, excluded)?
                } else {
                    let connect = self.connect_timeout.map_or(5, |seconds| seconds.0);
                    let (host, open) = (self.host().to_owned(), self.wanted());
                    Until::Port { host, port, open, connect, pattern }
                }
            }
            (None, Some(path)) => {
                Until::Path { path: path.clone(), present: self.wanted(), pattern }
            }
            (None, None) => Until::Time,
        })
    }

    /// What is said when the time is up.
    fn late(&self) -> String {
        let what = match (&self.port, &self.path) {
            (Some(port), _) => format!("{}:{}", self.host(), port.0),
            (None, path) => path.clone().unwrap_or_default(),
        };
        let what = match (self.state, &self.search_regex) {
            (State::Stopped | State::Absent, _) if self.port.is_some() => format!("{what} to stop."),
            (State::Stopped | State::Absent, _) => format!("{what} to be absent."),
            (State::Drained, _) => format!("{what} to drain"),
            (_, Some(pattern)) => format!("search string {pattern} in {what}"),
            (_, None) if self.path.is_some() => format!("file {what}"),
            (_, None) => what,
        };
        format!("Timeout when waiting for {what}")
    }

    /// The groups that `search_regex` has in the line that matched.
    fn groups(&self, line: &str) -> (Vec<Option<String>>, Map<String, Value>) {
        let pattern = self.search_regex.as_deref();
        let pattern = pattern.and_then(|pattern| Pattern::new("search_regex", pattern, "m").ok());
        let Some(pattern) = pattern else { return (vec![], Map::new()) };
        let Ok(Some(captures)) = pattern.captures(line) else { return (vec![], Map::new()) };
        let all = captures.iter().skip(1).map(|hit| hit.map(|hit| hit.as_str().to_owned()));
        let named = pattern.names().filter_map(|name| {
            let hit = captures.name(name).map(|hit| hit.as_str().to_owned());
            Some((name.to_owned(), hit?.into()))
        });
        (all.collect(), named.collect())
    }
}

impl Module for This {
    const NAME: &'static str = "wait_for";
    const SUMMARY: &'static str = "wait until a port or a path is as wished";
    const EXAMPLES: &'static [&'static str] = &[
        "port: 25\ntimeout: 60",
        "path: /run/ready\nstate: absent",
        "path: /var/log/mail.log\nsearch_regex: daemon started",
        "port: 25\nstate: drained\nexclude_hosts: [127.0.0.2]",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("host", "The port's host, as the server sees it (default 127.0.0.1)."),
        Opt::new("port", "A TCP port that takes connections."),
        Opt::new("path", "A path that exists."),
        Opt::new("search_regex", "A line of `path`, or what is read from `port`, matches this."),
        Opt::new("state", "started or present; stopped or absent; drained (no connections)."),
        Opt::new("delay", "Seconds before the first look (default 0)."),
        Opt::new("sleep", "Seconds between looks (default 1)."),
        Opt::new("timeout", "Seconds in all (default 300)."),
        Opt::new("connect_timeout", "Seconds for one connection (default 5)."),
        Opt::new(
            "active_connection_states",
            "With `drained`: states of TCP that count as a connection.",
        ),
        Opt::new("exclude_hosts", "With `drained`: addresses whose connections do not count."),
        Opt::new("msg", "What to say when the time is up."),
    ];
    const RETURNS: &'static [Table] = &[&[
        ("elapsed", "Seconds that it took."),
        ("state", "As wished; what the path is, with `path`."),
        ("port", "As wished."),
        ("path", "As wished."),
        ("search_regex", "As wished."),
        ("match_groups", "Groups of `search_regex` in the line that matched."),
        ("match_groupdict", "Its named groups."),
    ]];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(params: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        let seconds = |given: Option<Number>, default| given.map_or(default, |given| given.0);
        Ok(vec![Change::Wait(Wait {
            until: params.until()?,
            delay: seconds(params.delay, 0),
            sleep: seconds(params.sleep, 1),
            timeout: seconds(params.timeout, 300),
        })])
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("changed".into(), false.into());
        let Some(ran) = ran.last() else { return out };
        let elapsed = ran.took.map_or(0, |took| (took.end - took.start).max(0) / 1_000_000);
        out.insert("elapsed".into(), elapsed.into());
        if ran.rc != 0 {
            let said = ran.stderr.text();
            // Anything but the time that is up is told as the server told it.
            let late = said.is_empty() || said.contains("timed out after");
            let msg = if late { params.msg.clone().unwrap_or_else(|| params.late()) } else { said.trim().into() };
            out.insert("msg".into(), msg.into());
            out.insert("failed".into(), true.into());
            return out;
        }
        let state = match params.state {
            State::Started => "started",
            State::Present => "present",
            State::Stopped => "stopped",
            State::Absent => "absent",
            State::Drained => "drained",
        };
        let (groups, named) = params.groups(&ran.stdout.text());
        out.extend(super::stat::json_map(json!({
            "state": state,
            "port": params.port.map(|port| port.0),
            "path": params.path,
            "search_regex": params.search_regex,
            "match_groups": groups,
            "match_groupdict": named,
        })));
        if let Some(path) = &params.path {
            out.extend(write::about(path, seen, changes, &[]));
        }
        out
    }
}
