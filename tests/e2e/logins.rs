//! Logging in and becoming somebody else on real servers of four suites of Debian: their sshd, `sudo`, `su`,
//! `doas`, their shells, and a server on which there is busybox alone.
mod gate;

use gate::{Gate, PASSWORD, Pongs, ROOTS, SUITES, cowhand, keygen};
use serde_json::{Value, json};
use std::fs;

/// Variables of a host that becomes root in that way.
fn becoming(method: &str, password: Option<&str>) -> Value {
    json!({
        "ansible_become": true,
        "ansible_become_method": method,
        "ansible_become_password": password,
    })
}

/// The same for another login user.
fn as_user(user: &str, mut vars: Value) -> Value {
    vars["ansible_user"] = user.into();
    vars
}

fn with(mut vars: Value, name: &str, value: &str) -> Value {
    vars[name] = value.into();
    vars
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn every_method_becomes_root_on_every_suite() {
    let sudo = || becoming("sudo", Some(PASSWORD));
    let doas = || becoming("doas", Some(PASSWORD));
    for suite in SUITES {
        let gate = Gate::of(suite, &[]);
        let mut hosts = vec![
            ("admin", becoming("sudo", None)),
            ("keeper", sudo()),
            // These two must have a terminal.
            ("typist", sudo()),
            ("clerk", becoming("sudo", None)),
            // A login shell as root, whose .profile runs.
            ("login-shell", as_user("keeper", with(sudo(), "ansible_become_flags", "-i"))),
            ("elsewhere", as_user("keeper", with(sudo(), "ansible_sudo_chdir", "/"))),
            ("su", as_user("stranger", becoming("su", Some(ROOTS)))),
            (
                "su-login",
                as_user("stranger", with(becoming("su", Some(ROOTS)), "ansible_su_flags", "-")),
            ),
            ("doas", as_user("keeper", doas())),
            ("doas-silent", as_user("admin", becoming("doas", None))),
        ];
        if ["trixie", "sid"].contains(&suite) {
            hosts.push(("rust", as_user("keeper", with(sudo(), "ansible_become_exe", "sudo-rs"))));
        }
        let pongs = gate.ping(&hosts);
        hosts.iter().for_each(|(host, _)| pongs.is(host, "root"));
        // Who is told no password in the command line leaves none in the logs of the server.
        let logs = "cat /var/log/auth.log /var/log/sudo.log 2>/dev/null || true";
        assert!(!gate.sh(logs).contains(PASSWORD));
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn whoever_is_refused_is_told_why_and_what_to_do() {
    let gate = Gate::of("trixie", &[]);
    let keeper = |method: &str, password: &str| as_user("keeper", becoming(method, Some(password)));
    let ghost = |method| with(keeper(method, PASSWORD), "ansible_become_user", "ghost");
    let cases = [
        ("sudo-wrong", keeper("sudo", "no"), "sudo doesn't take the password", "login user"),
        ("su-wrong", keeper("su", PASSWORD), "su doesn't take the password", "user to become"),
        ("doas-wrong", keeper("doas", "no"), "doas doesn't take the password", "login user"),
        ("sudo-none", as_user("keeper", becoming("sudo", None)), "password is required", "-K"),
        ("su-none", as_user("keeper", becoming("su", None)), "su asks for a password", "-K"),
        ("doas-none", as_user("keeper", becoming("doas", None)), "Authentication required", "-K"),
        ("stranger", becoming("sudo", Some(PASSWORD)), "not in the sudoers file", "to sudoers"),
        (
            "doas-not",
            as_user("stranger", becoming("doas", Some(PASSWORD))),
            "not permitted",
            "doas.conf",
        ),
        ("sudo-ghost", ghost("sudo"), "unknown user ghost", "is become_user right?"),
        ("su-ghost", ghost("su"), "ghost does not exist", "is become_user right?"),
        ("doas-ghost", ghost("doas"), "unknown user", "is become_user right?"),
        (
            "missing",
            with(keeper("sudo", PASSWORD), "ansible_become_exe", "/opt/sudo"),
            "/opt/sudo: not found",
            "become_method or become_exe",
        ),
        (
            "su-gone",
            as_user("root", with(becoming("su", None), "ansible_become_user", "gone")),
            "not available",
            "-s /bin/sh",
        ),
    ];
    let hosts: Vec<_> = cases.iter().map(|(host, vars, ..)| (*host, vars.clone())).collect();
    let pongs = gate.ping(&hosts);
    for (host, _, why, help) in &cases {
        let said = pongs.of_host(host);
        let (told, advice) = said.split_once("help: ").unwrap_or_else(|| panic!("{said}"));
        assert!(told.contains("can't become ") && told.contains(why), "{said}");
        assert!(advice.contains(help), "{said}");
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn noise_and_odd_login_shells_are_told_apart_from_answers() {
    let sudo = || becoming("sudo", Some(PASSWORD));
    let to = |user: &str, flags: &str| {
        let vars = with(becoming("su", None), "ansible_become_user", user);
        as_user(
            "root",
            if flags.is_empty() { vars } else { with(vars, "ansible_become_flags", flags) },
        )
    };
    for suite in SUITES {
        let gate = Gate::of(suite, &[]);
        let motd = "yes motd | head -n 500 > /etc/motd; printf 'Password: ' > /etc/issue.net";
        gate.sh(motd);
        let pongs = gate.ping(&[
            ("noisy", json!({})),
            ("fish", json!({})),
            ("tcsh", json!({})),
            ("noisy-sudo", as_user("noisy", sudo())),
            ("noisy-su", as_user("noisy", becoming("su", Some(ROOTS)))),
            ("fish-sudo", as_user("fish", sudo())),
            ("tcsh-sudo", as_user("tcsh", sudo())),
            ("to-fish", to("fish", "")),
            ("to-tcsh", to("tcsh", "")),
            ("to-noisy", to("noisy", "-l")),
            ("to-gone", to("gone", "-s /bin/sh")),
            ("caged", json!({})),
            ("gone", json!({})),
            ("forced", json!({})),
            ("silent", json!({})),
        ]);
        for (host, user) in [
            ("noisy", "noisy"),
            ("fish", "fish"),
            ("tcsh", "tcsh"),
            ("noisy-sudo", "root"),
            ("noisy-su", "root"),
            ("fish-sudo", "root"),
            ("tcsh-sudo", "root"),
            ("to-fish", "fish"),
            ("to-tcsh", "tcsh"),
            ("to-noisy", "noisy"),
            ("to-gone", "gone"),
        ] {
            pongs.is(host, user);
        }
        for (host, why) in [
            ("caged", "restricted"),
            ("gone", "This account is currently not available."),
            ("forced", "only backups here"),
            ("silent", "ended without a word"),
        ] {
            let said = pongs.of_host(host);
            assert!(said.contains("no shell that we can use: ") && said.contains(why), "{said}");
        }
    }
}

/// A little of everything that changes files, and what looks at them.
const SMALL: &str = r#"
- hosts: root
  tasks:
    - file: { path: /srv/small/deep, state: directory, mode: '0750' }
    - copy: { dest: /srv/small/one, content: "one\ntwo\n", mode: '0640', force: false }
    - lineinfile: { path: /srv/small/one, line: three }
    - replace: { path: /srv/small/one, regexp: two, replace: TWO }
    - blockinfile: { path: /srv/small/one, block: "four\nfive" }
    - file: { src: one, dest: /srv/small/link, state: link }
    - file: { path: /srv/old, state: absent }
    - copy: { dest: /srv/small/kept, content: "new\n", backup: false }
    - command: { cmd: touch /root/made, creates: /root/made }
    - shell: { cmd: echo $((6 * 7)) }
      register: sum
      changed_when: false
      check_mode: false
    - stat: { path: /srv/small/one }
      register: one
    - slurp: { src: /srv/small/link }
      register: read
    - find: { paths: /srv/small, patterns: 'o*' }
      register: found
    - wait_for: { path: /root/made, timeout: 5 }
    - assert:
        that:
          - sum.stdout == '42'
          - one.stat.mode == '0640'
          - (read.content | b64decode).splitlines()[:3] == ['one', 'TWO', 'three']
          - found.matched == 1
"#;

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn a_server_of_busybox_alone_is_changed_and_brought_back() {
    for suite in ["bookworm", "trixie", "sid"] {
        let gate = Gate::of(suite, &["busybox"]);
        let boxes = "for tool in sh stat sha256sum base64 su; do readlink -f /usr/bin/$tool; done";
        assert_eq!(gate.sh(boxes), "/usr/bin/busybox\n".repeat(5), "{suite}");
        gate.sh("mkdir -p /srv/small; echo old > /srv/old; echo old > /srv/small/kept");
        let root = ("root", json!({}));
        let su = ("su", as_user("stranger", becoming("su", Some(ROOTS))));
        let wrong = ("wrong", as_user("stranger", becoming("su", Some("no"))));
        let pongs = gate.ping(&[root.clone(), su, wrong]);
        pongs.is("root", "root");
        pongs.is("su", "root");
        let said = pongs.of_host("wrong");
        assert!(said.contains("su doesn't take the password"), "{said}");

        let inventory = gate.inventory(&[root]);
        let inventory = inventory.to_str().unwrap();
        let playbook = gate.path("small.yml");
        fs::write(&playbook, SMALL).unwrap();
        let play = |verb: &str| {
            let playbook = playbook.to_str().unwrap();
            cowhand(&[verb, playbook, "-i", inventory, "-F", "none", "--no-progress"])
        };
        let before = gate.sh("cd /srv; find . | sort; cat old small/kept");
        let (said, code) = play("apply");
        assert_eq!(code, Some(0), "{suite}: {said}");
        assert_eq!(gate.sh("head -n 3 /srv/small/link"), "one\nTWO\nthree\n");
        for verb in ["check", "apply"] {
            let (said, code) = play(verb);
            assert_eq!(code, Some(0), "{suite} {verb}: {said}");
            assert!(verb == "check" || said.contains(" 0 changed"), "{suite}: {said}");
        }
        let (said, code) = cowhand(&["rollback", "root", "-i", inventory, "-F", "none"]);
        assert_eq!(gate.sh("cd /srv; find . | sort; cat old small/kept"), before, "{said}");
        assert_eq!(code, Some(0), "{suite}: {said}");
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn a_tool_that_a_server_lacks_is_named() {
    let gate = Gate::of("trixie", &[]);
    gate.sh("rm /usr/bin/sha256sum /usr/bin/mktemp");
    let said = gate.ping(&[("root", json!({}))]).of_host("root");
    assert!(said.contains("the server lacks sha256sum, mktemp"), "{said}");
    // Busybox 1.30 was built without it.
    let said = Gate::of("bullseye", &["busybox"]).ping(&[("root", json!({}))]).of_host("root");
    assert!(said.contains("the server lacks base64"), "{said}");
}

/// The servers' names that certificates are for, and whom they let in.
fn certify(folder: &std::path::Path) {
    let ca = folder.join("ca");
    keygen(&["-t", "ed25519", "-N", "", "-f"], &ca);
    let ca = ca.to_str().unwrap();
    keygen(&["-s", ca, "-I", "last", "-h", "-n", "last"], &folder.join("host_ed25519.pub"));
    keygen(&["-s", ca, "-I", "a person", "-n", "admin"], &folder.join("id.pub"));
    let lines = "HostCertificate /lab/host_ed25519-cert.pub\nTrustedUserCAKeys /lab/ca.pub\n\
                 AuthorizedKeysFile none\nPasswordAuthentication no\n";
    fs::write(folder.join("sshd.conf"), lines).unwrap();
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn certificates_log_in_through_two_bastions_to_every_sshd() {
    let [first, second] = ["bullseye", "sid"].map(|suite| Gate::of(suite, &[]));
    for suite in SUITES {
        let last = Gate::prepared(suite, &[], certify);
        let ca = fs::read_to_string(last.path("ca.pub")).unwrap();
        let known = format!(
            "first {}\nsecond {}\n@cert-authority last {ca}",
            first.host_key(),
            second.host_key()
        );
        fs::write(last.path("known_hosts"), known).unwrap();
        let config = format!(
            "Host *\n  UserKnownHostsFile {known}\n  IdentitiesOnly yes\n\
             Host first\n  HostKeyAlias first\n  HostName 127.0.0.1\n  Port {port}\n  User keeper\n  IdentityFile {one}\n\
             Host second\n  HostKeyAlias second\n  HostName {two_at}\n  User fish\n  IdentityFile {two}\n\
             Host last\n  HostKeyAlias last\n  HostName {last_at}\n  User admin\n  IdentityFile {three}\n  ProxyJump first,second\n",
            known = last.path("known_hosts").display(),
            port = first.port(),
            one = first.path("id").display(),
            two_at = second.inner_address(),
            two = second.path("id").display(),
            last_at = last.inner_address(),
            three = last.path("id").display(),
        );
        let file = last.path("ssh_config");
        fs::write(&file, config).unwrap();
        let file = file.to_str().unwrap();
        Pongs::of(&["-i", "last,", "-F", file, "--become"]).is("last", "root");
        // Without its certificate the key opens nothing there.
        fs::remove_file(last.path("id-cert.pub")).unwrap();
        let said = Pongs::of(&["-i", "last,", "-F", file]).of_host("last");
        assert!(said.contains("refuses the login as `admin`"), "{suite}: {said}");
    }
}
