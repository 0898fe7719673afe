//! Everything that can be known to be wrong before a host is contacted, all of it in one go.
use super::argued::argued;
use super::files::Named;
use super::names::Names;
use super::scope::{self, Play, Shared};
use super::steps::Context;
use super::undefined::undefined;
use super::{PlayJob, batches, gathered, order};
use crate::playbook;
use crate::source::{Diagnostic, Severity, SourceMap};
use crate::vars::{Engine, Layer};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is wrong with the plays: order and batches, templates, undefined names, roles' arguments.
pub fn validate(
    plays: &[PlayJob],
    shared: &Shared,
    engine: &Engine,
    sources: &mut SourceMap,
) -> Vec<Diagnostic> {
    let mut found = vec![];
    let mut names = Names::of(plays, shared);
    let mut templates = BTreeSet::new();
    for PlayJob { play, hosts, .. } in plays {
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
    found.extend(undefined(&names, engine, sources));
    if found.iter().any(|finding| finding.severity == Severity::Error) {
        return found;
    }
    for job in plays {
        let brought = Play::new(&job.play, &job.vars_files);
        let batch = scope::batch(&job.hosts, &job.hosts, &BTreeSet::new());
        found.extend(gathering(job, &batch, &brought, shared, engine));
        for finding in argued(job, &brought, &batch, shared, engine) {
            if !found.contains(&finding) {
                found.push(finding);
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
    PlayJob { play, hosts, .. }: &PlayJob,
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
        let scope = shared.scope(brought, &shared.host_vars(host), &context, batch);
        if let Err((error, span)) = gathered(play, &BTreeSet::new(), engine, &scope) {
            let finding = Diagnostic::error(span.unwrap_or(play.span), error.to_string());
            if !found.contains(&finding) {
                found.push(finding);
            }
        }
    }
    found
}
