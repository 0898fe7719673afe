//! `script`: a program of the project, run on the host from a file of its own that vanishes again.
use super::execute::{self, Wanted};
use super::values::{Flag, Text};
use super::{Bind, Module, Opt, PlanError, Table};
use crate::change::{self, Change, Ran};
use crate::facts::{Bytes, Observed, Probe};
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
    #[serde(rename = "decrypt")]
    _decrypt: Option<Flag>,
    #[serde(default, rename = "_environment")]
    environment: BTreeMap<String, Text>,
    #[serde(rename = "_source")]
    source: Option<Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    #[serde(rename = "path")]
    _path: String,
    content: Bytes,
}

impl Params {
    fn wanted(&self) -> Result<Wanted<'_>, PlanError> {
        let wrong = |message: &str| PlanError::Params { path: "cmd".into(), message: message.into() };
        let words = shlex::split(&self.cmd.0).ok_or_else(|| wrong("has a quote that is not closed"))?;
        let Some((_, arguments)) = words.split_first() else {
            return Err(wrong("no script given"));
        };
        let source = self.source.as_ref().ok_or_else(|| wrong("the script was not found"))?;
        Ok(Wanted {
            run: change::Command {
                argv: arguments.to_vec(),
                shell: self.executable.clone(),
                chdir: self.chdir.clone(),
                environment: execute::environment(&self.environment),
                program: Some(source.content.clone()),
                ..change::Command::default()
            },
            cmd: self.cmd.0.clone().into(),
            creates: self.creates.as_deref(),
            removes: self.removes.as_deref(),
            strip: false,
        })
    }
}

impl Module for This {
    const NAME: &'static str = "script";
    const SUMMARY: &'static str = "run a program of the project on the host";
    const EXAMPLES: &'static [&'static str] = &[
        "cmd: setup.sh --quick\ncreates: /run/done\n_source: {path: setup.sh, content: IyEvYmluL3NoCg==}",
        "cmd: setup.awk\nexecutable: awk -f\nchdir: /run\n_source: {path: setup.awk, content: QkVHSU4ge30K}",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("cmd", "A file of the project, and its arguments.").bind(Bind::Program),
        execute::CHDIR,
        execute::CREATES,
        execute::REMOVES,
        Opt::new("executable", "What runs it; by default its first line says so."),
        Opt::new("decrypt", "An encrypted file is decrypted, if there is a password for it."),
        execute::ENVIRONMENT,
        Opt::new("_source", "From `cmd`."),
    ];
    const FREE_FORM: Option<&'static str> = Some("cmd");
    const RETURNS: &'static [Table] = &[execute::SAID];
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
        let Ok(wanted) = params.wanted() else { return Map::new() };
        let mut out = Map::new();
        match (wanted.spared(seen), ran.last()) {
            (Ok(Some(why)), _) => {
                out.insert("skipped".into(), true.into());
                out.insert("changed".into(), false.into());
                let why = why.replace('\'', "");
                out.insert("msg".into(), format!("{why}, skipping").into());
            }
            (_, Some(ran)) => out.extend(execute::told(ran, false)),
            (_, None) => {}
        }
        out
    }
}
