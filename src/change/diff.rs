//! What a change looks like to people: unified text, or before and after of attributes. What is
//! secret is named and never shown; neither is what a command was given.
use super::{Attributes, Change, ComposeAction, Here, When};
use crate::facts::{Bytes, Observed, PathKind, Stat};
use crate::secret::REDACTED;
use serde::{Deserialize, Serialize};

/// Texts longer than this are named and not compared.
const MAX_TEXT: usize = 1 << 20;

/// One difference, ready to be printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// What it is about, usually a path.
    pub subject: String,
    /// Unified diff text with three lines of context, or a line like `mode 0644 → 0600`.
    pub text: String,
}

/// The differences that `change` makes to what was `seen`. Secrets are named, never shown.
pub fn diff(change: &Change, seen: &Observed) -> Option<Diff> {
    let (subject, text) = match change {
        Change::WriteFile { path, content, attributes, secret, .. } => {
            let text = content_lines(path, content, *secret, seen)
                + &attribute_lines(attributes, stat_of(path, seen));
            (path, text)
        }
        Change::SetAttributes { path, attributes, recurse } => {
            let below = if *recurse { "everything below as well\n" } else { "" };
            (path, attribute_lines(attributes, stat_of(path, seen)) + below)
        }
        Change::MakeDir { path, attributes } => (path, made("folder", path, attributes, seen)),
        Change::Touch { path, attributes } => (path, made("file", path, attributes, seen)),
        Change::Link { path, target, hard } => (path, link_lines(path, target, *hard, seen)),
        Change::SetTimes { path, access, modification } => {
            let line = |name: &str, when: &Option<When>| match when {
                None => String::new(),
                Some(When::Now) => format!("{name} → now\n"),
                Some(When::At(seconds)) => format!("{name} → {seconds} seconds since 1970\n"),
            };
            (path, line("access time", access) + &line("modification time", modification))
        }
        Change::MakeTemp { dir: Some(dir), directory, .. } => {
            (dir, format!("a new {}\n", if *directory { "folder" } else { "file" }))
        }
        Change::Download(download) => {
            let path = &download.path;
            let head =
                if stat_of(path, seen).is_some() { "fetched anew\n" } else { "absent → file\n" };
            (path, head.to_owned() + &attribute_lines(&download.attributes, stat_of(path, seen)))
        }
        Change::Remove { path } => (path, removed(path, seen)),
        Change::Compose(up) => {
            let what = match up.action {
                ComposeAction::Restart => "restart",
                ComposeAction::Up => "up",
                ComposeAction::Recreate => "recreate",
                ComposeAction::Stop => "stop",
                ComposeAction::Down => "down",
            };
            let all = if up.services.is_empty() { "all services" } else { "" };
            (&up.dir, format!("{what} {all}{}\n", up.services.join(", ")))
        }
        Change::Outdated { dir, values } => {
            let line = |(key, (runs, holds)): (&String, &(String, String))| {
                format!("{key} {runs} (running) → {holds} (in the file)\n")
            };
            (dir, values.iter().map(line).collect())
        }
        Change::Deed(deed) => (&deed.subject, deed.effect.clone()),
        Change::Here(Here::Keep { path, .. }) => (path, "fetched\n".into()),
        Change::Step { change, .. } => return diff(change, seen),
        Change::Run(_)
        | Change::Request(_)
        | Change::Wait(_)
        | Change::Here(_)
        | Change::MakeTemp { .. }
        | Change::Owe { .. }
        | Change::Settle { .. }
        | Change::Journal(_) => return None,
    };
    (!text.is_empty()).then(|| Diff { subject: subject.clone(), text })
}

fn stat_of<'a>(path: &str, seen: &'a Observed) -> Option<&'a Stat> {
    seen.stat(path, true).or_else(|_| seen.stat(path, false)).ok().flatten()
}

fn content_lines(path: &str, new: &Bytes, secret: bool, seen: &Observed) -> String {
    // Where nothing is, there is no content to ask for.
    let absent = [true, false].iter().any(|follow| seen.stat(path, *follow) == Ok(None));
    let old = match seen.content(path) {
        Err(_) if absent => Ok(Bytes::default()),
        old => old.map(|old| old.cloned().unwrap_or_default()),
    };
    let same = match &old {
        Ok(old) => old == new && seen.content(path).is_ok_and(|old| old.is_some()),
        Err(_) => stat_of(path, seen).is_some_and(|stat| stat.sha256 == Some(new.sha256())),
    };
    if same {
        return String::new();
    }
    let (before, after) = (format!("before: {path}"), format!("after: {path}"));
    let headed = |text: &str| format!("--- {before}\n+++ {after}\n{text}\n");
    if secret {
        return headed(REDACTED);
    }
    let Ok(old) = old else {
        return headed("the content differs; what is there was not asked for");
    };
    match (text(&old), text(new)) {
        _ if old.0.len().max(new.0.len()) > MAX_TEXT => headed(&format!(
            "too long to show: {} bytes before, {} after",
            old.0.len(),
            new.0.len()
        )),
        (Some(""), Some("")) => headed("an empty file is made"),
        (Some(old), Some(new)) => similar::TextDiff::from_lines(old, new)
            .unified_diff()
            .context_radius(3)
            .header(&before, &after)
            .to_string(),
        _ => headed(&format!("binary: {} bytes before, {} after", old.0.len(), new.0.len())),
    }
}

/// As text, unless it is binary.
fn text(bytes: &Bytes) -> Option<&str> {
    std::str::from_utf8(&bytes.0).ok().filter(|text| !text.contains('\0'))
}

fn attribute_lines(attributes: &Attributes, old: Option<&Stat>) -> String {
    let Attributes { mode, owner, group } = attributes;
    let line = |name: &str, old: Option<String>, new: String| {
        format!("{name} {}→ {new}\n", old.map(|old| old + " ").unwrap_or_default())
    };
    let mut text = String::new();
    if let Some(mode) = mode.filter(|mode| old.is_none_or(|old| old.mode != *mode)) {
        text += &line("mode", old.map(|o| format!("{:04o}", o.mode)), format!("{mode:04o}"));
    }
    let differs =
        |wanted: &String, name: &str, id: u32| wanted != name && *wanted != id.to_string();
    if let Some(owner) = owner
        && old.is_none_or(|old| differs(owner, &old.owner, old.uid))
    {
        text += &line("owner", old.map(|o| o.owner.clone()), owner.clone());
    }
    if let Some(group) = group
        && old.is_none_or(|old| differs(group, &old.group, old.gid))
    {
        text += &line("group", old.map(|o| o.group.clone()), group.clone());
    }
    text
}

fn made(what: &str, path: &str, attributes: &Attributes, seen: &Observed) -> String {
    let old = stat_of(path, seen);
    let head = match (what, old) {
        (_, None) => format!("absent → {what}\n"),
        ("file", Some(_)) => "times → now\n".to_owned(),
        _ => String::new(),
    };
    head + &attribute_lines(attributes, old)
}

fn link_lines(path: &str, target: &str, hard: bool, seen: &Observed) -> String {
    let old = match seen.stat(path, false) {
        Ok(Some(stat)) => match &stat.target {
            Some(target) => format!("link to {target}"),
            None => kind(stat.kind).to_owned(),
        },
        Ok(None) => "absent".into(),
        Err(_) => String::new(),
    };
    let new = if hard { "hard link" } else { "link" };
    format!("{old} → {new} to {target}\n").trim_start().to_owned()
}

fn removed(path: &str, seen: &Observed) -> String {
    match seen.stat(path, false).or_else(|_| seen.stat(path, true)) {
        Ok(Some(stat)) => format!("{} → absent\n", kind(stat.kind)),
        Ok(None) => String::new(),
        Err(_) => "→ absent\n".into(),
    }
}

fn kind(kind: PathKind) -> &'static str {
    match kind {
        PathKind::File => "file",
        PathKind::Directory => "folder",
        PathKind::Link => "link",
        PathKind::Other => "special file",
    }
}

#[cfg(test)]
mod tests;
