//! Real `sshd`s as processes of this machine: each with its own folder, keys, address and port.
//! A test says what is special about its server and gets options that log in there.
use super::keygen;
use cowhand::transport::ssh::{Identities, Options};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where Debian and most others have it.
const SSHD: &str = "/usr/sbin/sshd";

/// What is special about a server.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    address: String,
    others: Vec<String>,
    extra: String,
}

impl Setup {
    /// Further lines of its configuration; they win over ours. `{dir}` is the server's folder.
    pub(super) fn with(mut self, lines: &str) -> Self {
        self.extra.push_str(lines);
        self.extra.push('\n');
        self
    }

    /// An address of its own, of 127.0.0.0/8.
    pub(super) fn at(mut self, address: &str) -> Self {
        self.address = address.into();
        self
    }

    /// Further addresses, with the same port.
    pub(super) fn also_at(mut self, addresses: impl IntoIterator<Item = String>) -> Self {
        self.others.extend(addresses);
        self
    }

    /// Starts it, and waits until it listens.
    pub(super) async fn start(self) -> Sshd {
        assert!(Path::new(SSHD).exists(), "{SSHD} is not installed");
        let folder = tempfile::tempdir().unwrap();
        write_keys(folder.path());
        let free = TcpListener::bind((self.address.as_str(), 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let file = |name: &str| folder.path().join(name);
        fs::write(file("config"), self.config(folder.path(), port)).unwrap();
        let _ = fs::create_dir_all("/run/sshd");
        let child = Command::new(SSHD)
            .args(["-D", "-E", file("log").to_str().unwrap(), "-f"])
            .arg(file("config"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let sshd = Sshd { folder, child, address: self.address, port };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect((sshd.address.as_str(), port)).await.is_ok() {
                return sshd;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{}", sshd.log());
    }

    /// The first value wins in `sshd_config(5)`, so what is special stands first.
    fn config(&self, dir: &Path, port: u16) -> String {
        let dir = dir.display();
        let extra = self.extra.replace("{dir}", &dir.to_string());
        let (first, matches) = match extra.find("Match ") {
            Some(at) => extra.split_at(at),
            None => (extra.as_str(), ""),
        };
        let all = self.others.iter().chain([&self.address]);
        let listen: Vec<_> = all.map(|at| format!("ListenAddress {at}:{port}")).collect();
        let listen = listen.join("\n");
        format!(
            "{first}\n{listen}\nPidFile none\nStrictModes no\nUsePAM no\n\
             HostKey {dir}/host_ed25519\nHostKey {dir}/host_ecdsa\nHostKey {dir}/host_rsa\n\
             AuthorizedKeysFile {dir}/authorized_keys\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\n{matches}\n"
        )
    }
}

/// Host keys, keys that may log in, and `authorized_keys`.
fn write_keys(folder: &Path) {
    let mut authorized = String::new();
    for kind in ["ed25519", "ecdsa", "rsa"] {
        for name in ["host", "id"] {
            // A small RSA key is made faster; the others have this size.
            let bits = if kind == "rsa" { "2048" } else { "256" };
            keygen(&["-t", kind, "-b", bits, "-N", ""], &folder.join(format!("{name}_{kind}")));
        }
        authorized += &fs::read_to_string(folder.join(format!("id_{kind}.pub"))).unwrap();
    }
    fs::write(folder.join("authorized_keys"), authorized).unwrap();
}

/// A running `sshd` that lets in whoever runs the tests. It ends with this.
pub(super) struct Sshd {
    folder: tempfile::TempDir,
    child: Child,
    pub(super) address: String,
    pub(super) port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sshd {
    /// A server on 127.0.0.1; say more before [`Setup::start`].
    pub(super) fn setup() -> Setup {
        Setup { address: "127.0.0.1".into(), others: vec![], extra: String::new() }
    }

    /// One on 127.0.0.1 with further lines of configuration, see [`Setup::with`].
    pub(super) async fn start(extra: &str) -> Self {
        Self::setup().with(extra).start().await
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn public(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap()
    }

    /// The line of a `known_hosts` file that names its key of one kind.
    pub(super) fn known_hosts_line(&self, host_kind: &str) -> String {
        let key = self.public(&format!("host_{host_kind}"));
        format!("[{}]:{} {key}", self.address, self.port)
    }

    /// Knows the server by its key of one kind alone, and logs in with one of another.
    pub(super) fn options(&self, host_kind: &str, key_kind: &str) -> Options {
        let known_hosts = self.path(&format!("known_{host_kind}"));
        fs::write(&known_hosts, self.known_hosts_line(host_kind)).unwrap();
        let mut options = Options::new(self.address.as_str(), whoami());
        options.port = self.port;
        options.known_hosts = vec![known_hosts];
        options.identities = Identities::Given(vec![self.path(&format!("id_{key_kind}"))]);
        options
    }
}

/// Who runs the tests, and so may log in.
pub(crate) fn whoami() -> String {
    let said = Command::new("id").arg("-un").output().unwrap().stdout;
    String::from_utf8(said).unwrap().trim().to_owned()
}
