//! Notified and owed handlers: each runs once, in the order of definition, one after the other. The
//! mark that a handler is owed goes when it has succeeded, and not before.
use super::emit;
use super::host::{HostRun, State};
use super::play::{Batch, PlayWorld};
use super::task::Part;
use crate::change::Change;
use crate::event::Event;
use crate::transport::Connect;
use std::collections::BTreeSet;

/// Handlers that earlier runs owe count as notified, if this play has them.
pub(super) fn take_up<C: Connect>(world: &PlayWorld, host: &mut HostRun<C>) {
    for name in host.owed.keys().cloned().collect::<Vec<_>>() {
        let known = world.handlers.iter().any(|handler| handler.step.name == name);
        let since = host.owed_since(&name).unwrap_or(0);
        if known && !host.notified.insert(name.clone()) {
            continue;
        }
        emit(&world.events, Event::Owed { host: host.name.clone(), handler: name, since, known });
    }
}

/// Runs what was notified on hosts so far.
pub(super) async fn flush<C>(batch: &mut Batch<C>, on: &BTreeSet<String>)
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    let world = batch.world.clone();
    // A handler may notify one that stands before it; then another round is due.
    for _ in 0..=world.handlers.len() {
        let mut idle = true;
        for handler in &world.handlers {
            let name = &handler.step.name;
            let may_run = |host: &HostRun<C>| {
                host.state == State::Active
                    || (host.state == State::Failed && world.job.options.force_handlers)
            };
            let meant: BTreeSet<String> = (batch.hosts.iter_mut())
                .filter(|host| on.contains(&host.name) && may_run(host))
                .filter_map(|host| host.notified.remove(name).then(|| host.name.clone()))
                .collect();
            if meant.is_empty() || world.interrupted() {
                continue;
            }
            idle = false;
            batch.task(&handler.step, &meant, Part::Handler).await;
            settle(batch, name, &meant).await;
        }
        if idle {
            return;
        }
    }
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
    let left: BTreeSet<String> = (batch.hosts.iter())
        .filter(|host| on.contains(&host.name) && host.owed.contains_key(name))
        .map(|host| host.name.clone())
        .collect();
    let name = name.to_owned();
    batch
        .each(&left, |world, mut host| {
            let name = name.clone();
            async move {
                let eyes = host.owed.get(&name).cloned().unwrap_or_default();
                for eye in eyes {
                    let change = Change::Settle { handler: name.clone() };
                    if let Err(error) = host.act(eye, &[change]).await {
                        host.lose(&error, &world.events);
                        break;
                    }
                }
                host
            }
        })
        .await;
}
