//! Who: hosts and groups as they were written, their variables with places, and patterns that
//! choose among them. Pure: it is handed texts.
use crate::source::{Diagnostic, SourceMap, Vars};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// A host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// `inventory_hostname`.
    pub name: String,
    /// From the inventory file itself; `host_vars/` come later and win (Ansible's levels 8 and 9).
    pub vars: Vars,
    /// Beside the inventory, then beside the playbook: `host_vars/NAME`.
    pub files: Vec<Vars>,
    /// Groups that name it, without their parents, without `all`.
    pub groups: BTreeSet<String>,
}

/// A group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// From the inventory file itself.
    pub vars: Vars,
    /// Beside the inventory, then beside the playbook: `group_vars/NAME`.
    pub files: Vec<Vars>,
    /// Groups below it.
    pub children: BTreeSet<String>,
    /// Hosts named in it, in the order written.
    pub hosts: Vec<String>,
    /// `ansible_group_priority`, 1 unless told otherwise.
    pub priority: i64,
}

/// All hosts and groups.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// In the order written.
    pub hosts: Vec<Host>,
    /// By name; `all` and `ungrouped` are always there.
    pub groups: BTreeMap<String, Group>,
}

/// A text to read an inventory from.
#[derive(Clone, Debug)]
pub enum Input {
    /// A file (INI or YAML, told by its ending and else by its look).
    File(Arc<Path>, Arc<str>),
    /// `host1,host2,` of the command line.
    List(String),
}

/// `group_vars/` and `host_vars/` files that stand beside an inventory or a playbook, as texts.
#[derive(Clone, Debug, Default)]
pub struct VarsFiles {
    /// Group name → files in the order they are merged.
    pub groups: BTreeMap<String, Vec<(Arc<Path>, Arc<str>)>>,
    /// Host name → files in the order they are merged.
    pub hosts: BTreeMap<String, Vec<(Arc<Path>, Arc<str>)>>,
}

impl Inventory {
    /// Reads inventories, later ones adding to earlier ones; `beside` in the order inventory, playbook.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn read(
        inputs: &[Input],
        beside: &[VarsFiles],
        sources: &mut SourceMap,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let _ = (inputs, beside, sources);
        Err(vec![Diagnostic::general("not written yet")])
    }

    /// The hosts that a pattern chooses, in inventory order. `:`/`,`, `!`, `&`, globs, `~regex`,
    /// `group[0:2]`, `all`, `localhost` when the inventory does not name it.
    ///
    /// # Errors
    /// Broken patterns; a name that is neither host nor group, with the nearest one.
    pub fn select(&self, pattern: &str) -> Result<Vec<String>, Diagnostic> {
        Err(Diagnostic::general(format!("not written yet: {pattern}")))
    }

    /// The host called `name`.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// Every group of a host, parents included, `all` first, the order in which their variables are
    /// merged (depth, then priority, then name; later wins), as Ansible orders them.
    pub fn groups_of(&self, host: &str) -> Vec<&Group> {
        let _ = host;
        vec![]
    }
}
impl Inventory {
    /// stub
    pub fn layers(&self, _: &str) -> Vec<(String, Vars)> {
        vec![]
    }
    /// stub
    pub fn members(&self, _: &str) -> Vec<String> {
        vec![]
    }
}
