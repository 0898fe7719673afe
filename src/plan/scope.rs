//! Which variables hold for a host at a place of a play: Ansible's levels, lowest first.
use super::PlayJob;
use super::gather::asks_for_others;
use super::steps::Context;
use crate::inventory::Inventory;
use crate::playbook::{self, IncludedVars, Item, Role, RoleUse};
use crate::source::Vars;
use crate::vars::{Hosts, Layer, Scope, Trust};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

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
#[derive(Clone, Debug, Default)]
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
    /// What is known of all hosts, if anything in the project asks for others' variables.
    pub everyone: Option<Arc<Hosts>>,
    /// What hosts have in common that are in the same groups.
    groups: Arc<Mutex<BTreeMap<BTreeSet<String>, OfGroups>>>,
}

/// What hosts bring that are in the same groups.
#[derive(Clone, Debug)]
struct OfGroups {
    layers: Vec<Arc<Layer>>,
    /// `group_names`.
    names: Value,
}

/// The variables that a role brings.
#[derive(Clone, Debug)]
pub struct RoleVars {
    /// `defaults/`.
    pub defaults: Arc<Layer>,
    /// `vars/`.
    pub vars: Arc<Layer>,
}

impl RoleVars {
    /// Those of a role.
    pub fn of(role: &Role) -> Self {
        let named = |what: &str, vars: &Vars| {
            Arc::new(layer(&format!("{what} of role {}", role.name), Trust::Template, vars))
        };
        Self { defaults: named("defaults", &role.defaults), vars: named("vars", &role.vars) }
    }
}

/// What is the same for every task of a play.
#[derive(Clone, Debug, Default)]
pub struct Play {
    /// Every role that the play names.
    roles: Vec<RoleVars>,
    /// `vars` and `vars_files`.
    vars: Vec<Arc<Layer>>,
    /// `ansible_play_name` and the names of its roles.
    names: Option<Arc<Layer>>,
}

/// What a host brings.
#[derive(Clone, Debug)]
pub struct HostVars {
    /// Groups' and the host's own, from the inventory and the files beside it and the playbook.
    pub inventory: Vec<Arc<Layer>>,
    /// `include_vars`.
    pub included: Vec<Arc<Layer>>,
    /// Roles that were included with `public`.
    pub roles: Vec<RoleVars>,
    /// Facts as modules returned them: `ansible_x` is also `ansible_facts.x`.
    facts: Arc<Layer>,
    /// `register` and `set_fact`.
    registered: Arc<Layer>,
    /// What it is called, and its groups.
    place: Arc<Layer>,
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
    fn new(inventory: Vec<Arc<Layer>>, place: Layer) -> Self {
        let registered = data("registered variables", Map::new());
        let [registered, facts, place] = [registered, facts(), place].map(Arc::new);
        Self { inventory, included: vec![], roles: vec![], facts, registered, place }
    }

    /// Takes in facts, by the names under which modules return them.
    pub fn learn(&mut self, facts: impl IntoIterator<Item = (String, Value)>) {
        let values = &mut Arc::make_mut(&mut self.facts).values;
        for (name, value) in facts {
            if let Some(Value::Object(all)) = values.get_mut("ansible_facts") {
                all.insert(short(&name).to_owned(), value.clone());
            }
            values.insert(name, value);
        }
    }

    /// Lets all facts go.
    pub fn forget_facts(&mut self) {
        self.facts = Arc::new(facts());
    }

    /// Follows groups that the host was put into since.
    pub fn follow(&mut self, now: Self) {
        (self.inventory, self.place) = (now.inventory, now.place);
    }

    /// Sets variables as `register` and `set_fact` do.
    pub fn register(&mut self, vars: impl IntoIterator<Item = (String, Value)>) {
        Arc::make_mut(&mut self.registered).values.extend(vars);
    }

    /// What `register` or `set_fact` has set.
    pub fn registered(&self, name: &str) -> Option<&Value> {
        self.registered.values.get(name)
    }

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
                let public = block.role.iter().filter(|_| block.public);
                self.roles.extend(public.map(|role| RoleVars::of(role)));
                for part in [&block.items, &block.rescue, &block.always] {
                    self.add_items(part);
                }
            }
        }
    }
    fn add_role(&mut self, used: &RoleUse) {
        used.role.dependencies.iter().for_each(|dependency| self.add_role(dependency));
        self.roles.push(RoleVars::of(&used.role));
        self.add_items(&used.tasks);
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

/// The magic variables that are the same everywhere.
pub fn magic(inventory: &Inventory, check: bool, diff: bool, playbook_dir: &str) -> Layer {
    let values = json!({
        "ansible_check_mode": check,
        "ansible_diff_mode": diff,
        "ansible_version": {"full": "2.19.0", "major": 2, "minor": 19, "revision": 0},
        "playbook_dir": playbook_dir,
    });
    let Value::Object(mut values) = values else { unreachable!("json! of braces is an object") };
    values.extend([groups(inventory)]);
    Layer { origin: "magic".into(), trust: Trust::Template, values, places: BTreeMap::new() }
}

/// `groups`, as the inventory has them.
fn groups(inventory: &Inventory) -> (String, Value) {
    let groups: Map<String, Value> = (inventory.groups.keys())
        .map(|group| (group.clone(), inventory.members(group).into()))
        .collect();
    ("groups".to_owned(), groups.into())
}

/// The magic variables of a role, inside `parents`, nearest first.
pub(super) fn place(role: &Role, parents: &[String]) -> Layer {
    let mut values = vec![
        ("role_name", role.name.clone().into()),
        ("ansible_role_name", role.name.clone().into()),
        ("role_path", role.path.display().to_string().into()),
    ];
    if !parents.is_empty() {
        values.push(("ansible_parent_role_names", parents.to_vec().into()));
    }
    data("magic", values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// What a host is called, where nothing else is known of it.
pub(super) fn named(host: &str) -> Layer {
    let values = [("inventory_hostname".to_owned(), host.into())].into_iter().collect();
    Layer { origin: "magic".into(), trust: Trust::Data, values, places: BTreeMap::new() }
}

/// The name of a fact in `ansible_facts`; `ansible_local` alone keeps its own.
fn short(name: &str) -> &str {
    name.strip_prefix("ansible_").filter(|short| *short != "local").unwrap_or(name)
}

/// Values that are never evaluated.
fn data(origin: &str, values: Map<String, Value>) -> Layer {
    Layer { origin: origin.into(), trust: Trust::Data, values, places: BTreeMap::new() }
}

/// No facts yet.
fn facts() -> Layer {
    data("facts", [("ansible_facts".to_owned(), json!({}))].into_iter().collect())
}

impl Shared {
    /// The magic variables follow an inventory that has grown.
    pub fn follow_inventory(&mut self) {
        self.groups = Arc::default();
        let groups = groups(&self.inventory);
        Arc::make_mut(&mut self.magic).values.extend([groups]);
    }

    /// What plays and hosts share; the folders are that of the playbook, as it was written, and the one
    /// that we are in.
    pub fn new(
        plays: &[PlayJob],
        inventory: Inventory,
        extra: impl Into<Arc<Layer>>,
        magic: impl Into<Arc<Layer>>,
        files: BTreeMap<PathBuf, Arc<[u8]>>,
        (playbook_dir, working_dir): (PathBuf, PathBuf),
    ) -> Self {
        let (extra, magic) = (extra.into(), magic.into());
        let given = Self { inventory, extra, magic, files, ..Self::default() };
        let mut shared = Self { playbook_dir, working_dir, ..given };
        if asks_for_others(plays, &shared) {
            let everyone = Arc::new(Hosts::default());
            for host in &shared.inventory.hosts {
                let vars = shared.host_vars(&host.name);
                everyone.set(&host.name, shared.outside(&vars));
            }
            shared.everyone = Some(everyone);
        }
        shared
    }

    /// What a host brings before anything has run.
    pub fn host_vars(&self, host: &str) -> HostVars {
        let groups = self.of_groups(host);
        let mut inventory = groups.layers;
        let own = self.inventory.own_layers(host).into_iter();
        inventory.extend(own.map(|(origin, vars)| Arc::new(layer(&origin, Trust::Template, vars))));
        let short = host.split('.').next().unwrap_or(host);
        let source = self.inventory.host(host).and_then(|host| host.source.as_deref());
        let source = source.map(|source| self.working_dir.join(source));
        let text = |path: Option<&Path>| path.map(|path| path.display().to_string());
        let place = [
            ("inventory_hostname", host.into()),
            ("inventory_hostname_short", short.into()),
            ("group_names", groups.names),
            ("inventory_dir", text(source.as_deref().and_then(Path::parent)).into()),
            ("inventory_file", text(source.as_deref()).into()),
        ];
        let place = place.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        HostVars::new(inventory, data("magic", place))
    }

    /// What the groups of a host bring, made once for all that are in the same ones.
    fn of_groups(&self, host: &str) -> OfGroups {
        let none = BTreeSet::new();
        let groups = self.inventory.host(host).map_or(&none, |host| &host.groups);
        // Nobody panics while holding it.
        let mut known = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(groups) {
            return known.clone();
        }
        let layers = self.inventory.group_layers(host).into_iter();
        let layers =
            layers.map(|(origin, vars)| Arc::new(layer(&origin, Trust::Template, vars))).collect();
        let mut names: Vec<_> = (self.inventory.groups_of(host).iter())
            .map(|group| group.name.clone())
            .filter(|name| name != "all")
            .collect();
        names.sort();
        let made = OfGroups { layers, names: names.into() };
        known.insert(groups.clone(), made.clone());
        made
    }

    /// What holds for a host whatever the play: what others see of it in `hostvars`.
    pub fn outside(&self, brought: &HostVars) -> Scope {
        let mut layers = brought.inventory.clone();
        layers.push(brought.facts.clone());
        layers.extend(brought.included.iter().cloned());
        let others = [&brought.registered, &self.extra, &self.magic, &brought.place];
        layers.extend(others.map(Arc::clone));
        layers.into()
    }

    /// Everything that holds for a host at a place of a play.
    pub fn scope(
        &self,
        play: &Play,
        brought: &HostVars,
        context: &Context,
        batch: &Arc<Layer>,
    ) -> Scope {
        let roles = || play.roles.iter().chain(&brought.roles);
        let mut layers: Vec<Arc<Layer>> = roles().map(|role| role.defaults.clone()).collect();
        layers.extend(context.role_vars.iter().map(|own| own.defaults.clone()));
        layers.extend(brought.inventory.iter().cloned());
        layers.push(brought.facts.clone());
        layers.extend(play.vars.iter().cloned());
        layers.extend(roles().chain(&context.role_vars).map(|role| role.vars.clone()));
        layers.extend(context.given.iter().chain(&context.vars).cloned());
        layers.extend(brought.included.iter().cloned());
        layers.push(brought.registered.clone());
        layers.extend(context.params.iter().cloned());
        layers.extend([&self.extra, &self.magic, batch].map(Arc::clone));
        layers.extend(play.names.clone());
        layers.push(brought.place.clone());
        layers.extend(context.role_place.clone());
        let scope = Scope::from(layers);
        self.everyone.as_ref().map_or_else(|| scope.clone(), |everyone| scope.among(everyone))
    }
}
