//! The way of a batch through its steps, in lockstep (strategy `linear`): tasks, blocks with rescue and
//! always, `meta`, and when to stop.
use super::chance;
use super::emit;
use super::handlers::flush;
use super::host::{HostRun, State};
use super::play::{Batch, Stop};
use super::task::{Part, turn};
use crate::event::Event;
use crate::plan::{Context, Step, TaskStep, flag, text, when_holds};
use crate::playbook::MetaAction;
use crate::transport::Connect;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

impl<C> Batch<C>
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    /// Hosts that are at work, and not done with the role that the context belongs to.
    fn active(&self, on: &BTreeSet<String>, context: Option<&Context>) -> BTreeSet<String> {
        let at_work = |host: &&HostRun<C>| {
            host.state == State::Active
                && on.contains(&host.name)
                && !context.is_some_and(|context| host.has_left(context))
        };
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
                if self.world.interrupted() || self.stop.is_some() {
                    return;
                }
                // Hosts that failed have their handlers as well, where that is asked for.
                if let Step::Flush { last } = step {
                    flush(self, on, *last).await;
                    continue;
                }
                let active = self.active(on, step.context());
                if active.is_empty() {
                    continue;
                }
                match step {
                    Step::Task(step) => self.task(step, &active, Part::Task { rescuable }).await,
                    Step::Block { items, rescue, always } => {
                        self.block(items, rescue, always, &active, rescuable).await;
                    }
                    Step::Include(include, context) => {
                        self.include(include, context, &active, Part::Task { rescuable }).await;
                    }
                    Step::Meta(meta, context) => self.meta(meta.action, context, &active).await,
                    Step::Flush { .. } => {}
                }
            }
        })
    }

    /// One task on hosts.
    pub(super) async fn task(&mut self, step: &Arc<TaskStep>, on: &BTreeSet<String>, part: Part) {
        self.tell_who_is_left();
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
            Some(first) if run_once || step.task.module.once => [first.clone()].into(),
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
        if keywords.delegate_to.is_some() {
            self.one_by_one(step, &only, part).await;
        } else {
            let throttle = self.throttle(step, &only);
            self.each(&only, throttle.as_ref(), |world, mut host| {
                let step = step.clone();
                async move {
                    turn(&world, &mut host, &mut vec![], &step, part).await;
                    host
                }
            })
            .await;
        }
        if run_once {
            self.share(step, &only, on);
        }
        self.judge(fatal, on);
    }

    /// A task whose hosts may want to speak to each other.
    async fn one_by_one(&mut self, step: &TaskStep, on: &BTreeSet<String>, part: Part) {
        let world = self.world.clone();
        for name in world.batch.iter().filter(|name| on.contains(*name)) {
            let is_it = |host: &HostRun<C>| host.name == *name && host.state == State::Active;
            let Some(at) = self.hosts.iter().position(is_it) else { continue };
            let mut host = self.hosts.remove(at);
            turn(&world, &mut host, &mut self.hosts, step, part).await;
            self.hosts.insert(at, host);
        }
    }

    /// What keeps a task from running on too many hosts at once (`throttle`).
    fn throttle(&self, step: &TaskStep, on: &BTreeSet<String>) -> Option<Arc<Semaphore>> {
        let keyword = step.context.keywords.throttle.as_deref()?;
        let host = self.hosts.iter().find(|host| on.contains(&host.name))?;
        let scope = self.world.scope(host, &step.context);
        let at_once = text(Some(keyword), &self.world.job.engine, &scope).ok()??;
        let at_once: usize = at_once.trim().parse().ok().filter(|at_once| *at_once > 0)?;
        Some(self.world.throttle(&step.place, at_once))
    }

    /// A failure that ends it for all (`any_errors_fatal`, `max_fail_percentage`) fails the hosts that
    /// are still at work: a rescue section may bring them back.
    fn judge(&mut self, fatal: bool, on: &BTreeSet<String>) {
        let bad = |host: &&HostRun<C>| matches!(host.state, State::Failed | State::Unreachable);
        let of = |names: &BTreeSet<String>| {
            self.hosts.iter().filter(|host| names.contains(&host.name)).filter(bad).count()
        };
        let all: BTreeSet<String> = self.world.batch.iter().cloned().collect();
        let (failed, hosts) = (of(&all), all.len());
        let too_many = self.world.max_fail_percentage.is_some_and(|limit| {
            #[expect(clippy::cast_precision_loss, reason = "a fleet has fewer than 2^52 hosts")]
            let percent = failed as f64 * 100.0 / hosts.max(1) as f64;
            percent > limit
        });
        let missed = std::mem::take(&mut self.somebody_missed);
        if too_many || (fatal && (missed || of(on) > 0)) {
            let keyword = if too_many { "max_fail_percentage" } else { "any_errors_fatal" };
            let why =
                format!("{failed} of {hosts} hosts failed, and that ends the play ({keyword})");
            let stopped = self.turn_state(&all, State::Active, State::Failed);
            chance::none(&mut self.hosts);
            for host in self.hosts.iter_mut().filter(|host| stopped.contains(&host.name)) {
                host.stopped = Some(why.clone());
            }
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
        let why = format!("what runs once for all failed on {} (run_once)", one.name);
        let register = step.task.register.as_ref().map(|name| name.value.clone());
        let result = register.as_ref().and_then(|name| one.vars.registered(name)).cloned();
        let set = step.task.module.name == "set_fact";
        let set = if set { one.set.clone() } else { serde_json::Map::new() };
        let notified = one.notified.clone();
        for host in self.hosts.iter_mut().filter(|host| on.contains(&host.name)) {
            if let (Some(name), Some(result)) = (&register, &result) {
                host.vars.register([(name.clone(), result.clone())]);
            }
            host.vars.register(set.clone());
            if failed && host.state == State::Active {
                host.state = State::Failed;
                host.stopped = Some(why.clone());
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
    pub(super) fn turn_state(
        &mut self,
        on: &BTreeSet<String>,
        from: State,
        to: State,
    ) -> BTreeSet<String> {
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
        let holds = |host: &HostRun<C>| {
            let scope = self.world.scope(host, context);
            matches!(when_holds(context, &self.world.job.engine, &scope), Ok(Ok(())))
        };
        let here = |host: &&HostRun<C>| on.contains(&host.name);
        let meant: BTreeSet<String> = (self.hosts.iter().filter(here))
            .filter(|host| holds(host))
            .map(|host| host.name.clone())
            .collect();
        // What is about all hosts is decided by the first.
        let first = self.world.batch.iter().find(|name| on.contains(*name));
        let all_mean = first.is_some_and(|first| meant.contains(first));
        match action {
            MetaAction::FlushHandlers => flush(self, on, false).await,
            MetaAction::EndHost => {
                self.turn_state(&meant, State::Active, State::Ended);
            }
            MetaAction::EndRole => {
                for host in self.hosts.iter_mut().filter(|host| meant.contains(&host.name)) {
                    host.left = context.uses.last().cloned();
                }
            }
            MetaAction::ResetConnection => {
                for host in self.hosts.iter_mut().filter(|host| meant.contains(&host.name)) {
                    host.hang_up();
                }
            }
            MetaAction::EndBatch if all_mean => self.stop = Some(Stop::Batch),
            MetaAction::EndPlay if all_mean => self.stop = Some(Stop::Play),
            MetaAction::ClearFacts if all_mean => {
                for host in &mut self.hosts {
                    host.vars.forget_facts();
                }
            }
            MetaAction::ClearHostErrors if all_mean => {
                // They come back with the next play.
                let all = self.world.batch.iter().cloned().collect();
                self.turn_state(&all, State::Failed, State::Ended);
            }
            MetaAction::EndBatch
            | MetaAction::EndPlay
            | MetaAction::ClearFacts
            | MetaAction::ClearHostErrors
            | MetaAction::Noop => {}
        }
    }
}
