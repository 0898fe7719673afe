//! Plain text for people: a line per changed or failed task, its diff, and a recap per host. What many
//! hosts say alike of one task (failures, warnings, `debug`) is told once, with the list of hosts.
use super::{Palette, Reporter, clean, confirmation, edited, recap};
use crate::change::Diff;
use crate::event::{Edit, Event, Left, Outcome};
use crate::facts::Lock;
use serde_json::{Map, Value};
use std::io::{self, Write};

/// Writes events as text.
pub struct Text<W> {
    out: W,
    palette: Palette,
    /// `-v`: unchanged and skipped tasks too; `-vv`: results.
    verbosity: u8,
    /// What hosts said of the task at hand.
    said: Vec<Said>,
    /// How many hosts it runs on.
    hosts: usize,
    width: usize,
}

/// What hosts said alike.
struct Said {
    word: &'static str,
    text: String,
    /// Indented below.
    detail: String,
    hosts: Vec<String>,
}

impl<W: Write + Send> Text<W> {
    /// A reporter that writes to `out`.
    pub fn new(out: W, palette: Palette, verbosity: u8) -> Self {
        Self { out, palette, verbosity, said: vec![], hosts: 0, width: 0 }
    }

    fn line(&mut self, word: &str, host: &str, text: &str) -> io::Result<()> {
        let padded = format!("{word:<12}");
        let painted = match word {
            "ok" | "debug" | "confirmed" => self.palette.good(&padded),
            "failed" | "unconfirmed" | "unreachable" | "refused" | "locked" | "not back" => {
                self.palette.bad(&padded)
            }
            "skipped" => self.palette.faint(&padded),
            _ => self.palette.changed(&padded),
        };
        writeln!(self.out, "{painted}  {host:<width$}  {}", clean(text), width = self.width)
    }

    /// Keeps what a host said until all have had their turn.
    fn collect(&mut self, word: &'static str, host: &str, text: &str, detail: &str) {
        let alike =
            |said: &&mut Said| said.word == word && said.text == text && said.detail == detail;
        match self.said.iter_mut().find(alike) {
            Some(said) => said.hosts.push(host.to_owned()),
            None => self.said.push(Said {
                word,
                text: text.to_owned(),
                detail: detail.to_owned(),
                hosts: vec![host.to_owned()],
            }),
        }
    }

    /// Tells what was collected.
    fn flush(&mut self) -> io::Result<()> {
        for Said { word, text, detail, hosts } in std::mem::take(&mut self.said) {
            // Which hosts failed is always told.
            let all = hosts.len() == self.hosts && word != "failed";
            let named = match hosts.as_slice() {
                [host] => host.clone(),
                many if all => format!("all {} hosts", many.len()),
                many => format!("{} hosts", many.len()),
            };
            self.line(word, &named, &text)?;
            if hosts.len() > 1 && !all {
                writeln!(self.out, "    on {}", hosts.join(", "))?;
            }
            self.indented(&detail)?;
        }
        Ok(())
    }

    fn indented(&mut self, text: &str) -> io::Result<()> {
        for line in clean(text).lines() {
            writeln!(self.out, "    {line}")?;
        }
        Ok(())
    }

    fn diffs(&mut self, diffs: &[Diff]) -> io::Result<()> {
        for diff in diffs {
            for line in clean(&diff.text).lines() {
                writeln!(self.out, "    {}", self.palette.diff_line(line))?;
            }
        }
        Ok(())
    }

    fn ended(
        &mut self,
        host: &str,
        task: &str,
        place: &str,
        outcome: &Outcome,
        diffs: &[Diff],
        result: &Map<String, Value>,
    ) -> io::Result<()> {
        match outcome {
            Outcome::Failed { message, ignored: false, rescued: false } => {
                self.collect("failed", host, &format!("{task}  ({place})"), message);
                return Ok(());
            }
            Outcome::Failed { message, ignored, .. } => {
                let word = if *ignored { "ignored" } else { "rescued" };
                self.line(word, host, task)?;
                self.indented(message)?;
            }
            Outcome::Changed => self.line("changed", host, task)?,
            Outcome::WouldChange => self.line("would change", host, task)?,
            Outcome::Unknown { why } => self.line("unknown", host, &format!("{task} ({why})"))?,
            Outcome::Skipped { why } if self.verbosity > 0 => {
                self.line("skipped", host, &format!("{task} ({why})"))?;
            }
            Outcome::Ok if self.verbosity > 0 => self.line("ok", host, task)?,
            Outcome::Ok | Outcome::Skipped { .. } => {}
        }
        self.diffs(diffs)?;
        self.said(host, outcome, result)
    }

    fn edited(&mut self, host: &str, edit: &Edit) -> io::Result<()> {
        self.line("edited", host, &edited::told(edit))?;
        let gone = edit.ours.iter().map(|line| format!("-{line}\n"));
        let text = gone.chain(edit.theirs.iter().map(|line| format!("+{line}\n"))).collect();
        self.diffs(&[Diff { subject: edit.path.clone(), text }])
    }

    fn rolled_back(
        &mut self,
        host: &str,
        restored: &[String],
        again: &[String],
        left: &[Left],
    ) -> io::Result<()> {
        let noun = if restored.len() == 1 { "path is" } else { "paths are" };
        let count = restored.len();
        let text = match again {
            [] => format!("{count} {noun} as before"),
            again => format!("{count} {noun} as before; done again: {}", again.join(", ")),
        };
        self.line("rolled back", host, &text)?;
        if self.verbosity > 0 {
            self.indented(&restored.join("\n"))?;
        }
        for Left { what, why } in left {
            self.line("not back", host, &format!("{what}: {why}"))?;
        }
        Ok(())
    }

    /// What `debug` says is always told; whole results with `-vv`.
    fn said(
        &mut self,
        host: &str,
        outcome: &Outcome,
        result: &Map<String, Value>,
    ) -> io::Result<()> {
        let wanted = result.get("_ansible_verbose_always") == Some(&Value::Bool(true));
        if wanted && *outcome == Outcome::Ok {
            // Of a loop's item, the item is in the line already.
            let loops = ["ansible_loop_var", "ansible_index_var"];
            let loops = loops.map(|name| result.get(name).and_then(Value::as_str));
            let shown = (result.iter())
                .filter(|(key, _)| !is_internal(key) && !loops.contains(&Some(key.as_str())));
            for (key, value) in shown {
                let text = match value {
                    Value::String(text) => text.clone(),
                    other => serde_json::to_string_pretty(other).unwrap_or_default(),
                };
                let text = if key == "msg" { text } else { format!("{key}: {text}") };
                if self.verbosity > 0 {
                    self.line("debug", host, &text)?;
                } else {
                    self.collect("debug", host, &text, "");
                }
            }
        } else if self.verbosity > 1 {
            let text = serde_json::to_string_pretty(result).unwrap_or_default();
            self.indented(&text)?;
        }
        Ok(())
    }
}

/// Who is at work, and since when.
fn at_work(lock: &Lock) -> String {
    let who = if lock.who.is_empty() { "somebody" } else { &lock.who };
    let since = jiff::Timestamp::from_second(lock.since);
    let since = since.map_or_else(|_| lock.since.to_string(), |since| since.to_string());
    let Lock { lease, age, .. } = lock;
    format!("{who} is at work there since {since} (last heard of {age} s ago, lease {lease} s)")
}

fn is_internal(key: &str) -> bool {
    let of_loops = ["ansible_loop", "ansible_loop_var", "ansible_index_var"];
    key.starts_with("_ansible") || matches!(key, "changed" | "failed") || of_loops.contains(&key)
}

impl<W: Write + Send> Reporter for Text<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if !matches!(
            event,
            Event::TaskFinished { .. }
                | Event::ItemFinished { .. }
                | Event::Warning { .. }
                | Event::Irreversible { .. }
        ) {
            self.flush()?;
        }
        match event {
            Event::RunStarted { hosts, .. } => {
                self.width = hosts.iter().map(|host| host.chars().count()).max().unwrap_or(0);
            }
            Event::PlayStarted { name, hosts, .. } => {
                let count = hosts.len();
                let noun = if count == 1 { "host" } else { "hosts" };
                let heading = format!("play {} on {count} {noun}", clean(name));
                writeln!(self.out, "{}", self.palette.strong(&heading))?;
            }
            Event::TaskStarted { hosts, .. } => self.hosts = hosts.len(),
            Event::TaskFinished { host, task, place, outcome, diffs, result, .. } => {
                self.ended(host, task, place, outcome, diffs, result)?;
            }
            Event::ItemFinished { host, task, item, outcome, diffs, result } => {
                let shown = !matches!(outcome, Outcome::Failed { .. });
                let notable = *outcome != Outcome::Ok || self.verbosity > 0;
                let speaks = result.contains_key("_ansible_verbose_always");
                if shown && (notable || speaks) && !matches!(outcome, Outcome::Skipped { .. }) {
                    let task = format!("{task} [{item}]");
                    self.ended(host, &task, "", outcome, diffs, result)?;
                } else if let Outcome::Failed { message, .. } = outcome {
                    self.line("failed", host, &format!("{task} [{item}]"))?;
                    self.indented(message)?;
                }
            }
            Event::Irreversible { host, task, why, .. } => {
                self.collect("no way back", host, &format!("{task} ({why})"), "");
            }
            Event::Edited { host, edit, .. } => self.edited(host, edit)?,
            Event::Owed { host, handler, known, .. } => {
                let text = if *known {
                    format!("{handler} (notified by an earlier run)")
                } else {
                    format!("{handler} (notified by another playbook, which has to run it)")
                };
                self.line("owed", host, &text)?;
            }
            Event::Warning { host: Some(host), message } => {
                self.collect("warning", host, message, "");
            }
            Event::Warning { host: None, message } => self.line("warning", "", message)?,
            Event::Stopping => {
                let words = "stopping: the change in hand is finished first (again: stop at once; \
                             what is owed is marked on the servers)";
                writeln!(self.out, "{}", self.palette.bad(words))?;
            }
            Event::Refused { host, message } => self.line("refused", host, message)?,
            Event::Locked { host, lock } => {
                self.line("locked", host, &at_work(lock))?;
                self.indented("help: wait until that run is over; one that was killed is taken over after its lease")?;
            }
            Event::CutOff { host, run } => {
                let text =
                    format!("run {run} was cut off; what it had begun goes on with its playbook");
                self.line("cut off", host, &text)?;
            }
            Event::Stopped { host, why } => self.line("stopped", host, why)?,
            Event::RolledBack { host, restored, again, left } => {
                self.rolled_back(host, restored, again, left)?;
            }
            Event::AtRisk { host, .. }
            | Event::Confirmed { host }
            | Event::Unconfirmed { host, .. }
            | Event::Waits { host, .. } => {
                if let Some((word, text)) = confirmation::told(event) {
                    self.line(word, host, &text)?;
                }
                if let Event::Unconfirmed { restored, again, left, why: Some(_), .. } = event {
                    self.rolled_back(host, restored, again, left)?;
                }
            }
            Event::Unreachable { host, message, help } => {
                self.line("unreachable", host, message)?;
                if let Some(help) = help {
                    self.indented(&format!("help: {help}"))?;
                }
            }
            Event::SecondChance { hosts } => {
                let heading = format!("second chance: {}", hosts.join(", "));
                writeln!(self.out, "{}", self.palette.strong(&heading))?;
            }
            Event::RunFinished { recap: hosts, interrupted } => {
                if *interrupted {
                    writeln!(self.out, "{}", self.palette.bad("interrupted"))?;
                }
                writeln!(self.out, "{}", self.palette.strong("recap"))?;
                write!(self.out, "{}", recap(hosts, self.palette))?;
            }
        }
        self.out.flush()
    }
}
