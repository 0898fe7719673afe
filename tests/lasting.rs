//! A run whose shell is lost on the way, and comes back: nothing is to be seen of that. Here a shell of this
//! machine that dies between two changes; over SSH, in `ssh/openssh/lasting.rs`.
#![expect(clippy::disallowed_methods, reason = "what a run leaves in folders is what is tested")]
use crate::contract::journal::{begin, end, step};
use crate::stage::{Told, apply, job};
use cowhand::change::{Change, Command};
use cowhand::facts::Probe;
use cowhand::transport::fault::{Blow, Fault};
use cowhand::transport::lasting::Lasting;
use cowhand::transport::local::Local;
use cowhand::transport::{Connect, Transport as _, TransportError};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Two services, a folder, and a command whose words are used later.
pub(crate) fn playbook(root: &Path) -> String {
    let root = root.display();
    let handler = |name: &str| {
        format!("    - name: restart {name}\n      shell: echo x >> {root}/restarts-{name}\n")
    };
    format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    \
         - lineinfile: {{path: {root}/nginx, line: new}}\n      notify: restart nginx\n    \
         - copy: {{dest: {root}/postfix, content: \"new\\n\", mode: '0640'}}\n      notify: restart postfix\n    \
         - file: {{path: {root}/folder, state: directory, mode: '0750'}}\n    \
         - shell: echo x >> {root}/commands; echo heard\n      register: said\n    \
         - copy: {{dest: {root}/told, content: \"{{{{ said.stdout }}}}\"}}\n  handlers:\n{}{}",
        handler("nginx"),
        handler("postfix")
    )
}

/// What the playbook finds.
pub(crate) fn fresh() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["nginx", "postfix"] {
        std::fs::write(folder.path().join(name), "old\n").unwrap();
    }
    folder
}

/// Every file and folder with its content.
pub(crate) fn tree(root: &Path) -> Vec<(PathBuf, String)> {
    let mut found: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let content = std::fs::read_to_string(&path).unwrap_or_default();
            (path.strip_prefix(root).unwrap().to_owned(), content)
        })
        .collect();
    found.sort();
    found
}

/// What was told, apart from where and when.
pub(crate) fn story(told: &Told, root: &Path) -> Vec<Value> {
    fn timeless(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for key in ["start", "end", "delta"] {
                    map.remove(key);
                }
                map.values_mut().for_each(timeless);
            }
            Value::Array(list) => list.iter_mut().for_each(timeless),
            _ => {}
        }
    }
    let text = told.text().replace(&root.display().to_string(), "ROOT");
    let mut events: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    events.iter_mut().for_each(timeless);
    events
}

#[test]
fn a_run_whose_shell_dies_between_two_changes_goes_on_as_if_nothing_had_happened() {
    let run = |fault: Fault| {
        let (folder, state) = (fresh(), tempfile::tempdir().unwrap());
        let door = || {
            let local = Local::new(Duration::from_secs(60));
            let state = state.path().join("cowhand").display().to_string();
            Lasting::new(local.env("COWHAND_STATE", state).cut_by(Some(fault.clone())))
        };
        let told = apply(job(&playbook(folder.path()), "a,", false), |_| door());
        let journal = std::fs::read_dir(state.path().join("cowhand")).unwrap();
        let left: Vec<_> = journal.map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name == "lock"), "{left:?}");
        (story(&told, folder.path()), tree(folder.path()), fault.steps())
    };
    let (story, tree, steps) = run(Fault::new(Blow::None, 0));
    assert!(steps > 20, "{steps} steps are too few to be all");
    assert_eq!(tree.iter().filter(|(_, content)| content == "x\n").count(), 3, "{tree:?}");
    for at in (0..steps).step_by(4) {
        let (cut_story, cut_tree, _) = run(Fault::new(Blow::Shell, at));
        assert_eq!(cut_tree, tree, "cut at step {at} of {steps}");
        assert_eq!(cut_story, story, "cut at step {at} of {steps}");
    }
}

fn append(file: &Path) -> Change {
    let script = format!("echo x >> {}; kill -KILL $PPID", file.display());
    let argv = vec![script];
    Change::Run(Command { argv, shell: Some("/bin/sh".into()), ..Command::default() })
}

#[tokio::test]
async fn what_nobody_can_tell_is_failed_and_not_repeated() {
    let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = folder.path().join("x");
    let local = Local::new(Duration::from_secs(60));
    let state = state.path().display().to_string();
    let shell = Lasting::new(local.env("COWHAND_STATE", state)).shell(None).await.unwrap();
    // A command that kills whoever waits for it is no step that the journal knows the end of.
    let ran = shell.apply(&[begin("ada"), step("ada", 1, append(&file))]).await.unwrap();
    assert_eq!(ran.iter().map(|ran| ran.rc == 0).collect::<Vec<_>>(), [true, false]);
    assert!(ran[1].rc != 0, "{ran:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "x\n");
    // The same step again is the same answer, and is not made again.
    let again = shell.apply(&[step("ada", 1, append(&file))]).await.unwrap();
    assert_ne!(again[0].rc, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "x\n");
    shell.apply(&[end("ada")]).await.unwrap();
}

#[tokio::test]
async fn a_change_without_a_number_is_never_sent_twice() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    let fault = Fault::new(Blow::Shell, 1);
    let local = Local::new(Duration::from_secs(60)).cut_by(Some(fault));
    let shell = Lasting::new(local).shell(None).await.unwrap();
    let script = format!("echo x >> {}", file.display());
    let argv = vec![script];
    let change = Change::Run(Command { argv, shell: Some("/bin/sh".into()), ..Command::default() });
    let error = shell.apply(&[change]).await.unwrap_err();
    assert!(matches!(error, TransportError::Lost { in_change: true }), "{error:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "x\n");
    // The next batch comes back; it is a look, which changes nothing.
    shell.observe(&[Probe::Owed]).await.unwrap();
}
