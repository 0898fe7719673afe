//! Hosts and groups that come while a run goes on (`add_host`, `group_by`).
use super::{Group, Host, Inventory, VarsFile, build, names};
use crate::source::{Span, Spanned, inert};
use serde_json::{Map, Value};

impl Inventory {
    /// Adds a host to groups, or to a host that is there what is new of it; whether anything is. Its
    /// variables are values that nothing evaluates again; `span` is where the task is that adds it.
    ///
    /// # Errors
    /// What can't be a name, as a lowercase fragment.
    pub fn add_host(
        &mut self,
        name: &str,
        groups: &[String],
        vars: &Map<String, Value>,
        span: Span,
    ) -> Result<bool, String> {
        let known = self.index.get(name).copied();
        let host = match known {
            Some(host) => host,
            None => self.new_host(name)?,
        };
        let mut changed = known.is_none();
        for (name, value) in vars {
            let value = unevaluated(value.clone());
            let vars = &mut self.hosts[host].vars;
            if !vars.iter().any(|(known, old)| known.value == *name && old.value == value) {
                build::set(vars, Spanned::new(name.clone(), span), Spanned::new(value, span));
                changed = true;
            }
        }
        for group in groups {
            changed |= self.put(host, group, &[])?;
        }
        Ok(changed)
    }

    /// Puts a host into a group that is below others, which are made where they are not there; whether
    /// anything is new.
    ///
    /// # Errors
    /// What can't be a name, or a group that would be below itself, as a lowercase fragment.
    pub fn add_to_group(
        &mut self,
        host: &str,
        group: &str,
        parents: &[String],
    ) -> Result<bool, String> {
        let host = match self.index.get(host).copied() {
            Some(host) => host,
            None => self.new_host(host)?,
        };
        self.put(host, group, parents)
    }

    /// Files of variables for groups and hosts that may yet come.
    pub fn unclaimed(&self) -> impl Iterator<Item = &VarsFile> {
        self.unclaimed_groups.values().chain(self.unclaimed_hosts.values()).flatten()
    }

    fn new_host(&mut self, name: &str) -> Result<usize, String> {
        names::check(name)?;
        let files = self.unclaimed_hosts.remove(name).unwrap_or_default();
        let groups = ["ungrouped".to_owned()].into();
        self.hosts.push(Host { name: name.to_owned(), files, groups, ..Host::default() });
        let number = self.hosts.len() - 1;
        self.index.insert(name.to_owned(), number);
        if let Some(ungrouped) = self.groups.get_mut("ungrouped") {
            ungrouped.hosts.push(name.to_owned());
        }
        Ok(number)
    }

    fn put(&mut self, host: usize, group: &str, parents: &[String]) -> Result<bool, String> {
        let mut changed = self.ensure(group)?;
        for parent in parents.iter().filter(|parent| *parent != "all") {
            changed |= self.ensure(parent)?;
            changed |= self.below(parent, group)?;
        }
        if group == "all" || !self.hosts[host].groups.insert(group.to_owned()) {
            return Ok(changed);
        }
        let name = self.hosts[host].name.clone();
        if group != "ungrouped"
            && self.hosts[host].groups.remove("ungrouped")
            && let Some(ungrouped) = self.groups.get_mut("ungrouped")
        {
            ungrouped.hosts.retain(|other| *other != name);
        }
        let index = &self.index;
        if let Some(group) = self.groups.get_mut(group) {
            // Whoever came first stands first, however many are put there at once.
            let behind = |other: &String| index.get(other).is_some_and(|other| *other > host);
            let at = group.hosts.iter().position(behind).unwrap_or(group.hosts.len());
            group.hosts.insert(at, name);
        }
        Ok(true)
    }

    /// Makes sure that a group is there.
    fn ensure(&mut self, name: &str) -> Result<bool, String> {
        if self.groups.contains_key(name) {
            return Ok(false);
        }
        if !names::group(name) {
            return Err(format!("`{name}` can't be the name of a group"));
        }
        let files = self.unclaimed_groups.remove(name).unwrap_or_default();
        let own = name.to_owned();
        let group = Group { name: own.clone(), files, priority: 1, ..Group::default() };
        self.groups.insert(own, group);
        self.below("all", name)?;
        Ok(true)
    }

    /// Puts a group below another.
    fn below(&mut self, parent: &str, child: &str) -> Result<bool, String> {
        let mut up = vec![parent.to_owned()];
        while let Some(above) = up.pop() {
            if above == child {
                return Err(format!("`{child}` can't be below `{parent}`, which is below it"));
            }
            up.extend(self.parents.get(&above).into_iter().flatten().cloned());
        }
        let Some(group) = self.groups.get_mut(parent) else { return Ok(false) };
        if group.children.iter().any(|known| known == child) {
            return Ok(false);
        }
        group.children.push(child.to_owned());
        let depth = group.depth + 1;
        self.parents.entry(child.to_owned()).or_default().push(parent.to_owned());
        self.deepen(child, depth);
        Ok(true)
    }

    /// Everything below a group is at least so deep.
    fn deepen(&mut self, group: &str, depth: usize) {
        let Some(group) = self.groups.get_mut(group).filter(|group| group.depth < depth) else {
            return;
        };
        group.depth = depth;
        for child in group.children.clone() {
            self.deepen(&child, depth + 1);
        }
    }
}

/// A value whose texts are no templates.
fn unevaluated(value: Value) -> Value {
    match value {
        Value::String(text) => inert(&text).into(),
        Value::Array(items) => items.into_iter().map(unevaluated).collect(),
        Value::Object(pairs) => {
            pairs.into_iter().map(|(key, value)| (key, unevaluated(value))).collect()
        }
        other => other,
    }
}
