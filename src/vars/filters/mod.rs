//! The filters, as tables by what they work on. A filter sees its arguments, and of the world only what it
//! asks the machine for.
mod address;
mod basic;
mod chance;
mod digest;
mod elapsed;
mod lists;
mod maps;
mod more;
mod password;
mod paths;
mod pattern;
mod select;
mod sets;
mod text;
mod time;
mod write;

pub(super) use elapsed::{Elapsed, minus};
pub(super) use lists::combinations;
pub(super) use maps::subelements;
pub(super) use pattern::{compile as compile_pattern, too_long};
pub(super) use time::{Moment, iso, plain, shown};

use super::call::Entry;

/// Every filter.
pub(super) fn entries() -> impl Iterator<Item = &'static Entry> {
    let tables: [&'static [Entry]; 15] = [
        &address::ENTRIES,
        &basic::ENTRIES,
        &chance::ENTRIES,
        &digest::ENTRIES,
        &lists::ENTRIES,
        &maps::ENTRIES,
        &more::ENTRIES,
        &password::ENTRIES,
        &paths::ENTRIES,
        &pattern::ENTRIES,
        &select::ENTRIES,
        &sets::ENTRIES,
        &text::ENTRIES,
        &time::ENTRIES,
        &write::ENTRIES,
    ];
    tables.into_iter().flatten()
}
