//! From what was asked to what each host will be asked: steps with their inherited keywords, the
//! variables that hold at each, binding, prefetch, outcome, order of hosts. Pure: no clock, no
//! transport, nothing async.
mod argued;
mod bind;
mod conditions;
mod edited;
mod escalation;
mod files;
mod gather;
mod keywords;
mod names;
mod notify;
mod prefetch;
pub mod saved;
mod schedule;
mod scope;
mod sealed;
mod settle;
mod steps;
mod undefined;
mod unread;
mod validate;
mod via;

pub use crate::playbook::Method;
pub use bind::{BindError, Invocation, bind};
pub use conditions::{conditions, when_holds};
pub use edited::{Found, edited, switched};
pub use escalation::{Escalation, escalation, unheeded};
pub use gather::{gathered, used};
pub use keywords::{flag, inherit, text};
pub use notify::{Handler, handlers, notified};
pub use prefetch::{World, prefetch};
pub use schedule::{batches, order};
pub use scope::{HostVars, Play, RoleVars, Shared, batch, layer, magic};
pub use sealed::sealed;
pub use settle::{Judged, breaks, forecast, loop_items, settle, summary, until_holds};
pub use steps::{
    Context, Selection, Step, TaskStep, included, play_steps, start_at, steps, task_names,
};
pub use unread::unread;
pub use validate::validate;
pub use via::{Via, Way, overrides, via};

use crate::playbook;
use crate::source::Vars;

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
