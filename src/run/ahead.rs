//! A play's first round trip to a host: the facts that the play may use, everything that its tasks
//! will want to know, and what is owed.
use super::Job;
use super::host::HostRun;
use super::play::PlayWorld;
use crate::facts::{Probe, Topic};
use crate::plan::{Context, Step, Via, World, flag, gathered, prefetch, used};
use crate::playbook::Play;
use crate::transport::{Connect, TransportError};
use std::collections::BTreeSet;

/// What a play gathers.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The play, for its keywords about facts.
    play: Play,
    /// What it or a play behind it may use.
    used: BTreeSet<Topic>,
    /// What holds for the play as a whole.
    context: Context,
}

impl Facts {
    pub(super) fn of(job: &Job, index: usize) -> Self {
        let play = job.plays[index].play.clone();
        let context = Context::default().enter(&play.keywords, "play vars");
        Self { used: used(&job.plays[index..], &job.roster.now()), context, play }
    }

    /// As whom, and which questions. `validate` has refused keywords that can't be decided.
    fn wanted<C: Connect>(&self, world: &PlayWorld, host: &HostRun<C>) -> (Via, Vec<Probe>) {
        let scope = world.scope(host, &self.context);
        let engine = &world.job.engine;
        let probes = gathered(&self.play, &self.used, engine, &scope).unwrap_or_default();
        let via = world.via(&self.context, (&scope, &scope), host).unwrap_or_default();
        (via, probes)
    }
}

/// Whether a host that can't be reached stays in the play: it says so, or it gathers nothing and one of its
/// tasks says so, which tries again at its turn (`ignore_unreachable`).
pub(super) fn is_forgiven<C: Connect>(
    world: &PlayWorld,
    host: &HostRun<C>,
    steps: &[Step],
    error: &TransportError,
) -> bool {
    if error.is_hold() {
        return false;
    }
    let facts = &world.facts;
    let scope = world.scope(host, &facts.context);
    let keyword = facts.context.keywords.ignore_unreachable.as_ref();
    flag(keyword, false, &world.job.engine, &scope).unwrap_or(false)
        || (facts.wanted(world, host).1.is_empty() && steps.iter().any(forgives))
}

/// Whether a step, or one in it, goes on when its host can't be reached.
fn forgives(step: &Step) -> bool {
    match step {
        Step::Block { items, rescue, always } => {
            [items, rescue, always].into_iter().flatten().any(forgives)
        }
        other => other.context().is_some_and(|it| it.keywords.ignore_unreachable.is_some()),
    }
}

/// One batch per user that tasks become.
pub(super) async fn look_ahead<C: Connect>(
    world: &PlayWorld,
    host: &mut HostRun<C>,
    steps: &[Step],
) -> Result<(), TransportError> {
    let shared = world.job.roster.now();
    let wanted = prefetch(
        steps,
        &World {
            engine: &world.job.engine,
            shared: &shared,
            play: &world.play,
            brought: &host.vars,
            batch: &world.left(),
            chosen: &world.job.options.chosen,
            sources: &world.job.sources,
            overrides: &world.overrides,
        },
    );
    let (via, facts) = world.facts.wanted(world, host);
    let own = facts.iter().map(|probe| (via.clone(), probe.clone()));
    let mut by_user: Vec<(Via, Vec<Probe>)> = vec![];
    for (via, probe) in own.chain(wanted) {
        let via = world.with_password(via);
        match by_user.iter_mut().find(|(known, _)| *known == via) {
            Some((_, probes)) => probes.push(probe),
            None => by_user.push((via, vec![Probe::Owed, Probe::Journal, probe])),
        }
    }
    for (via, probes) in by_user {
        let eye = host.eye(&via).await?;
        match host.look(eye, probes).await {
            // One answer that can't be read spoils the batch; the task that it is for will say so.
            Err(TransportError::Garbled(_)) => host.look(eye, vec![Probe::Owed]).await?,
            looked => looked?,
        }
        if !world.job.options.check && host.tidied(eye).await? {
            host.look(eye, vec![Probe::Owed, Probe::Journal]).await?;
        }
    }
    if !facts.is_empty() {
        let eye = host.eye(&via).await?;
        host.gather(eye, facts).await?;
    }
    super::handlers::take_up(world, host);
    Ok(())
}
