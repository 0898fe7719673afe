//! `copy`: a file, or a folder of files, with exactly this content.
use super::values::{Flag, Mode, Text};
use super::write::{self, Wishes, is_dir, parent, resolve};
use super::{Bind, Module, Opt, PlanError, Table};
use crate::change::{Attributes, Change, Ran};
use crate::facts::{Bytes, Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
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
    checksum: Option<String>,
    decrypt: Option<Flag>,
    follow: Option<Flag>,
    local_follow: Option<Flag>,
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

/// What is to be written where.
enum Wanted<'a> {
    File { path: String, content: Cow<'a, Bytes>, mode: Option<Mode> },
    Tree(&'a Source),
}

impl Params {
    fn wishes<'a>(&'a self, mode: Option<&'a Mode>) -> Wishes<'a> {
        Wishes {
            mode,
            owner: self.owner.as_ref(),
            group: self.group.as_ref(),
            validate: self.validate.as_deref(),
            backup: self.backup.is_some_and(|backup| backup.0),
        }
    }

    /// `preserve` means the source's own, which a file of the project has none of.
    fn mode(&self) -> Option<&Mode> {
        self.mode.as_ref().filter(|mode| **mode != Mode::Preserve)
    }

    fn remote(&self) -> bool {
        self.remote_src.is_some_and(|remote| remote.0)
    }

    fn wanted(&self, seen: &Observed) -> Result<Wanted<'_>, PlanError> {
        if !self.dest.starts_with('/') {
            let message = format!("`dest` must be an absolute path, not `{}`", self.dest);
            return Err(PlanError::failed(message));
        }
        let file = |path, content| Wanted::File { path, content, mode: self.mode().cloned() };
        match (&self.src, &self.content) {
            (Some(_), Some(_)) => Err(PlanError::failed("src and content are mutually exclusive")),
            (None, None) => Err(PlanError::failed("src (or content) is required")),
            (None, Some(content)) => {
                if self.dest.ends_with('/') || is_dir(&self.dest, seen)? {
                    return Err(PlanError::failed("can not use content with a dir as dest"));
                }
                let content = Bytes::from(content.0.clone());
                Ok(file(self.through(&self.dest, seen)?, Cow::Owned(content)))
            }
            (Some(src), None) if self.remote() => self.remote_file(src, seen),
            (Some(_), None) => {
                let missing = || PlanError::failed("`src` was not found");
                let source = self.source.as_ref().ok_or_else(missing)?;
                let Some(content) = &source.content else { return Ok(Wanted::Tree(source)) };
                if self.decrypt.is_none_or(|decrypt| decrypt.0)
                    && content.0.starts_with(b"$ANSIBLE_VAULT;")
                {
                    return Err(PlanError::failed(format!(
                        "`{}` is encrypted, and is not decrypted here: say `decrypt: false` to \
                         copy it as it is, or keep its text in an encrypted variable",
                        source.path
                    )));
                }
                Ok(file(self.target(&source.path, seen)?, Cow::Borrowed(content)))
            }
        }
    }

    fn remote_file(&self, src: &str, seen: &Observed) -> Result<Wanted<'_>, PlanError> {
        if is_dir(src, seen)? {
            return Err(PlanError::failed(format!(
                "{src} is a folder of the host, and those are not copied: write `command: cp -a`"
            )));
        }
        let Some(content) = seen.content(src)? else {
            return Err(PlanError::failed(format!("Source {src} not found")));
        };
        let mode = match (&self.mode, seen.stat(src, true)?) {
            (Some(Mode::Preserve), Some(stat)) => Some(Mode::Bits(stat.mode)),
            (mode, _) => mode.clone(),
        };
        let path = self.target(src, seen)?;
        Ok(Wanted::File { path, content: Cow::Owned(content.clone()), mode })
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
            return self.through(&format!("{}/{base}", self.dest.trim_end_matches('/')), seen);
        }
        self.through(&self.dest, seen)
    }

    /// With `follow`, what a link leads to.
    fn through(&self, path: &str, seen: &Observed) -> Result<String, PlanError> {
        let follow = self.follow.is_some_and(|follow| follow.0);
        if follow { resolve(path, seen) } else { Ok(path.to_owned()) }
    }

    fn file(
        &self,
        path: &str,
        content: Bytes,
        mode: Option<&Mode>,
        seen: &Observed,
    ) -> Result<Vec<Change>, PlanError> {
        if let Some(wanted) = &self.checksum
            && content.sum("sha1").as_ref() != Some(wanted)
        {
            let message = "Copied file does not match the expected checksum. Transfer failed.";
            return Err(PlanError::failed(message));
        }
        if self.keeps(path, seen)? {
            return Ok(vec![]);
        }
        if seen.stat(path, false)?.is_some() || is_dir(parent(path), seen)? {
            return write::write(path, content, self.wishes(mode), seen);
        }
        // Only a name that ends in `/` says that a folder is meant.
        if !self.dest.ends_with('/') || self.content.is_some() {
            let message = format!("Destination directory {} does not exist", parent(path));
            return Err(PlanError::failed(message));
        }
        let (mut changes, mut made) = (vec![], BTreeSet::new());
        self.folders(parent(path), seen, &mut made, &mut changes)?;
        changes.push(self.fresh_file(path.to_owned(), content, mode)?);
        Ok(changes)
    }

    fn tree(&self, source: &Source, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let root = self.root(source);
        let (mut changes, mut made) = (vec![], BTreeSet::new());
        for entry in &source.entries {
            let path = format!("{root}/{}", entry.path);
            self.folders(parent(&path), seen, &mut made, &mut changes)?;
            if made.contains(parent(&path)) {
                changes.push(self.fresh_file(path, entry.content.clone(), self.mode())?);
            } else {
                let path = self.through(&path, seen)?;
                changes.extend(self.file(&path, entry.content.clone(), self.mode(), seen)?);
            }
        }
        Ok(changes)
    }

    /// Like rsync and Ansible: `src: dir/` copies what is inside, `src: dir` the folder itself.
    fn root(&self, source: &Source) -> String {
        let name = source.path.trim_end_matches('/').rsplit('/').next().unwrap_or("");
        let root = self.dest.trim_end_matches('/');
        if source.path.ends_with('/') { root.to_owned() } else { format!("{root}/{name}") }
    }

    /// A file in a folder that an earlier change makes.
    fn fresh_file(
        &self,
        path: String,
        content: Bytes,
        mode: Option<&Mode>,
    ) -> Result<Change, PlanError> {
        let mode = mode.map(|mode| mode.bits(0o644, false));
        Ok(Change::WriteFile {
            path,
            content,
            attributes: Attributes { mode, ..self.owned() },
            validate: write::validation(self.validate.as_deref())?,
            backup: None,
            before: None,
            secret: false,
        })
    }

    fn owned(&self) -> Attributes {
        let name = |wanted: &Option<Text>| wanted.as_ref().map(|name| name.0.clone());
        Attributes { mode: None, owner: name(&self.owner), group: name(&self.group) }
    }

    /// Makes a folder and those above it that are missing.
    fn folders(
        &self,
        path: &str,
        seen: &Observed,
        made: &mut BTreeSet<String>,
        changes: &mut Vec<Change>,
    ) -> Result<(), PlanError> {
        if made.contains(path) || path == "/" || seen.stat(path, true)?.is_some() {
            return Ok(());
        }
        self.folders(parent(path), seen, made, changes)?;
        let mode = self.directory_mode.as_ref().map(|mode| mode.bits(0o755, true));
        let attributes = Attributes { mode, ..self.owned() };
        changes.push(Change::MakeDir { path: path.to_owned(), attributes });
        made.insert(path.to_owned());
        Ok(())
    }
}

impl Module for This {
    const NAME: &'static str = "copy";
    const SUMMARY: &'static str = "put a file on the host";
    const EXAMPLES: &'static [&'static str] = &[
        "dest: /etc/motd\ncontent: |\n  mail\nmode: \"0644\"\nbackup: true",
        "src: /etc/hosts\nremote_src: true\ndest: /run/hosts.copy\nmode: preserve",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("src", "A file or folder of the project (or, with `remote_src`, of the host).")
            .bind(Bind::File),
        Opt::new("content", "The content itself, instead of `src`; what is no text becomes JSON."),
        Opt::new("dest", "Where it goes; a folder when it ends in `/` or is one."),
        Opt::new("remote_src", "`src` is a file of the host."),
        Opt::new("force", "Replace what differs (default true)."),
        write::BACKUP,
        Opt::new("mode", "Permission bits; `preserve`: those of a file of the host."),
        Opt::new("directory_mode", "Permission bits of folders that are made."),
        write::OWNER,
        write::GROUP,
        write::VALIDATE,
        Opt::new("checksum", "SHA-1 that the content must have."),
        Opt::new("decrypt", "An encrypted file of the project is refused unless this is false."),
        Opt::new("follow", "Write through a symbolic link instead of replacing it."),
        Opt::new("local_follow", "Must be true: links of the project are looked through."),
        Opt::new("_source", "From `src`."),
    ];
    const REFUSED: &'static [Table] = &[write::REFUSED];
    const RETURNS: &'static [Table] = &[WRITTEN, write::RETURNS];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        let mut probes = vec![
            Probe::Path { path: params.dest.clone(), follow: false },
            Probe::Path { path: params.dest.clone(), follow: true },
        ];
        if let (Some(src), true) = (&params.src, params.remote()) {
            probes.push(Probe::Content { path: src.clone() });
            probes.push(Probe::Path { path: src.clone(), follow: true });
        }
        probes
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        if params.local_follow.is_some_and(|follow| !follow.0) {
            let message = "links of the project are always looked through".to_owned();
            return Err(PlanError::Params { path: "local_follow".into(), message });
        }
        match params.wanted(seen)? {
            Wanted::File { path, content, mode } => {
                params.file(&path, content.into_owned(), mode.as_ref(), seen)
            }
            Wanted::Tree(source) => params.tree(source, seen),
        }
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        let mut out = match params.wanted(seen) {
            Ok(Wanted::File { path, content, .. }) => written(&path, &content, seen, changes, ran),
            _ => [("dest".to_owned(), params.dest.clone().into())].into_iter().collect(),
        };
        if let Some(src) = &params.src {
            out.insert("src".into(), src.clone().into());
        }
        out
    }
}

/// What modules that write one file return.
pub(super) const WRITTEN: Table = &[
    ("dest", "The file that was written, or is there."),
    ("src", "The file that it was made from, as written in the task."),
    ("checksum", "SHA-1 of the content."),
    ("md5sum", "MD5 of the content, when it was written."),
    ("backup_file", "With `backup`: where what was replaced is kept."),
];

/// What modules that write one file return.
pub(super) fn written(
    dest: &str,
    content: &Bytes,
    seen: &Observed,
    changes: &[Change],
    ran: &[Ran],
) -> Map<String, Value> {
    let mut out = write::about(dest, seen, changes, ran);
    out.insert("dest".into(), dest.into());
    out.insert("checksum".into(), content.sum("sha1").into());
    if changes.iter().any(|change| matches!(change, Change::WriteFile { .. })) {
        out.insert("md5sum".into(), content.sum("md5").into());
    } else {
        out.insert("path".into(), dest.into());
    }
    if let Some(backup) = write::backup_of(changes) {
        out.insert("backup_file".into(), backup.into());
    }
    out
}
