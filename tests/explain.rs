//! Where values come from, and variables that nothing reads: what `inventory vars explain` and `lint` say.
#![expect(clippy::disallowed_methods, reason = "the program and its project are what is tested")]
use std::process::{Command, Stdio};

const PROJECT: [(&str, &str); 6] = [
    ("hosts", "[web]\na port=1\nb\n"),
    ("group_vars/all.yml", "port: 80\nname: \"{{ port }}x\"\n"),
    ("group_vars/web.yml", "port: 8080\n"),
    ("roles/r/defaults/main.yml", "port: 25\nunused: 1\nspoken_of: 1\n"),
    ("roles/r/tasks/main.yml", "- debug: {msg: '{{ port }} {{ name }} and spoken_of'}\n"),
    ("site.yml", "- hosts: web\n  name: all of it\n  roles: [r]\n"),
];

/// Status, standard output and standard error of a call in that project.
fn called(arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in PROJECT {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut call = Command::new(env!("CARGO_BIN_EXE_cowhand"));
    call.args(arguments).args(["-i", "hosts"]).current_dir(folder.path()).stdin(Stdio::null());
    let ended = call.output().unwrap();
    let [out, err] = [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap());
    (ended.status.code(), out, err)
}

#[test]
fn every_level_of_the_inventory_is_told_with_its_place_and_what_it_shadows() {
    let (code, out, _) = called(&["inventory", "vars", "explain", "a", "port"]);
    let expected = "\
port = 1
  holds    1  host a of the inventory  hosts:2:3
  shadows  8080  group_vars  group_vars/web.yml:1:1
  shadows  80  group_vars  group_vars/all.yml:1:1
";
    assert_eq!((code, out.as_str()), (Some(0), expected));
}

#[test]
fn a_playbook_adds_what_its_plays_and_roles_give_and_the_value_is_rendered() {
    let explain = ["inventory", "vars", "explain", "b"];
    let (_, out, _) = called(&[&explain[..], &["port", "-p", "site.yml", "-e", "port=3"]].concat());
    let expected = "\
play all of it
port = \"3\"
  holds    \"3\"  extra vars  <command line>:1:1
  shadows  8080  group_vars  group_vars/web.yml:1:1
  shadows  80  group_vars  group_vars/all.yml:1:1
  shadows  25  defaults of role r  roles/r/defaults/main.yml:1:1
";
    assert_eq!(out, expected);
    let (_, out, _) = called(&[&explain[..], &["name", "-p", "site.yml"]].concat());
    assert!(out.starts_with("play all of it\nname = \"8080x\"\n"), "{out}");
}

#[test]
fn a_name_that_nothing_defines_is_told_with_the_nearest() {
    let (code, _, err) = called(&["inventory", "vars", "explain", "b", "prot"]);
    assert_eq!(code, Some(5));
    assert!(err.contains("nothing gives `prot` a value for b"), "{err}");
    assert!(err.contains("did you mean `port`?"), "{err}");
}

#[test]
fn lint_warns_of_what_roles_define_and_nothing_names() {
    let (code, out, err) = called(&["lint", "site.yml"]);
    assert_eq!((code, out.as_str()), (Some(0), "site.yml: nothing is wrong\n"));
    assert!(err.contains("warning: nothing reads `unused`"), "{err}");
    assert!(err.contains("roles/r/defaults/main.yml:2:1"), "{err}");
    assert_eq!(err.matches("warning").count(), 1, "{err}");
}
