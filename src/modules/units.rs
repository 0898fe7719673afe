//! What `systemd_service` and `service` have in common: a service runs or not, starts with the machine or not.
use super::values::Flag;
use super::{Opt, PlanError};
use crate::change::{Back, Call, Change, Deed, Reach};
use crate::facts::{Fact, Manager, Observed, Probe, Reign, Unasked, Unit};
use serde::Deserialize;

/// For `OPTIONS`.
pub(super) const STATE: Opt = Opt::new(
    "state",
    "started, stopped, restarted or reloaded (which start it where it does not run).",
);
/// For `OPTIONS`.
pub(super) const ENABLED: Opt = Opt::new("enabled", "Whether it starts with the machine.");

/// What is wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Wish {
    /// It runs.
    Started,
    /// It does not.
    Stopped,
    /// It is stopped and started.
    Restarted,
    /// It reads its configuration again.
    Reloaded,
}

impl Wish {
    /// What results call it afterwards.
    pub(super) fn outcome(self) -> &'static str {
        if self == Self::Stopped { "stopped" } else { "started" }
    }
}

/// A service, its question, and how it is spoken to.
pub(super) struct Service<'a> {
    pub(super) name: &'a str,
    pub(super) probe: Probe,
    pub(super) reign: Reign,
    /// Flags of `systemctl`.
    pub(super) flags: Vec<String>,
    /// Words behind those of a script.
    pub(super) arguments: Vec<String>,
    /// The runlevel, where there are such.
    pub(super) runlevel: &'a str,
}

/// What is known of a service.
pub(super) fn unit<'a>(probe: &Probe, seen: &'a Observed) -> Result<&'a Unit, Unasked> {
    match seen.get(probe)? {
        Fact::Unit(unit) => Ok(unit),
        _ => Err(Unasked(probe.clone())),
    }
}

/// Whether it runs, or is about to.
pub(super) fn runs(unit: &Unit) -> bool {
    matches!(unit.active.as_str(), "active" | "activating" | "reloading")
}

/// Whether it starts with the machine.
pub(super) fn is_enabled(unit: &Unit) -> bool {
    matches!(
        unit.enabled.as_str(),
        "enabled" | "static" | "linked" | "linked-runtime" | "generated" | "transient"
    )
}

/// Whether anything of that name is there.
pub(super) fn exists(unit: &Unit) -> bool {
    let known = unit.properties.get("LoadState").is_some_and(|state| state != "not-found");
    known || !matches!(unit.enabled.as_str(), "" | "not-found")
}

impl Service<'_> {
    /// A word of `systemctl`, `rc-service` or a script, with the service's name.
    fn argv(&self, manager: Manager, verb: &str) -> Vec<String> {
        let words =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let mut argv: Vec<String> = match (manager, verb) {
            (Manager::Systemd, _) => {
                let reign = format!("--{}", self.reign.name());
                let head = if self.reign == Reign::System { vec![] } else { vec![reign] };
                let tail = [verb, self.name].map(str::to_owned);
                words(&["systemctl"])
                    .into_iter()
                    .chain(head)
                    .chain(self.flags.clone())
                    .chain(tail)
                    .collect()
            }
            (Manager::Openrc, "enable") => words(&["rc-update", "add", self.name, self.runlevel]),
            (Manager::Openrc, "disable") => words(&["rc-update", "del", self.name, self.runlevel]),
            (Manager::Openrc, _) => words(&["rc-service", self.name, verb]),
            (Manager::Sysv, "enable" | "disable") => words(&["update-rc.d", self.name, verb]),
            (Manager::Sysv, _) => words(&["service", self.name, verb]),
        };
        if manager != Manager::Systemd && !matches!(verb, "enable" | "disable") {
            argv.extend(self.arguments.iter().cloned());
        }
        argv
    }

    /// One word to whatever starts services, and the word that takes it back; `after` is what it is then.
    pub(super) fn deed(&self, verb: &str, back: Option<&str>, after: &Unit) -> Change {
        let manager = after.manager.unwrap_or(Manager::Systemd);
        let back = match (back, verb) {
            (Some(back), _) => Back::Programs(vec![self.argv(manager, back)]),
            (None, "restart" | "reload") => Back::Again,
            (None, _) => Back::Nothing,
        };
        Change::Deed(Box::new(Deed {
            subject: format!("service {}", self.name),
            effect: format!("{verb}\n"),
            call: Call::Program(self.argv(manager, verb)),
            back,
            makes: vec![(self.probe.clone(), Fact::Unit(after.clone()))],
            reach: Reach::Anything,
        }))
    }

    /// Starts with the machine, or does not.
    pub(super) fn enable(&self, wanted: Option<Flag>, now: &mut Unit) -> Option<Change> {
        let wanted = wanted?.0;
        if is_enabled(now) == wanted {
            return None;
        }
        let (verb, back) = if wanted { ("enable", "disable") } else { ("disable", "enable") };
        now.enabled = format!("{verb}d");
        now.properties.insert("UnitFileState".into(), now.enabled.clone());
        Some(self.deed(verb, Some(back), now))
    }

    /// Runs, or does not.
    pub(super) fn turn(&self, wish: Wish, now: &mut Unit) -> Option<Change> {
        let (verb, back) = match (wish, runs(now)) {
            (Wish::Started | Wish::Restarted | Wish::Reloaded, false) => ("start", Some("stop")),
            (Wish::Stopped, true) => ("stop", Some("start")),
            (Wish::Stopped, false) if now.active == "deactivating" => ("stop", None),
            (Wish::Started, true) | (Wish::Stopped, false) => return None,
            (Wish::Restarted, true) => ("restart", None),
            (Wish::Reloaded, true) => ("reload", None),
        };
        if verb == "stop" { "inactive" } else { "active" }.clone_into(&mut now.active);
        now.properties.insert("ActiveState".into(), now.active.clone());
        Some(self.deed(verb, back, now))
    }

    /// There must be something to start.
    pub(super) fn must_exist(&self, unit: &Unit) -> Result<(), PlanError> {
        if exists(unit) {
            return Ok(());
        }
        Err(PlanError::failed(format!("Could not find the requested service {}: host", self.name)))
    }
}
