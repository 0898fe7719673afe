//! What changes say, touch, foresee and take back.
use super::*;
use crate::facts::{Fact, Observed, PathKind, Stat};

fn write(path: &str, content: &str, before: Option<&str>) -> Change {
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

fn path(path: &str, follow: bool) -> Probe {
    Probe::Path { path: path.into(), follow }
}

/// `/etc/x` is a file of vmail, `/etc/new` is not there, `/etc/l` is a link to `x`.
fn host() -> Observed {
    let mut seen = Observed::default();
    Change::Remove { path: "/etc/new".into() }.predict(&mut seen);
    write("/etc/x", "old\n", None).predict(&mut seen);
    let Ok(Some(stat)) = seen.stat("/etc/x", true).map(Option::<&Stat>::cloned) else { panic!() };
    let stat = Stat { uid: 5000, owner: "vmail".into(), mode: 0o640, ..stat };
    for follow in [true, false] {
        seen.set(path("/etc/x", follow), Fact::Path(Some(stat.clone())));
    }
    Change::Link { path: "/etc/l".into(), target: "x".into(), hard: false }.predict(&mut seen);
    seen.set(Probe::Owed, Fact::Owed(vec![]));
    seen
}

#[test]
fn words_leave_unset_attributes_empty_and_never_hold_content() {
    let change = Change::WriteFile {
        path: "/etc/x".into(),
        content: "hunter2".into(),
        attributes: Attributes { mode: Some(0o640), ..Attributes::default() },
        validate: Some(vec!["nginx".into(), "-t".into(), "%s".into()]),
        backup: None,
        before: Some("abc".into()),
        secret: true,
    };
    assert_eq!(
        change.words(),
        ["write_file", "/etc/x", "00640", "", "", "abc", "", "nginx", "-t", "%s"]
    );
    assert_eq!(change.payload(), Some(&"hunter2".into()));
}

#[test]
fn words_of_commands_waits_and_services_are_counted_and_ordered() {
    let command = Command {
        argv: vec!["echo 1".into()],
        shell: Some("/bin/sh".into()),
        environment: [("A".to_owned(), "b c".to_owned())].into(),
        ..Command::default()
    };
    assert_eq!(
        Change::Run(command).words(),
        ["run_command", "", "/bin/sh", "1", "A=b c", "echo 1"]
    );
    let until = Until::Path { path: "/x".into(), present: false, pattern: Some("a|b".into()) };
    let wait = Change::Wait(Wait { until, delay: 1, sleep: 2, timeout: 3 });
    assert_eq!(wait.words(), ["wait_for", "1", "2", "3", "path", "/x", "absent", "a|b"]);
    let up = ComposeUp {
        dir: "/opt/m".into(),
        services: vec!["a".into(), "b".into()],
        action: ComposeAction::Recreate,
        answers: vec!["smtp://127.0.0.1:25".into()],
        timeout: 60,
    };
    assert_eq!(
        Change::Compose(up).words(),
        ["compose_up", "/opt/m", "recreate", "60", "a,b", "smtp://127.0.0.1:25"]
    );
}

#[test]
fn writing_touches_the_file_its_folder_and_what_may_be_it_by_another_name() {
    let change = write("/opt/m/data/x", "", None);
    for probe in [
        path("/opt/m/data/x", false),
        path("/opt/m/data", false),
        path("/elsewhere/link", true),
        Probe::Content { path: "/elsewhere/link".into() },
        Probe::Mailcow { dir: "/opt/m".into() },
        Probe::Command { argv: vec!["nginx".into()] },
    ] {
        assert!(change.touches(&probe), "{probe:?}");
    }
    for probe in [
        path("/opt/m", false),
        path("/opt/m/data/xy", false),
        Probe::Mailcow { dir: "/opt/mail".into() },
        Probe::Owed,
        Probe::Postconf { dir: "/opt/m".into(), keys: vec![] },
    ] {
        assert!(!change.touches(&probe), "{probe:?}");
    }
}

#[test]
fn marks_touch_marks_alone_and_commands_touch_everything() {
    let owe = Change::Owe { handler: "h".into() };
    assert!(owe.touches(&Probe::Owed) && !owe.touches(&path("/x", true)));
    let run = Change::Run(Command::default());
    assert!(run.touches(&Probe::Owed) && run.touches(&path("/x", false)));
}

#[test]
fn a_written_file_is_foreseen_with_the_owner_and_mode_of_the_old_one() {
    let mut seen = host();
    write("/etc/x", "new\n", Some("old\n")).predict(&mut seen);
    let stat = seen.stat("/etc/x", false).unwrap().unwrap();
    assert_eq!((stat.kind, stat.mode, stat.uid, stat.size), (PathKind::File, 0o640, 5000, 4));
    assert_eq!(stat.sha256, Some(Bytes::from("new\n").sha256()));
    assert_eq!(seen.content("/etc/x").unwrap(), Some(&"new\n".into()));
}

#[test]
fn removing_a_folder_is_foreseen_for_all_that_is_known_below() {
    let mut seen = host();
    Change::Remove { path: "/etc".into() }.predict(&mut seen);
    assert_eq!(seen.stat("/etc/x", true), Ok(None));
    assert_eq!(seen.content("/etc/x"), Ok(None));
}
