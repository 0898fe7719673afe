//! `cowhand owed`: handlers that were notified and have not succeeded since; `--forget` drops one by name.
use super::args::{Color, FleetArgs, Format};
use super::fleet::{complain, each, worse};
use super::history::{json, moment};
use super::{Exit, Wrong};
use crate::change::Change;
use crate::facts::{Fact, Owed, Probe};
use crate::report::{Palette, clean};
use crate::transport::{Transport, TransportError};
use clap::Args;
use std::io::{self, Write};

/// Arguments of `owed`.
#[derive(Clone, Debug, Args)]
pub struct OwedArgs {
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Drop the mark of the handler of exactly this name (`role : handler`): nobody will run it.
    #[arg(long, value_name = "NAME")]
    pub forget: Option<String>,
}

/// Lists what is owed, or drops a mark.
pub(super) async fn owed(args: OwedArgs, color: Color) -> Result<Exit, Wrong> {
    let palette = Palette { color: color.on_stdout() };
    let forget = args.forget.clone();
    let work = move |shell| {
        let forget = forget.clone();
        async move { look(&shell, forget).await }
    };
    let answers = each(&args.fleet, work).await?;
    let mut exit = Exit::Fine;
    let mut found = false;
    let mut out = io::stdout().lock();
    for (host, answer) in answers {
        let owed = match answer {
            Ok(owed) => owed,
            Err(error) => {
                exit = worse(exit, complain(&host, &error, palette)?);
                continue;
            }
        };
        for Owed { handler, since } in owed {
            let forgotten = args.forget.as_deref() == Some(handler.as_str());
            found |= forgotten;
            if args.fleet.format == Format::Json {
                let told = serde_json::json!({
                    "host": host, "handler": handler, "since": since, "forgotten": forgotten,
                });
                json(&mut out, told)?;
                continue;
            }
            let word = if forgotten { "forgotten" } else { "owed     " };
            let (word, handler) = (palette.changed(word), clean(&handler));
            writeln!(out, "{word}  {host}  {handler}  (since {})", moment(since))?;
        }
    }
    match &args.forget {
        Some(name) if !found && exit == Exit::Fine => {
            let help = "without --forget, `cowhand owed` lists the names".to_owned();
            Err(Wrong::Usage(format!("no host owes `{name}`"), Some(help)))
        }
        _ => Ok(exit),
    }
}

/// What a host owed before the mark was dropped.
async fn look(shell: &impl Transport, forget: Option<String>) -> Result<Vec<Owed>, TransportError> {
    let Some(Fact::Owed(owed)) = shell.observe(&[Probe::Owed]).await?.pop() else {
        return Ok(vec![]);
    };
    let Some(handler) = forget.filter(|name| owed.iter().any(|owed| owed.handler == *name)) else {
        return Ok(owed);
    };
    let ran = shell.apply(&[Change::Settle { handler }]).await?;
    match ran.first() {
        Some(ran) if ran.rc != 0 => {
            Err(TransportError::Journal(ran.stderr.text().trim().to_owned()))
        }
        _ => Ok(owed),
    }
}
