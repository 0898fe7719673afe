//! Differences between what came of a case on both sides, one line each.

use crate::compat::case::Case;
use crate::compat::seen::{Counts, Run, Seen, Step};
use crate::compat::tree::Tree;
use serde_json::Value;
use std::collections::BTreeSet;

/// Every difference; runs are named when there are several.
pub(super) fn differences(theirs: &Seen, ours: &Seen) -> Vec<String> {
    let mut out = vec![];
    let several = theirs.runs.len() > 1;
    let mut refused = false;
    for (number, (theirs, ours)) in theirs.runs.iter().zip(&ours.runs).enumerate() {
        let found = of_run(theirs, ours);
        refused |= theirs.exit != ours.exit && (theirs.exit == "refused" || ours.exit == "refused");
        let name = if several { format!("run {}: ", number + 1) } else { String::new() };
        out.extend(found.into_iter().map(|line| format!("{name}{line}")));
    }
    // Of a run that only one side began, nothing more can be compared.
    if !refused {
        out.extend(of_trees(&theirs.tree, &ours.tree));
    }
    out
}

fn of_run(theirs: &Run, ours: &Run) -> Vec<String> {
    let mut out = vec![];
    if theirs.exit != ours.exit {
        let why = match ours.exit.as_str() {
            "refused" => {
                let error = ours.said.lines().find(|line| line.starts_with("error"));
                format!(": {}", error.unwrap_or_default())
            }
            _ => String::new(),
        };
        out.push(format!("exit: ansible {}, cowhand {}{why}", theirs.exit, ours.exit));
        if theirs.exit == "refused" || ours.exit == "refused" {
            return out;
        }
    }
    let hosts: BTreeSet<_> = theirs.counts.keys().chain(ours.counts.keys()).collect();
    for host in hosts {
        let told = |run: &Run| run.counts.get(host).map(told).unwrap_or_default();
        if told(theirs) != told(ours) {
            let (theirs, ours) = (told(theirs), told(ours));
            out.push(format!("counts of {host}: ansible {theirs}, cowhand {ours}"));
        }
    }
    let hosts: BTreeSet<_> = theirs.steps.keys().chain(ours.steps.keys()).collect();
    for host in hosts {
        let none = vec![];
        let (theirs, ours) = (theirs.steps.get(host), ours.steps.get(host));
        out.extend(of_steps(host, theirs.unwrap_or(&none), ours.unwrap_or(&none)));
    }
    out
}

/// Counters that are not 0.
fn told(counts: &Counts) -> String {
    let counted = counts.iter().filter(|(_, count)| **count > 0);
    counted.map(|(name, count)| format!("{name}={count}")).collect::<Vec<_>>().join(" ")
}

fn of_steps(host: &str, theirs: &[Step], ours: &[Step]) -> Vec<String> {
    let mut out = vec![];
    for at in 0..theirs.len().max(ours.len()) {
        let place = format!("{host} #{}", at + 1);
        match (theirs.get(at), ours.get(at)) {
            (Some(a), Some(b)) if a.task != b.task => {
                // What follows is shifted: telling it all would hide where it began.
                out.push(format!("{place}: ansible runs `{}`, cowhand `{}`", a.task, b.task));
                return out;
            }
            (Some(a), Some(b)) => {
                let name = &a.task;
                if a.outcome != b.outcome {
                    let (a, b) = (&a.outcome, &b.outcome);
                    out.push(format!("{place} `{name}`: ansible {a}, cowhand {b}"));
                }
                // Messages of errors are each side's own.
                let failed = matches!(a.outcome.as_str(), "failed" | "ignored");
                if a.outcome == b.outcome && !failed && !a.shown.is_null() {
                    of_values(&format!("{place} `{name}`"), &a.shown, &b.shown, &mut out);
                }
            }
            (Some(a), None) => out.push(format!("{place} `{}`: ansible alone", a.task)),
            (None, Some(b)) => out.push(format!("{place} `{}`: cowhand alone", b.task)),
            (None, None) => {}
        }
    }
    out
}

fn of_values(path: &str, theirs: &Value, ours: &Value, out: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let path = format!("{path}.{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => of_values(&path, a, b, out),
                    (Some(a), None) => out.push(format!("{path}: ansible alone has {a}")),
                    (None, Some(b)) => out.push(format!("{path}: cowhand alone has {b}")),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                of_values(&format!("{path}[{at}]"), a, b, out);
            }
        }
        (a, b) if a != b => out.push(format!("{path}: ansible {a}, cowhand {b}")),
        _ => {}
    }
}

fn of_trees(theirs: &Tree, ours: &Tree) -> Vec<String> {
    let paths: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    let told = |tree: &Tree, path: &String| tree.get(path).cloned().unwrap_or("nothing".into());
    let pairs = paths.into_iter().map(|path| (path, told(theirs, path), told(ours, path)));
    pairs
        .filter(|(_, theirs, ours)| theirs != ours)
        .map(|(path, theirs, ours)| format!("out/{path}: ansible {theirs}, cowhand {ours}"))
        .collect()
}

/// Tells of a case whose differences are not those that are meant.
pub(super) fn print(case: &Case, found: &[String]) {
    if let Some(known) = &case.known {
        println!("  {}: {}:", if known.meant { "meant" } else { "missing" }, known.reason);
        known.lines.iter().for_each(|line| println!("    {line}"));
        println!("  found:");
    }
    if found.is_empty() {
        println!("    no difference");
    }
    found.iter().for_each(|line| println!("    {line}"));
}

/// What a side said, for whoever looks into a difference.
pub(super) fn print_said(side: &str, seen: &Seen) {
    for run in &seen.runs {
        run.said.lines().for_each(|line| println!("    {side}: {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(task: &str, outcome: &str, shown: Value) -> Step {
        Step { task: task.into(), outcome: outcome.into(), shown }
    }

    #[test]
    fn outcomes_and_shown_values_are_compared_at_their_place() {
        let theirs = [step("t", "ok", json!({"msg": {"a": 1}})), step("u", "ok", Value::Null)];
        let ours = [step("t", "ok", json!({"msg": {"a": 2}})), step("u", "changed", Value::Null)];
        assert_eq!(
            of_steps("h", &theirs, &ours),
            ["h #1 `t`.msg.a: ansible 1, cowhand 2", "h #2 `u`: ansible ok, cowhand changed"]
        );
    }

    #[test]
    fn another_task_ends_the_comparison_of_a_host() {
        let theirs = [step("t", "ok", Value::Null), step("u", "ok", Value::Null)];
        let ours = [step("x", "ok", Value::Null)];
        assert_eq!(of_steps("h", &theirs, &ours), ["h #1: ansible runs `t`, cowhand `x`"]);
    }

    #[test]
    fn a_file_that_one_side_alone_has_is_a_difference() {
        let tree = Tree::from([("f".to_owned(), "a file".to_owned())]);
        assert_eq!(of_trees(&tree, &Tree::new()), ["out/f: ansible a file, cowhand nothing"]);
    }
}
