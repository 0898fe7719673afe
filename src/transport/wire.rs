//! Requests as shell text, and the server's frames as answers. Pure: no I/O, no clock, and the only
//! place where shell text is made from data (every word goes through [`crate::shell::quote`]).
//!
//! A batch is one brace group: a shell reads it whole before it runs any of it, so a batch that was
//! cut by a lost connection is a syntax error and does nothing. What a request reads travels as
//! base64 in a heredoc. An answer comes back between lines that begin with the session's nonce:
//! ```text
//! NONCE begin 0          request number in this batch
//! aGVsbG8K               its standard output, base64
//! NONCE err
//! b29wcwo=               its standard error, base64
//! NONCE end 3            its exit status; for commands, when they began and ended, and the time zone
//! NONCE done             the batch is over
//! ```
//! Before the first frame of a session stands `NONCE ready`, or `NONCE lacks TOOL…`; whatever a login
//! prints before that (banners, `.bashrc`) is skipped.
mod frames;

pub use frames::Frames;

use super::TransportError;
use crate::change::{Change, Entry};
use crate::facts::{Bytes, Probe};
use crate::shell;
use std::borrow::Cow;
use std::fmt::Write as _;

/// The functions that run on servers, with their comments.
pub const PRELUDE: &str = concat!(
    include_str!("remote.sh"),
    include_str!("memory.sh"),
    include_str!("journal.sh"),
    include_str!("undo.sh"),
    include_str!("written.sh"),
    include_str!("confirm.sh")
);

/// Those of them that questions need.
const LOOKING: &str = concat!(include_str!("remote.sh"), include_str!("memory.sh"));

/// Functions that are sent only with a batch that calls one of them.
pub const CHAPTERS: &[&str] = &[
    include_str!("../facts/system.sh"),
    include_str!("../facts/accounts.sh"),
    include_str!("../facts/services.sh"),
];

/// Bytes that are skipped outside of frames before the server is given up.
pub const MAX_NOISE: usize = 64 << 10;

/// Bytes of one answer as they travel.
pub const MAX_FRAME: usize = 64 << 20;

/// Bytes of a command line that asks something: Linux takes no word of 128 KiB or more.
const MAX_ASKING: usize = 100_000;

/// Columns of base64 in what is sent.
const COLUMNS: usize = 76;

/// The first thing a shell is sent: the prelude without its comments, and the session's nonce.
pub fn opening(nonce: &str) -> String {
    open(PRELUDE, nonce)
}

fn open(functions: &str, nonce: &str) -> String {
    let mut text = code(functions);
    // Writing to a String can't fail, here and below.
    let _ = writeln!(text, "open_session {}", shell::quote(nonce));
    text
}

/// A command line for a shell that answers a batch first, and then reads what comes as any other does.
/// For questions alone: command lines can be seen by everybody on a server, and what changes something there
/// need not travel to a server where nothing differs. `None`: it would be too long.
pub fn asking(nonce: &str, batch: &str) -> Option<String> {
    // In base64, since nobody knows what a user's shell makes of line feeds and quotes.
    let text = Bytes((open(LOOKING, nonce) + batch).into_bytes()).base64();
    let script =
        "exec 2>&1; text=$(printf %s \"$1\" | base64 -d) || exit; eval \"$text\"; exec /bin/sh";
    (text.len() <= MAX_ASKING).then(|| shell::join(["/bin/sh", "-c", script, "sh", &text]))
}

/// Shell text without its comments.
fn code(text: &str) -> String {
    let code = |line: &&str| !matches!(line.trim_start().as_bytes().first(), None | Some(b'#'));
    text.lines().filter(code).flat_map(|line| [line, "\n"]).collect()
}

/// Questions as one batch; each is asked whatever became of the others.
///
/// # Errors
/// [`TransportError::Unsuitable`] when a word holds a NUL character; nothing is sent then.
pub fn probes(probes: &[Probe]) -> Result<Batch, TransportError> {
    Batch::new(probes.iter().map(|probe| (probe.words(), None)), "")
}

/// Changes as one batch that ends behind the first that fails.
///
/// # Errors
/// [`TransportError::Unsuitable`] when a word holds a NUL character; nothing is sent then.
pub fn changes(changes: &[Change]) -> Result<Batch, TransportError> {
    let requests = changes.iter().map(|change| Ok((change.words(), payload(change)?)));
    let requests = requests.collect::<Result<Vec<_>, TransportError>>()?;
    let mut batch = Batch::new(requests.into_iter(), " &&")?;
    let steps = changes.iter().filter_map(|change| match change {
        Change::Step { run, number, .. } => Some((*number, run)),
        _ => None,
    });
    // Whoever sends the next steps has heard what became of those before.
    if let Some((number, run)) = steps.min() {
        let _ = writeln!(batch.functions, "heard {} {number:010}", shell::quote(run));
    }
    Ok(batch)
}

/// What a change reads.
fn payload(change: &Change) -> Result<Option<Cow<'_, Bytes>>, TransportError> {
    Ok(match change {
        Change::Journal(Entry::Arm { .. }) => {
            let program = code(PRELUDE) + "watch_over \"$0\"\n";
            Some(Cow::Owned(program.as_str().into()))
        }
        Change::Journal(Entry::Again { changes, .. }) => {
            let script = changes.iter().map(by_itself).collect::<Result<String, _>>()?;
            Some(Cow::Owned(script.as_str().into()))
        }
        other => other.payload().map(Cow::Borrowed),
    })
}

/// A change as the server makes it without us: a script that ends with the first that fails.
fn by_itself(change: &Change) -> Result<String, TransportError> {
    let line = joined(&change.words())?;
    Ok(match payload(change)? {
        None => format!("({line}) </dev/null || exit\n"),
        Some(bytes) => {
            format!("(decoded {line}) <<'.' || exit\n{}.\n", wrapped(&bytes.base64()))
        }
    })
}

/// Requests that travel together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The chapters that it needs, and what goes before it.
    functions: String,
    requests: Vec<String>,
}

impl Batch {
    fn new<'a>(
        requests: impl Iterator<Item = (Vec<String>, Option<Cow<'a, Bytes>>)>,
        behind: &str,
    ) -> Result<Self, TransportError> {
        let requests: Vec<(Vec<String>, Option<Cow<'a, Bytes>>)> = requests.collect();
        let calls = |chapter: &&&str| {
            let defines = |name: &String| chapter.contains(&format!("\n{name}() "));
            // A step of a run has its function behind its own words.
            requests.iter().any(|(words, _)| words.iter().take(7).any(defines))
        };
        let functions = CHAPTERS.iter().filter(calls).map(|chapter| code(chapter)).collect();
        let rendered = (requests.into_iter().enumerate())
            .map(|(number, (words, payload))| request(number, &words, payload.as_deref(), behind));
        Ok(Self { functions, requests: rendered.collect::<Result<_, _>>()? })
    }

    /// How many.
    pub fn requests(&self) -> usize {
        self.requests.len()
    }

    /// What is sent.
    pub fn text(&self) -> String {
        [&self.functions, "{\n", &self.requests.concat(), ":\nclose_batch\n}\n"].concat()
    }

    /// The same, and behind so many requests the shell kills itself: for tests of what that leaves.
    pub fn dying_behind(&self, requests: usize) -> String {
        let (before, after) = self.requests.split_at(requests.min(self.requests.len()));
        let dying = "kill -KILL $$ &&\n";
        let end = ":\nclose_batch\n}\n";
        [&self.functions, "{\n", &before.concat(), dying, &after.concat(), end].concat()
    }
}

fn request(
    number: usize,
    words: &[String],
    payload: Option<&Bytes>,
    behind: &str,
) -> Result<String, TransportError> {
    let line = joined(words)?;
    Ok(match payload {
        None => format!("answer {number} {line} </dev/null{behind}\n"),
        Some(bytes) => {
            format!("answer {number} decoded {line} <<'.'{behind}\n{}.\n", wrapped(&bytes.base64()))
        }
    })
}

/// Words as a command line.
fn joined(words: &[String]) -> Result<String, TransportError> {
    if words.iter().any(|word| word.contains('\0')) {
        let function = words[0].escape_debug();
        return Err(TransportError::Unsuitable(format!(
            "an argument of {function} holds a NUL character, which no shell can pass on"
        )));
    }
    Ok(shell::join(words))
}

fn wrapped(base64: &str) -> String {
    let mut text = String::with_capacity(base64.len() + base64.len() / COLUMNS + 1);
    let mut rest = base64;
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(COLUMNS));
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    text
}

#[cfg(test)]
mod tests;
