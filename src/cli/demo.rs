//! `cowhand demo`: the main job before your eyes, on an embedded SSH server with a throw-away Mailcow
//! folder. `docker` and `curl` are stand-ins there, and are called so; everything else is real.
use super::args::{Color, HostArgs, LoginArgs, PlayArgs};
use super::{Exit, Wrong, play};
use crate::report::Palette;
use crate::transport::embedded::{Server, ServerOptions, write_key};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// The role and its playbook as they are in the project, so that the demo needs nothing but the program.
const PROJECT: [(&str, &str); 12] = [
    ("playbooks/harden.yml", include_str!("../../playbooks/harden.yml")),
    (
        "roles/mailcow_hardening/defaults/main.yml",
        include_str!("../../roles/mailcow_hardening/defaults/main.yml"),
    ),
    (
        "roles/mailcow_hardening/handlers/main.yml",
        include_str!("../../roles/mailcow_hardening/handlers/main.yml"),
    ),
    (
        "roles/mailcow_hardening/meta/argument_specs.yml",
        include_str!("../../roles/mailcow_hardening/meta/argument_specs.yml"),
    ),
    (
        "roles/mailcow_hardening/tasks/main.yml",
        include_str!("../../roles/mailcow_hardening/tasks/main.yml"),
    ),
    (
        "roles/mailcow_hardening/tasks/nginx.yml",
        include_str!("../../roles/mailcow_hardening/tasks/nginx.yml"),
    ),
    (
        "roles/mailcow_hardening/tasks/notes.yml",
        include_str!("../../roles/mailcow_hardening/tasks/notes.yml"),
    ),
    (
        "roles/mailcow_hardening/tasks/postfix.yml",
        include_str!("../../roles/mailcow_hardening/tasks/postfix.yml"),
    ),
    (
        "roles/mailcow_hardening/tasks/proof.yml",
        include_str!("../../roles/mailcow_hardening/tasks/proof.yml"),
    ),
    (
        "roles/mailcow_hardening/vars/main.yml",
        include_str!("../../roles/mailcow_hardening/vars/main.yml"),
    ),
    ("bin/docker", include_str!("demo/docker")),
    ("bin/curl", include_str!("demo/curl")),
];

/// The stock configuration of the demo's server.
const MAILCOW: [(&str, &str); 3] = [
    ("data/conf/nginx/templates/sites-default.conf.j2", include_str!("demo/sites-default.conf.j2")),
    (
        "data/conf/postfix/extra.cf",
        "myhostname = mail.demo.invalid\n\n# my own line\nmessage_size_limit = 52428800\n",
    ),
    ("docker-compose.yml", "# read by nobody: docker is a stand-in here\n"),
];

/// Runs the demo.
pub(super) async fn demo(color: Color) -> Result<Exit, Wrong> {
    let palette = Palette { color: color.on_stdout() };
    let folder = tempfile::Builder::new().prefix("cowhand-demo-").tempdir()?;
    let stage = Stage::set(folder.path()).await?;
    say(
        palette,
        "An embedded SSH server on loopback with a throw-away Mailcow folder.",
        &format!(
            "SSH, shell, files and the role are real; `docker` and `curl` are stand-ins on that server.\n\
         {}",
            folder.path().display()
        ),
    )?;
    say(
        palette,
        "1. check: what would change? Nothing is touched.",
        &Stage::command("check", false),
    )?;
    let checked = play::check(stage.args(false).into(), 0, color).await?;
    say(palette, "2. apply: make it so, and show what changes.", &Stage::command("apply", true))?;
    let applied = play::apply(stage.args(true).into(), 0, color).await?;
    say(
        palette,
        "3. apply again: nothing differs, so nothing is written or restarted.",
        &Stage::command("apply", false),
    )?;
    let again = play::apply(stage.args(false).into(), 0, color).await?;
    let ends = [checked, applied, again];
    if ends.contains(&Exit::Interrupted) {
        return Ok(Exit::Interrupted);
    }
    if ends != [Exit::Drift, Exit::Fine, Exit::Fine] {
        return Err(Wrong::usage(format!("the demo did not go as it should: {ends:?}")));
    }
    say(
        palette,
        "For a real server",
        "\
        put it into an inventory (fleet.yml):\n\n    \
        mailcow:\n      hosts:\n        mail.example.org: {ansible_user: root}\n\n\
        then:\n\n    \
        cowhand ping -i fleet.yml\n    \
        cowhand check playbooks/harden.yml -i fleet.yml --diff\n    \
        cowhand apply playbooks/harden.yml -i fleet.yml --diff",
    )?;
    Ok(Exit::Fine)
}

fn say(palette: Palette, heading: &str, text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\n{}\n{text}\n", palette.strong(heading))?;
    out.flush()
}

/// The embedded server and the files of both sides.
struct Stage {
    folder: PathBuf,
    _server: Server,
}

impl Stage {
    async fn set(folder: &Path) -> Result<Self, Wrong> {
        let mailcow = folder.join("mailcow-dockerized");
        for (name, text) in PROJECT {
            write(&folder.join(name), text)?;
        }
        for (name, text) in MAILCOW {
            write(&mailcow.join(name), text)?;
        }
        for program in ["docker", "curl"] {
            executable(&folder.join("bin").join(program))?;
        }
        let smtp = smtp().await?;
        let conf = format!(
            "MAILCOW_HOSTNAME=mail.demo.invalid\nDBPASS=never leaves the server\nHTTPS_BIND=127.0.0.1\n\
             HTTPS_PORT=443\nSMTP_PORT=127.0.0.1:{smtp}\nDOCKER_COMPOSE_VERSION=native\n"
        );
        write(&mailcow.join("mailcow.conf"), &conf)?;
        let key = folder.join("id_ed25519");
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".into());
        let server = Server::start(ServerOptions {
            authorized_key: Some(write_key(&key)?),
            env: vec![
                ("PATH".into(), format!("{}:{path}", folder.join("bin").display())),
                ("COWHAND_STATE".into(), folder.join("state").display().to_string()),
            ],
            ..ServerOptions::default()
        })
        .await?;
        let known_hosts = folder.join("known_hosts");
        write(&known_hosts, &format!("{}\n", server.known_hosts_line()))?;
        let vars = serde_json::json!({
            "ansible_host": server.addr.ip().to_string(),
            "ansible_port": server.addr.port(),
            "ansible_user": "root",
            "ansible_ssh_private_key_file": key,
            "cowhand_known_hosts": known_hosts,
            "mailcow_hardening_dir": mailcow,
        });
        let inventory = serde_json::json!({"mailcow": {"hosts": {"mail.demo.invalid": vars}}});
        write(&folder.join("fleet.json"), &format!("{inventory:#}\n"))?;
        Ok(Self { folder: folder.to_owned(), _server: server })
    }

    fn args(&self, diff: bool) -> PlayArgs {
        PlayArgs {
            playbook: self.folder.join("playbooks/harden.yml"),
            hosts: HostArgs {
                inventory: vec![self.folder.join("fleet.json").display().to_string()],
                ..HostArgs::default()
            },
            login: LoginArgs {
                // The configuration of whoever watches plays no part.
                ssh_config: Some("none".into()),
                forks: 1,
                ..LoginArgs::default()
            },
            diff,
            ..PlayArgs::default()
        }
    }

    fn command(command: &str, diff: bool) -> String {
        let diff = if diff { " --diff" } else { "" };
        format!("$ cowhand {command} playbooks/harden.yml -i fleet.json{diff}")
    }
}

/// Something that greets like an SMTP server, for the wait behind the restart.
async fn smtp() -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // Whoever hangs up early has heard enough.
                let _ = stream.write_all(b"220 mail.demo.invalid ESMTP\r\n").await;
                let _ = stream.read(&mut [0; 64]).await;
                let _ = stream.write_all(b"221 bye\r\n").await;
            });
        }
    });
    Ok(port)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}

fn executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_brings_every_file_of_the_role() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let brought: Vec<_> = PROJECT.iter().map(|(name, _)| root.join(name)).collect();
        let mut folders = vec![root.join("roles/mailcow_hardening")];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "yml") {
                    assert!(brought.contains(&path), "{} is left out", path.display());
                    count += 1;
                }
            }
        }
        assert_eq!(count, 9);
    }
}
