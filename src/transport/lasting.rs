//! A door whose shells outlast their connections: restarts of Docker and reloads of firewalls cut SSH. What
//! was under way then is sent again, as it was, on a new connection. Looks are looked again. A change that is
//! a step of a run is known to the server's journal by its number: one that was made is answered and not made
//! again, and one that is still being made is waited for (`step` in `journal.sh`). What has no such number is
//! never sent twice.
//!
//! Two shells of a host have a channel at a time. A third gets the one of whoever has had it for longest, which
//! comes back when it is spoken to, as if it had been lost.
#![expect(
    clippy::disallowed_methods,
    reason = "how long a way back is looked for is measured here"
)]
use super::{Connect, Escalation, Transport, TransportError, backoff};
use crate::change::{Change, Entry, Ran};
use crate::facts::{Fact, Probe};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How often one batch may lose its connection before it is given up.
const LOSSES: usize = 4;

/// How long a way back is looked for: as long as a server takes to boot.
const PATIENCE: Duration = Duration::from_secs(120);

/// Shells of a door that have a channel at the same time.
const AWAKE: usize = 2;

/// A door to a host, and how its shells come back to it.
#[derive(Debug)]
pub struct Lasting<C: Connect> {
    door: Arc<C>,
    patience: Duration,
    awake: Arc<Awake<C::Shell>>,
}

/// Shells that have a channel; whoever has had one for longest comes first.
type Awake<S> = Mutex<Vec<Weak<Mutex<Session<S>>>>>;

impl<C: Connect> Lasting<C> {
    /// Of a door.
    pub fn new(door: C) -> Self {
        Self { door: Arc::new(door), patience: PATIENCE, awake: Arc::default() }
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
    awake: Arc<Awake<C::Shell>>,
    session: Arc<Mutex<Session<C::Shell>>>,
}

struct Session<S> {
    /// `None`: there is no channel, since others have one. It gets another when it is spoken to.
    shell: Option<S>,
    /// It was open before, so that a way back may be looked for.
    opened: bool,
    /// How the run at work here has begun.
    begin: Option<Change>,
    /// The shell at hand has been told so.
    told: bool,
}

impl<C: Connect + 'static> Connect for Lasting<C> {
    type Shell = LastingShell<C>;

    fn anew(&self) -> Self {
        Self::new(self.door.anew()).patience(self.patience)
    }

    async fn hang_up(&self) {
        self.door.hang_up().await;
    }

    async fn shell(&self, escalation: Option<&Escalation>) -> Result<Self::Shell, TransportError> {
        let session = Session { shell: None, opened: false, begin: None, told: false };
        let session = Arc::new(Mutex::new(session));
        let shell = LastingShell {
            door: self.door.clone(),
            patience: self.patience,
            escalation: escalation.cloned(),
            awake: self.awake.clone(),
            session: session.clone(),
        };
        shell.woken(&mut *session.lock().await).await?;
        Ok(shell)
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
    /// The shell, with a channel. Where there are as many as may be, another one gives up its own.
    async fn woken<'s>(
        &self,
        session: &'s mut Session<C::Shell>,
    ) -> Result<&'s C::Shell, TransportError> {
        if session.shell.is_none() {
            let me = Arc::downgrade(&self.session);
            let mut awake = self.awake.lock().await;
            awake.retain(|other| other.strong_count() > 0 && !other.ptr_eq(&me));
            while awake.len() >= AWAKE {
                if let Some(other) = awake.remove(0).upgrade() {
                    other.lock().await.shell = None;
                }
            }
            self.open(session).await?;
            awake.push(me);
        }
        // It was just opened.
        session.shell.as_ref().ok_or(TransportError::Lost { in_change: false })
    }

    async fn open(&self, session: &mut Session<C::Shell>) -> Result<(), TransportError> {
        let lost = if session.opened {
            TransportError::Lost { in_change: false }
        } else {
            match self.door.shell(self.escalation.as_ref()).await {
                Err(lost @ TransportError::Lost { .. }) => lost,
                answered => {
                    session.shell = Some(answered?);
                    session.opened = true;
                    return Ok(());
                }
            }
        };
        self.come_back(session, &lost).await
    }

    /// A new shell in place of one that was lost or given up.
    async fn come_back(
        &self,
        session: &mut Session<C::Shell>,
        lost: &TransportError,
    ) -> Result<(), TransportError> {
        // Its channel first, if it still has one.
        session.shell = None;
        let shell = back(&*self.door, self.escalation.as_ref(), self.patience, lost).await?;
        session.shell = Some(shell);
        (session.opened, session.told) = (true, false);
        Ok(())
    }

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
        self.come_back(session, &error).await
    }

    /// One try.
    async fn look(
        &self,
        session: &mut Session<C::Shell>,
        probes: &[Probe],
    ) -> Result<Vec<Fact>, TransportError> {
        self.woken(session).await?.observe(probes).await
    }

    /// One try. Whoever comes back holds the lock as before, and renews it from then on.
    async fn make(
        &self,
        session: &mut Session<C::Shell>,
        changes: &[Change],
    ) -> Result<Vec<Ran>, TransportError> {
        self.woken(session).await?;
        let begins = |change: &&Change| matches!(change, Change::Journal(Entry::Begin { .. }));
        let begin = changes.iter().find(begins);
        let steps = changes.iter().any(|change| matches!(change, Change::Step { .. }));
        let due = steps && begin.is_none() && !session.told;
        let greeting = session.begin.clone().filter(|_| due);
        let made = make(self.woken(session).await?, greeting.as_ref(), changes).await?;
        if begin.is_some() {
            session.begin = begin.cloned();
        }
        session.told |= begin.is_some() || greeting.is_some();
        Ok(made)
    }
}

impl<C: Connect> Transport for LastingShell<C> {
    async fn observe(&self, probes: &[Probe]) -> Result<Vec<Fact>, TransportError> {
        let mut session = self.session.lock().await;
        let mut losses = 0;
        loop {
            match self.look(&mut session, probes).await {
                Err(error) => self.again(&mut session, &mut losses, error).await?,
                seen => return seen,
            }
        }
    }

    async fn apply(&self, changes: &[Change]) -> Result<Vec<Ran>, TransportError> {
        let mut session = self.session.lock().await;
        let mut losses = 0;
        loop {
            match self.make(&mut session, changes).await {
                Err(error) if changes.iter().all(is_repeatable) => {
                    self.again(&mut session, &mut losses, error).await?;
                }
                made => return made,
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
