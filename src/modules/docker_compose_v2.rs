//! `docker_compose_v2`: services of a compose project are there, are gone, or start anew. Ansible's name
//! and parameters where they fit; `answers` waits until a service really answers, which `docker` can't
//! tell for containers without a health check.
use super::values::Number;
use super::{Module, Opt, PlanError};
use crate::change::{Change, ComposeAction, ComposeUp, Ran};
use crate::facts::{Compose, Fact, Observed, Probe, Unasked};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    project_src: String,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    state: State,
    #[serde(default)]
    recreate: Recreate,
    #[serde(default)]
    answers: Vec<String>,
    wait_timeout: Option<Number>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    #[default]
    Present,
    Restarted,
    Stopped,
    Absent,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Recreate {
    #[default]
    Auto,
    Always,
    Never,
}

impl Module for This {
    const NAME: &'static str = "docker_compose_v2";
    const SUMMARY: &'static str = "start, restart, recreate or stop services of a compose project";
    const EXAMPLES: &'static [&'static str] = &[
        "{project_src: /opt/mailcow-dockerized, services: [nginx-mailcow], state: present}",
        "
project_src: /opt/mailcow-dockerized
services: [postfix-mailcow]
state: restarted
answers: ['smtp://127.0.0.1:25']
wait_timeout: 180
",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("project_src", "The folder that compose is called in; its override file counts."),
        Opt::new("services", "Which services; all when empty."),
        Opt::new(
            "state",
            "`present` (they run), `restarted` (always restarts them), `stopped`, or `absent` (the whole project is taken down).",
        ),
        Opt::new(
            "recreate",
            "With `state: present`: `always` makes new containers although nothing differs; `auto` and `never` leave running ones alone.",
        ),
        Opt::new(
            "answers",
            "What must answer afterwards, as the server sees it: `smtp://`, `https://`, `https+proxy://` (a PROXY line first) or `tcp://` with `HOST:PORT`.",
        ),
        Opt::new("wait_timeout", "Seconds to wait for those answers; 120 unless told otherwise."),
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        vec![probe(params)]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        check(params)?;
        let compose = containers(params, seen)?;
        let found: Vec<_> = compose.containers.values().collect();
        let all_run = !found.is_empty()
            && params.services.iter().all(|service| compose.containers.contains_key(service))
            && found.iter().all(|container| container.status == "running");
        let up = matches!(params.state, State::Present);
        let action = match params.state {
            State::Restarted => Some(ComposeAction::Restart),
            State::Present if params.recreate == Recreate::Always => Some(ComposeAction::Recreate),
            State::Present => (!all_run).then_some(ComposeAction::Up),
            State::Stopped => (found.iter().any(|c| c.status != "exited" && c.status != "created"))
                .then_some(ComposeAction::Stop),
            State::Absent => (!found.is_empty()).then_some(ComposeAction::Down),
        };
        let answers = if up || params.state == State::Restarted { &params.answers[..] } else { &[] };
        let change = action.map(|action| {
            Change::Compose(ComposeUp {
                dir: params.project_src.clone(),
                services: params.services.clone(),
                action,
                answers: answers.to_vec(),
                timeout: params.wait_timeout.map_or(120, |seconds| seconds.0),
            })
        });
        Ok(change.into_iter().collect())
    }

    fn result(
        params: &Params,
        seen: &Observed,
        _: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        let mut result = Map::new();
        let before = containers(params, seen).ok();
        let after = ran.last().and_then(|ran| Compose::read(ran).ok());
        if let (Some(before), Some(after)) = (before, &after) {
            result.insert("changed".into(), json!(before != after));
        }
        if let Some(compose) = after.as_ref().or(before) {
            let list = compose.containers.iter().map(|(service, container)| {
                json!({
                    "Service": service,
                    "ID": container.id,
                    "State": container.status,
                    "StartedAt": container.started_at,
                })
            });
            result.insert("containers".into(), list.collect());
        }
        result
    }
}

fn probe(params: &Params) -> Probe {
    Probe::Compose { dir: params.project_src.clone(), services: params.services.clone() }
}

fn containers<'a>(params: &Params, seen: &'a Observed) -> Result<&'a Compose, Unasked> {
    match seen.get(&probe(params))? {
        Fact::Compose(compose) => Ok(compose),
        _ => Err(Unasked(probe(params))),
    }
}

/// What types can't say.
fn check(params: &Params) -> Result<(), PlanError> {
    let refuse = |path: &str, message: String| {
        Err(PlanError::Params { path: path.to_owned(), message })
    };
    if params.recreate != Recreate::Auto && params.state != State::Present {
        return refuse("recreate", "means something with `state: present` alone".into());
    }
    if params.state == State::Absent && !params.services.is_empty() {
        return refuse("services", "`state: absent` takes down the whole project".into());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    for (at, service) in params.services.iter().enumerate() {
        if service.is_empty() || service.starts_with('-') || !service.chars().all(plain) {
            return refuse(&format!("services[{at}]"), format!("`{service}` is no name of a service"));
        }
    }
    for (at, url) in params.answers.iter().enumerate() {
        if !is_answer(url) {
            let message = format!(
                "`{url}` is none of smtp://, https://, https+proxy:// and tcp:// with HOST:PORT"
            );
            return refuse(&format!("answers[{at}]"), message);
        }
    }
    Ok(())
}

fn is_answer(url: &str) -> bool {
    let Some((scheme, place)) = url.split_once("://") else { return false };
    let Some((host, port)) = place.rsplit_once(':') else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
    ["smtp", "https", "https+proxy", "tcp"].contains(&scheme)
        && !host.is_empty()
        && host.chars().all(plain)
        && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Container;

    fn params(yaml: &str) -> Params {
        serde_yaml::from_str(&format!("{{project_src: /opt/mailcow, {yaml}}}")).unwrap()
    }

    /// `nginx:running` → a container of that service in that state.
    fn project(containers: &str) -> Compose {
        let containers = containers.split_whitespace().map(|text| {
            let (service, status) = text.split_once(':').unwrap();
            let container = Container {
                id: "1".into(),
                status: status.into(),
                started_at: "2026-01-01T00:00:00Z".into(),
            };
            (service.to_owned(), container)
        });
        Compose { containers: containers.collect() }
    }

    fn seen(params: &Params, containers: &str) -> Observed {
        let mut seen = Observed::default();
        seen.set(probe(params), Fact::Compose(project(containers)));
        seen
    }

    fn planned(yaml: &str, containers: &str) -> String {
        let params = params(yaml);
        match This::plan(&params, &seen(&params, containers)) {
            Ok(changes) => match changes.as_slice() {
                [] => "nothing".into(),
                [Change::Compose(up)] => {
                    format!("{:?} {} {}", up.action, up.services.join(","), up.answers.join(","))
                }
                other => format!("{other:?}"),
            },
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn wishes_and_containers_give_one_action_or_none() {
        let cases = [
            ("services: [a]", "a:running", "nothing"),
            ("services: [a, b]", "a:running", "Up a,b "),
            ("services: [a]", "a:exited", "Up a "),
            ("services: [a]", "", "Up a "),
            ("", "", "Up  "),
            ("services: [a], recreate: always", "a:running", "Recreate a "),
            ("services: [a], recreate: never", "a:running", "nothing"),
            ("services: [a], state: restarted, answers: ['smtp://127.0.0.1:25']", "a:running",
             "Restart a smtp://127.0.0.1:25"),
            ("services: [a], state: stopped, answers: ['tcp://h:1']", "a:running", "Stop a "),
            ("services: [a], state: stopped", "a:exited", "nothing"),
            ("state: absent", "a:exited", "Down  "),
            ("state: absent", "", "nothing"),
        ];
        for (yaml, containers, expected) in cases {
            assert_eq!(planned(yaml, containers), expected, "{yaml} on {containers}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        for (yaml, why) in [
            ("state: restarted, recreate: always", "recreate: means something"),
            ("state: absent, services: [a]", "services: `state: absent`"),
            ("services: ['--rm']", "services[0]: `--rm` is no name"),
            ("answers: ['http://a:1']", "answers[0]: `http://a:1` is none of"),
            ("answers: ['tcp://a:99999']", "answers[0]"),
            ("answers: ['tcp://$(id):1']", "answers[0]"),
        ] {
            let said = planned(yaml, "");
            assert!(said.starts_with(why), "{yaml}: {said}");
        }
        assert!(serde_yaml::from_str::<Params>("{project_src: /a, pull: always}").is_err());
    }

    #[test]
    fn changed_is_what_docker_says_before_and_after() {
        let params = params("services: [a], state: restarted");
        let seen = seen(&params, "a:running");
        let ran = |started: &str| Ran {
            stdout: format!("a 1 running {started}\n").into(),
            ..Ran::default()
        };
        let same = This::result(&params, &seen, &[], &[ran("2026-01-01T00:00:00Z")]);
        assert_eq!(same["changed"], false);
        let other = This::result(&params, &seen, &[], &[ran("2026-01-01T00:00:09Z")]);
        assert_eq!(other["changed"], true);
        assert_eq!(other["containers"][0]["StartedAt"], "2026-01-01T00:00:09Z");
        assert!(!This::result(&params, &seen, &[], &[]).contains_key("changed"));
    }
}
