//! Private keys: which files, read once per run, and asked for their passphrase once. It never tells
//! anybody a key or a passphrase.
#![expect(clippy::disallowed_methods, reason = "key files are read here and nowhere else")]
use crate::secret::Secret;
use russh::keys::{Certificate, PrivateKey, PublicKey};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

/// Which keys to log in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identities {
    /// These and no others, also of those that the agent has (`IdentitiesOnly`). One that can't be
    /// read is told.
    Given(Vec<PathBuf>),
    /// Everything that the agent has, then those of these files that are there.
    Usual(Vec<PathBuf>),
}

impl Identities {
    /// The files that OpenSSH looks for in a home folder, best first.
    pub fn usual(home: &Path) -> Self {
        let names = ["id_ed25519", "id_ecdsa", "id_rsa"];
        Self::Usual(names.iter().map(|name| home.join(".ssh").join(name)).collect())
    }

    pub(super) fn files(&self) -> &[PathBuf] {
        match self {
            Self::Given(files) | Self::Usual(files) => files,
        }
    }
}

/// Asks for the passphrase of a key file; `None`: there is nobody to ask.
type Ask = dyn Fn(&Path) -> Option<Secret<String>> + Send + Sync;

/// What a server asks in the middle of a login, where the password is not the answer.
#[derive(Clone, Debug)]
pub struct Question {
    /// `user@host`.
    pub who: String,
    /// Its words, safe to print.
    pub words: String,
    /// The answer may be seen.
    pub echo: bool,
}

/// Answers a server's question; `None`: there is nobody to ask.
type Reply = dyn Fn(&Question) -> Option<Secret<String>> + Send + Sync;

/// The private keys that a run has read. Hosts share it, so that each passphrase is asked for once.
pub struct Keyring {
    ask: Arc<Ask>,
    reply: Arc<Reply>,
    opened: Mutex<HashMap<PathBuf, Result<Arc<PrivateKey>, String>>>,
}

impl Keyring {
    /// `ask` may block: it is called on a thread of its own, one call at a time.
    pub fn new(ask: impl Fn(&Path) -> Option<Secret<String>> + Send + Sync + 'static) -> Self {
        Self { ask: Arc::new(ask), reply: Arc::new(|_| None), opened: Mutex::default() }
    }

    /// `reply` may block as well, and is called when nothing else is asked.
    #[must_use]
    pub fn replying(
        mut self,
        reply: impl Fn(&Question) -> Option<Secret<String>> + Send + Sync + 'static,
    ) -> Self {
        self.reply = Arc::new(reply);
        self
    }

    /// What somebody answers to a server.
    pub(super) async fn answer(&self, question: Question) -> Option<Secret<String>> {
        let _alone = self.opened.lock().await;
        let reply = self.reply.clone();
        // Whoever panics has not answered.
        tokio::task::spawn_blocking(move || reply(&question)).await.ok().flatten()
    }

    /// The key in a file, decrypted; or why not, as a fragment.
    pub(super) async fn open(&self, file: &KeyFile) -> Result<Arc<PrivateKey>, String> {
        // Held while we ask: others who want a key wait for the answer rather than ask as well.
        let mut opened = self.opened.lock().await;
        if let Some(key) = opened.get(&file.path) {
            return key.clone();
        }
        let (ask, wanted) = (self.ask.clone(), file.clone());
        let key = tokio::task::spawn_blocking(move || wanted.decrypted(&*ask)).await;
        let key = key.unwrap_or_else(|error| Err(format!("can't be decrypted: {error}")));
        opened.insert(file.path.clone(), key.clone());
        key
    }
}

impl Default for Keyring {
    /// Nobody to ask: encrypted keys can't be used.
    fn default() -> Self {
        Self::new(|_| None)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring")
    }
}

/// A key file that was looked at, and not yet decrypted.
#[derive(Clone)]
pub(super) struct KeyFile {
    pub(super) path: PathBuf,
    /// Its public half, where that can be known without a passphrase.
    pub(super) public: Option<PublicKey>,
    pub(super) encrypted: bool,
    text: Zeroizing<String>,
}

impl KeyFile {
    /// `Ok(None)`: there is no such file, and no public half beside it either.
    ///
    /// # Errors
    /// A fragment that says what is wrong with the file.
    pub(super) fn look(path: &Path) -> Result<Option<Self>, String> {
        let beside = public_half(path);
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            // The agent may have its private half.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(beside.map(|public| Self {
                    path: path.to_owned(),
                    public: Some(public),
                    encrypted: false,
                    text: Zeroizing::default(),
                }));
            }
            Err(error) => return Err(format!("can't be read: {error}")),
        };
        let (public, encrypted) = if text.contains("BEGIN OPENSSH PRIVATE KEY") {
            let key = PrivateKey::from_openssh(text.as_bytes());
            let key = key.map_err(|error| format!("is no key that we can read: {error}"))?;
            (Some(key.public_key().clone()), key.is_encrypted())
        } else if let Ok(public) = PublicKey::from_openssh(&text) {
            return Ok(Some(Self {
                path: path.to_owned(),
                public: Some(public),
                encrypted: false,
                text: Zeroizing::default(),
            }));
        } else {
            match russh::keys::decode_secret_key(&text, None) {
                Ok(key) => (Some(key.public_key().clone()), false),
                Err(russh::keys::Error::KeyIsEncrypted) => (beside, true),
                Err(_) if text.contains("ENCRYPTED") => (beside, true),
                Err(error) => return Err(format!("is no key that we can read: {error}")),
            }
        };
        Ok(Some(Self { path: path.to_owned(), public, encrypted, text }))
    }

    /// Whether the private half is here, not only in the agent.
    pub(super) fn is_private(&self) -> bool {
        !self.text.is_empty()
    }

    /// `KEY-cert.pub`, if it is there and can be read.
    pub(super) fn certificate(&self) -> Option<Certificate> {
        // `KEY.pub` may be what was named.
        let path = self.path.to_string_lossy();
        let stem = path.strip_suffix(".pub").unwrap_or(&path);
        certificate(Path::new(&format!("{stem}-cert.pub"))).ok()
    }

    fn decrypted(&self, ask: &Ask) -> Result<Arc<PrivateKey>, String> {
        let passphrase = if self.encrypted {
            Some(ask(&self.path).ok_or("is encrypted, and nobody gave its passphrase")?)
        } else {
            None
        };
        let passphrase = passphrase.as_ref().map(|secret| secret.expose().as_str());
        match russh::keys::decode_secret_key(&self.text, passphrase) {
            Ok(key) => Ok(Arc::new(key)),
            Err(_) if self.encrypted => Err("is encrypted with another passphrase".into()),
            Err(error) => Err(format!("is no key that we can read: {error}")),
        }
    }
}

/// A user's certificate.
///
/// # Errors
/// A fragment that says what is wrong with the file.
pub(super) fn certificate(path: &Path) -> Result<Certificate, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("can't be read: {error}"))?;
    Certificate::from_openssh(&text).map_err(|error| format!("is no certificate: {error}"))
}

fn public_half(path: &Path) -> Option<PublicKey> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    let text: io::Result<String> = std::fs::read_to_string(name);
    PublicKey::from_openssh(&text.ok()?).ok()
}
