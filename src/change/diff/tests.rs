//! Differences as people see them.
use super::*;
use crate::change::{Command, ComposeUp};
use crate::facts::{Fact, Probe};

fn write(content: &str, mode: Option<u32>, secret: bool) -> Change {
    Change::WriteFile {
        path: "/etc/x".into(),
        content: content.into(),
        attributes: Attributes { mode, ..Attributes::default() },
        validate: None,
        backup: None,
        before: None,
        secret,
    }
}

fn seen(content: Option<&str>) -> Observed {
    let mut seen = Observed::default();
    match content {
        Some(content) => write(content, None, false).predict(&mut seen),
        None => Change::Remove { path: "/etc/x".into() }.predict(&mut seen),
    }
    seen
}

fn text(change: &Change, seen: &Observed) -> String {
    diff(change, seen).unwrap().text
}

#[test]
fn text_is_shown_as_a_unified_diff_with_attributes_below() {
    let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    let change = write(&old.replace('8', "acht"), Some(0o600), false);
    assert_eq!(
        text(&change, &seen(Some(old))),
        "--- before: /etc/x\n+++ after: /etc/x\n@@ -5,5 +5,5 @@\n 5\n 6\n 7\n-8\n+acht\n 9\n\
         mode 0644 → 0600\n"
    );
}

#[test]
fn a_new_file_is_all_plus_lines() {
    assert_eq!(
        text(&write("a\n", None, false), &seen(None)),
        "--- before: /etc/x\n+++ after: /etc/x\n@@ -0,0 +1 @@\n+a\n"
    );
    assert!(text(&write("", None, false), &seen(None)).contains("an empty file is made"));
}

#[test]
fn a_lost_line_feed_at_the_end_is_told() {
    let told = text(&write("a", None, false), &seen(Some("a\n")));
    assert!(told.contains("\\ No newline at end of file"), "{told}");
}

#[test]
fn a_secret_is_named_and_never_shown() {
    let told = text(&write("hunter2", None, true), &seen(Some("hunter1")));
    assert!(told.contains(REDACTED) && !told.contains("hunter"), "{told}");
}

#[test]
fn binary_and_long_content_is_named_with_its_size() {
    let told = text(&write("a\0b", None, false), &seen(Some("a")));
    assert!(told.contains("binary: 1 bytes before, 3 after"), "{told}");
    let told = text(&write(&"x\n".repeat(600_000), None, false), &seen(Some("a")));
    assert!(told.contains("too long to show: 1 bytes before, 1200000 after"), "{told}");
}

#[test]
fn what_is_the_same_is_no_difference() {
    assert_eq!(diff(&write("a", Some(0o644), false), &seen(Some("a"))), None);
}

#[test]
fn content_that_nobody_asked_for_is_not_guessed() {
    let told = text(&write("a", None, false), &Observed::default());
    assert!(told.contains("was not asked for"), "{told}");
}

#[test]
fn links_folders_and_removals_are_one_line_each() {
    let path = || "/etc/x".to_owned();
    let link = |target: &str| Change::Link { path: path(), target: target.into(), hard: false };
    let mut linked = seen(None);
    assert_eq!(text(&link("/a"), &linked), "absent → link to /a\n");
    link("/a").predict(&mut linked);
    assert_eq!(text(&link("/b"), &linked), "link to /a → link to /b\n");
    let attributes = Attributes { owner: Some("vmail".into()), ..Attributes::default() };
    assert_eq!(
        text(&Change::MakeDir { path: path(), attributes }, &seen(None)),
        "absent → folder\nowner → vmail\n"
    );
    assert_eq!(text(&Change::Remove { path: path() }, &seen(Some("a"))), "file → absent\n");
    assert_eq!(diff(&Change::Remove { path: path() }, &seen(None)), None);
}

#[test]
fn services_and_outdated_values_are_told_and_commands_are_not() {
    let up = ComposeUp {
        dir: "/opt/m".into(),
        services: vec!["a".into(), "b".into()],
        action: ComposeAction::Restart,
        answers: vec![],
        timeout: 1,
    };
    assert_eq!(text(&Change::Compose(up), &Observed::default()), "restart a, b\n");
    let dir = "/opt/m".to_owned();
    let mut seen = Observed::default();
    let probe = Probe::Postconf { dir: dir.clone(), keys: vec!["k".into()] };
    seen.set(probe.clone(), Fact::Postconf(Some([("k".into(), "old".into())].into())));
    let values = [("k".to_owned(), ("old".to_owned(), "new".to_owned()))].into();
    let outdated = Change::Outdated { dir, values };
    assert_eq!(text(&outdated, &seen), "k old (running) → new (in the file)\n");
    outdated.predict(&mut seen);
    assert_eq!(seen.get(&probe), Ok(&Fact::Postconf(Some([("k".into(), "new".into())].into()))));
    let command = Command { argv: vec!["x".into(), "hunter2".into()], ..Command::default() };
    assert_eq!(diff(&Change::Run(command), &Observed::default()), None);
}
