//! Which keys and certificates a login tries, in OpenSSH's order: what agent and files both have, the
//! rest of the agent's, the rest of the files'. It only lists: nothing is sent or decrypted here.
use super::host_keys::fingerprint;
use super::keyring::{Identities, KeyFile};
use russh::keys::agent::AgentIdentity;
use russh::keys::{Certificate, PublicKey};

/// A key that may open the door.
pub(super) struct Candidate {
    /// Its public half; `None`: not known before it is decrypted.
    pub(super) key: Option<PublicKey>,
    /// Shown in its place.
    pub(super) certificate: Option<Certificate>,
    pub(super) hand: Keeper,
}

/// Who has the private half.
#[derive(Clone)]
pub(super) enum Keeper {
    /// The agent; `plain`: it doesn't have the certificate.
    Agent {
        plain: bool,
    },
    File(Box<KeyFile>),
}

impl Candidate {
    /// For people.
    pub(super) fn told(&self) -> String {
        let key = self.key.as_ref().map_or_else(|| "a key".to_owned(), fingerprint);
        let kind = if self.certificate.is_some() { " certificate" } else { "" };
        match &self.hand {
            Keeper::Agent { .. } => format!("{key}{kind} (agent)"),
            Keeper::File(file) => format!("{key}{kind} ({})", file.path.display()),
        }
    }

    fn is(&self, key: &PublicKey, certificate: Option<&Certificate>) -> bool {
        self.key.as_ref().is_some_and(|own| own.key_data() == key.key_data())
            && self.certificate.as_ref() == certificate
    }
}

/// Files in the order that they are named in, certificates that were named for them or stand beside
/// them, and what the agent has. Notes tell of what can't be used.
pub(super) fn candidates(
    identities: &Identities,
    files: Vec<KeyFile>,
    named: Vec<Certificate>,
    agent: &[AgentIdentity],
    notes: &mut Vec<String>,
) -> Vec<Candidate> {
    let agent: Vec<(PublicKey, Option<Certificate>)> = agent.iter().map(split).collect();
    let has = |key: &PublicKey| agent.iter().any(|(own, _)| own.key_data() == key.key_data());
    let mut own = of_files(files, named, &has, notes);
    let mut out: Vec<Candidate> = vec![];
    let mut rest = vec![];
    for (key, certificate) in agent {
        let at = own.iter().position(|own| own.is(&key, certificate.as_ref()));
        let candidate = |plain| Candidate {
            key: Some(key.clone()),
            certificate: certificate.clone(),
            hand: Keeper::Agent { plain },
        };
        match at {
            Some(at) => {
                own.remove(at);
                out.push(candidate(false));
            }
            None if matches!(identities, Identities::Usual(_)) => rest.push(candidate(false)),
            None => {}
        }
    }
    out.append(&mut rest);
    // Keys that can't even be shown without a passphrase come last.
    own.sort_by_key(|candidate| candidate.key.is_none());
    out.append(&mut own);
    out
}

fn of_files(
    files: Vec<KeyFile>,
    named: Vec<Certificate>,
    agent_has: &impl Fn(&PublicKey) -> bool,
    notes: &mut Vec<String>,
) -> Vec<Candidate> {
    let mut out = vec![];
    let mut named: Vec<_> = named.into_iter().map(Some).collect();
    let is_named = !named.is_empty();
    for file in files {
        let Some(key) = file.public.clone() else {
            out.push(Candidate {
                key: None,
                certificate: None,
                hand: Keeper::File(Box::new(file)),
            });
            continue;
        };
        let in_agent = agent_has(&key);
        if !file.is_private() && !in_agent {
            let why = "is a public key whose private half the agent has not";
            notes.push(format!("{} {why}", file.path.display()));
            continue;
        }
        let hand = if in_agent {
            Keeper::Agent { plain: true }
        } else {
            Keeper::File(Box::new(file.clone()))
        };
        let is_of = |certificate: &Certificate| certificate.public_key() == key.key_data();
        let mut certificates: Vec<Certificate> =
            named.iter_mut().filter_map(|named| named.take_if(|named| is_of(named))).collect();
        if !is_named {
            certificates.extend(file.certificate());
        }
        out.push(Candidate { key: Some(key.clone()), certificate: None, hand: hand.clone() });
        out.extend(certificates.into_iter().map(|certificate| Candidate {
            key: Some(key.clone()),
            certificate: Some(certificate),
            hand: hand.clone(),
        }));
    }
    // The agent may have the keys of what is left.
    for certificate in named.into_iter().flatten() {
        let key = PublicKey::new(certificate.public_key().clone(), "");
        if agent_has(&key) {
            let hand = Keeper::Agent { plain: true };
            out.push(Candidate { key: Some(key), certificate: Some(certificate), hand });
        } else {
            let why = "has no private key among those to log in with";
            notes.push(format!("the certificate `{}` {why}", certificate.key_id().escape_debug()));
        }
    }
    out
}

fn split(identity: &AgentIdentity) -> (PublicKey, Option<Certificate>) {
    match identity {
        AgentIdentity::PublicKey { key, .. } => (key.clone(), None),
        AgentIdentity::Certificate { certificate, .. } => {
            (PublicKey::new(certificate.public_key().clone(), ""), Some(certificate.clone()))
        }
    }
}
