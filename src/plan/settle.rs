//! Settle: what the attempt at a task amounts to, and what `register` gets.
use super::bind::BindError;
use super::conditions::conditions;
use super::steps::TaskStep;
use crate::change::{Change, Here, Ran};
use crate::event::Outcome;
use crate::playbook::Loop;
use crate::vars::{Engine, Layer, Scope, TemplateError, Trust};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The end of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// For events and exit codes.
    pub outcome: Outcome,
    /// For `register`.
    pub result: Map<String, Value>,
}

impl Judged {
    /// Whether handlers are notified.
    pub fn changed(&self) -> bool {
        matches!(self.outcome, Outcome::Changed | Outcome::WouldChange)
    }
    /// Whether it failed and that matters (so far).
    pub fn failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed { .. })
    }
    /// A failure with a message.
    pub fn failure(message: impl Into<String>, mut result: Map<String, Value>) -> Self {
        let message = message.into();
        result.insert("failed".into(), true.into());
        result.entry("changed").or_insert(false.into());
        result.entry("msg").or_insert_with(|| message.clone().into());
        Self { outcome: Outcome::Failed { message, ignored: false, rescued: false }, result }
    }
    /// Not run.
    pub fn skipped(why: impl Into<String>) -> Self {
        let why = why.into();
        let mut result = Map::new();
        result.insert("changed".into(), false.into());
        result.insert("skipped".into(), true.into());
        result.insert("skip_reason".into(), "Conditional result was False".into());
        result.insert("false_condition".into(), why.clone().into());
        Self { outcome: Outcome::Skipped { why }, result }
    }
}

/// What the changes of a task will amount to, when nothing is to be touched.
pub fn forecast(changes: &[Change]) -> Outcome {
    let unknown = changes.iter().find(|change| !change.predictable());
    match (unknown, changes.is_empty()) {
        (Some(Change::Wait(_) | Change::Here(Here::Pause(_) | Here::Meet(_))), _) => {
            Outcome::Skipped { why: "check mode waits for nothing".into() }
        }
        (Some(Change::Request(_) | Change::Download(_)), _) => Outcome::Unknown {
            why: "a web server would be asked, and its answer can't be told beforehand".into(),
        },
        (Some(_), _) => Outcome::Unknown {
            why: "a command would run, and what it changes can't be told beforehand".into(),
        },
        (None, true) => Outcome::Ok,
        (None, false) => Outcome::WouldChange,
    }
}

/// The end of an attempt that was made: the module's word, the commands' ends, then `changed_when`
/// and `failed_when`, which may look at the result under the name of `register`.
///
/// # Errors
/// Conditions that fail.
pub fn settle(
    step: &TaskStep,
    engine: &Engine,
    scope: &Scope,
    outcome: Outcome,
    mut result: Map<String, Value>,
    ran: &[Ran],
) -> Result<Judged, BindError> {
    let word = |result: &Map<String, Value>, name: &str| result.get(name).and_then(Value::as_bool);
    let tried = matches!(outcome, Outcome::Changed);
    let mut changed = word(&result, "changed")
        .unwrap_or(matches!(outcome, Outcome::Changed | Outcome::WouldChange));
    let broken = ran.last().filter(|last| last.rc != 0);
    let mut failed = word(&result, "failed").unwrap_or(broken.is_some());
    if let (Some(last), true) = (broken, failed) {
        let said = last.stderr.text();
        let said = if said.trim().is_empty() { last.stdout.text() } else { said };
        let said = said.trim().to_owned();
        let message = if said.is_empty() { format!("ended with status {}", last.rc) } else { said };
        // What a module says of its success is no message of a failure that it did not see.
        if word(&result, "failed").is_none() {
            result.insert("msg".into(), message.into());
        } else {
            result.entry("msg").or_insert(message.into());
        }
        result.entry("rc").or_insert(last.rc.into());
    }
    let skipped = word(&result, "skipped").unwrap_or(false);
    if matches!(outcome, Outcome::Skipped { .. }) {
        result.insert("skipped".into(), true.into());
    }
    result.insert("changed".into(), changed.into());
    result.insert("failed".into(), failed.into());
    let unknown = matches!(outcome, Outcome::Unknown { .. });
    if !unknown && !skipped {
        let seen = registered(step, scope, &result);
        if let Some(list) = &step.task.changed_when {
            changed = conditions("changed_when", list, engine, &seen)?.is_ok();
            result.insert("changed".into(), changed.into());
        }
        if let Some(list) = &step.task.failed_when {
            let seen = registered(step, scope, &result);
            failed = conditions("failed_when", list, engine, &seen)?.is_ok();
            result.insert("failed".into(), failed.into());
            result.insert("failed_when_result".into(), failed.into());
        }
    }
    let outcome = if failed {
        let message = match result.get("msg") {
            Some(Value::String(text)) if !text.is_empty() => with_last_words(text, &result),
            Some(other) if !other.is_string() => other.to_string(),
            _ => "failed_when holds".into(),
        };
        Outcome::Failed { message, ignored: false, rescued: false }
    } else if skipped {
        let why = result.get("msg").and_then(Value::as_str).unwrap_or("nothing to do").to_owned();
        Outcome::Skipped { why }
    } else {
        match outcome {
            Outcome::Unknown { .. } | Outcome::Skipped { .. } => outcome,
            _ if !changed => Outcome::Ok,
            Outcome::WouldChange => Outcome::WouldChange,
            _ if tried => Outcome::Changed,
            Outcome::Ok => Outcome::Changed,
            other => other,
        }
    };
    Ok(Judged { outcome, result })
}

/// The message of a command that failed says no more than that: what it complained of says why.
fn with_last_words(message: &str, result: &Map<String, Value>) -> String {
    let said = result.get("stderr").and_then(Value::as_str).unwrap_or("");
    match (result.get("rc"), said.lines().last()) {
        (Some(rc), Some(said)) if !message.contains(said) => format!("{message} {rc}: {said}"),
        (Some(rc), None) if message == "non-zero return code" => format!("{message} {rc}"),
        _ => message.to_owned(),
    }
}

/// The scope in which `changed_when`, `failed_when` and `until` are decided.
pub(super) fn registered(step: &TaskStep, scope: &Scope, result: &Map<String, Value>) -> Scope {
    let mut values = Map::new();
    if let Some(name) = &step.task.register {
        values.insert(name.value.clone(), result.clone().into());
    }
    // Ansible lets these conditions name the result's keys through `register` alone.
    let origin = "the task's own result".to_owned();
    scope.with(Layer { origin, trust: Trust::Data, values, places: BTreeMap::new() })
}

/// Whether `until` holds for a result.
///
/// # Errors
/// Conditions that fail.
pub fn until_holds(
    step: &TaskStep,
    engine: &Engine,
    scope: &Scope,
    result: &Map<String, Value>,
) -> Result<bool, BindError> {
    let Some(until) = &step.task.until else { return Ok(true) };
    let seen = registered(step, scope, result);
    Ok(conditions("until", until, engine, &seen)?.is_ok())
}

/// Whether `break_when` lets a loop end with the item that had this result.
///
/// # Errors
/// Conditions that fail.
pub fn breaks(
    step: &TaskStep,
    repeat: &Loop,
    engine: &Engine,
    scope: &Scope,
    result: &Map<String, Value>,
) -> Result<bool, BindError> {
    if repeat.break_when.is_empty() {
        return Ok(false);
    }
    let seen = registered(step, scope, result);
    Ok(conditions("break_when", &repeat.break_when, engine, &seen)?.is_ok())
}

/// The items that a loop goes over.
///
/// # Errors
/// Templates that fail; what is not a list.
pub fn loop_items(
    repeat: &Loop,
    engine: &Engine,
    scope: &Scope,
) -> Result<Vec<Value>, TemplateError> {
    let over = engine.render(&repeat.over.value, scope)?;
    match (&repeat.lookup, over) {
        (Some(lookup), Value::Array(terms)) => engine.lookup(lookup, &terms, scope),
        (Some(lookup), term) => engine.lookup(lookup, &[term], scope),
        (None, Value::Array(items)) => Ok(items),
        (None, other) => Err(TemplateError::Broken {
            message: format!("`loop` takes a list, and this is {other}"),
            line: None,
        }),
    }
}

/// What `register` gets from a loop: every item's result, and the sum of them.
pub fn summary(results: Vec<Map<String, Value>>) -> Map<String, Value> {
    let any = |name: &str| results.iter().any(|r| r.get(name) == Some(&Value::Bool(true)));
    let all = |name: &str| {
        !results.is_empty() && results.iter().all(|r| r.get(name) == Some(&Value::Bool(true)))
    };
    let (changed, failed, skipped) = (any("changed"), any("failed"), all("skipped"));
    let mut out = Map::new();
    out.insert("changed".into(), changed.into());
    if failed {
        out.insert("failed".into(), true.into());
        out.insert("msg".into(), "One or more items failed".into());
    } else {
        let msg = if skipped { "All items skipped" } else { "All items completed" };
        out.insert("msg".into(), msg.into());
    }
    out.insert("skipped".into(), skipped.into());
    out.insert("results".into(), results.into_iter().map(Value::Object).collect());
    out
}
