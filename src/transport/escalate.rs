//! Becoming somebody else through `sudo`, `su` or `doas`: what is started, and the talk until it runs.
//! Pure: it is told what was heard and says what to do. A password is only ever given to a prompt that
//! nobody else can have written: one with our nonce where a program can be told what to ask with, else one
//! behind the line with our nonce that comes right before the program.
use super::{Escalation, Method, TransportError};
use crate::secret::Secret;
use crate::shell;
use crate::source::printable;
use std::borrow::Cow;

/// Bytes that may come before the shell speaks: lectures, banners.
const MAX_HEARD: usize = 64 << 10;

/// The words that start a shell. Its complaints come where its answers come, so that they can be told.
pub(super) fn plain(shell: &[&str]) -> Vec<String> {
    let merged = ["/bin/sh", "-c", "exec \"$@\" 2>&1", "sh"];
    merged.iter().chain(shell).map(|&word| word.into()).collect()
}

/// The words that start a shell as somebody else; `nonce` is for the talk, see [`Talk`]. On a `terminal`
/// it reads a pipe all the same: no shell must take itself for one that somebody types into.
pub(super) fn words(
    escalation: &Escalation,
    shell: &[&str],
    nonce: &str,
    terminal: bool,
) -> Result<Vec<String>, TransportError> {
    if escalation.user.starts_with('-') || escalation.user.contains(['\n', '\0']) {
        let message = "that is no name of a user".into();
        return Err(refused(escalation, message, None));
    }
    let shell = shell::join(shell);
    let hello = if terminal {
        // A terminal cuts lines and changes characters unless it is told not to.
        format!("stty raw -echo && echo {} && {shell} 2>&1 | cat", hello(nonce))
    } else {
        format!("echo {}; exec {shell}", hello(nonce))
    };
    let begun = format!("echo {}; exec \"$@\" 2>&1", started(nonce));
    let (script, name) = match &escalation.folder {
        Some(folder) => (format!("cd -- \"$0\" || exit; {begun}"), folder.as_str()),
        None => (begun, "sh"),
    };
    let mut words: Vec<String> = ["/bin/sh", "-c", &script, name].map(Into::into).into();
    words.extend(called(escalation, nonce, hello));
    Ok(words)
}

/// How the program is called.
fn called(escalation: &Escalation, nonce: &str, hello: String) -> Vec<String> {
    let Escalation { method, user, password, program, flags, .. } = escalation;
    let mut words = vec![];
    if *method == Method::Su {
        // Its prompt is one that we know in no other language; the shell is given its own back.
        words.extend(["env".into(), "LC_ALL=C".into()]);
    }
    words.extend(program.iter().cloned());
    // Whether it may ask is said last, since `become_flags` of Ansible have a `-n` that means nothing.
    match (flags, method) {
        (Some(flags), _) => words.extend(flags.iter().filter(|flag| *flag != "-n").cloned()),
        (None, Method::Sudo) => words.push("-H".into()),
        (None, Method::Su | Method::Doas) => {}
    }
    let prompt = prompt(nonce);
    let silence: &[&str] = match (method, password) {
        (Method::Su, _) | (Method::Doas, Some(_)) => &[],
        (Method::Sudo, Some(_)) => &["-S", "-p", &prompt],
        (Method::Sudo | Method::Doas, None) => &["-n"],
    };
    words.extend(silence.iter().map(|&word| word.into()));
    let shell = ["/bin/sh".into(), "-c".into()];
    match method {
        Method::Sudo => {
            words.extend(["-u".into(), user.clone(), "--".into()]);
            words.extend(shell.into_iter().chain([hello]));
        }
        Method::Doas => {
            words.extend(["-u".into(), user.clone()]);
            words.extend(shell.into_iter().chain([hello]));
        }
        // What it is given goes to the other's login shell, which may be no POSIX one.
        Method::Su => {
            let hello = shell::join(["/bin/sh", "-c", &format!("unset LC_ALL; {hello}")]);
            words.extend([user.clone(), "-c".into(), hello]);
        }
    }
    words
}

/// Whether it is started on a terminal from the beginning: `doas` asks for a password nowhere else, and
/// `su` of some systems neither.
pub(super) fn wants_terminal(escalation: &Escalation) -> bool {
    escalation.password.is_some() && escalation.method != Method::Sudo
}

fn prompt(nonce: &str) -> String {
    format!("{nonce}-password:")
}

fn started(nonce: &str) -> String {
    format!("{nonce}-started")
}

fn hello(nonce: &str) -> String {
    format!("{nonce}-hello")
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Listen on.
    Wait,
    /// It asks for the password: give this line.
    Answer(Secret<String>),
    /// It asks for a password that nobody gave, unless more comes soon: then it was a greeting.
    Doubt,
    /// The shell runs and has read nothing yet.
    Ready,
}

/// The talk with the program: it either asks for a password, or (`NOPASSWD`, a ticket that is still good)
/// starts the shell, which says hello.
#[derive(Debug)]
pub(super) struct Talk<'a> {
    escalation: &'a Escalation,
    nonce: &'a str,
    heard: Vec<u8>,
    /// How much had been heard when the password was given.
    answered: Option<usize>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(escalation: &'a Escalation, nonce: &'a str) -> Self {
        Self { escalation, nonce, heard: vec![], answered: None }
    }

    /// # Errors
    /// [`TransportError::Escalation`] when the password was wrong (it asks again: a second try is never
    /// made, since servers lock people out), or for endless talk that leads nowhere.
    pub(super) fn hear(&mut self, chunk: &[u8]) -> Result<Step, TransportError> {
        self.heard.extend_from_slice(chunk);
        if self.heard.len() > MAX_HEARD {
            return Err(self.refused(format!("{} talks and talks", self.program()), None));
        }
        // A hello need not be at the start of its line: `sudo -S` may leave the prompt's line open.
        let whole = self.heard.ends_with(b"\n");
        if whole && position(&self.heard, hello(self.nonce).as_bytes()).is_some() {
            return Ok(Step::Ready);
        }
        if !self.asks() {
            return Ok(Step::Wait);
        }
        match (&self.escalation.password, self.answered) {
            // Only `sudo` asks twice. What else looks so comes from the other's login shell.
            (_, Some(_)) if self.escalation.method == Method::Sudo => Err(self.wrong_password()),
            (_, Some(_)) => Ok(Step::Wait),
            (None, None) => Ok(Step::Doubt),
            (Some(password), None) => {
                self.answered = Some(self.heard.len());
                self.line(password).map(Step::Answer)
            }
        }
    }

    /// Whether the last thing that was heard, in a line that is still open, asks for a password.
    fn asks(&self) -> bool {
        let Some(said) = self.said() else { return false };
        let open = said.rsplit(|byte| b"\r\n".contains(byte)).next().unwrap_or_default();
        let open = String::from_utf8_lossy(open).trim_end().to_lowercase();
        if self.escalation.method == Method::Sudo {
            return open.contains(&prompt(self.nonce));
        }
        let Some(open) = open.strip_suffix([':', '：']) else { return false };
        let prompts = &self.escalation.prompts;
        let mut prompts = prompts.iter().map(|prompt| prompt.trim_end_matches([':', '：', ' ']));
        let open = open.trim_end();
        open.ends_with("password") || prompts.any(|prompt| open.ends_with(&prompt.to_lowercase()))
    }

    /// What the program itself has said since it was started, or since the password was given.
    fn said(&self) -> Option<&[u8]> {
        let marker = started(self.nonce);
        let begun = position(&self.heard, marker.as_bytes())? + marker.len();
        self.heard.get(begun.max(self.answered.unwrap_or(0))..)
    }

    /// Whether it ended because it wants a terminal.
    pub(super) fn wants_terminal(&self) -> bool {
        let said = self.said().map(String::from_utf8_lossy).unwrap_or_default();
        ["must have a tty", "a tty is required", "must be run from a terminal", "no tty present"]
            .iter()
            .any(|sign| said.contains(sign))
    }

    /// Nothing more will come: why there is no shell.
    pub(super) fn ended(&self) -> TransportError {
        let Some(said) = self.said() else {
            return no_shell(&last_words(&String::from_utf8_lossy(&self.heard)));
        };
        let text = String::from_utf8_lossy(said).replace(&prompt(self.nonce), "");
        let said = last_words(&text);
        let is_refused = ["incorrect password", "uthentication fail", "sorry", "doesn't match"];
        let lower = said.to_lowercase();
        if self.answered.is_some() && is_refused.iter().any(|sign| lower.contains(sign)) {
            return self.wrong_password();
        }
        let message = if said.is_empty() {
            format!("{} ended without a word", self.program())
        } else {
            said.clone()
        };
        self.refused(message, self.advice(&said).map(Cow::into_owned))
    }

    /// It does ask for a password that nobody gave.
    pub(super) fn unarmed(&self) -> TransportError {
        let message = format!("{} asks for a password", self.program());
        self.refused(message, Some(GIVE_ONE.into()))
    }

    /// It took too long.
    pub(super) fn silent(&self) -> TransportError {
        match self.said() {
            Some(_) => self.refused(format!("{} doesn't answer", self.program()), None),
            None => no_shell(&last_words(&String::from_utf8_lossy(&self.heard))),
        }
    }

    /// What to do about what it said, where we know.
    fn advice(&self, said: &str) -> Option<Cow<'static, str>> {
        let program = self.program();
        if said.contains(&format!("{program}: not found"))
            || said.contains(&format!("{program}: command not found"))
            || said.contains(&format!("{program}: No such file"))
        {
            let help = "it is not installed there: log in as the user, install it, or name another \
                        with become_method or become_exe";
            return Some(help.into());
        }
        let found = ADVICE.iter().find(|(sign, _)| said.contains(sign));
        found.map(|(_, help)| (*help).into())
    }

    fn wrong_password(&self) -> TransportError {
        let help = match self.escalation.method {
            Method::Su => "su wants the password of the user to become, not that of the login user",
            Method::Sudo | Method::Doas => "it wants the password of the login user",
        };
        let message = format!("{} doesn't take the password", self.program());
        self.refused(message, Some(help.into()))
    }

    /// The line that answers a prompt.
    ///
    /// # Errors
    /// A password with a line feed or NUL in it can't be given: what stands behind would go to the shell.
    fn line(&self, password: &Secret<String>) -> Result<Secret<String>, TransportError> {
        if password.expose().contains(['\n', '\r', '\0']) {
            let message = "the password holds a line feed or a NUL character".into();
            return Err(self.refused(message, None));
        }
        Ok(Secret::new(format!("{}\n", password.expose())))
    }

    fn program(&self) -> &str {
        self.escalation.program.first().map_or(self.escalation.method.name(), String::as_str)
    }

    fn refused(&self, message: String, help: Option<String>) -> TransportError {
        refused(self.escalation, message, help)
    }
}

fn refused(escalation: &Escalation, message: String, help: Option<String>) -> TransportError {
    TransportError::Escalation { user: escalation.user.clone(), message, help }
}

const GIVE_ONE: &str = "give one with -K or ansible_become_password";

/// What programs say (in part), and what to do about it.
const ADVICE: [(&str, &str); 20] = [
    ("password is required", GIVE_ONE),
    ("Authentication required", GIVE_ONE),
    ("must have a tty", NO_TERMINAL),
    ("a tty is required", NO_TERMINAL),
    ("must be run from a terminal", NO_TERMINAL),
    ("stty", "it ran on a terminal, and `stty` is not there to make that one carry any bytes"),
    ("not in the sudoers file", "add the login user to sudoers"),
    ("may not run sudo", "add the login user to sudoers"),
    ("is not allowed to", "let sudoers allow the login user to run /bin/sh"),
    ("afraid I can't do that", "let sudoers allow the login user to run /bin/sh"),
    ("doas is not enabled", "write an /etc/doas.conf there"),
    ("doas: Operation not permitted", "add `permit LOGIN-USER` to /etc/doas.conf"),
    ("unknown user", NO_USER),
    ("does not exist", NO_USER),
    ("not found", NO_USER),
    (
        "Permission denied",
        "only some may become others there: see /etc/pam.d, `wheel` may be wanted",
    ),
    ("setuid", "the program has lost its setuid bit"),
    ("must be suid", "the program has lost its setuid bit"),
    (
        "account is currently not available",
        "that user has no login shell: become_flags: -s /bin/sh",
    ),
    ("not open for", "that user has no login shell: become_flags: -s /bin/sh"),
];
const NO_TERMINAL: &str = "the server gave none: see PermitTTY, and `restrict` in authorized_keys";
const NO_USER: &str = "is become_user right?";

/// Whatever ran there, it was not what we started.
pub(super) fn no_shell(said: &str) -> TransportError {
    TransportError::Unsuitable(match said {
        "" => "no shell that we can use: it ended without a word".into(),
        said => format!("no shell that we can use: {said}"),
    })
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

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests;
