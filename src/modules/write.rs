//! What every module that writes a file has in common: attributes, `validate`, `backup`, links.
use super::values::{Mode, Text};
use super::{Opt, PlanError, Table};
use crate::change::{Attributes, Change, Ran};
use crate::facts::{Bytes, Observed, PathKind, Probe, Stat, Unasked};
use serde_json::{Map, Value};

/// The parameters that such modules share, gathered from the module's own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes<'a> {
    pub(super) mode: Option<&'a Mode>,
    pub(super) owner: Option<&'a Text>,
    pub(super) group: Option<&'a Text>,
    pub(super) validate: Option<&'a str>,
    pub(super) backup: bool,
}

/// For `OPTIONS`.
pub(super) const BACKUP: Opt =
    Opt::new("backup", "Keep what is replaced beside it, under a name that ends in `~`.");
/// For `OPTIONS`.
pub(super) const VALIDATE: Opt =
    Opt::new("validate", "A command with %s that must accept the new file.");
/// For `OPTIONS`.
pub(super) const MODE: Opt = Opt::new("mode", "Permission bits.");
/// For `OPTIONS`.
pub(super) const OWNER: Opt = Opt::new("owner", "Owner, by name or number.");
/// For `OPTIONS`.
pub(super) const GROUP: Opt = Opt::new("group", "Group, by name or number.");

/// What Ansible's modules for files take and ours do not.
pub(super) const REFUSED: Table = &[
    ("attributes", "write `command: chattr …` behind a `stat` that is registered"),
    ("attr", "write `command: chattr …` behind a `stat` that is registered"),
    ("selevel", LABELS),
    ("serole", LABELS),
    ("setype", LABELS),
    ("seuser", LABELS),
    ("unsafe_writes", "leave it out: a file is replaced in one step, or not at all"),
];
const LABELS: &str = "SELinux's labels stay as they are; write `command: chcon …` to change them";

/// What modules for files tell of a path.
pub(super) const RETURNS: Table = &[
    ("owner", "Owner's name."),
    ("group", "Group's name."),
    ("uid", "Owner's number."),
    ("gid", "Group's number."),
    ("mode", "Permission bits, four octal digits as text."),
    ("size", "Bytes."),
    ("state", "file, directory, link, hard or absent."),
];

/// What a path is after the changes, as these modules tell it: what the host said when it was
/// changed, else what is foreseen.
pub(super) fn about(
    path: &str,
    seen: &Observed,
    changes: &[Change],
    ran: &[Ran],
) -> Map<String, Value> {
    let said = changes.iter().zip(ran).rev().find_map(|(change, ran)| {
        let same = match change {
            Change::WriteFile { path: other, .. }
            | Change::SetAttributes { path: other, .. }
            | Change::MakeDir { path: other, .. }
            | Change::Touch { path: other, .. }
            | Change::SetTimes { path: other, .. }
            | Change::Link { path: other, .. } => other == path,
            _ => false,
        };
        same.then(|| Stat::told(ran)).flatten()
    });
    let said = said.or_else(|| {
        let mut after = seen.clone();
        changes.iter().for_each(|change| change.predict(&mut after));
        after.stat(path, false).or_else(|_| after.stat(path, true)).ok().flatten().cloned()
    });
    said.map_or_else(Map::new, |stat| told(&stat))
}

/// A path as results tell it.
pub(super) fn told(stat: &Stat) -> Map<String, Value> {
    let state = match stat.kind {
        PathKind::Directory => "directory",
        PathKind::Link => "link",
        PathKind::File | PathKind::Other => "file",
    };
    let mut out = Map::new();
    out.insert("uid".into(), stat.uid.into());
    out.insert("gid".into(), stat.gid.into());
    out.insert("owner".into(), stat.owner.clone().into());
    out.insert("group".into(), stat.group.clone().into());
    out.insert("mode".into(), format!("{:04o}", stat.mode).into());
    out.insert("size".into(), stat.size.into());
    out.insert("state".into(), state.into());
    out
}

/// The probes that a module which rewrites the content of `path` begins with.
pub(super) fn probes(path: &str) -> Vec<Probe> {
    vec![
        Probe::Path { path: path.to_owned(), follow: false },
        Probe::Content { path: path.to_owned() },
    ]
}

/// The path behind symbolic links: what is edited is the file, the links stay.
pub(super) fn resolve(path: &str, seen: &Observed) -> Result<String, PlanError> {
    let mut path = path.to_owned();
    for _ in 0..16 {
        let Some(Stat { kind: PathKind::Link, target: Some(target), .. }) =
            seen.stat(&path, false)?
        else {
            return Ok(path);
        };
        path = if target.starts_with('/') {
            target.clone()
        } else {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{target}")
        };
    }
    Err(PlanError::failed(format!("{path}: too many levels of symbolic links")))
}

/// The words of a `validate:` command, which must name the candidate.
pub(super) fn validation(validate: Option<&str>) -> Result<Option<Vec<String>>, PlanError> {
    let Some(text) = validate else { return Ok(None) };
    let wrong =
        |message: &str| PlanError::Params { path: "validate".into(), message: message.to_owned() };
    if !text.contains("%s") {
        return Err(wrong("must contain %s, which stands for the file to validate"));
    }
    shlex::split(text).map(Some).ok_or_else(|| wrong("has a quote that is not closed"))
}

/// Attributes that differ from what is there; `None` when nothing does.
pub(super) fn attributes(wishes: Wishes<'_>, now: &Stat) -> Option<Attributes> {
    let directory = now.kind == PathKind::Directory;
    let mode = wishes.mode.map(|mode| mode.bits(now.mode, directory)).filter(|m| *m != now.mode);
    let differs = |wanted: Option<&Text>, name: &str, id: u32| {
        let wanted = wanted.map(|wanted| wanted.0.clone()).filter(|wanted| !wanted.is_empty())?;
        (wanted != name && wanted != id.to_string()).then_some(wanted)
    };
    let owner = differs(wishes.owner, &now.owner, now.uid);
    let group = differs(wishes.group, &now.group, now.gid);
    let any = mode.is_some() || owner.is_some() || group.is_some();
    any.then_some(Attributes { mode, owner, group })
}

/// The changes that give `path` this content and these attributes.
pub(super) fn write(
    path: &str,
    content: Bytes,
    wishes: Wishes<'_>,
    seen: &Observed,
) -> Result<Vec<Change>, PlanError> {
    let validate = validation(wishes.validate)?;
    let now = seen.stat(path, false)?;
    let before = match now {
        None => None,
        Some(stat) => match stat.kind {
            // What was read is what is replaced, not what was there a moment before.
            PathKind::File | PathKind::Link => match seen.content(path) {
                Ok(Some(read)) => Some(read.sha256()),
                _ => stat.sha256.clone(),
            },
            PathKind::Directory => {
                return Err(PlanError::failed(format!("{path} is a directory, not a file")));
            }
            PathKind::Other => {
                return Err(PlanError::failed(format!("{path} is not a regular file")));
            }
        },
    };
    if let Some(stat) = now
        && stat.kind == PathKind::File
        && before.as_deref() == Some(content.sha256().as_str())
    {
        return Ok(set(path, wishes, stat));
    }
    let wanted = match now {
        Some(stat) if stat.kind == PathKind::File => attributes(wishes, stat).unwrap_or_default(),
        _ => Attributes {
            mode: wishes.mode.map(|mode| mode.bits(0o644, false)),
            owner: wishes.owner.map(|owner| owner.0.clone()),
            group: wishes.group.map(|group| group.0.clone()),
        },
    };
    let link = now.is_some_and(|stat| stat.kind == PathKind::Link);
    let mut changes = vec![];
    let before = if link {
        // What is written is a file of its own; the link goes, what it points to stays.
        changes.push(Change::Remove { path: path.to_owned() });
        None
    } else {
        before
    };
    let backup = before.as_ref().filter(|_| wishes.backup).map(|sum| backup_name(path, sum));
    changes.push(Change::WriteFile {
        path: path.to_owned(),
        content,
        attributes: wanted,
        validate,
        backup,
        before,
        secret: false,
    });
    Ok(changes)
}

/// The change that sets attributes, if any differ.
pub(super) fn set(path: &str, wishes: Wishes<'_>, now: &Stat) -> Vec<Change> {
    let changed = attributes(wishes, now).map(|attributes| Change::SetAttributes {
        path: path.to_owned(),
        attributes,
        recurse: false,
    });
    changed.into_iter().collect()
}

/// Where `backup: true` keeps what was there. A plan knows no clock, so the name tells the content
/// and not the time; the `~` keeps nginx's `*.conf` from loading it.
pub(super) fn backup_name(path: &str, sha256: &str) -> String {
    let sum: String = sha256.chars().take(12).collect();
    format!("{path}.{sum}~")
}

/// The text of a file that is edited; `None` when there is none. What is not UTF-8 is refused.
pub(super) fn text(path: &str, seen: &Observed) -> Result<Option<String>, PlanError> {
    // Without the file there is nothing to ask for its content.
    if seen.stat(path, false)?.is_none() {
        return Ok(None);
    }
    let Some(bytes) = seen.content(path)? else {
        return Err(PlanError::failed(format!("{path} is not a regular file")));
    };
    match String::from_utf8(bytes.0.clone()) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(PlanError::failed(format!("{path} is not UTF-8 text"))),
    }
}

/// The backup that a list of changes makes, for results.
pub(super) fn backup_of(changes: &[Change]) -> Option<&str> {
    changes.iter().find_map(|change| match change {
        Change::WriteFile { backup, .. } => backup.as_deref(),
        _ => None,
    })
}

/// The folder that a path is in.
pub(super) fn parent(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

/// Whether a path is a folder, links followed.
pub(super) fn is_dir(path: &str, seen: &Observed) -> Result<bool, Unasked> {
    Ok(seen.stat(path, true)?.is_some_and(|stat| stat.kind == PathKind::Directory))
}
