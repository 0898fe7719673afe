//! Users who are not root.
use super::lab::Server;
use super::program::{self, Ended};
use std::path::Path;

fn inventory(server: &Server, folder: &Path, user: &str) -> std::path::PathBuf {
    let path = folder.join(format!("{user}.yml"));
    let text = format!(
        "mailcow:
  hosts:
    {name}:
      ansible_host: {address}
      ansible_port: {port}
      ansible_user: {user}
      ansible_ssh_private_key_file: {key}
      cowhand_known_hosts: {known_hosts}
      mailcow_hardening_dir: {dir}
",
        name = server.name,
        address = server.address(),
        port = server.ssh_port(),
        key = server.client_key(),
        known_hosts = server.known_hosts(),
        dir = server.mailcow_dir(),
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn sudo_with_and_without_a_password_does_what_root_does_and_a_wrong_password_is_told() {
    let server = Server::fresh("b1");
    let folder = tempfile::tempdir().unwrap();
    let owners =
        |server: &Server| server.sh(&format!("stat -c '%U:%G %a' '{}'", server.nginx_file()));
    let stock = owners(&server);

    let admin = inventory(&server, folder.path(), "admin");
    let applied = program::run("apply", &admin, &[]).exits(0);
    assert_eq!(applied.recap("b1").changed, 4);
    assert_eq!(owners(&server), stock);
    quiet(&program::run("apply", &admin, &[]).exits(0));

    let keeper = inventory(&server, folder.path(), "keeper");
    let vars = |password: &str| {
        let path = folder.path().join("vars.yml");
        std::fs::write(&path, format!("ansible_become_password: '{password}'\n")).unwrap();
        format!("@{}", path.display())
    };
    for (arguments, hint) in
        [(vec![], "password"), (vec!["-e", &vars("no such password")], "password")]
    {
        let files = server.snapshot();
        let refused = program::run("apply", &keeper, &arguments).exits(4);
        let why = refused.unreachable("b1");
        assert!(why.contains("sudo") && why.contains(hint), "{why}");
        assert!(!why.contains("no such password"), "{why}");
        server.snapshot().assert_is(&files);
    }
    server.sh(&format!("sed -i 's/gzip off;/gzip on;/' '{}'", server.nginx_file()));
    let right = vars(server.keeper_password());
    let applied = program::run("apply", &keeper, &["-e", &right]).exits(0);
    assert_eq!(applied.recap("b1").changed, 2);
    assert_eq!(owners(&server), stock);
    quiet(&program::run("apply", &keeper, &["-e", &right]).exits(0));
    assert!(!format!("{:?}", applied.events).contains(server.keeper_password()));
}

/// Nothing changed, over one channel in one round trip.
#[track_caller]
fn quiet(ended: &Ended) {
    let recap = ended.recap("b1");
    assert_eq!((recap.changed, recap.failed, recap.batches, recap.channels), (0, 0, 1, 1));
}
