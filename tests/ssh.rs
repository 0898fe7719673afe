//! Servers over SSH: the embedded one in every test run, a real OpenSSH server where there is one.
#![expect(clippy::disallowed_methods, reason = "temporary folders and programs are what is tested")]
mod answers;
mod client;
mod courtesy;
mod host_keys;
mod hostile;
mod login;
mod openssh;
mod reach;
mod sshd;
mod sudo;
mod trust;

pub(crate) use sshd::whoami;

use super::contract::{keeps_the_contract, look, make, path, write};
use cowhand::facts::{Fact, Probe};
use cowhand::secret::Secret;
use cowhand::transport::embedded::{Server, ServerOptions, write_key};
use cowhand::transport::ssh::{Checking, Identities, Keyring, Options, Pin, SshConnect};
use cowhand::transport::{Connect, Escalation, Method, Transport, TransportError};
use russh::keys::{Algorithm, PrivateKey};
use russh::{MethodKind, MethodSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The embedded server, somebody who may log in there, and a folder that vanishes with them.
struct Lab {
    folder: tempfile::TempDir,
    server: Server,
    options: Options,
}

impl Lab {
    async fn new() -> Self {
        Self::with(|_| ServerOptions::default()).await
    }

    async fn with(adapt: impl FnOnce(&Lab0) -> ServerOptions) -> Self {
        let lab = Lab0(tempfile::tempdir().unwrap());
        let key = lab.path("id");
        let adapted = adapt(&lab);
        let mut env = vec![("COWHAND_STATE".to_owned(), lab.path("state").display().to_string())];
        env.extend(adapted.env);
        let authorized_key = Some(write_key(&key).unwrap());
        let server = Server::start(ServerOptions { authorized_key, env, ..adapted }).await.unwrap();
        let known_hosts = lab.path("known_hosts");
        fs::write(&known_hosts, server.known_hosts_line()).unwrap();
        let mut options = Options::new(server.addr.ip().to_string(), "root");
        options.port = server.addr.port();
        options.identities = Identities::Given(vec![key]);
        options.known_hosts = vec![known_hosts];
        Self { folder: lab.0, server, options }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn connect(&self, adapt: impl FnOnce(&mut Options)) -> SshConnect {
        let mut options = self.options.clone();
        adapt(&mut options);
        SshConnect::new(options)
    }

    /// What a host that can't be reached is told with.
    async fn refusal(&self, adapt: impl FnOnce(&mut Options)) -> String {
        refusal(&self.connect(adapt)).await
    }
}

/// The folder before there is a server.
struct Lab0(tempfile::TempDir);

impl Lab0 {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A `PATH` in which a script of ours stands before everything else.
    fn path_with(&self, name: &str, script: &str) -> (String, String) {
        let bin = self.path("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join(name), script).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        ("PATH".into(), path)
    }
}

async fn refusal(door: &SshConnect) -> String {
    match door.shell(None).await {
        Err(error @ (TransportError::Unreachable { .. } | TransportError::NewHost(_))) => {
            let text = format!("{error}\n{}", error.help().unwrap_or_default());
            assert!(!text.contains('\x1b'), "{text:?}");
            text
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it let us in"),
    }
}

fn assert_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
}

fn keygen(words: &[&str], file: &std::path::Path) {
    let made = Command::new("ssh-keygen").arg("-q").args(words).arg("-f").arg(file).status();
    assert!(made.unwrap().success());
}

pub(crate) async fn says(shell: &impl Transport, argv: &[&str]) -> String {
    let probe = Probe::Command { argv: argv.iter().map(|&word| word.into()).collect() };
    match shell.observe(&[probe]).await.unwrap().remove(0) {
        Fact::Command(answer) => answer.stdout.text().trim().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// Options that lead to a server of a test's own making, whose key is known; the folder is for more.
async fn serving<H>(guest: H, method: MethodKind) -> (tempfile::TempDir, Options)
where
    H: russh::server::Handler + Clone + Send + 'static,
    H::Error: std::fmt::Debug,
{
    let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
    let public = key.public_key().to_openssh().unwrap();
    let config = Arc::new(russh::server::Config {
        keys: vec![key],
        methods: MethodSet::from([method].as_slice()),
        auth_rejection_time: Duration::from_millis(5),
        ..russh::server::Config::default()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (config, guest) = (config.clone(), guest.clone());
            tokio::spawn(async move {
                if let Ok(session) = russh::server::run_stream(config, stream, guest).await {
                    let _ = session.await;
                }
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let known = folder.path().join("known_hosts");
    fs::write(&known, format!("[127.0.0.1]:{port} {public}\n")).unwrap();
    let mut options = Options::new("127.0.0.1", "root");
    (options.port, options.known_hosts) = (port, vec![known]);
    (folder, options)
}

#[tokio::test]
async fn a_shell_over_ssh_keeps_the_contract() {
    let lab = Lab::new().await;
    let root = lab.path("root");
    fs::create_dir(&root).unwrap();
    keeps_the_contract(&lab.connect(|_| ()), root.to_str().unwrap()).await;
    assert_eq!(
        lab.server.connections(),
        2,
        "one connection, however many shells, and a new one to confirm"
    );
}

#[tokio::test]
async fn looking_costs_one_connection_one_channel_and_one_batch() {
    let lab = Lab::new().await;
    let door = lab.connect(|_| ());
    assert_eq!(lab.server.connections(), 0, "nothing is dialled before it is needed");
    let shell = door.shell(None).await.unwrap();
    let probes: Vec<Probe> = (0..100).map(|n| path(&format!("/nowhere/{n}"), true)).collect();
    look(&shell, &probes).await;
    assert_eq!(shell.batches(), 1);
    assert_eq!((door.channels(), lab.server.channels(), lab.server.connections()), (1, 1, 1));
}

#[tokio::test]
async fn a_big_file_arrives_whole() {
    let lab = Lab::new().await;
    let shell = lab.connect(|_| ()).shell(None).await.unwrap();
    let (file, big) = (lab.path("big"), "0123456789abcde\n".repeat(400_000));
    let file = file.to_str().unwrap();
    make(&shell, &[write(file, big.as_str(), None)]).await;
    assert!(fs::read_to_string(file).unwrap() == big);
    let seen = look(&shell, &[Probe::Content { path: file.into() }]).await;
    assert!(seen.content(file).unwrap().unwrap().text() == big);
}

#[tokio::test]
async fn a_dropped_shell_closes_its_channel_and_a_closed_door_its_shells() {
    let lab = Lab::new().await;
    let door = lab.connect(|_| ());
    drop(door.shell(None).await.unwrap());
    let shell = door.shell(None).await.unwrap();
    assert_eq!(says(&shell, &["echo", "in"]).await, "in");
    assert_eq!((lab.server.connections(), lab.server.channels()), (1, 2));
    door.close().await;
    let error = shell.observe(&[Probe::Owed]).await.unwrap_err();
    assert!(matches!(error, TransportError::Lost { in_change: false }), "{error:?}");
}
