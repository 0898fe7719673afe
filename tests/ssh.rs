//! Servers over SSH: the embedded one in every test run, a real OpenSSH server where there is one.
#![expect(clippy::disallowed_methods, reason = "temporary folders and programs are what is tested")]
mod client;
mod openssh;
mod sshd;
mod sudo;
mod trust;

use super::contract::{keeps_the_contract, look, make, path, write};
use cowhand::facts::{Fact, Probe};
use cowhand::secret::Secret;
use cowhand::transport::embedded::{Server, ServerOptions, write_key};
use cowhand::transport::ssh::{Checking, Identities, Keyring, Options, Pin, SshConnect};
use cowhand::transport::{Connect, Escalation, Method, Transport, TransportError};
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

async fn says(shell: &impl Transport, argv: &[&str]) -> String {
    let probe = Probe::Command { argv: argv.iter().map(|&word| word.into()).collect() };
    match shell.observe(&[probe]).await.unwrap().remove(0) {
        Fact::Command(answer) => answer.stdout.text().trim().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_shell_over_ssh_keeps_the_contract() {
    let lab = Lab::new().await;
    let root = lab.path("root");
    fs::create_dir(&root).unwrap();
    keeps_the_contract(&lab.connect(|_| ()), root.to_str().unwrap()).await;
    assert_eq!(lab.server.connections(), 1, "one connection, however many shells");
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
async fn an_unknown_host_is_told_with_the_line_to_add() {
    let lab = Lab::new().await;
    let empty = lab.path("empty");
    let text = lab.refusal(|options| options.known_hosts = vec![empty.clone()]).await;
    let line = lab.server.known_hosts_line();
    assert_all(&text, &["is not known", "ED25519 SHA256:", &line, empty.to_str().unwrap()]);
    assert_eq!(lab.server.channels(), 0);
    fs::write(&empty, line).unwrap();
    lab.connect(|options| options.known_hosts = vec![empty]).shell(None).await.unwrap();
}

#[tokio::test]
async fn a_new_host_is_taken_and_remembered_where_that_was_asked_for() {
    let lab = Lab::new().await;
    let file = lab.path("new/known_hosts");
    let accept = |options: &mut Options| {
        options.checking = Checking::AcceptNew;
        options.known_hosts = vec![file.clone()];
    };
    lab.connect(accept).shell(None).await.unwrap();
    let line = format!("{}\n", lab.server.known_hosts_line());
    assert_eq!(fs::read_to_string(&file).unwrap(), line);
    lab.connect(accept).shell(None).await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), line, "once");
}

#[tokio::test]
async fn a_changed_host_key_is_refused_even_where_new_hosts_are_taken() {
    let lab = Lab::new().await;
    let other = write_key(&lab.path("other")).unwrap();
    let line = format!("# ours\n[127.0.0.1]:{} {other}\n", lab.server.addr.port());
    let file = &lab.options.known_hosts[0];
    fs::write(file, &line).unwrap();
    let text = lab.refusal(|options| options.checking = Checking::AcceptNew).await;
    assert_all(&text, &["has changed", "it was ED25519", &format!("{}:2", file.display())]);
    assert_eq!(text.matches("SHA256:").count(), 2, "{text}");
    assert_eq!(fs::read_to_string(file).unwrap(), line);
}

#[tokio::test]
async fn a_changed_host_key_that_is_let_pass_is_told_no_password() {
    let lab = Lab::with(|_| ServerOptions {
        password: Some("open sesame".into()),
        ..ServerOptions::default()
    })
    .await;
    let other = write_key(&lab.path("other")).unwrap();
    let line = format!("[127.0.0.1]:{} {other}\n", lab.server.addr.port());
    fs::write(&lab.options.known_hosts[0], line).unwrap();
    let lax = |options: &mut Options| options.checking = Checking::Off;
    lab.connect(lax).shell(None).await.unwrap();
    let text = lab
        .refusal(|options| {
            lax(options);
            options.identities = Identities::Usual(vec![]);
            options.password = Some(Secret::new("open sesame".into()));
        })
        .await;
    assert_all(&text, &["no key or password to try"]);
    let password = Some(Secret::new("open sesame".into()));
    let escalation = Escalation { password, ..Escalation::to("mail", Method::Sudo) };
    let error = lab.connect(lax).shell(Some(&escalation)).await.map(drop).unwrap_err();
    assert_eq!(
        error.to_string(),
        "can't become mail: the server's key is not the known one: it gets no password"
    );
}

#[tokio::test]
async fn a_pinned_host_key_is_all_that_counts() {
    let lab = Lab::new().await;
    let line = lab.server.known_hosts_line();
    let key = line.split_once(' ').unwrap().1;
    let other = write_key(&lab.path("other")).unwrap();
    let pin = |text: &str| {
        let pin: Pin = text.parse().unwrap();
        move |options: &mut Options| options.pins = vec![pin]
    };
    let text = lab.refusal(pin(&other)).await;
    assert_all(&text, &["cowhand_host_key pins: that is ED25519 SHA256:", "it shows ED25519"]);
    fs::write(&lab.options.known_hosts[0], "").unwrap();
    lab.connect(pin(key)).shell(None).await.unwrap();
    let shown = lab.refusal(|_| ()).await;
    let fingerprint = shown.split_whitespace().find(|word| word.starts_with("SHA256:")).unwrap();
    lab.connect(pin(fingerprint)).shell(None).await.unwrap();
    fs::write(&lab.options.known_hosts[0], format!("@revoked * {key}\n")).unwrap();
    assert_all(&lab.refusal(pin(key)).await, &["is revoked by"]);
    assert!("SHA256:short".parse::<Pin>().is_err() && "ssh-ed25519".parse::<Pin>().is_err());
}

#[tokio::test]
async fn a_revoked_host_key_is_refused_although_it_is_known() {
    let lab = Lab::new().await;
    let line = lab.server.known_hosts_line();
    let key = line.split_once(' ').unwrap().1;
    fs::write(&lab.options.known_hosts[0], format!("{line}\n@revoked * {key}\n")).unwrap();
    assert_all(&lab.refusal(|_| ()).await, &["is revoked by", "known_hosts:2"]);
}

#[tokio::test]
async fn hashed_names_and_aliases_are_found() {
    let lab = Lab::new().await;
    let file = &lab.options.known_hosts[0];
    keygen(&["-H"], file);
    assert!(fs::read_to_string(file).unwrap().starts_with("|1|"));
    lab.connect(|_| ()).shell(None).await.unwrap();
    let alias = lab.server.known_hosts_line().replace(&format!("[{}]", lab.server.addr.ip()), "x");
    fs::write(file, alias.replace(&format!("x:{}", lab.server.addr.port()), "farm-1")).unwrap();
    lab.connect(|options| options.host_key_alias = Some("farm-1".into()))
        .shell(None)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_wrong_key_is_told_with_what_was_tried() {
    let lab = Lab::new().await;
    let wrong = lab.path("wrong");
    write_key(&wrong).unwrap();
    let identities = Identities::Given(vec![wrong.clone(), lab.path("missing")]);
    let text = lab.refusal(|options| options.identities = identities).await;
    assert_all(&text, &["refuses the login as `root`", "tried ED25519 SHA256:", "publickey"]);
    assert_all(&text, &[wrong.to_str().unwrap(), "missing is not there", "authorized_keys"]);
    let text = lab.refusal(|options| options.identities = Identities::Usual(vec![])).await;
    assert_all(&text, &["there was no key or password to try", "--private-key"]);
}

#[tokio::test]
async fn every_kind_of_key_logs_in_and_its_passphrase_is_asked_for_once() {
    let kinds: &[(&str, &[&str])] = &[
        ("ed25519", &["-t", "ed25519", "-N", ""]),
        ("ecdsa", &["-t", "ecdsa", "-N", ""]),
        ("rsa", &["-t", "rsa", "-b", "2048", "-N", ""]),
        ("pem", &["-t", "rsa", "-b", "2048", "-N", "", "-m", "PEM"]),
        ("encrypted", &["-t", "ed25519", "-N", "correct horse"]),
    ];
    for (name, words) in kinds {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join(name);
        keygen(words, &key);
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        let server = Server::start(ServerOptions {
            authorized_key: Some(public),
            ..ServerOptions::default()
        });
        let server = server.await.unwrap();
        let known_hosts = folder.path().join("known_hosts");
        fs::write(&known_hosts, server.known_hosts_line()).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let keyring = Arc::new(Keyring::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Some(Secret::new("correct horse".into()))
        }));
        let mut options = Options::new("127.0.0.1", "root");
        options.port = server.addr.port();
        options.known_hosts = vec![known_hosts];
        options.identities = Identities::Usual(vec![folder.path().join("missing"), key]);
        options.keyring = keyring;
        for _ in 0..2 {
            let shell = SshConnect::new(options.clone()).shell(None).await;
            let shell = shell.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(says(&shell, &["echo", "in"]).await, "in", "{name}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), usize::from(*name == "encrypted"), "{name}");
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn an_encrypted_key_without_its_passphrase_is_told() {
    let lab = Lab::new().await;
    let key = lab.path("encrypted");
    keygen(&["-t", "ed25519", "-N", "secret"], &key);
    let identities = Identities::Given(vec![key]);
    let text = lab.refusal(|options| options.identities = identities.clone()).await;
    assert_all(&text, &["encrypted is encrypted, and nobody gave its passphrase"]);
    let wrong = Keyring::new(|_| Some(Secret::new("wrong".into())));
    let text = lab
        .refusal(|options| {
            options.identities = identities.clone();
            options.keyring = Arc::new(wrong);
        })
        .await;
    assert_all(&text, &["is encrypted with another passphrase"]);
}

#[tokio::test]
async fn a_password_opens_the_door_when_no_key_does() {
    let lab = Lab::with(|_| ServerOptions {
        password: Some("open sesame".into()),
        ..ServerOptions::default()
    })
    .await;
    let with = |password: &'static str| {
        move |options: &mut Options| {
            options.identities = Identities::Usual(vec![]);
            options.password = Some(Secret::new(password.into()));
        }
    };
    lab.connect(with("open sesame")).shell(None).await.unwrap();
    let text = lab.refusal(with("hunter2")).await;
    assert_all(&text, &["tried password"]);
    assert!(!text.contains("hunter2"));
}

#[tokio::test]
async fn a_host_that_is_down_or_speaks_another_language_is_told() {
    let lab = Lab::new().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let text = lab.refusal(|options| options.port = port).await;
    assert_all(&text, &[&format!("127.0.0.1:{port} refuses connections"), "ansible_port"]);
    let text = lab.refusal(|options| options.host = "no-such-host.invalid".into()).await;
    assert_all(&text, &["can't resolve `no-such-host.invalid`", "ansible_host"]);

    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = mute.local_addr().unwrap().port();
    let begun = Instant::now();
    let text = lab
        .refusal(|options| {
            options.port = port;
            options.connect_timeout = Duration::from_secs(1);
        })
        .await;
    assert_all(&text, &["doesn't answer within 1 seconds"]);
    assert!(begun.elapsed() < Duration::from_secs(5));

    let web = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = web.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = web.accept().await {
            use tokio::io::AsyncWriteExt as _;
            let _ = stream.write_all(b"HTTP/1.1 400 \x1b[2JBad Request\r\n\r\n").await;
        }
    });
    assert_all(&lab.refusal(|options| options.port = port).await, &["no SSH handshake with"]);
}

#[tokio::test]
async fn a_server_that_goes_away_is_a_lost_connection() {
    let lab = Lab::new().await;
    let door = lab.connect(|_| ());
    let shell = door.shell(None).await.unwrap();
    assert_eq!(says(&shell, &["echo", "in"]).await, "in");
    drop(lab.server);
    let error = shell.observe(&[Probe::Owed]).await.unwrap_err();
    assert!(matches!(error, TransportError::Lost { in_change: false }), "{error:?}");
    assert_all(&refusal(&door).await, &["refuses connections"]);
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

#[tokio::test]
async fn handshakes_are_as_many_at_a_time_as_the_semaphore_says() {
    let lab = Lab::new().await;
    let semaphore = Arc::new(tokio::sync::Semaphore::new(0));
    let door = Arc::new(lab.connect(|options| options.handshakes = vec![semaphore.clone()]));
    let waiting = tokio::spawn({
        let door = door.clone();
        async move { door.shell(None).await.map(drop) }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(lab.server.connections(), 0);
    semaphore.add_permits(1);
    waiting.await.unwrap().unwrap();
    assert_eq!(semaphore.available_permits(), 1, "the permit is given back after the login");
}
