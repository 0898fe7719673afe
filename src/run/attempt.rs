//! One task on one host, once: bind → observe → plan → apply (or forecast) → settle.
use super::confirm::is_risky;
use super::emit;
use super::foresight::About;
use super::host::HostRun;
use super::journal::Doing;
use super::play::PlayWorld;
use super::roster::take_in;
use super::task::rendered_name;
use super::terms::{Mode, Terms, located, terms};
use crate::change::{Change, Diff, Here, Ran, Undo, diff};
use crate::event::{Edit, Event, Outcome};
use crate::facts::{Probe, Took};
use crate::modules::PlanError;
use crate::plan::{Invocation, Judged, TaskStep, Via, bind, forecast, settle};
use crate::secret::{REDACTED, Secrets};
use crate::source::Spanned;
use crate::transport::{Connect, TransportError, here};
use crate::vars::Scope;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::timeout;

/// Facts that plans may turn out to need one after the other, before we call it a bug.
const PATIENCE: usize = 32;

/// An attempt's end.
pub(super) struct Attempt {
    pub(super) judged: Judged,
    pub(super) diffs: Vec<Diff>,
}

impl Attempt {
    fn failed(message: impl Into<String>) -> Self {
        Self { judged: Judged::failure(message, Map::new()), diffs: vec![] }
    }
}

/// One attempt, on `host`, by whose variables (`theirs`) it is reached; `scope` are those of the task. `owe`
/// are the handlers that a change notifies; `settles` is the handler that this task is, when its success
/// takes back the mark.
pub(super) async fn attempt<C: Connect>(
    world: &PlayWorld,
    host: &mut HostRun<C>,
    step: &TaskStep,
    (scope, theirs): (&Scope, &Scope),
    owe: &[String],
    settles: Option<&str>,
) -> Result<Attempt, TransportError> {
    let job = &world.job;
    let place = |span| located(&job.sources, span);
    let terms = match terms(world, host, step, (scope, theirs)) {
        Ok(terms) => terms,
        Err(message) => return Ok(Attempt::failed(message)),
    };
    let call = match bind(step, &job.engine, scope, &job.roster.now(), false) {
        Ok(call) => call,
        Err(error) => return Ok(Attempt::failed(format!("{}{error}", place(error.span)))),
    };
    let eye = host.eye_if_needed(&terms.via, &call).await?;
    let changes = match plan(host, eye, &call).await? {
        Ok(changes) => {
            let within = |change: Change| match terms.limit {
                Some(seconds) => change.within(seconds),
                None => change,
            };
            let changes = changes.into_iter().map(within).collect();
            marked(changes, job.sources.vault().secrets())
        }
        Err(PlanError::Failed { message, result }) => {
            let judged = Judged::failure(message, result);
            return Ok(judge(job, step, scope, judged));
        }
        Err(error) => return Ok(Attempt::failed(error.to_string())),
    };
    let edits = tell_edits(world, host, step, scope, (eye, &call, &changes, &terms)).await?;
    if terms.mode != Mode::Regardless {
        let (task, hidden) = (step.name.as_str(), terms.no_log);
        let no_way_back = no_way_back(world, host, step, &changes);
        let no_way_back = no_way_back.filter(|_| settles.is_none());
        if let Some(why) = no_way_back.filter(|_| terms.mode == Mode::Check) {
            irreversible(world, host, step, scope, why);
        }
        let edits = &edits;
        let about = About { task, hidden, notifies: owe, handler: settles, no_way_back, edits };
        if let Err(message) = host.foresight.meets(&about, &changes) {
            return Ok(Attempt::failed(message));
        }
    }
    let diffs =
        if terms.diff && !terms.no_log { diffs(host, eye, &changes).await? } else { vec![] };
    let (task, is_handler) = (step.name.as_str(), settles.is_some());
    let doing = Doing { task, is_handler, hidden: terms.no_log };
    let seen = eye.map(|eye| host.seen(eye).clone()).unwrap_or_default();
    let risky = is_risky(step.context.keywords.risk, &call, &changes);
    if let (Some(eye), true) = (eye, risky)
        && terms.mode == Mode::Check
    {
        host.would_arm(eye, task).await?;
    }
    let (outcome, ran) = match eye {
        _ if terms.mode == Mode::Check => (forecast(&changes), vec![]),
        _ if changes.is_empty() => (Outcome::Ok, vec![]),
        None => (Outcome::Changed, make_here(host, &terms, &changes).await),
        Some(eye) => {
            if let Err(message) = host.arm(eye, task, risky).await? {
                return Ok(Attempt::failed(message));
            }
            let own_word = step.task.failed_when.is_none() && step.task.repeat.is_none();
            let settles = settles.filter(|_| own_word);
            match carry_out(host, eye, &changes, &doing, owe, settles).await? {
                Ok(ran) => (Outcome::Changed, ran),
                Err(message) => return Ok(Attempt::failed(message)),
            }
        }
    };
    if let Some(judged) = terms.late(&changes, &ran) {
        return Ok(Attempt { judged, diffs });
    }
    let mut result = match (call.module.result)(&call.params, &seen, &changes, &ran) {
        Ok(result) => result,
        Err(error) => return Ok(Attempt::failed(error.to_string())),
    };
    if let Err(message) = take_in(world, host, step, &mut result) {
        return Ok(Attempt::failed(message));
    }
    if terms.mode == Mode::Check
        && let Some(eye) = eye
    {
        host.overlay(eye, &changes);
    }
    let judged = match settle(step, &job.engine, scope, outcome, result, &ran) {
        Ok(judged) => judged,
        Err(error) => return Ok(Attempt::failed(format!("{}{error}", place(error.span)))),
    };
    if judged.changed() && terms.mode != Mode::Check {
        host.journal.changed(&doing, &changes);
    }
    Ok(Attempt { judged, diffs })
}

/// What needs no shell on the host is done here.
async fn make_here<C: Connect>(
    host: &mut HostRun<C>,
    terms: &Terms,
    changes: &[Change],
) -> Vec<Ran> {
    let limit = terms.limit.map_or(Duration::MAX, |seconds| Duration::from_secs(seconds.into()));
    let made = timeout(limit, async {
        match changes {
            [Change::Here(Here::Meet(wait))] => vec![host.meet(&terms.via, wait).await],
            _ => here::make(changes).await,
        }
    });
    made.await.unwrap_or_else(|_| {
        let micros = i64::try_from(limit.as_micros()).unwrap_or(i64::MAX);
        let took = Some(Took { start: 0, end: micros, offset: 0 });
        vec![Ran { rc: 124, took, ..Ran::default() }]
    })
}

/// Why what a task does could not be taken back, in a play that is taken back when it fails. A task that
/// says of itself that it changes nothing has nothing to take back.
fn no_way_back<C: Connect>(
    world: &PlayWorld,
    host: &HostRun<C>,
    step: &TaskStep,
    changes: &[Change],
) -> Option<&'static str> {
    let never = |list: &Vec<Spanned<Value>>| list.iter().any(|when| when.value == false);
    let why = changes.iter().find_map(|change| match change.undo() {
        Undo::Impossible(why) => Some(why),
        Undo::BeforeImage | Undo::Command | Undo::Nothing | Undo::Again => None,
    });
    why.filter(|_| !step.task.changed_when.as_ref().is_some_and(never) && world.takes_back(host))
}

/// Says so, once for a task.
fn irreversible<C: Connect>(
    world: &PlayWorld,
    host: &mut HostRun<C>,
    step: &TaskStep,
    scope: &Scope,
    why: &str,
) {
    if host.warned.insert(format!("{}: {why}", step.place)) {
        let (task, place) = (rendered_name(world, step, scope), step.place.clone());
        let (host, why) = (host.name.clone(), why.to_owned());
        emit(&world.events, Event::Irreversible { host, task, place, why });
    }
}

/// Tells what somebody else has changed of what a task is about to write.
async fn tell_edits<C: Connect>(
    world: &PlayWorld,
    host: &mut HostRun<C>,
    step: &TaskStep,
    scope: &Scope,
    (eye, call, changes, terms): (Option<usize>, &Invocation, &[Change], &Terms),
) -> Result<Vec<Edit>, TransportError> {
    let Some(eye) = eye else { return Ok(vec![]) };
    let mut edits = host.edits(eye, call, changes).await?;
    let is_secret = |change: &Change| matches!(change, Change::WriteFile { secret: true, .. });
    for edit in &mut edits {
        if terms.no_log || !terms.diff || changes.iter().any(is_secret) {
            (edit.ours, edit.theirs) = (vec![], vec![]);
        }
        if terms.no_log {
            (edit.path, edit.instead_of) = (REDACTED.into(), None);
        }
        let (host, task) = (host.name.clone(), rendered_name(world, step, scope));
        emit(&world.events, Event::Edited { host, task, edit: edit.clone() });
    }
    Ok(edits)
}

/// A file that will hold a secret is secret as a whole: what is there now may hold the last one.
fn marked(mut changes: Vec<Change>, secrets: &Secrets) -> Vec<Change> {
    for change in &mut changes {
        if let Change::WriteFile { content, secret, .. } = change {
            *secret |= secrets.holds(&String::from_utf8_lossy(&content.0));
        }
    }
    changes
}

/// Makes changes, in one batch with the marks of the handlers that they concern: those that a change
/// owes go before it, the one that it settles goes after it. The inner error is the task's.
async fn carry_out<C: Connect>(
    host: &mut HostRun<C>,
    eye: usize,
    changes: &[Change],
    doing: &Doing<'_>,
    owe: &[String],
    settles: Option<&str>,
) -> Result<Result<Vec<Ran>, String>, TransportError> {
    let new = owe.iter().filter(|handler| !host.owed.contains_key(*handler));
    let new: Vec<&str> = new.map(String::as_str).collect();
    let mark = |handler: &&str| Change::Owe { handler: (*handler).to_owned() };
    let settle = |handler: &str| Change::Settle { handler: handler.to_owned() };
    let note = host.journal.note(eye, doing, changes);
    let mut batch: Vec<Change> = note.into_iter().chain(new.iter().map(mark)).collect();
    let marks = batch.len();
    batch.extend(changes.iter().cloned().chain(settles.map(settle)));
    let mut ran = host.act(eye, &batch).await?;
    if let Some(refused) = ran.iter().take(marks).find(|ran| ran.rc != 0) {
        let said = refused.stderr.text().trim().to_owned();
        return Ok(Err(format!("can't record what is owed: {said}")));
    }
    ran.drain(..marks.min(ran.len()));
    ran.truncate(changes.len());
    // A candidate that was refused is not live, and owes nothing.
    let refused = ran.first().is_some_and(|first| first.rc != 0);
    if refused && !new.is_empty() && matches!(changes.first(), Some(Change::WriteFile { .. })) {
        let taken_back: Vec<Change> = new.iter().map(|handler| settle(handler)).collect();
        host.act(eye, &taken_back).await?;
    }
    Ok(Ok(ran))
}

/// A module's own failure: `failed_when` may still overrule it.
fn judge(job: &super::Job, step: &TaskStep, scope: &Scope, failure: Judged) -> Attempt {
    if step.task.failed_when.is_none() {
        return Attempt { judged: failure, diffs: vec![] };
    }
    match settle(step, &job.engine, scope, Outcome::Ok, failure.result, &[]) {
        Ok(judged) => Attempt { judged, diffs: vec![] },
        Err(error) => Attempt::failed(format!("{}{error}", located(&job.sources, error.span))),
    }
}

/// Plans, fetching what the plan turns out to need. The outer error ends the host, the inner the task.
async fn plan<C: Connect>(
    host: &mut HostRun<C>,
    eye: Option<usize>,
    call: &Invocation,
) -> Result<Result<Vec<Change>, PlanError>, TransportError> {
    let Some(eye) = eye else {
        return Ok((call.module.plan)(&call.params, &crate::facts::Observed::default()));
    };
    let mut wanted = match (call.module.observe)(&call.params) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(Err(error)),
    };
    if !host.chosen && host.is_new(eye) {
        wanted.extend([Probe::Owed, Probe::Journal]);
    }
    host.look(eye, wanted).await?;
    for _ in 0..PATIENCE {
        match (call.module.plan)(&call.params, host.seen(eye)) {
            Err(PlanError::Unasked(unasked)) => host.look(eye, vec![unasked.0]).await?,
            planned => return Ok(planned),
        }
    }
    Ok(Err(PlanError::failed("the plan asks for ever more facts: a bug in the module")))
}

/// What changes look like. The old content is fetched where it is not known.
async fn diffs<C: Connect>(
    host: &mut HostRun<C>,
    eye: Option<usize>,
    changes: &[Change],
) -> Result<Vec<Diff>, TransportError> {
    let Some(eye) = eye else { return Ok(vec![]) };
    let contents = changes.iter().filter_map(|change| match change {
        Change::WriteFile { path, before: Some(_), secret: false, .. } => {
            Some(Probe::Content { path: path.clone() })
        }
        _ => None,
    });
    host.look(eye, contents.collect()).await?;
    // What the file's own diff shows need not be told again of what runs.
    let writes = changes.iter().any(|change| matches!(change, Change::WriteFile { .. }));
    let told = |change: &&Change| !(writes && matches!(change, Change::Outdated { .. }));
    let shown = changes.iter().filter(told).filter_map(|change| diff(change, host.seen(eye)));
    Ok(shown.collect())
}

impl<C: Connect> HostRun<C> {
    /// A shell, but only for a module that looks at the host or may change it: `debug`, `assert`,
    /// `set_fact` and `fail` never make a connection.
    async fn eye_if_needed(
        &mut self,
        via: &Via,
        call: &Invocation,
    ) -> Result<Option<usize>, TransportError> {
        let looks = (call.module.observe)(&call.params).map_or(true, |probes| !probes.is_empty());
        let idle = crate::facts::Observed::default();
        let still = || {
            (call.module.plan)(&call.params, &idle)
                .is_ok_and(|changes| changes.iter().all(Change::is_here))
        };
        let fails =
            || matches!((call.module.plan)(&call.params, &idle), Err(PlanError::Failed { .. }));
        if !looks && (still() || fails()) {
            return Ok(None);
        }
        self.eye(via).await.map(Some)
    }
}
