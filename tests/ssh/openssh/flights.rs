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

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn the_first_answer_comes_within_nine_round_trips_of_the_first_packet() {
    let sshd = Sshd::start("").await;
    for key in ["ed25519", "rsa"] {
        let mut options = sshd.options("ed25519", key);
        let (port, depths) = slow_way((sshd.address.clone(), sshd.port)).await;
        options.host_key_alias = Some("server".into());
        let line = sshd.known_hosts_line("ed25519");
        let line = format!("server {}", line.split_once(' ').unwrap().1);
        fs::write(&options.known_hosts[0], line).unwrap();
        (options.host, options.port) = ("127.0.0.1".into(), port);
        let shell = SshConnect::new(options).shell(None).await.unwrap();
        assert_eq!(says(&shell, &["echo", "in"]).await, "in");
        // TCP's own, two names, algorithms, keys, service, which key, its signature, channel, window
        // and batch: OpenSSH's server opens a channel's window no sooner than its command runs.
        let trips = 1 + depths.lock().unwrap().client;
        assert!(trips <= 9, "{trips} round trips with a key of kind {key}");
        assert!(trips >= 6, "{trips} round trips: the proxy did not count");
    }
}
