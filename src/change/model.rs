//! Changes applied to a model of the host instead of the host: check mode, the fake host, the laws.
//! The model has no clock (times stay) and no list of users (names are learnt from known paths).
use super::{Attributes, Change, ComposeAction, ComposeUp, When, is_within};
use crate::facts::{Bytes, Container, Fact, Observed, Owed, PathKind, Probe, Stat};

impl Change {
    /// Applies the change to a model of the host: check mode, the fake host, the laws.
    pub fn predict(&self, seen: &mut Observed) {
        // What is not modelled is not kept either.
        seen.forget(|probe| is_unmodelled(probe) && self.touches(probe));
        match self {
            Self::WriteFile { path, content, attributes, .. } => {
                let old = stat_of(seen, path).filter(|stat| stat.kind == PathKind::File);
                let stat = file(old.unwrap_or_else(|| fresh(PathKind::File, 0o644)), content);
                set(seen, path, &dressed(stat, attributes, seen));
                seen.set(content_of(path), Fact::Content(Some(content.clone())));
            }
            Self::Download(download) => {
                let path = &download.path;
                let old = stat_of(seen, path).filter(|stat| stat.kind == PathKind::File);
                let stat = old.unwrap_or_else(|| fresh(PathKind::File, 0o644));
                let stat = Stat { sha256: None, ..dressed(stat, &download.attributes, seen) };
                set(seen, path, &stat);
                seen.forget(|probe| *probe == content_of(path));
            }
            Self::SetAttributes { path, attributes, recurse } => {
                let concerned = |other: &str| other == path || *recurse && is_within(other, path);
                dress(seen, attributes, concerned);
            }
            Self::MakeDir { path, attributes } => {
                let old = stat_of(seen, path).filter(|stat| stat.kind == PathKind::Directory);
                let stat = old.unwrap_or_else(|| fresh(PathKind::Directory, 0o755));
                set(seen, path, &dressed(stat, attributes, seen));
            }
            Self::Link { path, target, hard } => link(seen, path, target, *hard),
            Self::Touch { path, attributes } => touch(seen, path, attributes),
            Self::SetTimes { path, modification: Some(When::At(time)), .. } => {
                change_known(seen, |probe, fact| {
                    if let (Probe::Path { path: other, .. }, Fact::Path(Some(stat))) = (probe, fact)
                        && other == path
                    {
                        stat.mtime = *time;
                    }
                });
            }
            Self::Remove { path } => remove(seen, path),
            Self::Step { change, .. } => change.predict(seen),
            Self::Deed(deed) => deed.predict(seen),
            Self::Here(here) => here.predict(seen),
            Self::Run(_)
            | Self::Wait(_)
            | Self::SetTimes { .. }
            | Self::Request(_)
            | Self::MakeTemp { .. }
            | Self::Journal(_) => {}
            Self::Compose(up) => compose(seen, up),
            Self::Outdated { dir, values } => change_known(seen, |probe, fact| {
                if let (Probe::Postconf { dir: other, .. }, Fact::Postconf(Some(running))) =
                    (probe, fact)
                    && other == dir
                {
                    for (key, (_, held)) in values {
                        running.insert(key.clone(), held.clone());
                    }
                }
            }),
            Self::Owe { handler } => change_known(seen, |_, fact| {
                if let Fact::Owed(owed) = fact
                    && !owed.iter().any(|owed| &owed.handler == handler)
                {
                    let since = owed.last().map_or(0, |last| last.since);
                    owed.push(Owed { handler: handler.clone(), since });
                }
            }),
            Self::Settle { handler } => change_known(seen, |_, fact| {
                if let Fact::Owed(owed) = fact {
                    owed.retain(|owed| &owed.handler != handler);
                }
            }),
        }
    }
}

/// Facts that are about paths and that a model does not keep.
fn is_unmodelled(probe: &Probe) -> bool {
    matches!(
        probe,
        Probe::Details { .. }
            | Probe::Tree { .. }
            | Probe::Glob { .. }
            | Probe::Sums { .. }
            | Probe::Matching { .. }
    )
}

/// Changes facts that are there; what nobody asked for stays unknown.
fn change_known(seen: &mut Observed, mut change: impl FnMut(&Probe, &mut Fact)) {
    let changed: Vec<_> = seen
        .iter()
        .filter_map(|(probe, fact)| {
            let mut new = fact.clone();
            change(probe, &mut new);
            (new != *fact).then(|| (probe.clone(), new))
        })
        .collect();
    for (probe, fact) in changed {
        seen.set(probe, fact);
    }
}

fn path_of(path: &str, follow: bool) -> Probe {
    Probe::Path { path: path.to_owned(), follow }
}

fn content_of(path: &str) -> Probe {
    Probe::Content { path: path.to_owned() }
}

/// What is known about a path, through links first.
fn stat_of(seen: &Observed, path: &str) -> Option<Stat> {
    seen.stat(path, true).or_else(|_| seen.stat(path, false)).ok().flatten().cloned()
}

/// The path is this and no link.
fn set(seen: &mut Observed, path: &str, stat: &Stat) {
    for follow in [true, false] {
        seen.set(path_of(path, follow), Fact::Path(Some(stat.clone())));
    }
}

/// What root makes.
fn fresh(kind: PathKind, mode: u32) -> Stat {
    Stat {
        kind,
        mode,
        uid: 0,
        gid: 0,
        owner: "root".into(),
        group: "root".into(),
        size: 0,
        mtime: 0,
        sha256: None,
        target: None,
    }
}

fn file(stat: Stat, content: &Bytes) -> Stat {
    let size = content.0.len() as u64;
    Stat { kind: PathKind::File, size, sha256: Some(content.sha256()), target: None, ..stat }
}

fn dressed(mut stat: Stat, attributes: &Attributes, seen: &Observed) -> Stat {
    let Attributes { mode, owner, group } = attributes;
    stat.mode = mode.unwrap_or(stat.mode);
    if let Some(wanted) = owner {
        let names = |stat: &Stat| (stat.uid, stat.owner.clone());
        (stat.uid, stat.owner) = identity(wanted, names(&stat), seen, names);
    }
    if let Some(wanted) = group {
        let names = |stat: &Stat| (stat.gid, stat.group.clone());
        (stat.gid, stat.group) = identity(wanted, names(&stat), seen, names);
    }
    stat
}

/// Number and name of whom `wanted` means: as it is now, as known from another path, or a guess.
fn identity(
    wanted: &str,
    now: (u32, String),
    seen: &Observed,
    names: impl Fn(&Stat) -> (u32, String),
) -> (u32, String) {
    let number = wanted.parse().ok();
    let is_wanted = |(id, name): &(u32, String)| name == wanted || Some(*id) == number;
    let known = seen.iter().filter_map(|(_, fact)| match fact {
        Fact::Path(Some(stat)) => Some(names(stat)),
        _ => None,
    });
    let guess = (number.unwrap_or(now.0), wanted.to_owned());
    let root = (0, "root".to_owned());
    std::iter::once(now).chain(known).chain([root]).find(is_wanted).unwrap_or(guess)
}

fn dress(seen: &mut Observed, attributes: &Attributes, concerned: impl Fn(&str) -> bool) {
    let before = seen.clone();
    change_known(seen, |probe, fact| {
        if let (Probe::Path { path, .. }, Fact::Path(Some(stat))) = (probe, fact)
            && concerned(path)
            && stat.kind != PathKind::Link
        {
            *stat = dressed(stat.clone(), attributes, &before);
        }
    });
}

fn link(seen: &mut Observed, path: &str, target: &str, hard: bool) {
    let end = match path.rsplit_once('/') {
        Some((dir, _)) if !target.starts_with('/') => format!("{dir}/{target}"),
        _ => target.to_owned(),
    };
    let content = seen.content(&end).ok().flatten().cloned();
    let stat = stat_of(seen, &end);
    seen.forget(|probe| *probe == content_of(path) || *probe == path_of(path, true));
    if let Some(content) = content {
        seen.set(content_of(path), Fact::Content(Some(content)));
    }
    if let Some(stat) = &stat {
        set(seen, path, stat);
    }
    if !hard {
        let size = target.len() as u64;
        let target = Some(target.to_owned());
        let link = Stat { size, target, ..fresh(PathKind::Link, 0o777) };
        seen.set(path_of(path, false), Fact::Path(Some(link)));
    }
}

fn touch(seen: &mut Observed, path: &str, attributes: &Attributes) {
    if stat_of(seen, path).is_some() {
        dress(seen, attributes, |other| other == path);
    } else {
        let stat = file(fresh(PathKind::File, 0o644), &Bytes::default());
        set(seen, path, &dressed(stat, attributes, seen));
        seen.set(content_of(path), Fact::Content(Some(Bytes::default())));
    }
}

fn remove(seen: &mut Observed, path: &str) {
    change_known(seen, |probe, fact| match (probe, fact) {
        (Probe::Path { path: other, .. }, Fact::Path(stat)) if is_within(other, path) => {
            *stat = None;
        }
        (Probe::Content { path: other }, Fact::Content(content)) if is_within(other, path) => {
            *content = None;
        }
        _ => {}
    });
    seen.set(path_of(path, true), Fact::Path(None));
    seen.set(path_of(path, false), Fact::Path(None));
    seen.set(content_of(path), Fact::Content(None));
}

/// Containers run, or do not; ids and times of new ones can't be known.
fn compose(seen: &mut Observed, up: &ComposeUp) {
    change_known(seen, |probe, fact| {
        let (Probe::Compose { dir, services }, Fact::Compose(compose)) = (probe, fact) else {
            return;
        };
        let concerned = |service: &String| up.services.is_empty() || up.services.contains(service);
        if *dir != up.dir {
            return;
        }
        for service in services.iter().filter(|service| concerned(service)) {
            let status = match up.action {
                ComposeAction::Restart | ComposeAction::Up | ComposeAction::Recreate => "running",
                ComposeAction::Stop => "exited",
                ComposeAction::Down => {
                    compose.containers.remove(service);
                    continue;
                }
            };
            let new = || Container {
                id: String::new(),
                status: String::new(),
                started_at: String::new(),
            };
            let container = compose.containers.entry(service.clone()).or_insert_with(new);
            status.clone_into(&mut container.status);
        }
    });
}
