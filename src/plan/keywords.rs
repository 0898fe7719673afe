//! Keywords as they hold at a task: inner ones win, conditions and tags add up.
use crate::playbook::{Keywords, Rare};
use crate::source::{Span, Spanned};
use crate::vars::{Engine, Scope, TemplateError};
use serde_json::Value;

/// The keywords of something inside something else.
pub fn inherit(outer: &Keywords, inner: &Keywords) -> Keywords {
    let both = |outer: &[Spanned<Value>], inner: &[Spanned<Value>]| {
        outer.iter().chain(inner).cloned().collect::<Vec<_>>()
    };
    let nearest = |inner: &Option<Spanned<Value>>, outer: &Option<Spanned<Value>>| {
        inner.clone().or_else(|| outer.clone())
    };
    let rare = |inner: &Rare, outer: &Rare| inner.clone().or_else(|| outer.clone());
    Keywords {
        name: inner.name.clone(),
        when: both(&outer.when, &inner.when),
        vars: inner.vars.clone(),
        tags: both(&outer.tags, &inner.tags),
        escalate: nearest(&inner.escalate, &outer.escalate),
        become_user: nearest(&inner.become_user, &outer.become_user),
        become_method: nearest(&inner.become_method, &outer.become_method),
        become_exe: rare(&inner.become_exe, &outer.become_exe),
        become_flags: rare(&inner.become_flags, &outer.become_flags),
        check_mode: nearest(&inner.check_mode, &outer.check_mode),
        diff: nearest(&inner.diff, &outer.diff),
        no_log: nearest(&inner.no_log, &outer.no_log),
        ignore_errors: nearest(&inner.ignore_errors, &outer.ignore_errors),
        ignore_unreachable: nearest(&inner.ignore_unreachable, &outer.ignore_unreachable),
        any_errors_fatal: nearest(&inner.any_errors_fatal, &outer.any_errors_fatal),
        environment: both(&outer.environment, &inner.environment),
        run_once: nearest(&inner.run_once, &outer.run_once),
        remote_user: nearest(&inner.remote_user, &outer.remote_user),
        port: rare(&inner.port, &outer.port),
        connection: rare(&inner.connection, &outer.connection),
        delegate_to: rare(&inner.delegate_to, &outer.delegate_to),
        delegate_facts: rare(&inner.delegate_facts, &outer.delegate_facts),
        throttle: rare(&inner.throttle, &outer.throttle),
        timeout: rare(&inner.timeout, &outer.timeout),
        risk: inner.risk.or(outer.risk),
        notify: if inner.notify.is_empty() { &outer.notify } else { &inner.notify }.clone(),
        module_defaults: (outer.module_defaults.iter())
            .chain(&inner.module_defaults)
            .cloned()
            .collect(),
    }
}

/// A keyword that is true or false, with Ansible's words for both.
///
/// # Errors
/// A template that fails, or text that is neither.
pub fn flag(
    keyword: Option<&Spanned<Value>>,
    default: bool,
    engine: &Engine,
    scope: &Scope,
) -> Result<bool, (TemplateError, Option<Span>)> {
    let Some(keyword) = keyword else { return Ok(default) };
    let value = engine.render(&keyword.value, scope).map_err(|e| (e, Some(keyword.span)))?;
    truth(&value).ok_or_else(|| {
        let message = format!("{value} is neither true nor false");
        (TemplateError::Broken { message, line: None }, Some(keyword.span))
    })
}

/// What Ansible takes for true and false where a boolean is expected.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::Null => Some(false),
        Value::Number(n) if n.as_i64() == Some(1) => Some(true),
        Value::Number(n) if n.as_i64() == Some(0) => Some(false),
        Value::String(text) => match text.to_lowercase().as_str() {
            "yes" | "true" | "on" | "y" | "t" | "1" => Some(true),
            "no" | "false" | "off" | "n" | "f" | "0" | "" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A keyword that is text.
///
/// # Errors
/// A template that fails.
pub fn text(
    keyword: Option<&Spanned<Value>>,
    engine: &Engine,
    scope: &Scope,
) -> Result<Option<String>, (TemplateError, Option<Span>)> {
    let Some(keyword) = keyword else { return Ok(None) };
    let value = engine.render(&keyword.value, scope).map_err(|e| (e, Some(keyword.span)))?;
    Ok(Some(match value {
        Value::String(text) => text,
        other => other.to_string(),
    }))
}
