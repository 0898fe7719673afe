//! Past runs on one host: which of them to take back, and doing so without their playbook. What they
//! replaced and what their handlers did is in the server's own journal.
use crate::change::{Care, Change, Effect, Ending, Entry, Identity, TakenBack, Undo, taken_back};
use crate::event::Left;
use crate::facts::{Fact, PastRun, Probe};
use crate::transport::{Transport, TransportError};
use serde_json::json;

/// Which runs to take back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The last one that still stands.
    Last,
    /// This one: its name, or the beginning of it.
    Run(String),
    /// All that began then or later, in seconds since 1970.
    Since(i64),
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reverted {
    /// The runs, newest first.
    pub runs: Vec<String>,
    /// Paths that are as they were.
    pub restored: Vec<String>,
    /// Handlers and tasks that were done again.
    pub again: Vec<String>,
    /// Handlers that whoever runs their playbook next has to run: what they do was not kept.
    pub owed: Vec<String>,
    /// What could not be brought back.
    pub left: Vec<Left>,
}

impl Reverted {
    /// Adds a run that the server has taken back by itself.
    fn add(&mut self, run: &PastRun) {
        let report = run.unconfirmed.clone().unwrap_or_default();
        self.runs.push(run.run.clone());
        self.restored.extend(report.restored);
        self.again.extend(report.again);
        self.owed.extend(report.owed);
        self.left.extend(report.left.into_iter().map(|(what, why)| Left { what, why }));
    }
}

/// What past runs did on a host, oldest first.
///
/// # Errors
/// The host can't be spoken to.
pub async fn past<S: Transport>(shell: &S) -> Result<Vec<PastRun>, TransportError> {
    match shell.observe(&[Probe::Runs]).await?.pop() {
        Some(Fact::Runs(runs)) => Ok(runs),
        _ => Ok(vec![]),
    }
}

/// The runs that are meant and still stand, newest first.
///
/// # Errors
/// A lowercase fragment: there is none.
pub fn chosen<'a>(runs: &'a [PastRun], which: &Which) -> Result<Vec<&'a PastRun>, String> {
    let stands = |run: &&PastRun| run.steps.iter().any(|step| !step.undone);
    let standing = runs.iter().rev().filter(stands);
    let found: Vec<&PastRun> = match which {
        Which::Last => standing.take(1).collect(),
        Which::Since(moment) => standing.filter(|run| run.begun >= *moment).collect(),
        Which::Run(name) => {
            let named = |run: &&PastRun| run.run.starts_with(name.as_str());
            match runs.iter().filter(named).collect::<Vec<_>>()[..] {
                [] => return Err(format!("there is no run {name}; `cowhand history` lists them")),
                [run] if !stands(&run) => return Err(format!("run {name} was taken back already")),
                [run] => vec![run],
                _ => return Err(format!("more than one run begins with {name}")),
            }
        }
    };
    if found.is_empty() {
        return Err("there is no run to take back".into());
    }
    Ok(found)
}

/// Takes runs back, newest first, and lets services notice. Unless `force`, nothing of a run is touched
/// when something that it changed was changed since, nor of those before it.
///
/// # Errors
/// The host can't be spoken to, or somebody else is at work there.
pub async fn revert<S: Transport>(
    shell: &S,
    by: &Identity,
    runs: &[&PastRun],
    force: bool,
) -> Result<Reverted, TransportError> {
    let names: Vec<&str> = runs.iter().map(|run| run.run.as_str()).collect();
    let manifest = json!({"rollback": names, "who": by.who});
    let manifest = manifest.to_string().as_str().into();
    let begin = Change::Journal(Entry::Begin { by: by.clone(), manifest });
    let begun = shell.apply(&[begin]).await?;
    begun.first().map_or(Ok(()), TransportError::of_begin)?;
    let owed = match shell.observe(&[Probe::Owed]).await?.pop() {
        Some(Fact::Owed(owed)) => owed.into_iter().map(|owed| owed.handler).collect(),
        _ => vec![],
    };
    let (mut back, mut steps) = (Reverted::default(), 1..);
    // Whoever begins takes back first what waits to be confirmed.
    let waited = runs.iter().any(|run| run.waits.is_some());
    let now = if waited { past(shell).await? } else { vec![] };
    for run in runs {
        if let Some(report) = now.iter().find(|now| now.run == run.run && run.waits.is_some()) {
            back.add(report);
            continue;
        }
        let mut step = |change| {
            let number = steps.next().unwrap_or(u32::MAX);
            Change::Step { run: by.run.clone(), number, change: Box::new(change) }
        };
        one(shell, (by, &mut step), run, force, &owed, &mut back).await?;
        if !back.left.is_empty() && !force {
            break;
        }
    }
    let how = if back.left.is_empty() { Ending::Applied } else { Ending::Failed };
    shell.apply(&[Change::Journal(Entry::End { run: by.run.clone(), how })]).await?;
    Ok(back)
}

async fn one<S: Transport>(
    shell: &S,
    (by, step): (&Identity, &mut (dyn FnMut(Change) -> Change + Send)),
    run: &PastRun,
    force: bool,
    owed: &[String],
    back: &mut Reverted,
) -> Result<(), TransportError> {
    let effects = effects(run);
    // Whoever comes next runs these, if we are cut off in between.
    let new = effects.iter().filter(|(name, effect)| effect.handler && !owed.contains(name));
    let new: Vec<String> = new.map(|(name, _)| name.clone()).collect();
    let mut batch: Vec<Change> =
        new.iter().map(|handler| Change::Owe { handler: handler.clone() }).collect();
    let care = if force { Care::Force } else { Care::Strict };
    let (mine, of) = (by.run.clone(), run.run.clone());
    batch.push(step(Change::Journal(Entry::Undo { run: mine, of, from: 0, care })));
    let ran = shell.apply(&batch).await?;
    if let Some(failed) = ran.iter().find(|ran| ran.rc != 0) {
        back.left.push(Left { what: format!("run {}", run.run), why: failed.last_line() });
    }
    let mut restored = 0;
    for became in ran.last().map(taken_back).unwrap_or_default() {
        match became {
            TakenBack::Restored(path) => {
                restored += 1;
                back.restored.push(path);
            }
            TakenBack::Left { path, why } => back.left.push(Left { what: path, why }),
        }
    }
    back.runs.push(run.run.clone());
    let settle = |handler: &String| Change::Settle { handler: handler.clone() };
    if restored == 0 {
        // Nothing was touched, so nothing has to notice.
        let settled: Vec<Change> = new.iter().map(settle).collect();
        shell.apply(&settled).await?;
        return Ok(());
    }
    for (name, effect) in effects {
        let Some(changes) = effect.changes else {
            back.owed.push(name);
            continue;
        };
        let mut batch: Vec<Change> = changes.into_iter().map(&mut *step).collect();
        batch.extend(effect.handler.then(|| settle(&name)));
        let ran = shell.apply(&batch).await?;
        match ran.iter().find(|ran| ran.rc != 0) {
            Some(failed) => back.left.push(Left { what: name, why: failed.last_line() }),
            None => back.again.push(name),
        }
    }
    Ok(())
}

/// What a run's handlers did, each once, by the name of the last that did it. Only what a journal of ours
/// can hold: nothing that writes a file.
fn effects(run: &PastRun) -> Vec<(String, Effect)> {
    let mut effects: Vec<(String, Effect)> = vec![];
    for handler in &run.handlers {
        let read = serde_json::from_slice(&handler.changes.0).ok();
        let mut effect: Effect = read.unwrap_or(Effect { handler: true, changes: None });
        let known = |change: &Change| match change {
            Change::Run(_) | Change::Compose(_) | Change::Wait(_) => true,
            other => other.undo() == Undo::Again,
        };
        effect.changes = effect.changes.filter(|changes| changes.iter().all(known));
        effects.retain(|(name, other)| *name != handler.handler || *other != effect);
        effects.push((handler.handler.clone(), effect));
    }
    effects
}
