//! What a host is asked and what is done to it: one round trip each, and what is known of it kept true.
use super::host::{Eye, HostRun};
use crate::change::{Change, Ran};
use crate::facts::{Fact, Probe, injected};
use crate::transport::{Connect, Transport, TransportError, here};
use serde_json::Value;

impl<C: Connect> HostRun<C> {
    /// In check mode: what earlier tasks would have made of it.
    pub(super) fn overlay(&mut self, eye: usize, changes: &[Change]) {
        for change in changes {
            for other in 0..self.eyes.len() {
                if other != eye {
                    self.eyes[other].seen.forget(|probe| change.touches(probe));
                }
            }
            change.predict(&mut self.eyes[eye].seen);
        }
    }

    /// Asks what is not known yet, all in one round trip.
    pub(super) async fn look(
        &mut self,
        eye: usize,
        probes: Vec<Probe>,
    ) -> Result<(), TransportError> {
        let mut wanted: Vec<Probe> = vec![];
        for probe in probes {
            if let Some(fact) = here::look(&probe) {
                self.eyes[eye].seen.set(probe, fact);
                continue;
            }
            if !self.eyes[eye].seen.knows(&probe) && !wanted.contains(&probe) {
                wanted.push(probe);
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        self.recap.batches += 1;
        let facts = self.eyes[eye].shell.observe(&wanted).await?;
        for (probe, fact) in wanted.into_iter().zip(facts) {
            if let Fact::Owed(owed) = &fact {
                self.eyes[eye].met = true;
                for owed in owed {
                    self.owed.entry(owed.handler.clone()).or_default().insert(eye);
                }
            }
            if let Fact::Journal(journal) = &fact {
                self.journal.found(eye, journal);
                self.written.found(eye, &self.journal.by.run, journal);
                self.found(journal);
            }
            let Eye { via, seen, .. } = &mut self.eyes[eye];
            self.foresight.saw(via, &probe, &fact);
            seen.set(probe, fact);
        }
        Ok(())
    }

    /// Takes facts of the server among the host's variables.
    pub(super) async fn gather(
        &mut self,
        eye: usize,
        probes: Vec<Probe>,
    ) -> Result<(), TransportError> {
        self.look(eye, probes.clone()).await?;
        for probe in probes {
            if let Ok(Fact::System(facts)) = self.eyes[eye].seen.get(&probe) {
                let named = |(name, value): (&String, &Value)| (injected(name), value.clone());
                self.vars.learn(facts.iter().map(named));
            }
        }
        Ok(())
    }

    /// Makes changes as steps of the run, and forgets what they may have made untrue. The first that
    /// really changes something takes the server's lock.
    pub(super) async fn act(
        &mut self,
        eye: usize,
        changes: &[Change],
    ) -> Result<Vec<Ran>, TransportError> {
        let (batch, opens) = self.journal.around(eye, changes);
        let mut ran = self.apply(eye, &batch).await?;
        if opens {
            self.journal.opened(eye, &ran.remove(0))?;
        }
        for (change, ran) in changes.iter().zip(&ran) {
            match change {
                Change::Owe { handler } if ran.rc == 0 => {
                    if !self.owed.contains_key(handler) {
                        self.journal.owes(handler);
                    }
                    self.owed.entry(handler.clone()).or_default().insert(eye);
                }
                Change::Settle { handler } if ran.rc == 0 => {
                    if let Some(eyes) = self.owed.get_mut(handler) {
                        eyes.remove(&eye);
                        if eyes.is_empty() {
                            self.owed.remove(handler);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(ran)
    }

    /// A batch as it is, without the journal around it.
    pub(super) async fn apply(
        &mut self,
        eye: usize,
        batch: &[Change],
    ) -> Result<Vec<Ran>, TransportError> {
        for eye in &mut self.eyes {
            eye.seen.forget(|probe| batch.iter().any(|change| change.touches(probe)));
        }
        let mut ran: Vec<Ran> = vec![];
        for part in batch.chunk_by(|one, next| one.is_here() == next.is_here()) {
            if ran.last().is_some_and(|last| last.rc != 0) {
                break;
            }
            if part.iter().all(Change::is_here) {
                ran.extend(here::make(part).await);
            } else {
                self.recap.batches += 1;
                ran.extend(self.eyes[eye].shell.apply(part).await?);
            }
        }
        Ok(ran)
    }

    /// Takes back the mark of a handler, through every shell that it was made through.
    pub(super) async fn settle(&mut self, handler: &str) -> Result<(), TransportError> {
        for eye in self.owed.get(handler).cloned().unwrap_or_default() {
            self.act(eye, &[Change::Settle { handler: handler.to_owned() }]).await?;
        }
        Ok(())
    }

    /// When a handler was first owed, by the server's clock.
    pub(super) fn owed_since(&self, handler: &str) -> Option<i64> {
        self.eyes.iter().find_map(|eye| match eye.seen.get(&Probe::Owed) {
            Ok(Fact::Owed(owed)) => {
                owed.iter().find(|owed| owed.handler == handler).map(|owed| owed.since)
            }
            _ => None,
        })
    }
}
