//! What takes a change back, given what was known before it.
use super::{Attributes, Change, Undo, Until, Wait};
use crate::facts::{Fact, Observed, PathKind, Probe, Stat, Unasked};

impl Change {
    /// The change that takes this one back, given what was there before.
    pub fn invert(&self, before: &Observed) -> Undo {
        match self {
            Self::WriteFile { path, before: None, .. } => remove(path),
            Self::WriteFile { path, content, secret, .. } => {
                restore(path, before, Some(content.sha256()), *secret)
            }
            Self::SetAttributes { recurse: true, .. } => {
                Undo::Impossible("what everything below a folder was set to is not known")
            }
            Self::SetAttributes { path, .. } => match known(before, path, true) {
                Ok(Some(stat)) => attributes_back(path, stat),
                _ => Undo::Impossible("owner and mode from before are not known"),
            },
            Self::MakeDir { path, .. } | Self::Touch { path, .. } => {
                match known(before, path, true) {
                    Ok(None) => remove(path),
                    Ok(Some(stat)) => attributes_back(path, stat),
                    Err(_) => Undo::Impossible("what was there before is not known"),
                }
            }
            Self::Link { path, .. } => match known(before, path, false) {
                Ok(None) => remove(path),
                Ok(Some(Stat { target: Some(target), .. })) => link_back(path, target),
                _ => Undo::Impossible("what the link replaced is not known"),
            },
            Self::Remove { path } => match known(before, path, false) {
                Ok(None) => Undo::Change(nothing()),
                Ok(Some(Stat { target: Some(target), .. })) => link_back(path, target),
                Ok(Some(Stat { kind: PathKind::File, .. })) => restore(path, before, None, true),
                _ => Undo::Impossible("what was removed is gone"),
            },
            Self::Run(_) => Undo::Impossible("a command can't be taken back"),
            Self::Compose(_) => Undo::Impossible("a restart can't be taken back"),
            Self::Wait(_) | Self::Outdated { .. } => Undo::Change(nothing()),
            Self::Owe { handler } | Self::Settle { handler } => self.owed_back(handler, before),
        }
    }

    fn owed_back(&self, handler: &str, before: &Observed) -> Undo {
        let Ok(Fact::Owed(owed)) = before.get(&Probe::Owed) else {
            return Undo::Impossible("which handlers were owed is not known");
        };
        let was_owed = owed.iter().any(|owed| owed.handler == handler);
        let handler = handler.to_owned();
        Undo::Change(match (self, was_owed) {
            (Self::Owe { .. }, false) => Self::Settle { handler },
            (Self::Settle { .. }, true) => Self::Owe { handler },
            _ => nothing(),
        })
    }
}

/// What was known about a path.
fn known<'a>(before: &'a Observed, path: &str, follow: bool) -> Result<Option<&'a Stat>, Unasked> {
    before.stat(path, follow).or_else(|_| before.stat(path, !follow))
}

fn remove(path: &str) -> Undo {
    Undo::Change(Change::Remove { path: path.to_owned() })
}

fn link_back(path: &str, target: &str) -> Undo {
    let (path, target) = (path.to_owned(), target.to_owned());
    Undo::Change(Change::Link { path, target, hard: false })
}

fn attributes_back(path: &str, stat: &Stat) -> Undo {
    let (path, attributes) = (path.to_owned(), attributes_of(stat));
    Undo::Change(Change::SetAttributes { path, attributes, recurse: false })
}

/// By number: names may mean somebody else by then.
fn attributes_of(stat: &Stat) -> Attributes {
    Attributes {
        mode: Some(stat.mode),
        owner: Some(stat.uid.to_string()),
        group: Some(stat.gid.to_string()),
    }
}

/// Writes the bytes that were there; `now`: the checksum of what is there when it is taken back.
fn restore(path: &str, before: &Observed, now: Option<String>, secret: bool) -> Undo {
    let (Ok(Some(content)), stat) =
        (before.content(path), known(before, path, true).ok().flatten())
    else {
        return Undo::Impossible("what was in the file is not known");
    };
    if now.is_none() && stat.is_none() {
        return Undo::Impossible("owner and mode from before are not known");
    }
    Undo::Change(Change::WriteFile {
        path: path.to_owned(),
        content: content.clone(),
        attributes: stat.map(attributes_of).unwrap_or_default(),
        validate: None,
        backup: None,
        before: now,
        secret,
    })
}

/// A change that does nothing.
fn nothing() -> Change {
    Change::Wait(Wait { until: Until::Time, delay: 0, sleep: 0, timeout: 0 })
}
