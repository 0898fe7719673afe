//! Servers' keys: what is known, new, changed, pinned or revoked.
use super::*;

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
