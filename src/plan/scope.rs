//! Which variables hold for a host at a place of a play: Ansible's levels, lowest first.
use super::steps::Context;
use crate::inventory::Inventory;
use crate::playbook::{self, IncludedVars, Item, Role, RoleUse};
use crate::source::Vars;
use crate::vars::{Layer, Scope, Trust};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Variables as written, as a layer.
pub fn layer(origin: &str, trust: Trust, vars: &Vars) -> Layer {
    let mut values = Map::new();
    let mut places = BTreeMap::new();
    for (name, value) in vars {
        values.insert(name.value.clone(), value.value.clone());
        places.insert(name.value.clone(), name.span);
    }
    Layer { origin: origin.to_owned(), trust, values, places }
}

/// What is the same for every host and every play of a run.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Who.
    pub inventory: Inventory,
    /// `-e`.
    pub extra: Arc<Layer>,
    /// `ansible_check_mode`, `groups`, `hostvars` …
    pub magic: Arc<Layer>,
    /// Files that `copy`, `template` and the like may name.
    pub files: BTreeMap<PathBuf, Arc<[u8]>>,
    /// The folder of the playbook.
    pub playbook_dir: PathBuf,
    /// The folder that paths of inventories begin at; empty: they are told as they are given.
    pub working_dir: PathBuf,
}

/// What is the same for every task of a play.
#[derive(Clone, Debug, Default)]
pub struct Play {
    /// Defaults of every role that the play names.
    defaults: Vec<Arc<Layer>>,
    /// `vars` and `vars_files`.
    vars: Vec<Arc<Layer>>,
    /// `vars/main.yml` of every role that the play names.
    role_vars: Vec<Arc<Layer>>,
    /// `ansible_play_name` and the names of its roles.
    names: Option<Arc<Layer>>,
}

/// What a host brings.
#[derive(Clone, Debug, Default)]
pub struct HostVars {
    /// Groups' and the host's own, from the inventory and the files beside it and the playbook.
    pub inventory: Vec<Arc<Layer>>,
    /// Facts as modules returned them: `ansible_x` is also `ansible_facts.x`.
    pub facts: Map<String, Value>,
    /// `register` and `set_fact`.
    pub registered: Map<String, Value>,
    /// `include_vars`.
    pub included: Vec<Arc<Layer>>,
    /// Roles that were included with `public`.
    pub roles: Vec<Arc<Role>>,
}

/// The magic variables that name the hosts of a play and of the batch at hand: those of them that are
/// not gone. Made once for all: every task of every host has them.
pub fn batch(play: &[String], batch: &[String], gone: &BTreeSet<String>) -> Arc<Layer> {
    let left = |hosts: &[String]| -> Value {
        hosts.iter().filter(|host| !gone.contains(*host)).cloned().collect::<Vec<_>>().into()
    };
    let values = [
        ("ansible_play_hosts_all", play.to_vec().into()),
        ("ansible_play_hosts", left(play)),
        ("ansible_play_batch", left(batch)),
        ("play_hosts", left(batch)),
    ];
    let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let places = BTreeMap::new();
    Arc::new(Layer { origin: "magic".into(), trust: Trust::Data, values, places })
}

impl HostVars {
    /// Takes in what `include_vars` read.
    pub fn include(&mut self, vars: &IncludedVars, scope: &Scope) {
        let mut layer = layer("include_vars", Trust::Template, &vars.vars);
        for (name, value) in layer.values.iter_mut().filter(|_| vars.merge) {
            if let Some((before, _)) = scope.get(name) {
                *value = merged(before, value);
            }
        }
        self.included.push(Arc::new(layer));
    }
}

/// A mapping in another, as deep as both are mappings; anything else takes the other's place.
fn merged(before: &Value, now: &Value) -> Value {
    let (Value::Object(before), Value::Object(now)) = (before, now) else { return now.clone() };
    let mut all = before.clone();
    for (key, value) in now {
        let value = before.get(key).map_or_else(|| value.clone(), |old| merged(old, value));
        all.insert(key.clone(), value);
    }
    all.into()
}

impl Play {
    /// Gathers the levels that a play brings.
    pub fn new(play: &playbook::Play, vars_files: &[Vars]) -> Self {
        let mut out = Self::default();
        for used in &play.roles {
            out.add_role(used);
        }
        for items in [&play.pre_tasks, &play.tasks, &play.post_tasks] {
            out.add_items(items);
        }
        out.vars.push(Arc::new(layer("play vars", Trust::Template, &play.keywords.vars)));
        for vars in vars_files {
            out.vars.push(Arc::new(layer("vars_files", Trust::Template, vars)));
        }
        out.names = Some(Arc::new(data("magic", names(play))));
        out
    }
    fn add_items(&mut self, items: &[Item]) {
        for item in items {
            if let Item::Block(block) = item {
                if let Some(role) = block.role.as_ref().filter(|_| block.public) {
                    self.add(role);
                }
                for part in [&block.items, &block.rescue, &block.always] {
                    self.add_items(part);
                }
            }
        }
    }
    fn add_role(&mut self, used: &RoleUse) {
        used.role.dependencies.iter().for_each(|dependency| self.add_role(dependency));
        self.add(&used.role);
        self.add_items(&used.tasks);
    }
    fn add(&mut self, role: &Role) {
        self.defaults.push(Arc::new(role_layer("defaults", role, &role.defaults)));
        self.role_vars.push(Arc::new(role_layer("vars", role, &role.vars)));
    }
}

/// What the play and its roles are called.
fn names(play: &playbook::Play) -> Map<String, Value> {
    fn below(used: &RoleUse, out: &mut Vec<String>) {
        for dependency in &used.role.dependencies {
            if !out.contains(&dependency.role.name) {
                out.push(dependency.role.name.clone());
            }
            below(dependency, out);
        }
    }
    let mut own: Vec<String> = vec![];
    let mut dependent = vec![];
    for used in &play.roles {
        if !own.contains(&used.role.name) {
            own.push(used.role.name.clone());
        }
        below(used, &mut dependent);
    }
    let mut all = dependent.clone();
    all.extend(own.iter().filter(|name| !dependent.contains(name)).cloned());
    let name = play.name.clone().unwrap_or_else(|| play.hosts.value.clone());
    [
        ("ansible_play_name", name.into()),
        ("ansible_play_role_names", own.into()),
        ("ansible_dependent_role_names", dependent.into()),
        ("ansible_role_names", all.into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

fn role_layer(what: &str, role: &Role, vars: &Vars) -> Layer {
    layer(&format!("{what} of role {}", role.name), Trust::Template, vars)
}

/// The magic variables that are the same everywhere.
pub fn magic(inventory: &Inventory, check: bool, diff: bool, playbook_dir: &str) -> Layer {
    let values = json!({
        "ansible_check_mode": check,
        "ansible_diff_mode": diff,
        "ansible_version": {"full": "2.19.0", "major": 2, "minor": 19, "revision": 0},
        "playbook_dir": playbook_dir,
    });
    let Value::Object(mut values) = values else { unreachable!("json! of braces is an object") };
    values.extend(everybody(inventory));
    Layer { origin: "magic".into(), trust: Trust::Template, values, places: BTreeMap::new() }
}

/// `groups` and `hostvars`, as the inventory has them.
fn everybody(inventory: &Inventory) -> [(String, Value); 2] {
    let groups: Map<String, Value> = (inventory.groups.keys())
        .map(|group| (group.clone(), inventory.members(group).into()))
        .collect();
    let hostvars: Map<String, Value> = (inventory.hosts.iter())
        .map(|host| {
            let mut values = Map::new();
            for (_, vars) in inventory.layers(&host.name) {
                for (name, value) in vars {
                    values.insert(name.value.clone(), value.value.clone());
                }
            }
            values.insert("inventory_hostname".into(), host.name.clone().into());
            (host.name.clone(), values.into())
        })
        .collect();
    [("groups".to_owned(), groups.into()), ("hostvars".to_owned(), hostvars.into())]
}

/// What a host is called, where nothing else is known of it.
pub(super) fn named(host: &str) -> Layer {
    let values = [("inventory_hostname".to_owned(), host.into())].into_iter().collect();
    Layer { origin: "magic".into(), trust: Trust::Data, values, places: BTreeMap::new() }
}

/// Facts under the names that they have in `ansible_facts`; `ansible_local` alone keeps its own.
fn namespaced(facts: &Map<String, Value>) -> Map<String, Value> {
    let short = |name: &str| match name.strip_prefix("ansible_") {
        Some(short) if short != "local" => short.to_owned(),
        _ => name.to_owned(),
    };
    facts.iter().map(|(name, value)| (short(name), value.clone())).collect()
}

/// Values that are never evaluated.
fn data(origin: &str, values: Map<String, Value>) -> Layer {
    Layer { origin: origin.into(), trust: Trust::Data, values, places: BTreeMap::new() }
}

fn facts(brought: &HostVars) -> Arc<Layer> {
    let mut facts = brought.facts.clone();
    facts.insert("ansible_facts".into(), namespaced(&brought.facts).into());
    Arc::new(data("facts", facts))
}

impl Shared {
    /// The magic variables follow an inventory that has grown.
    pub fn follow_inventory(&mut self) {
        let everybody = everybody(&self.inventory);
        Arc::make_mut(&mut self.magic).values.extend(everybody);
    }

    /// What a host brings before anything has run.
    pub fn host_vars(&self, host: &str) -> HostVars {
        let layers = self.inventory.layers(host).into_iter();
        let inventory =
            layers.map(|(origin, vars)| Arc::new(layer(&origin, Trust::Template, vars))).collect();
        HostVars { inventory, ..HostVars::default() }
    }

    /// What holds for a host whatever the play: what others see of it in `hostvars`.
    pub fn outside(&self, host: &str, brought: &HostVars) -> Scope {
        let mut layers = brought.inventory.clone();
        layers.push(facts(brought));
        layers.extend(brought.included.iter().cloned());
        layers.push(Arc::new(data("registered variables", brought.registered.clone())));
        layers.extend([self.extra.clone(), self.magic.clone()]);
        layers.push(Arc::new(data("magic", self.place(host, None))));
        layers.into_iter().fold(Scope::default(), |scope, layer| scope.with(layer))
    }

    /// Everything that holds for a host at a place of a play.
    pub fn scope(
        &self,
        play: &Play,
        host: &str,
        brought: &HostVars,
        context: &Context,
        batch: &Arc<Layer>,
    ) -> Scope {
        let mut layers: Vec<Arc<Layer>> = play.defaults.clone();
        let public = brought.roles.iter();
        layers.extend(public.map(|role| Arc::new(role_layer("defaults", role, &role.defaults))));
        let role = context.role.as_deref();
        if let Some(role) = role {
            layers.push(Arc::new(role_layer("defaults", role, &role.defaults)));
        }
        layers.extend(brought.inventory.iter().cloned());
        layers.push(facts(brought));
        layers.extend(play.vars.iter().cloned());
        layers.extend(play.role_vars.iter().cloned());
        let public = brought.roles.iter();
        layers.extend(public.map(|role| Arc::new(role_layer("vars", role, &role.vars))));
        if let Some(role) = role {
            layers.push(Arc::new(role_layer("vars", role, &role.vars)));
        }
        layers.extend(context.given.iter().chain(&context.vars).cloned());
        layers.extend(brought.included.iter().cloned());
        layers.push(Arc::new(data("registered variables", brought.registered.clone())));
        layers.extend(context.params.iter().cloned());
        layers.push(self.extra.clone());
        layers.push(self.magic.clone());
        layers.push(batch.clone());
        layers.extend(play.names.clone());
        let mut place = self.place(host, role);
        if !context.parents.is_empty() {
            place.insert("ansible_parent_role_names".into(), context.parents.clone().into());
        }
        layers.push(Arc::new(data("magic", place)));
        layers.into_iter().fold(Scope::default(), |scope, layer| scope.with(layer))
    }

    fn place(&self, host: &str, role: Option<&Role>) -> Map<String, Value> {
        let mut names: Vec<_> = (self.inventory.groups_of(host).iter())
            .map(|group| group.name.clone())
            .filter(|name| name != "all")
            .collect();
        names.sort();
        let mut values = Map::new();
        values.insert("inventory_hostname".into(), host.into());
        let short = host.split('.').next().unwrap_or(host);
        values.insert("inventory_hostname_short".into(), short.into());
        values.insert("group_names".into(), names.into());
        let source = self.inventory.host(host).and_then(|host| host.source.as_deref());
        let source = source.map(|source| self.working_dir.join(source));
        let text = |path: Option<&Path>| path.map(|path| path.display().to_string());
        values
            .insert("inventory_dir".into(), text(source.as_deref().and_then(Path::parent)).into());
        values.insert("inventory_file".into(), text(source.as_deref()).into());
        if let Some(role) = role {
            values.insert("role_name".into(), role.name.clone().into());
            values.insert("ansible_role_name".into(), role.name.clone().into());
            values.insert("role_path".into(), role.path.display().to_string().into());
        }
        values
    }
}
