//! As whom, and by which way, a task speaks to a host. The inventory says how a host is reached; keywords
//! (`connection`, `port`, `remote_user`) and variables of plays, roles and tasks may say otherwise.
use super::PlayJob;
use super::escalation::{Escalation, escalation};
use super::names::Names;
use super::scope::{HostVars, Shared};
use crate::playbook::Keywords;
use crate::source::{Span, Spanned};
use crate::vars::{Engine, Scope, TemplateError};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Variables that say how a host is reached.
const CONNECTION: &[&str] = &[
    "ansible_connection",
    "ansible_host",
    "ansible_password",
    "ansible_port",
    "ansible_private_key_file",
    "ansible_ssh_args",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_ssh_host",
    "ansible_ssh_pass",
    "ansible_ssh_password",
    "ansible_ssh_port",
    "ansible_ssh_private_key_file",
    "ansible_ssh_timeout",
    "ansible_ssh_user",
    "ansible_user",
    "cowhand_host_key",
    "cowhand_known_hosts",
];

/// Connection variables that hold at a place and that the inventory does not have. Usually none.
pub type Way = BTreeMap<String, Value>;

/// As whom and by which way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Via {
    /// Whom to become.
    pub escalate: Option<Escalation>,
    /// How to get there.
    pub way: Way,
}

/// The connection variables that plays, roles or tasks set: elsewhere nobody need look for them.
pub fn overrides(plays: &[PlayJob]) -> BTreeSet<&'static str> {
    let names = Names::of_plays(plays);
    CONNECTION.iter().copied().filter(|name| names.defined.contains(name)).collect()
}

/// As whom and by which way a task speaks to a host that brings these variables. `keywords` are rendered
/// with `scope`; `theirs` are the variables that hold for the host that is spoken to.
///
/// # Errors
/// Templates that fail; a method to become somebody that there is not.
pub fn via(
    keywords: &Keywords,
    engine: &Engine,
    (scope, theirs): (&Scope, &Scope),
    brought: &HostVars,
    overrides: &BTreeSet<&'static str>,
) -> Result<Via, (TemplateError, Option<Span>)> {
    let mut way = Way::new();
    for name in overrides {
        if theirs.layer_of(name).is_some_and(|layer| !from_outside(layer, brought)) {
            let value = engine.evaluate(name, theirs).map_err(|error| (error, None))?;
            way.insert((*name).to_owned(), value);
        }
    }
    for (keyword, names) in [
        (keywords.connection.as_deref(), &["ansible_connection"][..]),
        (keywords.port.as_deref(), &["ansible_port", "ansible_ssh_port"]),
        (keywords.remote_user.as_ref(), &["ansible_user", "ansible_ssh_user"]),
    ] {
        let Some(Spanned { value, span }) = keyword else { continue };
        // Variables win, wherever they are from.
        if names.iter().all(|name| theirs.get(name).is_none()) {
            let value = engine.render(value, scope).map_err(|error| (error, Some(*span)))?;
            way.insert(names[0].to_owned(), value);
        }
    }
    Ok(Via { escalate: escalation(keywords, engine, (scope, theirs))?, way })
}

/// Whether a layer is what a host is reached by in any case; a server's own word is none.
fn from_outside(layer: &Arc<crate::vars::Layer>, brought: &HostVars) -> bool {
    brought.inventory.iter().any(|own| Arc::ptr_eq(own, layer))
        || ["extra vars", "facts"].contains(&layer.origin.as_str())
}

impl Shared {
    /// The variables by which a host is reached, whatever the play.
    pub fn reach(&self, host: &str, brought: &HostVars) -> Scope {
        let mut scope = Scope::default();
        for layer in brought.inventory.iter().chain([&self.extra, &self.magic]) {
            scope = scope.with(layer.clone());
        }
        scope.with(super::scope::named(host))
    }
}
