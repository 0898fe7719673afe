//! Which value a name has: layers of variables, a later one winning. Nothing is rendered here.
use crate::source::Span;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Whether strings in a layer are templates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Written in the project: rendered when used.
    Template,
    /// Came from a server, or was rendered already: never evaluated.
    #[default]
    Data,
}

/// Variables of one origin.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    /// What it is, for `vars explain` (`role defaults`, `group_vars/all`, `extra vars` …).
    pub origin: String,
    /// Whether strings are templates.
    pub trust: Trust,
    /// Names and values.
    pub values: Map<String, Value>,
    /// Where each was written, for those that were written.
    pub places: BTreeMap<String, Span>,
}

/// What is known of hosts, as a run goes on: `hostvars`.
#[derive(Debug, Default)]
pub struct Hosts(RwLock<BTreeMap<String, Scope>>);

impl Hosts {
    /// What is known of a host from now on.
    pub fn set(&self, host: &str, scope: Scope) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), scope);
    }
    /// The names of all hosts, sorted.
    pub fn names(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
    /// The variables that hold for a host.
    pub fn of(self: &Arc<Self>, host: &str) -> Option<Scope> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(host).map(|scope| scope.among(self))
    }
}

/// Layers in order of precedence: a later one wins. Cheap to clone and to add to.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    layers: Vec<Arc<Layer>>,
    hosts: Option<Arc<Hosts>>,
}

/// Lowest first.
impl From<Vec<Arc<Layer>>> for Scope {
    fn from(layers: Vec<Arc<Layer>>) -> Self {
        Self { layers, hosts: None }
    }
}

impl Scope {
    /// With one more layer on top.
    #[must_use]
    pub fn with(&self, layer: impl Into<Arc<Layer>>) -> Self {
        let mut layers = self.layers.clone();
        layers.push(layer.into());
        Self { layers, hosts: self.hosts.clone() }
    }
    /// Where `hostvars` are these hosts'.
    #[must_use]
    pub fn among(&self, hosts: &Arc<Hosts>) -> Self {
        Self { layers: self.layers.clone(), hosts: Some(Arc::clone(hosts)) }
    }
    /// Whose variables `hostvars` are, if there is more to them than a layer says.
    pub fn hosts(&self) -> Option<&Arc<Hosts>> {
        self.hosts.as_ref()
    }
    /// The winning value of a name, and whether it may be evaluated.
    pub fn get(&self, name: &str) -> Option<(&Value, Trust)> {
        let layer = self.layer_of(name)?;
        Some((layer.values.get(name)?, layer.trust))
    }
    /// The layer that gives a name its value.
    pub fn layer_of(&self, name: &str) -> Option<&Arc<Layer>> {
        self.layers.iter().rev().find(|layer| layer.values.contains_key(name))
    }
    /// Lowest first.
    pub fn layers(&self) -> &[Arc<Layer>] {
        &self.layers
    }
}
