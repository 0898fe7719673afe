//! What it costs to reach a server and to look at it, beside `ssh` and Ansible: an `sshd` of our own on
//! loopback, one run after the other, told as ratios. It must never touch the user's own SSH files.
use super::{Spent, home, measure, ours};
use crate::process::{ask, command, unstartable};
use crate::{Outcome, compat};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

const SSHD: &str = "/usr/sbin/sshd";
/// How often each is measured: Ansible takes seconds.
const RUNS: usize = 5;

/// Eight things to look at, which are so already.
const PLAYBOOK: &str = "\
- hosts: all
  gather_facts: false
  tasks:
    - file: {path: /tmp, state: directory}
    - stat: {path: /etc/passwd}
    - file: {path: /etc/passwd, state: file}
    - lineinfile: {path: /etc/passwd, line: 'root:', regexp: '^root:', state: present}
      check_mode: true
      changed_when: false
    - stat: {path: /etc/group}
    - file: {path: /etc/group, state: file}
    - stat: {path: /etc/hosts}
    - getent: {database: passwd, key: root}
";

/// Measures and prints.
pub(super) fn reach() -> Outcome {
    if !Path::new(SSHD).exists() {
        return Err(format!("{SSHD} is not installed: nothing to reach"));
    }
    let server = Server::start(home().join("reach"))?;
    let alone = measure(&mut server.ssh(), RUNS)?;
    println!("ssh host true: {alone}");
    for (what, ours, theirs) in [
        ("ping", server.cowhand(&["ping"]), server.ansible("ansible", &["all", "-m", "ping"])?),
        (
            "check of 8 tasks",
            server.cowhand(&["check", "site.yml"]),
            server.ansible("ansible-playbook", &["site.yml", "--check"])?,
        ),
    ] {
        tell(what, &alone, [ours, theirs])?;
    }
    Ok(())
}

fn tell(what: &str, alone: &Spent, [mut ours, mut theirs]: [Command; 2]) -> Outcome {
    let (ours, theirs) = (measure(&mut ours, RUNS)?, measure(&mut theirs, RUNS)?);
    println!("{what} with cowhand: {ours}\n{what} with Ansible: {theirs}");
    println!(
        "{what}: {} of `ssh host true`, {} of Ansible",
        ratio(&ours, alone),
        ratio(&ours, &theirs)
    );
    Ok(())
}

/// How the medians compare.
fn ratio(one: &Spent, other: &Spent) -> String {
    format!("{:.2}", one.median().as_secs_f64() / other.median().as_secs_f64())
}

/// An `sshd` with keys of its own; it ends with this.
struct Server {
    folder: PathBuf,
    port: u16,
    user: String,
    child: Child,
}

impl Server {
    fn start(folder: PathBuf) -> Outcome<Self> {
        let told = |error: std::io::Error| format!("{}: {error}", folder.display());
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(told(error)),
            _ => std::fs::create_dir_all(&folder).map_err(told)?,
        }
        for name in ["host", "id"] {
            let path = folder.join(name).display().to_string();
            ask(&mut command(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &path]))?;
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = port.map_err(|error| format!("no port is free: {error}"))?.port();
        let user = ask(&mut command(&["id", "-un"]))?;
        let public = |name: &str| std::fs::read_to_string(folder.join(name)).map_err(told);
        let dir = folder.display();
        for (name, text) in [
            (
                "sshd_config",
                format!(
                    "ListenAddress 127.0.0.1:{port}\nPidFile none\nStrictModes no\nUsePAM no\n\
                     HostKey {dir}/host\nAuthorizedKeysFile {dir}/id.pub\nPermitRootLogin yes\n\
                     PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
                ),
            ),
            ("known_hosts", format!("[127.0.0.1]:{port} {}", public("host.pub")?)),
            (
                "inventory",
                format!(
                    "server ansible_host=127.0.0.1 ansible_port={port} ansible_user={user} \
                     ansible_ssh_private_key_file={dir}/id\n"
                ),
            ),
            ("site.yml", PLAYBOOK.to_owned()),
            (
                "ansible.cfg",
                format!(
                    "[defaults]\ninterpreter_python = auto_silent\n[ssh_connection]\npipelining = true\n\
                     ssh_args = -F none -o UserKnownHostsFile={dir}/known_hosts\n"
                ),
            ),
        ] {
            std::fs::write(folder.join(name), text).map_err(told)?;
        }
        // Where it takes its privileges apart; only root needs it, and can make it.
        let _ = std::fs::create_dir_all("/run/sshd");
        let mut start = command(&[SSHD, "-D", "-E"]);
        start.arg(folder.join("log")).arg("-f").arg(folder.join("sshd_config"));
        let child = start.spawn().map_err(|error| unstartable(&start, &error))?;
        let server = Self { folder, port, user, child };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("sshd does not listen: see {}", server.folder.join("log").display()))
    }

    fn ssh(&self) -> Command {
        let known = format!("UserKnownHostsFile={}", self.folder.join("known_hosts").display());
        let (port, at) = (self.port.to_string(), format!("{}@127.0.0.1", self.user));
        let mut ssh =
            command(&["ssh", "-F", "none", "-o", &known, "-o", "IdentitiesOnly=yes", "-i"]);
        ssh.arg(self.folder.join("id")).args(["-p", &port, &at, "true"]);
        ssh
    }

    fn cowhand(&self, words: &[&str]) -> Command {
        let mut cowhand = ours(words.first().copied().unwrap_or_default());
        cowhand.args(words.iter().skip(1)).args(["-i", "inventory", "-F", "none", "--no-progress"]);
        cowhand.current_dir(&self.folder);
        cowhand
    }

    fn ansible(&self, program: &str, words: &[&str]) -> Outcome<Command> {
        let program = compat::ansible(program)?.display().to_string();
        let mut ansible = command(&[&program]);
        ansible.args(words).args(["-i", "inventory"]).current_dir(&self.folder);
        ansible.env("ANSIBLE_HOME", self.folder.join("ansible"));
        Ok(ansible)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
