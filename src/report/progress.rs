//! Live progress on a terminal: one bar for the whole, a few lines for the hosts at work. Text of
//! another reporter goes through it, so that bars and lines don't run into each other.
use super::Reporter;
use crate::event::Event;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

/// Hosts that get a line of their own at the same time: more cost a quarter of a core per thousand.
const LINES: usize = 8;

/// The bars.
pub struct Progress {
    bars: MultiProgress,
    whole: ProgressBar,
    lines: BTreeMap<String, ProgressBar>,
    hosts: u64,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// Bars on standard error.
    pub fn new() -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let whole = bars.add(ProgressBar::new(0));
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg} {elapsed}");
        // The template is a constant without unknown keys.
        whole.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bars, whole, lines: BTreeMap::new(), hosts: 0 }
    }

    /// A writer for lines that stay above the bars.
    pub fn writer(&self) -> Above {
        Above { bars: self.bars.clone(), line: vec![] }
    }

    fn begin(&mut self, host: &str, task: &str) {
        if self.lines.len() >= LINES && !self.lines.contains_key(host) {
            return;
        }
        let line = self.lines.entry(host.to_owned()).or_insert_with(|| {
            let line = self.bars.insert_before(&self.whole, ProgressBar::new_spinner());
            line.enable_steady_tick(Duration::from_millis(120));
            line
        });
        line.set_message(format!("{host}: {}", super::clean(task)));
    }

    fn end(&mut self, host: &str) {
        if let Some(line) = self.lines.remove(host) {
            line.finish_and_clear();
            self.bars.remove(&line);
        }
    }
}

impl Reporter for Progress {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::PlayStarted { name, hosts, tasks } => {
                self.hosts = hosts.len() as u64;
                self.whole.set_length(self.hosts * *tasks as u64);
                self.whole.set_position(0);
                self.whole.set_message(super::clean(name).into_owned());
                self.whole.enable_steady_tick(Duration::from_millis(200));
                for host in hosts.iter().take(LINES) {
                    self.begin(host, "connecting");
                }
            }
            Event::TaskStarted { task, hosts, handler, .. } => {
                if *handler {
                    self.whole.inc_length(hosts.len() as u64);
                }
                for host in hosts {
                    self.begin(host, task);
                }
            }
            Event::TaskFinished { host, .. } => {
                self.whole.inc(1);
                self.end(host);
            }
            Event::Unreachable { host, .. }
            | Event::Locked { host, .. }
            | Event::Refused { host, .. } => self.end(host),
            Event::RunFinished { .. } => {
                for (_, line) in std::mem::take(&mut self.lines) {
                    line.finish_and_clear();
                }
                self.whole.finish_and_clear();
                self.bars.clear()?;
            }
            Event::RunStarted { .. }
            | Event::SecondChance { .. }
            | Event::ItemFinished { .. }
            | Event::Owed { .. }
            | Event::Warning { .. }
            | Event::CutOff { .. }
            | Event::Stopped { .. }
            | Event::Irreversible { .. }
            | Event::Edited { .. }
            | Event::RolledBack { .. }
            | Event::AtRisk { .. }
            | Event::Confirmed { .. }
            | Event::Unconfirmed { .. }
            | Event::Waits { .. }
            | Event::Stopping => {}
        }
        Ok(())
    }
}

/// Writes whole lines to standard output while the bars step aside.
pub struct Above {
    bars: MultiProgress,
    line: Vec<u8>,
}

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        if self.line.is_empty() {
            return Ok(());
        }
        let text = std::mem::take(&mut self.line);
        self.bars.suspend(|| {
            let mut out = io::stdout().lock();
            out.write_all(&text)?;
            out.flush()
        })
    }
}
