//! `file`: a path is a file, a folder, a link, or is not there; with owner, group and mode.
use super::values::{Flag, Mode, Text};
use super::write::{self, Wishes, parent, set};
use super::{Module, Opt, PlanError};
use crate::change::{Attributes, Change, Ran};
use crate::facts::{Observed, PathKind, Probe, Stat};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    path: String,
    state: Option<State>,
    src: Option<String>,
    recurse: Option<Flag>,
    force: Option<Flag>,
    follow: Option<Flag>,
    mode: Option<Mode>,
    owner: Option<Text>,
    group: Option<Text>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Absent,
    Directory,
    File,
    Hard,
    Link,
    Touch,
}

impl Params {
    fn wishes(&self) -> Wishes<'_> {
        Wishes {
            mode: self.mode.as_ref(),
            owner: self.owner.as_ref(),
            group: self.group.as_ref(),
            ..Wishes::default()
        }
    }

    fn fresh(&self, mode: u32, directory: bool) -> Attributes {
        Attributes {
            mode: self.mode.as_ref().map(|wanted| wanted.bits(mode, directory)),
            owner: self.owner.as_ref().map(|owner| owner.0.clone()),
            group: self.group.as_ref().map(|group| group.0.clone()),
        }
    }

    fn directory(&self, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let mut changes = vec![];
        let mut missing = vec![];
        let mut path = self.path.trim_end_matches('/');
        while path != "/" && !path.is_empty() {
            match seen.stat(path, true)? {
                Some(stat) if stat.kind == PathKind::Directory => break,
                Some(_) => {
                    let message = format!("{path} exists and is not a directory");
                    return Err(PlanError::failed(message));
                }
                None => missing.push(path.to_owned()),
            }
            path = parent(path);
        }
        if missing.is_empty() {
            let Some(stat) = seen.stat(&self.path, true)? else { return Ok(vec![]) };
            return Ok(self.recursive(set(&self.path, self.wishes(), stat)));
        }
        for path in missing.into_iter().rev() {
            changes.push(Change::MakeDir { path, attributes: self.fresh(0o755, true) });
        }
        Ok(changes)
    }

    /// `recurse` needs the state of everything below, which is not asked for: it is refused where it
    /// would have to look.
    fn recursive(&self, changes: Vec<Change>) -> Vec<Change> {
        let recurse = self.recurse.is_some_and(|recurse| recurse.0);
        (changes.into_iter())
            .map(|change| match change {
                Change::SetAttributes { path, attributes, .. } => {
                    Change::SetAttributes { path, attributes, recurse }
                }
                other => other,
            })
            .collect()
    }

    fn link(&self, hard: bool, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let Some(target) = &self.src else {
            return Err(PlanError::failed("`src` is needed to make a link"));
        };
        let force = self.force.is_some_and(|force| force.0);
        let now = seen.stat(&self.path, false)?;
        let mut changes = vec![];
        match now {
            Some(stat) if !hard && stat.kind == PathKind::Link
                && stat.target.as_ref() == Some(target) => {
                    return Ok(vec![]);
                }
            Some(_) if hard => {
                return Err(PlanError::failed(format!("{} exists already", self.path)));
            }
            Some(_) if force => changes.push(Change::Remove { path: self.path.clone() }),
            Some(stat) => {
                let what = if stat.kind == PathKind::Directory { "directory" } else { "file" };
                let message = format!(
                    "{} is a {what}; `force: true` replaces it with a link",
                    self.path
                );
                return Err(PlanError::failed(message));
            }
            None => {}
        }
        let (path, target) = (self.path.clone(), target.clone());
        changes.push(Change::Link { path, target, hard });
        Ok(changes)
    }

    fn existing<'a>(&self, seen: &'a Observed) -> Result<Option<&'a Stat>, PlanError> {
        let follow = self.follow.is_none_or(|follow| follow.0);
        Ok(seen.stat(&self.path, follow)?)
    }
}

impl Module for This {
    const NAME: &'static str = "file";
    const SUMMARY: &'static str = "a path is a file, a folder, a link, or is not there";
    const EXAMPLES: &'static [&'static str] = &[
        "path: /run/cowhand.d\nstate: directory\nmode: \"0750\"",
        "path: /etc/motd\nstate: absent",
        "path: /etc/mail.link\nsrc: /etc/mailname\nstate: link",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("path", "The path.").aliases(&["dest", "name"]),
        Opt::new("state", "absent, directory, file, hard, link or touch (default: file)."),
        Opt::new("src", "What a link points to."),
        Opt::new("recurse", "Must be false: owner and mode of everything below are not looked at."),
        Opt::new("force", "Replace a file or folder with a link."),
        Opt::new("follow", "Look through symbolic links (default true)."),
        write::MODE,
        write::OWNER,
        write::GROUP,
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        let probe = |follow| Probe::Path { path: params.path.clone(), follow };
        match params.state {
            Some(State::Absent | State::Link | State::Hard) => vec![probe(false)],
            _ => vec![probe(params.follow.is_none_or(|follow| follow.0)), probe(true)],
        }
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        if !params.path.starts_with('/') || params.path == "/" {
            let message = format!("`path` must be absolute and not /, not `{}`", params.path);
            return Err(PlanError::failed(message));
        }
        if params.recurse.is_some_and(|recurse| recurse.0) {
            return Err(PlanError::failed("`recurse` is not supported yet"));
        }
        let path = params.path.clone();
        match params.state.unwrap_or(State::File) {
            State::Absent => Ok(match seen.stat(&path, false)? {
                Some(_) => vec![Change::Remove { path }],
                None => vec![],
            }),
            State::Directory => params.directory(seen),
            State::Link => params.link(false, seen),
            State::Hard => params.link(true, seen),
            State::Touch => {
                let mode = params.existing(seen)?.map_or(0o644, |stat| stat.mode);
                Ok(vec![Change::Touch { path, attributes: params.fresh(mode, false) }])
            }
            State::File => match params.existing(seen)? {
                Some(stat) if params.state.is_none() || stat.kind == PathKind::File => {
                    Ok(set(&path, params.wishes(), stat))
                }
                Some(_) => Err(PlanError::failed(format!("{path} is not a regular file"))),
                None => Err(PlanError::failed(format!("file ({path}) is absent, cannot continue"))),
            },
        }
    }

    fn result(
        params: &Params,
        _: &Observed,
        _: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        let mut out = Map::new();
        let key = if params.state == Some(State::Absent) { "path" } else { "dest" };
        out.insert(key.into(), params.path.clone().into());
        out.insert("path".into(), params.path.clone().into());
        out
    }
}
