//! `systemd_service`, also called `systemd`: a unit runs, starts with the machine, is masked.
use super::units::{ENABLED, STATE, Service, Wish, unit};
use super::values::{Flag, is};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Back, Call, Change, Deed, Ran, Reach};
use crate::facts::{Manager, Observed, Probe, Reign, Unit};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    name: Option<String>,
    state: Option<Wish>,
    enabled: Option<Flag>,
    masked: Option<Flag>,
    daemon_reload: Option<Flag>,
    daemon_reexec: Option<Flag>,
    #[serde(default)]
    scope: Reign,
    no_block: Option<Flag>,
    force: Option<Flag>,
}

impl Params {
    fn check(&self) -> Result<(), PlanError> {
        let needs = [("state", self.state.is_some()), ("enabled", self.enabled.is_some()), ("masked", self.masked.is_some())];
        let reloads = self.daemon_reload.is_some() || self.daemon_reexec.is_some();
        let Some(name) = &self.name else {
            return match needs.iter().find(|(_, given)| *given) {
                Some((needs, _)) => {
                    Err(PlanError::failed(format!("missing parameter(s) required by '{needs}': name")))
                }
                None if reloads => Ok(()),
                None => Err(PlanError::failed(ONE_OF)),
            };
        };
        if !reloads && needs.iter().all(|(_, given)| !given) {
            return Err(PlanError::failed(ONE_OF));
        }
        match name.chars().find(|c| "*?[".contains(*c)) {
            None => Ok(()),
            Some(glob) => Err(PlanError::failed(format!(
                "This module does not currently support using glob patterns, found '{glob}' in service name: {name}"
            ))),
        }
    }

    fn service(&self) -> Option<Service<'_>> {
        let name = self.name.as_deref()?;
        let flags = [(self.no_block, "--no-block"), (self.force, "--force")];
        let flags = flags.iter().filter(|(flag, _)| is(*flag)).map(|(_, word)| (*word).to_owned());
        Some(Service {
            name,
            probe: self.probe(name),
            reign: self.scope,
            flags: flags.collect(),
            arguments: vec![],
            runlevel: "",
        })
    }

    fn probe(&self, name: &str) -> Probe {
        let only = Some(Manager::Systemd);
        Probe::Unit { name: name.to_owned(), reign: self.scope, only, pattern: String::new() }
    }

    /// systemd reads its files anew, or starts itself anew. It is no change in Ansible, but it may be one.
    fn reloads(&self) -> Vec<Change> {
        let words = [(self.daemon_reload, "daemon-reload"), (self.daemon_reexec, "daemon-reexec")];
        let asked = words.iter().filter(|(flag, _)| is(*flag));
        let reload = |(_, verb): &(Option<Flag>, &str)| {
            let mut argv = vec!["systemctl".to_owned()];
            if self.scope != Reign::System {
                argv.push(format!("--{}", self.scope.name()));
            }
            argv.push((*verb).to_owned());
            Change::Deed(Box::new(Deed {
                subject: "systemd".into(),
                effect: format!("{verb}\n"),
                call: Call::Program(argv),
                back: Back::Again,
                makes: vec![],
                reach: Reach::Anything,
            }))
        };
        asked.map(reload).collect()
    }

    fn mask(&self, service: &Service<'_>, now: &mut Unit) -> Option<Change> {
        let wanted = self.masked?.0;
        if (now.enabled == "masked") == wanted {
            return None;
        }
        let (verb, back) = if wanted { ("mask", "unmask") } else { ("unmask", "mask") };
        if wanted { "masked" } else { "disabled" }.clone_into(&mut now.enabled);
        Some(service.deed(verb, Some(back), now))
    }
}

const ONE_OF: &str =
    "one of the following is required: state, enabled, masked, daemon_reload, daemon_reexec";

impl Module for This {
    const NAME: &'static str = "systemd_service";
    const ALSO: &'static [&'static str] = &["systemd"];
    const SUMMARY: &'static str = "run a unit of systemd, start it with the machine, mask it";
    const EXAMPLES: &'static [&'static str] = &[
        "{name: ssh, state: started, enabled: true}",
        "daemon_reload: true",
        "{name: apt-daily.timer, masked: true}",
        "{name: postfix, state: reloaded}",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("name", "The unit; `.service` may be left out.").aliases(&["service", "unit"]),
        STATE,
        ENABLED,
        Opt::new("masked", "Whether it can't be started at all."),
        Opt::new("daemon_reload", "Let systemd read its files first.").aliases(&["daemon-reload"]),
        Opt::new("daemon_reexec", "Let systemd start itself anew first.").aliases(&["daemon-reexec"]),
        Opt::new("scope", "system (default), user, or global."),
        Opt::new("no_block", "Do not wait until it is done."),
        Opt::new("force", "Replace links that are in the way."),
    ];
    const RETURNS: &'static [Table] = &[&[
        ("name", "As wished."),
        ("state", "started or stopped."),
        ("enabled", "Whether it starts with the machine."),
        ("status", "What `systemctl show` says of it, before anything was done."),
    ]];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        params.name.iter().map(|name| params.probe(name)).collect()
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        params.check()?;
        let mut changes = params.reloads();
        let Some(service) = params.service() else { return Ok(changes) };
        let mut now = unit(&service.probe, seen)?.clone();
        if now.manager.is_none() {
            return Err(PlanError::failed("systemctl is not there"));
        }
        // A unit that a task has just put there is known only when systemd has read its files.
        let is_news = is(params.daemon_reload) && !super::units::exists(&now);
        if let Some(error) = now.properties.get("LoadError").filter(|_| !is_news && now.enabled != "masked") {
            let name = service.name;
            return Err(PlanError::failed(format!("Error loading unit file '{name}': {error}")));
        }
        changes.extend(params.mask(&service, &mut now));
        if (params.enabled.is_some() || params.state.is_some()) && !is_news {
            service.must_exist(&now)?;
        }
        changes.extend(service.enable(params.enabled, &mut now));
        changes.extend(params.state.and_then(|wish| service.turn(wish, &mut now)));
        Ok(changes)
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        let before = params.name.as_ref().and_then(|name| unit(&params.probe(name), seen).ok());
        let status = before.map(|unit| unit.properties.clone()).unwrap_or_default();
        let mut out = super::stat::json_map(json!({"name": params.name, "status": status}));
        // Reading its files is no change.
        let quiet = params.reloads().len();
        if quiet > 0 && changes.len() <= quiet {
            out.insert("changed".into(), false.into());
        }
        if let Some(enabled) = params.enabled {
            out.insert("enabled".into(), enabled.0.into());
        }
        if let Some(wish) = params.state {
            out.insert("state".into(), wish.outcome().into());
        }
        out
    }
}
