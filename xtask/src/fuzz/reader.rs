//! The child that reads inputs, and what becomes of it. Inputs go to its standard input as target, length
//! and bytes; it answers each that it has survived with a line. It must never be waited for without end.
use crate::Outcome;
use crate::process::{command, unstartable};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The test that is the child.
pub(crate) const TEST: &str = "fuzz::inputs_from_xtask_are_read";
/// The line with which it answers.
const DONE: &str = "fuzz: read";
/// What one input may take: generous, because the child is not optimised.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the child's memory may come to: everything that it maps, in bytes.
const MEMORY: &str = "--as=2147483648";

/// A child at work; it ends with this.
pub(super) struct Reader {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    /// The longest that an input took.
    pub(super) slowest: Duration,
}

/// What an input did to the child.
#[derive(Debug, PartialEq)]
pub(super) enum Fate {
    /// It was read; or refused, which is as good.
    Read,
    /// The child is no more, and why.
    Fell(String),
}

impl Reader {
    /// Starts the test program as a child that reads inputs.
    pub(super) fn start(program: &str) -> Outcome<Self> {
        let words = [MEMORY, program, "--ignored", "--exact", TEST, "--nocapture"];
        let mut start = command(&["prlimit"]);
        start.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = start.spawn().map_err(|error| unstartable(&start, &error))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the child has no pipes".into());
        };
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.for_each(|line| drop(sender.send(line)));
        });
        Ok(Self { child, input, lines, slowest: Duration::ZERO })
    }

    /// Hands it an input and waits for its answer. After [`Fate::Fell`] it is of no more use.
    pub(super) fn read(&mut self, target: usize, input: &[u8]) -> Outcome<Fate> {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        let frame = [&number(target)[..], &number(input.len()), input].concat();
        let start = Instant::now();
        // A child that is gone answers with the end of its lines.
        let _ = self.input.write_all(&frame).and_then(|()| self.input.flush());
        loop {
            match self.lines.recv_timeout(PATIENCE.saturating_sub(start.elapsed())) {
                Ok(line) if line == DONE => break,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Ok(Fate::Fell(format!("hangs for {} s", PATIENCE.as_secs())));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().map_err(|error| error.to_string())?;
                    return Ok(Fate::Fell(format!("panics or overflows ({status})")));
                }
            }
        }
        self.slowest = self.slowest.max(start.elapsed());
        Ok(Fate::Read)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
