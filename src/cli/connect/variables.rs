//! Connection variables of a host, as text.
use super::refused;
use crate::transport::TransportError;
use crate::vars::{Engine, Scope};
use serde_json::Value;

/// The connection variables of a host.
pub(super) struct Variables<'a> {
    pub(super) scope: Scope,
    pub(super) engine: &'a Engine,
}

impl Variables<'_> {
    /// A text, or a list of texts.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, TransportError> {
        if self.scope.get(name).is_none() {
            return Ok(vec![]);
        }
        let value = self.engine.evaluate(name, &self.scope);
        let wrong = || refused(format!("{name}: must be a text or a list of texts"));
        match value.map_err(|error| refused(format!("{name}: {error}")))? {
            Value::Null => Ok(vec![]),
            Value::String(text) => Ok(vec![text]),
            Value::Array(list) => (list.into_iter())
                .map(|entry| entry.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect(),
            _ => Err(wrong()),
        }
    }

    /// The first of the names that is set, as text.
    pub(super) fn text(&self, names: &[&str]) -> Result<Option<String>, TransportError> {
        let Some(name) = names.iter().find(|name| self.scope.get(name).is_some()) else {
            return Ok(None);
        };
        let value = self.engine.evaluate(name, &self.scope);
        let value = value.map_err(|error| refused(format!("{name}: {error}")))?;
        Ok(match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        })
    }
}
