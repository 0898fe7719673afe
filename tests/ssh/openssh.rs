//! Against OpenSSH's own server and agent, where this machine has them.
use super::*;
use std::net::TcpListener;
use std::process::{Child, Stdio};

const SSHD: &str = "/usr/sbin/sshd";

/// An `sshd` on loopback that lets in whoever runs the tests. It ends with this.
struct Sshd {
    folder: tempfile::TempDir,
    child: Child,
    port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sshd {
    /// `extra`: lines for its configuration, `{dir}` is its folder.
    async fn start(extra: &str) -> Self {
        assert!(std::path::Path::new(SSHD).exists(), "{SSHD} is not installed");
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        for kind in ["ed25519", "ecdsa", "rsa"] {
            for name in ["host", "id"] {
                // A small RSA key is made faster; the others have this size.
                let bits = if kind == "rsa" { "2048" } else { "256" };
                keygen(&["-t", kind, "-b", bits, "-N", ""], &file(&format!("{name}_{kind}")));
            }
        }
        let public = |kind: &str| fs::read_to_string(file(&format!("id_{kind}.pub"))).unwrap();
        let keys = public("ed25519") + &public("ecdsa") + &public("rsa");
        fs::write(file("authorized_keys"), keys).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = folder.path().display();
        let extra = extra.replace("{dir}", &dir.to_string());
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nPidFile none\nStrictModes no\nUsePAM no\n\
             HostKey {dir}/host_ed25519\nHostKey {dir}/host_ecdsa\nHostKey {dir}/host_rsa\n\
             AuthorizedKeysFile {dir}/authorized_keys\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\n{extra}\n"
        );
        fs::write(file("config"), config).unwrap();
        let _ = fs::create_dir_all("/run/sshd");
        let child = Command::new(SSHD)
            .args(["-D", "-E", file("log").to_str().unwrap(), "-f"])
            .arg(file("config"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let sshd = Self { folder, child, port };
        for _ in 0..100 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return sshd;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{}", fs::read_to_string(sshd.path("log")).unwrap());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn public(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap()
    }

    /// Knows the server by its key of one kind alone, and logs in with one of another.
    fn options(&self, host_kind: &str, key_kind: &str) -> Options {
        let known_hosts = self.path(&format!("known_{host_kind}"));
        let key = self.public(&format!("host_{host_kind}"));
        fs::write(&known_hosts, format!("[127.0.0.1]:{} {key}", self.port)).unwrap();
        let whoami = Command::new("id").arg("-un").output().unwrap().stdout;
        let mut options = Options::new("127.0.0.1", String::from_utf8(whoami).unwrap().trim());
        options.port = self.port;
        options.known_hosts = vec![known_hosts];
        options.identities = Identities::Given(vec![self.path(&format!("id_{key_kind}"))]);
        options
    }
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn openssh_keeps_the_contract() {
    let sshd = Sshd::start("SetEnv COWHAND_STATE={dir}/state").await;
    let root = sshd.path("root");
    fs::create_dir(&root).unwrap();
    let door = SshConnect::new(sshd.options("ed25519", "ed25519"));
    keeps_the_contract(&door, root.to_str().unwrap()).await;
    assert!(sshd.path("state").exists());
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn openssh_takes_every_kind_of_key_and_shows_the_one_that_is_known() {
    let sshd = Sshd::start("").await;
    for host_kind in ["ed25519", "ecdsa", "rsa"] {
        for key_kind in ["ed25519", "ecdsa", "rsa"] {
            let door = SshConnect::new(sshd.options(host_kind, key_kind));
            let shell = door.shell(None).await;
            let shell = shell.unwrap_or_else(|error| panic!("{host_kind} {key_kind}: {error}"));
            assert_eq!(says(&shell, &["echo", "in"]).await, "in");
        }
    }
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn openssh_says_what_it_takes_when_it_refuses() {
    let sshd = Sshd::start("").await;
    let mut options = sshd.options("ed25519", "ed25519");
    write_key(&sshd.path("wrong")).unwrap();
    options.identities = Identities::Given(vec![sshd.path("wrong")]);
    options.password = Some(Secret::new("hunter2".into()));
    let text = refusal(&SshConnect::new(options)).await;
    assert_all(&text, &["the server takes publickey", "the server takes no passwords"]);
    assert!(!text.contains("hunter2"));
}

/// An agent of our own that holds some of the keys.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Agent {
    async fn start(sshd: &Sshd, keys: &[&str]) -> Self {
        let socket = sshd.path("agent");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !socket.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let add = Command::new("ssh-add")
            .arg("-q")
            .args(keys.iter().map(|key| sshd.path(key)))
            .env("SSH_AUTH_SOCK", &socket)
            .status();
        assert!(add.unwrap().success());
        Self { child, socket }
    }
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn the_agents_keys_log_in_and_given_files_choose_among_them() {
    let sshd = Sshd::start("MaxAuthTries 2").await;
    for name in ["stray1", "stray2", "stray3"] {
        keygen(&["-t", "ed25519", "-N", ""], &sshd.path(name));
    }
    let agent = Agent::start(&sshd, &["id_rsa", "stray1", "stray2", "stray3", "id_ecdsa"]).await;
    let mut options = sshd.options("ed25519", "rsa");
    options.agent = Some(agent.socket.clone());

    // With no file named, the agent's first key, RSA with SHA-2, is the right one.
    options.identities = Identities::Usual(vec![]);
    SshConnect::new(options.clone()).shell(None).await.unwrap();

    // The named one stands behind strays: shown first all the same, its private half only there.
    fs::remove_file(sshd.path("id_ecdsa")).unwrap();
    options.identities = Identities::Given(vec![sshd.path("id_ecdsa")]);
    SshConnect::new(options.clone()).shell(None).await.unwrap();
    options.identities = Identities::Given(vec![sshd.path("id_ecdsa.pub")]);
    SshConnect::new(options.clone()).shell(None).await.unwrap();

    // An agent that isn't there is no reason not to use a file.
    options.agent = Some(sshd.path("nowhere"));
    options.identities = Identities::Given(vec![sshd.path("id_ed25519")]);
    SshConnect::new(options).shell(None).await.unwrap();
}
