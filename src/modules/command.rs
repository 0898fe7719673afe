//! `command`: runs a program without a shell.
use super::values::{Flag, Text};
use super::{Module, Opt, PlanError};
use crate::change::{self, Change, Ran};
use crate::facts::{Bytes, Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    cmd: Option<Text>,
    argv: Option<Vec<Text>>,
    chdir: Option<String>,
    creates: Option<String>,
    removes: Option<String>,
    stdin: Option<Text>,
    stdin_add_newline: Option<Flag>,
    strip_empty_ends: Option<Flag>,
    #[serde(default, rename = "_environment")]
    environment: BTreeMap<String, Text>,
}

/// The options that `command` and `shell` share.
pub(super) const OPTIONS: &[Opt] = &[
    Opt::new("cmd", "The command line, taken apart as a shell would, but not run by one."),
    Opt::new("argv", "The program and its arguments, as a list."),
    Opt::new("chdir", "Run it in this folder."),
    Opt::new("creates", "A path; when it exists, nothing is run."),
    Opt::new("removes", "A path; when it does not exist, nothing is run."),
    Opt::new("stdin", "What the command reads."),
    Opt::new("stdin_add_newline", "End `stdin` with a line end (default true)."),
    Opt::new("strip_empty_ends", "Take line ends off the end of stdout and stderr (default true)."),
    Opt::new("_environment", "From the keyword `environment`."),
];

/// A command as both modules see it.
pub(super) struct Wanted<'a> {
    pub(super) run: change::Command,
    pub(super) creates: Option<&'a str>,
    pub(super) removes: Option<&'a str>,
    pub(super) strip: bool,
}

/// What the command reads, with the line end that Ansible adds.
pub(super) fn stdin(text: Option<&Text>, newline: Option<Flag>) -> Option<Bytes> {
    let end = if newline.is_none_or(|newline| newline.0) { "\n" } else { "" };
    text.map(|text| Bytes::from(format!("{}{end}", text.0)))
}

pub(super) fn environment(written: &BTreeMap<String, Text>) -> BTreeMap<String, String> {
    written.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect()
}

/// A path that `creates` or `removes` names. Patterns need the server's own globbing.
fn guard(path: &str) -> Result<Probe, PlanError> {
    if path.contains(['*', '?', '[']) {
        let message = "patterns are not supported here: name the path".to_owned();
        return Err(PlanError::Params { path: "creates".into(), message });
    }
    Ok(Probe::Path { path: path.to_owned(), follow: true })
}

impl Wanted<'_> {
    pub(super) fn observe(&self) -> Vec<Probe> {
        let guards = self.creates.iter().chain(&self.removes);
        guards.filter_map(|path| guard(path).ok()).collect()
    }

    pub(super) fn plan(self, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        Ok(match self.spared(seen)? {
            Some(_) => vec![],
            None => vec![Change::Run(self.run)],
        })
    }

    /// Why nothing needs to be run.
    fn spared(&self, seen: &Observed) -> Result<Option<String>, PlanError> {
        if let Some(path) = self.creates {
            guard(path)?;
            if seen.stat(path, true)?.is_some() {
                return Ok(Some(format!("Did not run command since '{path}' exists")));
            }
        }
        if let Some(path) = self.removes {
            guard(path)?;
            if seen.stat(path, true)?.is_none() {
                return Ok(Some(format!("Did not run command since '{path}' does not exist")));
            }
        }
        Ok(None)
    }

    pub(super) fn result(&self, seen: &Observed, ran: &[Ran]) -> Map<String, Value> {
        let mut out = Map::new();
        let cmd = match &self.run.shell {
            Some(_) => Value::from(self.run.argv.first().cloned().unwrap_or_default()),
            None => self.run.argv.clone().into(),
        };
        out.insert("cmd".into(), cmd);
        if let Ok(Some(why)) = self.spared(seen) {
            out.extend([
                ("msg".to_owned(), why.clone().into()),
                ("rc".to_owned(), 0.into()),
                ("stdout".to_owned(), format!("skipped, since {why}").into()),
                ("changed".to_owned(), false.into()),
            ]);
            return out;
        }
        let Some(ran) = ran.last() else { return out };
        let text = |bytes: &Bytes| {
            let text = bytes.text();
            if self.strip { text.trim_end_matches(['\r', '\n']).to_owned() } else { text.into() }
        };
        let (stdout, stderr) = (text(&ran.stdout), text(&ran.stderr));
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let more = json!({
            "rc": ran.rc,
            "stdout": stdout,
            "stdout_lines": lines(&stdout),
            "stderr": stderr,
            "stderr_lines": lines(&stderr),
            "changed": true,
            "failed": ran.rc != 0,
        });
        out.extend(more.as_object().cloned().unwrap_or_default());
        if ran.rc != 0 {
            let said = stderr.lines().last().unwrap_or("").to_owned();
            let tail = if said.is_empty() { said } else { format!(": {said}") };
            out.insert("msg".into(), format!("non-zero return code {}{tail}", ran.rc).into());
        }
        out
    }
}

impl Params {
    fn wanted(&self) -> Result<Wanted<'_>, PlanError> {
        let wrong = |message: &str| PlanError::Params {
            path: "cmd".into(),
            message: message.to_owned(),
        };
        let argv = match (&self.cmd, &self.argv) {
            (Some(_), Some(_)) => return Err(wrong("`cmd` and `argv` exclude each other")),
            (Some(cmd), None) => {
                shlex::split(&cmd.0).ok_or_else(|| wrong("has a quote that is not closed"))?
            }
            (None, Some(argv)) => argv.iter().map(|word| word.0.clone()).collect(),
            (None, None) => vec![],
        };
        if argv.is_empty() {
            return Err(wrong("no command given"));
        }
        Ok(Wanted {
            run: change::Command {
                argv,
                shell: None,
                chdir: self.chdir.clone(),
                stdin: stdin(self.stdin.as_ref(), self.stdin_add_newline),
                environment: environment(&self.environment),
            },
            creates: self.creates.as_deref(),
            removes: self.removes.as_deref(),
            strip: self.strip_empty_ends.is_none_or(|strip| strip.0),
        })
    }
}

impl Module for This {
    const NAME: &'static str = "command";
    const SUMMARY: &'static str = "run a program, without a shell";
    const EXAMPLES: &'static [&'static str] =
        &["cmd: newaliases\nchdir: /etc", "argv: [touch, /run/done]\ncreates: /run/done"];
    const OPTIONS: &'static [Opt] = OPTIONS;
    const FREE_FORM: Option<&'static str> = Some("cmd");
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        params.wanted().map_or(vec![], |wanted| wanted.observe())
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        params.wanted()?.plan(seen)
    }

    fn result(
        params: &Params,
        seen: &Observed,
        _: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        params.wanted().map_or_else(|_| Map::new(), |wanted| wanted.result(seen, ran))
    }
}
