//! `tempfile`: an empty file or folder under a name that nobody has.
use super::values::Text;
use super::{Module, Opt, PlanError, Table, write};
use crate::change::{Change, Ran};
use crate::facts::{Answer, Observed, Probe, Stat};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    #[serde(default)]
    state: State,
    path: Option<String>,
    prefix: Option<Text>,
    suffix: Option<Text>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    File,
    Directory,
}

impl Module for This {
    const NAME: &'static str = "tempfile";
    const SUMMARY: &'static str = "make an empty file or folder under a new name";
    const EXAMPLES: &'static [&'static str] =
        &["state: directory\nsuffix: .build", "path: /run\nprefix: mail."];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("state", "file (default) or directory."),
        Opt::new("path", "Where (default: where the server keeps temporary files)."),
        Opt::new("prefix", "How its name begins (default `ansible.`)."),
        Opt::new("suffix", "How its name ends."),
    ];
    const RETURNS: &'static [Table] = &[&[("path", "What was made.")], write::RETURNS];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(params: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        let text = |text: &Option<Text>, default: &str| {
            text.as_ref().map_or(default, |text| text.0.as_str()).to_owned()
        };
        let (prefix, suffix) = (text(&params.prefix, "ansible."), text(&params.suffix, ""));
        if let Some(wrong) = [&prefix, &suffix].iter().find(|part| part.contains('/')) {
            return Err(PlanError::failed(format!("a name can't hold a slash, as `{wrong}` does")));
        }
        let (dir, directory) = (params.path.clone(), params.state == State::Directory);
        Ok(vec![Change::MakeTemp { dir, prefix, suffix, directory }])
    }

    fn result(_: &Params, _: &Observed, _: &[Change], ran: &[Ran]) -> Map<String, Value> {
        let Some(ran) = ran.last().filter(|ran| ran.rc == 0) else { return Map::new() };
        let text = ran.stdout.text();
        let Some((path, stat)) = text.split_once('\n') else { return Map::new() };
        let stat = Stat::told(&Answer { stdout: stat.into(), ..Answer::default() });
        let mut out = stat.map_or_else(Map::new, |stat| write::told(&stat));
        out.insert("path".into(), path.into());
        out
    }
}
