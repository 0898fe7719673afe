//! What a lab server is given from outside, in files of this checkout that it mounts read-only at `/lab`:
//! keys, the address of its sshd, its seed. Files that are as they should be are left alone, so a second
//! `lab up` keeps every key.

use crate::Outcome;
use crate::lab::place::{Place, SSH_PORT};
use crate::lab::seed::{self, Seed};
use crate::lab::server::{SERVERS, Server};
use crate::process::{ask, command};
use std::fs;
use std::path::Path;

/// Makes the login key where it is missing.
pub(crate) fn client_key(place: &Place) -> Outcome {
    make_key(&place.client_key(), "ed25519")
}

/// Lays out everything for one server. Returns the stamp of its seed.
pub(crate) fn lay_out(place: &Place, server: &Server) -> Outcome<String> {
    let folder = place.gifts(server);
    for kind in ["ed25519", "rsa"] {
        make_key(&folder.join("ssh").join(format!("host_{kind}")), kind)?;
    }
    let authorized = read(&place.client_key().with_extension("pub"))?;
    write(&folder.join("ssh/authorized_keys"), &authorized)?;
    let listen = format!("ListenAddress {}:{SSH_PORT}\n", place.address(server));
    write(&folder.join("ssh/listen.conf"), &listen)?;
    write(&folder.join("env"), &env(place, server))?;
    let seed = seed::seed(place, server)?;
    let stamp = seed::stamp(&seed);
    lay_seed(&folder, &seed, &stamp)?;
    Ok(stamp)
}

/// Writes the known host keys of every server that has been laid out.
pub(crate) fn known_hosts(place: &Place) -> Outcome {
    let mut lines = Vec::new();
    for server in SERVERS.iter().filter(|server| place.gifts(server).join("stamp").exists()) {
        for kind in ["ed25519", "rsa"] {
            let key = read(&place.gifts(server).join("ssh").join(format!("host_{kind}.pub")))?;
            let key: Vec<&str> = key.split_whitespace().take(2).collect();
            lines.push(format!("[{}]:{SSH_PORT} {}\n", place.address(server), key.join(" ")));
        }
    }
    write(&place.known_hosts(), &lines.concat())
}

/// For `lab-start` and `lab-reset`, as assignments of a shell. No value needs quoting: the checkout's path
/// was looked at before, and all else is ours.
fn env(place: &Place, server: &Server) -> String {
    format!(
        "mailcow_dir={}\nproject={}\naddress={}\nhostname={}\nhttps_port={}\nsmtp_port=25\n",
        place.mailcow(server).display(),
        place.project(server),
        place.address(server),
        server.hostname(),
        server.https_port,
    )
}

/// The seed is laid anew where the stamp differs; the stamp is written last, so a seed that was cut off
/// has none.
fn lay_seed(folder: &Path, seed: &Seed, stamp: &str) -> Outcome {
    let (path, root) = (folder.join("stamp"), folder.join("seed"));
    if fs::read_to_string(&path).is_ok_and(|old| old == stamp) {
        return Ok(());
    }
    let _ = fs::remove_file(&path);
    if root.exists() {
        fs::remove_dir_all(&root).map_err(|error| format!("{}: {error}", root.display()))?;
    }
    for (name, text) in seed {
        write(&root.join(name), text)?;
    }
    write(&path, stamp)
}

fn make_key(path: &Path, kind: &str) -> Outcome {
    if path.with_extension("pub").exists() || path.parent().is_none() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // A key without its public half is of a run that was cut off.
    let _ = fs::remove_file(path);
    let mut keygen =
        command(&["ssh-keygen", "-q", "-N", "", "-C", "cowhand-lab", "-t", kind, "-f"]);
    ask(keygen.arg(path)).map(drop)
}

fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a file and the folders above it, unless it is so already.
pub(crate) fn write(path: &Path, text: &str) -> Outcome {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
