//! The machine that we run on, through a `sh` of its own: `ansible_connection=local`, and the tests'
//! nearest server.
#![expect(clippy::disallowed_methods, reason = "starting programs is what this door is for")]
use super::enter::{Door, enter};
use super::fault::Fault;
use super::shell::Shell;
use super::{Connect, Escalation, Stage, TransportError};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::process::Command;

/// Opens shells on this machine.
#[derive(Clone, Debug)]
pub struct Local {
    program: Vec<String>,
    environment: Vec<(String, String)>,
    limit: Duration,
    fault: Option<Fault>,
}

impl Local {
    /// `/bin/sh`; `limit` is for one batch, see [`Shell::new`].
    pub fn new(limit: Duration) -> Self {
        Self { program: vec!["/bin/sh".into()], environment: vec![], limit, fault: None }
    }
    /// Another shell, e.g. `["busybox", "sh"]`.
    #[must_use]
    pub fn program<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.program = words.into_iter().map(Into::into).collect();
        self
    }
    /// Adds to the shell's environment, e.g. `COWHAND_STATE`.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Its shells are cut where the fault says.
    #[must_use]
    pub fn cut_by(mut self, fault: Option<Fault>) -> Self {
        self.fault = fault;
        self
    }
}

impl Door for Local {
    type Reader = Receiver;
    type Writer = Sender;

    async fn start(
        &self,
        words: &[String],
        terminal: bool,
    ) -> Result<(Receiver, Sender), TransportError> {
        let started = if terminal { on_terminal(words) } else { on_pipes(words) };
        started.map_err(|error| TransportError::Unreachable {
            stage: Stage::Setup,
            message: format!("can't start a shell on this machine: {error}"),
            help: None,
        })
    }
}

impl Connect for Local {
    type Shell = Shell<Receiver, Sender>;

    fn anew(&self) -> Self {
        self.clone()
    }

    /// Root needs no escalation to become root.
    async fn shell(&self, escalation: Option<&Escalation>) -> Result<Self::Shell, TransportError> {
        let is_root = rustix::process::geteuid().is_root();
        let escalation = escalation.filter(|wanted| !is_root || wanted.user != "root");
        // Through `env`, since sudo keeps no variables.
        let environment: Vec<String> =
            self.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let words = ["env"].into_iter().chain(environment.iter().map(String::as_str));
        let words: Vec<&str> = words.chain(self.program.iter().map(String::as_str)).collect();
        Ok(enter(self, &words, escalation, self.limit).await?.cut_by(self.fault.clone()))
    }
}

/// The child is not killed with its handle: it ends when its input does, behind the batch in hand, and
/// tokio reaps it.
fn on_pipes(words: &[String]) -> io::Result<(Receiver, Sender)> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let (Some(output), Some(input)) = (child.stdout.take(), child.stdin.take()) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    Ok((
        Receiver::from_owned_fd(output.into_owned_fd()?)?,
        Sender::from_owned_fd(input.into_owned_fd()?)?,
    ))
}

/// A terminal of its own that echoes nothing, as `sshd` would give it.
fn on_terminal(words: &[String]) -> io::Result<(Receiver, Sender)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, vec![])?;
    let theirs = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(OsStr::from_bytes(name.as_bytes()))?;
    let mut modes = tcgetattr(&theirs)?;
    modes.local_modes -= LocalModes::ECHO;
    tcsetattr(&theirs, OptionalActions::Now, &modes)?;
    let theirs = OwnedFd::from(theirs);
    let mut command = Command::new("setsid");
    command.arg("-c").args(words);
    command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
    command.spawn()?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    // A terminal is read and written as a pipe is, which is all that these two do.
    Ok((
        Receiver::from_owned_fd_unchecked(ours.try_clone()?)?,
        Sender::from_owned_fd_unchecked(ours)?,
    ))
}
