//! Arguments about vaults, with ansible-vault's names.
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Passwords of what is encrypted.
#[derive(Clone, Debug, Default, Args)]
pub struct VaultArgs {
    /// A vault password: `LABEL@FILE`, `LABEL@PROGRAM` or `LABEL@prompt` (repeatable).
    #[arg(long, value_name = "ID")]
    pub vault_id: Vec<String>,
    /// A file with the vault password, or a program that prints it (repeatable).
    #[arg(
        long,
        visible_alias = "vault-pass-file",
        value_name = "FILE",
        env = "ANSIBLE_VAULT_PASSWORD_FILE"
    )]
    pub vault_password_file: Vec<PathBuf>,
    /// Ask for the vault password.
    #[arg(short = 'J', long, alias = "ask-vault-password")]
    pub ask_vault_pass: bool,
}

impl VaultArgs {
    /// Whether a person types a password.
    pub(super) fn is_typed(&self) -> bool {
        let prompted = |id: &String| id == "prompt" || id.ends_with("@prompt");
        let named = !self.vault_id.is_empty() || !self.vault_password_file.is_empty();
        self.ask_vault_pass || !named || self.vault_id.iter().any(prompted)
    }
}

/// Arguments of `vault`.
#[derive(Clone, Debug, Args)]
pub struct VaultCommand {
    /// What to do.
    #[command(subcommand)]
    pub work: Work,
}

/// What `vault` can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Work {
    /// Encrypt files in place; without files standard input to standard output.
    Encrypt(FilesArgs),
    /// Decrypt files in place; without files standard input to standard output.
    Decrypt(FilesArgs),
    /// Print what is in encrypted files.
    View(FilesArgs),
    /// Edit an encrypted file with $VISUAL or $EDITOR.
    Edit(FileArgs),
    /// Make a new encrypted file with $VISUAL or $EDITOR.
    Create(FileArgs),
    /// Encrypt files with another password.
    Rekey(RekeyArgs),
    /// Encrypt texts, and print them as YAML.
    #[command(name = "encrypt_string", alias = "encrypt-string")]
    EncryptString(StringArgs),
}

/// Which files, and with which password.
#[derive(Clone, Debug, Args)]
pub struct FilesArgs {
    /// Files; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// Write here instead (one file only); `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub sealing: SealingArgs,
}

/// Which file, and with which password.
#[derive(Clone, Debug, Args)]
pub struct FileArgs {
    /// The file.
    pub file: PathBuf,
    #[command(flatten)]
    pub sealing: SealingArgs,
}

/// Which of the passwords encrypts.
#[derive(Clone, Debug, Args)]
pub struct SealingArgs {
    #[command(flatten)]
    pub vault: VaultArgs,
    /// The label of the password to encrypt with, where several are given.
    #[arg(long, value_name = "LABEL")]
    pub encrypt_vault_id: Option<String>,
}

/// Which files, and the new password.
#[derive(Clone, Debug, Args)]
pub struct RekeyArgs {
    /// Files.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub vault: VaultArgs,
    /// The new password: `LABEL@FILE`, `LABEL@PROGRAM` or `LABEL@prompt`.
    #[arg(long, value_name = "ID", conflicts_with = "new_vault_password_file")]
    pub new_vault_id: Option<String>,
    /// A file with the new password, or a program that prints it.
    #[arg(long, value_name = "FILE")]
    pub new_vault_password_file: Option<String>,
}

/// Which texts.
#[derive(Clone, Debug, Args)]
pub struct StringArgs {
    /// Texts. Every user of this machine can read them while this runs: better use standard input.
    pub strings: Vec<String>,
    /// The name of the variable that holds each text, in order (repeatable).
    #[arg(short, long = "name", value_name = "NAME")]
    pub names: Vec<String>,
    /// Read a text from standard input, and give it this name.
    #[arg(long, value_name = "NAME")]
    pub stdin_name: Option<String>,
    /// Ask for a text on the terminal.
    #[arg(short, long)]
    pub prompt: bool,
    #[command(flatten)]
    pub sealing: SealingArgs,
}
