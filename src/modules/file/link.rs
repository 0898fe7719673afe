//! Links: when one is made, what it may replace, and when it is there already.
use super::{Params, PlanError};
use crate::change::Change;
use crate::facts::{Fact, Observed, PathKind, Probe, Unasked};
use crate::modules::write::{attributes, parent};

fn target(params: &Params) -> Result<&str, PlanError> {
    let missing = || PlanError::failed("src option is required when state is 'link' or 'hard'");
    params.src.as_deref().filter(|src| !src.is_empty()).ok_or_else(missing)
}

/// Where a target leads, seen from the link (or, as Ansible has it, from the folder in its place).
fn absolute(params: &Params, target: &str, in_folder: bool) -> String {
    let base = if in_folder { &params.path } else { parent(&params.path) };
    match target {
        absolute if absolute.starts_with('/') => absolute.to_owned(),
        relative => format!("{}/{relative}", base.trim_end_matches('/')),
    }
}

/// Both ends.
pub(super) fn observe(params: &Params) -> Vec<Probe> {
    let probe = |path: &str, follow| Probe::Path { path: path.to_owned(), follow };
    let mut probes = vec![probe(&params.path, false)];
    if let Ok(target) = target(params) {
        probes.push(probe(&absolute(params, target, false), true));
    }
    probes
}

pub(super) fn symbolic(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
    let path = &params.path;
    let now = seen.stat(path, false)?;
    // Without `src`, a link that is there is meant, with its attributes.
    let target = match (target(params), now.and_then(|stat| stat.target.as_deref())) {
        (Err(_), Some(target)) => target,
        (target, _) => target?,
    };
    let directory = now.is_some_and(|stat| stat.kind == PathKind::Directory);
    let end = absolute(params, target, directory);
    let same = now.is_some_and(|stat| stat.target.as_deref() == Some(target));
    let force = params.forces();
    if !force && !same && seen.stat(&end, true)?.is_none() {
        return Err(PlanError::failed(format!(
            "src file does not exist, use 'force=yes' if you really want to create the link: {end}"
        )));
    }
    let mut changes = vec![];
    match now.map(|stat| stat.kind) {
        _ if same => {}
        None | Some(PathKind::Link) => changes.push(made(params, target, false)),
        Some(kind) => {
            let was = if kind == PathKind::Directory { "directory" } else { "file" };
            if !force {
                let message = format!("refusing to convert from {was} to symlink for {path}");
                return Err(PlanError::failed(message));
            }
            if kind == PathKind::Directory && !is_empty(path, seen)? {
                let message = format!("the directory {path} is not empty, refusing to convert it");
                return Err(PlanError::failed(message));
            }
            changes.push(Change::Remove { path: path.clone() });
            changes.push(made(params, target, false));
        }
    }
    // Owner and mode are those of what the link leads to.
    if params.follows()
        && let Some(stat) = seen.stat(&end, true)?
        && let Some(attributes) = attributes(params.wishes(), stat)
    {
        changes.push(Change::SetAttributes { path: path.clone(), attributes, recurse: false });
    }
    Ok(changes)
}

pub(super) fn hard(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
    let (path, target) = (&params.path, target(params)?);
    if !target.starts_with('/') {
        return Err(PlanError::failed("absolute paths are required"));
    }
    if seen.stat(target, true)?.is_none() {
        return Err(PlanError::failed("src does not exist"));
    }
    let mut changes = vec![];
    match seen.stat(path, false)? {
        None => changes.push(made(params, target, true)),
        Some(_) if inode(path, seen)? == inode(target, seen)? => {}
        Some(stat) if stat.kind != PathKind::Directory && params.forces() => {
            changes.push(Change::Remove { path: path.clone() });
            changes.push(made(params, target, true));
        }
        Some(stat) => {
            let was = if stat.kind == PathKind::Directory { "directory" } else { "file" };
            let message = format!("Cannot link, {was} exists at destination");
            return Err(PlanError::failed(message));
        }
    }
    if let Some(stat) = seen.stat(target, true)?
        && let Some(attributes) = attributes(params.wishes(), stat)
    {
        changes.push(Change::SetAttributes { path: path.clone(), attributes, recurse: false });
    }
    Ok(changes)
}

fn made(params: &Params, target: &str, hard: bool) -> Change {
    Change::Link { path: params.path.clone(), target: target.to_owned(), hard }
}

/// Device and number, `None` for what is not there.
fn inode(path: &str, seen: &Observed) -> Result<Option<(u64, u64)>, Unasked> {
    let path = path.to_owned();
    let probe = Probe::Details { path, follow: false, sum: String::new(), mime: false, flags: false };
    Ok(match seen.get(&probe)? {
        Fact::Details(Some(details)) => Some((details.inode.dev, details.inode.inode)),
        _ => None,
    })
}

fn is_empty(path: &str, seen: &Observed) -> Result<bool, Unasked> {
    let probe = Probe::Tree { path: path.to_owned(), depth: Some(1), follow: false };
    Ok(matches!(seen.get(&probe)?, Fact::Tree(Some(tree)) if tree.entries.is_empty()))
}
