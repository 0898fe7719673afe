//! Runs of the program itself, and what they said.
use super::lab::Server;
use cowhand::event::{Event, Line, Outcome, Recap, VERSION};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A run that has ended.
pub(super) struct Ended {
    code: Option<i32>,
    stderr: String,
    pub(super) events: Vec<Event>,
}

/// `cowhand VERB playbooks/harden.yml` with an inventory and more arguments, telling in JSON lines.
pub(super) fn command(verb: &str, inventory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cowhand"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([verb, "playbooks/harden.yml", "--format", "json", "-i"])
        .arg(inventory)
        .args(arguments)
        // Nothing of whoever runs the tests helps.
        .env("HOME", "/nonexistent")
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs on the hosts of an inventory.
pub(super) fn run(verb: &str, inventory: &Path, arguments: &[&str]) -> Ended {
    Ended::of(command(verb, inventory, arguments).output().unwrap())
}

impl Server {
    pub(super) fn check(&self, arguments: &[&str]) -> Ended {
        run("check", &self.inventory(), &[&["-l", self.name], arguments].concat())
    }

    pub(super) fn apply(&self, arguments: &[&str]) -> Ended {
        run("apply", &self.inventory(), &[&["-l", self.name], arguments].concat())
    }

    /// An `apply` that goes on meanwhile.
    pub(super) fn start_apply(&self) -> Child {
        command("apply", &self.inventory(), &["-l", self.name]).spawn().unwrap()
    }
}

impl Ended {
    fn of(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        // Every password in the lab's mailcow.conf is called so.
        assert!(!format!("{stdout}{stderr}").contains("lab-secret"), "{stdout}\n{stderr}");
        let events = stdout.lines().map(|line| {
            let line: Line =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!(line.v, VERSION);
            line.event
        });
        Self { code: output.status.code(), stderr, events: events.collect() }
    }

    /// Fails, with all that was said, unless the run ended with that code.
    #[track_caller]
    pub(super) fn exits(self, code: i32) -> Self {
        let said = || {
            let lines = self.events.iter().map(|event| serde_json::to_string(event).unwrap());
            lines.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(self.code, Some(code), "{}\n{}", said(), self.stderr);
        self
    }

    fn recaps(&self) -> &BTreeMap<String, Recap> {
        match self.events.last() {
            Some(Event::RunFinished { recap, interrupted: false }) => recap,
            other => panic!("the last event: {other:?}\n{}", self.stderr),
        }
    }

    #[track_caller]
    pub(super) fn recap(&self, host: &str) -> &Recap {
        self.recaps().get(host).unwrap_or_else(|| panic!("no recap of {host}: {:?}", self.recaps()))
    }

    /// How a task ended on a host, and what it returned.
    fn finished(&self, on: &str) -> Vec<(&str, &Outcome, &Map<String, Value>)> {
        let ended = self.events.iter().filter_map(|event| match event {
            Event::TaskFinished { host, task, outcome, result, .. } if host == on => {
                Some((task.as_str(), outcome, result))
            }
            _ => None,
        });
        ended.collect()
    }

    /// Tasks and handlers that ended so, without the role's name.
    pub(super) fn tasks(&self, host: &str, wanted: &Outcome) -> Vec<&str> {
        let ended = self.finished(host).into_iter().filter(|(_, outcome, _)| *outcome == wanted);
        ended.map(|(task, ..)| task.rsplit(" : ").next().unwrap_or(task)).collect()
    }

    /// Task and message of the failures on a host.
    pub(super) fn failures(&self, host: &str) -> Vec<(&str, &str)> {
        let failed =
            self.finished(host).into_iter().filter_map(|(task, outcome, _)| match outcome {
                Outcome::Failed { message, .. } => Some((task, message.as_str())),
                _ => None,
            });
        failed.collect()
    }

    /// What `debug` tasks told.
    pub(super) fn told(&self, host: &str) -> String {
        let told =
            self.finished(host).into_iter().filter(|(_, outcome, _)| **outcome == Outcome::Ok);
        told.filter_map(|(.., result)| result.get("msg")?.as_str()).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn warnings(&self) -> Vec<&str> {
        let warned = self.events.iter().filter_map(|event| match event {
            Event::Warning { message, .. } => Some(message.as_str()),
            _ => None,
        });
        warned.collect()
    }

    /// Handlers that an earlier run owes.
    pub(super) fn owed(&self, on: &str) -> Vec<&str> {
        let owed = self.events.iter().filter_map(|event| match event {
            Event::Owed { host, handler, known: true, .. } if host == on => Some(handler.as_str()),
            _ => None,
        });
        owed.map(|handler| handler.rsplit(" : ").next().unwrap_or(handler)).collect()
    }

    /// Why a host was given up, and what to do.
    #[track_caller]
    pub(super) fn unreachable(&self, on: &str) -> String {
        let why = self.events.iter().find_map(|event| match event {
            Event::Unreachable { host, message, help } if host == on => {
                Some(format!("{message}\n{}", help.as_deref().unwrap_or_default()))
            }
            _ => None,
        });
        why.unwrap_or_else(|| panic!("{on} was reached: {:?}", self.recaps()))
    }
}
