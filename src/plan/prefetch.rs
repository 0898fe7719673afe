//! Prefetch: every probe that the tasks of a play will want, as far as it can be told beforehand,
//! so that all of them travel in the first round trip. A hint and never more: what is missed is
//! asked at the task's turn, what is asked in vain costs a line.
use super::bind::bind;
use super::scope::{HostVars, Play, Shared};
use super::steps::{Context, Selection, Step, TaskStep, included};
use super::via::{Via, via};
use crate::facts::Probe;
use crate::source::{SourceMap, Spanned};
use crate::vars::{Engine, Layer, Scope, Trust};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The probes of `steps` for one host, each with how the task speaks to it.
pub fn prefetch(steps: &[Step], world: &World<'_>) -> Vec<(Via, Probe)> {
    let mut out = vec![];
    walk(steps, world, &mut out);
    out
}

/// What prefetch knows of the host.
pub struct World<'a> {
    /// Templates.
    pub engine: &'a Engine,
    /// The run.
    pub shared: &'a Shared,
    /// The play.
    pub play: &'a Play,
    /// The host's variables so far.
    pub brought: &'a HostVars,
    /// Names the hosts of the batch.
    pub batch: &'a Arc<Layer>,
    /// `--tags`.
    pub chosen: &'a Selection,
    /// For the names of included steps.
    pub sources: &'a SourceMap,
    /// Connection variables that the playbook sets.
    pub overrides: &'a BTreeSet<&'static str>,
}

impl World<'_> {
    fn scope(&self, context: &Context) -> Scope {
        self.shared.scope(self.play, self.brought, context, self.batch)
    }
}

fn walk(steps: &[Step], world: &World<'_>, out: &mut Vec<(Via, Probe)>) {
    for step in steps {
        match step {
            Step::Task(step) => task(step, world, out),
            Step::Block { items, rescue: _, always } => {
                walk(items, world, out);
                walk(always, world, out);
            }
            Step::Include(include, context) if include.repeat.is_none() => {
                if let Some(steps) = included(include, context, None, world.chosen, world.sources) {
                    walk(&steps, world, out);
                }
            }
            Step::Include(..) | Step::Meta(..) | Step::Flush { .. } => {}
        }
    }
}

fn task(step: &TaskStep, world: &World<'_>, out: &mut Vec<(Via, Probe)>) {
    let keywords = &step.context.keywords;
    // It asks another host.
    if keywords.delegate_to.is_some() {
        return;
    }
    let scope = world.scope(&step.context);
    let scopes = (&scope, &scope);
    let via = via(keywords, world.engine, scopes, world.brought, world.overrides);
    let Ok(via) = via else { return };
    for scope in items(step, world.engine, scope) {
        // A condition that is already known to be false spares the probes; one that can't be told
        // yet does not.
        let known_false = |condition: &Spanned<Value>| {
            matches!(world.engine.holds(&condition.value, &scope), Ok(false))
        };
        if step.context.keywords.when.iter().any(known_false) {
            continue;
        }
        let Ok(call) = bind(step, world.engine, &scope, world.shared, true) else { continue };
        let Ok(probes) = (call.module.observe)(&call.params) else { continue };
        for probe in probes {
            let wanted = (via.clone(), probe);
            if !out.contains(&wanted) {
                out.push(wanted);
            }
        }
    }
}

/// One scope per item of the task's loop, as far as the items are known.
fn items(step: &TaskStep, engine: &Engine, scope: Scope) -> Vec<Scope> {
    let Some(repeat) = &step.task.repeat else { return vec![scope] };
    let Ok(items) = super::settle::loop_items(repeat, engine, &scope) else { return vec![] };
    let with = |item| {
        let mut values = Map::new();
        values.insert(repeat.variable.clone(), item);
        let origin = "loop".to_owned();
        scope.with(Layer { origin, trust: Trust::Data, values, places: BTreeMap::new() })
    };
    items.into_iter().map(with).collect()
}
