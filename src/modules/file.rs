//! `file`: a path is a file, a folder, a link, or is not there; with owner, group, mode and times.
mod link;
mod times;

use super::values::{Flag, Mode, Text};
use super::write::{self, Wishes, attributes, parent, set};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Attributes, Change, Ran};
use crate::facts::{Fact, Inode, Observed, PathKind, Probe, Stat};
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
    access_time: Option<Text>,
    access_time_format: Option<String>,
    modification_time: Option<Text>,
    modification_time_format: Option<String>,
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

    fn follows(&self) -> bool {
        self.follow.is_none_or(|follow| follow.0)
    }

    fn forces(&self) -> bool {
        self.force.is_some_and(|force| force.0)
    }

    fn directory(&self, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let mut missing = vec![];
        let mut path = self.path.trim_end_matches('/');
        while path != "/" && !path.is_empty() {
            match seen.stat(path, true)? {
                Some(stat) if stat.kind == PathKind::Directory => break,
                Some(_) => {
                    let message = if path == self.path {
                        format!("{path} already exists as a file")
                    } else {
                        format!("{path} is not a directory, so that nothing can be made below it")
                    };
                    return Err(PlanError::failed(message));
                }
                None => missing.push(path.to_owned()),
            }
            path = parent(path);
        }
        if missing.is_empty() {
            let Some(stat) = seen.stat(&self.path, true)? else { return Ok(vec![]) };
            let mut changes = set(&self.path, self.wishes(), stat);
            if self.recurse.is_some_and(|recurse| recurse.0) {
                changes.extend(self.below(seen)?);
            }
            changes.extend(times::plan(self, Some(stat), seen)?);
            return Ok(changes);
        }
        let made = |path| Change::MakeDir { path, attributes: self.fresh(0o755, true) };
        Ok(missing.into_iter().rev().map(made).collect())
    }

    /// What differs below the folder. Links are left alone, and so is what they lead to.
    fn below(&self, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let wishes = self.wishes();
        if wishes.mode.is_none() && wishes.owner.is_none() && wishes.group.is_none() {
            return Ok(vec![]);
        }
        let probe = Probe::Tree { path: self.path.clone(), depth: None, follow: false };
        let Fact::Tree(Some(tree)) = seen.get(&probe)? else { return Ok(vec![]) };
        let differs = |(path, inode): &(String, Inode)| {
            let stat = stat_of(inode);
            let attributes = attributes(wishes, &stat).filter(|_| stat.kind != PathKind::Link)?;
            Some(Change::SetAttributes { path: path.clone(), attributes, recurse: false })
        };
        Ok(tree.entries.iter().filter_map(differs).collect())
    }

    fn touch(&self, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let path = self.path.clone();
        let Some(stat) = seen.stat(&path, self.follows())? else {
            let attributes = self.fresh(0o644, false);
            let mut changes = vec![Change::Touch { path, attributes }];
            changes.extend(times::plan(self, None, seen)?);
            return Ok(changes);
        };
        if self.access_time.is_none() && self.modification_time.is_none() {
            let attributes = attributes(self.wishes(), stat).unwrap_or_default();
            return Ok(vec![Change::Touch { path, attributes }]);
        }
        let mut changes = set(&path, self.wishes(), stat);
        changes.extend(times::plan(self, Some(stat), seen)?);
        Ok(changes)
    }

    fn file(&self, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let path = &self.path;
        match seen.stat(path, self.follows())? {
            Some(stat) if self.state.is_none() || stat.kind == PathKind::File => {
                let mut changes = set(path, self.wishes(), stat);
                changes.extend(times::plan(self, Some(stat), seen)?);
                Ok(changes)
            }
            Some(stat) => {
                let state = write::told(stat)["state"].as_str().unwrap_or("").to_owned();
                let message = format!("file ({path}) is {state}, cannot continue");
                Err(PlanError::Failed { message, result: self.named(&state) })
            }
            None => {
                let message = format!("file ({path}) is absent, cannot continue");
                Err(PlanError::Failed { message, result: self.named("absent") })
            }
        }
    }

    fn named(&self, state: &str) -> Map<String, Value> {
        let pair = |key: &str, value: &str| (key.to_owned(), Value::from(value));
        [pair("path", &self.path), pair("state", state)].into_iter().collect()
    }
}

/// A path below a folder, as its own probe would tell it.
fn stat_of(inode: &Inode) -> Stat {
    let name = |name: &str, number: u32| match name {
        "UNKNOWN" => number.to_string(),
        name => name.to_owned(),
    };
    Stat {
        kind: inode.kind(),
        mode: inode.mode(),
        uid: inode.uid,
        gid: inode.gid,
        owner: name(&inode.owner, inode.uid),
        group: name(&inode.group, inode.gid),
        size: inode.size,
        mtime: inode.mtime,
        sha256: None,
        target: None,
    }
}

impl Module for This {
    const NAME: &'static str = "file";
    const SUMMARY: &'static str = "a path is a file, a folder, a link, or is not there";
    const EXAMPLES: &'static [&'static str] = &[
        "path: /run/cowhand.d\nstate: directory\nmode: \"0750\"",
        "path: /run\nstate: directory\nrecurse: true\nowner: root\nmode: u=rwX,go=rX",
        "path: /etc/motd\nstate: absent",
        "path: /etc/mail.link\nsrc: /etc/mailname\nstate: link\nforce: true",
        "path: /etc/stamp\nstate: touch\naccess_time: preserve\nmodification_time: preserve",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("path", "The path.").aliases(&["dest", "name"]),
        Opt::new("state", "absent, directory, file, hard, link or touch (default: file)."),
        Opt::new("src", "What a link points to."),
        Opt::new("recurse", "With `state: directory`: owner, group and mode of all below as well."),
        Opt::new("force", "A link may replace a file or an empty folder, and lead nowhere."),
        Opt::new("follow", "Look through symbolic links (default true)."),
        Opt::new(
            "access_time",
            "`preserve`, `now`, or a moment in the server's time zone (default: `now` with touch).",
        ),
        Opt::new("access_time_format", "How `access_time` is written (default %Y%m%d%H%M.%S)."),
        Opt::new("modification_time", "As `access_time`, for the last change of the content."),
        Opt::new("modification_time_format", "How `modification_time` is written."),
        write::MODE,
        write::OWNER,
        write::GROUP,
    ];
    const REFUSED: &'static [Table] = &[write::REFUSED];
    const RETURNS: &'static [Table] = &[
        &[
            ("path", "The path, of a folder or of what is absent."),
            ("dest", "The path, of a file or a link."),
            ("src", "What a link points to."),
        ],
        write::RETURNS,
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        let probe = |follow| Probe::Path { path: params.path.clone(), follow };
        match params.state {
            Some(State::Absent) => vec![probe(false)],
            Some(State::Link | State::Hard) => link::observe(params),
            Some(State::Directory) => vec![probe(true)],
            _ => vec![probe(params.follows())],
        }
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        if !params.path.starts_with('/') || params.path == "/" {
            let message = format!("`path` must be absolute and not /, not `{}`", params.path);
            return Err(PlanError::failed(message));
        }
        let recurse = params.recurse.is_some_and(|recurse| recurse.0);
        if recurse && params.state != Some(State::Directory) {
            let message = "recurse option requires state to be 'directory'";
            return Err(PlanError::failed(message));
        }
        match params.state.unwrap_or(State::File) {
            State::Absent => Ok(match seen.stat(&params.path, false)? {
                Some(_) => vec![Change::Remove { path: params.path.clone() }],
                None => vec![],
            }),
            State::Directory => params.directory(seen),
            State::Link => link::symbolic(params, seen),
            State::Hard => link::hard(params, seen),
            State::Touch => params.touch(seen),
            State::File => params.file(seen),
        }
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        if params.state == Some(State::Absent) {
            return params.named("absent");
        }
        let mut out = write::about(&params.path, seen, changes, ran);
        let directory = out.get("state") == Some(&Value::from("directory"));
        let key = if directory { "path" } else { "dest" };
        out.insert(key.into(), params.path.clone().into());
        if let Some(src) = &params.src {
            out.insert("src".into(), src.clone().into());
        }
        if params.state == Some(State::Hard) {
            out.insert("state".into(), "hard".into());
        }
        out
    }
}
