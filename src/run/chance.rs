//! A second chance: hosts that did not answer when they were first called are called once more, for the whole
//! playbook, when the plays are over for the others. Nothing was done there yet, so it is as if the run were
//! repeated for them alone (`--limit`). There is none where we were refused, where the connection was lost in
//! the middle, or when the run was stopped.
use super::foresight::Foresight;
use super::host::{HostRun, State};
use super::{Events, Job, emit};
use crate::event::Event;
use crate::plan::saved::Foreseen;
use crate::transport::{Connect, TransportError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The job for those who get a second chance, if anybody does; they are as new then.
pub(super) async fn second<C: Connect>(
    job: &Arc<Job>,
    hosts: &mut [HostRun<C>],
    events: &Events,
) -> Option<Arc<Job>> {
    // Where nobody could be reached, the fault is on our side, and no time has passed.
    let was_reached = |host: &HostRun<C>| host.recap.channels > 0;
    if job.options.interrupt.is_cancelled() || !hosts.iter().any(was_reached) {
        return None;
    }
    let mut names = vec![];
    for host in hosts.iter_mut().filter(|host| host.missed) {
        host.call_again(job).await;
        names.push(host.name.clone());
    }
    if names.is_empty() {
        return None;
    }
    let job = Arc::new(job.only(&names.iter().map(String::as_str).collect()));
    emit(events, Event::SecondChance { hosts: names });
    Some(job)
}

/// The run is stopped for all: nobody gets a second chance.
pub(super) fn none<C: Connect>(hosts: &mut [HostRun<C>]) {
    for host in hosts {
        host.missed = false;
    }
}

/// Plays behind one of which a whole batch failed are not begun, so that hosts of theirs have no turn.
pub(super) fn none_if_any_waits<C: Connect>(job: &Job, next: usize, hosts: &mut [HostRun<C>]) {
    let waits = |host: &HostRun<C>| {
        let mut plays = next..job.plays.len();
        let is_named =
            plays.any(|play| job.hosts_of(play).is_ok_and(|hosts| hosts.contains(&host.name)));
        is_named && matches!(host.state, State::Active | State::Ended)
    };
    if hosts.iter().any(waits) {
        none(hosts);
    }
}

impl Job {
    /// The same for some hosts alone.
    fn only(&self, hosts: &BTreeSet<&str>) -> Self {
        let mut job = self.clone();
        for play in &mut job.plays {
            play.hosts.retain(|host| hosts.contains(host.as_str()));
        }
        job.options.limit = Some(hosts.iter().copied().collect::<Vec<_>>().join(","));
        job
    }
}

impl<C: Connect> HostRun<C> {
    /// Whether this is how a host is missed that nothing was done for so far. One that is held to a plan
    /// was there when that was rehearsed.
    pub(super) fn is_missed(&self, error: &TransportError) -> bool {
        let untouched = self.recap.channels == 0 && self.recap.changed == 0;
        self.chosen
            && untouched
            && error.may_pass()
            && !matches!(self.foresight, Foresight::HeldTo(_))
    }

    /// As new, and whatever stood in the way is tried again.
    async fn call_again(&mut self, job: &Job) {
        self.hang_up_links().await;
        let records = matches!(self.foresight, Foresight::Recording(_));
        self.begin_again(job.roster.now().host_vars(&self.name));
        if records {
            self.foresight = Foresight::Recording(Foreseen::default());
        }
    }
}
