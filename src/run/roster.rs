//! Who is in the run, and what is known of them from files: tasks add hosts and groups (`add_host`, `group_by`),
//! which hold for all that comes after.
use super::Job;
use super::foresight::Foresight;
use super::host::{Dial, HostRun};
use super::play::PlayWorld;
use crate::plan::saved::Foreseen;
use crate::plan::{Shared, TaskStep};
use crate::source::Diagnostic;
use crate::transport::Connect;
use serde_json::{Map, Value};
use std::sync::{Arc, PoisonError, RwLock};

/// What is the same for every host, as it is now.
#[derive(Debug)]
pub struct Roster(RwLock<(usize, Arc<Shared>)>);

impl From<Shared> for Roster {
    fn from(shared: Shared) -> Self {
        Self(RwLock::new((0, Arc::new(shared))))
    }
}

/// A copy goes its own way.
impl Clone for Roster {
    fn clone(&self) -> Self {
        Self::from(Shared::clone(&self.now()))
    }
}

impl Roster {
    /// As it is now.
    pub fn now(&self) -> Arc<Shared> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
    /// Changes what the run begins with.
    pub fn begin_with(&self, change: impl FnOnce(&mut Shared)) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut held.1));
    }
    /// How often hosts or groups were added.
    pub(super) fn grown(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).0
    }
    /// Lets a task add to it; whether anything is new.
    fn grow(&self, add: impl FnOnce(&mut Shared) -> Result<bool, String>) -> Result<bool, String> {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let shared = Arc::make_mut(&mut held.1);
        let changed = add(shared)?;
        if changed {
            shared.follow_inventory();
            held.0 += 1;
        }
        Ok(changed)
    }
}

impl Job {
    /// The hosts of a play: those that were chosen at first, or that its pattern chooses now that some came.
    ///
    /// # Errors
    /// A pattern that is broken; what it names may be nobody.
    pub(super) fn hosts_of(&self, play: usize) -> Result<Vec<String>, Diagnostic> {
        let play = &self.plays[play];
        if self.roster.grown() == 0 {
            return Ok(play.hosts.clone());
        }
        let shared = self.roster.now();
        let choose = |pattern: &str| shared.inventory.select_expecting(pattern, &|_| true);
        let mut hosts = choose(&play.play.hosts.value)?;
        if let Some(limit) = &self.options.limit {
            let left = choose(limit)?;
            hosts.retain(|host| left.contains(host));
        }
        Ok(hosts)
    }
}

/// Hosts that the run has not met yet join it.
pub(super) fn join<C: Connect>(
    job: &Job,
    names: &[String],
    hosts: &mut Vec<HostRun<C>>,
    dial: &Dial<C>,
) {
    for name in names {
        if let Some(known) = hosts.iter_mut().find(|host| host.name == *name) {
            known.chosen = true;
            continue;
        }
        let mut host = HostRun::met(job, name.clone(), dial.clone());
        if let Some(other) = hosts.first() {
            host.foresight = match other.foresight {
                Foresight::None => Foresight::None,
                Foresight::Recording(_) => Foresight::Recording(Foreseen::default()),
                Foresight::HeldTo(_) => Foresight::HeldTo(Foreseen::default()),
            };
        }
        hosts.push(host);
    }
}

/// What a task's result says of hosts and groups is taken in; the result says whether that was new.
///
/// # Errors
/// What can't be a name.
pub(super) fn take_in<C: Connect>(
    world: &PlayWorld,
    host: &HostRun<C>,
    step: &TaskStep,
    result: &mut Map<String, Value>,
) -> Result<(), String> {
    let job = &world.job;
    let changed = match step.task.module.name {
        "add_host" => {
            let about = &result["add_host"];
            let name = about["host_name"].as_str().unwrap_or_default();
            let none = Map::new();
            let vars = about["host_vars"].as_object().unwrap_or(&none);
            let groups = texts(&about["groups"]);
            let span = step.task.span;
            let is_new = job.roster.now().inventory.host(name).is_none();
            let add = |shared: &mut Shared| shared.inventory.add_host(name, &groups, vars, span);
            let changed = job.roster.grow(add)?;
            let shared = job.roster.now();
            if let Some(everyone) = shared.everyone.as_ref().filter(|_| is_new) {
                everyone.set(name, shared.outside(&shared.host_vars(name)));
            }
            changed
        }
        "group_by" => {
            let group = result["add_group"].as_str().unwrap_or_default();
            let parents = texts(&result["parent_groups"]);
            let add =
                |shared: &mut Shared| shared.inventory.add_to_group(&host.name, group, &parents);
            job.roster.grow(add)?
        }
        _ => return Ok(()),
    };
    result.insert("changed".into(), changed.into());
    Ok(())
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    list.filter(|text| !text.is_empty()).map(str::to_owned).collect()
}
