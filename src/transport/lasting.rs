//! A door whose shells outlast their connections: restarts of Docker and reloads of firewalls cut SSH. What
//! was under way then is sent again, as it was, on a new connection. Looks are looked again. A change that is
//! a step of a run is known to the server's journal by its number: one that was made is answered and not made
//! again, and one that is still being made is waited for (`step` in `journal.sh`). What has no such number is
//! never sent twice.
#![expect(
    clippy::disallowed_methods,
    reason = "how long a way back is looked for is measured here"
)]
use super::{Connect, Escalation, Transport, TransportError, backoff};
use crate::change::{Change, Entry, Ran};
use crate::facts::{Fact, Probe};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How often one batch may lose its connection before it is given up.
const LOSSES: usize = 4;

/// How long a way back is looked for: as long as a server takes to boot.
const PATIENCE: Duration = Duration::from_secs(120);

/// A door to a host, and how its shells come back to it.
#[derive(Debug)]
pub struct Lasting<C> {
    door: Arc<C>,
    patience: Duration,
}

impl<C> Lasting<C> {
    /// Of a door.
    pub fn new(door: C) -> Self {
        Self { door: Arc::new(door), patience: PATIENCE }
    }

    /// How long a way back is looked for.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The door itself.
    pub fn door(&self) -> &Arc<C> {
        &self.door
    }
}

/// A shell that comes back.
pub struct LastingShell<C: Connect> {
    door: Arc<C>,
    patience: Duration,
    escalation: Option<Escalation>,
    session: Mutex<Session<C::Shell>>,
}

struct Session<S> {
    shell: S,
    /// How the run at work here has begun.
    begin: Option<Change>,
}

impl<C: Connect + 'static> Connect for Lasting<C> {
    type Shell = LastingShell<C>;

    fn anew(&self) -> Self {
        Self { door: Arc::new(self.door.anew()), patience: self.patience }
    }

    async fn shell(&self, escalation: Option<&Escalation>) -> Result<Self::Shell, TransportError> {
        let (door, patience) = (&self.door, self.patience);
        let shell = match door.shell(escalation).await {
            Err(lost @ TransportError::Lost { .. }) => {
                back(&**door, escalation, patience, &lost).await?
            }
            answered => answered?,
        };
        let session = Mutex::new(Session { shell, begin: None });
        let escalation = escalation.cloned();
        Ok(LastingShell { door: door.clone(), patience, escalation, session })
    }
}

/// A new shell in place of one that was lost.
async fn back<C: Connect>(
    door: &C,
    escalation: Option<&Escalation>,
    patience: Duration,
    lost: &TransportError,
) -> Result<C::Shell, TransportError> {
    let begun = Instant::now();
    for tried in 1.. {
        match door.shell(escalation).await {
            Ok(shell) => return Ok(shell),
            Err(why) if why.may_pass() && begun.elapsed() < patience => {
                tokio::time::sleep(backoff(tried)).await;
            }
            Err(why) => {
                let in_change = matches!(lost, TransportError::Lost { in_change: true });
                return Err(TransportError::Gone { in_change, why: Box::new(why) });
            }
        }
    }
    unreachable!("the last try returns")
}

impl<C: Connect> LastingShell<C> {
    /// Comes back, if that may help: no batch is waited for more than twice.
    async fn again(
        &self,
        session: &mut Session<C::Shell>,
        losses: &mut usize,
        error: TransportError,
    ) -> Result<(), TransportError> {
        *losses += match error {
            TransportError::Lost { .. } => 1,
            TransportError::TimedOut { .. } => LOSSES,
            _ => return Err(error),
        };
        if *losses > LOSSES {
            return Err(error);
        }
        tracing::info!("{error}: coming back");
        if let TransportError::TimedOut { .. } = error {
            self.door.hang_up().await;
        }
        let escalation = self.escalation.as_ref();
        session.shell = back(&*self.door, escalation, self.patience, &error).await?;
        Ok(())
    }
}

impl<C: Connect> Transport for LastingShell<C> {
    async fn observe(&self, probes: &[Probe]) -> Result<Vec<Fact>, TransportError> {
        let mut session = self.session.lock().await;
        let mut losses = 0;
        loop {
            match session.shell.observe(probes).await {
                Err(error) => self.again(&mut session, &mut losses, error).await?,
                seen => return seen,
            }
        }
    }

    async fn apply(&self, changes: &[Change]) -> Result<Vec<Ran>, TransportError> {
        let mut session = self.session.lock().await;
        let mut losses = 0;
        let begins = |change: &&Change| matches!(change, Change::Journal(Entry::Begin { .. }));
        let begin = changes.iter().find(begins);
        let steps = changes.iter().any(|change| matches!(change, Change::Step { .. }));
        // Whoever comes back holds the lock as before, and renews it from then on.
        let greeting = session.begin.clone().filter(|_| steps && begin.is_none());
        loop {
            let greeting = greeting.as_ref().filter(|_| losses > 0);
            match make(&session.shell, greeting, changes).await {
                Err(error) if changes.iter().all(is_repeatable) => {
                    self.again(&mut session, &mut losses, error).await?;
                }
                made => {
                    if made.is_ok() && begin.is_some() {
                        session.begin = begin.cloned();
                    }
                    return made;
                }
            }
        }
    }
}

async fn make<S: Transport>(
    shell: &S,
    greeting: Option<&Change>,
    changes: &[Change],
) -> Result<Vec<Ran>, TransportError> {
    if let Some(begin) = greeting {
        let ran = shell.apply(std::slice::from_ref(begin)).await?;
        ran.first().map_or(Ok(()), TransportError::of_begin)?;
    }
    shell.apply(changes).await
}

/// Whether what was sent may be sent again: it is known by a number, or twice is the same as once.
fn is_repeatable(change: &Change) -> bool {
    matches!(
        change,
        Change::Step { .. }
            | Change::Journal(_)
            | Change::Owe { .. }
            | Change::Settle { .. }
            | Change::Wait(_)
            | Change::Outdated { .. }
    )
}
