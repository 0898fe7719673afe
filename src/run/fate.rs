//! How a host fares: what its tasks came to, and how it is given up.
use super::host::{HostRun, State};
use super::{Events, emit};
use crate::event::{Event, Outcome, Recap};
use crate::transport::{Connect, TransportError};

impl<C: Connect> HostRun<C> {
    /// Gives the host up.
    pub(super) fn lose(&mut self, error: &TransportError, events: &Events) {
        self.state = State::Unreachable;
        self.missed = self.is_missed(error);
        if self.refused(error, events) {
            return;
        }
        self.recap.unreachable = true;
        let help = match self.taken_back_by().map(jiff::Timestamp::from_second) {
            Some(Ok(when)) => Some(format!(
                "nobody confirms what this run did there, so the server takes it back by itself, by {} at the latest",
                when.strftime("%H:%M:%S UTC")
            )),
            _ => error.help().map(str::to_owned),
        };
        let (host, message) = (self.name.clone(), error.to_string());
        emit(events, Event::Unreachable { host, message, help });
    }

    /// Whether the host can be spoken to, but nothing may be touched there.
    fn refused(&mut self, error: &TransportError, events: &Events) -> bool {
        let host = self.name.clone();
        match error {
            TransportError::Locked(lock) => {
                emit(events, Event::Locked { host, lock: *lock.clone() });
            }
            TransportError::Journal(_) => {
                emit(events, Event::Refused { host, message: error.to_string() });
            }
            _ => return false,
        }
        self.recap.failed += 1;
        true
    }

    /// Counts an outcome.
    pub(super) fn count(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Ok => &mut self.recap.ok,
            Outcome::Changed => &mut self.recap.changed,
            Outcome::WouldChange => &mut self.recap.would_change,
            Outcome::Unknown { .. } => &mut self.recap.unknown,
            Outcome::Skipped { .. } => &mut self.recap.skipped,
            Outcome::Failed { ignored: true, .. } => &mut self.recap.ignored,
            Outcome::Failed { rescued: true, .. } => &mut self.recap.rescued,
            Outcome::Failed { .. } => &mut self.recap.failed,
        };
        *counter += 1;
    }

    /// The last word.
    pub(super) fn finish(mut self) -> Recap {
        self.recap.owed = self.owed.len();
        self.recap
    }
}
