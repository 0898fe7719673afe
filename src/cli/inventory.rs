//! `cowhand inventory`: what the inventory means, as Ansible's own tool prints it.
use super::args::{InventoryArgs, Show, ShowArgs, VarsAction, VarsArgs};
use super::limit::limit;
use super::load::{Fleet, fleet, sources};
use super::{Exit, Wrong};
use crate::inventory::Inventory;
use crate::secret::Secrets;
use crate::source::sealed_in;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// `cowhand inventory list|graph|host`.
pub(super) fn inventory(args: &InventoryArgs) -> Result<Exit, Wrong> {
    if let Show::Vars(VarsArgs { action: VarsAction::Explain(args) }) = &args.show {
        return super::explain::explain(args);
    }
    let mut out = io::stdout().lock();
    match &args.show {
        Show::Vars(_) => {}
        Show::List(show) => {
            let fleet = fleet(&show.hosts, None, sources(&show.hosts)?)?;
            let only = limit(&fleet, show.hosts.limit.as_deref())?;
            write_value(&mut out, &list(&fleet, only.as_ref()), show)?;
        }
        Show::Graph(show) => {
            let fleet = fleet(&show.hosts, None, sources(&show.hosts)?)?;
            let only = limit(&fleet, show.hosts.limit.as_deref())?;
            graph(&mut out, &fleet.inventory, "all", 0, only.as_ref())?;
        }
        Show::Host { name, hosts } => {
            let fleet = fleet(&hosts.hosts, None, sources(&hosts.hosts)?)?;
            let found = fleet.inventory.select(name);
            let found = found.map_err(|found| Wrong::Usage(found.message, found.help))?;
            let [host] = found.as_slice() else {
                return Err(Wrong::usage(format!("`{name}` is not one host")));
            };
            write_value(&mut out, &vars(&fleet, host).into(), hosts)?;
        }
    }
    Ok(Exit::Fine)
}

/// What was encrypted as a file is not shown; what is encrypted as a value is shown as it is written.
fn shown(value: Value, secrets: &Secrets) -> Value {
    match value {
        Value::String(text) => match sealed_in(&text) {
            Some(sealed) => json!({"__ansible_vault": sealed + "\n"}),
            None => secrets.censor_value(text.into()),
        },
        Value::Array(items) => items.into_iter().map(|item| shown(item, secrets)).collect(),
        Value::Object(entries) => {
            entries.into_iter().map(|(key, value)| (key, shown(value, secrets))).collect()
        }
        other => secrets.censor_value(other),
    }
}

fn write_value(out: &mut impl Write, value: &Value, show: &ShowArgs) -> Result<(), Wrong> {
    let text = if show.yaml {
        serde_yaml::to_string(value).map_err(|error| Wrong::usage(error.to_string()))?
    } else {
        format!("{value:#}\n")
    };
    Ok(out.write_all(text.as_bytes())?)
}

/// A host's variables, as written: the last one wins.
fn vars(fleet: &Fleet, host: &str) -> Map<String, Value> {
    let mut out = Map::new();
    for (_, vars) in fleet.inventory.layers(host) {
        out.extend(vars.iter().map(|(name, value)| (name.value.clone(), value.value.clone())));
    }
    out.extend(fleet.extra.values.clone());
    let secrets = fleet.sources.vault().secrets();
    out.into_iter().map(|(name, value)| (name, shown(value, secrets))).collect()
}

fn list(fleet: &Fleet, only: Option<&BTreeSet<String>>) -> Value {
    let shown = |host: &String| only.is_none_or(|only| only.contains(host));
    let mut out = Map::new();
    let hostvars: Map<String, Value> = (fleet.inventory.hosts.iter())
        .filter(|host| shown(&host.name))
        .map(|host| (host.name.clone(), vars(fleet, &host.name).into()))
        .collect();
    out.insert("_meta".into(), json!({"hostvars": hostvars}));
    for group in fleet.inventory.groups.values() {
        let mut entry = Map::new();
        let own = group.hosts.iter().filter(|host| group.name != "all" && shown(host));
        let hosts: Vec<&String> = own.collect();
        if !hosts.is_empty() {
            entry.insert("hosts".into(), json!(hosts));
        }
        if !group.children.is_empty() {
            entry.insert("children".into(), json!(group.children));
        }
        if !entry.is_empty() {
            out.insert(group.name.clone(), entry.into());
        }
    }
    out.into()
}

fn graph(
    out: &mut impl Write,
    inventory: &Inventory,
    name: &str,
    depth: usize,
    only: Option<&BTreeSet<String>>,
) -> io::Result<()> {
    let Some(group) = inventory.groups.get(name) else { return Ok(()) };
    let indent = |depth: usize| "  |".repeat(depth);
    let lead = if depth == 0 { String::new() } else { format!("{}--", indent(depth)) };
    writeln!(out, "{lead}@{name}:")?;
    for child in &group.children {
        graph(out, inventory, child, depth + 1, only)?;
    }
    let shown = |host: &&String| name != "all" && only.is_none_or(|only| only.contains(*host));
    for host in group.hosts.iter().filter(shown) {
        writeln!(out, "{}--{host}", indent(depth + 1))?;
    }
    Ok(())
}
