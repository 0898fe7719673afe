//! Saved plans: what a check recorded is what `apply --plan` does, or it does nothing.
#![expect(clippy::disallowed_methods, reason = "the program and its project are what is tested")]
use crate::stage::{apply_plan, edited, host, job, plan};
use cowhand::change::Change;
use cowhand::event::Event;
use cowhand::facts::Bytes;
use cowhand::plan::saved::Saved;
use cowhand::transport::fake::Fake;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const PLAYBOOK: &str = "\
- hosts: all
  gather_facts: false
  tasks:
    - name: motd
      copy: {dest: /etc/motd, content: 'welcome\n'}
      notify: told
    - name: secret
      copy: {dest: /etc/token, content: hunter2, mode: '0600'}
      no_log: true
    - name: line
      lineinfile: {path: /etc/f, line: wanted}
  handlers:
    - name: told
      command: tell everybody
";

fn two() -> BTreeMap<String, Fake> {
    ["a", "b"].map(|name| (name.to_owned(), host(&[("/etc/f", "old\n")]))).into()
}

fn saved(playbook: &str, hosts: &BTreeMap<String, Fake>) -> Saved {
    plan(job(playbook, "a,b,", true), hosts).1
}

fn refusals(events: &[Event]) -> BTreeMap<&str, &str> {
    let refused = events.iter().filter_map(|event| match event {
        Event::Refused { host, message } => Some((host.as_str(), message.as_str())),
        _ => None,
    });
    refused.collect()
}

#[test]
fn on_a_host_that_did_not_move_exactly_the_recorded_changes_are_made() {
    let hosts = two();
    let plan = saved(PLAYBOOK, &hosts);
    assert!(hosts.values().all(|host| host.made().is_empty()));
    let foreseen: usize = plan.hosts["a"].tasks.iter().map(|task| task.changes.len()).sum();
    let told = apply_plan(job(PLAYBOOK, "a,b,", false), &plan, &hosts);
    assert_eq!(refusals(&told.events), BTreeMap::new());
    for (name, host) in &hosts {
        assert_eq!(told.recap[name].failed, 0, "{}", told.text());
        assert_eq!(host.facts().content("/etc/f").unwrap(), Some("old\nwanted\n".into()).as_ref());
        let own = |change: &&Change| matches!(change, Change::WriteFile { .. } | Change::Run(_));
        assert_eq!(host.made().iter().filter(own).count(), foreseen, "{:?}", host.made());
    }
}

#[test]
fn a_host_that_has_moved_is_refused_by_the_fact_and_the_others_go_on() {
    let mut hosts = two();
    let plan = saved(PLAYBOOK, &hosts);
    let moved = edited(&hosts["a"], "/etc/f", "old\nand edited\n");
    hosts.insert("a".into(), moved.clone());
    let told = apply_plan(job(PLAYBOOK, "a,b,", false), &plan, &hosts);
    let refused = refusals(&told.events);
    assert_eq!(refused.keys().collect::<Vec<_>>(), [&"a"]);
    assert!(refused["a"].contains("moved") && refused["a"].contains("/etc/f"), "{refused:?}");
    assert_eq!((told.recap["a"].failed, told.recap["b"].failed), (1, 0));
    assert!(moved.made().is_empty(), "{:?}", moved.made());
    assert!(!hosts["b"].made().is_empty());
}

#[test]
fn what_could_not_be_taken_back_is_said_in_the_plan() {
    let tasks = "  tasks:\n    - {name: sure, copy: {dest: /etc/motd, content: x}}\n    - {name: for good, command: make it}\n    - {name: a look, command: look, changed_when: false}\n";
    let head = "- hosts: all\n  gather_facts: false\n";
    let said = |playbook: &str| -> Vec<String> {
        let plan = saved(playbook, &two());
        let lasting = plan.hosts["a"].tasks.iter().filter(|task| task.no_way_back.is_some());
        lasting.map(|task| task.task.clone()).collect()
    };
    assert_eq!(said(&[head, tasks].concat()), ["for good"]);
    assert!(said(&[head, "  rollback: false\n", tasks].concat()).is_empty());
    let hosts = two();
    let plan = saved(&[head, tasks].concat(), &hosts);
    let told = apply_plan(job(&[head, tasks].concat(), "a,b,", false), &plan, &hosts);
    assert_eq!((told.recap["a"].failed, told.recap["a"].changed), (0, 2), "{}", told.text());
}

#[test]
fn another_playbook_is_refused_before_anything_is_written() {
    let hosts = two();
    let plan = saved(PLAYBOOK, &hosts);
    for other in [
        PLAYBOOK.replace("hunter2", "hunter3"),
        PLAYBOOK.replace("line: wanted", "line: other"),
        PLAYBOOK.replace("'0600'", "'0644'"),
        PLAYBOOK.replace("tell everybody", "tell nobody"),
        PLAYBOOK.replace("      notify: told\n", ""),
    ] {
        let told = apply_plan(job(&other, "a,b,", false), &plan, &hosts);
        let refused = refusals(&told.events);
        assert_eq!(refused.len(), 2, "{}\n{other}", told.text());
        assert!(refused["a"].contains("other changes"), "{refused:?}");
        assert!(!told.text().contains("hunter"), "{}", told.text());
        assert!(hosts.values().all(|host| host.made().is_empty()));
    }
}

#[test]
fn a_host_that_the_plan_does_not_know_is_refused_and_one_that_is_missing_is_told() {
    let hosts = two();
    let mut plan = saved(PLAYBOOK, &hosts);
    let a = plan.hosts.remove("a").unwrap();
    plan.hosts.insert("c".into(), a);
    let told = apply_plan(job(PLAYBOOK, "a,b,", false), &plan, &hosts);
    assert!(refusals(&told.events)["a"].contains("says nothing of this host"));
    assert!(hosts["a"].made().is_empty());
    assert!(told.text().contains("not in this run: c"), "{}", told.text());
}

#[test]
fn what_can_not_be_told_is_recorded_as_such_with_the_handlers_that_may_run() {
    const UNKNOWN: &str = "\
- hosts: all
  gather_facts: false
  tasks:
    - command: do something
      notify: told
  handlers:
    - name: told
      command: tell everybody
";
    let hosts = two();
    let plan = saved(UNKNOWN, &hosts);
    assert!(plan.hosts["a"].tasks[0].unknown);
    assert_eq!(plan.hosts["a"].may_run.iter().collect::<Vec<_>>(), ["told"]);
    // The model has no such program, so its end is a failure; the plan lets it run all the same.
    let told = apply_plan(job(UNKNOWN, "a,b,", false), &plan, &hosts);
    assert_eq!(refusals(&told.events), BTreeMap::new());
    assert!(!hosts["a"].made().is_empty());
}

#[test]
fn a_change_that_only_shows_while_applying_is_not_made() {
    // In check mode the first task is not made true, and the second has nothing to do.
    const LATE: &str = "\
- hosts: all
  gather_facts: false
  tasks:
    - copy: {dest: /etc/motd, content: hello}
    - copy: {dest: /etc/late, content: hello}
      when: not ansible_check_mode
";
    let hosts = two();
    let plan = saved(LATE, &hosts);
    let told = apply_plan(job(LATE, "a,b,", false), &plan, &hosts);
    assert_eq!(told.recap["a"].failed, 1, "{}", told.text());
    assert!(told.text().contains("not in the plan"), "{}", told.text());
    assert!(hosts["a"].facts().stat("/etc/late", true).is_err());
}

#[test]
fn the_recorded_plan_holds_no_secret_not_even_coded() {
    let json = serde_json::to_string(&saved(PLAYBOOK, &two())).unwrap();
    assert!(json.starts_with("{\"v\":1,"), "{json}");
    for text in ["hunter2", "old\\n", "tell everybody"] {
        assert!(!json.contains(text), "{text} in {json}");
    }
    assert!(!json.contains(&Bytes::from("hunter2").base64()));
}

/// `cowhand` in a project whose one host is this machine.
fn cowhand(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cowhand"))
        .current_dir(folder)
        .args(words)
        .args(["site.yml", "-i", "hosts.yml"])
        .env("HOME", folder)
        .env("COWHAND_STATE", folder.join("state"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn project(target: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let hosts = "all:\n  hosts:\n    here:\n      ansible_connection: local\n";
    std::fs::write(path.join("hosts.yml"), hosts).unwrap();
    let playbook = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - copy: {{dest: '{}/f', content: {target}}}\n",
        path.display()
    );
    std::fs::write(path.join("site.yml"), playbook).unwrap();
    folder
}

#[test]
fn on_the_command_line_a_plan_is_private_followed_once_and_then_refused() {
    let folder = project("hunter2");
    let plan = folder.path().join("plan.json");
    let checked = cowhand(folder.path(), &["check", "--out", "plan.json"]);
    assert_eq!(checked.status.code(), Some(3), "{checked:?}");
    assert!(String::from_utf8_lossy(&checked.stderr).contains("1 change to be made on 1 host"));
    assert_eq!(std::fs::metadata(&plan).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!std::fs::read_to_string(&plan).unwrap().contains("hunter2"));
    let applied = cowhand(folder.path(), &["apply", "--plan", "plan.json"]);
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    let file = folder.path().join("f");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "hunter2");
    std::fs::write(&file, "somebody else's").unwrap();
    let refused = cowhand(folder.path(), &["apply", "--plan", "plan.json"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(said.contains("refused") && said.contains("has moved"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "somebody else's");
}

#[test]
fn what_is_no_plan_is_refused_and_nothing_is_contacted() {
    let folder = project("x");
    for (text, word) in [
        ("{}", "no version"),
        ("{\"v\": 2}", "version 2"),
        ("nonsense", "not a plan"),
        ("{\"v\": 1, \"playbook\": \"site.yml\", \"hosts\": {}, \"more\": 1}", "more"),
    ] {
        std::fs::write(folder.path().join("plan.json"), text).unwrap();
        let refused = cowhand(folder.path(), &["apply", "--plan", "plan.json"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(5), "{said}");
        assert!(said.contains(word), "{said}");
        assert!(!folder.path().join("f").exists());
    }
}
