//! The program as a command: what is wrong with a project is told with its place, and nothing is
//! contacted. The one host of these projects is a socket that would notice.
#![expect(clippy::disallowed_methods, reason = "the program and its project are what is tested")]
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

/// A run's end.
struct Told {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    contacted: bool,
}

/// What `cowhand` says of a project with that playbook.
fn told(playbook: &str, arguments: &[&str]) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    host.set_nonblocking(true).unwrap();
    let inventory = format!(
        "mailcow:\n  hosts:\n    mail:\n      ansible_host: 127.0.0.1\n      ansible_port: {}\n",
        host.local_addr().unwrap().port()
    );
    std::fs::write(folder.path().join("hosts.yml"), inventory).unwrap();
    std::fs::write(folder.path().join("site.yml"), playbook).unwrap();
    let roles = Path::new(env!("CARGO_MANIFEST_DIR")).join("roles");
    std::os::unix::fs::symlink(roles, folder.path().join("roles")).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_cowhand"))
        .current_dir(folder.path())
        .args(["apply", "site.yml", "-i", "hosts.yml", "--timeout", "2"])
        .args(arguments)
        .env("HOME", folder.path())
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let contacted = match host.accept() {
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        accepted => accepted.is_ok(),
    };
    let [stdout, stderr] =
        [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap());
    Told { code: ended.status.code(), stdout, stderr, contacted }
}

/// Refused before anything is contacted, with the place and each of the words.
#[track_caller]
fn refused(playbook: &str, arguments: &[&str], place: &str, words: &[&str]) {
    let Told { code, stdout, stderr, contacted } = told(playbook, arguments);
    assert_eq!((code, contacted), (Some(5), false), "{stdout}\n{stderr}");
    assert_eq!(stdout, "");
    assert!(stderr.contains(place), "{place} in:\n{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word} in:\n{stderr}");
    }
    assert!(stderr.contains("nothing was contacted"), "{stderr}");
}

#[test]
fn the_host_of_these_projects_would_notice_a_connection() {
    let told = told("- hosts: mail\n  tasks:\n    - command: uptime\n", &[]);
    assert_eq!((told.code, told.contacted), (Some(4), true), "{}", told.stderr);
}

#[test]
fn a_misspelt_key_is_refused_with_its_place_and_the_right_one() {
    let playbook = "- hosts: mail\n  tasks:\n    - command: uptime\n      regsiter: up\n";
    refused(playbook, &[], "site.yml:4:7", &["regsiter", "did you mean", "register"]);
}

#[test]
fn a_misspelt_module_is_refused_with_its_place_and_the_right_one() {
    let playbook =
        "- hosts: mail\n  tasks:\n    - mailcow_fatcs:\n        project_src: /opt/mailcow\n";
    refused(playbook, &[], "site.yml:3:7", &["mailcow_fatcs", "did you mean", "mailcow_facts"]);
}

#[test]
fn a_misspelt_option_is_refused_with_its_place_and_the_right_one() {
    let playbook = "- hosts: mail\n  tasks:\n    - file:\n        path: /a\n        stat: absent\n";
    refused(playbook, &[], "site.yml:5:9", &["stat", "did you mean", "state"]);
}

#[test]
fn a_misspelt_handler_is_refused_with_its_place_and_the_right_one() {
    let playbook = "- hosts: mail
  tasks:
    - file: {path: /a, state: absent}
      notify: Restart ngnix
  handlers:
    - name: Restart nginx
      command: nginx -s reload
";
    refused(playbook, &[], "site.yml:4:15", &["Restart ngnix", "did you mean", "Restart nginx"]);
}

#[test]
fn a_misspelt_variable_is_refused_with_its_place_and_the_right_one() {
    let playbook = "- hosts: mail
  vars:
    mail_dir: /opt/mail
  tasks:
    - file:
        path: '{{ mial_dir }}'
        state: absent
";
    refused(playbook, &[], "site.yml:6:", &["mial_dir", "did you mean", "mail_dir"]);
}

#[test]
fn a_misspelt_variable_of_the_role_is_refused_with_the_right_one() {
    let playbook = "- hosts: mail
  roles:
    - role: mailcow_hardening
      vars:
        mailcow_hardening_gzip_of: false
";
    refused(
        playbook,
        &[],
        "site.yml:5:",
        &["mailcow_hardening_gzip_of", "mailcow_hardening_gzip_off"],
    );
}

#[test]
fn a_value_that_the_role_can_t_take_is_refused_before_anything_is_contacted() {
    let playbook = "- hosts: mail\n  roles: [mailcow_hardening]\n";
    let extra = ["-e", "mailcow_hardening_smtp_tls_ciphers=hihg"];
    refused(playbook, &extra, "mailcow_hardening", &["hihg", "high"]);
}

#[test]
fn a_host_and_an_inventory_that_are_not_there_are_told_before_anything_is_contacted() {
    for (arguments, name) in [(["-l", "mial"], "mial"), (["-i", "no-such.yml"], "no-such.yml")] {
        let told = told("- hosts: mail\n  tasks:\n    - command: uptime\n", &arguments);
        assert_eq!((told.code, told.contacted), (Some(5), false), "{}", told.stderr);
        assert!(told.stderr.contains(name), "{}", told.stderr);
    }
}

#[test]
fn facts_that_can_not_be_had_are_refused_and_not_ignored() {
    let show = |play: &str, name: &str| {
        format!("- hosts: mail\n{play}  tasks:\n    - debug:\n        msg: \"{{{{ {name} }}}}\"\n")
    };
    let playbook = show("  gather_facts: false\n", "ansible_distribution");
    refused(
        &playbook,
        &[],
        "site.yml:5:18",
        &["ansible_distribution", "remove `gather_facts: false`"],
    );
    let playbook = show("", "ansible_python_version");
    refused(&playbook, &[], "site.yml:4:18", &["ansible_python_version", "runs Python"]);
    let playbook = show("", "ansible_distributon");
    refused(&playbook, &[], "site.yml:4:18", &["did you mean `ansible_distribution`?"]);
    let playbook = show("  gather_subset: [\"!all\", networks]\n", "ansible_hostname");
    refused(&playbook, &[], "site.yml:2:", &["networks", "did you mean `network`?"]);
    let playbook = show("  gather_timeout: soon\n", "ansible_hostname");
    refused(&playbook, &[], "site.yml:2:", &["gather_timeout"]);
}

#[test]
fn lists_and_lint_say_what_is_there_and_contact_nobody() {
    let playbook =
        "- hosts: mail\n  tasks:\n    - name: look\n      command: uptime\n      tags: [x]\n";
    for (flag, word) in [
        ("--list-hosts", "      mail\n"),
        ("--list-tasks", "      look\ttags: [x]\n"),
        ("--list-tags", "tags: [x]"),
        ("--syntax-check", "playbook: site.yml"),
    ] {
        let told = told(playbook, &[flag]);
        assert_eq!((told.code, told.contacted), (Some(0), false), "{flag}: {}", told.stderr);
        assert!(told.stdout.contains(word), "{flag}: {}", told.stdout);
    }
}

/// Whom a run becomes, and by what: the words that the program for it was called with.
fn becomes(play: &str, variables: &str, flags: &[&str]) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    let script = "#!/bin/sh\nprintf '%s\\n' \"$*\" >\"$0.log\"\nexit 1\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = format!("- hosts: all\n  gather_facts: false\n{play}  tasks:\n    - command: id\n");
    std::fs::write(folder.path().join("site.yml"), text).unwrap();
    let host = format!(
        "here ansible_connection=local ansible_become_exe={} {variables}\n",
        program.display()
    );
    std::fs::write(folder.path().join("hosts"), host).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_cowhand"))
        .current_dir(folder.path())
        .args(["apply", "site.yml", "-i", "hosts", "-F", "none"])
        .args(flags)
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    std::fs::read_to_string(folder.path().join("program.log"))
        .unwrap_or_else(|_| String::from_utf8(ended.stdout).unwrap())
}

#[test]
fn flags_say_whom_to_become_where_neither_playbook_nor_inventory_does() {
    let by_sudo = |user: &str| format!("-H -n -u {user} -- ");
    let with = |more: &[&'static str]| [&["--become-user", "flag"], more].concat();
    for (play, variables, flags, begins) in [
        ("", "", with(&["-b"]), by_sudo("flag")),
        ("  become: true\n", "", with(&[]), by_sudo("flag")),
        ("  become_user: play\n", "", with(&["-b"]), by_sudo("play")),
        ("  become_user: play\n", "ansible_become_user=host", with(&["-b"]), by_sudo("host")),
        ("", "ansible_become_user=host", with(&["-b"]), by_sudo("host")),
        ("", "", with(&["-b", "--become-method", "doas"]), "-n -u flag ".into()),
        ("", "", with(&["-b", "--become-method", "community.general.su"]), "flag -c ".into()),
        ("  become_method: sudo\n", "", with(&["-b", "--become-method", "su"]), by_sudo("flag")),
        (
            "",
            "ansible_become_method=su",
            with(&["-b", "--become-method", "doas"]),
            "flag -c ".into(),
        ),
    ] {
        let called = becomes(play, variables, &flags);
        assert!(called.starts_with(&begins), "{play}{variables} {flags:?}: {called}");
    }
    // Whom, without whether, is nobody.
    assert!(becomes("", "", &with(&[])).contains("changed       here"), "it runs as who we are");
    let told = told("- hosts: all\n", &["--become-method", "runas"]);
    assert!(
        told.code == Some(5) && told.stderr.contains("`runas` is not supported"),
        "{}",
        told.stderr
    );
}
