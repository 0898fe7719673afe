//! A play: its batches of hosts, its steps in lockstep over them (strategy `linear`), blocks with
//! rescue and always, includes, and when to stop.
use super::ahead::{Facts, is_forgiven, look_ahead};
use super::chance;
use super::confirm::confirm;
use super::host::{HostRun, State};
use super::rollback::roll_back;
use super::{Events, Job, PlayJob, emit};
use crate::event::Event;
use crate::plan::{
    Context, Handler, Play, Step, Via, batches, flag, handlers, order, overrides, play_steps,
    start_at, via,
};
use crate::playbook::Strategy;
use crate::source::{Span, Spanned};
use crate::transport::{Connect, Stage, TransportError};
use crate::vars::{Layer, Scope, TemplateError};
use serde_json::Value;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
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
    /// `max_fail_percentage`.
    pub(super) max_fail_percentage: Option<f64>,
    /// Whether hosts that failed have their handlers run.
    pub(super) force_handlers: bool,
    /// `rollback`.
    rollback: Option<Spanned<Value>>,
    /// All hosts of the play.
    chosen: Vec<String>,
    /// Which hosts of the batch are gone, and the variables that name those that are left.
    hosts: RwLock<(BTreeSet<String>, Arc<Layer>)>,
    /// What it gathers.
    pub(super) facts: Facts,
    forks: Arc<Semaphore>,
    /// Tasks that fewer hosts may run at once, by where they are.
    throttles: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    /// Connection variables that the playbook sets.
    pub(super) overrides: BTreeSet<&'static str>,
}

/// How much is not begun any more, though nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// `meta: end_batch`.
    Batch,
    /// `meta: end_play`.
    Play,
}

impl PlayWorld {
    /// The variables that hold for a host at a place.
    pub(super) fn scope<C: Connect>(&self, host: &HostRun<C>, context: &Context) -> Scope {
        let shared = self.job.roster.now();
        shared.scope(&self.play, &host.vars, context, &self.left())
    }
    /// As whom and by which way a task speaks to a host; of the scopes the second holds for that host.
    pub(super) fn via<C: Connect>(
        &self,
        context: &Context,
        scopes: (&Scope, &Scope),
        host: &HostRun<C>,
    ) -> Result<Via, (TemplateError, Option<Span>)> {
        let via = via(&context.keywords, &self.job.engine, scopes, &host.vars, &self.overrides)?;
        Ok(self.with_password(via))
    }
    /// With the password of `-K` where the inventory has none. No password is told in any event.
    pub(super) fn with_password(&self, mut via: Via) -> Via {
        if let Some(escalate) = &mut via.escalate {
            let password = escalate.password.take();
            escalate.password = password.or_else(|| self.job.options.become_password.clone());
            if let Some(password) = &escalate.password {
                self.job.sources.vault().secrets().keep(password.expose());
            }
        }
        via
    }
    /// Lets so many hosts at once run what is at a place.
    pub(super) fn throttle(&self, place: &str, at_once: usize) -> Arc<Semaphore> {
        let mut throttles = self.throttles.lock().unwrap_or_else(PoisonError::into_inner);
        let throttle = throttles.entry(place.to_owned());
        throttle.or_insert_with(|| Arc::new(Semaphore::new(at_once))).clone()
    }
    /// Whether what the play does on a host is taken back there when it fails.
    pub(super) fn takes_back<C: Connect>(&self, host: &HostRun<C>) -> bool {
        let scope = self.scope(host, &Context::default());
        !self.job.options.no_rollback
            && flag(self.rollback.as_ref(), true, &self.job.engine, &scope).unwrap_or(true)
    }
    pub(super) fn left(&self) -> Arc<Layer> {
        // Nobody panics while holding it.
        self.hosts.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
    /// Says which of some hosts are gone now; of the others it stays as it was.
    fn without(&self, of: &BTreeSet<String>, gone: &BTreeSet<String>) {
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        let now: BTreeSet<String> = hosts.0.difference(of).chain(gone).cloned().collect();
        if now != hosts.0 {
            let layer = crate::plan::batch(&self.chosen, &self.batch, &now);
            *hosts = (now, layer);
        }
    }
    pub(super) fn interrupted(&self) -> bool {
        self.job.options.interrupt.is_cancelled()
    }
}

/// Runs one play of a job; whether there is a point in going on behind it: not when a whole batch failed.
pub(super) async fn run<C>(
    job: &Arc<Job>,
    index: usize,
    chosen: Vec<String>,
    mut hosts: Vec<HostRun<C>>,
    events: &Events,
) -> (Vec<HostRun<C>>, bool)
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    let PlayJob { play, vars_files, .. } = &job.plays[index];
    let steps = play_steps(play, &job.options.chosen, &job.sources);
    let steps = started(job, index, steps);
    let handlers = handlers(play, &job.sources);
    let name = play.name.clone().unwrap_or_else(|| play.hosts.value.clone());
    let tasks = count(&steps);
    emit(events, Event::PlayStarted { name, hosts: chosen.clone(), tasks });
    // `validate` has refused what `order` and `serial` can't take.
    let asked = play.order.as_ref().map(|order| order.value.as_str());
    let ordered = order(chosen.clone(), asked, RandomState::new().build_hasher().finish());
    let ordered = ordered.unwrap_or_else(|_| chosen.clone());
    let serial: Vec<Value> = play.serial.iter().map(|size| size.value.clone()).collect();
    let groups = batches(&ordered, &serial).unwrap_or_else(|_| vec![ordered.clone()]);
    for host in &mut hosts {
        host.journal.next_play();
        if host.state == State::Ended {
            host.state = State::Active;
        }
    }
    let facts = Facts::of(job, index);
    let overrides = overrides(&job.plays);
    let mut groups = groups.into_iter().peekable();
    while let Some(batch) = groups.next() {
        let world = Arc::new(PlayWorld {
            job: job.clone(),
            play: Play::new(play, vars_files),
            handlers: handlers.clone(),
            events: events.clone(),
            max_fail_percentage: play.max_fail_percentage.as_ref().and_then(percentage),
            force_handlers: job.options.force_handlers
                || play.force_handlers.as_ref().is_some_and(|force| force.value == true),
            rollback: play.rollback.clone(),
            hosts: RwLock::new((
                BTreeSet::new(),
                crate::plan::batch(&chosen, &batch, &BTreeSet::new()),
            )),
            chosen: chosen.clone(),
            facts: facts.clone(),
            batch: batch.clone(),
            forks: Arc::new(Semaphore::new(job.options.forks.max(1))),
            throttles: Mutex::default(),
            overrides: overrides.clone(),
        });
        let mut run = Batch { world, hosts, stop: None, somebody_missed: false };
        run.prefetch(&steps).await;
        let on: BTreeSet<String> = batch.iter().cloned().collect();
        match play.strategy {
            Strategy::Linear => run.steps(&steps, &on, false).await,
            Strategy::Free => run.apart(&steps, &on).await,
        }
        roll_back(&mut run, &on).await;
        confirm(&mut run).await;
        let nobody_left = run.gone().len() >= on.len();
        let stop = run.stop;
        hosts = run.hosts;
        if nobody_left {
            if groups.peek().is_some() {
                chance::none(&mut hosts);
            }
            return (hosts, false);
        }
        if stop == Some(Stop::Play) || job.options.interrupt.is_cancelled() {
            break;
        }
    }
    (hosts, true)
}

fn percentage(limit: &Spanned<Value>) -> Option<f64> {
    match &limit.value {
        Value::Number(n) => n.as_f64(),
        Value::String(text) => text.trim().trim_end_matches('%').parse().ok(),
        _ => None,
    }
}

/// The steps that `--start-at-task` leaves: none in plays before the first that has such a task.
fn started(job: &Job, index: usize, steps: Vec<Step>) -> Vec<Step> {
    let Some(name) = &job.options.start_at else { return steps };
    let earlier = job.plays[..index].iter().any(|before| {
        start_at(&play_steps(&before.play, &job.options.chosen, &job.sources), name).is_some()
    });
    match start_at(&steps, name) {
        _ if earlier => steps,
        Some(at) => steps.into_iter().skip(at).collect(),
        None => vec![],
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
    /// Nothing more is begun.
    pub(super) stop: Option<Stop>,
    /// Hosts did not answer when they were first called, and no task has been judged since.
    pub(super) somebody_missed: bool,
}

impl<C> Batch<C>
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    /// Hosts of the batch that failed or can't be reached.
    pub(super) fn gone(&self) -> BTreeSet<String> {
        let gone = |host: &&HostRun<C>| {
            matches!(host.state, State::Failed | State::Unreachable)
                && self.world.batch.contains(&host.name)
        };
        self.hosts.iter().filter(gone).map(|host| host.name.clone()).collect()
    }

    /// Lets the variables say which hosts are left, and what is known of all.
    pub(super) fn tell_who_is_left(&mut self) {
        let mine = self.hosts.iter().map(|host| host.name.clone()).collect();
        self.world.without(&mine, &self.gone());
        let roster = &self.world.job.roster;
        let shared = roster.now();
        for host in &mut self.hosts {
            host.keep_up_with(roster);
            if let Some(everyone) = &shared.everyone {
                everyone.set(&host.name, shared.outside(&host.vars));
            }
        }
    }

    /// Every host at its own pace (strategy `free`).
    async fn apart(&mut self, steps: &[Step], on: &BTreeSet<String>) {
        let steps: Arc<[Step]> = steps.into();
        let mut at_work = JoinSet::new();
        let mut done: BTreeMap<usize, HostRun<C>> = BTreeMap::new();
        for (index, host) in std::mem::take(&mut self.hosts).into_iter().enumerate() {
            if !on.contains(&host.name) {
                done.insert(index, host);
                continue;
            }
            let (world, steps) = (self.world.clone(), steps.clone());
            let name: BTreeSet<String> = [host.name.clone()].into();
            at_work.spawn(async move {
                let mut alone =
                    Batch { world, hosts: vec![host], stop: None, somebody_missed: false };
                alone.steps(&steps, &name, false).await;
                (index, alone.hosts)
            });
        }
        // A task's panic was caught where it happened (see `each`).
        while let Some(Ok((index, hosts))) = at_work.join_next().await {
            done.extend(hosts.into_iter().map(|host| (index, host)));
        }
        self.hosts = done.into_values().collect();
    }

    /// Does something on hosts side by side, at most `forks` at once, and no more than `throttle` lets in. A
    /// panic costs its host alone.
    pub(super) async fn each<F, Fut>(
        &mut self,
        on: &BTreeSet<String>,
        throttle: Option<&Arc<Semaphore>>,
        work: F,
    ) where
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
            let spare = host.spare();
            let work = work(self.world.clone(), host);
            let forks = self.world.forks.clone();
            let throttle = throttle.cloned();
            let handle = at_work.spawn(async move {
                // The semaphores are never closed, so there is always a permit to come.
                let _narrow = match throttle {
                    Some(throttle) => Some(throttle.acquire_owned().await),
                    None => None,
                };
                let _permit = forks.acquire_owned().await;
                (index, work.await)
            });
            names.insert(handle.id(), (index, spare));
        }
        while let Some(ended) = at_work.join_next().await {
            match ended {
                Ok((index, host)) => {
                    done.insert(index, host);
                }
                Err(panic) => {
                    if let Some((index, mut host)) = names.remove(&panic.id()) {
                        let message = "a bug in cowhand ended this host's run".to_owned();
                        let stage = Stage::Setup;
                        let error = TransportError::Unreachable { stage, message, help: None };
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
        self.each(&on, None, |world, mut host| {
            let steps = steps.clone();
            async move {
                if let Err(error) = look_ahead(&world, &mut host, &steps).await
                    && !is_forgiven(&world, &host, &steps, &error)
                {
                    host.lose(&error, &world.events);
                }
                host
            }
        })
        .await;
        self.somebody_missed = !self.gone().is_disjoint(&on);
    }
}
