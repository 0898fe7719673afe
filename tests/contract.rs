//! One suite against every door to a host: the model keeps to it as the real shells do.
#![expect(clippy::disallowed_methods, reason = "temporary folders and programs are what is tested")]
mod bounds;
mod deeds;
mod facts;
mod files;
pub(crate) mod journal;
mod looks;
mod real;
mod written;

use cowhand::change::{Attributes, Change, Ran};
use cowhand::facts::{Bytes, Fact, Observed, PathKind, Probe, Stat};
use cowhand::transport::fake::Fake;
use cowhand::transport::{Connect, Transport};
use std::path::Path;

pub(crate) fn path(path: &str, follow: bool) -> Probe {
    Probe::Path { path: path.into(), follow }
}

pub(crate) fn write(path: &str, content: impl Into<Bytes>, before: Option<&str>) -> Change {
    Change::WriteFile {
        path: path.into(),
        content: content.into(),
        attributes: Attributes::default(),
        validate: None,
        backup: None,
        before: before.map(|text| Bytes::from(text).sha256()),
        secret: false,
    }
}

pub(crate) fn mode(mode: u32) -> Attributes {
    Attributes { mode: Some(mode), ..Attributes::default() }
}

pub(crate) async fn look(shell: &impl Transport, probes: &[Probe]) -> Observed {
    let facts = shell.observe(probes).await.unwrap();
    assert_eq!(facts.len(), probes.len());
    let mut seen = Observed::default();
    for (probe, fact) in probes.iter().zip(facts) {
        seen.set(probe.clone(), fact);
    }
    seen
}

pub(crate) async fn stat(shell: &impl Transport, name: &str, follow: bool) -> Option<Stat> {
    look(shell, &[path(name, follow)]).await.stat(name, follow).unwrap().cloned()
}

pub(crate) async fn content(shell: &impl Transport, name: &str) -> Option<Bytes> {
    let probe = Probe::Content { path: name.into() };
    look(shell, &[probe]).await.content(name).unwrap().cloned()
}

pub(crate) fn statuses(ran: &[Ran]) -> Vec<i32> {
    ran.iter().map(|ran| ran.rc).collect()
}

/// Makes changes that must all succeed.
pub(crate) async fn make(shell: &impl Transport, changes: &[Change]) {
    let ran = shell.apply(changes).await.unwrap();
    assert_eq!(statuses(&ran), vec![0; changes.len()], "{changes:?}: {ran:?}");
}

/// What every door does alike. `root`: an empty folder there.
pub(crate) async fn keeps_the_contract(door: &impl Connect, root: &str) {
    // A host has two shells at a time.
    {
        let shell = &door.shell(None).await.unwrap();
        files_are_written_and_seen(shell, root).await;
        what_changed_meanwhile_is_left_alone(shell, root).await;
        folders_links_and_removals(shell, root).await;
        handlers_are_owed_until_settled(shell, door).await;
    }
    journal::keeps_the_contract(door, root).await;
    let shell = &door.shell(None).await.unwrap();
    written::keeps_the_contract(shell, root).await;
    bounds::keeps_the_contract(shell, root).await;
}

async fn files_are_written_and_seen(shell: &impl Transport, root: &str) {
    let file = &format!("{root}/file");
    assert_eq!(stat(shell, file, false).await, None);
    assert_eq!(content(shell, file).await, None);
    make(shell, &[write(file, "one\n", None)]).await;
    let new = stat(shell, file, false).await.unwrap();
    assert_eq!((new.kind, new.mode, new.size), (PathKind::File, 0o644, 4));
    assert_eq!(new.sha256, Some(Bytes::from("one\n").sha256()));
    assert_eq!(content(shell, file).await, Some("one\n".into()));
    let attributes = mode(0o4750);
    let set = Change::SetAttributes { path: file.clone(), attributes, recurse: false };
    make(shell, &[set, write(file, "two\n", Some("one\n"))]).await;
    assert_eq!(stat(shell, file, true).await.unwrap().mode, 0o4750);
    assert_eq!(content(shell, file).await, Some("two\n".into()));
}

async fn what_changed_meanwhile_is_left_alone(shell: &impl Transport, root: &str) {
    let (file, next) = (&format!("{root}/contended"), &format!("{root}/next"));
    make(shell, &[write(file, "theirs", None)]).await;
    for stale in [None, Some("ours")] {
        let batch =
            [Change::Owe { handler: "h".into() }, write(file, "x", stale), write(next, "", None)];
        let ran = shell.apply(&batch).await.unwrap();
        assert_eq!(statuses(&ran), [0, 1], "stops behind the first that fails");
        assert!(ran[1].stderr.text().contains("changed under us"), "{ran:?}");
        assert_eq!(content(shell, file).await, Some("theirs".into()));
        assert_eq!(stat(shell, next, false).await, None);
    }
    make(shell, &[Change::Settle { handler: "h".into() }]).await;
}

async fn folders_links_and_removals(shell: &impl Transport, root: &str) {
    let dir = format!("{root}/dir");
    let (inner, link) = (format!("{dir}/inner"), format!("{root}/link"));
    make(
        shell,
        &[
            Change::MakeDir { path: dir.clone(), attributes: mode(0o2711) },
            write(&inner, "in", None),
            Change::Link { path: link.clone(), target: "dir/inner".into(), hard: false },
        ],
    )
    .await;
    let folder = stat(shell, &dir, false).await.unwrap();
    assert_eq!((folder.kind, folder.mode), (PathKind::Directory, 0o2711));
    let itself = stat(shell, &link, false).await.unwrap();
    assert_eq!((itself.kind, itself.target.as_deref()), (PathKind::Link, Some("dir/inner")));
    assert_eq!(itself.sha256, None);
    let through = stat(shell, &link, true).await.unwrap();
    assert_eq!((through.kind, through.size), (PathKind::File, 2));
    assert_eq!(content(shell, &link).await, Some("in".into()));
    let attributes = mode(0o700);
    make(
        shell,
        &[
            Change::MakeDir { path: dir.clone(), attributes: attributes.clone() },
            Change::Touch { path: format!("{dir}/touched"), attributes },
            Change::Link { path: link.clone(), target: dir.clone(), hard: false },
        ],
    )
    .await;
    assert_eq!(stat(shell, &dir, false).await.unwrap().mode, 0o700);
    assert_eq!(stat(shell, &link, true).await.unwrap().kind, PathKind::Directory);
    assert_eq!(content(shell, &format!("{dir}/touched")).await, Some(Bytes::default()));
    make(shell, &[Change::Remove { path: link.clone() }, Change::Remove { path: dir.clone() }])
        .await;
    assert_eq!(stat(shell, &link, false).await, None);
    assert_eq!(stat(shell, &inner, false).await, None);
    make(shell, &[Change::Remove { path: dir }]).await;
}

async fn owed(shell: &impl Transport) -> Vec<String> {
    match shell.observe(&[Probe::Owed]).await.unwrap().remove(0) {
        Fact::Owed(owed) => owed.into_iter().map(|owed| owed.handler).collect(),
        other => panic!("{other:?}"),
    }
}

async fn handlers_are_owed_until_settled(shell: &impl Transport, door: &impl Connect) {
    let odd = "restart 'x'\n-- 100%";
    assert!(owed(shell).await.is_empty());
    let owe = |handler: &str| Change::Owe { handler: handler.into() };
    make(shell, &[owe(odd), owe("restart nginx"), owe(odd)]).await;
    let other = &door.shell(None).await.unwrap();
    let mut names = owed(other).await;
    names.sort();
    assert_eq!(names, [odd, "restart nginx"], "marks outlive the shell that made them");
    make(other, &[Change::Settle { handler: odd.into() }, Change::Settle { handler: "no".into() }])
        .await;
    assert_eq!(owed(shell).await, ["restart nginx"]);
    make(other, &[Change::Settle { handler: "restart nginx".into() }]).await;
}

#[tokio::test]
async fn the_model_keeps_the_contract() {
    let fake = Fake::default();
    keeps_the_contract(&fake, "/srv").await;
    assert!(fake.batches() > 10);
}

#[tokio::test]
async fn the_model_fails_where_it_was_told_to() {
    let fake = Fake::default();
    fake.fail_at(1);
    let ran =
        fake.apply(&[write("/a", "", None), write("/b", "", None), write("/c", "", None)]).await;
    assert_eq!(statuses(&ran.unwrap()), [0, 1]);
    assert_eq!(fake.made(), [write("/a", "", None)]);
    make(&fake, &[write("/b", "", None)]).await;
}

/// Everything below a folder by path, with content; for "nothing was touched".
pub(crate) fn listing(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = vec![];
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.push((path.display().to_string(), vec![]));
            found.extend(listing(&path));
        } else {
            let content = std::fs::read(&path).unwrap_or_default();
            found.push((path.display().to_string(), content));
        }
    }
    found.sort();
    found
}
