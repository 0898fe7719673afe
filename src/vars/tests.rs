//! What the language does, as a table of expressions with their results, and what it must never do.
mod language;
mod meaning;
