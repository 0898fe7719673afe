//! How a login that came to nothing is told: what was tried, and what the server would have taken.
use super::{INTERACTIVE, Login, PASSWORD};
use crate::source::printable;
use crate::transport::ssh::dial::told;
use crate::transport::{Stage, TransportError};

impl Login<'_> {
    /// A connection that breaks before the server has refused anything is no refusal.
    fn broken_at(&self) -> Stage {
        if self.refused == 0 { Stage::Handshake } else { Stage::Login }
    }

    /// The server ended it. OpenSSH says what for when it has counted too many failures.
    pub(super) fn hung_up(&self) -> TransportError {
        let (address, user) = (self.options.address(), printable(&self.options.user));
        let tried = self.tried.join(", ");
        let words = self.farewell.words().unwrap_or_default();
        let keys =
            if self.offered == 1 { "1 key was" } else { &format!("{} keys were", self.offered) };
        if words.to_lowercase().contains("too many authentication failures") {
            let message = format!(
                "{address} hung up during the login as `{user}`: too many authentication failures, \
                 {keys} offered ({tried})"
            );
            let help = "it takes few tries (MaxAuthTries): name the one right key with --private-key, \
                        or with IdentityFile and `IdentitiesOnly yes` in ssh_config";
            return Stage::Login.error(message, help);
        }
        let said = if words.is_empty() { String::new() } else { format!(" and said `{words}`") };
        self.broken_at().error(
            format!("{address} hung up during the login as `{user}`{said}; tried {tried}"),
            "it may have banned our address, or counted too many failures: name the one right key \
             with --private-key, or set `IdentitiesOnly yes`",
        )
    }

    pub(super) fn refused(&self) -> TransportError {
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
        let given = |tried: &String| tried == INTERACTIVE || tried == PASSWORD;
        if self.options.password.is_some() && !self.tried.iter().any(given) {
            message += "; the server takes no passwords";
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

    pub(super) fn broken(&self, error: &russh::Error) -> TransportError {
        let message = format!("{} broke off the login: {}", self.options.address(), told(error));
        TransportError::Unreachable { stage: self.broken_at(), message, help: None }
    }
}
