//! A play: its batches of hosts, its steps in lockstep over them (strategy `linear`), blocks with
//! rescue and always, includes, and when to stop.
use super::handlers::flush;
use super::host::{HostRun, State};
use super::task::{Part, turn};
use super::{Events, Job, PlayJob, emit};
use crate::event::Event;
use crate::facts::Probe;
use crate::plan::{
    Context, Escalate, Handler, Play, Step, TaskStep, World, batches, flag, handlers, order,
    play_steps, prefetch, when_holds,
};
use crate::playbook::MetaAction;
use crate::transport::{Connect, TransportError};
use crate::vars::{Layer, Scope};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// What every task of a play needs to know.
pub(super) struct PlayWorld {
    pub(super) job: Arc<Job>,
    pub(super) play: Play,
    pub(super) handlers: Vec<Handler>,
    pub(super) events: Events,
    /// Hosts of the batch.
    pub(super) batch: Vec<String>,
    /// The variables that name them.
    hosts: Arc<Layer>,
    forks: Arc<Semaphore>,
}

impl PlayWorld {
    /// The variables that hold for a host at a place.
    pub(super) fn scope<C: Connect>(&self, host: &HostRun<C>, context: &Context) -> Scope {
        self.job.shared.scope(&self.play, &host.name, &host.vars, context, &self.hosts)
    }
    pub(super) fn interrupted(&self) -> bool {
        self.job.options.interrupt.is_cancelled()
    }
}

/// Runs one play of a job.
pub(super) async fn run<C>(
    job: &Arc<Job>,
    index: usize,
    mut hosts: Vec<HostRun<C>>,
    events: &Events,
) -> Vec<HostRun<C>>
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    let PlayJob { play, hosts: chosen, vars_files } = &job.plays[index];
    let steps = play_steps(play, &job.options.chosen, &job.sources);
    let steps = match &job.options.start_at {
        Some(name) => start_at(steps, name),
        None => steps,
    };
    let handlers = handlers(play, &job.sources);
    let name = play.name.clone().unwrap_or_else(|| play.hosts.value.clone());
    let tasks = count(&steps);
    emit(events, Event::PlayStarted { name, hosts: chosen.clone(), tasks });
    // `validate` has refused what `order` and `serial` can't take.
    let ordered = order(chosen.clone(), play.order.as_ref().map(|order| order.value.as_str()));
    let ordered = ordered.unwrap_or_else(|_| chosen.clone());
    let serial: Vec<Value> = play.serial.iter().map(|size| size.value.clone()).collect();
    let groups = batches(&ordered, &serial).unwrap_or_else(|_| vec![ordered.clone()]);
    for host in &mut hosts {
        if host.state == State::Ended {
            host.state = State::Active;
        }
    }
    for batch in groups {
        let world = Arc::new(PlayWorld {
            job: job.clone(),
            play: Play::new(play, vars_files),
            handlers: handlers.clone(),
            events: events.clone(),
            hosts: crate::plan::batch(&batch),
            batch: batch.clone(),
            forks: Arc::new(Semaphore::new(job.options.forks.max(1))),
        });
        let mut run = Batch { world, hosts, stopped: false };
        run.prefetch(&steps).await;
        let on: BTreeSet<String> = batch.iter().cloned().collect();
        run.steps(&steps, &on, false).await;
        let failed = run.too_many_failed(index, &on);
        hosts = run.hosts;
        if failed || job.options.interrupt.is_cancelled() {
            break;
        }
    }
    hosts
}

/// The steps from the first task of that name on (`--start-at-task`); all when there is none.
fn start_at(steps: Vec<Step>, name: &str) -> Vec<Step> {
    fn has(step: &Step, name: &str) -> bool {
        match step {
            Step::Task(task) => {
                task.name == name || task.name.rsplit(" : ").next().is_some_and(|own| own == name)
            }
            Step::Block { items, .. } => items.iter().any(|step| has(step, name)),
            Step::Include(..) | Step::Meta(..) | Step::Flush { .. } => false,
        }
    }
    match steps.iter().position(|step| has(step, name)) {
        Some(at) => steps.into_iter().skip(at).collect(),
        None => steps,
    }
}

fn count(steps: &[Step]) -> usize {
    let of = |step: &Step| match step {
        Step::Task(_) | Step::Include(..) => 1,
        Step::Block { items, always, .. } => count(items) + count(always),
        Step::Meta(..) | Step::Flush { .. } => 0,
    };
    steps.iter().map(of).sum()
}

/// A batch of hosts on its way through the steps.
pub(super) struct Batch<C: Connect> {
    pub(super) world: Arc<PlayWorld>,
    pub(super) hosts: Vec<HostRun<C>>,
    /// `any_errors_fatal` or `meta: end_play`: nothing more is begun.
    stopped: bool,
}

impl<C> Batch<C>
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    /// Does something on hosts side by side, at most `forks` at once. A panic costs its host alone.
    pub(super) async fn each<F, Fut>(&mut self, on: &BTreeSet<String>, work: F)
    where
        F: Fn(Arc<PlayWorld>, HostRun<C>) -> Fut,
        Fut: Future<Output = HostRun<C>> + Send + 'static,
    {
        let mut at_work = JoinSet::new();
        let mut names = BTreeMap::new();
        let mut done: BTreeMap<usize, HostRun<C>> = BTreeMap::new();
        for (index, host) in std::mem::take(&mut self.hosts).into_iter().enumerate() {
            if !on.contains(&host.name) || host.state != State::Active {
                done.insert(index, host);
                continue;
            }
            let (name, vars) = (host.name.clone(), host.vars.clone());
            let work = work(self.world.clone(), host);
            let forks = self.world.forks.clone();
            let handle = at_work.spawn(async move {
                // The semaphore is never closed, so there is always a permit to come.
                let _permit = forks.acquire_owned().await;
                (index, work.await)
            });
            names.insert(handle.id(), (index, name, vars));
        }
        while let Some(ended) = at_work.join_next().await {
            match ended {
                Ok((index, host)) => {
                    done.insert(index, host);
                }
                Err(panic) => {
                    if let Some((index, name, vars)) = names.remove(&panic.id()) {
                        let mut host = HostRun::new(name, None, vars);
                        let message = "a bug in cowhand ended this host's run".to_owned();
                        let error = TransportError::Unreachable { message, help: None };
                        host.lose(&error, &self.world.events);
                        done.insert(index, host);
                    }
                }
            }
        }
        self.hosts = done.into_values().collect();
    }

    /// The first round trip: everything that the play's tasks will want to know, and what is owed.
    async fn prefetch(&mut self, steps: &[Step]) {
        let on: BTreeSet<String> = self.world.batch.iter().cloned().collect();
        let steps: Arc<[Step]> = steps.into();
        self.each(&on, |world, mut host| {
            let steps = steps.clone();
            async move {
                let wanted = prefetch(
                    &steps,
                    &World {
                        engine: &world.job.engine,
                        shared: &world.job.shared,
                        play: &world.play,
                        host: &host.name,
                        brought: &host.vars,
                        batch: &world.hosts,
                        chosen: &world.job.options.chosen,
                        sources: &world.job.sources,
                    },
                );
                if let Err(error) = look_ahead(&world, &mut host, wanted).await {
                    host.lose(&error, &world.events);
                }
                host
            }
        })
        .await;
    }

    fn active(&self, on: &BTreeSet<String>) -> BTreeSet<String> {
        let at_work = |host: &&HostRun<C>| host.state == State::Active && on.contains(&host.name);
        self.hosts.iter().filter(at_work).map(|host| host.name.clone()).collect()
    }

    /// Runs steps on hosts, in lockstep.
    pub(super) fn steps<'a>(
        &'a mut self,
        steps: &'a [Step],
        on: &'a BTreeSet<String>,
        rescuable: bool,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            for step in steps {
                let active = self.active(on);
                if self.world.interrupted() || self.stopped || active.is_empty() {
                    return;
                }
                match step {
                    Step::Task(step) => self.task(step, &active, Part::Task { rescuable }).await,
                    Step::Block { items, rescue, always } => {
                        self.block(items, rescue, always, &active, rescuable).await;
                    }
                    Step::Include(include, context) => {
                        self.include(include, context, &active, rescuable).await;
                    }
                    Step::Meta(meta, context) => {
                        self.meta(meta.action, context, &active).await;
                    }
                    Step::Flush { last } => flush(self, &active, *last).await,
                }
            }
        })
    }

    /// One task on hosts.
    pub(super) async fn task(&mut self, step: &Arc<TaskStep>, on: &BTreeSet<String>, part: Part) {
        let keywords = &step.context.keywords;
        let decide = |keyword| {
            let host = self.hosts.iter().find(|host| on.contains(&host.name));
            host.is_some_and(|host| {
                let scope = self.world.scope(host, &step.context);
                flag(keyword, false, &self.world.job.engine, &scope).unwrap_or(false)
            })
        };
        let run_once = decide(keywords.run_once.as_ref());
        let fatal = decide(keywords.any_errors_fatal.as_ref());
        let only: BTreeSet<String> = match self.world.batch.iter().find(|name| on.contains(*name)) {
            Some(first) if run_once => [first.clone()].into(),
            _ => on.clone(),
        };
        emit(
            &self.world.events,
            Event::TaskStarted {
                task: self.name(step, &only),
                place: step.place.clone(),
                handler: part == Part::Handler,
                hosts: self
                    .world
                    .batch
                    .iter()
                    .filter(|name| only.contains(*name))
                    .cloned()
                    .collect(),
            },
        );
        self.each(&only, |world, mut host| {
            let step = step.clone();
            async move {
                turn(&world, &mut host, &step, part).await;
                host
            }
        })
        .await;
        if run_once {
            self.share(step, &only, on);
        }
        let failed =
            (self.hosts.iter()).any(|host| on.contains(&host.name) && host.state == State::Failed);
        if fatal && failed && part != (Part::Task { rescuable: true }) {
            self.stopped = true;
        }
    }

    fn name(&self, step: &TaskStep, on: &BTreeSet<String>) -> String {
        let host = self.hosts.iter().find(|host| on.contains(&host.name));
        host.map_or_else(
            || step.name.clone(),
            |host| {
                let scope = self.world.scope(host, &step.context);
                super::task::rendered_name(&self.world, step, &scope)
            },
        )
    }

    /// `run_once`: what the one host returned holds for all, and so does its failure.
    fn share(&mut self, step: &TaskStep, first: &BTreeSet<String>, on: &BTreeSet<String>) {
        let Some(one) = self.hosts.iter().find(|host| first.contains(&host.name)) else { return };
        let failed = one.state != State::Active;
        let register = step.task.register.as_ref().map(|name| name.value.clone());
        let result = register.as_ref().and_then(|name| one.vars.registered.get(name)).cloned();
        let facts = one.vars.facts.clone();
        let notified = one.notified.clone();
        for host in self.hosts.iter_mut().filter(|host| on.contains(&host.name)) {
            if let (Some(name), Some(result)) = (&register, &result) {
                host.vars.registered.insert(name.clone(), result.clone());
            }
            if step.task.module.name == "set_fact" {
                host.vars.facts.extend(facts.clone());
            }
            if failed && host.state == State::Active {
                host.state = State::Failed;
            }
            if first.contains(&host.name) {
                host.notified.clone_from(&notified);
            }
        }
    }

    async fn block(
        &mut self,
        items: &[Step],
        rescue: &[Step],
        always: &[Step],
        on: &BTreeSet<String>,
        rescuable: bool,
    ) {
        self.steps(items, on, rescuable || !rescue.is_empty()).await;
        if !rescue.is_empty() {
            let failed = self.turn_state(on, State::Failed, State::Active);
            self.steps(rescue, &failed, rescuable).await;
        }
        if !always.is_empty() {
            let failed = self.turn_state(on, State::Failed, State::Active);
            self.steps(always, on, rescuable).await;
            self.turn_state(&failed, State::Active, State::Failed);
        }
    }

    /// Hosts that are in one state go into another; which were they?
    fn turn_state(&mut self, on: &BTreeSet<String>, from: State, to: State) -> BTreeSet<String> {
        let mut turned = BTreeSet::new();
        for host in &mut self.hosts {
            if on.contains(&host.name) && host.state == from {
                host.state = to;
                turned.insert(host.name.clone());
            }
        }
        turned
    }

    async fn meta(&mut self, action: MetaAction, context: &Context, on: &BTreeSet<String>) {
        let mut meant = BTreeSet::new();
        for host in self.hosts.iter().filter(|host| on.contains(&host.name)) {
            let scope = self.world.scope(host, context);
            if matches!(when_holds(context, &self.world.job.engine, &scope), Ok(Ok(()))) {
                meant.insert(host.name.clone());
            }
        }
        match action {
            MetaAction::FlushHandlers => flush(self, on, false).await,
            MetaAction::EndHost => {
                self.turn_state(&meant, State::Active, State::Ended);
            }
            MetaAction::EndPlay if !meant.is_empty() => self.stopped = true,
            MetaAction::ClearHostErrors => {
                let all = self.world.batch.iter().cloned().collect();
                self.turn_state(&all, State::Failed, State::Active);
            }
            MetaAction::EndPlay | MetaAction::Noop => {}
        }
    }

    /// `max_fail_percentage`, and a batch of which nobody is left: no further batch is begun.
    fn too_many_failed(&self, index: usize, on: &BTreeSet<String>) -> bool {
        let bad = |host: &&HostRun<C>| matches!(host.state, State::Failed | State::Unreachable);
        let failed = self.hosts.iter().filter(|h| on.contains(&h.name)).filter(bad).count();
        let limit = self.world.job.plays[index].play.max_fail_percentage.as_ref();
        let limit = limit.and_then(|limit| match &limit.value {
            Value::Number(n) => n.as_f64(),
            Value::String(text) => text.trim_end_matches('%').parse().ok(),
            _ => None,
        });
        #[expect(clippy::cast_precision_loss, reason = "a fleet has fewer than 2^52 hosts")]
        let percent = failed as f64 * 100.0 / on.len().max(1) as f64;
        self.stopped || failed == on.len() || limit.is_some_and(|limit| percent > limit)
    }
}

/// Sends what prefetch wants, one batch per user that tasks become, with the question what is owed.
async fn look_ahead<C: Connect>(
    world: &PlayWorld,
    host: &mut HostRun<C>,
    wanted: Vec<(Option<Escalate>, Probe)>,
) -> Result<(), TransportError> {
    let mut by_user: Vec<(Option<Escalate>, Vec<Probe>)> = vec![];
    for (mut escalate, probe) in wanted {
        if let Some(escalate) = &mut escalate
            && escalate.password.is_none()
        {
            escalate.password.clone_from(&world.job.options.become_password);
        }
        match by_user.iter_mut().find(|(user, _)| *user == escalate) {
            Some((_, probes)) => probes.push(probe),
            None => by_user.push((escalate, vec![Probe::Owed, probe])),
        }
    }
    for (escalate, probes) in by_user {
        let eye = host.eye(escalate.as_ref()).await?;
        match host.look(eye, probes).await {
            // One answer that can't be read spoils the batch; the task that it is for will say so.
            Err(TransportError::Garbled(_)) => host.look(eye, vec![Probe::Owed]).await?,
            looked => looked?,
        }
    }
    super::handlers::take_up(world, host);
    Ok(())
}
