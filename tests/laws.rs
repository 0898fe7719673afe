//! Laws that hold for every change: what is foreseen is what a real shell then does, and what takes
//! a change back brings back what was there.
use crate::contract::journal::{begin, restored, step, undo};
use crate::contract::{look, make, mode, path, write};
use cowhand::change::{Attributes, Care, Change, Undo};
use cowhand::facts::{Fact, Observed, PathKind, Probe};
use cowhand::transport::Connect as _;
use cowhand::transport::local::Local;
use std::time::Duration;

/// Names in the folder that the laws are tried in, and below.
const NAMES: [&str; 6] = ["file", "new", "dir", "dir/inner", "link", "dangling"];

fn probes(root: &str) -> Vec<Probe> {
    let names = NAMES.iter().map(|name| format!("{root}/{name}"));
    let kinds =
        |name: String| [path(&name, true), path(&name, false), Probe::Content { path: name }];
    names.flat_map(kinds).chain([Probe::Owed]).collect()
}

/// What the model can't know: times, sizes of folders, and who we are.
fn comparable(seen: &Observed) -> Vec<(Probe, Fact)> {
    let stripped = |(probe, fact): (&Probe, &Fact)| {
        let mut fact = fact.clone();
        match &mut fact {
            Fact::Path(Some(stat)) => {
                stat.mtime = 0;
                (stat.uid, stat.gid) = (0, 0);
                stat.owner.clear();
                stat.group.clear();
                if stat.kind == PathKind::Directory {
                    stat.size = 0;
                }
            }
            Fact::Owed(owed) => owed.iter_mut().for_each(|owed| owed.since = 0),
            _ => {}
        }
        (probe.clone(), fact)
    };
    seen.iter().map(stripped).collect()
}

fn setting(root: &str) -> Vec<Change> {
    let at = |name: &str| format!("{root}/{name}");
    vec![
        write(&at("file"), "old\n", None),
        Change::SetAttributes { path: at("file"), attributes: mode(0o640), recurse: false },
        Change::MakeDir { path: at("dir"), attributes: Attributes::default() },
        write(&at("dir/inner"), "inner", None),
        Change::Link { path: at("link"), target: "file".into(), hard: false },
        Change::Link { path: at("dangling"), target: "nowhere".into(), hard: false },
        Change::Owe { handler: "first".into() },
    ]
}

fn candidates(root: &str) -> Vec<Change> {
    let at = |name: &str| format!("{root}/{name}");
    let link = |name: &str, target: &str, hard| Change::Link {
        path: at(name),
        target: target.into(),
        hard,
    };
    vec![
        write(&at("file"), "new\n", Some("old\n")),
        write(&at("new"), "new\n", None),
        Change::SetAttributes { path: at("file"), attributes: mode(0o4711), recurse: false },
        Change::SetAttributes { path: at("dir"), attributes: mode(0o700), recurse: true },
        Change::MakeDir { path: at("new"), attributes: mode(0o2750) },
        Change::MakeDir { path: at("dir"), attributes: mode(0o1777) },
        Change::Touch { path: at("new"), attributes: mode(0o600) },
        Change::Touch { path: at("file"), attributes: Attributes::default() },
        link("new", "file", false),
        link("new", &at("dir"), false),
        link("link", "dir", false),
        link("new", &at("file"), true),
        Change::Remove { path: at("file") },
        Change::Remove { path: at("dir") },
        Change::Remove { path: at("link") },
        Change::Remove { path: at("new") },
        Change::Owe { handler: "second".into() },
        Change::Owe { handler: "first".into() },
        Change::Settle { handler: "first".into() },
    ]
}

/// A link may be known through: what is foreseen for another name is forgotten, as `touches` says.
fn foreseen(change: &Change, before: &Observed) -> Observed {
    let mut seen = before.clone();
    change.predict(&mut seen);
    seen
}

#[tokio::test]
async fn what_is_foreseen_is_what_a_real_shell_does_and_can_be_taken_back() {
    let count = candidates("").len();
    for number in 0..count {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        let state = format!("{root}/state");
        let door = Local::new(Duration::from_secs(60)).env("COWHAND_STATE", state);
        let shell = door.shell(None).await.unwrap();
        make(&shell, &setting(root)).await;
        let before = look(&shell, &probes(root)).await;
        let change = &candidates(root)[number];
        make(&shell, &[begin("law"), step("law", 1, change.clone())]).await;
        let after = look(&shell, &probes(root)).await;

        let seen = foreseen(change, &before);
        let untouched = |probe: &Probe| !change.touches(probe);
        for ((probe, real), (_, old)) in comparable(&after).into_iter().zip(comparable(&before)) {
            assert!(real == old || !untouched(&probe), "{change:?} touches {probe:?} silently");
        }
        for (probe, told) in comparable(&seen) {
            let alias = matches!(&probe, Probe::Path { path, .. } | Probe::Content { path } if path.ends_with("/link"));
            let Some((_, real)) = comparable(&after).into_iter().find(|(other, _)| *other == probe)
            else {
                continue;
            };
            assert!(alias || told == real, "{change:?}\n{probe:?}\n{told:?}\n{real:?}");
        }
        if change.undo() == Undo::BeforeImage {
            restored(&shell, undo("law", "law", 1, Care::Careful)).await;
            let back = look(&shell, &probes(root)).await;
            assert_eq!(comparable(&back), comparable(&before), "{change:?}");
            let again = restored(&shell, undo("law", "law", 1, Care::Careful)).await;
            assert!(again.is_empty(), "{change:?} is taken back twice: {again:?}");
        }
    }
}
