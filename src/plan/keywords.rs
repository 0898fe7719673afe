//! Keywords as they hold at a task: inner ones win, conditions and tags add up.
use crate::playbook::Keywords;
use crate::secret::Secret;
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
    Keywords {
        name: inner.name.clone(),
        when: both(&outer.when, &inner.when),
        vars: inner.vars.clone(),
        tags: both(&outer.tags, &inner.tags),
        escalate: nearest(&inner.escalate, &outer.escalate),
        become_user: nearest(&inner.become_user, &outer.become_user),
        become_method: nearest(&inner.become_method, &outer.become_method),
        check_mode: nearest(&inner.check_mode, &outer.check_mode),
        diff: nearest(&inner.diff, &outer.diff),
        no_log: nearest(&inner.no_log, &outer.no_log),
        ignore_errors: nearest(&inner.ignore_errors, &outer.ignore_errors),
        ignore_unreachable: nearest(&inner.ignore_unreachable, &outer.ignore_unreachable),
        any_errors_fatal: nearest(&inner.any_errors_fatal, &outer.any_errors_fatal),
        environment: both(&outer.environment, &inner.environment),
        run_once: nearest(&inner.run_once, &outer.run_once),
        remote_user: nearest(&inner.remote_user, &outer.remote_user),
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
fn truth(value: &Value) -> Option<bool> {
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

/// Whom a task becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalate {
    /// The user to become.
    pub user: String,
    /// `ansible_become_password`, if there is one.
    pub password: Option<Secret<String>>,
}

/// Whether and whom a task becomes: its keywords, then `ansible_become*` of the host, which win.
///
/// # Errors
/// Templates that fail; a method other than `sudo`.
pub fn escalate(
    keywords: &Keywords,
    engine: &Engine,
    scope: &Scope,
) -> Result<Option<Escalate>, (TemplateError, Option<Span>)> {
    let variable = |names: &[&str]| {
        let name = names.iter().find(|name| scope.get(name).is_some())?;
        Some(engine.evaluate(name, scope).map_err(|e| (e, None)))
    };
    let wanted = match variable(&["ansible_become"]).transpose()? {
        Some(value) => truth(&value).unwrap_or(false),
        None => flag(keywords.escalate.as_ref(), false, engine, scope)?,
    };
    if !wanted {
        return Ok(None);
    }
    let plain = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let method = match variable(&["ansible_become_method"]).transpose()? {
        Some(value) => Some(plain(value)),
        None => text(keywords.become_method.as_ref(), engine, scope)?,
    };
    if let Some(method) = method.filter(|method| method != "sudo") {
        let message = format!("become_method `{method}` is not supported; only sudo is");
        let span = keywords.become_method.as_ref().map(|keyword| keyword.span);
        return Err((TemplateError::Broken { message, line: None }, span));
    }
    let user = match variable(&["ansible_become_user"]).transpose()? {
        Some(value) => plain(value),
        None => text(keywords.become_user.as_ref(), engine, scope)?.unwrap_or("root".into()),
    };
    let names = ["ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"];
    let password = variable(&names).transpose()?.map(plain).map(Secret::new);
    Ok(Some(Escalate { user, password }))
}
