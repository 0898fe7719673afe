//! What starts services, `resolv.conf`, and the SSH server's host keys.
use super::{Parts, object};
use serde_json::{Map, Value, json};

pub(super) const KEYS: &[&str] = &[
    "ssh_host_key_dsa_public",
    "ssh_host_key_dsa_public_keytype",
    "ssh_host_key_ecdsa_public",
    "ssh_host_key_ecdsa_public_keytype",
    "ssh_host_key_ed25519_public",
    "ssh_host_key_ed25519_public_keytype",
    "ssh_host_key_rsa_public",
    "ssh_host_key_rsa_public_keytype",
];

pub(super) fn read(parts: &Parts<'_>) -> Map<String, Value> {
    object(json!({ "service_mgr": manager(parts) }))
}

fn manager(parts: &Parts<'_>) -> String {
    let comm = parts.word("comm").unwrap_or_default();
    let named = match comm {
        "procd" => "openwrt_init",
        "runit-init" => "runit",
        "svscan" => "svc",
        "openrc-init" => "openrc",
        // A shell, or an `init` of which there are many kinds.
        "" | "init" => "",
        other if other.ends_with("sh") => "",
        other => other,
    };
    if !named.is_empty() {
        return named.to_owned();
    }
    let there = |path: &str| parts.lines("marks").any(|mark| mark == path);
    let tool = |name: &str| parts.lines("marks").any(|mark| mark.ends_with(name));
    let systemd = ["/run/systemd/system", "/dev/.run/systemd", "/dev/.systemd"];
    let found = match () {
        () if tool("/systemctl") && systemd.into_iter().any(there) => "systemd",
        () if tool("/initctl") && there("/etc/init") => "upstart",
        () if there("/sbin/openrc") => "openrc",
        () if tool("/systemctl") && parts.text("init").contains("systemd") => "systemd",
        () if there("/etc/init.d") => "sysvinit",
        () => "service",
    };
    found.to_owned()
}

pub(super) fn dns(parts: &Parts<'_>) -> Map<String, Value> {
    let mut dns = Map::new();
    for line in parts.lines("resolv_conf").filter(|line| !line.starts_with(['#', ';'])) {
        let mut words = line.split_whitespace();
        let Some(key) = words.next() else { continue };
        let rest: Vec<&str> = words.collect();
        match (key, &rest[..]) {
            ("nameserver", servers) => {
                let list = dns.entry("nameservers").or_insert_with(|| json!([]));
                if let Value::Array(list) = list {
                    list.extend(servers.iter().map(|server| Value::from(*server)));
                }
            }
            ("domain", [domain, ..]) => {
                dns.insert("domain".into(), (*domain).into());
            }
            ("search" | "sortlist", words) => {
                dns.insert(key.into(), json!(words));
            }
            ("options", words) => {
                let option = |word: &&str| match word.split_once(':') {
                    Some((name, value)) => (name.to_owned(), Value::from(value)),
                    None => ((*word).to_owned(), Value::Bool(true)),
                };
                let options: Map<String, Value> = words.iter().map(option).collect();
                dns.insert("options".into(), options.into());
            }
            _ => {}
        }
    }
    object(json!({ "dns": dns }))
}

pub(super) fn keys(parts: &Parts<'_>) -> Map<String, Value> {
    let mut facts = Map::new();
    for (file, text) in &parts.0 {
        let name = file.strip_prefix("ssh_host_").and_then(|rest| rest.strip_suffix("_key.pub"));
        let mut words = text.split_whitespace();
        if let (Some(name), Some(kind), Some(key)) = (name, words.next(), words.next()) {
            facts.insert(format!("ssh_host_key_{name}_public"), key.into());
            facts.insert(format!("ssh_host_key_{name}_public_keytype"), kind.into());
        }
    }
    facts
}
