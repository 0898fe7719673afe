//! A task's turn on one host: its condition, its retries, and what is told of it.
use super::attempt::{Attempt, attempt};
use super::delegate::{attempt_on, delegate, gives_facts};
use super::host::{HostRun, State};
use super::looped::looped;
use super::play::PlayWorld;
use super::terms::{hidden, located};
use super::{Job, emit};
use crate::event::{Event, Outcome};
use crate::plan::{Handler, Judged, TaskStep, flag, notified, until_holds, when_holds};
use crate::secret::REDACTED;
use crate::source::Spanned;
use crate::transport::{Connect, TransportError};
use crate::vars::Scope;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// The part a task plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A task; a rescue section may take over when it fails.
    Task {
        /// There is one around it.
        rescuable: bool,
    },
    /// A handler.
    Handler,
}

/// Runs a task on a host, or for it on one of the others; tells of it, and keeps what it returned.
pub(super) async fn turn<C: Connect>(
    world: &PlayWorld,
    host: &mut HostRun<C>,
    others: &mut Vec<HostRun<C>>,
    step: &TaskStep,
    part: Part,
) {
    let job = &world.job;
    let scope = world.scope(host, &step.context);
    let owed: BTreeSet<String> = host.owed.keys().cloned().collect();
    let ended = match &step.task.repeat {
        Some(repeat) => looped(world, (host, others), step, repeat, &scope, part).await,
        None => once(world, host, others, step, &scope, part).await,
    };
    let mut ended = match ended {
        Ok(ended) => ended,
        Err(error) => return lost(world, host, step, &scope, &error),
    };
    // `changed_when` may say that a change was none: then nothing is owed for it.
    if !ended.judged.changed() && !ended.judged.failed() {
        let new: Vec<String> =
            host.owed.keys().filter(|name| !owed.contains(*name)).cloned().collect();
        for name in new {
            if let Err(error) = host.settle(&name).await {
                return lost(world, host, step, &scope, &error);
            }
        }
    }
    let ignore = flag(step.context.keywords.ignore_errors.as_ref(), false, &job.engine, &scope);
    if let Outcome::Failed { ignored, rescued, .. } = &mut ended.judged.outcome {
        *ignored = ignore.unwrap_or(false);
        *rescued = !*ignored && part == (Part::Task { rescuable: true });
        if !*ignored {
            host.state = State::Failed;
            host.stopped = None;
            let result = Value::Object(ended.judged.result.clone());
            let name = rendered_name(world, step, &scope);
            host.vars.register([
                ("ansible_failed_result".to_owned(), result),
                ("ansible_failed_task".to_owned(), json!({"name": name})),
            ]);
        }
    }
    for news in host.confirmation.news.drain(..) {
        emit(&world.events, news);
    }
    if gives_facts(world, step, &scope) {
        host.set.clear();
    } else {
        host.keep_facts(&step.task, &ended.judged.result);
    }
    if let Some(name) = &step.task.register {
        let result = ended.judged.result.clone();
        host.vars.register([(name.value.clone(), result.into())]);
    }
    host.count(&ended.judged.outcome);
    if ended.judged.changed() {
        for name in owes(world, host, step, &scope) {
            host.notified.insert(name);
        }
    }
    warnings(world, host, &ended.judged.result);
    tell(world, host, step, &scope, part, ended);
}

/// `warnings` of a result are told on their own, once however many tasks have them, and stay in it.
fn warnings<C: Connect>(world: &PlayWorld, host: &mut HostRun<C>, result: &Map<String, Value>) {
    let list = result.get("warnings").and_then(Value::as_array);
    for message in list.into_iter().flatten().filter_map(Value::as_str) {
        if !host.warned.insert(message.to_owned()) {
            continue;
        }
        let event = Event::Warning { host: Some(host.name.clone()), message: message.to_owned() };
        emit(&world.events, event);
    }
}

fn tell<C: Connect>(
    world: &PlayWorld,
    host: &HostRun<C>,
    step: &TaskStep,
    scope: &Scope,
    part: Part,
    ended: Attempt,
) {
    let hidden = hidden(world, step, scope);
    let (outcome, result) = censor(hidden, ended.judged);
    let diffs = if hidden { vec![] } else { ended.diffs };
    emit(
        &world.events,
        Event::TaskFinished {
            host: host.name.clone(),
            task: rendered_name(world, step, scope),
            place: step.place.clone(),
            handler: part == Part::Handler,
            outcome,
            diffs,
            result,
        },
    );
}

/// `no_log`: that something was done is told, what it was is not.
pub(super) fn censor(hidden: bool, judged: Judged) -> (Outcome, Map<String, Value>) {
    if !hidden {
        return (judged.outcome, judged.result);
    }
    let mut result = Map::new();
    result.insert("censored".into(), REDACTED.into());
    if let Some(changed) = judged.result.get("changed") {
        result.insert("changed".into(), changed.clone());
    }
    let outcome = match judged.outcome {
        Outcome::Failed { ignored, rescued, .. } => {
            Outcome::Failed { message: format!("{REDACTED} (no_log)"), ignored, rescued }
        }
        other => other,
    };
    (outcome, result)
}

fn lost<C: Connect>(
    world: &PlayWorld,
    host: &mut HostRun<C>,
    step: &TaskStep,
    scope: &Scope,
    error: &TransportError,
) {
    let keyword = step.context.keywords.ignore_unreachable.as_ref();
    if let TransportError::Garbled(_) = error {
        let judged = Judged::failure(error.to_string(), Map::new());
        host.state = State::Failed;
        host.count(&judged.outcome);
        let ended = Attempt { judged, diffs: vec![] };
        return tell(world, host, step, scope, Part::Task { rescuable: false }, ended);
    }
    if error.is_hold() || !flag(keyword, false, &world.job.engine, scope).unwrap_or(false) {
        return host.lose(error, &world.events);
    }
    let mut result = Map::new();
    result.insert("unreachable".into(), true.into());
    result.insert("changed".into(), false.into());
    result.insert("msg".into(), error.to_string().into());
    if let Some(name) = &step.task.register {
        host.vars.register([(name.value.clone(), result.clone().into())]);
    }
    let outcome = Outcome::Failed { message: error.to_string(), ignored: true, rescued: false };
    host.count(&outcome);
    let ended = Attempt { judged: Judged { outcome, result }, diffs: vec![] };
    tell(world, host, step, scope, Part::Task { rescuable: false }, ended);
}

/// The name that people see.
pub(super) fn rendered_name(world: &PlayWorld, step: &TaskStep, scope: &Scope) -> String {
    rendered(world, &step.name, scope)
}

fn rendered(world: &PlayWorld, name: &str, scope: &Scope) -> String {
    match world.job.engine.render(&name.into(), scope) {
        Ok(Value::String(name)) => name,
        Ok(other) => other.to_string(),
        // Ansible shows the template itself when a name can't be rendered.
        Err(_) => name.to_owned(),
    }
}

/// Full names of the handlers that a change of this task notifies.
fn owes<C: Connect>(
    world: &PlayWorld,
    host: &HostRun<C>,
    step: &TaskStep,
    scope: &Scope,
) -> Vec<String> {
    let mut out = vec![];
    let full =
        |handler: &Handler| rendered(world, &handler.full, &world.scope(host, &handler.context));
    let own = &step.task.notify;
    for name in if own.is_empty() { &step.context.keywords.notify } else { own } {
        let name = world.job.engine.render(&name.value.clone().into(), scope);
        let Ok(Value::String(name)) = name else { continue };
        for handler in notified(&world.handlers, &name, full) {
            if !out.contains(&handler.full) {
                out.push(handler.full.clone());
            }
        }
    }
    out
}

pub(super) async fn once<C: Connect>(
    world: &PlayWorld,
    host: &mut HostRun<C>,
    others: &mut Vec<HostRun<C>>,
    step: &TaskStep,
    scope: &Scope,
    part: Part,
) -> Result<Attempt, TransportError> {
    let job = &world.job;
    match when_holds(&step.context, &job.engine, scope) {
        Err(error) => return Ok(failed(job, &error)),
        Ok(Err(condition)) => {
            return Ok(Attempt { judged: Judged::skipped(condition), diffs: vec![] });
        }
        Ok(Ok(())) => {}
    }
    let owed = owes(world, host, step, scope);
    let settles = (part == Part::Handler).then_some(step.name.as_str());
    let there = match delegate(world, host, step, scope) {
        Ok(there) => there,
        Err(error) => return Ok(failed(job, &error)),
    };
    let mut attempt = async || match &there {
        Some(name) => attempt_on(world, host, (others, name), step, scope, &owed).await,
        None => attempt(world, host, step, (scope, scope), &owed, settles).await,
    };
    // Without `until`, `retries` tries again as long as it fails (ansible-core 2.16 and later).
    if step.task.until.is_none() && step.task.retries.is_none() {
        return attempt().await;
    }
    let limit = match (number(job, step.task.retries.as_ref(), scope), &step.task.retries) {
        (_, None) => 3,
        (Some(retries), _) if retries >= 1.0 => whole(retries) + 1,
        _ => 1,
    };
    let delay = number(job, step.task.delay.as_ref(), scope).unwrap_or(5.0).max(0.0);
    for tried in 1..=limit {
        let mut ended = attempt().await?;
        ended.judged.result.insert("attempts".into(), tried.into());
        let done = match until_holds(step, &job.engine, scope, &ended.judged.result) {
            Ok(holds) if step.task.until.is_some() => holds,
            Ok(_) => !ended.judged.failed(),
            Err(error) => return Ok(failed(job, &error)),
        };
        if done || job.options.check {
            return Ok(ended);
        }
        if tried == limit || job.options.interrupt.is_cancelled() {
            let message = ended.judged.result.get("msg").and_then(Value::as_str);
            let message = message.filter(|message| !message.is_empty());
            let message = message.unwrap_or("`until` did not come to hold").to_owned();
            // Ansible counts the retries here, not the first attempt.
            ended.judged.result.insert("attempts".into(), tried.saturating_sub(1).into());
            ended.judged = Judged::failure(message, ended.judged.result);
            return Ok(ended);
        }
        tokio::time::sleep(Duration::from_secs_f64(delay)).await;
    }
    Ok(Attempt { judged: Judged::skipped("no attempt was made"), diffs: vec![] })
}

/// A keyword that is a number.
fn number(job: &Job, keyword: Option<&Spanned<Value>>, scope: &Scope) -> Option<f64> {
    match job.engine.render(&keyword?.value, scope) {
        Ok(Value::Number(n)) => n.as_f64(),
        Ok(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of retries, 1 or more; absurd ones saturate"
)]
fn whole(number: f64) -> u32 {
    number.min(f64::from(u32::MAX - 1)) as u32
}

pub(super) fn failed(job: &Job, error: &crate::plan::BindError) -> Attempt {
    let message = format!("{}{error}", located(&job.sources, error.span));
    Attempt { judged: Judged::failure(message, Map::new()), diffs: vec![] }
}
