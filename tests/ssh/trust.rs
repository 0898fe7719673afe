//! `cowhand trust`: keys of new servers in one table, and the project's own `known_hosts`.
use super::*;
use std::fmt::Write as _;
use std::process::{Output, Stdio};

/// Two servers of which nothing is known, and an inventory that names them.
struct Fleet {
    folder: tempfile::TempDir,
    servers: Vec<Server>,
    _mail: Lab,
}

impl Fleet {
    async fn new() -> Self {
        let lab = Lab::new().await;
        let folder = tempfile::tempdir().unwrap();
        let key = fs::read_to_string(lab.path("id")).unwrap();
        fs::write(folder.path().join("id"), key).unwrap();
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.path().join("id"), mode).unwrap();
        let mut servers = vec![];
        let mut hosts = String::new();
        for name in ["mx1", "mx2"] {
            let authorized = public_of(&lab.path("id"));
            let options = ServerOptions { authorized_key: Some(authorized), ..Default::default() };
            let server = Server::start(options).await.unwrap();
            let (port, id) = (server.addr.port(), folder.path().join("id"));
            hosts += name;
            write!(hosts, " ansible_host=127.0.0.1 ansible_port={port} ansible_user=root").unwrap();
            writeln!(hosts, " ansible_ssh_private_key_file={}", id.display()).unwrap();
            servers.push(server);
        }
        fs::write(folder.path().join("hosts"), hosts).unwrap();
        Self { folder, servers, _mail: lab }
    }

    async fn cowhand(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cowhand"));
        command
            .current_dir(self.folder.path())
            .args(words)
            .args(["-i", "hosts"])
            .env("HOME", self.folder.path().join("home"))
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null());
        let Output { status, stdout, stderr } = command.output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code(), text(stdout), text(stderr))
    }

    fn known(&self) -> String {
        fs::read_to_string(self.folder.path().join("known_hosts")).unwrap_or_default()
    }
}

fn public_of(key: &std::path::Path) -> String {
    let said = Command::new("ssh-keygen").arg("-yf").arg(key).output().unwrap();
    String::from_utf8(said.stdout).unwrap()
}

#[tokio::test]
async fn new_servers_are_shown_in_one_table_and_trusted_by_name_of_their_key() {
    let fleet = Fleet::new().await;
    let (code, table, _) = fleet.cowhand(&["trust", "scan"]).await;
    assert_eq!(code, Some(4), "{table}");
    assert_eq!(table.lines().count(), 2, "{table}");
    assert_all(&table, &["  1  mx1  127.0.0.1:", "  2  mx2", "ED25519 SHA256:", "nobody else"]);
    assert!(fleet.servers.iter().all(|server| server.channels() == 0));

    // Without a terminal nothing is asked, and nothing is trusted.
    let (code, _, said) = fleet.cowhand(&["trust", "add"]).await;
    assert_eq!((code, fleet.known().as_str()), (Some(5), ""), "{said}");
    assert_all(&said, &["there is no terminal", "--fingerprint SHA256:"]);
    let (code, said, _) = fleet.cowhand(&["ping"]).await;
    assert_eq!((code, fleet.known().as_str()), (Some(4), ""), "{said}");
    assert_all(&said, &["is not known: it shows ED25519", "cowhand trust add"]);

    let first = table.lines().next().unwrap();
    let fingerprint = first.split_whitespace().find(|word| word.starts_with("SHA256:")).unwrap();
    let (code, said, _) = fleet.cowhand(&["trust", "add", "--fingerprint", fingerprint]).await;
    assert_eq!(code, Some(4), "one is left: {said}");
    assert_eq!(fleet.known(), format!("{}\n", fleet.servers[0].known_hosts_line()));
    let (code, _, _) = fleet.cowhand(&["ping", "mx1"]).await;
    assert_eq!(code, Some(0), "known_hosts beside the inventory is read");
    let (code, said, _) = fleet.cowhand(&["trust", "add", "--all"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fleet.known().lines().count(), 2);
    let (code, said, _) = fleet.cowhand(&["trust", "scan"]).await;
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let (code, said, _) = fleet.cowhand(&["ping"]).await;
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn trusted_keys_are_listed_and_taken_back() {
    let fleet = Fleet::new().await;
    fleet.cowhand(&["trust", "add", "--all"]).await;
    let (_, said, _) = fleet.cowhand(&["trust", "list"]).await;
    assert_all(&said, &["known_hosts:1  [127.0.0.1]:", "known_hosts:2", "ED25519 SHA256:"]);
    let (code, said, _) = fleet.cowhand(&["trust", "remove", "mx1"]).await;
    assert_eq!(code, Some(0));
    assert_all(&said, &["removed mx1 (ED25519 SHA256:"]);
    assert_eq!(fleet.known(), format!("{}\n", fleet.servers[1].known_hosts_line()));
}
