//! `when`, `changed_when`, `until` …: a condition is a boolean, or text with an expression that gives one.
use super::engine::Engine;
use super::{Scope, TemplateError, native, syntax};
use serde_json::Value;

impl Engine {
    /// Whether a condition (boolean, or text with an expression) holds. As ansible-core 2.19:
    /// what is not boolean is an error.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn holds(&self, condition: &Value, scope: &Scope) -> Result<bool, TemplateError> {
        let expression = match condition {
            Value::Bool(is) => return Ok(*is),
            Value::String(text) => text,
            other => return Err(not_boolean(other, None)),
        };
        refuse_braces(expression)?;
        match self.evaluate(expression, scope)? {
            Value::Bool(is) => Ok(is),
            other => Err(not_boolean(&other, Some(expression))),
        }
    }
    /// Whether a condition can be compiled; for lint, without variables.
    ///
    /// # Errors
    /// [`TemplateError::Broken`].
    pub fn check_condition(&self, condition: &Value) -> Result<(), TemplateError> {
        match condition {
            Value::Bool(_) => Ok(()),
            Value::String(text) => {
                refuse_braces(text)?;
                self.check_expression(text)
            }
            other => Err(not_boolean(other, None)),
        }
    }
}

fn refuse_braces(text: &str) -> Result<(), TemplateError> {
    if text.trim().is_empty() {
        return Err(TemplateError::broken("the condition is empty; write `true` or leave it out"));
    }
    match syntax::lone_expression(text.trim()) {
        Some(inner) => Err(TemplateError::broken(format!(
            "a condition is an expression already; write `{inner}` without the braces"
        ))),
        None if text.trim_start().starts_with("{%") || text.contains("{{") => {
            Err(TemplateError::broken(
                "a condition is an expression already; name the variable without `{{ }}` (join texts with `~`)",
            ))
        }
        None => Ok(()),
    }
}

fn not_boolean(value: &Value, expression: Option<&str>) -> TemplateError {
    let kind = native::type_name(&native::from_json(value));
    let help = match (value, expression) {
        (Value::String(_), Some(text)) => format!("; write `{text} | bool`, or compare it"),
        (Value::Array(_) | Value::Object(_), Some(text)) => {
            format!("; write `{text} | length > 0`")
        }
        (Value::Null, Some(text)) => format!("; write `{text} is not none`"),
        (Value::Number(_), Some(text)) => format!("; write `{text} != 0`"),
        _ => String::new(),
    };
    TemplateError::broken(format!("conditional result was of type {kind}, must be boolean{help}"))
}
