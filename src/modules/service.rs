//! `service`: a service runs, and starts with the machine, whatever it is that starts services there.
use super::units::{ENABLED, STATE, Service, Wish, unit};
use super::values::Flag;
use super::{Module, Opt, PlanError, Table};
use crate::change::{Call, Change, Ran};
use crate::facts::{Manager, Observed, Probe, Reign};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    name: String,
    state: Option<Wish>,
    enabled: Option<Flag>,
    #[serde(default)]
    r#use: Use,
    pattern: Option<String>,
    runlevel: Option<String>,
    arguments: Option<String>,
    sleep: Option<super::values::Number>,
}

/// What starts services there.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Use {
    /// Whatever does.
    #[default]
    Auto,
    Systemd,
    Openrc,
    #[serde(alias = "service")]
    Sysvinit,
}

impl Params {
    fn probe(&self) -> Probe {
        let only = match self.r#use {
            Use::Auto => None,
            Use::Systemd => Some(Manager::Systemd),
            Use::Openrc => Some(Manager::Openrc),
            Use::Sysvinit => Some(Manager::Sysv),
        };
        let pattern = self.pattern.clone().unwrap_or_default();
        Probe::Unit { name: self.name.clone(), reign: Reign::System, only, pattern }
    }

    fn service(&self) -> Result<Service<'_>, PlanError> {
        let words = shlex::split(self.arguments.as_deref().unwrap_or_default());
        let arguments = words.ok_or_else(|| PlanError::Params {
            path: "arguments".into(),
            message: "has a quote that is not closed".into(),
        })?;
        Ok(Service {
            name: &self.name,
            probe: self.probe(),
            reign: Reign::System,
            flags: vec![],
            arguments,
            runlevel: self.runlevel.as_deref().unwrap_or("default"),
        })
    }
}

impl Module for This {
    const NAME: &'static str = "service";
    const SUMMARY: &'static str = "run a service, and start it with the machine";
    const EXAMPLES: &'static [&'static str] =
        &["{name: cron, state: started, enabled: true}", "{name: nginx, state: reloaded}"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("name", "The service."),
        STATE,
        ENABLED,
        Opt::new("use", "auto (default), systemd, openrc or sysvinit."),
        Opt::new("pattern", "Without systemd: stands in the list of processes while it runs."),
        Opt::new("runlevel", "With OpenRC: when it starts (default `default`)."),
        Opt::new("arguments", "Without systemd: further words for the script.").aliases(&["args"]),
        Opt::new("sleep", "Without systemd: seconds between stopping and starting again."),
    ];
    const RETURNS: &'static [Table] = &[&[
        ("name", "As wished."),
        ("state", "started or stopped."),
        ("enabled", "Whether it starts with the machine."),
        ("status", "With systemd: what `systemctl show` says of it, before anything was done."),
    ]];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        vec![params.probe()]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        if params.state.is_none() && params.enabled.is_none() {
            let message = "one of the following is required: state, enabled";
            return Err(PlanError::failed(message));
        }
        let service = params.service()?;
        let mut now = unit(&service.probe, seen)?.clone();
        if now.manager.is_none() {
            return Err(PlanError::failed("nothing that starts services is there"));
        }
        service.must_exist(&now)?;
        let mut changes: Vec<Change> = service.enable(params.enabled, &mut now).into_iter().collect();
        let Some(wish) = params.state else { return Ok(changes) };
        let turned = service.turn(wish, &mut now);
        // A script that needs time to let go is stopped, and started a while later.
        match (turned, params.sleep) {
            (Some(Change::Deed(mut deed)), Some(sleep))
                if wish == Wish::Restarted && now.manager != Some(Manager::Systemd) =>
            {
                if let Call::Program(argv) = &mut deed.call
                    && argv.iter().any(|word| word == "restart")
                {
                    let script = "\"$2\" \"$3\" stop; sleep \"$1\"; exec \"$2\" \"$3\" start";
                    let words = ["sh", "-c", script, "sh", &sleep.0.to_string(), &argv[0], &argv[1]];
                    *argv = words.map(str::to_owned).into();
                }
                changes.push(Change::Deed(deed));
            }
            (turned, _) => changes.extend(turned),
        }
        Ok(changes)
    }

    fn result(params: &Params, seen: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let mut out = super::stat::json_map(json!({"name": params.name}));
        if let Ok(unit) = unit(&params.probe(), seen)
            && unit.manager == Some(Manager::Systemd)
        {
            out.insert("status".into(), json!(unit.properties));
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
