//! Two names of the inventory that are one machine: one journal, in which each name's steps are its own.
#![expect(clippy::disallowed_methods, reason = "what servers keep in folders is what is tested")]
use crate::stage::{Told, apply, host, job};
use cowhand::change::Identity;
use cowhand::facts::PastRun;
use cowhand::run::past::{Which, chosen, past, revert};
use cowhand::transport::local::Local;
use cowhand::transport::{Connect, Transport};
use std::time::Duration;

/// Each name changes two files of its own; on `b` the play fails.
fn run<C: Connect + Clone + 'static>(machine: &C, root: &str) -> Told
where
    C::Shell: 'static,
{
    let playbook = format!(
        "- hosts: all
  gather_facts: false
  tasks:
    - copy: {{dest: '{root}/{{{{ inventory_hostname }}}}', content: 'new'}}
      notify: look
    - copy: {{dest: '{root}/{{{{ inventory_hostname }}}}2', content: 'new'}}
    - fail: msg=no
      when: inventory_hostname == 'b'
  handlers:
    - name: look
      command: 'true'
"
    );
    apply(job(&playbook, "a,b,", false), |_| machine.clone())
}

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// What the machine remembers, as (path, undone).
fn steps(run: &PastRun) -> Vec<(&str, bool)> {
    run.steps.iter().map(|step| (step.path.as_str(), step.undone)).collect()
}

/// What stands in the end is `a`'s; and all of it goes when the run is taken back by name.
async fn is_taken_back_apart_and_then_whole(shell: &impl Transport, root: &str) {
    let at = |name: &str| format!("{root}/{name}");
    let runs = past(shell).await.unwrap();
    let [run] = runs.as_slice() else { panic!("one run of one machine: {runs:?}") };
    let (a, a2, b, b2) = (at("a"), at("a2"), at("b"), at("b2"));
    let expected = [(a.as_str(), false), (&a2, false), (&b, true), (&b2, true)];
    let mut told = steps(run);
    told.sort_unstable();
    assert_eq!(told, expected);
    let numbers: std::collections::BTreeSet<u32> =
        run.steps.iter().map(|step| step.number).collect();
    assert_eq!(numbers.len(), 4, "no number stands for two steps: {run:?}");
    let by = Identity { run: "back".into(), ..Identity::default() };
    let back = revert(shell, &by, &chosen(&runs, &Which::Last).unwrap(), false).await.unwrap();
    assert_eq!((back.restored, back.left), (vec![a2, a], vec![]), "newest first");
    let runs = past(shell).await.unwrap();
    assert!(steps(&runs[0]).iter().all(|(_, undone)| *undone), "{runs:?}");
    assert!(chosen(&runs, &Which::Last).is_err(), "nothing stands any more");
}

fn fared(told: &Told) {
    let (a, b) = (&told.recap["a"], &told.recap["b"]);
    assert_eq!((a.failed, a.rolled_back, a.changed, a.left), (0, false, 3, 0), "{}", told.text());
    assert_eq!((b.failed, b.rolled_back, b.left), (1, true, 0), "{}", told.text());
    assert_eq!((a.owed, b.owed), (0, 0), "{}", told.text());
}

#[test]
fn on_the_model_what_one_name_did_is_taken_back_without_the_others() {
    let machine = host(&[]);
    fared(&run(&machine, "/etc"));
    block(is_taken_back_apart_and_then_whole(&machine, "/etc"));
}

#[test]
fn on_a_real_shell_what_one_name_did_is_taken_back_without_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let root = root.to_str().unwrap();
    let machine = Local::new(Duration::from_secs(60))
        .env("COWHAND_STATE", folder.path().join("state").display().to_string());
    fared(&run(&machine, root));
    let left = || {
        let entries = std::fs::read_dir(root).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(left(), ["a", "a2"]);
    block(async {
        let shell = machine.shell(None).await.unwrap();
        is_taken_back_apart_and_then_whole(&shell, root).await;
    });
    assert!(left().is_empty(), "{:?}", left());
}
