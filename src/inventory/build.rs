//! Gathers hosts and groups from any number of inventories, then ties the tree together.
use super::{Group, Host, Inventory, names};
use crate::source::{Diagnostic, FileId, Position, Span, Spanned, Vars, nearest};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

/// What readers of all formats add to.
#[derive(Default)]
pub(super) struct Builder {
    inventory: Inventory,
    /// Parent, child, and where that was written, in the order written.
    edges: Vec<(String, String, Span)>,
    /// The same without places.
    known: HashSet<(String, String)>,
    /// Groups in the order in which they were met.
    met: Vec<String>,
    /// What is being read.
    pub(super) source: Option<Arc<Path>>,
    /// Hosts that `all` names itself.
    named_in_all: HashSet<usize>,
    /// Everything that is wrong so far.
    pub(super) errors: Vec<Diagnostic>,
    /// Everything that is odd so far.
    pub(super) warnings: Vec<Diagnostic>,
}

impl Builder {
    pub(super) fn new() -> Self {
        let mut builder = Self::default();
        builder.group("all");
        builder.group("ungrouped");
        builder
    }

    /// Makes sure that a group is there.
    pub(super) fn group(&mut self, name: &str) -> &mut Group {
        if !self.inventory.groups.contains_key(name) {
            self.met.push(name.to_owned());
        }
        self.inventory.groups.entry(name.to_owned()).or_insert_with(|| Group {
            name: name.to_owned(),
            priority: 1,
            ..Group::default()
        })
    }

    /// Whether a group was declared.
    pub(super) fn has_group(&self, name: &str) -> bool {
        self.inventory.groups.contains_key(name)
    }

    /// The declared group whose name is nearest.
    pub(super) fn nearest_group(&self, name: &str) -> Option<&str> {
        nearest(name, self.inventory.groups.keys().map(String::as_str))
    }

    /// Declares `child` below `parent`.
    pub(super) fn child(&mut self, parent: &str, child: &str, span: Span) {
        self.group(child);
        if self.known.insert((parent.to_owned(), child.to_owned())) {
            self.group(parent).children.push(child.to_owned());
            self.edges.push((parent.to_owned(), child.to_owned(), span));
        }
    }

    /// Puts the hosts that a pattern (`web[1:3]:22`) stands for into a group; gives their numbers.
    pub(super) fn hosts(&mut self, group: &str, written: &str, span: Span) -> Vec<usize> {
        match names::expand(written) {
            Err(why) => {
                self.errors.push(Diagnostic::error(span, why));
                vec![]
            }
            Ok((names, port)) => {
                let hosts: Vec<_> = names.into_iter().map(|name| self.host(group, name)).collect();
                for (&host, port) in hosts.iter().filter_map(|host| port.map(|port| (host, port))) {
                    let name = Spanned::new("ansible_port".to_owned(), span);
                    self.host_var(host, name, Spanned::new(port.into(), span));
                }
                hosts
            }
        }
    }

    fn host(&mut self, group: &str, name: String) -> usize {
        let Inventory { hosts, index, .. } = &mut self.inventory;
        let source = &self.source;
        let number = *index.entry(name.clone()).or_insert_with(|| {
            hosts.push(Host { name: name.clone(), source: source.clone(), ..Host::default() });
            hosts.len() - 1
        });
        if group == "all" {
            // Everybody is in it; whoever is named there comes first.
            if self.named_in_all.insert(number) {
                self.group(group).hosts.push(name);
            }
            return number;
        }
        if hosts[number].groups.insert(group.to_owned()) {
            self.group(group).hosts.push(name);
        }
        number
    }

    /// Sets a variable of a host; the last one counts.
    pub(super) fn host_var(&mut self, host: usize, name: Spanned<String>, value: Spanned<Value>) {
        set(&mut self.inventory.hosts[host].vars, name, value);
    }

    /// Sets a variable of a group; the last one counts. `ansible_group_priority` is no variable.
    pub(super) fn group_var(&mut self, group: &str, name: Spanned<String>, value: Spanned<Value>) {
        if name.value != "ansible_group_priority" {
            return set(&mut self.group(group).vars, name, value);
        }
        let number = match &value.value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_i64(),
        };
        match number {
            Some(number) => self.group(group).priority = number,
            None => {
                self.errors.push(Diagnostic::error(value.span, "a priority is a whole number"));
            }
        }
    }

    /// Ties the tree together: orphans below `all`, hosts without a group into `ungrouped`, depths.
    pub(super) fn finish(mut self) -> Result<(Inventory, Vec<Diagnostic>), Vec<Diagnostic>> {
        self.settle_ungrouped();
        let children: BTreeSet<_> = self.edges.iter().map(|(_, child, _)| child.clone()).collect();
        let groups = &mut self.inventory.groups;
        let mut orphans = std::mem::take(&mut self.met);
        orphans.retain(|name| name != "all" && !children.contains(name));
        if let Some(all) = groups.get_mut("all") {
            all.children.extend(orphans);
        }
        for group in groups.values() {
            for child in &group.children {
                self.inventory.parents.entry(child.clone()).or_default().push(group.name.clone());
            }
        }
        self.measure_depths();
        for host in self.inventory.hosts.iter().filter(|host| groups_name(&self.inventory, host)) {
            let message = format!("`{}` is the name of both a host and a group", host.name);
            self.warnings.push(Diagnostic::general(message).warning());
        }
        if self.errors.is_empty() { Ok((self.inventory, self.warnings)) } else { Err(self.errors) }
    }

    fn settle_ungrouped(&mut self) {
        let Inventory { hosts, groups, .. } = &mut self.inventory;
        for host in hosts.iter_mut() {
            if host.groups.len() > 1 {
                host.groups.remove("ungrouped");
            } else if host.groups.is_empty() {
                host.groups.insert("ungrouped".to_owned());
            }
        }
        let lonely = hosts.iter().filter(|host| host.groups.contains("ungrouped"));
        let names = lonely.map(|host| host.name.clone()).collect();
        if let Some(ungrouped) = groups.get_mut("ungrouped") {
            ungrouped.hosts = names;
        }
    }

    /// The longest way from `all` to each group; what no way reaches goes in circles.
    fn measure_depths(&mut self) {
        let Inventory { groups, parents, .. } = &mut self.inventory;
        let mut missing: BTreeMap<String, usize> =
            parents.iter().map(|(name, parents)| (name.clone(), parents.len())).collect();
        let mut ready: Vec<String> = Vec::new();
        if !missing.contains_key("all") {
            ready.push("all".to_owned());
        }
        while let Some(name) = ready.pop() {
            missing.remove(&name);
            let Some(group) = groups.get(&name) else { continue };
            let (depth, children) = (group.depth + 1, group.children.clone());
            for child in children {
                let Some(group) = groups.get_mut(&child) else { continue };
                group.depth = group.depth.max(depth);
                if let Some(left) = missing.get_mut(&child) {
                    *left -= 1;
                    if *left == 0 {
                        ready.push(child);
                    }
                }
            }
        }
        if let Some(error) = self.circle(&missing) {
            self.errors.push(error);
        }
    }

    /// One circle among groups that are left over, told at the line that closes it.
    fn circle(&self, left: &BTreeMap<String, usize>) -> Option<Diagnostic> {
        let mut way = vec![left.keys().next()?.as_str()];
        loop {
            // Each group that is left over has a parent that is left over: going up must repeat.
            let parents = self.inventory.parents.get(*way.last()?)?;
            let parent = parents.iter().find(|parent| left.contains_key(*parent))?;
            if let Some(at) = way.iter().position(|seen| seen == parent) {
                way.drain(..at);
                break;
            }
            way.push(parent);
        }
        let on_way = |name: &String| way.contains(&name.as_str());
        let closing = self.edges.iter().rfind(|(parent, child, _)| on_way(parent) && on_way(child));
        let (parent, child, span) = closing?;
        let message = format!("`{child}` can't be below `{parent}`, which is below `{child}`");
        Some(Diagnostic::error(*span, message))
    }
}

fn groups_name(inventory: &Inventory, host: &Host) -> bool {
    inventory.groups.contains_key(&host.name)
}

/// Sets one of several variables; the last one counts.
pub(super) fn set(vars: &mut Vars, name: Spanned<String>, value: Spanned<Value>) {
    match vars.iter_mut().find(|(known, _)| known.value == name.value) {
        Some(known) => *known = (name, value),
        None => vars.push((name, value)),
    }
}

/// A stretch of one line; line from 1, columns from 0.
pub(super) fn stretch(file: FileId, line: usize, start: usize, end: usize) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let at = |column: usize| Position { line: number(line), column: number(column + 1) };
    Span { file, start: at(start), end: at(end.max(start)) }
}
