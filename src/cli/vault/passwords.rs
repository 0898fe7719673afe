//! Where vault passwords come from: a file, a program, the terminal. Never from the command line itself,
//! where every user of this machine could read them.
use super::VaultArgs;
use crate::cli::Wrong;
use crate::cli::load::ask;
use crate::secret::Secret;
use crate::vault::{DEFAULT_LABEL, Vault, VaultId};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The vault that the arguments open, without asking for what they don't name.
pub(in crate::cli) fn vault(args: &VaultArgs) -> Result<Vault, Wrong> {
    let mut ids = vec![];
    for id in &args.vault_id {
        ids.push(vault_id(id)?);
    }
    for file in &args.vault_password_file {
        let password = from_source(&file.display().to_string(), DEFAULT_LABEL)?;
        ids.push(VaultId { label: DEFAULT_LABEL.to_owned(), password });
    }
    if args.ask_vault_pass {
        let password = from_source("prompt", DEFAULT_LABEL)?;
        ids.push(VaultId { label: DEFAULT_LABEL.to_owned(), password });
    }
    Ok(Vault::new(ids))
}

/// `LABEL@SOURCE`, or a source alone.
pub(super) fn vault_id(id: &str) -> Result<VaultId, Wrong> {
    let (label, source) = id.split_once('@').unwrap_or((DEFAULT_LABEL, id));
    let label = if label.is_empty() { DEFAULT_LABEL } else { label };
    Ok(VaultId { label: label.to_owned(), password: from_source(source, label)? })
}

fn from_source(source: &str, label: &str) -> Result<Secret<String>, Wrong> {
    if matches!(source, "prompt" | "prompt_ask_vault_pass") {
        let about = if label == DEFAULT_LABEL { String::new() } else { format!(" ({label})") };
        return checked(&ask(&format!("vault password{about}: "))?, "the prompt");
    }
    let path = Path::new(source);
    let unreadable = |error| Wrong::usage(format!("vault password: {source}: {error}"));
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if about.is_file() && about.permissions().mode() & 0o111 != 0 {
        return checked(&said(path, label)?, source);
    }
    let text = Secret::new(std::fs::read_to_string(path).map_err(unreadable)?);
    checked(text.expose(), source)
}

/// What a program prints. One whose name ends in `-client` is told which password is wanted.
fn said(path: &Path, label: &str) -> Result<String, Wrong> {
    let shown = path.display();
    let failed = |what: String| Wrong::usage(format!("vault password: {shown}: {what}"));
    let run = std::path::absolute(path).map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(run);
    if path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("-client")) {
        command.args(["--vault-id", label]);
    }
    // What it wants to ask or say goes to the terminal.
    let ran = command.stdin(Stdio::inherit()).stderr(Stdio::inherit()).output();
    let ran = ran.map_err(|error| failed(error.to_string()))?;
    if !ran.status.success() {
        return Err(failed(format!("ended with {}", ran.status)));
    }
    String::from_utf8(ran.stdout).map_err(|_| failed("printed what is not UTF-8".to_owned()))
}

fn checked(text: &str, source: &str) -> Result<Secret<String>, Wrong> {
    let password = text.trim();
    if password.is_empty() {
        return Err(Wrong::usage(format!("vault password: {source} gave an empty one")));
    }
    Ok(Secret::new(password.to_owned()))
}
