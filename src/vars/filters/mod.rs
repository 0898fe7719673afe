//! The filters, as tables by what they work on. Pure: a filter sees its arguments and nothing else.
mod basic;
mod digest;
mod lists;
mod maps;
mod pattern;
mod select;
mod sets;
mod text;
mod write;

pub(super) use lists::combinations;
pub(super) use maps::subelements;
pub(super) use pattern::compile as compile_pattern;

use super::call::Entry;

/// Every filter.
pub(super) fn entries() -> impl Iterator<Item = &'static Entry> {
    let tables: [&'static [Entry]; 9] = [
        &basic::ENTRIES,
        &digest::ENTRIES,
        &lists::ENTRIES,
        &maps::ENTRIES,
        &pattern::ENTRIES,
        &select::ENTRIES,
        &sets::ENTRIES,
        &text::ENTRIES,
        &write::ENTRIES,
    ];
    tables.into_iter().flatten()
}
