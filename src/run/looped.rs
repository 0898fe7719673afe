//! A task's loop on one host: its items one after the other, and what is told of each.
use super::attempt::Attempt;
use super::emit;
use super::host::{HostRun, facts_of};
use super::play::PlayWorld;
use super::task::{Part, censor, failed, once, rendered_name};
use super::terms::hidden;
use crate::event::{Event, Outcome};
use crate::plan::{BindError, Judged, TaskStep, breaks, loop_items, summary, when_holds};
use crate::playbook::Loop;
use crate::secret::REDACTED;
use crate::transport::{Connect, TransportError};
use crate::vars::{Layer, Scope, Trust};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) async fn looped<C: Connect>(
    world: &PlayWorld,
    (host, others): (&mut HostRun<C>, &mut Vec<HostRun<C>>),
    step: &TaskStep,
    repeat: &Loop,
    scope: &Scope,
    part: Part,
) -> Result<Attempt, TransportError> {
    let engine = &world.job.engine;
    let items = match loop_items(repeat, engine, scope) {
        Ok(items) => items,
        Err(error) => {
            // A false condition that does not depend on the item spares a loop that can't be made.
            if let Ok(Err(condition)) = when_holds(&step.context, engine, scope) {
                return Ok(Attempt { judged: Judged::skipped(condition), diffs: vec![] });
            }
            let span = Some(repeat.over.span);
            return Ok(failed(&world.job, &BindError::keyword("loop", (error, span))));
        }
    };
    if items.is_empty() {
        let mut judged = Judged::skipped("no items");
        judged.result = summary(vec![]);
        judged.result.remove("msg");
        judged.result.insert("skipped".into(), true.into());
        judged.result.insert("skipped_reason".into(), "No items in the list".into());
        return Ok(Attempt { judged, diffs: vec![] });
    }
    let mut ends: Vec<Attempt> = vec![];
    // What `set_fact` has set, the next item sees.
    let mut scope = scope.clone();
    for (index, item) in items.iter().enumerate() {
        let layer = item_layer(repeat, &items, index);
        let about = layer.values.clone();
        let outer = &mut scope;
        let scope = outer.with(layer);
        let mut ended = once(world, host, others, step, &scope, part).await?;
        ended.judged.result.extend(about);
        if step.task.module.name == "set_fact" {
            let values = facts_of(&ended.judged.result);
            let (origin, places) = ("set_fact".to_owned(), BTreeMap::new());
            *outer = outer.with(Layer { origin, trust: Trust::Data, values, places });
        }
        tell_item(world, host, step, &scope, label(world, repeat, &scope, item), &ended);
        let last = breaks(step, repeat, engine, &scope, &ended.judged.result);
        ends.push(ended);
        match last {
            Ok(true) => break,
            Ok(false) => {}
            Err(error) => return Ok(failed(&world.job, &error)),
        }
        if let Some(pause) = &repeat.pause
            && index + 1 < items.len()
            && let Ok(Value::Number(seconds)) = engine.render(&pause.value, &scope)
        {
            let seconds = seconds.as_f64().unwrap_or(0.0).max(0.0);
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        }
    }
    Ok(sum(ends))
}

/// The variables of one item.
pub(super) fn item_layer(repeat: &Loop, items: &[Value], index: usize) -> Layer {
    let mut values = Map::new();
    values.insert(repeat.variable.clone(), items[index].clone());
    values.insert("ansible_loop_var".into(), repeat.variable.clone().into());
    if let Some(name) = &repeat.index {
        values.insert(name.clone(), index.into());
        values.insert("ansible_index_var".into(), name.clone().into());
    }
    if repeat.extended {
        let mut extended = json!({
            "index": index + 1,
            "index0": index,
            "first": index == 0,
            "last": index + 1 == items.len(),
            "length": items.len(),
            "revindex": items.len() - index,
            "revindex0": items.len() - index - 1,
        });
        if repeat.all_items {
            extended["allitems"] = items.into();
        }
        if let Some(next) = items.get(index + 1) {
            extended["nextitem"] = next.clone();
        }
        if let Some(previous) = index.checked_sub(1) {
            extended["previtem"] = items[previous].clone();
        }
        values.insert("ansible_loop".into(), extended);
    }
    Layer { origin: "loop".into(), trust: Trust::Data, values, places: BTreeMap::new() }
}

fn label(world: &PlayWorld, repeat: &Loop, scope: &Scope, item: &Value) -> String {
    let shown = match &repeat.label {
        Some(label) => world.job.engine.render(&label.value, scope).unwrap_or(Value::Null),
        None => item.clone(),
    };
    match shown {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn tell_item<C: Connect>(
    world: &PlayWorld,
    host: &HostRun<C>,
    step: &TaskStep,
    scope: &Scope,
    item: String,
    ended: &Attempt,
) {
    let hidden = hidden(world, step, scope);
    let (outcome, result) = censor(hidden, ended.judged.clone());
    emit(
        &world.events,
        Event::ItemFinished {
            host: host.name.clone(),
            task: rendered_name(world, step, scope),
            item: if hidden { REDACTED.to_owned() } else { item },
            outcome,
            diffs: if hidden { vec![] } else { ended.diffs.clone() },
            result,
        },
    );
}

/// A loop's end, from the ends of its items.
fn sum(ends: Vec<Attempt>) -> Attempt {
    let worst = |outcome: &Outcome| match outcome {
        Outcome::Skipped { .. } => 0,
        Outcome::Ok => 1,
        Outcome::Unknown { .. } => 2,
        Outcome::WouldChange | Outcome::Changed => 3,
        Outcome::Failed { .. } => 4,
    };
    let outcome = (ends.iter().map(|ended| &ended.judged.outcome))
        .max_by_key(|outcome| worst(outcome))
        .cloned()
        .unwrap_or(Outcome::Ok);
    let results = ends.into_iter().map(|ended| ended.judged.result).collect();
    // The items have shown their diffs already.
    Attempt { judged: Judged { outcome, result: summary(results) }, diffs: vec![] }
}
