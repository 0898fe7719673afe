//! The machine that cowhand runs on, for tasks that leave something there (`fetch`) or ask somebody
//! (`pause`). Nothing of a server is touched here.
#![expect(clippy::disallowed_methods, reason = "files of this machine are what this door is for")]
use crate::change::{Change, Here, Pause, Ran};
use crate::facts::{Bytes, Fact, Probe, Took};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

/// Answers a question about this machine; `None`: it is about a host.
pub fn look(probe: &Probe) -> Option<Fact> {
    let Probe::Here { path } = probe else { return None };
    Some(Fact::Here(match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => Some(crate::facts::Here::Unreadable(error.to_string())),
        Ok(about) if about.is_dir() => Some(crate::facts::Here::Folder),
        Ok(_) => Some(match std::fs::read(path) {
            Ok(bytes) => crate::facts::Here::file(&Bytes(bytes)),
            Err(error) => crate::facts::Here::Unreadable(error.to_string()),
        }),
    }))
}

/// Does what is to be done here, up to the first that fails. Failures are told as a command's are.
pub async fn make(changes: &[Change]) -> Vec<Ran> {
    let mut all = vec![];
    for change in changes {
        let Change::Here(here) = change else { continue };
        let ran = one(here).await;
        let failed = ran.rc != 0;
        all.push(ran);
        if failed {
            break;
        }
    }
    all
}

async fn one(here: &Here) -> Ran {
    let (start, offset) = now();
    let said = match here {
        Here::Keep { path, content } => keep(Path::new(path), content).map(|()| Said::default()),
        Here::Pause(pause) => wait(pause.clone()).await,
        Here::Meet(_) => Err(std::io::Error::other("a host is met by its run")),
    };
    let took = Some(Took { start, end: now().0, offset });
    match said {
        Ok((stdout, stderr)) => Ran { stdout: stdout.into(), stderr: stderr.into(), took, rc: 0 },
        Err(error) => Ran { rc: 1, stderr: error.to_string().into(), took, ..Ran::default() },
    }
}

/// Beside the target, then renamed: a reader sees the old content or the new.
fn keep(path: &Path, content: &Bytes) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    let mut beside = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(folder)?;
    beside.write_all(&content.0)?;
    beside.persist(path).map(drop).map_err(std::io::Error::from)
}

/// What was done, and what to warn of.
type Said = (String, String);

/// What was typed, if anything was. Where nobody can answer, nothing is waited for but the time.
async fn wait(pause: Pause) -> std::io::Result<Said> {
    let somebody = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if let (Some(prompt), true) = (&pause.prompt, somebody) {
        let mut out = std::io::stderr().lock();
        write!(out, "{}", crate::source::printable(prompt))?;
        out.flush()?;
    }
    match pause.seconds {
        Some(seconds) => {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok(Said::default())
        }
        None if somebody => {
            let typed = tokio::task::spawn_blocking(move || typed(pause.echo)).await;
            Ok((typed.map_err(std::io::Error::other)??, String::new()))
        }
        None => {
            let unasked = "Not waiting for response to prompt as stdin is not interactive";
            Ok((String::new(), unasked.to_owned()))
        }
    }
}

fn typed(echo: bool) -> std::io::Result<String> {
    if !echo {
        return rpassword::read_password();
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Microseconds since 1970, and how far local time is ahead of UTC.
fn now() -> (i64, i32) {
    let now = jiff::Zoned::now();
    (now.timestamp().as_microsecond(), now.offset().seconds())
}
