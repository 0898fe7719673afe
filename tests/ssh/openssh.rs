//! Against OpenSSH's own server and agent, where this machine has them. Tests that need them live
//! here and in modules below: `cargo xtask test` counts them as not run where there is no `sshd`.
mod flights;
mod jump;
mod lasting;
mod lockout;
mod login;
mod trust;

use super::sshd::{Sshd, whoami};
use super::*;
use std::process::{Child, Stdio};

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn openssh_keeps_the_contract() {
    let sshd = Sshd::setup().at("127.0.0.9").with("SetEnv COWHAND_STATE={dir}/state");
    let sshd = sshd.start().await;
    let root = sshd.path("root");
    fs::create_dir(&root).unwrap();
    let door = SshConnect::new(sshd.options("ed25519", "ed25519"));
    keeps_the_contract(&door, root.to_str().unwrap()).await;
    assert!(sshd.path("state").exists());
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn openssh_takes_every_kind_of_key_and_shows_the_one_that_is_known() {
    let sshd = Sshd::start("").await;
    for host_kind in ["ed25519", "ecdsa", "rsa"] {
        for key_kind in ["ed25519", "ecdsa", "rsa"] {
            let door = SshConnect::new(sshd.options(host_kind, key_kind));
            let shell = door.shell(None).await;
            let shell = shell.unwrap_or_else(|error| panic!("{host_kind} {key_kind}: {error}"));
            assert_eq!(says(&shell, &["echo", "in"]).await, "in");
        }
    }
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn openssh_says_what_it_takes_when_it_refuses() {
    let sshd = Sshd::start("").await;
    let mut options = sshd.options("ed25519", "ed25519");
    write_key(&sshd.path("wrong")).unwrap();
    options.identities = Identities::Given(vec![sshd.path("wrong")]);
    options.password = Some(Secret::new("hunter2".into()));
    let text = refusal(&SshConnect::new(options)).await;
    assert_all(&text, &["the server takes publickey", "the server takes no passwords"]);
    assert!(!text.contains("hunter2"));
}

/// An agent of our own that holds some of the keys.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Agent {
    async fn start(sshd: &Sshd, keys: &[&str]) -> Self {
        let socket = sshd.path("agent");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !socket.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let add = Command::new("ssh-add")
            .arg("-q")
            .args(keys.iter().map(|key| sshd.path(key)))
            .env("SSH_AUTH_SOCK", &socket)
            .status();
        assert!(add.unwrap().success());
        Self { child, socket }
    }
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn the_agents_keys_log_in_and_given_files_choose_among_them() {
    let sshd = Sshd::start("MaxAuthTries 2").await;
    for name in ["stray1", "stray2", "stray3"] {
        keygen(&["-t", "ed25519", "-N", ""], &sshd.path(name));
    }
    let agent = Agent::start(&sshd, &["id_rsa", "stray1", "stray2", "stray3", "id_ecdsa"]).await;
    let mut options = sshd.options("ed25519", "rsa");
    options.agent = Some(agent.socket.clone());

    // With no file named, the agent's first key, RSA with SHA-2, is the right one.
    options.identities = Identities::Usual(vec![]);
    SshConnect::new(options.clone()).shell(None).await.unwrap();

    // The named one stands behind strays: shown first all the same, its private half only there.
    fs::remove_file(sshd.path("id_ecdsa")).unwrap();
    options.identities = Identities::Given(vec![sshd.path("id_ecdsa")]);
    SshConnect::new(options.clone()).shell(None).await.unwrap();
    options.identities = Identities::Given(vec![sshd.path("id_ecdsa.pub")]);
    SshConnect::new(options.clone()).shell(None).await.unwrap();

    // An agent that isn't there is no reason not to use a file.
    options.agent = Some(sshd.path("nowhere"));
    options.identities = Identities::Given(vec![sshd.path("id_ed25519")]);
    SshConnect::new(options).shell(None).await.unwrap();
}
