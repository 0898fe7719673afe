//! What a task is allowed and asked to do on a host, decided before each attempt.
use super::host::HostRun;
use super::play::PlayWorld;
use crate::change::{Change, Ran};
use crate::plan::{Judged, TaskStep, Via, flag, text};
use crate::source::{SourceMap, Span};
use crate::transport::Connect;
use crate::vars::Scope;
use serde_json::{Map, json};

/// What a task is allowed and asked to do, decided once per attempt.
pub(super) struct Terms {
    /// What is made of changes.
    pub(super) mode: Mode,
    /// Show what changes.
    pub(super) diff: bool,
    /// Show nothing of parameters, results and content.
    pub(super) no_log: bool,
    /// Seconds that it may take.
    pub(super) limit: Option<u32>,
    /// As whom and by which way.
    pub(super) via: Via,
}

impl Terms {
    /// The end of a task that took longer than it may.
    pub(super) fn late(&self, changes: &[Change], ran: &[Ran]) -> Option<Judged> {
        let seconds = self.limit?;
        let mut made = changes.iter().zip(ran);
        made.any(|(change, ran)| change.was_cut_short(ran, seconds)).then(|| {
            let mut result = Map::new();
            result.insert("timedout".into(), json!({"period": seconds}));
            Judged::failure(format!("Timed out after {seconds} second(s)."), result)
        })
    }
}

/// What is made of a task's changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// They are made.
    Apply,
    /// They are foreseen.
    Check,
    /// `check_mode: false`: they are made even in check mode, so they are no part of a plan.
    Regardless,
}

/// Whether nothing is shown of a task.
pub(super) fn hidden(world: &PlayWorld, step: &TaskStep, scope: &Scope) -> bool {
    let keyword = step.context.keywords.no_log.as_ref();
    flag(keyword, false, &world.job.engine, scope).unwrap_or(true)
}

/// Decides them.
///
/// # Errors
/// What is wrong with a keyword, and where it stands.
pub(super) fn terms<C: Connect>(
    world: &PlayWorld,
    host: &HostRun<C>,
    step: &TaskStep,
    scopes: (&Scope, &Scope),
) -> Result<Terms, String> {
    let (job, scope) = (&world.job, scopes.0);
    let keywords = &step.context.keywords;
    let place = |span| located(&job.sources, span);
    let flag = |keyword, default| {
        flag(keyword, default, &job.engine, scope)
            .map_err(|(error, span)| format!("{}{error}", place(span)))
    };
    // `check_mode: false` runs a task even in check mode, `check_mode: true` never.
    let check = flag(keywords.check_mode.as_ref(), job.options.check)?;
    let limit = text(keywords.timeout.as_deref(), &job.engine, scope)
        .map_err(|(error, span)| format!("{}{error}", place(span)))?;
    let seconds = |written: String| match written.trim().parse() {
        Ok(0) => Ok(None),
        Ok(seconds) => Ok(Some(seconds)),
        Err(_) => Err(format!("timeout: `{written}` is no number of seconds")),
    };
    Ok(Terms {
        limit: limit.map_or(Ok(None), seconds)?,
        mode: match check {
            true => Mode::Check,
            false if keywords.check_mode.is_some() => Mode::Regardless,
            false => Mode::Apply,
        },
        diff: flag(keywords.diff.as_ref(), job.options.diff)?,
        no_log: flag(keywords.no_log.as_ref(), false)?,
        via: world
            .via(&step.context, scopes, host)
            .map_err(|(error, span)| format!("{}{error}", place(span)))?,
    })
}

/// `path:line:column: `, or nothing.
pub(super) fn located(sources: &SourceMap, span: Option<Span>) -> String {
    span.map_or(String::new(), |span| format!("{}: ", sources.locate(span)))
}
