//! A connection on which somebody has logged in: made with few tries, and with no more handshakes in
//! flight than servers like.
use super::checker::Checker;
use super::{Options, Via, dial, login};
use crate::transport::TransportError;
use russh::client::Handle;
use std::fmt;
use std::time::Duration;

/// A connection on which somebody has logged in.
pub(super) struct Connection {
    pub(super) handle: Handle<Checker>,
    /// The server's key is not the known one, and was let pass: it must be told no password.
    pub(super) mistrusted: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

/// Connects; what may pass is tried again, a little later each time.
pub(super) async fn knock(options: &Options) -> Result<Connection, TransportError> {
    for tried in 1.. {
        let begun = tokio::time::Instant::now();
        match connect(options).await {
            // Whoever took all the time there is would only take it again.
            Err(error)
                if error.may_pass()
                    && tried < options.attempts
                    && begun.elapsed() < options.connect_timeout =>
            {
                tokio::time::sleep(backoff(tried)).await;
            }
            ended => return ended,
        }
    }
    unreachable!("the last try returns")
}

async fn connect(options: &Options) -> Result<Connection, TransportError> {
    if let Via::Jump(bastion) = &options.via {
        // First: it needs a permit of its own, and must not wait for those who wait for it.
        bastion.connection().await?;
    }
    let mut permits = vec![];
    for semaphore in &options.handshakes {
        // Nobody closes the semaphore; without a permit there is no bound, which is safe.
        permits.extend(semaphore.acquire().await);
    }
    let dial::Dialled { mut handle, mistrusted } = dial::dial(options).await?;
    let mut options = options.clone();
    options.password = options.password.filter(|_| !mistrusted);
    login::login(&mut handle, &options).await?;
    Ok(Connection { handle, mistrusted })
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
