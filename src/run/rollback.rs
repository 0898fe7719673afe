//! A play that failed on a host is taken back there: files newest first, from what the server's journal
//! keeps; then whatever reads them is done again, so that the old configuration runs. It decides nothing
//! about what a change is or how it is undone.
use super::host::{HostRun, State};
use super::journal::{Again, Transaction};
use super::play::Batch;
use super::{Events, emit};
use crate::change::{Care, Change, Entry, TakenBack, taken_back};
use crate::event::{Event, Left};
use crate::secret::REDACTED;
use crate::transport::{Connect, TransportError};
use std::collections::BTreeSet;

/// What the play did on hosts that failed is taken back there, unless it says otherwise; also where it was
/// stopped only because others had failed, since half a play is nobody's wish.
pub(super) async fn roll_back<C>(batch: &mut Batch<C>, on: &BTreeSet<String>)
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    let world = batch.world.clone();
    for host in batch.hosts.iter_mut().filter(|host| on.contains(&host.name)) {
        if let Some(why) = host.stopped.take().filter(|_| host.state == State::Failed) {
            host.recap.stopped = true;
            emit(&world.events, Event::Stopped { host: host.name.clone(), why });
        }
    }
    let due = |host: &&mut HostRun<C>| {
        on.contains(&host.name)
            && host.state == State::Failed
            && !(host.journal.play.stretches.is_empty() && host.journal.play.left.is_empty())
            && world.takes_back(host)
    };
    let mut failed = BTreeSet::new();
    for host in batch.hosts.iter_mut().filter(due) {
        host.state = State::Active;
        failed.insert(host.name.clone());
    }
    batch
        .each(&failed, None, |world, mut host| async move {
            match host.roll_back(&world.events).await {
                Ok(()) => host.state = State::Failed,
                Err(error) => host.lose(&error, &world.events),
            }
            host
        })
        .await;
}

/// What became of a play that was taken back.
#[derive(Default)]
struct Back {
    restored: Vec<String>,
    again: Vec<String>,
    left: Vec<Left>,
}

impl<C: Connect> HostRun<C> {
    /// Takes back what the play at hand did here, newest first, and lets services notice.
    ///
    /// # Errors
    /// The connection is lost; what could not be brought back any more is told all the same.
    pub(super) async fn roll_back(&mut self, events: &Events) -> Result<(), TransportError> {
        let play = std::mem::take(&mut self.journal.play);
        let mut back = Back { left: play.left.clone(), ..Back::default() };
        let ended = self.take_back(&play, &mut back).await;
        if let Err(error) = &ended {
            let what = "everything that this run changed".to_owned();
            back.left.push(Left { what, why: error.to_string() });
        }
        let Back { mut restored, again, mut left } = back;
        let told = restored.iter_mut().chain(left.iter_mut().map(|left| &mut left.what));
        for path in told.filter(|path| play.hidden.contains(*path)) {
            REDACTED.clone_into(path);
        }
        if restored.is_empty() && again.is_empty() && left.is_empty() {
            return ended;
        }
        self.recap.rolled_back = true;
        self.recap.left += left.len();
        let host = self.name.clone();
        emit(events, Event::RolledBack { host, restored, again, left });
        ended
    }

    async fn take_back(
        &mut self,
        play: &Transaction,
        back: &mut Back,
    ) -> Result<(), TransportError> {
        let mut again: Vec<Again> = vec![];
        for next in &play.again {
            again.retain(|known| known.eye != next.eye || known.changes != next.changes);
            again.push(next.clone());
        }
        for &(eye, from) in play.stretches.iter().rev() {
            // Whoever comes next runs these, if we are cut off in between.
            let owed = again.iter().filter(|again| again.eye == eye && again.is_handler);
            let mut batch: Vec<Change> =
                owed.map(|again| Change::Owe { handler: again.name.clone() }).collect();
            let run = self.journal.by.run.clone();
            let entry =
                Entry::Undo { of: run.clone(), run: run.clone(), from, care: Care::Careful };
            // A step, so that what became of it can be asked again.
            let change = Box::new(Change::Journal(entry));
            batch.push(Change::Step { run, number: self.journal.number(), change });
            let ran = self.act(eye, &batch).await?;
            for became in ran.last().map(taken_back).unwrap_or_default() {
                match became {
                    TakenBack::Restored(path) => back.restored.push(path),
                    TakenBack::Left { path, why } => back.left.push(Left { what: path, why }),
                }
            }
            if let Some(failed) = ran.iter().find(|ran| ran.rc != 0) {
                let what = "everything that this run changed".to_owned();
                back.left.push(Left { what, why: failed.last_line() });
            }
        }
        if back.restored.is_empty() {
            return Ok(());
        }
        for again in &again {
            self.do_again(again, back).await?;
        }
        // What was notified and has not run has nothing to do any more.
        let ran = |handler: &String| again.iter().any(|again| again.name == *handler);
        for handler in play.owed.iter().filter(|handler| back.left.is_empty() && !ran(handler)) {
            self.settle(handler).await?;
        }
        Ok(())
    }

    async fn do_again(&mut self, again: &Again, back: &mut Back) -> Result<(), TransportError> {
        let ran = self.act(again.eye, &again.changes).await?;
        if let Some(failed) = ran.iter().find(|ran| ran.rc != 0) {
            back.left.push(Left { what: again.name.clone(), why: failed.last_line() });
            return Ok(());
        }
        back.again.push(again.name.clone());
        if again.is_handler {
            self.settle(&again.name).await?;
        }
        Ok(())
    }
}
