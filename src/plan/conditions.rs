//! Conditions: whether all of a list hold, and which does not.
use super::bind::BindError;
use super::steps::Context;
use crate::source::Spanned;
use crate::vars::{Engine, Scope};
use serde_json::Value;

/// Whether all of `when` holds, and which condition does not.
///
/// # Errors
/// Conditions that fail.
pub fn when_holds(
    context: &Context,
    engine: &Engine,
    scope: &Scope,
) -> Result<Result<(), String>, BindError> {
    conditions("when", &context.keywords.when, engine, scope)
}

/// Whether a list of conditions holds, and which does not.
///
/// # Errors
/// Conditions that fail.
pub fn conditions(
    keyword: &str,
    list: &[Spanned<Value>],
    engine: &Engine,
    scope: &Scope,
) -> Result<Result<(), String>, BindError> {
    for condition in list {
        let holds = engine.holds(&condition.value, scope);
        if !holds.map_err(|e| BindError::keyword(keyword, (e, Some(condition.span))))? {
            return Ok(Err(match &condition.value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }));
        }
    }
    Ok(Ok(()))
}
