//! Notified and owed handlers: each runs once, in the order of definition, one after the other. The
//! mark that a handler is owed goes when it has succeeded, and not before.
use super::emit;
use super::host::{HostRun, State};
use super::play::{Batch, PlayWorld};
use super::task::Part;
use crate::event::Event;
use crate::plan::{Handler, Step, bind};
use crate::transport::Connect;
use std::collections::BTreeSet;

/// Handlers that earlier runs owe are taken up, if this play has them.
pub(super) fn take_up<C: Connect>(world: &PlayWorld, host: &mut HostRun<C>) {
    for run in host.journal.newly_cut_off() {
        emit(&world.events, Event::CutOff { host: host.name.clone(), run });
    }
    for news in host.confirmation.news.drain(..) {
        emit(&world.events, news);
    }
    for name in host.owed.keys().cloned().collect::<Vec<_>>() {
        let known = world.handlers.iter().any(|handler| handler.full == name);
        let since = host.owed_since(&name).unwrap_or(0);
        if known && (host.notified.contains(&name) || !host.inherited.insert(name.clone())) {
            continue;
        }
        emit(&world.events, Event::Owed { host: host.name.clone(), handler: name, since, known });
    }
}

/// Whether a host runs a handler now. What an earlier run owes may stand on variables that this run's
/// tasks have yet to set: then it waits for a later flush, but not beyond the last.
fn is_due<C: Connect>(
    world: &PlayWorld,
    host: &mut HostRun<C>,
    handler: &Handler,
    last: bool,
) -> bool {
    let name = &handler.full;
    if host.notified.remove(name) {
        host.inherited.remove(name);
        return true;
    }
    if !host.inherited.contains(name) {
        return false;
    }
    let job = &world.job;
    let waits = match &handler.step {
        Step::Task(step) => {
            let scope = world.scope(host, &step.context);
            let call = bind(step, &job.engine, &scope, &job.roster.now(), false);
            call.is_err_and(|error| error.undefined())
        }
        // Nobody knows what is in it.
        _ => true,
    };
    let waits = waits && !last;
    !waits && host.inherited.remove(name)
}

/// Runs what was notified on hosts so far; at the last flush also what is owed whatever happens.
pub(super) async fn flush<C>(batch: &mut Batch<C>, on: &BTreeSet<String>, last: bool)
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    let world = batch.world.clone();
    let failed = if world.force_handlers {
        batch.turn_state(on, State::Failed, State::Active)
    } else {
        BTreeSet::new()
    };
    // A handler may notify one that stands before it; then another round is due.
    for _ in 0..=world.handlers.len() {
        let mut idle = true;
        for handler in &world.handlers {
            let name = &handler.full;
            let meant: BTreeSet<String> = (batch.hosts.iter_mut())
                .filter(|host| on.contains(&host.name) && host.state == State::Active)
                .filter_map(|host| is_due(&world, host, handler, last).then(|| host.name.clone()))
                .collect();
            if meant.is_empty() || world.interrupted() {
                continue;
            }
            idle = false;
            match &handler.step {
                Step::Task(step) => batch.task(step, &meant, Part::Handler).await,
                Step::Include(include, context) => {
                    batch.include(include, context, &meant, Part::Handler).await;
                }
                Step::Block { .. } | Step::Meta(..) | Step::Flush { .. } => {}
            }
            settle(batch, name, &meant).await;
        }
        if idle {
            break;
        }
    }
    batch.turn_state(&failed, State::Active, State::Failed);
}

/// Takes the mark away where the handler's own batch could not do it.
async fn settle<C>(batch: &mut Batch<C>, name: &str, on: &BTreeSet<String>)
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    if batch.world.job.options.check {
        return;
    }
    let mut marked = on.clone();
    let mut kept = BTreeSet::new();
    // Marks on other hosts stay as long as one of those who made them has not succeeded.
    for host in &mut batch.hosts {
        if host.state == State::Active && on.contains(&host.name) {
            marked.extend(host.elsewhere.remove(name).unwrap_or_default());
        } else {
            kept.extend(host.elsewhere.get(name).into_iter().flatten().cloned());
        }
    }
    let left: BTreeSet<String> = (batch.hosts.iter())
        .filter(|host| marked.contains(&host.name) && host.owed.contains_key(name))
        .filter(|host| !kept.contains(&host.name))
        .map(|host| host.name.clone())
        .collect();
    let name = name.to_owned();
    batch
        .each(&left, None, |world, mut host| {
            let name = name.clone();
            async move {
                if let Err(error) = host.settle(&name).await {
                    host.lose(&error, &world.events);
                }
                host
            }
        })
        .await;
}
