//! Logging in at the embedded server: keys of every kind, passphrases, passwords.
use super::*;

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
async fn a_passphrase_is_asked_for_once_however_many_hosts_want_the_key_at_the_same_time() {
    let lab = Lab::new().await;
    let (key, asked) = (lab.path("id"), Arc::new(AtomicUsize::new(0)));
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&key, mode).unwrap();
    keygen(&["-p", "-P", "", "-N", "correct horse"], &key);
    let counter = asked.clone();
    let keyring = Arc::new(Keyring::new(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Some(Secret::new("correct horse".into()))
    }));
    let mut at_work = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let door = lab.connect(|options| options.keyring = keyring.clone());
        at_work.spawn(async move { door.shell(None).await.map(drop) });
    }
    for ended in at_work.join_all().await {
        ended.unwrap();
    }
    assert_eq!((asked.load(Ordering::Relaxed), lab.server.connections()), (1, 12));
}
