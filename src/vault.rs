//! Ansible's vault: texts that are encrypted in the project, opened with passwords that are known from
//! the start. Pure: it is handed passwords and randomness, and whatever it opens is kept out of all
//! that is told ([`Secrets`]).
mod envelope;

pub use envelope::{Envelope, SALT, is_encrypted};

use crate::secret::{Secret, Secrets};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The label of a password that has none.
pub const DEFAULT_LABEL: &str = "default";

/// Why something encrypted could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Not what `ansible-vault` writes.
    #[error("not a vault text: {0}")]
    Malformed(&'static str),
    /// There is no password at all.
    #[error("it is encrypted, and no vault password is given")]
    Locked,
    /// None of the passwords opens it.
    #[error("none of the vault passwords ({0}) opens it")]
    WrongPassword(String),
    /// What came out is no text where one is needed.
    #[error("what is encrypted is not UTF-8")]
    NotText,
}

impl VaultError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "encrypt it again with `cowhand vault encrypt`",
            Self::Locked => "give --vault-password-file, --vault-id or --ask-vault-pass",
            Self::WrongPassword(_) => "give the password that it was encrypted with",
            Self::NotText => "encrypt text as UTF-8",
        }
    }
}

/// A vault password and its label.
#[derive(Clone, Debug)]
pub struct VaultId {
    /// `default` unless given.
    pub label: String,
    /// The password.
    pub password: Secret<String>,
}

/// Opens what is encrypted. Cheap to clone; what was opened once is not opened again.
#[derive(Clone, Debug, Default)]
pub struct Vault {
    ids: Arc<Vec<VaultId>>,
    opened: Arc<Mutex<HashMap<String, Secret<Vec<u8>>>>>,
    secrets: Secrets,
}

impl Vault {
    /// With passwords in the order in which they are tried; they are secrets themselves.
    pub fn new(ids: Vec<VaultId>) -> Self {
        let vault = Self { ids: Arc::new(ids), ..Self::default() };
        vault.ids.iter().for_each(|id| vault.secrets.keep(id.password.expose()));
        vault
    }
    /// The texts that must not be told.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }
    /// The passwords.
    pub fn ids(&self) -> &[VaultId] {
        &self.ids
    }
    /// Opens a vault text; a password whose label it names is tried first. What comes out is secret.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn open(&self, text: &str) -> Result<Vec<u8>, VaultError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = opened.get(text) {
            return Ok(known.expose().clone());
        }
        let (_, plain) = self.opener(text)?;
        if let Ok(text) = std::str::from_utf8(&plain) {
            self.secrets.keep(text);
        }
        opened.insert(text.to_owned(), Secret::new(plain.clone()));
        Ok(plain)
    }
    /// Which password opens a vault text, and what comes out. Nothing is kept of it.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn opener(&self, text: &str) -> Result<(&VaultId, Vec<u8>), VaultError> {
        let envelope = Envelope::parse(text)?;
        if self.ids.is_empty() {
            return Err(VaultError::Locked);
        }
        let named = |id: &&VaultId| Some(&id.label) == envelope.label.as_ref();
        let (first, rest): (Vec<&VaultId>, Vec<&VaultId>) = self.ids.iter().partition(named);
        let mut tries = first.into_iter().chain(rest);
        let opened = tries.find_map(|id| Some((id, envelope.open(&id.password)?)));
        opened.ok_or_else(|| {
            let labels: Vec<&str> = self.ids.iter().map(|id| id.label.as_str()).collect();
            VaultError::WrongPassword(labels.join(", "))
        })
    }
    /// As [`Vault::open`], for what is text.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn open_text(&self, text: &str) -> Result<String, VaultError> {
        String::from_utf8(self.open(text)?).map_err(|_| VaultError::NotText)
    }
}
