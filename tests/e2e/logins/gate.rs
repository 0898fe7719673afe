//! A server of logins (`xtask/lab/login`) as a test sees it: a container with the sshd of one suite, new for
//! the test and gone with it.
use crate::e2e::lab::run;
use serde_json::{Map, Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Debian's suites, with sshd 8.4, 9.2, 10.0 and the newest.
pub(super) const SUITES: [&str; 4] = ["bullseye", "bookworm", "trixie", "sid"];

/// The password of every user, and that of root.
pub(super) const PASSWORD: &str = "let me in";
pub(super) const ROOTS: &str = "let me in of root";

/// A running server.
pub(super) struct Gate {
    folder: tempfile::TempDir,
    container: String,
    /// On 127.0.0.1.
    port: u16,
}

impl Gate {
    /// The server of a suite; the words are for its `entry`.
    pub(super) fn of(suite: &str, words: &[&str]) -> Self {
        Self::prepared(suite, words, |_| ())
    }

    pub(super) fn prepared(suite: &str, words: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let path = std::env::var("COWHAND_LAB");
        let path = path.expect("COWHAND_LAB names the lab: run `cargo xtask test --lab e2e`");
        let lab: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let folder = tempfile::tempdir_in(text(&lab["state"])).unwrap();
        for key in ["host_ed25519", "id"] {
            keygen(&["-t", "ed25519", "-N", "", "-f"], &folder.path().join(key));
        }
        fs::copy(folder.path().join("id.pub"), folder.path().join("authorized_keys")).unwrap();
        prepare(folder.path());
        let volume = format!("{}:/lab:ro", folder.path().display());
        let label = format!("cowhand.lab={}", text(&lab["id"]));
        let image = text(&lab["logins"][suite]);
        let start = ["docker", "run", "--detach", "--rm", "--label", &label, "--volume", &volume];
        let rest = ["--publish", "127.0.0.1::22", &image];
        let container = run(&[&start[..], &rest[..], words].concat()).trim().to_owned();
        let port = run(&["docker", "port", &container, "22/tcp"]);
        let port = port.lines().next().and_then(|line| line.rsplit(':').next()).unwrap();
        let gate = Self { folder, port: port.parse().unwrap(), container };
        gate.wait();
        gate
    }

    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            let mut banner = String::new();
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                let _ = BufReader::new(stream).read_line(&mut banner);
            }
            if banner.starts_with("SSH-2.0-") {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{}", run(&["docker", "logs", &self.container]));
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Its address on the network of the containers.
    pub(super) fn inner_address(&self) -> String {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        run(&["docker", "inspect", "--format", format, &self.container]).trim().to_owned()
    }

    /// What a script prints on the server, as root. It must end well.
    pub(super) fn sh(&self, script: &str) -> String {
        run(&["docker", "exec", &self.container, "/bin/sh", "-euc", script])
    }

    /// The public half of its host key.
    pub(super) fn host_key(&self) -> String {
        fs::read_to_string(self.path("host_ed25519.pub")).unwrap().trim().to_owned()
    }

    /// An inventory: names of hosts with their variables, all of them this server.
    pub(super) fn inventory(&self, hosts: &[(&str, Value)]) -> PathBuf {
        let known = format!("[127.0.0.1]:{} {}\n", self.port, self.host_key());
        fs::write(self.path("known_hosts"), known).unwrap();
        let all: Map<String, Value> =
            (hosts.iter()).map(|(name, vars)| ((*name).to_owned(), vars.clone())).collect();
        let inventory = json!({ "all": { "hosts": all, "vars": {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": "{{ inventory_hostname }}",
            "ansible_ssh_private_key_file": self.path("id"),
            "cowhand_known_hosts": self.path("known_hosts"),
        } } });
        let path = self.path("inventory.yml");
        fs::write(&path, inventory.to_string()).unwrap();
        path
    }

    /// What `ping` says of each host of [`Gate::inventory`].
    pub(super) fn ping(&self, hosts: &[(&str, Value)]) -> Pongs {
        let inventory = self.inventory(hosts);
        Pongs::of(&["-i", inventory.to_str().unwrap(), "-F", "none"])
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["rm", "--force", &self.container])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// What `cowhand ping` says.
pub(super) struct Pongs(String);

impl Pongs {
    pub(super) fn of(arguments: &[&str]) -> Self {
        let (said, _) = cowhand(&[&["ping"], arguments].concat());
        // A password is in nothing that is said.
        assert!(!said.contains(PASSWORD), "{said}");
        Self(said)
    }

    /// What is said of a host, with the help below it.
    #[track_caller]
    pub(super) fn of_host(&self, host: &str) -> String {
        let about = |line: &&str| line.split_whitespace().nth(1) == Some(host);
        let mut lines = self.0.lines().skip_while(|line| !about(line));
        let first = lines.next().unwrap_or_else(|| panic!("nothing of {host}:\n{}", self.0));
        let help = lines.next().filter(|line| line.trim_start().starts_with("help: "));
        format!("{first} {}", help.unwrap_or_default())
    }

    /// Fails unless it logged in there and became that user.
    #[track_caller]
    pub(super) fn is(&self, host: &str, user: &str) {
        let said = self.of_host(host);
        assert!(said.starts_with("ok ") && said.contains(&format!(" as {user} in ")), "{}", self.0);
    }
}

/// What the program says on both streams, and how it ends.
pub(super) fn cowhand(arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_cowhand"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("HOME", "/nonexistent")
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8(said).unwrap(), output.status.code())
}

/// `ssh-keygen -q …` with a file as its last word.
pub(super) fn keygen(arguments: &[&str], file: &Path) {
    run(&[&["ssh-keygen", "-q"], arguments, &[file.to_str().unwrap()]].concat());
}
