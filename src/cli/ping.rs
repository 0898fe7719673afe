//! `cowhand ping`: can it log in, and become root?
use super::args::{Color, PingArgs};
use super::connect::Dialer;
use super::{Exit, Wrong, limit, load, trust};
use crate::facts::{Fact, Probe};
use crate::report::{Palette, clean};
use crate::transport::{Connect, Transport, TransportError};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// What came of one host.
struct Pong {
    host: String,
    answer: Result<String, TransportError>,
    millis: u128,
}

/// Logs in everywhere and asks who we are.
pub(super) async fn ping(args: PingArgs, color: Color) -> Result<Exit, Wrong> {
    let fleet = load::fleet(&args.hosts, None, load::sources(&args.hosts)?)?;
    let hosts = limit::chosen(&fleet, &args.pattern, args.hosts.limit.as_deref())?;
    let dialer = Arc::new(Dialer::for_fleet(&fleet, &args.login)?);
    trust::ask(&dialer, &hosts).await?;
    let forks = Arc::new(Semaphore::new(args.login.forks.max(1)));
    let mut at_work = JoinSet::new();
    for host in hosts {
        let (dialer, forks) = (dialer.clone(), forks.clone());
        at_work.spawn(async move {
            // The semaphore is never closed.
            let _permit = forks.acquire_owned().await;
            let begun = Instant::now();
            let answer = whoami(&dialer, &host).await;
            Pong { host, answer, millis: begun.elapsed().as_millis() }
        });
    }
    let mut pongs = at_work.join_all().await;
    pongs.sort_by(|a, b| a.host.cmp(&b.host));
    tell(&pongs, Palette { color: color.on_stdout() })?;
    let bad = pongs.iter().any(|pong| pong.answer.is_err());
    Ok(if bad { Exit::Unreachable } else { Exit::Fine })
}

async fn whoami(dialer: &Dialer, host: &str) -> Result<String, TransportError> {
    let link = dialer.dial(host)?;
    let escalation = dialer.escalation(host)?;
    let shell = link.shell(escalation.as_ref()).await?;
    let probe = Probe::Command { argv: vec!["id".into(), "-un".into()] };
    let facts = shell.observe(&[probe]).await?;
    match facts.first() {
        Some(Fact::Command(answer)) => Ok(answer.stdout.text().trim().to_owned()),
        _ => Err(TransportError::Lost { in_change: false }),
    }
}

fn tell(pongs: &[Pong], palette: Palette) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let width = pongs.iter().map(|pong| pong.host.chars().count()).max().unwrap_or(0);
    for Pong { host, answer, millis } in pongs {
        match answer {
            Ok(user) => {
                let word = palette.good("ok         ");
                writeln!(out, "{word}  {host:<width$}  as {} in {millis} ms", clean(user))?;
            }
            Err(error) => {
                let word = palette.bad("unreachable");
                writeln!(out, "{word}  {host:<width$}  {}", clean(&error.to_string()))?;
                if let Some(help) = error.help() {
                    writeln!(out, "    help: {}", clean(help))?;
                }
            }
        }
    }
    Ok(())
}
