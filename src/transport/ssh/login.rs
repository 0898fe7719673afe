//! Logging in: the agent's keys, key files, password, in this order. It tries few keys, since servers
//! count, and asks for no passphrase while there is a key that needs none.
use super::checker::Checker;
use super::dial::told;
use super::host_keys::fingerprint;
use super::keyring::{Identities, KeyFile};
use super::{Options, within};
use crate::secret::Secret;
use crate::source::printable;
use crate::transport::{Stage, TransportError};
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Reply};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use std::path::Path;

/// OpenSSH's servers hang up at the sixth failure.
const MAX_KEYS: usize = 5;

/// Rounds of questions that a server may ask with keyboard-interactive.
const MAX_ROUNDS: usize = 4;

/// Logs in, or says what was tried and what the server would have taken.
pub(super) async fn login(
    handle: &mut Handle<Checker>,
    options: &Options,
) -> Result<(), TransportError> {
    let mut login =
        Login { handle, options, keys: vec![], tried: vec![], notes: vec![], open: None };
    if login.with_keys().await? || login.with_password().await? {
        return Ok(());
    }
    Err(login.refused())
}

struct Login<'a> {
    handle: &'a mut Handle<Checker>,
    options: &'a Options,
    /// Keys that the server was shown.
    keys: Vec<PublicKey>,
    /// The same and the other methods, for people.
    tried: Vec<String>,
    /// What could not even be tried, and why.
    notes: Vec<String>,
    /// What the server takes, once it has said so.
    open: Option<MethodSet>,
}

impl Login<'_> {
    async fn with_keys(&mut self) -> Result<bool, TransportError> {
        let mut files = vec![];
        for path in self.options.identities.files() {
            match KeyFile::look(path) {
                Ok(Some(file)) => files.push(file),
                Ok(None) if matches!(self.options.identities, Identities::Usual(_)) => {}
                Ok(None) => self.note(path, "is not there"),
                Err(why) => self.note(path, &why),
            }
        }
        if let Some(socket) = &self.options.agent
            && self.with_agent(socket, &files).await?
        {
            return Ok(true);
        }
        // Stable: best first, and those that need a passphrase behind those that don't.
        files.sort_by_key(|file| file.encrypted);
        for file in files {
            if !file.is_private() {
                if !file.public.as_ref().is_some_and(|public| self.was_shown(public)) {
                    self.note(&file.path, "is a public key whose private half the agent has not");
                }
            } else if !file.public.as_ref().is_some_and(|public| self.was_shown(public))
                && self.with_file(&file).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn with_agent(
        &mut self,
        socket: &Path,
        files: &[KeyFile],
    ) -> Result<bool, TransportError> {
        let limit = self.options.connect_timeout;
        let listed = within(limit, async {
            let mut agent = AgentClient::connect_uds(socket).await?;
            let identities = agent.request_identities().await?;
            Ok::<_, russh::keys::Error>((agent, identities))
        });
        let (mut agent, identities) = match listed.await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                self.note(socket, &format!("is no agent that answers: {error}"));
                return Ok(false);
            }
            Err(_) => {
                self.note(socket, "is an agent that doesn't answer");
                return Ok(false);
            }
        };
        for identity in identities {
            let AgentIdentity::PublicKey { key, .. } = identity else { continue };
            let is_wanted = match self.options.identities {
                Identities::Usual(_) => true,
                Identities::Given(_) => files.iter().any(|file| {
                    file.public.as_ref().is_some_and(|public| public.key_data() == key.key_data())
                }),
            };
            if !is_wanted || !self.may_show_a_key() {
                continue;
            }
            let Some(hash) = self.hash(&key).await? else { continue };
            self.show(&key, "agent");
            let user = self.options.user.as_str();
            let answer = self.handle.authenticate_publickey_with(user, key, hash, &mut agent);
            match within(limit, answer).await? {
                Ok(answer) => {
                    if self.took(answer)? {
                        return Ok(true);
                    }
                }
                Err(error) => {
                    self.note(socket, &format!("is an agent that didn't sign: {error}"));
                }
            }
        }
        Ok(false)
    }

    async fn with_file(&mut self, file: &KeyFile) -> Result<bool, TransportError> {
        if !self.may_show_a_key() {
            return Ok(false);
        }
        let key = match self.options.keyring.open(file).await {
            Ok(key) => key,
            Err(why) => {
                self.note(&file.path, &why);
                return Ok(false);
            }
        };
        let Some(hash) = self.hash(key.public_key()).await? else { return Ok(false) };
        self.show(key.public_key(), &file.path.display().to_string());
        let key = PrivateKeyWithHashAlg::new(key, hash);
        let user = self.options.user.as_str();
        let answer = self.handle.authenticate_publickey(user, key);
        let answer = within(self.options.connect_timeout, answer).await?;
        self.took(answer.map_err(|error| self.broken(&error))?)
    }

    async fn with_password(&mut self) -> Result<bool, TransportError> {
        let Some(password) = &self.options.password else { return Ok(false) };
        let (user, limit) = (self.options.user.as_str(), self.options.connect_timeout);
        if self.is_open(MethodKind::Password) {
            self.tried.push("password".into());
            let answer = self.handle.authenticate_password(user, password.expose());
            let answer = within(limit, answer).await?.map_err(|error| self.broken(&error))?;
            return self.took(answer);
        }
        if self.is_open(MethodKind::KeyboardInteractive) {
            self.tried.push("keyboard-interactive".into());
            let answer = within(limit, self.converse(password)).await??;
            return self.took(answer);
        }
        self.notes.push("the server takes no passwords".into());
        Ok(false)
    }

    /// Answers the one question whose answer is not shown: it asks for the password.
    async fn converse(&mut self, password: &Secret<String>) -> Result<AuthResult, TransportError> {
        let user = self.options.user.as_str();
        let start = self.handle.authenticate_keyboard_interactive_start(user, None);
        let mut reply = start.await;
        let mut given = false;
        for _ in 0..MAX_ROUNDS {
            match reply.map_err(|error| self.broken(&error))? {
                Reply::Success => return Ok(AuthResult::Success),
                Reply::Failure { remaining_methods, partial_success } => {
                    return Ok(AuthResult::Failure { remaining_methods, partial_success });
                }
                Reply::InfoRequest { prompts, .. } => {
                    let answers = match prompts.as_slice() {
                        [] => vec![],
                        [prompt] if !prompt.echo && !given => {
                            given = true;
                            vec![password.expose().clone()]
                        }
                        _ => break,
                    };
                    reply = self.handle.authenticate_keyboard_interactive_respond(answers).await;
                }
            }
        }
        self.notes.push("the server asked for more than the password".into());
        Ok(AuthResult::Failure { remaining_methods: MethodSet::empty(), partial_success: false })
    }

    /// How to sign with a key: RSA without SHA-1, `Some(None)` for other kinds. `None`: can't be
    /// used, which is noted.
    async fn hash(&mut self, key: &PublicKey) -> Result<Option<Option<HashAlg>>, TransportError> {
        let hash = if key.algorithm().is_rsa() {
            let best = self.handle.best_supported_rsa_hash().await;
            match best.map_err(|error| self.broken(&error))? {
                Some(Some(hash)) => Some(hash),
                // The server didn't say: every one since 2016 takes this.
                None => Some(HashAlg::Sha512),
                Some(None) => {
                    self.notes.push("the server takes RSA keys with SHA-1 only".into());
                    return Ok(None);
                }
            }
        } else {
            None
        };
        if let Err(why) = self.options.terms.may_sign(key, hash) {
            self.notes.push(format!("{} {why}", fingerprint(key)));
            return Ok(None);
        }
        Ok(Some(hash))
    }

    fn took(&mut self, answer: AuthResult) -> Result<bool, TransportError> {
        match answer {
            AuthResult::Success => Ok(true),
            AuthResult::Failure { .. } if self.handle.is_closed() => Err(Stage::Login.error(
                format!(
                    "{} hung up during the login as `{}`; tried {}",
                    self.options.address(),
                    printable(&self.options.user),
                    self.tried.join(", ")
                ),
                "it may have banned our address, or counted too many failures: name the one right \
                 key with --private-key",
            )),
            AuthResult::Failure { remaining_methods, partial_success } => {
                if partial_success {
                    self.notes.push("one of them was taken, but the server wants more".into());
                }
                self.open = Some(remaining_methods);
                Ok(false)
            }
        }
    }

    fn refused(&self) -> TransportError {
        let mut message = format!(
            "{} refuses the login as `{}`",
            self.options.address(),
            printable(&self.options.user)
        );
        let tried = match self.tried.as_slice() {
            [] => "there was no key or password to try".to_owned(),
            tried => format!("tried {}", tried.join(", ")),
        };
        message = format!("{message}: {tried}");
        if let Some(open) = &self.open {
            let names: Vec<&str> = open.iter().map(<&str>::from).collect();
            let names = if names.is_empty() { "nothing more".into() } else { names.join(", ") };
            message = format!("{message}; the server takes {names}");
        }
        for note in &self.notes {
            message = format!("{message}; {note}");
        }
        let help = if self.tried.is_empty() {
            "name a key with --private-key, start an agent, or give a password with -k"
        } else {
            "is the public key in the user's authorized_keys there, and is the user right (-u)?"
        };
        Stage::Login.error(message, help)
    }

    fn broken(&self, error: &russh::Error) -> TransportError {
        let message = format!("{} broke off the login: {}", self.options.address(), told(error));
        TransportError::Unreachable { stage: Stage::Login, message, help: None }
    }

    fn note(&mut self, path: &Path, what: &str) {
        self.notes.push(format!("{} {what}", path.display()));
    }

    fn show(&mut self, key: &PublicKey, from: &str) {
        self.tried.push(format!("{} ({from})", fingerprint(key)));
        self.keys.push(key.clone());
    }

    fn was_shown(&self, key: &PublicKey) -> bool {
        self.keys.iter().any(|shown| shown.key_data() == key.key_data())
    }

    fn may_show_a_key(&self) -> bool {
        self.keys.len() < MAX_KEYS && self.is_open(MethodKind::PublicKey)
    }

    fn is_open(&self, method: MethodKind) -> bool {
        let name: &str = (&method).into();
        self.options.methods.iter().any(|ours| ours.name() == name) && self.takes(method)
    }

    /// Whether the server takes it, as far as it has said so.
    fn takes(&self, method: MethodKind) -> bool {
        self.open.as_ref().is_none_or(|open| open.contains(&method))
    }
}
