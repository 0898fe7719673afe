//! `cowhand rollback`: restore what a run replaced on servers, and restart what that concerns.
use super::args::{Color, FleetArgs, Format, LockArgs};
use super::fleet::{complain, each, worse};
use super::history::json;
use super::identity::identity;
use super::{Exit, Wrong};
use crate::change::Identity;
use crate::event::Left;
use crate::report::{Palette, clean};
use crate::run::past::{Reverted, Which, chosen, past, revert};
use crate::transport::{Transport, TransportError};
use clap::Args;
use std::io::{self, Write};

/// Arguments of `rollback`.
#[derive(Clone, Debug, Args)]
pub struct RollbackArgs {
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// This run, by its name or the beginning of it (`cowhand history` lists them); else the last one.
    #[arg(long, value_name = "ID", conflicts_with = "to")]
    pub run: Option<String>,
    /// Everything that began at this time or later: `2026-11-25T10:00:00Z`, or with another offset.
    #[arg(long, value_name = "TIME")]
    pub to: Option<jiff::Timestamp>,
    /// Restore also what was changed since the run.
    #[arg(long)]
    pub discard_changes: bool,
    #[command(flatten)]
    pub lock: LockArgs,
}

/// Takes runs back.
pub(super) async fn rollback(args: RollbackArgs, color: Color) -> Result<Exit, Wrong> {
    let palette = Palette { color: color.on_stdout() };
    let which = match (&args.run, args.to) {
        (Some(name), _) => Which::Run(name.clone()),
        (None, Some(moment)) => Which::Since(moment.as_second()),
        (None, None) => Which::Last,
    };
    let by = identity(args.lock.lock_lease);
    let force = args.discard_changes;
    let work = move |shell| {
        let (by, which) = (by.clone(), which.clone());
        async move { on_host(&shell, &by, &which, force).await }
    };
    let answers = each(&args.fleet, work).await?;
    let mut exit = Exit::Fine;
    let mut out = io::stdout().lock();
    for (host, answer) in answers {
        let ended = match answer {
            Err(error) => complain(&host, &error, palette)?,
            Ok(Err(why)) => {
                writeln!(io::stderr(), "{}  {host}  {}", palette.bad("failed"), clean(&why))?;
                Exit::Failed
            }
            Ok(Ok(back)) => {
                match args.fleet.format {
                    Format::Json => json(&mut out, as_json(&host, &back))?,
                    Format::Text => tell(&mut out, &host, &back, palette)?,
                }
                match &back {
                    back if back.left.is_empty() => Exit::Fine,
                    back if back.restored.is_empty() => Exit::Failed,
                    _ => Exit::NotRolledBack,
                }
            }
        };
        exit = worse(exit, ended);
    }
    Ok(exit)
}

async fn on_host(
    shell: &impl Transport,
    by: &Identity,
    which: &Which,
    force: bool,
) -> Result<Result<Reverted, String>, TransportError> {
    let runs = past(shell).await?;
    match chosen(&runs, which) {
        Ok(runs) => revert(shell, by, &runs, force).await.map(Ok),
        Err(why) => Ok(Err(why)),
    }
}

fn as_json(host: &str, back: &Reverted) -> serde_json::Value {
    let Reverted { runs, restored, again, owed, left } = back;
    serde_json::json!({
        "host": host, "runs": runs, "restored": restored, "again": again, "owed": owed, "left": left,
    })
}

fn tell(out: &mut impl Write, host: &str, back: &Reverted, palette: Palette) -> io::Result<()> {
    let runs = clean(&back.runs.join(", ")).into_owned();
    writeln!(out, "{}  run {runs}", palette.strong(host))?;
    for path in &back.restored {
        writeln!(out, "    {}  {}", palette.changed("restored "), clean(path))?;
    }
    for name in &back.again {
        writeln!(out, "    {}  {}", palette.changed("ran again"), clean(name))?;
    }
    for name in &back.owed {
        writeln!(out, "    {}  {}", palette.changed("owed     "), clean(name))?;
    }
    for Left { what, why } in &back.left {
        writeln!(out, "    {}  {}: {}", palette.bad("not back "), clean(what), clean(why))?;
    }
    if back.restored.is_empty() && !back.left.is_empty() {
        writeln!(out, "    nothing was touched; --discard-changes restores it all the same")?;
    }
    Ok(())
}
