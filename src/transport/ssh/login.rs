//! Logging in, in OpenSSH's order: keys and certificates, keyboard-interactive, password; several of them
//! where a server wants that. It tries few keys, since servers count, and asks for a passphrase only when
//! the server would take the key.
mod answers;
mod refusal;

use super::candidate::{Candidate, Keeper, candidates};
use super::checker::Checker;
use super::dial::Farewell;
use super::host_keys::fingerprint;
use super::keyring::{Identities, KeyFile, certificate};
use super::signer::{Agent, Hand, Unsigned};
use super::{LoginMethod, Options, within};
use crate::transport::TransportError;
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use std::path::Path;
use std::time::Duration;

/// Names of methods, RFC 4252 and RFC 4256.
const INTERACTIVE: &str = "keyboard-interactive";
const PASSWORD: &str = "password";

/// OpenSSH's servers hang up at the sixth failure.
const MAX_KEYS: usize = 5;

/// Rounds of methods: a server may want a key and a password.
const MAX_STEPS: usize = 4;

/// How long somebody may look for a passphrase.
const PATIENCE: Duration = Duration::from_secs(120);

/// Logs in, or says what was tried and what the server would have taken.
pub(super) async fn login(
    handle: &mut Handle<Checker>,
    options: &Options,
    farewell: &Farewell,
) -> Result<(), TransportError> {
    let mut login = Login {
        handle,
        options,
        farewell,
        agent: None,
        candidates: vec![],
        shown: vec![],
        offered: 0,
        refused: 0,
        tried: vec![],
        notes: vec![],
        open: None,
    };
    login.gather().await;
    if login.candidates.is_empty() && login.ask().await? == Answer::In {
        return Ok(());
    }
    for _ in 0..MAX_STEPS {
        match login.step().await? {
            Answer::In => return Ok(()),
            Answer::More => {}
            Answer::No => break,
        }
    }
    Err(login.refused())
}

/// What a server makes of what it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    In,
    /// That was right, and it wants something else as well.
    More,
    No,
}

struct Login<'a> {
    handle: &'a mut Handle<Checker>,
    options: &'a Options,
    farewell: &'a Farewell,
    agent: Option<Agent>,
    candidates: Vec<Candidate>,
    /// Which of them the server was shown.
    shown: Vec<usize>,
    /// Keys and certificates that it was shown.
    offered: usize,
    /// How often it said no: servers count.
    refused: usize,
    /// What was tried, for people.
    tried: Vec<String>,
    /// What could not even be tried, and why.
    notes: Vec<String>,
    /// What the server takes, once it has said so.
    open: Option<MethodSet>,
}

impl Login<'_> {
    /// Everything that may open the door.
    async fn gather(&mut self) {
        let mut files = vec![];
        for path in self.options.identities.files() {
            match KeyFile::look(path) {
                Ok(Some(file)) => files.push(file),
                Ok(None) if matches!(self.options.identities, Identities::Usual(_)) => {}
                Ok(None) => self.note(path, "is not there"),
                Err(why) => self.note(path, &why),
            }
        }
        let mut certificates = vec![];
        for path in &self.options.certificates {
            match certificate(path) {
                Ok(certificate) => certificates.push(certificate),
                Err(why) => self.note(path, &why),
            }
        }
        let held = match &self.options.agent {
            Some(socket) => self.ask_agent(socket).await,
            None => vec![],
        };
        let identities = &self.options.identities;
        self.candidates = candidates(identities, files, certificates, &held, &mut self.notes);
    }

    /// What the server takes, where no key's refusal tells it.
    async fn ask(&mut self) -> Result<Answer, TransportError> {
        let asked = self.handle.authenticate_none(self.options.user.as_str());
        let asked = within(self.options.connect_timeout, asked).await?;
        let answer = self.took(asked.map_err(|error| self.broken(&error))?)?;
        self.refused = 0;
        Ok(answer)
    }

    async fn ask_agent(&mut self, socket: &Path) -> Vec<AgentIdentity> {
        let listed = within(self.options.connect_timeout, async {
            let mut agent = AgentClient::connect_uds(socket).await?;
            let identities = agent.request_identities().await?;
            Ok::<_, russh::keys::Error>((agent, identities))
        });
        match listed.await {
            Ok(Ok((agent, identities))) => {
                self.agent = Some(agent);
                identities
            }
            Ok(Err(error)) => {
                self.note(socket, &format!("is no agent that answers: {error}"));
                vec![]
            }
            Err(_) => {
                self.note(socket, "is an agent that doesn't answer");
                vec![]
            }
        }
    }

    /// One method after the other, until one is taken.
    async fn step(&mut self) -> Result<Answer, TransportError> {
        for method in &self.options.methods {
            let answer = match method {
                LoginMethod::PublicKey => self.with_keys().await?,
                LoginMethod::KeyboardInteractive => self.with_answers().await?,
                LoginMethod::Password => self.with_password().await?,
            };
            if answer != Answer::No {
                return Ok(answer);
            }
        }
        Ok(Answer::No)
    }

    async fn with_keys(&mut self) -> Result<Answer, TransportError> {
        let candidates = std::mem::take(&mut self.candidates);
        let mut answer = Answer::No;
        for (index, candidate) in candidates.iter().enumerate() {
            if !self.is_open(MethodKind::PublicKey) || self.refused >= MAX_KEYS {
                break;
            }
            if self.shown.contains(&index) {
                continue;
            }
            answer = self.offer(candidate, index).await?;
            if answer != Answer::No {
                break;
            }
        }
        self.candidates = candidates;
        Ok(answer)
    }

    async fn offer(
        &mut self,
        candidate: &Candidate,
        index: usize,
    ) -> Result<Answer, TransportError> {
        let key = match (&candidate.key, &candidate.hand) {
            (Some(key), _) => key.clone(),
            (None, Keeper::Agent { .. }) => return Ok(Answer::No),
            (None, Keeper::File(file)) => match self.options.keyring.open(file).await {
                Ok(private) => private.public_key().clone(),
                Err(why) => {
                    self.note(&file.path, &why);
                    self.shown.push(index);
                    return Ok(Answer::No);
                }
            },
        };
        let Some(hash) = self.hash(&key).await? else { return Ok(Answer::No) };
        self.tried.push(candidate.told());
        self.offered += 1;
        self.shown.push(index);
        let mut limit = self.options.connect_timeout;
        let mut agent = self.agent.take();
        let mut hand = match (&candidate.hand, &mut agent) {
            (Keeper::File(file), _) => {
                if file.encrypted {
                    limit += PATIENCE;
                }
                Hand::File { keyring: &self.options.keyring, file }
            }
            (Keeper::Agent { plain }, Some(agent)) => {
                Hand::Agent { agent, plain: plain.then(|| key.clone()) }
            }
            (Keeper::Agent { .. }, None) => return Ok(Answer::No),
        };
        let user = self.options.user.as_str();
        let answer = match candidate.certificate.clone() {
            None => {
                let answer = self.handle.authenticate_publickey_with(user, key, hash, &mut hand);
                within(limit, answer).await?
            }
            Some(certificate) => {
                let handle = &mut *self.handle;
                let answer =
                    handle.authenticate_certificate_with(user, certificate, hash, &mut hand);
                within(limit, answer).await?
            }
        };
        self.agent = agent;
        match answer {
            Ok(answer) => self.took(answer),
            Err(Unsigned::Gone(_)) => Err(self.hung_up()),
            Err(Unsigned::File { path, why }) => {
                self.note(&path, &why);
                Ok(Answer::No)
            }
            Err(Unsigned::Agent(error)) => {
                self.notes.push(format!("the agent didn't sign for {}: {error}", candidate.told()));
                Ok(Answer::No)
            }
        }
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

    fn took(&mut self, answer: AuthResult) -> Result<Answer, TransportError> {
        match answer {
            AuthResult::Success => Ok(Answer::In),
            AuthResult::Failure { .. } if self.handle.is_closed() => Err(self.hung_up()),
            AuthResult::Failure { remaining_methods, partial_success } => {
                self.open = Some(remaining_methods);
                if partial_success {
                    // What was refused before may be what is wanted now.
                    self.shown.clear();
                    self.notes.push("one of them was taken, but the server wants more".into());
                    return Ok(Answer::More);
                }
                self.refused += 1;
                Ok(Answer::No)
            }
        }
    }

    fn note(&mut self, path: &Path, what: &str) {
        self.notes.push(format!("{} {what}", path.display()));
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
