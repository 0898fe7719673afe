//! The run: plays, hosts, tasks, handlers, in time. The only async code besides `transport`. It
//! decides nothing that `plan` can decide and prints nothing: what happens goes out as events.
mod attempt;
mod handlers;
mod host;
mod include;
mod play;
mod task;

use crate::event::{Event, Recap};
use crate::plan::{Selection, Shared};
use crate::playbook;
use crate::secret::Secret;
use crate::source::{SourceMap, Vars};
use crate::transport::{Connect, TransportError};
use crate::vars::Engine;
use host::HostRun;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// Everything that is known before the first host is contacted.
#[derive(Debug)]
pub struct Job {
    /// The playbook as given on the command line.
    pub playbook: String,
    /// The plays with their hosts, in order.
    pub plays: Vec<PlayJob>,
    /// For places in events.
    pub sources: SourceMap,
    /// Templates.
    pub engine: Engine,
    /// Inventory, extra variables, files.
    pub shared: Shared,
    /// How to run.
    pub options: Options,
}

/// A play and whom it is for.
#[derive(Clone, Debug)]
pub struct PlayJob {
    /// As written.
    pub play: playbook::Play,
    /// Chosen by its pattern and `--limit`, in order.
    pub hosts: Vec<String>,
    /// Its `vars_files`, read.
    pub vars_files: Vec<Vars>,
}

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Touch nothing.
    pub check: bool,
    /// Show what changes.
    pub diff: bool,
    /// Hosts at once.
    pub forks: usize,
    /// `--tags` and `--skip-tags`.
    pub chosen: Selection,
    /// `--start-at-task`: what is before it is not run.
    pub start_at: Option<String>,
    /// The password that `-K` asked for, where the inventory has none.
    pub become_password: Option<Secret<String>>,
    /// Run notified handlers on failed hosts as well.
    pub force_handlers: bool,
    /// Cancelled by ctrl-C: the change in hand is finished, nothing new is begun.
    pub interrupt: CancellationToken,
}

/// Where events go.
pub(crate) type Events = UnboundedSender<Event>;

/// Sends an event. A reporter that has gone away must not stop a change half way.
pub(crate) fn emit(events: &Events, event: Event) {
    let _ = events.send(event);
}

/// Runs a job to its end. `dial` gives the way to a host; a host that it refuses is unreachable.
pub async fn run<C, D>(job: Arc<Job>, dial: D, events: Events) -> BTreeMap<String, Recap>
where
    C: Connect + 'static,
    C::Shell: 'static,
    D: Fn(&str) -> Result<C, TransportError>,
{
    let mut names: Vec<String> = vec![];
    for name in job.plays.iter().flat_map(|play| &play.hosts) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    emit(
        &events,
        Event::RunStarted {
            playbook: job.playbook.clone(),
            check: job.options.check,
            hosts: names.clone(),
        },
    );
    let mut hosts: Vec<HostRun<C>> = vec![];
    for name in &names {
        let vars = job.shared.host_vars(name);
        match dial(name) {
            Ok(link) => hosts.push(HostRun::new(name.clone(), Some(link), vars)),
            Err(error) => {
                let mut host = HostRun::new(name.clone(), None, vars);
                host.lose(&error, &events);
                hosts.push(host);
            }
        }
    }
    for index in 0..job.plays.len() {
        hosts = play::run(&job, index, hosts, &events).await;
    }
    let interrupted = job.options.interrupt.is_cancelled();
    let recap: BTreeMap<_, _> =
        hosts.into_iter().map(|host| (host.name.clone(), host.finish())).collect();
    emit(&events, Event::RunFinished { recap: recap.clone(), interrupted });
    recap
}
