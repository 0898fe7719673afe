//! The edge that reads project files: playbooks, roles, inventories, variables beside them, files that
//! are copied. Each is read once, before any host is contacted.
#![expect(clippy::disallowed_methods, reason = "this is the edge where files are read")]
mod machine;
#[cfg(test)]
mod tests;

pub use machine::ThisMachine;

use crate::inventory::{Input, Text, VarsFiles};
use crate::playbook::Library;
use crate::source::{Diagnostic, SourceMap, Spanned, Vars, nearest, parse_one};
use crate::vault::{Vault, is_encrypted};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Texts larger than this are refused (bytes).
const LARGEST_TEXT: u64 = 8 << 20;
/// Files to copy larger than this are refused (bytes).
const LARGEST_FILE: u64 = 64 << 20;
/// Endings of files in an inventory folder that are no inventories (Ansible's list).
const IGNORED: [&str; 9] = ["~", ".orig", ".bak", ".cfg", ".retry", ".pyc", ".pyo", ".swp", ".md"];

/// Project files on the disk.
#[derive(Clone, Debug)]
pub struct Disk {
    role_paths: Vec<PathBuf>,
    vault: Vault,
}

impl Disk {
    /// The files that a playbook can name. Roles are looked for beside it, beside its folder, and in
    /// the current folder. What is encrypted is opened with `vault`.
    pub fn new(playbook: &Path, vault: &Vault) -> Self {
        let folder = match playbook.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut role_paths = vec![folder.join("roles")];
        if let Ok(absolute) = std::path::absolute(folder)
            && let Some(above) = absolute.parent()
        {
            // A relative path stays one, for messages.
            let beside = match folder.parent() {
                Some(parent) if !folder.ends_with("..") => parent.join("roles"),
                _ => above.join("roles"),
            };
            role_paths.push(beside);
        }
        role_paths.push(PathBuf::from("roles"));
        role_paths.dedup();
        Self { role_paths, vault: vault.clone() }
    }
}

impl Library for Disk {
    fn text(&self, path: &Path) -> Result<Option<Arc<str>>, Diagnostic> {
        text(path, &self.vault)
    }
    fn role_paths(&self) -> &[PathBuf] {
        &self.role_paths
    }
    fn files_below(&self, folder: &Path) -> Vec<PathBuf> {
        // Beside `site.yml` is the folder at hand; paths stay as short as they were written.
        if folder.as_os_str().is_empty() {
            let here = files_below(Path::new("."));
            return here
                .iter()
                .filter_map(|p| p.strip_prefix(".").ok())
                .map(Path::to_owned)
                .collect();
        }
        files_below(folder)
    }
}

fn wrong(path: &Path, what: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::general(format!("{}: {what}", path.display()))
}

/// The text of a file, decrypted; `None` when there is none.
fn text(path: &Path, vault: &Vault) -> Result<Option<Arc<str>>, Diagnostic> {
    let Some(bytes) = bytes(path, LARGEST_TEXT)? else { return Ok(None) };
    let bytes = opened(path, bytes, vault)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text.into())),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..good].split(|byte| *byte == b'\n').count();
            Err(wrong(path, format!("line {line} is not UTF-8")).help("save the file as UTF-8"))
        }
    }
}

/// What a file holds, decrypted if it is encrypted; then none of it is ever shown.
fn opened(path: &Path, bytes: Vec<u8>, vault: &Vault) -> Result<Vec<u8>, Diagnostic> {
    if !is_encrypted(&bytes) {
        return Ok(bytes);
    }
    let opened = vault.open(&String::from_utf8_lossy(&bytes));
    vault.secrets().hide(path);
    opened.map_err(|error| wrong(path, &error).help(error.help()))
}

fn bytes(path: &Path, largest: u64) -> Result<Option<Vec<u8>>, Diagnostic> {
    let about = match std::fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(None),
        Err(error) => return Err(wrong(path, error)),
    };
    if about.is_dir() {
        return Ok(None);
    }
    if about.len() > largest {
        return Err(wrong(path, format!("larger than {} MiB", largest >> 20)));
    }
    std::fs::read(path).map(Some).map_err(|error| wrong(path, error))
}

/// Regular files below a folder, sorted; links are followed, loops are not.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    const DEPTH: usize = 32;
    fn walk(folder: &Path, depth: usize, out: &mut Vec<PathBuf>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() && depth < DEPTH {
                walk(&path, depth + 1, out);
            } else if path.is_file() {
                out.push(path);
            }
        }
    }
    let mut out = vec![];
    walk(folder, 0, &mut out);
    out.sort();
    out
}

/// The inventories that `-i` names, and the variables beside them.
///
/// # Errors
/// What is not there or can't be read; a program that fails.
pub fn inventory(
    args: &[String],
    vault: &Vault,
) -> Result<(Vec<Input>, Vec<VarsFiles>), Diagnostic> {
    let (mut inputs, mut beside): (Vec<Input>, Vec<VarsFiles>) = (vec![], vec![]);
    for arg in args {
        if arg.contains(',') {
            inputs.push(Input::List(arg.clone()));
            continue;
        }
        let path = Path::new(arg);
        if path.is_dir() {
            let is_inventory = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                !name.starts_with('.')
                    && !IGNORED.iter().any(|ending| name.ends_with(ending))
                    && !path.components().any(|part| {
                        part.as_os_str() == "group_vars" || part.as_os_str() == "host_vars"
                    })
            };
            for file in files_below(path).iter().filter(|path| is_inventory(path)) {
                inputs.extend(input(file, vault)?);
            }
            beside.push(vars_beside(path, vault)?);
        } else {
            let read = input(path, vault)?.ok_or_else(|| missing(path))?;
            inputs.push(read);
            beside.push(vars_beside(path.parent().unwrap_or(Path::new(".")), vault)?);
        }
    }
    Ok((inputs, beside))
}

fn missing(path: &Path) -> Diagnostic {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let names: Vec<String> = (std::fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let found = wrong(path, "no such inventory");
    match nearest(&name, names.iter().map(String::as_str)) {
        Some(near) => found.help(format!("did you mean `{}`?", folder.join(near).display())),
        None => found.help("a list of hosts has a comma: `-i host,`"),
    }
}

/// A file, or what a program prints for `--list`.
fn input(path: &Path, vault: &Vault) -> Result<Option<Input>, Diagnostic> {
    if is_executable(path) {
        let run = std::path::absolute(path).map_err(|error| wrong(path, error))?;
        let ran = Command::new(run).arg("--list").stdin(Stdio::null()).output();
        let ran = ran.map_err(|error| wrong(path, format!("can't be run: {error}")))?;
        if !ran.status.success() {
            let said = String::from_utf8_lossy(&ran.stderr);
            let last = said.lines().last().unwrap_or("").to_owned();
            return Err(wrong(path, format!("--list ended with {}: {last}", ran.status)));
        }
        let text = String::from_utf8(ran.stdout)
            .map_err(|_| wrong(path, "--list printed what is not UTF-8"))?;
        return Ok(Some(Input::Script(path.into(), text.into())));
    }
    Ok(text(path, vault)?.map(|text| Input::File(path.into(), text)))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// `group_vars/` and `host_vars/` in a folder.
///
/// # Errors
/// What can't be read.
pub fn vars_beside(folder: &Path, vault: &Vault) -> Result<VarsFiles, Diagnostic> {
    Ok(VarsFiles {
        groups: named(&folder.join("group_vars"), vault)?,
        hosts: named(&folder.join("host_vars"), vault)?,
    })
}

/// `NAME`, `NAME.yml`, `NAME.yaml`, `NAME.json`, or a folder `NAME` of such files.
fn named(folder: &Path, vault: &Vault) -> Result<BTreeMap<String, Vec<Text>>, Diagnostic> {
    let mut out: BTreeMap<String, Vec<Text>> = BTreeMap::new();
    for path in files_below(folder) {
        let Ok(relative) = path.strip_prefix(folder) else { continue };
        let mut parts = relative.components();
        let first = parts.next().map(|part| part.as_os_str().to_string_lossy().into_owned());
        let Some(first) = first else { continue };
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let known = |name: &str| match name.rsplit_once('.') {
            Some((_, ending)) => matches!(ending, "yml" | "yaml" | "json"),
            None => true,
        };
        let in_folder = parts.next().is_some();
        // A host's name has dots of its own: `mx1.example.org` is no ending.
        let name = if in_folder {
            first
        } else {
            let endings = [".yml", ".yaml", ".json"];
            let short = endings.iter().find_map(|ending| first.strip_suffix(ending));
            short.map_or(first.clone(), str::to_owned)
        };
        if file.starts_with('.') || file.ends_with('~') || (in_folder && !known(&file)) {
            continue;
        }
        if let Some(text) = text(&path, vault)? {
            out.entry(name).or_default().push((path.into(), text));
        }
    }
    Ok(out)
}

/// Everything below `files/` and `templates/` of roles and of the playbook's folder.
///
/// # Errors
/// What can't be read, or is too large.
pub fn assets(
    roles: &[PathBuf],
    playbook_dir: &Path,
    vault: &Vault,
) -> Result<BTreeMap<PathBuf, Arc<[u8]>>, Diagnostic> {
    let mut out = BTreeMap::new();
    for base in roles.iter().map(PathBuf::as_path).chain([playbook_dir]) {
        for folder in ["files", "templates"] {
            for path in files_below(&base.join(folder)) {
                if let Some(bytes) = bytes(&path, LARGEST_FILE)? {
                    // One that needs a password stays as it is: whoever copies it will say so.
                    let locked = vault.ids().is_empty() && is_encrypted(&bytes);
                    let bytes = if locked { bytes } else { opened(&path, bytes, vault)? };
                    out.insert(path, bytes.into());
                }
            }
        }
    }
    Ok(out)
}

/// The variables of `-e`: `k=v …`, a mapping in YAML or JSON, or `@FILE` with one.
///
/// # Errors
/// What is none of these.
pub fn extra_vars(args: &[String], sources: &mut SourceMap) -> Result<Vars, Diagnostic> {
    let mut out: Vars = vec![];
    for arg in args {
        let read = match arg.strip_prefix('@') {
            Some(file) => {
                let path = Path::new(file);
                let text =
                    text(path, sources.vault())?.ok_or_else(|| wrong(path, "no such file"))?;
                mapping(path, text, sources)?
            }
            None if arg.trim_start().starts_with('{') && !arg.trim_start().starts_with("{{") => {
                mapping(Path::new("<command line>"), arg.as_str().into(), sources)?
            }
            None => pairs(arg, sources)?,
        };
        for (name, value) in read {
            out.retain(|(other, _)| other.value != name.value);
            out.push((name, value));
        }
    }
    Ok(out)
}

fn mapping(path: &Path, text: Arc<str>, sources: &mut SourceMap) -> Result<Vars, Diagnostic> {
    let file = sources.add(path, text);
    let node = parse_one(sources, file, &mut vec![])?;
    node.map_or(Ok(vec![]), |node| node.vars())
}

/// `k=v` pairs; values are text.
fn pairs(arg: &str, sources: &mut SourceMap) -> Result<Vars, Diagnostic> {
    let file = sources.add("<command line>", arg);
    let span = sources.whole(file);
    let pairs = crate::playbook::pairs(arg).map_err(|message| {
        Diagnostic::error(span, message)
            .help("write `name=value`, a mapping in YAML or JSON, or `@FILE`")
    })?;
    let spanned = |(name, value): (String, String)| {
        (Spanned::new(name, span), Spanned::new(Value::String(value), span))
    };
    Ok(pairs.into_iter().map(spanned).collect())
}
