//! Whether a file that a task is about to write was changed by somebody else since a run of ours wrote it. A
//! task mostly cares for a part of a file alone, and nobody notes which. So it is asked: what it would have
//! to change in what our run left then, and in what is there now. Where that is the same, its part is as
//! our run left it, and it is we who want something else now.
use super::Invocation;
use crate::change::{Attributes, Change};
use crate::event::{Damage, Edit};
use crate::facts::{Bytes, Observed, Written};
use similar::{Algorithm, DiffTag, capture_diff_slices};
use std::collections::BTreeSet;

/// What is at a path, as far as it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// This.
    File(Bytes),
    /// A file that no task has read, or no file.
    Other,
}

/// What became of a file since `written`: `then` is what our run left, where that was kept, `found` what is
/// there now, which is not the same. `None`: nothing that the task cares for.
pub fn edited(
    call: &Invocation,
    seen: &Observed,
    written: &Written,
    then: Option<&Bytes>,
    found: &Found,
) -> Option<Edit> {
    let edit = |damage, ours, theirs| {
        let Written { run, at, path, .. } = written.clone();
        Some(Edit { path, run, at, damage, instead_of: None, ours, theirs })
    };
    let now = match (found, then) {
        (Found::Nothing, _) => return edit(Damage::FileLost, vec![], vec![]),
        // Who has not read the file writes all of it.
        (Found::Other, _) => return edit(Damage::Changed, vec![], vec![]),
        // Which part of it was changed can't be told.
        (Found::File(_), None) => return None,
        (Found::File(now), Some(_)) => now,
    };
    let then = then?;
    let (missing_then, missing) =
        (Patch::of(call, seen, &written.path, then)?, Patch::of(call, seen, &written.path, now)?);
    if missing_then == missing {
        return None;
    }
    // How lines are indented is the module's word, each time anew.
    let left: BTreeSet<Vec<u8>> =
        lines(then).iter().map(|line| line.trim_ascii().to_vec()).collect();
    let is_ours = |line: &&Vec<u8>| left.contains(line.trim_ascii());
    let text = |line: &Vec<u8>| String::from_utf8_lossy(line).into_owned();
    let ours = missing.puts.iter().filter(is_ours).map(text).collect();
    let foreign = missing.takes.iter().filter(|line| !is_ours(line));
    let theirs: Vec<String> = foreign.map(text).collect();
    let lost = theirs.is_empty() && !missing.puts.is_empty();
    edit(if lost { Damage::LinesLost } else { Damage::Changed }, ours, theirs)
}

/// A file counts that no run of ours has written, in the place of one that a run has: `written`.
pub fn switched(path: &str, written: &Written) -> Edit {
    let Written { run, at, path: other, .. } = written.clone();
    let (path, instead_of) = (path.to_owned(), Some(other));
    Edit { path, run, at, damage: Damage::Switched, instead_of, ours: vec![], theirs: vec![] }
}

/// What a task has to change in a file, in the order of its lines. Ends of lines do not count: Mailcow
/// strips the last ones.
#[derive(PartialEq, Eq)]
struct Patch {
    takes: Vec<Vec<u8>>,
    puts: Vec<Vec<u8>>,
}

impl Patch {
    /// `None`: the task would not have such a file.
    fn of(call: &Invocation, seen: &Observed, path: &str, content: &Bytes) -> Option<Self> {
        let mut seen = seen.clone();
        let as_if = Change::WriteFile {
            path: path.to_owned(),
            content: content.clone(),
            attributes: Attributes::default(),
            validate: None,
            backup: None,
            before: None,
            secret: true,
        };
        as_if.predict(&mut seen);
        let changes = (call.module.plan)(&call.params, &seen).ok()?;
        let wanted = changes.iter().find_map(|change| match change {
            Change::WriteFile { path: written, content, .. } if written == path => Some(content),
            _ => None,
        });
        let (old, new) = (lines(content), lines(wanted.unwrap_or(content)));
        let mut patch = Self { takes: vec![], puts: vec![] };
        for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
            if op.tag() != DiffTag::Equal {
                patch.takes.extend_from_slice(&old[op.old_range()]);
                patch.puts.extend_from_slice(&new[op.new_range()]);
            }
        }
        Some(patch)
    }
}

fn lines(content: &Bytes) -> Vec<Vec<u8>> {
    let end = content.0.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |last| last + 1);
    let lines = content.0[..end].split(|byte| *byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec()).collect()
}

#[cfg(test)]
mod tests;
