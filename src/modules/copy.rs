//! `copy`: a file, or a folder of files, with exactly this content.
use super::values::{Flag, Mode, Text};
use super::write::{self, Wishes, is_dir, parent, resolve};
use super::{Bind, Module, Opt, PlanError};
use crate::change::{Attributes, Change, Ran};
use crate::facts::{Bytes, Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    src: Option<String>,
    content: Option<Text>,
    dest: String,
    remote_src: Option<Flag>,
    force: Option<Flag>,
    backup: Option<Flag>,
    mode: Option<Mode>,
    directory_mode: Option<Mode>,
    owner: Option<Text>,
    group: Option<Text>,
    validate: Option<String>,
    follow: Option<Flag>,
    #[serde(rename = "_source")]
    source: Option<Source>,
}

/// A file or a folder of the project, read by the binder.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    path: String,
    content: Option<Bytes>,
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    content: Bytes,
}

impl Params {
    fn wishes(&self) -> Wishes<'_> {
        Wishes {
            mode: self.mode.as_ref().filter(|mode| **mode != Mode::Preserve),
            owner: self.owner.as_ref(),
            group: self.group.as_ref(),
            validate: self.validate.as_deref(),
            backup: self.backup.is_some_and(|backup| backup.0),
        }
    }

    fn remote(&self) -> bool {
        self.remote_src.is_some_and(|remote| remote.0)
    }

    /// `force: false` writes only what is not there.
    fn keeps(&self, path: &str, seen: &Observed) -> Result<bool, PlanError> {
        let force = self.force.is_none_or(|force| force.0);
        Ok(!force && seen.stat(path, true)?.is_some())
    }

    /// A file's name inside `dest`, when that is a folder.
    fn target(&self, name: &str, seen: &Observed) -> Result<String, PlanError> {
        let base = name.rsplit('/').next().unwrap_or(name);
        if self.dest.ends_with('/') || is_dir(&self.dest, seen)? {
            return Ok(format!("{}/{base}", self.dest.trim_end_matches('/')));
        }
        Ok(self.dest.clone())
    }

    fn file(
        &self,
        path: &str,
        content: Bytes,
        seen: &Observed,
    ) -> Result<Vec<Change>, PlanError> {
        let follow = self.follow.is_some_and(|follow| follow.0);
        let path = if follow { resolve(path, seen)? } else { path.to_owned() };
        if self.keeps(&path, seen)? {
            return Ok(vec![]);
        }
        if seen.stat(&path, false)?.is_none() && !is_dir(parent(&path), seen)? {
            let folder = parent(&path);
            return Err(PlanError::failed(format!("destination directory {folder} does not exist")));
        }
        write::write(&path, content, self.wishes(), seen)
    }

    fn tree(&self, source: &Source, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        // Like rsync and Ansible: `src: dir/` copies what is inside, `src: dir` the folder itself.
        let name = source.path.trim_end_matches('/').rsplit('/').next().unwrap_or("");
        let root = self.dest.trim_end_matches('/').to_owned();
        let root = if source.path.ends_with('/') { root } else { format!("{root}/{name}") };
        let mut changes = vec![];
        let mut made = BTreeSet::new();
        for entry in &source.entries {
            let path = format!("{root}/{}", entry.path);
            self.folders(parent(&path), seen, &mut made, &mut changes)?;
            if made.contains(parent(&path)) {
                let Attributes { mode, owner, group } = self.fresh();
                changes.push(Change::WriteFile {
                    path,
                    content: entry.content.clone(),
                    attributes: Attributes { mode, owner, group },
                    validate: write::validation(self.validate.as_deref())?,
                    backup: None,
                    before: None,
                    secret: false,
                });
            } else {
                changes.extend(self.file(&path, entry.content.clone(), seen)?);
            }
        }
        Ok(changes)
    }

    fn fresh(&self) -> Attributes {
        let wishes = self.wishes();
        Attributes {
            mode: wishes.mode.map(|mode| mode.bits(0o644, false)),
            owner: wishes.owner.map(|owner| owner.0.clone()),
            group: wishes.group.map(|group| group.0.clone()),
        }
    }

    /// Makes a folder and those above it that are missing.
    fn folders(
        &self,
        path: &str,
        seen: &Observed,
        made: &mut BTreeSet<String>,
        changes: &mut Vec<Change>,
    ) -> Result<(), PlanError> {
        if made.contains(path) || path == "/" {
            return Ok(());
        }
        if seen.stat(path, true)?.is_some() {
            return Ok(());
        }
        self.folders(parent(path), seen, made, changes)?;
        let bits = self.directory_mode.as_ref().map(|mode| mode.bits(0o755, true));
        let Attributes { owner, group, .. } = self.fresh();
        let attributes = Attributes { mode: bits, owner, group };
        changes.push(Change::MakeDir { path: path.to_owned(), attributes });
        made.insert(path.to_owned());
        Ok(())
    }
}

impl Module for This {
    const NAME: &'static str = "copy";
    const SUMMARY: &'static str = "put a file on the host";
    const EXAMPLES: &'static [&'static str] = &[
        "dest: /etc/motd\ncontent: |\n  mail\nmode: \"0644\"",
        "src: /etc/hosts\nremote_src: true\ndest: /run/hosts.copy",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("src", "A file or folder of the project (or, with `remote_src`, of the host).")
            .bind(Bind::File),
        Opt::new("content", "The content itself, instead of `src`."),
        Opt::new("dest", "Where it goes; a folder when it ends in `/` or is one."),
        Opt::new("remote_src", "`src` is a file of the host."),
        Opt::new("force", "Replace what differs (default true)."),
        write::BACKUP,
        write::MODE,
        Opt::new("directory_mode", "Permission bits of folders that are made."),
        write::OWNER,
        write::GROUP,
        write::VALIDATE,
        Opt::new("follow", "Write through a symbolic link instead of replacing it."),
        Opt::new("_source", "From `src`."),
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        let mut probes = vec![
            Probe::Path { path: params.dest.clone(), follow: false },
            Probe::Path { path: params.dest.clone(), follow: true },
        ];
        if let (Some(src), true) = (&params.src, params.remote()) {
            probes.push(Probe::Content { path: src.clone() });
        }
        probes
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        if !params.dest.starts_with('/') {
            let message = format!("`dest` must be an absolute path, not `{}`", params.dest);
            return Err(PlanError::failed(message));
        }
        match (&params.src, &params.content) {
            (Some(_), Some(_)) => Err(PlanError::failed("`src` and `content` exclude each other")),
            (None, None) => Err(PlanError::failed("`src` or `content` is needed")),
            (None, Some(content)) => {
                if params.dest.ends_with('/') || is_dir(&params.dest, seen)? {
                    return Err(PlanError::failed("with `content`, `dest` must be a file"));
                }
                params.file(&params.dest, Bytes::from(content.0.clone()), seen)
            }
            (Some(src), None) if params.remote() => match seen.content(src)? {
                Some(content) => params.file(&params.target(src, seen)?, content.clone(), seen),
                None => Err(PlanError::failed(format!("{src} is not a regular file on the host"))),
            },
            (Some(_), None) => {
                let Some(source) = &params.source else {
                    return Err(PlanError::failed("`src` was not found"));
                };
                match &source.content {
                    Some(content) => {
                        let target = params.target(&source.path, seen)?;
                        params.file(&target, content.clone(), seen)
                    }
                    None => params.tree(source, seen),
                }
            }
        }
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

/// What modules that write one file return.
pub(super) fn written(dest: &str, changes: &[Change]) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("dest".into(), json!(dest));
    for change in changes {
        if let Change::WriteFile { path, content, .. } = change {
            out.insert("dest".into(), path.clone().into());
            out.insert("size".into(), content.0.len().into());
        }
    }
    if let Some(backup) = write::backup_of(changes) {
        out.insert("backup_file".into(), backup.into());
    }
    out
}
