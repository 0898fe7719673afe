//! Everything that can be known to be wrong before a host is contacted, all of it in one go.
use super::files::Named;
use super::scope::{self, Play, Shared};
use super::steps::Context;
use super::undefined::Names;
use super::{batches, gathered, order};
use crate::playbook::{self, Item, Keywords, Role, RoleUse, arguments};
use crate::source::{Diagnostic, Severity, SourceMap, Span, Vars};
use crate::vars::{Engine, Layer, TemplateError};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is wrong with the plays: order and batches, templates, undefined names, roles' arguments.
pub fn validate(
    plays: &[(&playbook::Play, &[String], &[Vars])],
    shared: &Shared,
    engine: &Engine,
    sources: &mut SourceMap,
) -> Vec<Diagnostic> {
    let mut found = vec![];
    let mut names = Names::new(&shared.inventory, &shared.extra);
    let mut templates = BTreeSet::new();
    for (play, hosts, vars_files) in plays {
        names.play(play, vars_files);
        found.extend(schedule(play, hosts));
        let mut named = Named::of(play, shared);
        found.append(&mut named.missing);
        templates.append(&mut named.templates);
    }
    for path in templates {
        let text = shared.files.get(&path).and_then(|bytes| std::str::from_utf8(bytes).ok());
        // One with a line of options is read otherwise, when it is used.
        if let Some(text) = text.filter(|text| !text.starts_with("#jinja2:")) {
            let file = sources.add(path.strip_prefix(".").unwrap_or(&path), text);
            names.file(sources.whole(file), text);
        }
    }
    found.extend(names.check(engine, sources));
    if found.iter().any(|finding| finding.severity == Severity::Error) {
        return found;
    }
    for (play, hosts, vars_files) in plays {
        let brought = Play::new(play, vars_files);
        let mut uses = vec![];
        play.roles.iter().for_each(|used| roles_of(used, &Context::default(), &mut uses));
        for items in [&play.pre_tasks, &play.tasks, &play.post_tasks] {
            roles_in(items, &Context::default(), &mut uses);
        }
        let batch = scope::batch(hosts, hosts, &BTreeSet::new());
        found.extend(gathering(play, hosts, &batch, &brought, shared, engine));
        for (role, context) in &uses {
            for host in *hosts {
                for finding in arguments_of(role, context, host, &batch, &brought, shared, engine) {
                    if !found.contains(&finding) {
                        found.push(finding);
                    }
                }
            }
        }
    }
    found
}

fn schedule(play: &playbook::Play, hosts: &[String]) -> Vec<Diagnostic> {
    let mut found = vec![];
    let asked = play.order.as_ref();
    if let Err(message) = order(hosts.to_vec(), asked.map(|order| order.value.as_str()), 0) {
        found.push(Diagnostic::error(asked.map_or(play.span, |order| order.span), message));
    }
    for size in &play.serial {
        if let Err(message) = batches(hosts, std::slice::from_ref(&size.value)) {
            found.push(Diagnostic::error(size.span, message));
        }
    }
    found
}

/// Whether the keywords about facts can be decided: for one host when nothing in them is a template.
fn gathering(
    play: &playbook::Play,
    hosts: &[String],
    batch: &Arc<Layer>,
    brought: &Play,
    shared: &Shared,
    engine: &Engine,
) -> Vec<Diagnostic> {
    let single = [&play.gather_facts, &play.gather_timeout, &play.fact_path];
    let mut written = single.into_iter().flatten().chain(&play.gather_subset);
    let templated = written.any(|value| !engine.names(&value.value).is_empty());
    let context = Context::default().enter(&play.keywords, "play vars");
    let mut found = vec![];
    for host in hosts.iter().take(if templated { usize::MAX } else { 1 }) {
        let scope = shared.scope(brought, host, &shared.host_vars(host), &context, batch);
        if let Err((error, span)) = gathered(play, &BTreeSet::new(), engine, &scope) {
            let finding = Diagnostic::error(span.unwrap_or(play.span), error.to_string());
            if !found.contains(&finding) {
                found.push(finding);
            }
        }
    }
    found
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

/// Whether the arguments that a role gets on a host are what its specification says.
fn arguments_of(
    role: &Role,
    context: &Context,
    host: &str,
    batch: &Arc<Layer>,
    play: &Play,
    shared: &Shared,
    engine: &Engine,
) -> Vec<Diagnostic> {
    let Some(spec) = &role.arguments else { return vec![] };
    let brought = shared.host_vars(host);
    let scope = shared.scope(play, host, &brought, context, batch);
    let mut values = Map::new();
    let mut places: BTreeMap<String, Span> = BTreeMap::new();
    let mut later = BTreeSet::new();
    let prefix = format!("{}_", role.name);
    // What the role itself sets is no argument that somebody misspelt.
    let own: BTreeSet<&str> =
        role.vars.iter().chain(&role.defaults).map(|(name, _)| name.value.as_str()).collect();
    let named = |name: &str| spec.options.iter().any(|(option, _)| option.value == name);
    let mine = |name: &str| named(name) || (name.starts_with(&prefix) && !own.contains(name));
    for layer in scope.layers() {
        for (name, span) in layer.places.iter().filter(|(name, _)| mine(name)) {
            places.insert(name.clone(), *span);
        }
    }
    let mut found = vec![];
    for layer in scope.layers() {
        for name in layer.values.keys().filter(|name| mine(name)) {
            if values.contains_key(name) || later.contains(name) {
                continue;
            }
            let Some((raw, _)) = scope.get(name) else { continue };
            match engine.render(raw, &scope) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                // What a server has yet to tell is checked when it is used.
                Err(TemplateError::Undefined { .. }) => {
                    later.insert(name.clone());
                    values.insert(name.clone(), Value::Null);
                }
                Err(error) => {
                    later.insert(name.clone());
                    let message = format!("`{name}`: {error}");
                    found.push(match places.get(name) {
                        Some(span) => Diagnostic::error(*span, message),
                        None => Diagnostic::general(message),
                    });
                }
            }
        }
    }
    let problems = arguments::check(spec, &values, &places);
    found.extend(problems.into_iter().filter(|(name, _)| !later.contains(name)).map(|p| p.1));
    found
}
