//! Courtesy: how many handshakes servers see at a time, and how many channels.
use super::sudo::{as_admin, become_user, sudo_lab};
use super::*;
use crate::stage::{apply, job};
use cowhand::transport::lasting::Lasting;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::sync::OnceLock;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Ways to a server that let nobody through before so many wait there together.
pub(super) struct Gate {
    pub(super) ports: Vec<u16>,
    held: Arc<OnceLock<usize>>,
}

impl Gate {
    /// Some ways; whoever comes waits until `full` have come to all of them together.
    pub(super) async fn before(server: SocketAddr, ways: usize, full: usize) -> Self {
        let (came, held) = (Arc::new(AtomicUsize::new(0)), Arc::new(OnceLock::new()));
        let open = CancellationToken::new();
        let mut ports = vec![];
        for _ in 0..ways {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ports.push(listener.local_addr().unwrap().port());
            let (came, held, open) = (came.clone(), held.clone(), open.clone());
            tokio::spawn(async move {
                loop {
                    let (mut client, _) = listener.accept().await.unwrap();
                    if came.fetch_add(1, Ordering::SeqCst) + 1 == full {
                        let (came, held, open) = (came.clone(), held.clone(), open.clone());
                        tokio::spawn(async move {
                            // Nobody may come any more: there is no event to wait for.
                            tokio::time::sleep(Duration::from_millis(400)).await;
                            held.set(came.load(Ordering::SeqCst)).unwrap();
                            open.cancel();
                        });
                    }
                    let open = open.clone();
                    tokio::spawn(async move {
                        open.cancelled().await;
                        let mut server = TcpStream::connect(server).await.unwrap();
                        // Whoever has what they came for may hang up.
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    });
                }
            });
        }
        Self { ports, held }
    }

    /// How many waited when nobody was let through.
    pub(super) fn held(&self) -> usize {
        *self.held.get().expect("as many as that came")
    }
}

/// A command about so many hosts behind each of the ways, which all lead to the lab's server.
async fn cowhand(words: &[&str], lab: &Lab, gate: &Gate, behind_each: usize) -> Output {
    let config = format!(
        "HostKeyAlias server\nUserKnownHostsFile {}\nGlobalKnownHostsFile none\nUser root\n\
         IdentitiesOnly yes\nIdentityFile {}\n",
        lab.path("known").display(),
        lab.path("id").display()
    );
    fs::write(lab.path("config"), config).unwrap();
    let hosts = gate.ports.iter().flat_map(|port| {
        (0..behind_each)
            .map(move |n| format!("mx{port}-{n} ansible_host=127.0.0.1 ansible_port={port}\n"))
    });
    fs::write(lab.path("hosts"), hosts.collect::<String>()).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cowhand"));
    command.args(words).args(["--timeout", "60", "--forks", "100", "-i"]).arg(lab.path("hosts"));
    command.arg("-F").arg(lab.path("config"));
    command.env("HOME", lab.folder.path()).env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
    command.output().await.unwrap()
}

/// Who can be logged in to, of so many behind each of the ways.
async fn ping(lab: &Lab, gate: &Gate, behind_each: usize) -> Output {
    let known = lab.server.known_hosts_line();
    let (_, key) = known.split_once(' ').unwrap();
    fs::write(lab.path("known"), format!("server {key}\n")).unwrap();
    cowhand(&["ping"], lab, gate, behind_each).await
}

#[track_caller]
fn all_answered(output: &Output, hosts: usize) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("ok  ").count(), hosts, "{said}");
}

#[tokio::test]
async fn no_more_than_eight_shake_hands_behind_one_door() {
    let lab = Lab::new().await;
    let gate = Gate::before(lab.server.addr, 1, 8).await;
    all_answered(&ping(&lab, &gate, 20).await, 20);
    assert_eq!(gate.held(), 8);
}

#[tokio::test]
async fn keys_of_new_servers_are_looked_at_as_politely() {
    let lab = Lab::new().await;
    let gate = Gate::before(lab.server.addr, 1, 8).await;
    let scanned = cowhand(&["trust", "scan"], &lab, &gate, 20).await;
    let said = String::from_utf8_lossy(&scanned.stdout);
    assert_eq!((scanned.status.code(), said.matches("SHA256:").count()), (Some(4), 20), "{said}");
    assert_eq!(gate.held(), 8);
}

#[tokio::test]
async fn no_more_than_thirty_two_shake_hands_in_all() {
    let lab = Lab::new().await;
    let gate = Gate::before(lab.server.addr, 6, 32).await;
    all_answered(&ping(&lab, &gate, 8).await, 48);
    assert_eq!(gate.held(), 32);
}

const USERS: [&str; 4] = ["root", "mail", "www-data", "list"];

#[tokio::test]
async fn a_host_has_two_channels_however_many_users_it_is_spoken_to_as() {
    let lab = sudo_lab().await;
    fs::write(lab.path("bin/nopasswd"), "").unwrap();
    let door = Lasting::new(lab.connect(as_admin));
    let mut shells = vec![];
    for user in USERS {
        shells.push(door.shell(Some(&become_user(user, None))).await.unwrap());
    }
    for _ in 0..2 {
        for (user, shell) in USERS.iter().zip(&shells) {
            assert_eq!(says(shell, &["sh", "-c", "echo $SUDO_FOR"]).await, *user);
        }
    }
    assert_eq!((lab.server.most_channels(), lab.server.connections()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_as_four_users_changes_what_it_should_over_two_channels() {
    let lab = sudo_lab().await;
    fs::write(lab.path("bin/nopasswd"), "").unwrap();
    let file = lab.path("file");
    fs::write(&file, "").unwrap();
    let mut playbook = "- hosts: all\n  gather_facts: false\n  become: true\n  tasks:\n".to_owned();
    for round in 0..2 {
        for user in USERS {
            let line = format!("{{path: {}, line: {user} {round}}}", file.display());
            writeln!(playbook, "    - {{lineinfile: {line}, become_user: {user}}}").unwrap();
        }
    }
    let mut options = lab.options.clone();
    as_admin(&mut options);
    let told = tokio::task::spawn_blocking(move || {
        let job = job(&playbook, "a,", false);
        apply(job, |_| Lasting::new(SshConnect::new(options.clone())))
    });
    let told = told.await.unwrap();
    assert_eq!((told.recap["a"].changed, told.recap["a"].failed), (8, 0), "{}", told.text());
    let lines = fs::read_to_string(file).unwrap();
    let wanted = (0..2).flat_map(|round| USERS.map(|user| format!("{user} {round}\n")));
    assert_eq!(lines, wanted.collect::<String>());
    assert_eq!((lab.server.most_channels(), lab.server.connections()), (2, 1));
    assert!(!lab.path("state/lock").exists());
}
