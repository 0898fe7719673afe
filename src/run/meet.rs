//! Waiting for a host that went away: its connection is given up, and new ones are tried until one answers.
use super::host::HostRun;
use crate::change::{Meet, Ran};
use crate::facts::{Probe, Took};
use crate::plan::Via;
use crate::transport::{Connect, Stage, TransportError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

impl<C: Connect> HostRun<C> {
    /// Tries until the host answers over a new connection, or the time is up.
    pub(super) async fn meet(&mut self, via: &Via, wait: &Meet) -> Ran {
        let begun = Instant::now();
        let ended = self.met_again(via, wait, begun).await;
        // The clock of either side would do: what is told is how long it took.
        let micros = i64::try_from(begun.elapsed().as_micros()).unwrap_or(i64::MAX);
        let took = Some(Took { start: 0, end: micros, offset: 0 });
        match ended {
            Ok(()) => Ran { took, ..Ran::default() },
            Err(error) => {
                let message = format!("timed out waiting for ping module test: {error}");
                Ran { rc: 1, stderr: message.into(), took, ..Ran::default() }
            }
        }
    }

    async fn met_again(
        &mut self,
        via: &Via,
        wait: &Meet,
        begun: Instant,
    ) -> Result<(), TransportError> {
        sleep(Duration::from_secs(wait.delay)).await;
        let limit = Duration::from_secs(wait.timeout);
        let one = Duration::from_secs(wait.connect.max(1));
        loop {
            self.hang_up();
            let tried = timeout(one, self.ask(via)).await;
            let error = match tried {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => TransportError::TimedOut { seconds: wait.connect },
            };
            if begun.elapsed() >= limit || is_final(&error) {
                return Err(error);
            }
            sleep(Duration::from_secs(wait.sleep.max(1))).await;
        }
    }

    /// Something that every host has.
    async fn ask(&mut self, via: &Via) -> Result<(), TransportError> {
        let eye = self.eye(via).await?;
        self.look(eye, vec![Probe::Path { path: "/".into(), follow: true }]).await
    }
}

/// Whether trying again is in vain: a host that shows another key is another host. A login that is refused
/// may be taken when the host has started.
fn is_final(error: &TransportError) -> bool {
    let stage = match error {
        TransportError::Unreachable { stage, .. } => *stage,
        TransportError::NewHost(_) => Stage::HostKey,
        _ => return false,
    };
    matches!(stage, Stage::HostKey | Stage::Setup)
}
