//! Whether roles get the arguments that they say they take, on every host. Hosts that are in the same groups
//! mostly get the same: what can't differ between them is looked at once.
use super::PlayJob;
use super::scope::{HostVars, Play, Shared};
use super::steps::Context;
use crate::playbook::{ArgumentSpec, Item, Keywords, Role, RoleUse, arguments};
use crate::source::{Diagnostic, Span};
use crate::vars::{Engine, Layer, Scope, TemplateError};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::Arc;

/// Variables that are otherwise on every host.
const OF_HOST: [&str; 3] = ["inventory_hostname", "inventory_hostname_short", "hostvars"];
/// Words of what may read any variable, or give another value each time.
const DYNAMIC: [&str; 6] = ["lookup", "query", "q(", "vars", "now(", "random"];

/// What is wrong with the arguments of the roles that a play uses, on any of its hosts.
pub(super) fn argued(
    job: &PlayJob,
    play: &Play,
    batch: &Arc<Layer>,
    shared: &Shared,
    engine: &Engine,
) -> Vec<Diagnostic> {
    let mut uses = vec![];
    job.play.roles.iter().for_each(|used| roles_of(used, &Context::default(), &mut uses));
    for items in [&job.play.pre_tasks, &job.play.tasks, &job.play.post_tasks] {
        roles_in(items, &Context::default(), &mut uses);
    }
    let uses = uses.iter().filter_map(|(role, context)| Use::of(role, context));
    let uses: Vec<Use<'_>> = uses.collect();
    if uses.is_empty() {
        return vec![];
    }
    let takers: Vec<Taker<'_>> = job.hosts.iter().map(|host| Taker::of(host, shared)).collect();
    let own = takers.iter().flat_map(|taker| &taker.own).copied();
    let world = World { play, batch, shared, engine, own: own.chain(OF_HOST).collect() };
    // Thousands of hosts times many roles: every core has its share of them.
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let share = takers.len().div_ceil(cores).max(1);
    let (world, uses) = (&world, &uses);
    std::thread::scope(|threads| {
        let at_work: Vec<_> = (takers.chunks(share))
            .map(|takers| threads.spawn(move || world.argued(uses, takers)))
            .collect();
        let mut found = vec![];
        for thread in at_work {
            let part = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            part.into_iter().for_each(|finding| add(&mut found, finding));
        }
        // However many cores there are.
        found.sort_by_key(|finding| (finding.span.is_none(), finding.span));
        found
    })
}

fn add(found: &mut Vec<Diagnostic>, finding: Diagnostic) {
    if !found.contains(&finding) {
        found.push(finding);
    }
}

/// What is the same for all hosts of a play.
struct World<'a> {
    play: &'a Play,
    batch: &'a Arc<Layer>,
    shared: &'a Shared,
    engine: &'a Engine,
    /// The names of all variables that any host has by itself.
    own: BTreeSet<&'a str>,
}

impl World<'_> {
    fn argued(&self, uses: &[Use<'_>], takers: &[Taker<'_>]) -> Vec<Diagnostic> {
        let mut found = vec![];
        for used in uses {
            // What hosts of the same groups get, but for values of their own.
            let mut alike: BTreeMap<Option<&BTreeSet<String>>, Given> = BTreeMap::new();
            for taker in takers {
                let scope =
                    || self.shared.scope(self.play, &taker.brought, used.context, self.batch);
                let problems = match alike.get(&taker.groups) {
                    _ if taker.own.iter().any(|name| used.takes(name)) => {
                        used.check(&used.given(&scope(), self))
                    }
                    Some(given) if given.own.is_empty() => continue,
                    Some(given) => used.check_own(given, &scope(), self.engine),
                    None => {
                        let given = used.given(&scope(), self);
                        let problems = used.check(&given);
                        alike.insert(taker.groups, given);
                        problems
                    }
                };
                problems.into_iter().for_each(|finding| add(&mut found, finding));
            }
        }
        found
    }
}

/// A host, and the names of the variables that are its own.
struct Taker<'a> {
    brought: HostVars,
    groups: Option<&'a BTreeSet<String>>,
    own: Vec<&'a str>,
}

impl<'a> Taker<'a> {
    fn of(host: &'a str, shared: &'a Shared) -> Self {
        let own = shared.inventory.own_layers(host).into_iter();
        let own = own.flat_map(|(_, vars)| vars.iter().map(|(name, _)| name.value.as_str()));
        let groups = shared.inventory.host(host).map(|host| &host.groups);
        Self { brought: shared.host_vars(host), groups, own: own.collect() }
    }
}

fn roles_of(used: &RoleUse, context: &Context, out: &mut Vec<(Arc<Role>, Context)>) {
    let inside = context.use_role(used);
    used.role.dependencies.iter().for_each(|dependency| roles_of(dependency, &inside, out));
    roles_in(&used.tasks, &inside, out);
    out.push((used.role.clone(), inside));
}

fn roles_in(items: &[Item], context: &Context, out: &mut Vec<(Arc<Role>, Context)>) {
    for item in items {
        if let Item::Block(block) = item {
            let inside = match &block.role {
                Some(role) => {
                    let keywords: &Keywords = &block.keywords;
                    let inside = context.enter_role(role, keywords);
                    out.push((role.clone(), inside.clone()));
                    inside
                }
                None => context.enter(&block.keywords, "block vars"),
            };
            for part in [&block.items, &block.rescue, &block.always] {
                roles_in(part, &inside, out);
            }
        }
    }
}

/// A role that says what it takes, where it is used.
struct Use<'a> {
    spec: &'a ArgumentSpec,
    context: &'a Context,
    options: BTreeSet<&'a str>,
    prefix: String,
    /// What the role itself sets is no argument that somebody misspelt.
    sets: BTreeSet<&'a str>,
}

/// The arguments that a role gets.
#[derive(Default)]
struct Given {
    values: Map<String, Value>,
    places: BTreeMap<String, Span>,
    /// What can't be rendered; what a server has yet to tell is checked when it is used.
    failed: BTreeMap<String, TemplateError>,
    /// Those that other hosts of the same groups may get otherwise.
    own: Vec<String>,
}

impl<'a> Use<'a> {
    fn of(role: &'a Role, context: &'a Context) -> Option<Self> {
        let spec = role.arguments.as_ref()?;
        Some(Self {
            spec,
            context,
            options: spec.options.iter().map(|(name, _)| name.value.as_str()).collect(),
            prefix: format!("{}_", role.name),
            sets: role.vars.iter().chain(&role.defaults).map(|(it, _)| it.value.as_str()).collect(),
        })
    }

    /// Whether a variable is an argument, or may be meant to be one.
    fn takes(&self, name: &str) -> bool {
        self.options.contains(name) || name.starts_with(&self.prefix) && !self.sets.contains(name)
    }

    /// What it gets from variables.
    fn given(&self, scope: &Scope, World { engine, own, .. }: &World<'_>) -> Given {
        let mut given = Given::default();
        let mut names = BTreeSet::new();
        for layer in scope.layers() {
            for name in layer.values.keys().filter(|name| self.takes(name)) {
                names.insert(name.as_str());
                given.places.extend(layer.places.get(name).map(|span| (name.clone(), *span)));
            }
        }
        for name in names {
            let Some((raw, _)) = scope.get(name) else { continue };
            let value = engine.render(raw, scope).unwrap_or_else(|error| {
                given.failed.insert(name.to_owned(), error);
                Value::Null
            });
            given.values.insert(name.to_owned(), value);
            if varies(raw, scope, engine, own) {
                given.own.push(name.to_owned());
            }
        }
        given
    }

    fn check(&self, given: &Given) -> Vec<Diagnostic> {
        let failed = given.failed.iter();
        let mut found: Vec<_> =
            failed.filter_map(|(name, error)| broken(name, error, given)).collect();
        let problems = arguments::check(self.spec, &given.values, &given.places);
        let known = problems.into_iter().filter(|(name, _)| !given.failed.contains_key(name));
        found.extend(known.map(|(_, finding)| finding));
        found
    }

    /// What is wrong on another host of the same groups, which has the same but for some values.
    fn check_own(&self, given: &Given, scope: &Scope, engine: &Engine) -> Vec<Diagnostic> {
        let mut found = vec![];
        for name in &given.own {
            let Some((raw, _)) = scope.get(name) else { continue };
            let option = self.spec.options.iter().find(|(option, _)| option.value == *name);
            match (engine.render(raw, scope), option) {
                (Err(error), _) => found.extend(broken(name, &error, given)),
                (Ok(_), None) => {}
                (Ok(value), Some((described, option))) => {
                    let place = given.places.get(name).copied().unwrap_or(described.span);
                    found.extend(arguments::check_one(name, option, Some(&value), place));
                }
            }
        }
        found
    }
}

fn broken(name: &str, error: &TemplateError, given: &Given) -> Option<Diagnostic> {
    if matches!(error, TemplateError::Undefined { .. }) {
        return None;
    }
    let message = format!("`{name}`: {error}");
    Some(match given.places.get(name) {
        Some(span) => Diagnostic::error(*span, message),
        None => Diagnostic::general(message),
    })
}

/// Whether a value may come out otherwise on another host of the same groups.
fn varies(raw: &Value, scope: &Scope, engine: &Engine, own: &BTreeSet<&str>) -> bool {
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![raw]);
    while let Some(value) = waiting.pop() {
        let text = value.to_string();
        if text.contains('{') && DYNAMIC.iter().any(|word| text.contains(word)) {
            return true;
        }
        for name in engine.names(value) {
            if own.contains(name.as_str()) {
                return true;
            }
            if let Some((next, _)) = scope.get(&name).filter(|_| seen.insert(name.clone())) {
                waiting.push(next);
            }
        }
    }
    false
}
