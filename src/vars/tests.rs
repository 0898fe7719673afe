//! What the language does, as a table of expressions with their results, and what it must never do.
mod bounds;
mod language;
mod meaning;
mod outside;
