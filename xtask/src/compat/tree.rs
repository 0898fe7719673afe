//! What is in a folder: every path with its kind, mode, owner and content. It must never follow a link.

use crate::Outcome;
use crate::compat::hash;
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Path → what is there.
pub(super) type Tree = BTreeMap<String, String>;

/// Everything below a folder.
pub(super) fn of(folder: &Path) -> Outcome<Tree> {
    let mut tree = Tree::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let told = |error: std::io::Error| format!("{}: {error}", path.display());
        for entry in std::fs::read_dir(&path).map_err(told)? {
            let path = entry.map_err(told)?.path();
            let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            tree.insert(name, entry_of(&path).map_err(told)?);
            if path.is_dir() && !path.is_symlink() {
                waiting.push(path);
            }
        }
    }
    Ok(tree)
}

fn entry_of(path: &Path) -> std::io::Result<String> {
    let meta = path.symlink_metadata()?;
    let owner = format!("{:04o} {}:{}", meta.mode() & 0o7777, meta.uid(), meta.gid());
    Ok(if meta.is_symlink() {
        format!("a link to {}", std::fs::read_link(path)?.display())
    } else if meta.is_dir() {
        format!("a folder {owner}")
    } else if meta.is_file() {
        let links = if meta.nlink() > 1 { " with other names" } else { "" };
        let bytes = std::fs::read(path)?;
        let content = match String::from_utf8(bytes) {
            Ok(text) => format!("{text:?}"),
            Err(bytes) => format!("bytes {}", hash([bytes.as_bytes()])),
        };
        format!("a file {owner}{links}: {content}")
    } else {
        format!("something else {owner}")
    })
}

/// What was kept.
pub(super) fn from_json(value: &Value) -> Tree {
    let pairs = value.as_object().into_iter().flatten();
    pairs
        .map(|(path, entry)| (path.clone(), entry.as_str().unwrap_or_default().to_owned()))
        .collect()
}
