//! The model's journal: what `transport/journal.sh` does, over snapshots of all that is known.
use crate::change::{
    Change, Ending, Entry, Identity, LOCKED, Ran, STEPS_OF_A_NAME, TOO_LATE, TakenBack, taken_back,
};
use crate::facts::{
    Answer, Bytes, Lock, Observed, PastHandler, PastRun, PastStep, Probe, Unconfirmed, Written,
};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// What a host remembers of runs. Its clock stands still, but for runs that wait to be confirmed.
#[derive(Debug, Default)]
pub(super) struct Journal {
    lock: Option<Identity>,
    runs: Vec<Run>,
    /// What runs have written, by path.
    written: BTreeMap<String, (Written, Bytes)>,
    /// The step at hand keeps what it replaces.
    keeps: bool,
}

#[derive(Debug)]
struct Run {
    told: PastRun,
    /// What each step replaced.
    replaced: Vec<Replaced>,
    /// What steps were answered with.
    answers: BTreeMap<u32, Ran>,
    armed: Option<Armed>,
    /// Steps that the server itself can do again, and their names.
    again: Vec<(u32, String)>,
}

/// What a step replaced.
#[derive(Debug)]
struct Replaced {
    change: Change,
    /// All that was known.
    before: Observed,
    /// What had been written at its path.
    written: Option<(Written, Bytes)>,
}

/// A run waits to be confirmed.
#[derive(Debug)]
struct Armed {
    seconds: u32,
    from: u32,
    /// Its last sign of life.
    sign: Instant,
}

impl Journal {
    /// Who is at work, and what was never ended.
    pub(super) fn state(&self) -> crate::facts::Journal {
        let lock = self.lock.as_ref().map(|by| Lock {
            run: by.run.clone(),
            who: by.who.clone(),
            lease: by.lease.into(),
            ..Lock::default()
        });
        let open = self.runs.iter().filter(|run| run.told.ended.is_none());
        let open = open.map(|run| run.told.run.clone()).collect();
        let name = |run: &Run| (run.told.run.clone(), 0);
        let waits = self.runs.iter().find(|run| run.armed.is_some()).map(name);
        let last = self.runs.last().filter(|run| run.told.unconfirmed.is_some());
        let written = self.written.values().map(|(written, _)| written.clone()).collect();
        crate::facts::Journal { lock, open, waits, unconfirmed: last.map(name), written }
    }

    /// What a run last wrote at a path.
    pub(super) fn written(&self, path: &str) -> Option<Bytes> {
        self.written.get(path).map(|(_, content)| content.clone())
    }

    /// Takes back what nobody confirmed in time.
    pub(super) fn tick(&mut self, facts: &mut Observed) {
        let due = |armed: &Armed| armed.sign.elapsed() >= Duration::from_secs(armed.seconds.into());
        self.take_back(facts, due);
    }

    fn take_back(&mut self, facts: &mut Observed, due: impl Fn(&Armed) -> bool) {
        for at in 0..self.runs.len() {
            let run = &mut self.runs[at];
            let Some(Armed { from, .. }) = run.armed.take_if(|armed| due(armed)) else { continue };
            let name = run.told.run.clone();
            let ran = self.undo(&name, from, facts);
            let run = &mut self.runs[at];
            let restored = taken_back(&ran).into_iter().filter_map(|became| match became {
                TakenBack::Restored(path) => Some(path),
                TakenBack::Left { .. } => None,
            });
            let again = run.again.iter().filter(|(number, _)| is_from(from, *number));
            run.told.unconfirmed = Some(Unconfirmed {
                restored: restored.collect(),
                again: again.map(|(_, name)| name.clone()).collect(),
                ..Unconfirmed::default()
            });
            run.told.waits = None;
            run.told.ended = Some((0, "not confirmed, taken back".into()));
            if self.lock.as_ref().is_some_and(|by| by.run == name) {
                self.lock = None;
            }
        }
    }

    /// What runs changed.
    pub(super) fn runs(&self) -> Vec<PastRun> {
        self.runs.iter().map(|run| run.told.clone()).collect()
    }

    /// The lock is as old as its lease: whoever held it was killed.
    pub(super) fn leave_behind(&mut self) {
        self.lock = None;
    }

    pub(super) fn enter(&mut self, entry: &Entry, facts: &mut Observed) -> Ran {
        match entry {
            Entry::Begin { by, manifest } => self.begin(by, manifest, facts),
            Entry::Tidy { by } => {
                if let Err(refused) = self.take(by) {
                    return refused;
                }
                self.take_back(facts, |_| true);
                self.cut_off(&by.run);
                self.lock = None;
                Ran::default()
            }
            Entry::Handler { run, number, handler, changes } => match self.held(run) {
                Ok(run) => {
                    let (handler, changes) = (handler.clone(), changes.clone());
                    run.told.handlers.push(PastHandler { number: *number, handler, changes });
                    Ran::default()
                }
                Err(refused) => refused,
            },
            Entry::Undo { run, of, from, .. } => {
                if let Err(refused) = self.held(run) {
                    return refused;
                }
                self.undo(of, *from, facts)
            }
            Entry::Arm { run, seconds, from } => match self.held(run) {
                Ok(run) => {
                    let (seconds, from, sign) = (*seconds, *from, Instant::now());
                    run.armed.get_or_insert(Armed { seconds, from, sign });
                    run.told.waits = Some(seconds.into());
                    Answer { stdout: "0\nnothing\n".into(), ..Answer::default() }
                }
                Err(refused) => refused,
            },
            Entry::Again { run, number, .. } => match self.held(run) {
                Ok(run) => {
                    let handler = run.told.handlers.iter().find(|known| known.number == *number);
                    run.again.extend(handler.map(|known| (*number, known.handler.clone())));
                    Ran::default()
                }
                Err(refused) => refused,
            },
            Entry::Stay { run } => {
                self.held(run).map_or_else(|refused| refused, |_| Ran::default())
            }
            Entry::Confirm { run } => self.confirm(run),
            Entry::End { run, how } => {
                self.end(run, *how);
                Ran::default()
            }
        }
    }

    fn take(&mut self, by: &Identity) -> Result<(), Ran> {
        match &self.lock {
            Some(other) if other.run != by.run => {
                let Identity { run, who, lease } = other;
                let stdout = format!("{run}\n{who}\n0\n{lease}\n0\n").as_str().into();
                Err(Answer { rc: LOCKED, stdout, ..Answer::default() })
            }
            _ => {
                self.lock = Some(by.clone());
                Ok(())
            }
        }
    }

    fn confirm(&mut self, name: &str) -> Ran {
        match self.runs.iter_mut().find(|run| run.told.run == name) {
            None => super::failed(1, "there is no such run on this server"),
            Some(run) if run.told.unconfirmed.is_some() => super::failed(TOO_LATE, ""),
            Some(run) => {
                (run.armed, run.told.waits) = (None, None);
                Ran::default()
            }
        }
    }

    fn begin(&mut self, by: &Identity, manifest: &Bytes, facts: &mut Observed) -> Ran {
        if let Err(refused) = self.take(by) {
            return refused;
        }
        if self.runs.iter().all(|run| run.told.run != by.run) {
            self.take_back(facts, |_| true);
        }
        self.cut_off(&by.run);
        if self.runs.iter().all(|run| run.told.run != by.run) {
            let (run, manifest) = (by.run.clone(), manifest.clone());
            let told = PastRun { run, manifest, ..PastRun::default() };
            let (replaced, answers) = (vec![], BTreeMap::new());
            self.runs.push(Run { told, replaced, answers, armed: None, again: vec![] });
        }
        Ran::default()
    }

    fn cut_off(&mut self, but: &str) {
        for run in self.runs.iter_mut().filter(|run| run.told.run != but) {
            run.told.ended.get_or_insert((0, "cut off".into()));
        }
    }

    fn held(&mut self, name: &str) -> Result<&mut Run, Ran> {
        let back = |run: &Run| run.told.run == name && run.told.unconfirmed.is_some();
        if self.runs.iter().any(back) {
            return Err(super::failed(TOO_LATE, "the server takes it back"));
        }
        let held = self.lock.as_ref().is_some_and(|by| by.run == name);
        let run = self.runs.iter_mut().find(|run| held && run.told.run == name);
        let message = "this run no longer holds the lock of this server; nothing more is touched";
        let run = run.ok_or_else(|| super::failed(1, message))?;
        if let Some(armed) = &mut run.armed {
            armed.sign = Instant::now();
        }
        Ok(run)
    }

    /// Keeps what is there before a change. `Some`: that was made already, and answered so.
    pub(super) fn step(
        &mut self,
        run: &str,
        number: u32,
        change: &Change,
        facts: &Observed,
    ) -> Result<Option<Ran>, Ran> {
        let kept_as = change.kept_as();
        self.keeps = kept_as.is_some();
        let written = kept_as.as_ref().and_then(|path| self.written.get(path).cloned());
        let run = self.held(run)?;
        if let Some(made) = run.answers.get(&number) {
            return Ok(Some(made.clone()));
        }
        if let Some(path) = kept_as {
            let before = facts.clone();
            run.replaced.push(Replaced { change: change.clone(), before, written });
            let new = matches!(facts.stat(&path, false), Ok(None) | Err(_));
            let function = change.words()[0].clone();
            let step = PastStep { number, function, path, new, done: false, undone: false };
            run.told.steps.push(step);
        }
        Ok(None)
    }

    /// The step that was begun last has ended.
    pub(super) fn ended(&mut self, run: &str, number: u32, change: &Change, ran: &Ran) {
        if ran.rc == 0 {
            self.note_written(run, change);
        }
        let Some(run) = self.runs.iter_mut().find(|known| known.told.run == run) else { return };
        run.answers.insert(number, ran.clone());
        if let Some(step) = run.told.steps.last_mut() {
            step.done |= ran.rc == 0 && self.keeps;
        }
    }

    /// What a change leaves is in mind, what it removes no more.
    fn note_written(&mut self, run: &str, change: &Change) {
        match change {
            Change::WriteFile { path, content, .. } => {
                let (run, path, sha256) = (run.to_owned(), path.clone(), content.sha256());
                let written = Written { run, at: 0, sha256, path: path.clone() };
                self.written.insert(path, (written, content.clone()));
            }
            Change::Remove { path } => {
                let below = format!("{path}/");
                self.written.retain(|known, _| known != path && !known.starts_with(&below));
            }
            Change::Link { path, .. } => drop(self.written.remove(path)),
            Change::Download(download) => drop(self.written.remove(&download.path)),
            _ => {}
        }
    }

    fn undo(&mut self, of: &str, from: u32, facts: &mut Observed) -> Ran {
        let Some(run) = self.runs.iter_mut().find(|run| run.told.run == of) else {
            return super::failed(1, "there is no such run on this server");
        };
        let mut said: Vec<String> = vec![];
        for (step, replaced) in run.told.steps.iter_mut().zip(&run.replaced).rev() {
            if !is_from(from, step.number) || step.undone {
                continue;
            }
            step.undone = true;
            if is_whole(&step.function) {
                let written = replaced.written.clone().map(|written| (step.path.clone(), written));
                self.written.remove(&step.path);
                self.written.extend(written);
            }
            if step.done {
                said.push(format!("restored {}\0", step.path));
            }
            let Replaced { change, before, .. } = replaced;
            let concerns = |probe: &Probe| concerns(change, &step.path, probe);
            for (probe, fact) in before.iter().filter(|(probe, _)| concerns(probe)) {
                facts.set(probe.clone(), fact.clone());
            }
            facts.forget(|probe| concerns(probe) && !before.knows(probe));
        }
        Answer { stdout: said.concat().as_str().into(), ..Answer::default() }
    }

    fn end(&mut self, name: &str, how: Ending) {
        let mut runs = self.runs.iter_mut();
        let confirmed = |run: &&mut Run| run.told.run == name && run.told.unconfirmed.is_none();
        if let Some(run) = runs.find(confirmed) {
            run.told.ended = Some((0, how.to_string()));
        }
        if self.lock.as_ref().is_some_and(|by| by.run == name) {
            self.lock = None;
        }
        while self.runs.len() > RUNS_KEPT && self.runs[0].told.ended.is_some() {
            self.runs.remove(0);
        }
    }
}

/// `runs_kept` of `journal.sh`.
const RUNS_KEPT: usize = 10;

/// Whether a step that did this to a path may have made another answer of this.
fn concerns(change: &Change, path: &str, probe: &Probe) -> bool {
    match (change, probe) {
        (Change::Deed(deed), _) => deed.makes.iter().any(|(made, _)| made == probe),
        (_, Probe::Path { path: other, .. } | Probe::Content { path: other }) => {
            let below = other.strip_prefix(path);
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        }
        _ => false,
    }
}

/// Whether a function of `remote.sh` puts something else in the place of a file.
fn is_whole(function: &str) -> bool {
    matches!(function, "write_file" | "run_download" | "make_link" | "remove_path")
}

/// `is_from` of `journal.sh`.
fn is_from(from: u32, step: u32) -> bool {
    let name = |step: u32| step / STEPS_OF_A_NAME;
    (name(from) == 0 || name(from) == name(step)) && step >= from
}
