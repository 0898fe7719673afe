//! The machine's Docker engine through its command line.

use crate::process::{ask, command};
use crate::{Outcome, lab::place::Place};
use std::path::Path;
use std::process::Command;

/// `docker …`, with the classic builder.
pub(crate) fn docker(words: &[&str]) -> Command {
    let mut command = command(&["docker"]);
    command.args(words).env("DOCKER_BUILDKIT", "0");
    command
}

/// Whether an engine answers; if not, why.
pub(crate) fn answers() -> Outcome {
    ask(&mut docker(&["version", "--format", "{{.Server.Version}}"]))
        .map(drop)
        .map_err(|why| format!("no Docker engine answers ({})", why.replace('\n', " ")))
}

/// The socket of the engine, which the lab servers drive it through.
pub(crate) fn socket() -> Outcome<String> {
    let host =
        std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".into());
    let path = host.strip_prefix("unix://");
    let path = path.filter(|path| Path::new(path).exists());
    path.map(str::to_owned)
        .ok_or_else(|| format!("the engine must be on this machine, at a socket: {host} is not"))
}

/// Whether there is an image of that tag.
pub(crate) fn has_image(tag: &str) -> bool {
    ask(&mut docker(&["image", "inspect", "--format", "{{.Id}}", tag])).is_ok()
}

/// What a container is: id, whether it runs, and the value of one of its labels.
#[derive(Debug)]
pub(crate) struct Container {
    /// Its full id.
    pub id: String,
    /// Whether it runs.
    pub running: bool,
    /// The label's value, empty without it.
    pub label: String,
}

/// Looks at a container; `None`: there is none of that name.
pub(crate) fn container(name: &str, label: &str) -> Option<Container> {
    let format =
        format!("{{{{.Id}}}} {{{{.State.Running}}}} {{{{index .Config.Labels \"{label}\"}}}}");
    let text = ask(&mut docker(&["container", "inspect", "--format", &format, name])).ok()?;
    let mut words = text.split(' ');
    let id = words.next()?.to_owned();
    let running = words.next() == Some("true");
    Some(Container { id, running, label: words.next().unwrap_or_default().to_owned() })
}

/// Removes every container, network and volume of this checkout's lab, and nothing else.
pub(crate) fn remove_all(place: &Place) -> Outcome {
    let filter = format!("label={}", place.label());
    // The servers first: what they drive must not come back while it is removed.
    remove(&["ps", "-aq", "--no-trunc", "--filter", &filter], &["rm", "--force", "--volumes"])?;
    remove(&["network", "ls", "-q", "--filter", &filter], &["network", "rm"])?;
    remove(&["volume", "ls", "-q", "--filter", &filter], &["volume", "rm", "--force"])
}

/// Runs `verb` on everything that `list` prints, one a line.
pub(crate) fn remove(list: &[&str], verb: &[&str]) -> Outcome {
    let found = ask(&mut docker(list))?;
    if found.is_empty() {
        return Ok(());
    }
    ask(docker(verb).args(found.lines())).map(drop)
}
