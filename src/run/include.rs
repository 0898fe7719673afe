//! Includes: decided per host when they are reached; hosts that include the same thing go through it
//! together.
use super::host::{HostRun, State};
use super::looped::item_layer;
use super::play::{Batch, PlayWorld};
use super::task::Part;
use super::{emit, terms};
use crate::event::{Event, Outcome};
use crate::plan::{BindError, Context, RoleVars, included, loop_items, when_holds};
use crate::playbook::{Include, Included, IncludedVars};
use crate::transport::Connect;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

impl<C> Batch<C>
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    /// An include, decided per host: hosts that include the same thing go through it together.
    pub(super) async fn include(
        &mut self,
        include: &Arc<Include>,
        context: &Arc<Context>,
        on: &BTreeSet<String>,
        part: Part,
    ) {
        let rescuable = part == Part::Task { rescuable: true };
        self.tell_who_is_left();
        let task = self.include_name(include, context, on);
        let place = self.world.job.sources.locate(include.span);
        let hosts = self.world.batch.iter().filter(|name| on.contains(*name)).cloned().collect();
        let handler = part == Part::Handler;
        let started =
            Event::TaskStarted { task: task.clone(), place: place.clone(), handler, hosts };
        emit(&self.world.events, started);
        let mut groups: Vec<(Bound, BTreeSet<String>)> = vec![];
        let mut ends = vec![];
        for host in self.hosts.iter().filter(|host| on.contains(&host.name)) {
            let bounds = bind_include(&self.world, host, include, context);
            let times = bounds.iter().flatten().filter(|bound| bound.is_ok()).count();
            ends.push((host.name.clone(), times, end(include, &bounds, rescuable)));
            for bound in bounds.unwrap_or_default().into_iter().filter_map(Result::ok) {
                match groups.iter_mut().find(|(other, _)| *other == bound) {
                    Some((_, names)) => {
                        names.insert(host.name.clone());
                    }
                    None => groups.push((bound, [host.name.clone()].into())),
                }
            }
        }
        for (name, times, (outcome, result)) in ends {
            // Every file that it brings in counts.
            if let (Outcome::Ok, Some(host)) =
                (&outcome, self.hosts.iter_mut().find(|host| host.name == name))
            {
                (1..times).for_each(|_| host.count(&outcome));
            }
            self.end_include(&name, include, (&task, &place, handler), outcome, result);
        }
        for (bound, names) in groups {
            let mut inside = Context::clone(context);
            if let Some(item) = &bound.item {
                inside.params.push(Arc::new(item.clone()));
            }
            let job = self.world.job.clone();
            let file = bound.file.as_deref();
            if let Some(vars) = include.what.vars_of(file) {
                for host in self.hosts.iter_mut().filter(|host| names.contains(&host.name)) {
                    let scope = self.world.scope(host, context);
                    host.vars.include(vars, &scope);
                    render_registered(&self.world, host, include, context);
                }
                continue;
            }
            let chosen = &job.options.chosen;
            if let Some(steps) = included(include, &inside, file, chosen, &job.sources) {
                self.steps(&steps, &names, rescuable).await;
            }
            if let Some(used) = include.what.role(file).filter(|used| used.public) {
                for host in self.hosts.iter_mut().filter(|host| names.contains(&host.name)) {
                    host.vars.roles.push(RoleVars::of(&used.role));
                }
            }
        }
    }

    /// The name that people see.
    fn include_name(&self, include: &Include, context: &Context, on: &BTreeSet<String>) -> String {
        let own = match (&context.keywords.name, &include.what) {
            (Some(name), _) => name.value.clone(),
            (None, Included::Role(used)) => format!("{} : {}", include.statement, used.role.name),
            (None, Included::TemplatedRole { name, .. }) => {
                format!("{} : {}", include.statement, name.value)
            }
            (None, _) => include.statement.to_owned(),
        };
        let name = context.named(&own);
        let host = self.hosts.iter().find(|host| on.contains(&host.name));
        let rendered = host.map(|host| {
            let scope = self.world.scope(host, context);
            self.world.job.engine.render(&name.clone().into(), &scope)
        });
        match rendered {
            Some(Ok(Value::String(name))) => name,
            _ => name,
        }
    }

    /// An include ends like a task: what it brings in are tasks of their own.
    fn end_include(
        &mut self,
        name: &str,
        include: &Include,
        (task, place, handler): (&str, &str, bool),
        outcome: Outcome,
        mut result: Map<String, Value>,
    ) {
        let Some(host) = self.hosts.iter_mut().find(|host| host.name == name) else { return };
        if matches!(outcome, Outcome::Failed { .. }) {
            host.state = State::Failed;
        }
        if let Some(name) = &include.register {
            host.vars.register([(name.value.clone(), result.clone().into())]);
        }
        // What was included is told by its files; its values may be secrets.
        result.remove("ansible_facts");
        host.count(&outcome);
        let (host, task, place) = (name.to_owned(), task.to_owned(), place.to_owned());
        let diffs = vec![];
        let event = Event::TaskFinished { host, task, place, handler, outcome, diffs, result };
        emit(&self.world.events, event);
    }
}

/// What was registered of variables holds their values, as far as they can be told now.
fn render_registered<C: Connect>(
    world: &PlayWorld,
    host: &mut HostRun<C>,
    include: &Include,
    context: &Context,
) {
    let Some(name) = &include.register else { return };
    let scope = world.scope(host, context);
    let Some(mut result) = host.vars.registered(&name.value).cloned() else { return };
    let facts = result.get_mut("ansible_facts").and_then(Value::as_object_mut);
    for value in facts.into_iter().flat_map(Map::values_mut) {
        if let Ok(rendered) = world.job.engine.render(value, &scope) {
            *value = rendered;
        }
    }
    host.vars.register([(name.value.clone(), result)]);
}

/// How an include ends, and what `register` gets.
fn end(
    include: &Include,
    bounds: &Result<Vec<Result<Bound, String>>, String>,
    rescued: bool,
) -> (Outcome, Map<String, Value>) {
    let mut result = Map::new();
    result.insert("changed".into(), false.into());
    let failed = |message: &String, mut result: Map<String, Value>| {
        result.insert("failed".into(), true.into());
        result.insert("msg".into(), message.clone().into());
        (Outcome::Failed { message: message.clone(), ignored: false, rescued }, result)
    };
    let bounds = match bounds {
        Ok(bounds) => bounds,
        Err(message) => return failed(message, result),
    };
    let is_there = |bound: &Bound| include.what.has(bound.file.as_deref());
    if let Some(missing) = bounds.iter().flatten().find(|bound| !is_there(bound)) {
        let file = missing.file.as_deref().unwrap_or_default();
        return failed(&format!("no such file to include: `{file}`"), result);
    }
    let why = bounds.iter().find_map(|bound| bound.as_ref().err().cloned());
    if bounds.iter().any(Result::is_ok) {
        let vars = bounds.iter().flatten().filter_map(|b| include.what.vars_of(b.file.as_deref()));
        result.extend(vars.flat_map(about));
        return (Outcome::Ok, result);
    }
    let why = why.unwrap_or_else(|| "no items".to_owned());
    result.insert("skipped".into(), true.into());
    result.insert("false_condition".into(), why.clone().into());
    (Outcome::Skipped { why }, result)
}

/// What `register` gets of variables that were included.
fn about(vars: &IncludedVars) -> [(String, Value); 2] {
    let files: Vec<_> = vars.files.iter().map(|file| file.display().to_string()).collect();
    let values: Map<String, Value> =
        vars.vars.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect();
    [
        ("ansible_included_var_files".to_owned(), files.into()),
        ("ansible_facts".to_owned(), values.into()),
    ]
}

/// What an include comes to on a host, once.
#[derive(Clone, Debug)]
struct Bound {
    file: Option<String>,
    item: Option<crate::vars::Layer>,
}

impl PartialEq for Bound {
    fn eq(&self, other: &Self) -> bool {
        let item = |bound: &Self| bound.item.as_ref().map(|layer| layer.values.clone());
        self.file == other.file && item(self) == item(other)
    }
}

/// For every item what is included, or the condition that does not hold.
fn bind_include<C: Connect>(
    world: &PlayWorld,
    host: &HostRun<C>,
    include: &Include,
    context: &Context,
) -> Result<Vec<Result<Bound, String>>, String> {
    let engine = &world.job.engine;
    let said =
        |error: BindError| format!("{}{error}", terms::located(&world.job.sources, error.span));
    let scope = world.scope(host, context);
    let layers = match &include.repeat {
        None => vec![None],
        Some(repeat) => {
            let items = loop_items(repeat, engine, &scope)
                .map_err(|e| said(BindError::keyword("loop", (e, Some(repeat.over.span)))))?;
            (0..items.len()).map(|index| Some(item_layer(repeat, &items, index))).collect()
        }
    };
    let mut out = vec![];
    for item in layers {
        let scope = item.iter().fold(scope.clone(), |scope, layer| scope.with(layer.clone()));
        if let Err(condition) = when_holds(context, engine, &scope).map_err(said)? {
            out.push(Err(condition));
            continue;
        }
        let file = match include.what.template() {
            Some(file) => {
                let name = engine.render(&file.value.clone().into(), &scope);
                let span = Some(file.span);
                let name = name.map_err(|e| said(BindError::keyword("include", (e, span))))?;
                name.as_str().map(str::to_owned)
            }
            None => None,
        };
        out.push(Ok(Bound { file, item }));
    }
    Ok(out)
}
