//! The machine that we run on, through a `sh` of its own: `ansible_connection=local`, and the tests'
//! nearest server.
#![expect(clippy::disallowed_methods, reason = "starting programs is what this door is for")]
use super::fault::Fault;
use super::shell::{Shell, nonce};
use super::{Connect, Escalation, Method, Stage, TransportError};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{ChildStdin, ChildStdout, Command};

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

    /// What is started: the shell's complaints come where its answers come, so that they can be told.
    fn command(&self, escalation: Option<&Escalation>) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec \"$@\" 2>&1", "sh"]);
        if let Some(Escalation { method: Method::Sudo, user, .. }) = escalation {
            command.args(["sudo", "-n", "-H", "-u", user, "--"]);
        }
        // Through `env`, since sudo keeps no variables.
        command.arg("env");
        command.args(self.environment.iter().map(|(name, value)| format!("{name}={value}")));
        command.args(&self.program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }
}

impl Connect for Local {
    type Shell = Shell<ChildStdout, ChildStdin>;

    async fn shell(&self, escalation: Option<&Escalation>) -> Result<Self::Shell, TransportError> {
        let unreachable = |message: String| TransportError::Unreachable {
            stage: Stage::Setup,
            message,
            help: None,
        };
        let mut child = self
            .command(escalation)
            .spawn()
            .map_err(|error| unreachable(format!("can't start /bin/sh: {error}")))?;
        let (Some(output), Some(input)) = (child.stdout.take(), child.stdin.take()) else {
            return Err(unreachable("/bin/sh has no pipes".into()));
        };
        // The child is not killed with its handle: it ends when its input does, behind the batch in
        // hand, and tokio reaps it.
        let shell = Shell::new(output, input, nonce(), self.limit).cut_by(self.fault.clone());
        Ok(match escalation {
            Some(escalation) => shell.escalated(&escalation.user),
            None => shell,
        })
    }
}
