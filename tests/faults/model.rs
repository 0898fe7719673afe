//! Any playbook, cut off anywhere: a part of a run and a whole one come to what a whole one comes to.
use crate::stage::{apply, host, job};
use cowhand::change::Change;
use cowhand::event::Event;
use cowhand::facts::{Fact, Observed, Probe};
use cowhand::transport::fake::Fake;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A task of a random playbook. Each has a path of its own.
#[derive(Clone, Debug)]
struct Task {
    kind: usize,
    notifies: BTreeSet<usize>,
    attributes: bool,
    in_block: bool,
}

const HANDLERS: usize = 3;

fn task() -> impl Strategy<Value = Task> {
    let notifies = prop::collection::btree_set(0..HANDLERS, 0..=HANDLERS);
    (0..5_usize, notifies, any::<bool>(), any::<bool>()).prop_map(
        |(kind, notifies, attributes, in_block)| Task { kind, notifies, attributes, in_block },
    )
}

/// A playbook of tasks, and whether handlers run in the middle of it.
fn playbook(tasks: &[Task], flush_behind: usize) -> String {
    let mut text = String::from("- hosts: all\n  gather_facts: false\n  tasks:\n");
    for (number, task) in tasks.iter().enumerate() {
        let path = format!("/etc/f{number}");
        let mode = if task.attributes { ", mode: '0600'" } else { "" };
        let call = match task.kind {
            0 => format!("copy: {{dest: {path}, content: \"new\\n\"{mode}}}"),
            1 => format!("lineinfile: {{path: {path}, line: new{mode}}}"),
            2 => format!("file: {{path: {path}, state: absent}}"),
            3 => format!("blockinfile: {{path: {path}, block: new{mode}}}"),
            _ => format!("copy: {{dest: {path}, content: \"{{{{ item }}}}\\n\"{mode}}}"),
        };
        let mut lines = vec![format!("- {call}")];
        if task.kind == 4 {
            lines.push("  loop: [first, last]".into());
        }
        if !task.notifies.is_empty() {
            let names: Vec<_> = task.notifies.iter().map(|n| format!("h{n}")).collect();
            lines.push(format!("  notify: [{}]", names.join(", ")));
        }
        let indent = if task.in_block {
            text += "    - block:\n";
            "        "
        } else {
            "    "
        };
        for line in lines {
            text += &[indent, &line, "\n"].concat();
        }
        if number == flush_behind {
            text += "    - meta: flush_handlers\n";
        }
    }
    text += "  handlers:\n";
    for handler in 0..HANDLERS {
        text += &["    - name: h", &handler.to_string(), "\n      command: run h"].concat();
        text += &[&handler.to_string(), "\n"].concat();
    }
    text
}

fn fresh(tasks: &[Task]) -> Fake {
    let paths: Vec<String> = (0..tasks.len()).map(|number| format!("/etc/f{number}")).collect();
    let files: Vec<_> = paths.iter().map(|path| (path.as_str(), "old\n")).collect();
    host(&files)
}

/// What is on the host: files, their attributes, what is owed.
fn state(host: &Fake) -> Vec<(Probe, Fact)> {
    let facts: Observed = host.facts();
    let told = facts.iter().filter(|(probe, _)| {
        matches!(probe, Probe::Path { .. } | Probe::Content { .. } | Probe::Owed)
    });
    told.map(|(probe, fact)| (probe.clone(), fact.clone())).collect()
}

/// Each handler ran behind the last change that notified it.
fn every_restart_was_made(tasks: &[Task], made: &[Change]) -> Result<(), String> {
    for handler in 0..HANDLERS {
        let word = format!("h{handler}");
        let ran = made.iter().rposition(
            |change| matches!(change, Change::Run(command) if command.argv.contains(&word)),
        );
        let notified = made.iter().rposition(|change| {
            tasks.iter().enumerate().any(|(number, task)| {
                let path = format!("/etc/f{number}");
                task.notifies.contains(&handler)
                    && change.words().iter().skip(1).take(1).any(|word| *word == path)
            })
        });
        if notified.is_some() && ran < notified {
            return Err(format!("{word} did not run behind {:?}", notified.map(|at| &made[at])));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_part_of_any_run_and_a_whole_run_come_to_a_whole_run(
        tasks in prop::collection::vec(task(), 1..5),
        flush_behind in 0..8_usize,
    ) {
        let playbook = playbook(&tasks, flush_behind);
        let whole = fresh(&tasks);
        let told = apply(job(&playbook, "a,", false), |_| whole.clone());
        prop_assert_eq!(told.recap["a"].failed, 0, "{}\n{}", playbook, told.text());
        prop_assert_eq!(every_restart_was_made(&tasks, &whole.made()), Ok(()));
        let mut cut = 0;
        loop {
            let host = fresh(&tasks);
            host.cut_at(cut);
            let part = apply(job(&playbook, "a,", false), |_| host.clone());
            let came_through = !part.recap["a"].unreachable;
            host.come_back();
            host.lapse();
            let next = apply(job(&playbook, "a,", false), |_| host.clone());
            prop_assert_eq!(next.recap["a"].failed, 0, "cut at {}: {}", cut, next.text());
            let accuses = |event: &Event| matches!(event, Event::Edited { .. });
            prop_assert!(!next.events.iter().any(accuses), "cut at {}: {}", cut, next.text());
            prop_assert_eq!(state(&host), state(&whole), "cut at {}\n{}", cut, playbook);
            prop_assert_eq!(every_restart_was_made(&tasks, &host.made()), Ok(()), "cut at {}\n{}", cut, playbook);
            if came_through {
                break;
            }
            cut += 1;
        }
        prop_assert!(cut > 0 || whole.made().is_empty());
    }
}
