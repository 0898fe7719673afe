//! The model's journal: what `transport/journal.sh` does, over snapshots of all that is known.
use crate::change::{Change, Ending, Entry, Identity, LOCKED, Ran};
use crate::facts::{Answer, Bytes, Lock, Observed, PastHandler, PastRun, PastStep, Probe};
use std::collections::BTreeMap;

/// What a host remembers of runs. Its clock stands still.
#[derive(Debug, Default)]
pub(super) struct Journal {
    lock: Option<Identity>,
    runs: Vec<Run>,
    /// The step at hand keeps what it replaces.
    keeps: bool,
}

#[derive(Debug)]
struct Run {
    told: PastRun,
    /// What was known before each step.
    before: Vec<Observed>,
    /// What steps were answered with.
    answers: BTreeMap<u32, Ran>,
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
        crate::facts::Journal { lock, open: open.map(|run| run.told.run.clone()).collect() }
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
            Entry::Begin { by, manifest } => self.begin(by, manifest),
            Entry::Tidy { by } => {
                if let Err(refused) = self.take(by) {
                    return refused;
                }
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

    fn begin(&mut self, by: &Identity, manifest: &Bytes) -> Ran {
        if let Err(refused) = self.take(by) {
            return refused;
        }
        self.cut_off(&by.run);
        if self.runs.iter().all(|run| run.told.run != by.run) {
            let (run, manifest) = (by.run.clone(), manifest.clone());
            let told = PastRun { run, manifest, ..PastRun::default() };
            self.runs.push(Run { told, before: vec![], answers: BTreeMap::new() });
        }
        Ran::default()
    }

    fn cut_off(&mut self, but: &str) {
        for run in self.runs.iter_mut().filter(|run| run.told.run != but) {
            run.told.ended.get_or_insert((0, "cut off".into()));
        }
    }

    fn held(&mut self, name: &str) -> Result<&mut Run, Ran> {
        let held = self.lock.as_ref().is_some_and(|by| by.run == name);
        let run = self.runs.iter_mut().find(|run| held && run.told.run == name);
        let message = "this run no longer holds the lock of this server; nothing more is touched";
        run.ok_or_else(|| super::failed(1, message))
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
        let run = self.held(run)?;
        if let Some(made) = run.answers.get(&number) {
            return Ok(Some(made.clone()));
        }
        if let Some(path) = kept_as {
            let new = matches!(facts.stat(&path, false), Ok(None) | Err(_));
            let function = change.words()[0].clone();
            let step = PastStep { number, function, path, new, done: false, undone: false };
            run.told.steps.push(step);
            run.before.push(facts.clone());
        }
        Ok(None)
    }

    /// The step that was begun last has ended.
    pub(super) fn ended(&mut self, run: &str, number: u32, ran: &Ran) {
        let Some(run) = self.runs.iter_mut().find(|known| known.told.run == run) else { return };
        run.answers.insert(number, ran.clone());
        if let Some(step) = run.told.steps.last_mut() {
            step.done |= ran.rc == 0 && self.keeps;
        }
    }

    fn undo(&mut self, of: &str, from: u32, facts: &mut Observed) -> Ran {
        let Some(run) = self.runs.iter_mut().find(|run| run.told.run == of) else {
            return super::failed(1, "there is no such run on this server");
        };
        let mut said: Vec<String> = vec![];
        for (step, before) in run.told.steps.iter_mut().zip(&run.before).rev() {
            if step.number < from || step.undone {
                continue;
            }
            step.undone = true;
            if step.done {
                said.push(format!("restored {}\0", step.path));
            }
            for (probe, fact) in before.iter() {
                if is_kept(probe) {
                    facts.set(probe.clone(), fact.clone());
                }
            }
            let known = |probe: &Probe| before.knows(probe);
            facts.forget(|probe| is_kept(probe) && !known(probe));
        }
        Answer { stdout: said.concat().as_str().into(), ..Answer::default() }
    }

    fn end(&mut self, name: &str, how: Ending) {
        if let Some(run) = self.runs.iter_mut().find(|run| run.told.run == name) {
            run.told.ended = Some((0, how.to_string()));
        }
        if self.lock.as_ref().is_some_and(|by| by.run == name) {
            self.lock = None;
        }
    }
}

/// Whether a fact is about what a run may change, and not about runs.
fn is_kept(probe: &Probe) -> bool {
    !matches!(probe, Probe::Owed | Probe::Journal | Probe::Runs)
}
