//! `cowhand vault`: encrypts and decrypts as ansible-vault does; each can read what the other wrote.
//! What is decrypted on purpose is the only secret that is ever printed.
mod args;
mod passwords;

pub(super) use args::{VaultArgs, VaultCommand};
pub(super) use passwords::vault;

use super::load::ask;
use super::{Exit, Wrong};
use crate::vault::{DEFAULT_LABEL, Envelope, SALT, Vault, VaultId, is_encrypted};
use args::{FileArgs, FilesArgs, RekeyArgs, SealingArgs, StringArgs, Work};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

type Plain = Zeroizing<Vec<u8>>;

/// `cowhand vault …`.
pub(super) fn run(command: &VaultCommand) -> Result<Exit, Wrong> {
    match &command.work {
        Work::Encrypt(args) => {
            let id = sealing(&args.sealing)?;
            each(args, |path, bytes| {
                if is_encrypted(&bytes) {
                    return Err(wrong(path, "is encrypted already"));
                }
                seal(&bytes, &id)
            })
        }
        Work::Decrypt(args) => {
            let vault = given(&args.sealing.vault)?;
            each(args, |path, bytes| Ok(open(&vault, path, &bytes)?.1))
        }
        Work::View(args) => {
            let vault = given(&args.sealing.vault)?;
            for path in &args.files {
                let (_, plain) = open(&vault, path, &read(path)?)?;
                io::stdout().write_all(&plain)?;
            }
            Ok(Exit::Fine)
        }
        Work::Edit(args) => edit(args),
        Work::Create(args) => create(args),
        Work::Rekey(args) => rekey(args),
        Work::EncryptString(args) => strings(args),
    }
}

fn wrong(path: &Path, what: impl std::fmt::Display) -> Wrong {
    Wrong::usage(format!("{}: {what}", path.display()))
}

/// The vault of the arguments; without any the terminal is asked.
fn given(args: &VaultArgs) -> Result<Vault, Wrong> {
    let named = vault(args)?;
    if named.ids().is_empty() {
        return Ok(Vault::new(vec![passwords::vault_id("prompt")?]));
    }
    Ok(named)
}

/// The password that encrypts. One that was just typed is asked for again.
fn sealing(args: &SealingArgs) -> Result<VaultId, Wrong> {
    let vault = given(&args.vault)?;
    if args.vault.is_typed() && vault.ids().len() == 1 {
        typed_again(&vault.ids()[0])?;
    }
    let mut ids = vault.ids().to_vec();
    match &args.encrypt_vault_id {
        Some(label) => ids.retain(|id| id.label == *label),
        None if ids.len() > 1 => {
            let help = "choose one with --encrypt-vault-id LABEL".to_owned();
            return Err(Wrong::Usage("several vault passwords are given".into(), Some(help)));
        }
        None => {}
    }
    ids.into_iter().next().ok_or_else(|| Wrong::usage("no vault password has this label"))
}

/// A typing error in a new password would lock everybody out.
fn typed_again(id: &VaultId) -> Result<(), Wrong> {
    let again = Zeroizing::new(ask("vault password again: ")?);
    if again.trim() == id.password.expose() {
        return Ok(());
    }
    Err(Wrong::usage("the vault passwords differ"))
}

fn seal(plain: &[u8], id: &VaultId) -> Result<Plain, Wrong> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt)
        .map_err(|error| Wrong::usage(format!("no random numbers: {error}")))?;
    let sealed = Envelope::seal(plain, &id.password, &id.label, salt);
    Ok(Zeroizing::new(sealed.to_text().into_bytes()))
}

fn open<'a>(vault: &'a Vault, path: &Path, bytes: &[u8]) -> Result<(&'a VaultId, Plain), Wrong> {
    let text = String::from_utf8_lossy(bytes);
    let opened = vault.opener(&text).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Wrong::Usage(message, Some(error.help().to_owned()))
    });
    opened.map(|(id, plain)| (id, Zeroizing::new(plain)))
}

/// Does something to each file, in place or into `--output`.
fn each(
    args: &FilesArgs,
    work: impl Fn(&Path, Plain) -> Result<Plain, Wrong>,
) -> Result<Exit, Wrong> {
    let dash = [PathBuf::from("-")];
    let files = if args.files.is_empty() { &dash } else { args.files.as_slice() };
    if args.output.is_some() && files.len() > 1 {
        return Err(Wrong::usage("--output takes a single file"));
    }
    // Nothing is written before everything could be read.
    let done = files.iter().map(|path| Ok((path, work(path, read(path)?)?)));
    for (path, bytes) in done.collect::<Result<Vec<_>, Wrong>>()? {
        write(args.output.as_ref().unwrap_or(path), &bytes)?;
    }
    Ok(Exit::Fine)
}

fn read(path: &Path) -> Result<Plain, Wrong> {
    if path == Path::new("-") {
        let mut bytes = Zeroizing::new(vec![]);
        io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(path).map(Zeroizing::new).map_err(|error| wrong(path, error))
}

/// Replaces a file as a whole: beside it, synced, renamed. A new one is for its owner alone.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Wrong> {
    if path == Path::new("-") {
        return Ok(io::stdout().write_all(bytes)?);
    }
    // A link stays one: what it names is replaced.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let replaced = || {
        let mut beside = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        if let Ok(old) = std::fs::metadata(&path) {
            let mode = old.permissions().mode();
            beside.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
        }
        beside.write_all(bytes)?;
        beside.as_file().sync_all()?;
        beside.persist(&path).map(drop).map_err(io::Error::from)
    };
    replaced().map_err(|error| wrong(&path, error))
}

fn edit(args: &FileArgs) -> Result<Exit, Wrong> {
    let vault = given(&args.sealing.vault)?;
    let sealed = read(&args.file)?;
    let (id, plain) = open(&vault, &args.file, &sealed)?;
    let edited = edited(&plain)?;
    if *edited != *plain {
        let id = match &args.sealing.encrypt_vault_id {
            Some(_) => sealing(&args.sealing)?,
            // The label stays, whatever the password was called today.
            None => VaultId { label: label(&sealed), ..id.clone() },
        };
        write(&args.file, &seal(&edited, &id)?)?;
    }
    Ok(Exit::Fine)
}

fn create(args: &FileArgs) -> Result<Exit, Wrong> {
    if args.file.exists() {
        return Err(wrong(&args.file, "exists already; `cowhand vault edit` changes it"));
    }
    let id = sealing(&args.sealing)?;
    write(&args.file, &seal(&edited(b"")?, &id)?)?;
    Ok(Exit::Fine)
}

/// The label that an encrypted file carries.
fn label(sealed: &[u8]) -> String {
    let envelope = Envelope::parse(&String::from_utf8_lossy(sealed)).ok();
    envelope.and_then(|envelope| envelope.label).unwrap_or(DEFAULT_LABEL.to_owned())
}

/// What a person makes of a text in an editor. The text is in a file of theirs alone, in memory where
/// the machine has such a place, and gone afterwards.
fn edited(plain: &[u8]) -> Result<Plain, Wrong> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let mut file = tempfile::Builder::new().suffix(".yml").tempfile_in(folder)?;
    file.write_all(plain)?;
    file.flush()?;
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok());
    let editor = editor.filter(|editor| !editor.trim().is_empty()).unwrap_or("vi".into());
    let words = shlex::split(&editor).unwrap_or_default();
    let [program, arguments @ ..] = words.as_slice() else {
        return Err(Wrong::usage(format!("editor `{editor}`: quotes do not match")));
    };
    let ended = std::process::Command::new(program).args(arguments).arg(file.path()).status();
    let ended = ended.map_err(|error| Wrong::usage(format!("editor `{editor}`: {error}")))?;
    if !ended.success() {
        return Err(Wrong::usage(format!(
            "editor `{editor}` ended with {ended}: nothing is changed"
        )));
    }
    // An editor may have put another file in its place.
    let edited = read(file.path())?;
    overwrite(file.path(), edited.len());
    Ok(edited)
}

/// Best effort: the file system may keep what was there elsewhere.
fn overwrite(path: &Path, length: usize) {
    let _ = std::fs::write(path, vec![0; length]);
}

fn rekey(args: &RekeyArgs) -> Result<Exit, Wrong> {
    let vault = given(&args.vault)?;
    let opened = args.files.iter().map(|path| Ok((path, open(&vault, path, &read(path)?)?.1)));
    let opened = opened.collect::<Result<Vec<_>, Wrong>>()?;
    let source = args.new_vault_id.as_ref().or(args.new_vault_password_file.as_ref());
    let id = passwords::vault_id(source.map_or("prompt", String::as_str))?;
    if source.is_none() {
        typed_again(&id)?;
    }
    for (path, plain) in opened {
        write(path, &seal(&plain, &id)?)?;
    }
    Ok(Exit::Fine)
}

fn strings(args: &StringArgs) -> Result<Exit, Wrong> {
    let id = sealing(&args.sealing)?;
    let names = args.names.iter().map(Some).chain(std::iter::repeat(None));
    let mut texts: Vec<(Option<&String>, Plain)> = names
        .zip(&args.strings)
        .map(|(name, text)| (name, Zeroizing::new(text.clone().into_bytes())))
        .collect();
    if args.prompt {
        let name = args.names.get(texts.len());
        texts.push((name, Zeroizing::new(ask("text to encrypt: ")?.into_bytes())));
    }
    if args.stdin_name.is_some() || texts.is_empty() {
        if io::stdin().is_terminal() {
            writeln!(io::stderr(), "reading the text from standard input; end it with ctrl-D")?;
        }
        texts.push((args.stdin_name.as_ref(), read(Path::new("-"))?));
    }
    let mut out = io::stdout().lock();
    for (name, text) in texts {
        let sealed = seal(&text, &id)?;
        out.write_all(as_yaml(name, &String::from_utf8_lossy(&sealed)).as_bytes())?;
    }
    Ok(Exit::Fine)
}

/// `name: !vault |`, and the text below it.
fn as_yaml(name: Option<&String>, sealed: &str) -> String {
    let head = name.map(|name| format!("{name}: ")).unwrap_or_default();
    let lines: Vec<String> = sealed.lines().map(|line| format!("          {line}")).collect();
    format!("{head}!vault |\n{}\n", lines.join("\n"))
}
