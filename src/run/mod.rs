//! The run: plays, hosts, tasks, handlers, in time. The only async code besides `transport`. It
//! decides nothing that `plan` can decide and prints nothing: what happens goes out as events.
mod ahead;
mod attempt;
mod chance;
mod confirm;
mod contact;
mod delegate;
mod fate;
mod flow;
mod foresight;
mod handlers;
mod host;
mod include;
mod journal;
mod looped;
mod meet;
pub mod past;
mod play;
mod rollback;
mod roster;
mod task;
mod terms;
mod written;

pub use roster::Roster;

pub use crate::plan::PlayJob;

use crate::change::Identity;
use crate::event::{Event, Recap};
use crate::plan::saved::{self, Foreseen, Saved};
use crate::plan::{Selection, Way};
use crate::secret::{Secret, Secrets};
use crate::source::SourceMap;
use crate::transport::{Connect, TransportError};
use crate::vars::{Engine, Scope};
use foresight::Foresight;
use host::{Dial, HostRun};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// Everything that is known before the first host is contacted.
#[derive(Clone, Debug)]
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
    pub roster: Roster,
    /// How to run.
    pub options: Options,
}

/// How to run.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "flags are booleans")]
pub struct Options {
    /// Touch nothing.
    pub check: bool,
    /// Show what changes.
    pub diff: bool,
    /// Hosts at once.
    pub forks: usize,
    /// `--tags` and `--skip-tags`.
    pub chosen: Selection,
    /// `--limit`: the pattern that hosts must fit which tasks add.
    pub limit: Option<String>,
    /// `--start-at-task`: what is before it is not run.
    pub start_at: Option<String>,
    /// The password that `-K` asked for, where the inventory has none.
    pub become_password: Option<Secret<String>>,
    /// Run notified handlers on failed hosts as well.
    pub force_handlers: bool,
    /// `--no-rollback`: what a play that failed has done stays.
    pub no_rollback: bool,
    /// How long a play that can lock us out waits to be confirmed, in seconds; 0: it does not.
    pub confirm_timeout: u32,
    /// Who runs it, for servers' locks and journals.
    pub by: Identity,
    /// Cancelled by ctrl-C: the change in hand is finished, nothing new is begun.
    pub interrupt: CancellationToken,
}

/// Where events go, and what they must not tell.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    sender: UnboundedSender<Event>,
    secrets: Secrets,
}

/// Sends an event, every secret in it replaced. A reporter that has gone away must not stop a change
/// half way.
pub(crate) fn emit(events: &Events, event: Event) {
    let _ = events.sender.send(event.censored(&events.secrets));
}

/// Runs a job to its end. `dial` gives the way to a host that is reached by some variables; a host that it
/// refuses is unreachable.
pub async fn run<C, D>(
    job: Arc<Job>,
    dial: D,
    sender: UnboundedSender<Event>,
) -> BTreeMap<String, Recap>
where
    C: Connect + 'static,
    C::Shell: 'static,
    D: Fn(&str, &Scope) -> Result<C, TransportError> + Send + Sync + 'static,
{
    let (events, dial) = (job.events(sender), way(dial));
    let hosts = meet(&job, &dial, &events);
    let hosts = plays(&job, hosts, &dial, &events).await;
    part(&job, hosts, &events).await
}

/// Runs a job in check mode and records what it foresees: a plan to be saved.
pub async fn foresee<C, D>(
    job: Arc<Job>,
    dial: D,
    sender: UnboundedSender<Event>,
) -> (BTreeMap<String, Recap>, Saved)
where
    C: Connect + 'static,
    C::Shell: 'static,
    D: Fn(&str, &Scope) -> Result<C, TransportError> + Send + Sync + 'static,
{
    let (events, dial) = (job.events(sender), way(dial));
    let mut hosts = meet(&job, &dial, &events);
    for host in &mut hosts {
        host.foresight = Foresight::Recording(Foreseen::default());
    }
    let mut hosts = plays(&job, hosts, &dial, &events).await;
    let foreseen = hosts.iter_mut().map(|host| (host.name.clone(), host.foreseen()));
    let hosts_of_plan = foreseen.collect();
    let saved = Saved { v: saved::VERSION, playbook: job.playbook.clone(), hosts: hosts_of_plan };
    (part(&job, hosts, &events).await, saved)
}

/// Runs a job on the hosts where it would do exactly what a plan has, and there nothing else: first
/// it is rehearsed in check mode, over the same connections. Hosts that have moved are refused.
pub async fn follow<C, D>(
    job: Arc<Job>,
    plan: &Saved,
    dial: D,
    sender: UnboundedSender<Event>,
) -> BTreeMap<String, Recap>
where
    C: Connect + 'static,
    C::Shell: 'static,
    D: Fn(&str, &Scope) -> Result<C, TransportError> + Send + Sync + 'static,
{
    let (events, dial) = (job.events(sender), way(dial));
    let mut hosts = meet(&job, &dial, &events);
    for host in &mut hosts {
        host.foresight = Foresight::Recording(Foreseen::default());
    }
    let (silent, mut unheard) = unbounded_channel();
    let mut hosts = plays(&Arc::new(job.rehearsal()), hosts, &dial, &job.events(silent)).await;
    while let Ok(event) = unheard.try_recv() {
        if matches!(event, Event::Unreachable { .. } | Event::SecondChance { .. }) {
            emit(&events, event);
        }
    }
    for host in &mut hosts {
        let vars = job.roster.now().host_vars(&host.name);
        host.hold_to(plan.hosts.get(&host.name), vars, &events);
    }
    let left: Vec<&str> = (plan.hosts.keys().map(String::as_str))
        .filter(|name| !hosts.iter().any(|host| host.name == *name))
        .collect();
    if !left.is_empty() {
        let message = format!("in the plan, but not in this run: {}", left.join(", "));
        emit(&events, Event::Warning { host: None, message });
    }
    let hosts = plays(&job, hosts, &dial, &events).await;
    part(&job, hosts, &events).await
}

impl Job {
    fn events(&self, sender: UnboundedSender<Event>) -> Events {
        Events { sender, secrets: self.sources.vault().secrets().clone() }
    }
    /// The same job as a check.
    fn rehearsal(&self) -> Self {
        let mut job = self.clone();
        job.options.check = true;
        job.roster.begin_with(|shared| {
            let magic = Arc::make_mut(&mut shared.magic);
            magic.values.insert("ansible_check_mode".into(), true.into());
        });
        job
    }
}

/// Ways as every host keeps them.
fn way<C, D>(dial: D) -> Dial<C>
where
    D: Fn(&str, &Scope) -> Result<C, TransportError> + Send + Sync + 'static,
{
    Arc::new(dial)
}

/// The beginning of a run: every host that the plays name.
fn meet<C: Connect>(job: &Job, dial: &Dial<C>, events: &Events) -> Vec<HostRun<C>> {
    let mut names: Vec<String> = vec![];
    for name in job.plays.iter().flat_map(|play| &play.hosts) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    emit(
        events,
        Event::RunStarted {
            playbook: job.playbook.clone(),
            check: job.options.check,
            hosts: names.clone(),
        },
    );
    let meeting = names.into_iter().map(|name| {
        let mut host = HostRun::met(job, name, dial.clone());
        if let Err(error) = host.link(&Way::new()) {
            host.lose(&error, events);
        }
        host
    });
    meeting.collect()
}

/// All plays; then once more for those who did not answer at first.
async fn plays<C>(
    job: &Arc<Job>,
    hosts: Vec<HostRun<C>>,
    dial: &Dial<C>,
    events: &Events,
) -> Vec<HostRun<C>>
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    let mut hosts = in_order(job, false, hosts, dial, events).await;
    if let Some(job) = chance::second(job, &mut hosts, events).await {
        hosts = in_order(&job, true, hosts, dial, events).await;
        // There is no third.
        chance::none(&mut hosts);
    }
    hosts
}

/// One play after the other, unless a whole batch fails. Once `more`, plays for nobody are passed over.
async fn in_order<C>(
    job: &Arc<Job>,
    more: bool,
    mut hosts: Vec<HostRun<C>>,
    dial: &Dial<C>,
    events: &Events,
) -> Vec<HostRun<C>>
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    for index in 0..job.plays.len() {
        let chosen = job.hosts_of(index).unwrap_or_else(|found| {
            emit(events, Event::Warning { host: None, message: found.message });
            vec![]
        });
        if more && chosen.is_empty() {
            continue;
        }
        roster::join(job, &chosen, &mut hosts, dial);
        let go_on;
        (hosts, go_on) = play::run(job, index, chosen, hosts, events).await;
        if !go_on {
            chance::none_if_any_waits(job, index + 1, &mut hosts);
            break;
        }
    }
    hosts
}

/// The end of a run.
async fn part<C>(job: &Job, hosts: Vec<HostRun<C>>, events: &Events) -> BTreeMap<String, Recap>
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    let hosts = journal::close(job, hosts, events).await;
    for host in hosts.iter().filter(|host| !host.chosen && !host.owed.is_empty()) {
        let owed: Vec<&str> = host.owed.keys().map(String::as_str).collect();
        let message = format!("still owed there: {}", owed.join(", "));
        emit(events, Event::Warning { host: Some(host.name.clone()), message });
    }
    let interrupted = job.options.interrupt.is_cancelled();
    let recap: BTreeMap<_, _> = (hosts.into_iter().filter(|host| host.chosen))
        .map(|host| (host.name.clone(), host.finish()))
        .collect();
    emit(events, Event::RunFinished { recap: recap.clone(), interrupted });
    recap
}
