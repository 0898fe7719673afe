//! Round trips, counted and not timed: a proxy holds everything back for a while, and knows of every
//! piece what its sender had heard before it spoke.
use super::*;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Long enough that nobody's answer is computed slower, on a machine that is busy with other tests.
const ONE_WAY: Duration = Duration::from_millis(250);

/// How many round trips deep each side has heard the other.
#[derive(Default)]
struct Depths {
    client: usize,
    server: usize,
}

/// A way to `to` that is half a second long, both ways together.
async fn slow_way(to: (String, u16)) -> (u16, Arc<Mutex<Depths>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, depths) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Depths>>::default());
    let heard = depths.clone();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect((to.0.as_str(), to.1)).await.unwrap();
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        // What the client says is as deep as what it has heard; an answer to it is one deeper.
        tokio::spawn(carry(
            from_client,
            to_server,
            heard.clone(),
            |d| d.client,
            |d, depth| d.server = depth,
        ));
        tokio::spawn(carry(
            from_server,
            to_client,
            heard,
            |d| d.server + 1,
            |d, depth| d.client = depth,
        ));
    });
    (port, depths)
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    heard: Arc<Mutex<Depths>>,
    depth: fn(&Depths) -> usize,
    hear: fn(&mut Depths, usize),
) {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let said = (Instant::now(), depth(&heard.lock().unwrap()), buffer[..read].to_vec());
            if sender.send((said, heard.clone())).is_err() {
                return;
            }
        }
    });
    while let Some(((when, depth, bytes), heard)) = receiver.recv().await {
        tokio::time::sleep_until((when + ONE_WAY).into()).await;
        hear(&mut heard.lock().unwrap(), depth);
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// The server of `options` by that slow way, and how many round trips its first answer took.
async fn trips(sshd: &Sshd, mut options: Options) -> usize {
    let (port, depths) = slow_way((sshd.address.clone(), sshd.port)).await;
    options.host_key_alias = Some("server".into());
    let line = sshd.known_hosts_line("ed25519");
    let line = format!("server {}", line.split_once(' ').unwrap().1);
    fs::write(&options.known_hosts[0], line).unwrap();
    (options.host, options.port) = ("127.0.0.1".into(), port);
    let shell = SshConnect::new(options).shell(None).await.unwrap();
    assert_eq!(says(&shell, &["echo", "in"]).await, "in");
    // TCP's own is not seen by the proxy.
    1 + depths.lock().unwrap().client
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn the_first_answer_comes_within_eight_round_trips_of_the_first_packet() {
    let sshd = Sshd::start("").await;
    let agent = Agent::start(&sshd, &["id_ed25519"]).await;
    for (key, socket) in [("ed25519", None), ("rsa", None), ("ed25519", Some(&agent.socket))] {
        let mut options = sshd.options("ed25519", key);
        if socket.is_some() {
            options.identities = Identities::Usual(vec![]);
            options.agent = socket.cloned();
        }
        // TCP's own, two names and algorithms, keys, service, which key, its signature, channel, and the
        // command, which asks what is asked first.
        let trips = trips(&sshd, options).await;
        assert!(trips <= 8, "{trips} round trips with a key of kind {key}, {socket:?}");
        assert!(trips >= 6, "{trips} round trips: the proxy did not count");
    }
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn a_first_look_that_no_command_line_holds_is_asked_in_the_usual_way() {
    let sshd = Sshd::start("").await;
    let door = SshConnect::new(sshd.options("ed25519", "ed25519"));
    let shell = door.shell(None).await.unwrap();
    let long = "x".repeat(240);
    let probes: Vec<_> = (0..200).map(|number| path(&format!("/{long}/{number}"), false)).collect();
    assert_eq!(shell.observe(&probes).await.unwrap().len(), 200);
    assert_eq!(door.channels(), 1);

    // A user's shell that takes no long line, and one that says no to everything but the plain one.
    let picky = "case $SSH_ORIGINAL_COMMAND in *base64*) echo no >&2; exit 1;; esac; eval \"$SSH_ORIGINAL_COMMAND\"";
    let sshd = Sshd::setup().at("127.0.0.8").with(&format!("ForceCommand {picky}"));
    let sshd = sshd.start().await;
    let door = SshConnect::new(sshd.options("ed25519", "ed25519"));
    let shell = door.shell(None).await.unwrap();
    assert_eq!(says(&shell, &["echo", "in"]).await, "in");
    assert_eq!(door.channels(), 2);
}
