//! Fault injection: cuts a run at a step that was chosen beforehand, so that tests can show what a cut
//! leaves behind. `cargo xtask faults` drives it.
//!
//! A step is a place between frames on the wire: before a batch, and behind each change that it makes
//! (behind all of its answers, if it only looks). Steps are counted over the whole process, so one host
//! at a time makes them the same in every run.
//!
//! It can't be tripped by accident: it takes the environment variable [`VARIABLE`] with one of the words
//! of [`Fault::from_str`], says so on stderr, and release builds refuse it.
#![expect(clippy::disallowed_methods, reason = "a process that is to die by a signal sends it")]
use std::os::fd::{AsFd, OwnedFd};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Where `cowhand` looks for a fault.
pub const VARIABLE: &str = "COWHAND_FAULT";

/// What is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// Nothing: steps are only counted.
    None,
    /// This process dies by SIGKILL.
    Cowhand,
    /// Every TCP connection is shut down; the process lives on.
    Connection,
    /// The server's shell dies by SIGKILL, exactly between two changes.
    Shell,
}

/// A cut at a step; clones count together.
#[derive(Clone, Debug)]
pub struct Fault(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    blow: Blow,
    at: usize,
    steps: AtomicUsize,
    sockets: Mutex<Vec<OwnedFd>>,
}

impl FromStr for Fault {
    type Err = String;

    /// `count`, `cowhand@N`, `connection@N` or `shell@N`; the first step is 0.
    fn from_str(text: &str) -> Result<Self, String> {
        let (blow, at) = text.split_once('@').unwrap_or((text, "0"));
        let blow = match blow {
            "count" if !text.contains('@') => Blow::None,
            "cowhand" => Blow::Cowhand,
            "connection" => Blow::Connection,
            "shell" => Blow::Shell,
            _ => return Err(format!("{VARIABLE}: `{text}` is no fault")),
        };
        let at = at.parse().map_err(|_| format!("{VARIABLE}: `{at}` is no step"))?;
        Ok(Self::new(blow, at))
    }
}

/// Where in a batch it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strike {
    pub(super) blow: Blow,
    /// Behind so many answers.
    pub(super) behind: usize,
}

impl Fault {
    /// A cut at a step.
    pub fn new(blow: Blow, at: usize) -> Self {
        let sockets = Mutex::new(vec![]);
        Self(Arc::new(Inner { blow, at, steps: AtomicUsize::new(0), sockets }))
    }

    /// Steps that were made so far.
    pub fn steps(&self) -> usize {
        self.0.steps.load(Ordering::Relaxed)
    }

    /// A connection that [`Blow::Connection`] is to shut down.
    pub(super) fn watch(&self, socket: &impl AsFd) {
        // One that can't be shut down makes the test fail that wants it, and no other.
        if let Ok(socket) = socket.as_fd().try_clone_to_owned() {
            self.0.sockets.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
        }
    }

    /// A batch begins. Its steps are before it and behind each of its answers, or, when it only looks,
    /// behind the last.
    pub(super) fn enter(&self, changes: bool, answers: usize) -> Option<Strike> {
        let inside = if changes { answers } else { 1 };
        let first = self.0.steps.fetch_add(inside + 1, Ordering::Relaxed);
        let place = self.0.at.checked_sub(first).filter(|place| *place <= inside)?;
        let behind = if changes || place == 0 { place } else { answers };
        (self.0.blow != Blow::None).then_some(Strike { blow: self.0.blow, behind })
    }

    /// Cuts. What dies on the server dies by the batch's own words.
    pub(super) fn strike(&self) {
        match self.0.blow {
            Blow::None | Blow::Shell => {}
            Blow::Cowhand => {
                let own = std::process::id().to_string();
                let _ = std::process::Command::new("kill").args(["-KILL", &own]).status();
                std::process::abort();
            }
            Blow::Connection => {
                let mut sockets = self.0.sockets.lock().unwrap_or_else(PoisonError::into_inner);
                for socket in sockets.drain(..) {
                    let _ = std::net::TcpStream::from(socket).shutdown(std::net::Shutdown::Both);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_words_make_a_fault() {
        for text in ["cowhand@0", "connection@12", "shell@3", "count"] {
            assert!(text.parse::<Fault>().is_ok(), "{text}");
        }
        for text in ["", "1", "true", "cowhand@", "cowhand@-1", "count@1", "Shell@3", "shell@3 "] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }

    #[test]
    fn steps_are_before_a_batch_and_behind_each_change() {
        let behind = |at| {
            let fault = Fault::new(Blow::Shell, at);
            let batches = [fault.enter(false, 9), fault.enter(true, 2), fault.enter(true, 1)];
            assert_eq!(fault.steps(), 7);
            batches.map(|strike| strike.map(|strike| strike.behind))
        };
        assert_eq!(behind(0), [Some(0), None, None]);
        assert_eq!(behind(1), [Some(9), None, None]);
        assert_eq!(behind(2), [None, Some(0), None]);
        assert_eq!(behind(4), [None, Some(2), None]);
        assert_eq!(behind(6), [None, None, Some(1)]);
        assert_eq!(behind(7), [None, None, None]);
    }
}
