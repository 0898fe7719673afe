//! Runs of the program itself, and what they said.
use super::lab::Server;
use cowhand::event::{Damage, Event, Line, Outcome, Recap, VERSION};
use cowhand::facts::Lock;
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
    command_on(verb, "playbooks/harden.yml", inventory, arguments)
}

/// The same for something other than that playbook.
fn command_on(verb: &str, what: &str, inventory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cowhand"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([verb, what, "--format", "json", "-i"])
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

    /// An `apply` of a playbook of the test's own.
    pub(super) fn apply_playbook(&self, playbook: &Path, arguments: &[&str]) -> Ended {
        let arguments = [&["-l", self.name], arguments].concat();
        let playbook = playbook.to_str().unwrap();
        Ended::of(command_on("apply", playbook, &self.inventory(), &arguments).output().unwrap())
    }

    /// What `owed`, `history` or `rollback` say of the server, and how they end.
    pub(super) fn ask(&self, verb: &str, arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
        let output = command_on(verb, self.name, &self.inventory(), arguments).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        let told = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (told, output.status.code())
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

    /// Paths that were brought back on a host, what was done again, and what was left.
    #[track_caller]
    pub(super) fn rolled_back(&self, on: &str) -> (Vec<&str>, Vec<&str>, usize) {
        let told = self.events.iter().find_map(|event| match event {
            Event::RolledBack { host, restored, again, left } if host == on => Some((
                restored.iter().map(String::as_str).collect(),
                again.iter().map(String::as_str).collect(),
                left.len(),
            )),
            _ => None,
        });
        told.unwrap_or_else(|| panic!("nothing was taken back: {:?}", self.events))
    }

    /// Who is at work on a host.
    #[track_caller]
    pub(super) fn locked(&self, on: &str) -> &Lock {
        let told = self.events.iter().find_map(|event| match event {
            Event::Locked { host, lock } if host == on => Some(lock),
            _ => None,
        });
        told.unwrap_or_else(|| panic!("not locked: {:?}", self.events))
    }

    pub(super) fn warnings(&self) -> Vec<&str> {
        let warned = self.events.iter().filter_map(|event| match event {
            Event::Warning { message, .. } => Some(message.as_str()),
            _ => None,
        });
        warned.collect()
    }

    /// Files of ours that somebody else changed on a host, and what became of them.
    pub(super) fn edits(&self, on: &str) -> Vec<(&str, Damage)> {
        let edits = self.events.iter().filter_map(|event| match event {
            Event::Edited { host, edit, .. } if host == on => {
                Some((edit.path.as_str(), edit.damage))
            }
            _ => None,
        });
        edits.collect()
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
