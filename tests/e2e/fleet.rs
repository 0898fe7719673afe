//! Hosts that can't be had, beside one that can: errors that help, and the others are done.
use super::lab::{Server, run};
use super::program;
use std::net::TcpListener;

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn a_host_down_a_changed_host_key_and_a_wrong_key_are_told_and_the_other_hosts_are_done() {
    let server = Server::fresh("a1");
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    let key = |name: &str| {
        run(&["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", &place(name)]);
        std::fs::read_to_string(place(&format!("{name}.pub"))).unwrap()
    };
    let other_host_key = key("host");
    key("client");
    let words: Vec<&str> = other_host_key.split_whitespace().take(2).collect();
    let address = format!("[{}]:{}", server.address(), server.ssh_port());
    std::fs::write(place("changed"), format!("{address} {}\n", words.join(" "))).unwrap();
    std::fs::write(place("nobody"), "").unwrap();

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let inventory = folder.path().join("hosts.yml");
    let text = format!(
        "mailcow:
  vars:
    ansible_host: {address}
    ansible_port: {port}
    ansible_user: root
    ansible_ssh_private_key_file: {key}
    cowhand_known_hosts: {known_hosts}
    mailcow_hardening_dir: {dir}
  hosts:
    down: {{ansible_host: 127.0.0.1, ansible_port: {closed}}}
    changed: {{cowhand_known_hosts: {changed}}}
    unknown: {{cowhand_known_hosts: {nobody}}}
    stranger: {{ansible_ssh_private_key_file: {client}}}
    good: {{}}
",
        address = server.address(),
        port = server.ssh_port(),
        key = server.client_key(),
        known_hosts = server.known_hosts(),
        dir = server.mailcow_dir(),
        changed = place("changed"),
        nobody = place("nobody"),
        client = place("client"),
    );
    std::fs::write(&inventory, text).unwrap();

    let ended = program::run("apply", &inventory, &["-D"]).exits(4);
    for (host, words) in [
        ("down", vec!["refuses", "127.0.0.1", &closed.to_string()]),
        ("changed", vec!["changed", &place("changed"), "ssh-keygen"]),
        ("unknown", vec![&place("nobody"), "fingerprint"]),
        ("stranger", vec!["root", "key", &place("client")]),
    ] {
        let why = ended.unreachable(host);
        for word in words {
            assert!(why.contains(word), "{host}: `{word}` in: {why}");
        }
        let recap = ended.recap(host);
        assert!(recap.unreachable && recap.changed == 0 && recap.failed == 0, "{host}: {recap:?}");
    }
    let good = ended.recap("good");
    assert_eq!((good.changed, good.unreachable, good.failed, good.owed), (4, false, 0, 0));
    assert_eq!(server.get("/").all("Cross-Origin-Opener-Policy"), ["same-origin"]);
}
