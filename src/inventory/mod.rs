//! Who: hosts and groups as they were written, their variables with places, and patterns that
//! choose among them. Pure: it is handed texts.
mod added;
mod build;
mod ini;
mod literal;
mod names;
mod pattern;
mod script;
#[cfg(test)]
mod tests;
mod words;
mod yaml;

use crate::source::{Diagnostic, FileId, SourceMap, Vars, nearest, parse_one};
use build::Builder;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Names that mean this machine when the inventory does not say otherwise.
pub const LOCALHOST: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// `inventory_hostname`.
    pub name: String,
    /// From the inventory file itself; `host_vars/` come later and win (Ansible's levels 8 and 9).
    pub vars: Vars,
    /// Beside the inventory, then beside the playbook: `host_vars/NAME`.
    pub files: Vec<VarsFile>,
    /// Groups that name it, without their parents, without `all`.
    pub groups: BTreeSet<String>,
    /// The inventory that names it first; `None`: a task added it.
    pub source: Option<Arc<Path>>,
}

/// A group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// From the inventory file itself.
    pub vars: Vars,
    /// Beside the inventory, then beside the playbook: `group_vars/NAME`.
    pub files: Vec<VarsFile>,
    /// Groups below it, in the order written.
    pub children: Vec<String>,
    /// Hosts named in it, in the order written.
    pub hosts: Vec<String>,
    /// `ansible_group_priority`, 1 unless told otherwise.
    pub priority: i64,
    /// Steps below `all`, the longest way.
    pub depth: usize,
}

/// Variables from a file beside an inventory or a playbook.
#[derive(Clone, Debug)]
pub struct VarsFile {
    /// Which of the [`VarsFiles`] given to [`Inventory::read`] it belongs to: lower ones are weaker.
    pub beside: usize,
    /// Where it is.
    pub path: Arc<Path>,
    /// What it sets.
    pub vars: Vars,
}

/// All hosts and groups.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// In the order written.
    pub hosts: Vec<Host>,
    /// By name; `all` and `ungrouped` are always there.
    pub groups: BTreeMap<String, Group>,
    /// Name of a host → its number.
    index: HashMap<String, usize>,
    /// Name of a group → the groups that have it as a child.
    parents: HashMap<String, Vec<String>>,
    /// `host_vars/` of hosts that are not there: this machine needs no inventory, others may come.
    unclaimed_hosts: BTreeMap<String, Vec<VarsFile>>,
    /// `group_vars/` of groups that may come.
    unclaimed_groups: BTreeMap<String, Vec<VarsFile>>,
}

/// A file's path and text.
pub type Text = (Arc<Path>, Arc<str>);

/// A text to read an inventory from.
#[derive(Clone, Debug)]
pub enum Input {
    /// A file (INI or YAML, told by its ending and else by its look).
    File(Arc<Path>, Arc<str>),
    /// What a program printed for `--list` (JSON), and the program.
    Script(Arc<Path>, Arc<str>),
    /// `host1,host2,` of the command line.
    List(String),
}

/// `group_vars/` and `host_vars/` files that stand beside an inventory or a playbook, as texts.
#[derive(Clone, Debug, Default)]
pub struct VarsFiles {
    /// Group name → files in the order they are merged.
    pub groups: BTreeMap<String, Vec<Text>>,
    /// Host name → files in the order they are merged.
    pub hosts: BTreeMap<String, Vec<Text>>,
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
        let mut builder = Builder::new();
        for input in inputs {
            builder.source = Some(match input {
                Input::File(path, _) | Input::Script(path, _) => Arc::clone(path),
                Input::List(list) => Path::new(list).into(),
            });
            match input {
                Input::File(path, text) => {
                    let file = sources.add(&**path, Arc::clone(text));
                    if is_yaml(path, text) {
                        yaml::read(sources, file, &mut builder);
                    } else {
                        ini::read(text, file, &mut builder);
                    }
                }
                Input::Script(path, text) => {
                    let file = sources.add(&**path, Arc::clone(text));
                    script::read(text, file, &mut builder);
                }
                Input::List(list) => {
                    let file = sources.add("--inventory", list.as_str());
                    read_list(list, file, &mut builder);
                }
            }
        }
        let (mut errors, mut warnings) = (vec![], vec![]);
        let mut inventory = match builder.finish() {
            Ok((inventory, found)) => {
                warnings = found;
                inventory
            }
            Err(found) => {
                errors = found;
                Self::default()
            }
        };
        let readable = errors.is_empty();
        for (number, files) in beside.iter().enumerate() {
            let mut reader = VarsReader { sources, errors: &mut errors, warnings: &mut warnings };
            for (name, texts) in &files.groups {
                let read = reader.read(number, texts);
                if let Some(group) = inventory.groups.get_mut(name) {
                    group.files.extend(read);
                    continue;
                }
                if readable {
                    reader.orphan("group", name, &read, inventory.groups.keys());
                }
                inventory.unclaimed_groups.entry(name.clone()).or_default().extend(read);
            }
            for (name, texts) in &files.hosts {
                let read = reader.read(number, texts);
                if let Some(&host) = inventory.index.get(name) {
                    inventory.hosts[host].files.extend(read);
                    continue;
                }
                if readable && !LOCALHOST.contains(&name.as_str()) {
                    reader.orphan("host", name, &read, inventory.index.keys());
                }
                inventory.unclaimed_hosts.entry(name.clone()).or_default().extend(read);
            }
        }
        if errors.is_empty() { Ok((inventory, warnings)) } else { Err(errors) }
    }

    /// The hosts that a pattern chooses, in the order in which it names them. `:`/`,`, `!`, `&`, globs, `~regex`,
    /// `group[0:2]` (counted in the order of the group, ends included), `all`; `localhost` at the
    /// end when the inventory does not name it.
    ///
    /// # Errors
    /// Broken patterns; a name that is neither host nor group, with the nearest one; globs and
    /// expressions that match nothing. Never has a span: callers know where the pattern stands.
    pub fn select(&self, pattern: &str) -> Result<Vec<String>, Diagnostic> {
        pattern::select(self, pattern, &|_| false)
    }

    /// The same; names of hosts and groups that are `expected` to come choose nobody yet.
    ///
    /// # Errors
    /// As [`Inventory::select`].
    pub fn select_expecting(
        &self,
        pattern: &str,
        expected: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<String>, Diagnostic> {
        pattern::select(self, pattern, expected)
    }

    /// The host called `name`.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.index.get(name).map(|&host| &self.hosts[host])
    }

    /// Every group of a host, parents included, `all` first, the order in which their variables are
    /// merged (depth, then priority, then name; later wins), as Ansible orders them. A host that
    /// the inventory does not name (`localhost`) is in `all`.
    pub fn groups_of(&self, host: &str) -> Vec<&Group> {
        let mut names = BTreeSet::from(["all"]);
        let mut up: Vec<&str> = (self.host(host).into_iter())
            .flat_map(|host| host.groups.iter().map(String::as_str))
            .collect();
        while let Some(name) = up.pop() {
            if names.insert(name) {
                up.extend(self.parents.get(name).into_iter().flatten().map(String::as_str));
            }
        }
        let mut groups: Vec<_> = names.iter().filter_map(|name| self.groups.get(*name)).collect();
        groups.sort_by_key(|group| (group.depth, group.priority, group.name.as_str()));
        groups
    }

    /// The hosts of a group and of all groups below it, nearest groups first.
    pub fn members(&self, group: &str) -> Vec<String> {
        let numbers = pattern::members(self, group).into_iter();
        numbers.map(|host| self.hosts[host].name.clone()).collect()
    }

    /// What a host gets from inventory, `group_vars/` and `host_vars/`, the weakest first: each
    /// with what it is. Ansible's levels 3 to 10: see [`Self::group_layers`] and [`Self::own_layers`].
    pub fn layers(&self, host: &str) -> Vec<(String, &Vars)> {
        let mut layers = self.group_layers(host);
        layers.extend(self.own_layers(host));
        layers
    }

    /// What a host gets from its groups: variables of `all`, then of the other groups, in the
    /// inventory; `group_vars/all`, then `group_vars/*`, each beside the inventory and then beside the
    /// playbook. Hosts that are in the same groups get the same.
    pub fn group_layers(&self, host: &str) -> Vec<(String, &Vars)> {
        let groups = self.groups_of(host);
        let mut layers: Vec<(String, &Vars)> = vec![];
        for group in &groups {
            layers.push((format!("group {} of the inventory", group.name), &group.vars));
        }
        let (all, others): (Vec<&Group>, Vec<&Group>) =
            groups.into_iter().partition(|group| group.name == "all");
        for groups in [all, others] {
            let most = groups.iter().flat_map(|group| &group.files).map(|file| file.beside).max();
            for beside in most.map_or(0..0, |most| 0..most + 1) {
                let files = groups.iter().flat_map(|group| &group.files);
                layers.extend(files.filter(|file| file.beside == beside).map(VarsFile::layer));
            }
        }
        layers.retain(|(_, vars)| !vars.is_empty());
        layers
    }

    /// What a host gets by its own name: its variables in the inventory, then `host_vars/*` beside
    /// the inventory and then beside the playbook.
    pub fn own_layers(&self, name: &str) -> Vec<(String, &Vars)> {
        let host = self.host(name);
        let vars = host.map(|host| (format!("host {name} of the inventory"), &host.vars));
        let files = host.map(|host| &host.files).or_else(|| self.unclaimed_hosts.get(name));
        let mut layers: Vec<(String, &Vars)> = vars.into_iter().collect();
        layers.extend(files.into_iter().flatten().map(VarsFile::layer));
        layers.retain(|(_, vars)| !vars.is_empty());
        layers
    }
}

impl VarsFile {
    fn layer(&self) -> (String, &Vars) {
        (self.path.display().to_string(), &self.vars)
    }
}

/// Whether an inventory is YAML: its ending says so, or it has no telling one and looks like it.
fn is_yaml(path: &Path, text: &str) -> bool {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("yml" | "yaml" | "json") => true,
        Some("ini") => false,
        _ => {
            let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_end);
            let first = lines.find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
            first.is_some_and(|line| {
                line == "---"
                    || line.starts_with('{')
                    || (line.ends_with(':') && !line.starts_with('['))
            })
        }
    }
}

/// `host1,host2:2222,` of the command line.
fn read_list(list: &str, file: FileId, builder: &mut Builder) {
    let mut column = 0;
    for part in list.split(',') {
        let name = part.trim();
        let before = part.chars().take_while(|c| c.is_whitespace()).count();
        let start = column + before;
        if !name.is_empty() {
            let span = build::stretch(file, 1, start, start + name.chars().count());
            builder.hosts("ungrouped", name, span);
        }
        column += part.chars().count() + 1;
    }
}

/// Reads what stands beside inventories and playbooks.
struct VarsReader<'a> {
    sources: &'a mut SourceMap,
    errors: &'a mut Vec<Diagnostic>,
    warnings: &'a mut Vec<Diagnostic>,
}

impl VarsReader<'_> {
    fn read(&mut self, beside: usize, texts: &[Text]) -> Vec<VarsFile> {
        let mut files = vec![];
        for (path, text) in texts {
            let file = self.sources.add(&**path, Arc::clone(text));
            let vars = match parse_one(self.sources, file, self.warnings) {
                Ok(None) => Ok(vec![]),
                Ok(Some(root)) => root.vars(),
                Err(error) => Err(error),
            };
            match vars {
                Ok(vars) => files.push(VarsFile { beside, path: Arc::clone(path), vars }),
                Err(error) => self.errors.push(error),
            }
        }
        files
    }

    /// Tells of files whose group or host the inventory does not have.
    fn orphan<'a>(
        &mut self,
        what: &str,
        name: &str,
        files: &[VarsFile],
        known: impl Iterator<Item = &'a String>,
    ) {
        let near = nearest(name, known.map(String::as_str));
        for file in files {
            let path = file.path.display();
            let warning = Diagnostic::general(format!("{path} is for no {what} of the inventory"));
            self.warnings.push(match near {
                Some(near) => warning.warning().help(format!("did you mean `{near}`?")),
                None => warning.warning(),
            });
        }
    }
}
