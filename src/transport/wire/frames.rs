//! The server's frames as answers: bounded, and an error where they are not what our functions print.
use super::{MAX_FRAME, MAX_NOISE};
use crate::facts::{Answer, Bytes, Garbled, Took};
use crate::transport::TransportError;

/// Reads the answers of one batch, chunk by chunk.
#[derive(Debug)]
pub struct Frames {
    nonce: String,
    state: State,
    answers: Vec<Answer>,
    /// How many requests were sent.
    wanted: usize,
    /// Bytes that one answer may have, as they travel.
    limit: usize,
    /// Fewer answers are right when the last one failed.
    may_stop: bool,
    /// The line that is not complete yet.
    line: Vec<u8>,
    /// What was skipped, its end alone.
    noise: Vec<u8>,
    skipped: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before `ready`.
    Opening,
    /// Before `begin` or `done`.
    Between,
    Stdout,
    Stderr,
    Done,
}

impl Frames {
    /// For `wanted` requests; `opening`: the session's first batch; `may_stop`: changes, which stop
    /// behind the first that fails.
    pub fn new(nonce: &str, wanted: usize, opening: bool, may_stop: bool) -> Self {
        Self {
            nonce: nonce.to_owned(),
            state: if opening { State::Opening } else { State::Between },
            answers: Vec::with_capacity(wanted),
            wanted,
            limit: MAX_FRAME,
            may_stop,
            line: vec![],
            noise: vec![],
            skipped: 0,
            stdout: vec![],
            stderr: vec![],
        }
    }

    /// No answer may have more bytes than so many, in place of [`MAX_FRAME`].
    #[must_use]
    pub fn at_most(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Takes what came; `Some` when the batch is over.
    ///
    /// # Errors
    /// [`TransportError::Unsuitable`] when a tool is missing there, [`TransportError::Garbled`] for
    /// what no server of ours says, or too much of it.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Option<Vec<Answer>>, TransportError> {
        for piece in chunk.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.take(line.trim_ascii())?;
            } else {
                self.bounded()?;
            }
            if self.state == State::Done {
                return Ok(Some(std::mem::take(&mut self.answers)));
            }
        }
        Ok(None)
    }

    /// Answers that are whole so far.
    pub fn answered(&self) -> usize {
        self.answers.len()
    }

    /// Whether the shell has said that it is ready.
    pub fn ready(&self) -> bool {
        self.state != State::Opening
    }

    /// The end of what was skipped, for people: why there is no shell.
    pub fn last_words(&self) -> String {
        let text = String::from_utf8_lossy(&self.noise).into_owned()
            + &String::from_utf8_lossy(&self.line);
        let mut words: Vec<&str> =
            text.lines().rev().map(str::trim).filter(|l| !l.is_empty()).collect();
        words.truncate(3);
        words.reverse();
        let clean = words.join("; ").replace(char::is_control, " ");
        clean.chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect()
    }

    fn take(&mut self, line: &[u8]) -> Result<(), TransportError> {
        let marker = line
            .strip_prefix(self.nonce.as_bytes())
            .and_then(|rest| rest.strip_prefix(b" "))
            .and_then(|rest| std::str::from_utf8(rest).ok());
        let (marker, argument) = marker.map_or((None, ""), |text| {
            let (word, argument) = text.split_once(' ').unwrap_or((text, ""));
            (Some(word), argument)
        });
        match (self.state, marker) {
            (State::Opening, Some("ready")) => self.state = State::Between,
            (State::Opening, Some("lacks")) => {
                let tools = short(&argument.replace(' ', ", "));
                return Err(TransportError::Unsuitable(format!("the server lacks {tools}")));
            }
            (State::Between, Some("begin")) if argument == self.answers.len().to_string() => {
                self.state = State::Stdout;
            }
            (State::Between, Some("done")) => self.finish()?,
            (State::Stdout, Some("err")) => self.state = State::Stderr,
            (State::Stderr, Some("end")) => self.end(argument)?,
            (State::Opening | State::Between, None) => self.skip(line)?,
            (State::Stdout, None) => self.stdout.extend_from_slice(line),
            (State::Stderr, None) => self.stderr.extend_from_slice(line),
            (State::Done, _) => {}
            (_, Some(word)) => {
                return Err(garbled(format!("`{}` out of turn", short(word))));
            }
        }
        self.bounded()
    }

    fn end(&mut self, status: &str) -> Result<(), TransportError> {
        let mut words = status.split(' ');
        let rc = words.next().and_then(|rc| rc.parse().ok());
        let rc = rc.ok_or_else(|| garbled("an exit status that is no number"))?;
        let took = took(words);
        let decode = |text: &[u8]| {
            Bytes::from_base64(text).ok_or_else(|| {
                let words = String::from_utf8_lossy(&text[text.len().saturating_sub(80)..]);
                garbled(format!("not base64: …{}", words.escape_debug()))
            })
        };
        let (stdout, stderr) = (decode(&self.stdout)?, decode(&self.stderr)?);
        let answer = Answer { rc, stdout, stderr, took };
        self.stdout.clear();
        self.stderr.clear();
        self.answers.push(answer);
        if self.answers.len() > self.wanted {
            return Err(garbled("more answers than requests"));
        }
        self.state = State::Between;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), TransportError> {
        let stopped = self.may_stop && self.answers.last().is_some_and(|answer| answer.rc != 0);
        if self.answers.len() < self.wanted && !stopped {
            return Err(garbled(format!(
                "{} answers to {} requests",
                self.answers.len(),
                self.wanted
            )));
        }
        self.state = State::Done;
        Ok(())
    }

    fn skip(&mut self, line: &[u8]) -> Result<(), TransportError> {
        self.skipped += line.len() + 1;
        self.noise.extend_from_slice(line);
        self.noise.push(b'\n');
        let surplus = self.noise.len().saturating_sub(1024);
        self.noise.drain(..surplus);
        self.bounded()
    }

    fn bounded(&self) -> Result<(), TransportError> {
        match self.state {
            State::Opening | State::Between if self.skipped + self.line.len() > MAX_NOISE => {
                Err(garbled(format!("more than {} KiB that are no answer", MAX_NOISE >> 10)))
            }
            State::Stdout | State::Stderr
                if self.stdout.len() + self.stderr.len() + self.line.len() > self.limit =>
            {
                Err(garbled(format!("more than {} MiB in one answer", self.limit >> 20)))
            }
            _ => Ok(()),
        }
    }
}

/// A word that should not be there, for people.
fn short(word: &str) -> String {
    word.chars().take(60).collect::<String>().escape_debug().to_string()
}

/// `SECONDS.FRACTION SECONDS.FRACTION +HHMM`; what is not like that was measured by nobody.
fn took<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Took> {
    let mut moment = || {
        let (seconds, fraction) = words.next()?.split_once('.')?;
        let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
        seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)
    };
    let (start, end) = (moment()?, moment()?);
    let zone: i32 = words.next()?.parse().ok()?;
    Some(Took { start, end, offset: (zone / 100 * 60 + zone % 100) * 60 })
}

fn garbled(why: impl Into<String>) -> TransportError {
    Garbled { probe: "a batch", why: why.into() }.into()
}
