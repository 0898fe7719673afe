//! `shell`: runs a script with a shell.
use super::execute::{self, Wanted, environment, stdin};
use super::values::{Flag, Text};
use super::{Module, Opt, PlanError, Table};
use crate::change::{self, Change, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    cmd: Text,
    chdir: Option<String>,
    creates: Option<String>,
    removes: Option<String>,
    executable: Option<String>,
    stdin: Option<Text>,
    stdin_add_newline: Option<Flag>,
    strip_empty_ends: Option<Flag>,
    #[serde(default, rename = "_environment")]
    environment: BTreeMap<String, Text>,
}

impl Params {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            run: change::Command {
                argv: vec![self.cmd.0.clone()],
                shell: Some(self.executable.clone().unwrap_or("/bin/sh".into())),
                chdir: self.chdir.clone(),
                stdin: stdin(self.stdin.as_ref(), self.stdin_add_newline),
                environment: environment(&self.environment),
                ..change::Command::default()
            },
            cmd: self.cmd.0.clone().into(),
            creates: self.creates.as_deref(),
            removes: self.removes.as_deref(),
            strip: self.strip_empty_ends.is_none_or(|strip| strip.0),
        }
    }
}

impl Module for This {
    const NAME: &'static str = "shell";
    const SUMMARY: &'static str = "run a script with a shell";
    const EXAMPLES: &'static [&'static str] = &["cmd: echo done > /run/done\ncreates: /run/done"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("cmd", "The script."),
        execute::CHDIR,
        execute::CREATES,
        execute::REMOVES,
        Opt::new("executable", "The shell (default /bin/sh)."),
        execute::STDIN,
        execute::STDIN_ADD_NEWLINE,
        execute::STRIP_EMPTY_ENDS,
        execute::ENVIRONMENT,
    ];
    const FREE_FORM: Option<&'static str> = Some("cmd");
    const RETURNS: &'static [Table] = &[execute::RETURNS];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        params.wanted().observe()
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        params.wanted().plan(seen)
    }

    fn result(
        params: &Params,
        seen: &Observed,
        _: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        params.wanted().result(seen, ran)
    }
}
