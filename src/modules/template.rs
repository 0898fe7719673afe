//! `template`: a file made from a template of the project.
use super::copy::written;
use super::values::{Flag, Mode, Text};
use super::write::{self, Wishes, is_dir, parent, resolve};
use super::{Bind, Module, Opt, PlanError};
use crate::change::{Change, Ran};
use crate::facts::{Bytes, Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    src: String,
    dest: String,
    force: Option<Flag>,
    backup: Option<Flag>,
    mode: Option<Mode>,
    owner: Option<Text>,
    group: Option<Text>,
    validate: Option<String>,
    follow: Option<Flag>,
    #[serde(rename = "_source")]
    source: Option<Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    path: String,
    content: Bytes,
}

impl Module for This {
    const NAME: &'static str = "template";
    const SUMMARY: &'static str = "put a file on the host, made from a template";
    const EXAMPLES: &'static [&'static str] = &[
        "src: motd.j2\ndest: /etc/motd\n_source: {path: motd.j2, content: aGkK}",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("src", "A template of the project.").bind(Bind::Template),
        Opt::new("dest", "Where it goes; a folder when it ends in `/` or is one."),
        Opt::new("force", "Replace what differs (default true)."),
        write::BACKUP,
        write::MODE,
        write::OWNER,
        write::GROUP,
        write::VALIDATE,
        Opt::new("follow", "Write through a symbolic link instead of replacing it."),
        Opt::new("_source", "From `src`."),
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        vec![
            Probe::Path { path: params.dest.clone(), follow: false },
            Probe::Path { path: params.dest.clone(), follow: true },
        ]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let Some(source) = &params.source else {
            return Err(PlanError::failed(format!("`{}` was not found", params.src)));
        };
        let mut path = params.dest.clone();
        if path.ends_with('/') || is_dir(&path, seen)? {
            let name = source.path.rsplit('/').next().unwrap_or(&source.path);
            path = format!("{}/{name}", path.trim_end_matches('/'));
        }
        if params.follow.is_some_and(|follow| follow.0) {
            path = resolve(&path, seen)?;
        }
        let there = seen.stat(&path, false)?.is_some();
        if there && !params.force.is_none_or(|force| force.0) {
            return Ok(vec![]);
        }
        if !there && !is_dir(parent(&path), seen)? {
            let folder = parent(&path);
            return Err(PlanError::failed(format!("destination directory {folder} does not exist")));
        }
        let wishes = Wishes {
            mode: params.mode.as_ref(),
            owner: params.owner.as_ref(),
            group: params.group.as_ref(),
            validate: params.validate.as_deref(),
            backup: params.backup.is_some_and(|backup| backup.0),
        };
        write::write(&path, source.content.clone(), wishes, seen)
    }

    fn result(
        params: &Params,
        _: &Observed,
        changes: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        written(&params.dest, changes)
    }
}
