//! Servers that can't be reached, go away, or are called by many at once.
use super::*;
use crate::stage::{apply, job};
use cowhand::event::Event;
use cowhand::transport::lasting::Lasting;
use tokio::net::{TcpListener, TcpStream};

/// A way to a server that hangs up on its first caller.
pub(super) async fn rude(server: (String, u16)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        drop(listener.accept().await.unwrap());
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = TcpStream::connect((server.0.as_str(), server.1)).await.unwrap();
            tokio::spawn(async move {
                // Whoever has what they came for may hang up.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    port
}

/// A run for `a`, which is there, and `b`, which gets a second chance.
pub(super) async fn second_chance(a: Options, b: Options) {
    let folder = tempfile::tempdir().unwrap();
    let dest = format!("{}/{{{{ inventory_hostname }}}}", folder.path().display());
    let playbook = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - copy: {{dest: '{dest}', content: x}}\n"
    );
    let told = tokio::task::spawn_blocking(move || {
        apply(job(&playbook, "a,b,", false), |name| {
            Lasting::new(SshConnect::new(if name == "a" { a.clone() } else { b.clone() }))
        })
    });
    let told = told.await.unwrap();
    let chance = Event::SecondChance { hosts: vec!["b".into()] };
    assert!(told.events.contains(&chance), "{}", told.text());
    for host in ["a", "b"] {
        assert_eq!((told.recap[host].changed, told.recap[host].unreachable), (1, false));
        assert_eq!(fs::read_to_string(folder.path().join(host)).unwrap(), "x");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_up_at_first_is_served_when_the_others_are_done() {
    let (a, b) = (Lab::new().await, Lab::new().await);
    let mut away = b.options.clone();
    let line = b.server.known_hosts_line();
    fs::write(&away.known_hosts[0], format!("b {}", line.split_once(' ').unwrap().1)).unwrap();
    away.host_key_alias = Some("b".into());
    away.port = rude((b.server.addr.ip().to_string(), b.server.addr.port())).await;
    away.attempts = 1;
    second_chance(a.options.clone(), away).await;
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

#[tokio::test]
async fn a_server_that_hangs_up_is_tried_as_often_as_that_was_asked_for() {
    let lab = Lab::new().await;
    let line = lab.server.known_hosts_line();
    let key = line.split_once(' ').unwrap().1;
    fs::write(&lab.options.known_hosts[0], format!("farm-1 {key}\n")).unwrap();
    let to = |port, attempts| {
        lab.connect(|options| {
            options.host_key_alias = Some("farm-1".into());
            (options.port, options.attempts) = (port, attempts);
        })
    };
    let server = || (lab.server.addr.ip().to_string(), lab.server.addr.port());
    to(rude(server()).await, 2).shell(None).await.unwrap();
    assert_all(&refusal(&to(rude(server()).await, 1)).await, &["the server hung up"]);
    assert_eq!(lab.server.connections(), 1);
}
