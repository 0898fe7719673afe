//! Servers behind others, and behind commands: the program with an `ssh_config`, as its user runs it.
use super::super::courtesy::Gate;
use super::super::reach::{rude, second_chance};
use super::*;
use cowhand::transport::ssh::{Bastion, Via};
use std::fmt::Write as _;
use std::process::Output;

/// A folder with a configuration, an inventory and what is known of servers.
struct Desk {
    folder: tempfile::TempDir,
    config: String,
    known: String,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), config: String::new(), known: String::new() }
    }

    /// A server under a name, with further lines of its own. Its key is known.
    fn host(&mut self, name: &str, sshd: &Sshd, lines: &str) -> &mut Self {
        self.known += &sshd.known_hosts_line("ed25519");
        self.config = self.config.clone()
            + &format!(
                "Host {name}\n HostName {}\n Port {}\n IdentityFile {}\n{lines}\n",
                sshd.address,
                sshd.port,
                sshd.path("id_ed25519").display(),
            );
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `cowhand ping` of hosts that only the configuration knows more about.
    async fn ping(&self, hosts: &str) -> Told {
        let general = format!(
            "Host *\n UserKnownHostsFile {}\n GlobalKnownHostsFile none\n IdentitiesOnly yes\n",
            self.path("known").display()
        );
        fs::write(self.path("known"), &self.known).unwrap();
        fs::write(self.path("config"), self.config.clone() + &general).unwrap();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cowhand"));
        command.args(["ping", "--timeout", "60", "-i", hosts, "-F"]).arg(self.path("config"));
        command.env("HOME", self.folder.path()).env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
        let Output { status, stdout, stderr } = command.output().await.unwrap();
        let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
        Told { code: status.code(), text: stdout + &stderr }
    }
}

struct Told {
    code: Option<i32>,
    text: String,
}

impl Told {
    #[track_caller]
    fn is_fine(&self, hosts: usize) {
        assert_eq!(self.code, Some(0), "{}", self.text);
        assert_eq!(self.text.matches("ok  ").count(), hosts, "{}", self.text);
    }

    #[track_caller]
    fn is_refused(&self, parts: &[&str]) {
        assert_eq!(self.code, Some(4), "{}", self.text);
        assert_all(&self.text, parts);
    }
}

/// How many connections a server has taken, apart from the one that waited for it to listen.
fn taken(sshd: &Sshd) -> usize {
    sshd.log().matches("Connection from ").count() - 1
}

fn talkative() -> super::super::sshd::Setup {
    Sshd::setup().with("LogLevel VERBOSE")
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn hosts_behind_a_chain_of_two_share_one_connection_to_each() {
    let gate = talkative().at("127.0.61.1").start().await;
    let inner = talkative().at("127.0.61.2").start().await;
    let target = talkative().at("127.0.61.3").start().await;
    let mut desk = Desk::new();
    desk.host("gate", &gate, "").host("inner", &inner, " ProxyJump gate");
    for name in ["mx1", "mx2", "mx3"] {
        desk.host(name, &target, " ProxyJump inner");
    }
    desk.ping("mx1,mx2,mx3,").await.is_fine(3);
    assert_eq!((taken(&gate), taken(&inner), taken(&target)), (1, 1, 3));

    // The same as a list of hops.
    let mut desk = Desk::new();
    desk.host("gate", &gate, "").host("inner", &inner, "");
    desk.host("mx1", &target, &format!(" ProxyJump gate,{}@inner:{}", whoami(), inner.port));
    desk.ping("mx1,").await.is_fine(1);
    assert_eq!((taken(&gate), taken(&inner), taken(&target)), (2, 2, 4));
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn a_jump_host_with_an_unknown_key_leads_nowhere() {
    let gate = talkative().at("127.0.62.1").start().await;
    let target = talkative().at("127.0.62.2").start().await;
    let mut desk = Desk::new();
    desk.host("gate", &gate, "");
    desk.known.clear();
    desk.host("mx1", &target, " ProxyJump gate").host("mx2", &target, " ProxyJump gate");
    let told = desk.ping("mx1,mx2,").await;
    told.is_refused(&["the jump host is out of reach", "is not known", "ED25519 SHA256:"]);
    assert_eq!((taken(&gate), taken(&target)), (1, 0));
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn what_a_jump_host_can_not_or_may_not_reach_is_told() {
    let closed = Sshd::setup().at("127.0.63.1").with("AllowTcpForwarding no").start().await;
    let gate = Sshd::setup().at("127.0.63.2").start().await;
    let target = Sshd::setup().at("127.0.63.3").start().await;
    let mut desk = Desk::new();
    desk.host("closed", &closed, "").host("gate", &gate, "");
    desk.host("mx1", &target, " ProxyJump closed");
    let told = desk.ping("mx1,").await;
    told.is_refused(&["the jump host 127.0.63.1:", "forbids the way to 127.0.63.3:"]);
    assert_all(&told.text, &["AllowTcpForwarding"]);

    desk.config += "Host mx2\n HostName 127.0.63.4\n Port 9\n ProxyJump gate\n";
    let told = desk.ping("mx2,").await;
    told.is_refused(&["the jump host 127.0.63.2:", "can't connect to 127.0.63.4:9"]);

    desk.config += "Host loop\n ProxyJump around\nHost around\n ProxyJump loop\n";
    desk.ping("loop,").await.is_refused(&["`around` is reached by way of itself: loop"]);
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn a_command_leads_to_a_server_and_its_last_words_are_told() {
    let target = talkative().at("127.0.64.1").start().await;
    let gate = talkative().at("127.0.64.2").start().await;
    let mut desk = Desk::new();
    desk.host("gate", &gate, "");
    let config = desk.path("config").display().to_string();
    desk.host("mx1", &target, &format!(" ProxyCommand ssh -F {config} -W %h:%p gate"));
    desk.ping("mx1,").await.is_fine(1);
    assert_eq!((taken(&gate), taken(&target)), (1, 1));

    let fails = " ProxyCommand sh -c 'printf \"no \\033[2Jway to %h\\n\" >&2; exit 3'";
    desk.host("mx2", &target, fails);
    let told = desk.ping("mx2,").await;
    told.is_refused(&["ProxyCommand leads to no SSH server for 127.0.64.1:", "way to 127.0.64.1"]);
    assert!(!told.text.contains('\x1b'), "{:?}", told.text);
}

/// Servers that listen on sixteen addresses each, as many as an `sshd` takes.
const SERVERS: usize = 13;
const HOSTS: usize = 200;

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn two_hundred_hosts_behind_one_bastion_are_one_connection_to_it() {
    let gate = talkative().at("127.0.65.1").start().await;
    let mut desk = Desk::new();
    desk.host("gate", &gate, "");
    let (mut servers, mut names) = (vec![], String::new());
    for server in 0..SERVERS {
        let address = |number: usize| format!("127.66.{server}.{}", number + 1);
        let setup = talkative().at(&address(0)).also_at((1..16).map(address));
        let sshd = setup.start().await;
        for number in 0..16.min(HOSTS - server * 16) {
            let name = format!("mx{server}-{number}");
            desk.host(&name, &sshd, &format!(" HostKeyAlias server{server}\n ProxyJump gate"));
            desk.config = desk.config.replacen(
                &format!("Host {name}\n HostName {}", sshd.address),
                &format!("Host {name}\n HostName {}", address(number)),
                1,
            );
            names = names + &name + ",";
        }
        let key = sshd.known_hosts_line("ed25519");
        let key = key.split_once(' ').unwrap().1;
        desk.known = desk.known + "server" + &server.to_string() + " " + key;
        servers.push(sshd);
    }
    desk.ping(&names).await.is_fine(HOSTS);
    assert_eq!(taken(&gate), 1);
    assert_eq!(servers.iter().map(taken).sum::<usize>(), HOSTS);
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn no_more_than_eight_shake_hands_behind_a_bastion() {
    let bastion = talkative().at("127.0.68.1").start().await;
    let target = talkative().at("127.0.68.2").start().await;
    let address = format!("{}:{}", target.address, target.port).parse().unwrap();
    let gate = Gate::before(address, 20, 8).await;
    let mut desk = Desk::new();
    desk.host("gate", &bastion, "");
    let mut names = String::new();
    for port in &gate.ports {
        desk.host(&format!("mx{port}"), &target, " HostKeyAlias target\n ProxyJump gate");
        desk.config = desk.config.replacen(
            &format!("Host mx{port}\n HostName {}\n Port {}", target.address, target.port),
            &format!("Host mx{port}\n HostName 127.0.0.1\n Port {port}"),
            1,
        );
        write!(names, "mx{port},").unwrap();
    }
    let key = target.known_hosts_line("ed25519");
    write!(desk.known, "target {}", key.split_once(' ').unwrap().1).unwrap();
    desk.ping(&names).await.is_fine(20);
    assert_eq!((gate.held(), taken(&bastion)), (8, 1));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn a_bastion_that_was_out_of_reach_is_called_again_with_the_hosts_behind_it() {
    let bastion = Sshd::setup().at("127.0.69.1").with("SetEnv COWHAND_STATE={dir}/state");
    let bastion = bastion.start().await;
    let target = Sshd::setup().at("127.0.69.2").with("SetEnv COWHAND_STATE={dir}/state");
    let target = target.start().await;
    let mut gate = bastion.options("ed25519", "ed25519");
    let key = bastion.known_hosts_line("ed25519");
    fs::write(&gate.known_hosts[0], format!("gate {}", key.split_once(' ').unwrap().1)).unwrap();
    gate.host_key_alias = Some("gate".into());
    gate.port = rude((bastion.address.clone(), bastion.port)).await;
    (gate.host, gate.attempts) = ("127.0.0.1".into(), 1);
    let mut behind = target.options("ed25519", "ed25519");
    (behind.via, behind.attempts) = (Via::Jump(Arc::new(Bastion::new(gate))), 1);
    second_chance(bastion.options("rsa", "ed25519"), behind).await;
}
