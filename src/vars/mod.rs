//! Variables and templates: which value a name has, and what a template makes of it.
//! Text that came from a server is data: a layer of [`Trust::Data`] is never evaluated.
//! Pure: whatever lookups see of the world they ask a [`Machine`] for, which is handed in.
//!
//! The language is Jinja as ansible-core 2.19 speaks it: a variable is rendered when it is used; a text
//! that is one lone `{{ … }}` has the type of its expression; what is undefined is an error unless
//! `default` or `is defined` asks; `omit` takes the parameter away that it is the value of.
//! Filters, tests and lookups are tables ([`filters()`], [`tests()`], [`lookups()`]), from which documentation
//! and suggestions come; a name that is not there is refused when the template is compiled.
mod backslash;
mod call;
mod checks;
mod checks_outside;
mod condition;
mod engine;
mod file;
mod filters;
mod functions;
mod hostvars;
mod lookups;
mod machine;
mod native;
mod scope;
mod session;
mod syntax;
#[cfg(test)]
mod tests;
mod twister;
mod version;
mod yaml_text;

pub use engine::{Engine, Files};
pub use file::FileOptions;
pub use machine::{About, Machine, PathKind};
pub use scope::{Hosts, Layer, Scope, Trust};

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

impl TemplateError {
    /// Wrong as a whole, at no line in particular.
    fn broken(message: impl Into<String>) -> Self {
        Self::Broken { message: message.into(), line: None }
    }
}

/// What there is to know about a filter, test or lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// One line.
    pub doc: &'static str,
    /// An expression that uses it.
    pub example: &'static str,
}

/// Every filter, aliases included.
pub fn filters() -> impl Iterator<Item = Described> {
    filters::entries().flat_map(call::Entry::described)
}

/// Every test (`is …`), aliases included.
pub fn tests() -> impl Iterator<Item = Described> {
    check_entries().flat_map(call::Entry::described)
}

fn check_entries() -> impl Iterator<Item = &'static call::Entry> {
    checks::ENTRIES.iter().chain(&checks_outside::ENTRIES)
}

/// Every lookup, as `lookup(…)`, `query(…)` and `with_…` know them.
pub fn lookups() -> impl Iterator<Item = Described> {
    lookups::ENTRIES.iter().map(|entry| Described {
        name: entry.name,
        doc: entry.doc,
        example: entry.example,
    })
}
