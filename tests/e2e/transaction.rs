//! What a server is after a run that fails, or that is not alone.
use super::lab::{NGINX, POSTFIX, Server};
use super::owed::StopsAtRestart;
use super::watch::Watch;
use cowhand::event::Outcome;
use serde_json::json;

/// Both files are well-formed. nginx takes its own; Postfix, once it starts, finds an address to listen at
/// that the server does not have, and `postconf` alone can't tell.
const BREAKS_POSTFIX: &str = r#"
- hosts: all
  gather_facts: false
  vars: {dir: "DIR"}
  tasks:
    - mailcow_facts: {project_src: "{{ dir }}"}
    - name: speak of nginx
      lineinfile: {path: "NGINX", insertbefore: BOF, line: '# speaks of nginx'}
      notify: nginx
    - name: break Postfix
      lineinfile: {path: "EXTRA", line: "inet_interfaces = 192.0.2.77", create: true}
      notify: Postfix
  handlers:
    - name: nginx
      docker_compose_v2:
        project_src: "{{ dir }}"
        services: [nginx-mailcow]
        state: restarted
        answers: "{{ mailcow.answers.nginx }}"
        wait_timeout: 60
    - name: Postfix
      docker_compose_v2:
        project_src: "{{ dir }}"
        services: [postfix-mailcow]
        state: restarted
        answers: "{{ mailcow.answers.postfix }}"
        wait_timeout: 60
"#;

/// A playbook in a folder that vanishes with it.
fn playbook(server: &Server) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.yml");
    let text = BREAKS_POSTFIX
        .replace("DIR", server.mailcow_dir())
        .replace("NGINX", &server.nginx_file())
        .replace("EXTRA", &server.extra_cf());
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// Content, owner and mode of every file of the Mailcow folder's configuration. Services touch some of
/// them whenever they start.
fn files(server: &Server) -> String {
    server.sh(&format!(
        "cd '{}/data/conf' && find . -type f -printf '%p %m %U:%G ' -exec sha256sum {{}} \\;",
        server.mailcow_dir()
    ))
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn a_container_that_refuses_to_start_has_its_old_configuration_back_and_answers() {
    let server = Server::fresh("a1");
    server.apply(&[]).exits(0);
    let before = files(&server);
    let (_folder, path) = playbook(&server);
    let watch = Watch::over(&server);
    let failed = server.apply_playbook(&path, &[]).exits(2);
    let failures = failed.failures("a1");
    let [("Postfix", message)] = failures[..] else { panic!("one failure: {failures:?}") };
    assert!(message.contains("postfix-mailcow"), "{message}");
    assert_eq!(failed.tasks("a1", &Outcome::Changed), ["speak of nginx", "break Postfix", "nginx"]);
    let (extra_cf, nginx_file) = (server.extra_cf(), server.nginx_file());
    assert_eq!(
        failed.rolled_back("a1"),
        (vec![extra_cf.as_str(), nginx_file.as_str()], vec!["nginx", "Postfix"], 0)
    );
    let recap = failed.recap("a1");
    assert_eq!((recap.owed, recap.left, recap.rolled_back), (0, 0, true));

    assert_eq!(files(&server), before, "byte for byte");
    assert_eq!(watch.starts()[0], 2, "nginx: with the new configuration, then with the old one");
    assert_eq!(server.get("/").status, 200);
    let held = server.inside(POSTFIX, &["postconf", "-h", "inet_interfaces"]);
    assert_ne!(held.trim(), "192.0.2.77");
    let watch = Watch::over(&server);
    let again = server.apply(&[]).exits(0);
    assert_eq!((again.recap("a1").changed, watch.starts()), (0, [0, 0]));
    assert_eq!(server.sh("ls /var/lib/cowhand"), "owed\nruns\nwritten\n", "the lock is free");
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn of_two_runs_at_once_one_works_and_the_other_says_who_is_at_work() {
    let server = Server::fresh("b2");
    let stopper = StopsAtRestart::at(&server);
    let first = server.start_apply();
    server.sh("timeout 60 cat /tmp/reached");
    let snapshot = server.snapshot();
    let second = server.apply(&["-e", "mailcow_hardening_hsts_max_age=31536000"]).exits(2);
    let lock = second.locked("b2");
    assert!(lock.who.ends_with(&format!("pid {}", first.id())), "{lock:?}");
    assert!(!lock.lapsed() && lock.since > 0, "{lock:?}");
    assert_eq!((second.recap("b2").changed, second.recap("b2").failed), (0, 1));
    server.snapshot().assert_is(&snapshot);
    // A check is no run that changes anything.
    server.check(&["-e", "mailcow_hardening_hsts_max_age=31536000"]).exits(3);
    server.sh("rm -f /usr/local/bin/docker; timeout 60 sh -c 'echo go > /tmp/gate'");
    let ended = first.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    drop(stopper);
    server.apply(&["-e", "mailcow_hardening_hsts_max_age=31536000"]).exits(0);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn a_past_run_is_taken_back_without_its_playbook_unless_something_changed_since() {
    let server = Server::fresh("b1");
    let before = files(&server);
    server.apply(&[]).exits(0);
    let (told, code) = server.ask("history", &[]);
    assert_eq!((told.len(), code), (1, Some(0)));
    assert_eq!((&told[0]["how"], &told[0]["from"]), (&json!("applied"), &json!("127.0.0.1")));
    assert_eq!(told[0]["steps"].as_array().unwrap().len(), 2);

    server.append(&server.extra_cf(), "# mine\n");
    let (told, code) = server.ask("rollback", &[]);
    assert_eq!(code, Some(2), "{told:?}");
    assert_eq!(told[0]["left"], json!([{"what": server.extra_cf(), "why": "was changed since"}]));
    assert_eq!(told[0]["restored"], json!([]), "nothing of a run is touched then");
    server.sh(&format!("sed -i '/^# mine$/d' '{}'", server.extra_cf()));
    assert_eq!(server.ask("owed", &[]), (vec![], Some(0)));

    let watch = Watch::over(&server);
    let run = server.ask("history", &[]).0[0]["run"].as_str().unwrap().to_owned();
    let (told, code) = server.ask("rollback", &["--run", &run[..6]]);
    assert_eq!(code, Some(0), "{told:?}");
    assert_eq!(told[0]["restored"].as_array().unwrap().len(), 2);
    assert_eq!(told[0]["again"].as_array().unwrap().len(), 2);
    assert_eq!(watch.starts(), [1, 1]);
    assert_eq!(files(&server), before);
    assert_eq!(server.get("/").status, 200);
    assert_ne!(server.container(NGINX), server.container(POSTFIX));
    assert_eq!(server.ask("rollback", &[]).1, Some(2), "there is nothing left to take back");
    server.apply(&[]).exits(0);
}
