//! Saved plans in a run: recording what is foreseen, holding a run to it. What a plan is and when it
//! holds is `plan::saved`'s word; here is only where the run meets it.
use super::host::{HostRun, State};
use super::{Events, emit};
use crate::change::Change;
use crate::event::{Edit, Event};
use crate::facts::{Fact, Probe};
use crate::plan::saved::{Foreseen, Intent};
use crate::plan::{HostVars, Via};
use crate::transport::Connect;

/// What a run has to do with a saved plan on one host.
#[derive(Debug, Default)]
pub(super) enum Foresight {
    /// Nothing.
    #[default]
    None,
    /// Everything that is foreseen is recorded.
    Recording(Foreseen),
    /// Only what was foreseen may be done.
    HeldTo(Foreseen),
}

impl Foresight {
    /// A fact that was fetched from the host.
    pub(super) fn saw(&mut self, via: &Via, probe: &Probe, fact: &Fact) {
        if let Self::Recording(foreseen) = self {
            let user = via.escalate.as_ref().map_or("", |escalate| &escalate.user);
            let way = via.way.iter().map(|(name, value)| format!(" {name}={value}"));
            foreseen.saw(&(user.to_owned() + &way.collect::<String>()), probe, fact);
        }
    }

    /// Changes that a task is about to make, or would make.
    ///
    /// # Errors
    /// They are not what the plan has.
    pub(super) fn meets(&mut self, about: &About, changes: &[Change]) -> Result<(), String> {
        if changes.is_empty() || matches!(self, Self::None) {
            return Ok(());
        }
        let mut intent = Intent::new(about.task.to_owned(), changes, about.hidden);
        intent.no_way_back = about.no_way_back.map(str::to_owned);
        intent.edited = about.edits.iter().map(|edit| (edit.path.clone(), edit.damage)).collect();
        match self {
            Self::None => {}
            Self::Recording(foreseen) => {
                if intent.unknown {
                    foreseen.may_run.extend(about.notifies.iter().cloned());
                }
                foreseen.intends(intent);
            }
            Self::HeldTo(plan) => {
                let may_run = about.handler.is_some_and(|name| plan.may_run.contains(name));
                if !may_run && !plan.foresaw(&intent) {
                    let made: Vec<_> = intent.changes.iter().map(|c| c.about.as_str()).collect();
                    return Err(format!(
                        "not in the plan, so nothing was done: {}; check again and save a new plan",
                        made.join(", ")
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A task whose changes meet a plan.
pub(super) struct About<'a> {
    pub(super) task: &'a str,
    /// `no_log`.
    pub(super) hidden: bool,
    /// Handlers that a change of it notifies.
    pub(super) notifies: &'a [String],
    /// The handler that it is.
    pub(super) handler: Option<&'a str>,
    /// Why it could not be taken back.
    pub(super) no_way_back: Option<&'static str>,
    /// What somebody else has changed of what it is about to write.
    pub(super) edits: &'a [Edit],
}

impl<C: Connect> HostRun<C> {
    /// What was foreseen, when the run is over.
    pub(super) fn foreseen(&mut self) -> Foreseen {
        let well = matches!(self.state, State::Active | State::Ended) && self.recap.failed == 0;
        match std::mem::take(&mut self.foresight) {
            Foresight::Recording(foreseen) => Foreseen { complete: well, ..foreseen },
            Foresight::None | Foresight::HeldTo(_) => Foreseen::default(),
        }
    }

    /// Behind a rehearsal: the same host as if nothing had been, held to what it was found to agree
    /// with; or given up, since it does not.
    pub(super) fn hold_to(&mut self, plan: Option<&Foreseen>, vars: HostVars, events: &Events) {
        if self.recap.unreachable {
            return;
        }
        let now = self.foreseen();
        let refused = match plan {
            None => Some("the plan says nothing of this host".to_owned()),
            Some(plan) => plan.holds(&now).err(),
        };
        self.begin_again(vars);
        match (plan, refused) {
            (Some(plan), None) => self.foresight = Foresight::HeldTo(plan.clone()),
            (_, why) => {
                self.state = State::Unreachable;
                self.recap.failed += 1;
                let message = why.unwrap_or_default();
                emit(events, Event::Refused { host: self.name.clone(), message });
            }
        }
    }
}
