//! Becoming somebody else through `sudo`: what is started, and the talk until it runs. Pure: it is
//! told what was heard and says what to do. A password is only ever given to our own prompt.
use super::{Escalation, Method, TransportError};
use crate::secret::Secret;
use crate::shell;
use crate::source::printable;

/// Bytes that may come before the shell speaks: lectures, banners.
const MAX_HEARD: usize = 64 << 10;

/// The words that start a shell as the escalation says. The shell's complaints come where its
/// answers come, so that they can be told; `nonce` is for the talk, see [`Talk`].
pub(super) fn command(escalation: Option<&Escalation>, nonce: &str) -> String {
    let merged = ["/bin/sh", "-c", "exec \"$@\" 2>&1", "sh"];
    let (prompt, hello) = (prompt(nonce), format!("echo {}; exec /bin/sh", hello(nonce)));
    let words = match escalation {
        None => vec!["/bin/sh"],
        Some(Escalation { method: Method::Sudo, user, password: None }) => {
            vec!["sudo", "-n", "-H", "-u", user, "--", "/bin/sh"]
        }
        Some(Escalation { method: Method::Sudo, user, password: Some(_) }) => {
            vec!["sudo", "-S", "-H", "-p", &prompt, "-u", user, "--", "/bin/sh", "-c", &hello]
        }
    };
    shell::join(merged.into_iter().chain(words))
}

fn prompt(nonce: &str) -> String {
    format!("{nonce}-password:")
}

fn hello(nonce: &str) -> String {
    format!("{nonce}-hello")
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Listen on.
    Wait,
    /// Our prompt stands there: give the password, with a line feed behind it.
    Answer,
    /// The shell runs and has read nothing yet.
    Ready,
}

/// The talk with `sudo` when a password may be wanted: it either shows our prompt, or (`NOPASSWD`, a
/// ticket that is still good) starts the shell, which says hello.
#[derive(Debug)]
pub(super) struct Talk {
    user: String,
    nonce: String,
    heard: Vec<u8>,
    answered: bool,
}

impl Talk {
    pub(super) fn new(user: &str, nonce: &str) -> Self {
        Self { user: user.into(), nonce: nonce.into(), heard: vec![], answered: false }
    }

    /// # Errors
    /// [`TransportError::Escalation`] when the password was wrong (the prompt came again: a second
    /// try is never made, since servers lock people out), or endless talk that leads nowhere.
    pub(super) fn hear(&mut self, chunk: &[u8]) -> Result<Step, TransportError> {
        self.heard.extend_from_slice(chunk);
        if self.heard.len() > MAX_HEARD {
            return Err(self.refused("sudo talks and talks".into()));
        }
        // A hello is at the start of its line: `sudo -S` may leave the prompt's line open.
        if occurrences(&self.heard, hello(&self.nonce).as_bytes()) > 0
            && self.heard.ends_with(b"\n")
        {
            return Ok(Step::Ready);
        }
        match occurrences(&self.heard, prompt(&self.nonce).as_bytes()) {
            0 => Ok(Step::Wait),
            1 if self.answered => Ok(Step::Wait),
            1 => {
                self.answered = true;
                Ok(Step::Answer)
            }
            _ => Err(self.refused("sudo doesn't take the password".into())),
        }
    }

    /// Nothing more will come: why there is no shell.
    pub(super) fn ended(&self) -> TransportError {
        let text = String::from_utf8_lossy(&self.heard).replace(&prompt(&self.nonce), "");
        self.refused(explained(&last_words(&text)))
    }

    /// It took too long.
    pub(super) fn refused(&self, message: String) -> TransportError {
        TransportError::Escalation { user: self.user.clone(), message }
    }
}

/// The line that answers a prompt.
///
/// # Errors
/// A password with a line feed or NUL in it can't be given: what stands behind would go to the shell.
pub(super) fn line(
    user: &str,
    password: &Secret<String>,
) -> Result<Secret<String>, TransportError> {
    if password.expose().contains(['\n', '\r', '\0']) {
        let message = "the password holds a line feed or a NUL character".into();
        return Err(TransportError::Escalation { user: user.into(), message });
    }
    Ok(Secret::new(format!("{}\n", password.expose())))
}

/// What sudo said, with what to do about it where we know.
pub(super) fn explained(said: &str) -> String {
    let hints = [
        ("password is required", "give one with -K or ansible_become_password"),
        ("you must have a tty", "take `requiretty` out of sudoers for this user"),
        ("not found", "sudo is not installed there: log in as the user, or install it"),
        ("not in the sudoers file", "add the login user to sudoers"),
        ("is not allowed to", "let sudoers allow the login user to run /bin/sh"),
        ("may not run sudo", "add the login user to sudoers"),
    ];
    match hints.iter().find(|(sign, _)| said.contains(sign)) {
        _ if said.is_empty() => "sudo ended without a word".into(),
        Some((_, hint)) => format!("{said} ({hint})"),
        None => said.into(),
    }
}

/// The last lines of what a server said, bounded, without anything a terminal would obey.
pub(super) fn last_words(text: &str) -> String {
    let mut lines: Vec<&str> =
        text.lines().rev().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
    lines.reverse();
    let text = lines.join("; ");
    let surplus = text.chars().count().saturating_sub(300);
    printable(&text.chars().skip(surplus).collect::<String>()).into_owned()
}

fn occurrences(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).filter(|window| *window == part).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn become_root(password: Option<&str>) -> Escalation {
        let password = password.map(|text| Secret::new(text.to_owned()));
        Escalation { method: Method::Sudo, user: "root".into(), password }
    }

    fn refusal(error: &TransportError) -> String {
        assert!(matches!(error, TransportError::Escalation { .. }), "{error:?}");
        error.to_string()
    }

    #[test]
    fn a_password_is_in_no_command_line() {
        let command = command(Some(&become_root(Some("hunter2"))), "n0");
        assert!(!command.contains("hunter2"));
        assert_eq!(
            command,
            "/bin/sh -c 'exec \"$@\" 2>&1' sh sudo -S -H -p n0-password: -u root -- \
             /bin/sh -c 'echo n0-hello; exec /bin/sh'"
        );
    }

    #[test]
    fn without_a_password_sudo_must_not_ask() {
        let command = command(Some(&become_root(None)), "n0");
        assert!(command.ends_with("sh sudo -n -H -u root -- /bin/sh"), "{command}");
    }

    #[test]
    fn the_password_waits_for_our_own_prompt() {
        let mut talk = Talk::new("root", "n0");
        assert_eq!(talk.hear(b"Password: [sudo] password for root: ").unwrap(), Step::Wait);
        assert_eq!(talk.hear(b"n0-passw").unwrap(), Step::Wait);
        assert_eq!(talk.hear(b"ord:").unwrap(), Step::Answer);
        assert_eq!(talk.hear(b"\n").unwrap(), Step::Wait);
        assert_eq!(talk.hear(b"n0-hel").unwrap(), Step::Wait);
        assert_eq!(talk.hear(b"lo\n").unwrap(), Step::Ready);
    }

    #[test]
    fn a_shell_that_needs_no_password_gets_none() {
        let mut talk = Talk::new("root", "n0");
        assert_eq!(talk.hear(b"a lecture\nn0-hello\n").unwrap(), Step::Ready);
        assert!(!talk.answered);
    }

    #[test]
    fn a_wrong_password_is_told_at_once() {
        let mut talk = Talk::new("root", "n0");
        assert_eq!(talk.hear(b"n0-password:").unwrap(), Step::Answer);
        let error = talk.hear(b"\nSorry, try again.\nn0-password:").unwrap_err();
        assert_eq!(refusal(&error), "can't become root: sudo doesn't take the password");
    }

    #[test]
    fn refusals_come_with_what_to_do() {
        let ended = |said: &str| {
            let mut talk = Talk::new("root", "n0");
            talk.hear(said.as_bytes()).unwrap();
            refusal(&talk.ended())
        };
        let said = "sudo: a password is required\n";
        assert!(ended(said).ends_with("(give one with -K or ansible_become_password)"));
        assert!(ended("").ends_with("sudo ended without a word"));
        let odd = ended("bob is not in the sudoers file.\x1b[2J\n");
        assert!(odd.contains("add the login user") && !odd.contains('\x1b'), "{odd:?}");
        assert!(!ended("n0-password:\nsudo: 1 incorrect password attempt\n").contains("n0"));
    }

    #[test]
    fn endless_talk_and_odd_passwords_are_refused() {
        let mut talk = Talk::new("root", "n0");
        refusal(&talk.hear(&vec![b'x'; MAX_HEARD + 1]).unwrap_err());
        for odd in ["a\nrm -rf /", "a\0", "a\r"] {
            refusal(&line("root", &Secret::new(odd.into())).unwrap_err());
        }
        assert_eq!(line("root", &Secret::new("s p$".into())).unwrap().expose(), "s p$\n");
    }

    #[test]
    fn last_words_are_bounded() {
        let text = format!("first\n\n{}\nlast\n", "ä".repeat(1000));
        let words = last_words(&text);
        assert_eq!(words.chars().count(), 300);
        assert!(words.ends_with("ä; last"));
    }
}
