//! Tasks that run on another host (`delegate_to`): on which, and what is remembered where. Variables and
//! results stay with the host whose task it is; the connection, the lock, the journal and the marks are the
//! other's. Hosts take turns there, since a server has one lock.
use super::attempt::{Attempt, attempt};
use super::emit;
use super::foresight::Foresight;
use super::host::HostRun;
use super::play::PlayWorld;
use crate::event::{Event, Left};
use crate::plan::saved::Foreseen;
use crate::plan::{BindError, TaskStep, flag};
use crate::transport::{Connect, TransportError};
use crate::vars::{Layer, Scope, Trust};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The host that a task runs on, if it is not its own.
///
/// # Errors
/// A template that fails.
pub(super) fn delegate<C: Connect>(
    world: &PlayWorld,
    host: &HostRun<C>,
    step: &TaskStep,
    scope: &Scope,
) -> Result<Option<String>, BindError> {
    let Some(keyword) = &step.context.keywords.delegate_to else { return Ok(None) };
    // In a list, what is `omit` is left out.
    let rendered = world.job.engine.render(&vec![keyword.value.clone()].into(), scope);
    let rendered =
        rendered.map_err(|e| BindError::keyword("delegate_to", (e, Some(keyword.span))))?;
    let name = rendered.get(0).map(|name| name.as_str().map_or(name.to_string(), str::to_owned));
    Ok(name.filter(|name| *name != host.name))
}

/// Whether facts go to the host that the task runs on.
pub(super) fn gives_facts(world: &PlayWorld, step: &TaskStep, scope: &Scope) -> bool {
    let keywords = &step.context.keywords;
    let wanted = flag(keywords.delegate_facts.as_deref(), false, &world.job.engine, scope);
    keywords.delegate_to.is_some() && wanted.unwrap_or(false)
}

/// One attempt on another host.
pub(super) async fn attempt_on<C: Connect>(
    world: &PlayWorld,
    host: &mut HostRun<C>,
    (others, name): (&mut Vec<HostRun<C>>, &str),
    step: &TaskStep,
    scope: &Scope,
    owe: &[String],
) -> Result<Attempt, TransportError> {
    let at = others.iter().position(|other| other.name == name).unwrap_or_else(|| {
        let mut other = HostRun::met(&world.job, name.to_owned(), host.dial.clone());
        other.chosen = false;
        if !matches!(host.foresight, Foresight::None) {
            // A plan knows the hosts of plays alone.
            other.foresight = Foresight::HeldTo(Foreseen::default());
        }
        others.push(other);
        others.len() - 1
    });
    let there = &mut others[at];
    let theirs = world.scope(there, &step.context);
    let scope = scope.with(delegated_vars(world, name, &theirs));
    let ours: Vec<bool> = owe.iter().map(|name| there.journal.play.owed.contains(name)).collect();
    let steps = there.journal.count;
    let ended = attempt(world, there, step, (&scope, &theirs), owe, None).await;
    let ended = ended.map_err(|error| on(world, host, name, error))?;
    if there.journal.count > steps {
        let what = format!("{} on {name}", step.name);
        let why = "it was done on another host".to_owned();
        host.journal.play.left.push(Left { what, why });
    }
    if gives_facts(world, step, &scope) {
        there.keep_facts(&step.task, &ended.judged.result);
    }
    for (handler, ours) in owe.iter().zip(ours) {
        if !there.owed.contains_key(handler) {
            continue;
        }
        let earlier = !there.journal.play.owed.contains(handler);
        if !ended.judged.changed() && !ended.judged.failed() && !earlier && !ours {
            there.settle(handler).await?;
        } else if ended.judged.changed() {
            host.marked_on(name, handler);
        } else if earlier && !world.batch.contains(&there.name) {
            take_up(world, host, there, handler);
        }
    }
    Ok(ended)
}

/// What an earlier run owes on a host that the play does not work on is taken up by whoever would have
/// notified it.
fn take_up<C: Connect>(
    world: &PlayWorld,
    host: &mut HostRun<C>,
    there: &HostRun<C>,
    handler: &str,
) {
    if !host.notified.contains(handler) && host.inherited.insert(handler.to_owned()) {
        let since = there.owed_since(handler).unwrap_or(0);
        let (host, handler) = (there.name.clone(), handler.to_owned());
        emit(&world.events, Event::Owed { host, handler, since, known: true });
    }
    host.marked_on(&there.name, handler);
}

impl<C: Connect> HostRun<C> {
    /// Remembers that a handler that it notified is marked on another host.
    fn marked_on(&mut self, host: &str, handler: &str) {
        self.elsewhere.entry(handler.to_owned()).or_default().insert(host.to_owned());
    }
}

/// What templates know of the host that the task runs on.
fn delegated_vars(world: &PlayWorld, name: &str, theirs: &Scope) -> Layer {
    let mut vars = Map::new();
    for variable in ["ansible_host", "ansible_port", "ansible_user", "inventory_hostname"] {
        if let (Some(_), Ok(value)) =
            (theirs.get(variable), world.job.engine.evaluate(variable, theirs))
        {
            vars.insert(variable.to_owned(), value);
        }
    }
    vars.entry("ansible_host").or_insert_with(|| name.into());
    let vars = json!({"ansible_delegated_vars": {name: Value::Object(vars)}});
    let values = vars.as_object().cloned().unwrap_or_default();
    Layer { origin: "delegate_to".into(), trust: Trust::Data, values, places: BTreeMap::new() }
}

/// Whose way it was that ended.
fn on<C: Connect>(
    world: &PlayWorld,
    host: &HostRun<C>,
    name: &str,
    error: TransportError,
) -> TransportError {
    match error {
        TransportError::Unreachable { stage, message, help } => {
            TransportError::Unreachable { stage, message: format!("{name}: {message}"), help }
        }
        error => {
            let message = format!("the task was to run on {name}");
            emit(&world.events, Event::Warning { host: Some(host.name.clone()), message });
            error
        }
    }
}
