//! Names of the host, its kernel and its architecture.
use super::{Parts, object};
use serde_json::{Map, Value, json};

pub(super) const FACTS: &[&str] = &[
    "system",
    "nodename",
    "kernel",
    "kernel_version",
    "machine",
    "architecture",
    "hostname",
    "fqdn",
    "domain",
    "machine_id",
    "userspace_architecture",
    "userspace_bits",
];

pub(super) fn read(parts: &Parts<'_>) -> Map<String, Value> {
    let uname: Vec<&str> = parts.lines("uname").collect();
    let [system, node, kernel, version, machine] = uname[..] else { return Map::new() };
    let fqdn = parts.word("fqdn").unwrap_or(node);
    let mut facts = object(json!({
        "system": system,
        "nodename": node,
        "kernel": kernel,
        "kernel_version": version,
        "machine": machine,
        "architecture": architecture(machine),
        "hostname": node.split('.').next(),
        "fqdn": fqdn,
        "domain": fqdn.split_once('.').map_or("", |(_, domain)| domain),
    }));
    if let Some(id) = parts.word("machine_id") {
        facts.insert("machine_id".into(), id.into());
    }
    if let Some(bits) = parts.word("bits") {
        let small = bits == "32" && machine == "x86_64";
        let userspace = if small { "i386" } else { architecture(machine) };
        facts.insert("userspace_bits".into(), bits.into());
        facts.insert("userspace_architecture".into(), userspace.into());
    }
    facts
}

/// All 32-bit PCs are one architecture.
fn architecture(machine: &str) -> &str {
    match machine {
        "i486" | "i586" | "i686" => "i386",
        other => other,
    }
}
