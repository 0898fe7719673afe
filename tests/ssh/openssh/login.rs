//! Logging in with what a real `sshd` wants: certificates, agents, more than one thing.
use super::*;

/// Signs a key of the server's folder for whoever runs the tests: `KEY-cert.pub` stands beside it.
fn sign(sshd: &Sshd, key: &str) {
    let ca = sshd.path("ca");
    if !ca.exists() {
        keygen(&["-t", "ed25519", "-N", ""], &ca);
    }
    let status = Command::new("ssh-keygen")
        .args(["-q", "-I", "a person", "-n", &whoami(), "-s"])
        .args([&ca, &sshd.path(&format!("{key}.pub"))])
        .status();
    assert!(status.unwrap().success());
}

/// A server that takes certificates and no keys.
async fn certificates_only() -> Sshd {
    let sshd = Sshd::start("AuthorizedKeysFile none\nTrustedUserCAKeys {dir}/ca.pub").await;
    for key in ["id_ed25519", "id_ecdsa", "id_rsa"] {
        sign(&sshd, key);
    }
    sshd
}

async fn logs_in(options: Options) {
    let user = SshConnect::new(options).shell(None).await.unwrap();
    assert_eq!(says(&user, &["echo", "in"]).await, "in");
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn certificates_log_in_with_files_and_agents() {
    let sshd = certificates_only().await;
    for kind in ["ed25519", "ecdsa", "rsa"] {
        logs_in(sshd.options("ed25519", kind)).await;
    }
    // One that was named, elsewhere, for a key that needs a passphrase.
    keygen(&["-p", "-N", "correct horse"], &sshd.path("id_ecdsa"));
    fs::rename(sshd.path("id_ecdsa-cert.pub"), sshd.path("named")).unwrap();
    let mut options = sshd.options("ed25519", "ecdsa");
    options.certificates = vec![sshd.path("named")];
    options.keyring = Arc::new(Keyring::new(|_| Some(Secret::new("correct horse".into()))));
    logs_in(options).await;

    // An agent that has key and certificate, and one that has the key alone.
    let agent = Agent::start(&sshd, &["id_rsa"]).await;
    let mut options = sshd.options("ed25519", "rsa");
    options.agent = Some(agent.socket.clone());
    options.identities = Identities::Usual(vec![]);
    fs::rename(sshd.path("id_rsa"), sshd.path("gone")).unwrap();
    logs_in(options.clone()).await;
    let added = Command::new("ssh-add")
        .args(["-q", "-d"])
        .arg(sshd.path("id_rsa-cert.pub"))
        .env("SSH_AUTH_SOCK", &agent.socket)
        .status();
    assert!(added.unwrap().success());
    options.identities = Identities::Given(vec![sshd.path("id_rsa.pub")]);
    logs_in(options).await;
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn a_server_that_wants_two_keys_gets_two() {
    let sshd = Sshd::start("AuthenticationMethods publickey,publickey").await;
    let mut options = sshd.options("ed25519", "ed25519");
    let text = refusal(&SshConnect::new(options.clone())).await;
    assert_all(&text, &["one of them was taken, but the server wants more"]);
    options.identities = Identities::Given(vec![sshd.path("id_ed25519"), sshd.path("id_rsa")]);
    logs_in(options).await;
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn a_passphrase_is_asked_for_only_when_the_server_would_take_the_key() {
    let sshd = Sshd::start("").await;
    keygen(&["-t", "ed25519", "-N", "secret"], &sshd.path("stray"));
    let mut options = sshd.options("ed25519", "ed25519");
    options.identities = Identities::Given(vec![sshd.path("stray"), sshd.path("id_ed25519")]);
    options.keyring = Arc::new(Keyring::new(|_| panic!("nobody is to be asked")));
    logs_in(options).await;
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn a_server_that_takes_few_tries_is_told_with_how_many_keys_were_offered() {
    let sshd = Sshd::start("MaxAuthTries 2").await;
    let mut identities = vec![];
    for name in ["stray1", "stray2", "stray3"] {
        keygen(&["-t", "ed25519", "-N", ""], &sshd.path(name));
        identities.push(sshd.path(name));
    }
    identities.push(sshd.path("id_ed25519"));
    let mut options = sshd.options("ed25519", "ed25519");
    options.identities = Identities::Usual(identities);
    let text = refusal(&SshConnect::new(options)).await;
    assert_all(&text, &["too many authentication failures, 2 keys were offered", "stray1"]);
    assert_all(&text, &["MaxAuthTries", "`IdentitiesOnly yes`", "--private-key"]);
}
