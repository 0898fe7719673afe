//! The one door to a host. `ssh` and `local` turn requests into shell through [`wire`] and the
//! prelude `remote.sh`; `fake` answers from a model. One contract suite runs against all three.
pub mod embedded;
mod enter;
mod escalate;
pub mod fake;
pub mod fault;
pub mod here;
pub mod lasting;
pub mod local;
pub mod shell;
pub mod ssh;
pub mod wire;

pub use crate::plan::{Escalation, Method};

use crate::change::{Change, LOCKED, Ran};
use crate::facts::{Fact, Garbled, Lock, Probe};
use std::future::Future;
use std::time::Duration;

/// A shell on one host, as one user.
pub trait Transport: Send + Sync {
    /// Asks every probe in one round trip; one fact per probe, in order.
    fn observe(
        &self,
        probes: &[Probe],
    ) -> impl Future<Output = Result<Vec<Fact>, TransportError>> + Send;
    /// Makes changes in order, in one round trip. Stops behind the first with `rc != 0`: as many
    /// answers as changes were tried.
    fn apply(
        &self,
        changes: &[Change],
    ) -> impl Future<Output = Result<Vec<Ran>, TransportError>> + Send;
}

/// Opens shells on a host: the connection behind them is made once and shared.
pub trait Connect: Send + Sync {
    /// The shells it opens.
    type Shell: Transport + 'static;
    /// The same way over a connection of its own, which nobody has made yet.
    #[must_use]
    fn anew(&self) -> Self
    where
        Self: Sized;
    /// A shell as the login user, or through `become`: then it waits until that has come about.
    fn shell(
        &self,
        escalation: Option<&Escalation>,
    ) -> impl Future<Output = Result<Self::Shell, TransportError>> + Send;
    /// What may be a connection that is stuck is not used again, and whatever stood in the way is tried anew.
    fn hang_up(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// Why a host could not be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The way to the host ended before there was a shell: exit code 4. The text is a lowercase
    /// fragment.
    #[error("{message}")]
    Unreachable {
        /// How far it went.
        stage: Stage,
        /// What happened.
        message: String,
        /// What to do.
        help: Option<String>,
    },
    /// Nothing is known of the host's key: exit code 4, unless somebody trusts it.
    #[error("{}", .0.message)]
    NewHost(Box<ssh::NewHost>),
    /// Logged in, but the escalation was refused.
    #[error("can't become {user}: {message}")]
    Escalation {
        /// Whom.
        user: String,
        /// What the server said.
        message: String,
        /// What to do.
        help: Option<String>,
    },
    /// The connection went away in the middle.
    #[error("connection lost{}", if *.in_change { " while something was being changed" } else { "" })]
    Lost {
        /// During [`Transport::apply`].
        in_change: bool,
    },
    /// The same, and there is no way back.
    #[error("connection lost{}, and there is no way back: {why}", if *.in_change { " while something was being changed" } else { "" })]
    Gone {
        /// During [`Transport::apply`].
        in_change: bool,
        /// What stands in the way.
        why: Box<TransportError>,
    },
    /// No answer within the time limit.
    #[error("no answer within {seconds} seconds")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// Somebody else is at work on the server.
    #[error("{} is at work there", .0.who)]
    Locked(Box<Lock>),
    /// The server's journal can't be written: nothing was changed.
    #[error("the journal on the server can't be written: {0}")]
    Journal(String),
    /// The server's answer is not one.
    #[error(transparent)]
    Garbled(#[from] Garbled),
    /// The remote shell is not what we need (not POSIX, a tool is missing).
    #[error("{0}")]
    Unsuitable(String),
}

/// How far the way to a host went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was sent: what we were told of the host, or what we have ourselves, won't do.
    Setup,
    /// Its name has no address.
    Name,
    /// Nobody answered there.
    Dial,
    /// Somebody answered, and no SSH connection came of it.
    Handshake,
    /// It did not show the key that it should.
    HostKey,
    /// It didn't let us in.
    Login,
}

impl Stage {
    /// A way that ended here; both texts are lowercase fragments.
    pub fn error(self, message: impl Into<String>, help: impl Into<String>) -> TransportError {
        TransportError::Unreachable {
            stage: self,
            message: message.into(),
            help: Some(help.into()),
        }
    }
}

impl TransportError {
    /// Whether a run may begin: what the server said to [`crate::change::Entry::Begin`].
    ///
    /// # Errors
    /// Somebody else is at work there, or the journal can't be written.
    pub fn of_begin(ran: &Ran) -> Result<(), Self> {
        match ran.rc {
            0 => Ok(()),
            LOCKED => {
                let lock = Lock::read(&ran.stdout.text()).unwrap_or_default();
                Err(Self::Locked(Box::new(lock)))
            }
            _ => Err(Self::Journal(ran.last_line())),
        }
    }

    /// What to do about it, where we know.
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Unreachable { help, .. } | Self::Escalation { help, .. } => help.as_deref(),
            Self::NewHost(new) => Some(&new.help),
            Self::Gone { why, .. } => why.help(),
            _ => None,
        }
    }

    /// Whether the host can be spoken to, and nothing may be touched there.
    pub fn is_hold(&self) -> bool {
        matches!(self, Self::Locked(_) | Self::Journal(_))
    }

    /// Whether the same may go well a little later: the host restarts, a firewall reloads, too many
    /// knock at once. Never what says that we are not wanted, or that the host is not who it was.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { stage, .. } => {
                matches!(stage, Stage::Name | Stage::Dial | Stage::Handshake)
            }
            Self::Lost { .. } | Self::TimedOut { .. } => true,
            Self::NewHost(_)
            | Self::Gone { .. }
            | Self::Escalation { .. }
            | Self::Locked(_)
            | Self::Journal(_)
            | Self::Garbled(_)
            | Self::Unsuitable(_) => false,
        }
    }
}

/// The pause behind a try: twice as long each time, and never the same for two hosts, so that a fleet
/// doesn't knock in step.
fn backoff(tried: u32) -> Duration {
    let longest = Duration::from_millis(250) * 2_u32.saturating_pow(tried.min(6));
    // The standard library keys each of these from the system's randomness.
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), ());
    let share = u32::try_from(random % 1000).unwrap_or(0);
    longest / 2 + longest / 2 * share / 1000
}
