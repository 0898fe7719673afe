//! `command`: runs a program without a shell.
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
    cmd: Option<Text>,
    argv: Option<Vec<Text>>,
    chdir: Option<String>,
    creates: Option<String>,
    removes: Option<String>,
    stdin: Option<Text>,
    stdin_add_newline: Option<Flag>,
    strip_empty_ends: Option<Flag>,
    expand_argument_vars: Option<Flag>,
    #[serde(default, rename = "_environment")]
    environment: BTreeMap<String, Text>,
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
        let expands = self.expand_argument_vars.is_none_or(|expand| expand.0);
        let expand = expands && argv.iter().any(|word| word.contains('$') || word.starts_with('~'));
        let cmd = argv.clone().into();
        Ok(Wanted {
            run: change::Command {
                argv,
                chdir: self.chdir.clone(),
                stdin: stdin(self.stdin.as_ref(), self.stdin_add_newline),
                environment: environment(&self.environment),
                expand,
                ..change::Command::default()
            },
            cmd,
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
    const OPTIONS: &'static [Opt] = &[
        Opt::new("cmd", "The command line, taken apart as a shell would, but not run by one."),
        Opt::new("argv", "The program and its arguments, as a list."),
        execute::CHDIR,
        execute::CREATES,
        execute::REMOVES,
        execute::STDIN,
        execute::STDIN_ADD_NEWLINE,
        execute::STRIP_EMPTY_ENDS,
        Opt::new(
            "expand_argument_vars",
            "Fill in ~, $NAME and ${NAME} from the server's environment (default true).",
        ),
        execute::ENVIRONMENT,
    ];
    const FREE_FORM: Option<&'static str> = Some("cmd");
    const RETURNS: &'static [Table] = &[execute::RETURNS];
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
