//! `cowhand history`: what past runs changed on servers, as far as the servers remember.
use super::args::{Color, FleetArgs, Format};
use super::fleet::{complain, each, worse};
use super::{Exit, Wrong};
use crate::facts::{PastRun, PastStep};
use crate::report::{Palette, clean, clock};
use crate::run::past::past;
use clap::Args;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Arguments of `history`.
#[derive(Clone, Debug, Args)]
pub struct HistoryArgs {
    #[command(flatten)]
    pub fleet: FleetArgs,
}

/// Lists past runs, oldest first.
pub(super) async fn history(args: HistoryArgs, color: Color) -> Result<Exit, Wrong> {
    let palette = Palette { color: color.on_stdout() };
    let answers = each(&args.fleet, |shell| async move { past(&shell).await }).await?;
    let mut exit = Exit::Fine;
    let mut out = io::stdout().lock();
    for (host, answer) in answers {
        match answer {
            Err(error) => exit = worse(exit, complain(&host, &error, palette)?),
            Ok(runs) if args.fleet.format == Format::Json => {
                for run in &runs {
                    json(&mut out, as_json(&host, run))?;
                }
            }
            Ok(runs) => tell(&mut out, &host, &runs, palette)?,
        }
    }
    Ok(exit)
}

/// One JSON line.
pub(super) fn json(out: &mut impl Write, value: Value) -> io::Result<()> {
    let mut line = json!({"v": crate::event::VERSION});
    if let (Some(line), Value::Object(value)) = (line.as_object_mut(), value) {
        line.extend(value);
    }
    writeln!(out, "{line}")
}

/// Seconds since 1970 as people read them.
pub(super) fn moment(seconds: i64) -> String {
    let moment = jiff::Timestamp::from_second(seconds);
    moment.map_or_else(|_| seconds.to_string(), |moment| moment.to_string())
}

fn as_json(host: &str, run: &PastRun) -> Value {
    let manifest: Value = serde_json::from_slice(&run.manifest.0).unwrap_or(Value::Null);
    let steps = run.steps.iter().map(|step| {
        json!({"number": step.number, "path": step.path, "function": step.function,
               "new": step.new, "done": step.done, "undone": step.undone})
    });
    let (ended, how) = run.ended.as_ref().map_or((None, None), |(at, how)| (Some(at), Some(how)));
    json!({
        "host": host, "run": run.run, "begun": run.begun, "from": run.from, "ended": ended,
        "how": how, "waits": run.waits, "unconfirmed": run.unconfirmed, "manifest": manifest, "steps": steps.collect::<Vec<_>>(),
        "handlers": run.handlers.iter().map(|handler| &handler.handler).collect::<Vec<_>>(),
    })
}

fn tell(out: &mut impl Write, host: &str, runs: &[PastRun], palette: Palette) -> io::Result<()> {
    writeln!(out, "{}", palette.strong(host))?;
    if runs.is_empty() {
        writeln!(out, "  no run has changed anything here")?;
    }
    for run in runs {
        let manifest: Value = serde_json::from_slice(&run.manifest.0).unwrap_or(Value::Null);
        let text = |key: &str| manifest.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
        let what = match manifest.get("rollback").and_then(Value::as_array) {
            Some(runs) => {
                let runs: Vec<&str> = runs.iter().filter_map(Value::as_str).collect();
                format!("rollback of {}", runs.join(", "))
            }
            None => text("playbook"),
        };
        let from = if run.from.is_empty() { String::new() } else { format!(" from {}", run.from) };
        let how = match (&run.ended, run.waits) {
            (Some((_, how)), _) => how.clone(),
            (None, Some(until)) => format!("waits to be confirmed until {}", clock(until)),
            (None, None) => "not ended".to_owned(),
        };
        let (name, when) = (palette.strong(&clean(&run.run)), moment(run.begun));
        let line = format!("{when}  {what}  by {}{from}: {how}", text("who"));
        writeln!(out, "  {name}  {}", clean(&line))?;
        for step in &run.steps {
            writeln!(out, "    {}  {}", palette.changed(word(step)), clean(&step.path))?;
        }
        for handler in &run.handlers {
            writeln!(out, "    ran       {}", clean(&handler.handler))?;
        }
        let back = run.unconfirmed.clone().unwrap_or_default();
        for name in &back.again {
            writeln!(out, "    ran again {}", clean(name))?;
        }
        for name in &back.owed {
            writeln!(out, "    owed      {}", clean(name))?;
        }
        for (what, why) in &back.left {
            writeln!(out, "    {}  {}: {}", palette.bad("not back"), clean(what), clean(why))?;
        }
    }
    Ok(())
}

/// What became of a path, in eight columns.
fn word(step: &PastStep) -> &'static str {
    match step {
        PastStep { undone: true, .. } => "restored",
        PastStep { done: false, .. } => "begun   ",
        PastStep { new: true, .. } => "made    ",
        PastStep { function, .. } if function == "remove_path" => "removed ",
        PastStep { .. } => "changed ",
    }
}
