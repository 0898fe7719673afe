//! Changes as words for the functions in `transport/remote.sh`; `transport::wire` quotes them.
//! Nothing that is long or secret is among them: that is the payload.
use super::{Attributes, Change, Command, ComposeAction, ComposeUp, Until, Wait, When};

impl Change {
    /// The remote function to call and its arguments. What it reads: see [`Change::payload`].
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::WriteFile { path, attributes, validate, backup, before, .. } => {
                let mut words = dressed("write_file", path, attributes);
                words.push(before.clone().unwrap_or_default());
                words.push(backup.clone().unwrap_or_default());
                words.extend(validate.iter().flatten().cloned());
                words
            }
            Self::SetAttributes { path, attributes, recurse } => {
                let mut words = dressed("set_attributes", path, attributes);
                words.push(if *recurse { "recurse" } else { "only" }.into());
                words
            }
            Self::MakeDir { path, attributes } => dressed("make_dir", path, attributes),
            Self::Link { path, target, hard } => {
                let kind = if *hard { "hard" } else { "symbolic" };
                ["make_link", path, target, kind].map(str::to_owned).into()
            }
            Self::Touch { path, attributes } => dressed("touch_path", path, attributes),
            Self::SetTimes { path, access, modification } => {
                let [access, modification] = [access, modification].map(|when| match when {
                    None => String::new(),
                    Some(When::Now) => "now".into(),
                    Some(When::At(seconds)) => seconds.to_string(),
                });
                vec!["set_times".into(), path.clone(), access, modification]
            }
            Self::MakeTemp { dir, prefix, suffix, directory } => {
                let kind = if *directory { "directory" } else { "file" };
                let dir = dir.as_deref().unwrap_or_default();
                ["make_temp", dir, prefix, suffix, kind].map(str::to_owned).into()
            }
            Self::Request(request) => {
                vec!["run_request".into(), request.plain.clone().unwrap_or_default()]
            }
            Self::Download(download) => download.words(),
            Self::Remove { path } => vec!["remove_path".into(), path.clone()],
            Self::Run(command) => run(command),
            Self::Wait(wait) => wait_for(wait),
            Self::Compose(up) => compose_up(up),
            Self::Outdated { .. } => vec!["true".into()],
            Self::Deed(deed) => deed.words(),
            Self::Here(here) => here.words(),
            Self::Owe { handler } => vec!["owe_handler".into(), handler.clone()],
            Self::Settle { handler } => vec!["settle_handler".into(), handler.clone()],
            Self::Step { run, number, change } => super::journal::step_words(run, *number, change),
            Self::Journal(entry) => entry.words(),
        }
    }
}

/// `FUNCTION PATH MODE OWNER GROUP`; empty: leave it.
pub(super) fn dressed(function: &str, path: &str, attributes: &Attributes) -> Vec<String> {
    let Attributes { mode, owner, group } = attributes;
    // Five digits: with fewer, GNU chmod leaves setuid and setgid of a folder as they were.
    let mode = mode.map(|mode| format!("{mode:05o}")).unwrap_or_default();
    let [owner, group] = [owner, group].map(|name| name.clone().unwrap_or_default());
    vec![function.into(), path.into(), mode, owner, group]
}

/// `[run_within SECONDS] run_command CHDIR SHELL COUNT NAME=VALUE… PROGRAM ARGUMENT…`, and its siblings.
fn run(command: &Command) -> Vec<String> {
    let Command { argv, shell, chdir, environment, expand, program, limit, .. } = command;
    let function = match (program, expand) {
        (Some(_), _) => "run_script",
        (None, true) => "run_expanded",
        (None, false) => "run_command",
    };
    let mut words = match limit {
        Some(seconds) => vec!["run_within".to_owned(), seconds.to_string()],
        None => vec![],
    };
    words.extend([
        function.into(),
        chdir.clone().unwrap_or_default(),
        shell.clone().unwrap_or_default(),
        environment.len().to_string(),
    ]);
    words.extend(environment.iter().map(|(name, value)| format!("{name}={value}")));
    words.extend(argv.iter().cloned());
    words
}

/// `wait_for DELAY SLEEP TIMEOUT KIND …`.
fn wait_for(wait: &Wait) -> Vec<String> {
    let mut words = vec!["wait_for".to_owned()];
    words.extend([wait.delay, wait.sleep, wait.timeout].map(|seconds| seconds.to_string()));
    match &wait.until {
        Until::Time => words.push("time".into()),
        Until::Port { host, port, open, connect, pattern } => {
            let wanted = if *open { "open" } else { "closed" };
            words.extend(["port".into(), host.clone(), port.to_string(), wanted.into()]);
            words.push(connect.to_string());
            words.extend(pattern.clone());
        }
        Until::Drained { port, states, local, excluded } => {
            let lists = [states, local, excluded].map(|list| list.join(" "));
            words.extend(["drained".into(), port.clone()].into_iter().chain(lists));
        }
        Until::Path { path, present, pattern } => {
            let wanted = if *present { "present" } else { "absent" };
            words.extend(["path".into(), path.clone(), wanted.into()]);
            words.extend(pattern.clone());
        }
    }
    words
}

/// `compose_up DIR ACTION TIMEOUT SERVICE,SERVICE… ANSWER…`.
fn compose_up(up: &ComposeUp) -> Vec<String> {
    let action = match up.action {
        ComposeAction::Restart => "restart",
        ComposeAction::Up => "up",
        ComposeAction::Recreate => "recreate",
        ComposeAction::Stop => "stop",
        ComposeAction::Down => "down",
    };
    let head = ["compose_up", &up.dir, action, &up.timeout.to_string(), &up.services.join(",")];
    head.map(str::to_owned).into_iter().chain(up.answers.iter().cloned()).collect()
}
