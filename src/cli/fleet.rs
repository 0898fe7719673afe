//! What `owed`, `history` and `rollback` share: the same work on every host that is meant, side by side,
//! as whoever the inventory says that we become.
use super::args::FleetArgs;
use super::connect::{Dialer, LinkShell};
use super::{Exit, Wrong, limit, load};
use crate::report::{Palette, clean};
use crate::transport::{Connect, TransportError};
use std::io::{self, Write};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// What came of each host, by name.
pub(super) type Answers<T> = Vec<(String, Result<T, TransportError>)>;

/// Does something on every host that is meant, at most `--forks` at once.
pub(super) async fn each<T, F, Fut>(args: &FleetArgs, work: F) -> Result<Answers<T>, Wrong>
where
    T: Send + 'static,
    F: Fn(LinkShell) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<T, TransportError>> + Send,
{
    let fleet = load::fleet(&args.hosts, None, load::sources(&args.hosts)?)?;
    let only = limit::limit(&fleet, args.hosts.limit.as_deref())?;
    let pattern = args.patterns.join(",");
    let hosts = fleet.inventory.select(&pattern);
    let mut hosts = hosts.map_err(|found| Wrong::Usage(found.message, found.help))?;
    hosts.retain(|host| only.as_ref().is_none_or(|only| only.contains(host)));
    if hosts.is_empty() {
        return Err(Wrong::usage(format!("no host matches `{pattern}`")));
    }
    let dialer = Arc::new(Dialer::for_fleet(&fleet, &args.login)?);
    let forks = Arc::new(Semaphore::new(args.login.forks.max(1)));
    let mut at_work = JoinSet::new();
    for host in hosts {
        let (dialer, forks, work) = (dialer.clone(), forks.clone(), work.clone());
        at_work.spawn(async move {
            // The semaphore is never closed.
            let _permit = forks.acquire_owned().await;
            let answer = match shell(&dialer, &host).await {
                Ok(shell) => work(shell).await,
                Err(error) => Err(error),
            };
            (host, answer)
        });
    }
    let mut answers = at_work.join_all().await;
    answers.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(answers)
}

async fn shell(dialer: &Dialer, host: &str) -> Result<LinkShell, TransportError> {
    let link = dialer.dial(host)?;
    link.shell(dialer.escalation(host)?.as_ref()).await
}

/// Tells of a host where it did not work, and how the process ends for that.
pub(super) fn complain(host: &str, error: &TransportError, palette: Palette) -> io::Result<Exit> {
    let mut err = io::stderr().lock();
    let (word, exit) = match error {
        TransportError::Locked(_) | TransportError::Journal(_) => ("failed", Exit::Failed),
        _ => ("unreachable", Exit::Unreachable),
    };
    writeln!(err, "{}  {host}  {}", palette.bad(word), clean(&error.to_string()))?;
    if let Some(help) = error.help() {
        writeln!(err, "    help: {}", clean(help))?;
    }
    Ok(exit)
}

/// The worse of two ends.
pub(super) fn worse(a: Exit, b: Exit) -> Exit {
    let rank = |exit| match exit {
        Exit::NotRolledBack => 3,
        Exit::Failed => 2,
        Exit::Unreachable => 1,
        _ => 0,
    };
    if rank(b) > rank(a) { b } else { a }
}
