//! Interfaces (sysfs), addresses and routes (`ip -o addr`, `ip route get`).
use super::{Parts, object};
use serde_json::{Map, Value, json};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) const FACTS: &[&str] =
    &["interfaces", "all_ipv4_addresses", "all_ipv6_addresses", "default_ipv4", "default_ipv6"];

pub(super) fn read(parts: &Parts<'_>) -> Map<String, Value> {
    let mut links: Vec<(&str, Map<String, Value>)> = links(parts);
    let (mut v4, mut v6) = (vec![], vec![]);
    for line in parts.lines("addresses") {
        let Some(address) = Address::read(line) else { continue };
        let Some((_, link)) = links.iter_mut().find(|(name, _)| *name == address.interface) else {
            continue;
        };
        address.add_to(link);
        let list = if address.v6 { &mut v6 } else { &mut v4 };
        // Loopback is nobody's address.
        if !(address.own.starts_with("127.") || address.own == "::1") {
            list.push(Value::from(address.own));
        }
    }
    let mut facts = object(json!({
        "interfaces": links.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        "all_ipv4_addresses": v4,
        "all_ipv6_addresses": v6,
        "default_ipv4": default(parts.text("route4"), &links, "ipv4"),
        "default_ipv6": default(parts.text("route6"), &links, "ipv6"),
    }));
    for (name, link) in links {
        facts.insert(name.replace(['-', ':'], "_"), link.into());
    }
    facts
}

/// `link NAME`, then what sysfs says of it.
fn links<'a>(parts: &Parts<'a>) -> Vec<(&'a str, Map<String, Value>)> {
    let mut links: Vec<(&str, Map<String, Value>)> = vec![];
    for line in parts.lines("links") {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        if key == "link" {
            links.push((value, object(json!({"device": value}))));
            continue;
        }
        let Some((_, link)) = links.last_mut().filter(|_| !value.is_empty()) else { continue };
        match key {
            "address" if value != "00:00:00:00:00:00" => {
                link.insert("macaddress".into(), value.into())
            }
            "mtu" => link.insert("mtu".into(), json!(value.parse::<u32>().ok())),
            "operstate" => link.insert("active".into(), (value != "down").into()),
            "speed" => link.insert("speed".into(), json!(value.parse::<i64>().ok())),
            "type" => {
                let kind = match value {
                    "1" => "ether",
                    "32" => "infiniband",
                    "512" => "ppp",
                    "772" => "loopback",
                    "65534" => "tunnel",
                    _ => "unknown",
                };
                link.insert("type".into(), kind.into())
            }
            // IFF_PROMISC of netdevice(7).
            "flags" => link.insert("promisc".into(), (hex(value) & 0x100 != 0).into()),
            "module" => link.insert("module".into(), last(value).into()),
            "device" => link.insert("pciid".into(), last(value).into()),
            "bridge" => {
                let (id, stp) = value.split_once(' ').unwrap_or((value, ""));
                let bridge =
                    json!({"type": "bridge", "id": id, "stp": stp == "1", "interfaces": []});
                link.extend(object(bridge));
                None
            }
            "port" => {
                if let Some(Value::Array(ports)) = link.get_mut("interfaces") {
                    ports.push(value.into());
                }
                None
            }
            "bond" => {
                let slaves: Vec<&str> = value.split(' ').collect();
                link.extend(object(json!({"type": "bonding", "slaves": slaves})));
                None
            }
            _ => None,
        };
    }
    links
}

fn hex(text: &str) -> u32 {
    u32::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or(0)
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A line of `ip -o addr show`: `4: eth0    inet 192.0.2.2/24 brd 192.0.2.255 scope global eth0\ …`.
struct Address<'a> {
    interface: &'a str,
    v6: bool,
    own: &'a str,
    prefix: u8,
    broadcast: &'a str,
    scope: &'a str,
}

impl<'a> Address<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, interface, family @ ("inet" | "inet6"), address, ref rest @ ..] = words[..] else {
            return None;
        };
        // `address peer other/32` on links between two points.
        let peer = rest.first().filter(|word| **word == "peer").and(rest.get(1));
        let (own, prefix) = address.split_once('/').unwrap_or((address, ""));
        let prefix = peer.and_then(|peer| peer.split_once('/')).map_or(prefix, |(_, bits)| bits);
        let after = |key: &str| {
            let at = rest.iter().position(|word| *word == key)?;
            rest.get(at + 1).copied()
        };
        let v6 = family == "inet6";
        Some(Self {
            interface: interface.split('@').next().unwrap_or(interface),
            v6,
            own,
            prefix: prefix.parse().unwrap_or(if v6 { 128 } else { 32 }),
            broadcast: after("brd").unwrap_or_default(),
            scope: after("scope").unwrap_or_default().trim_end_matches('\\'),
        })
    }

    fn told(&self) -> Option<Value> {
        let prefix = self.prefix.to_string();
        if self.v6 {
            self.own.parse::<Ipv6Addr>().ok()?;
            return Some(json!({"address": self.own, "prefix": prefix, "scope": self.scope}));
        }
        let address: Ipv4Addr = self.own.parse().ok()?;
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
        Some(json!({
            "address": self.own,
            "broadcast": self.broadcast,
            "netmask": Ipv4Addr::from(mask).to_string(),
            "network": Ipv4Addr::from(address.to_bits() & mask).to_string(),
            "prefix": prefix,
        }))
    }

    /// The first IPv4 address is the interface's own, others are secondary.
    fn add_to(&self, link: &mut Map<String, Value>) {
        let Some(told) = self.told() else { return };
        let list = match (self.v6, link.contains_key("ipv4")) {
            (false, false) => {
                link.insert("ipv4".into(), told);
                return;
            }
            (false, true) => "ipv4_secondaries",
            (true, _) => "ipv6",
        };
        if let Value::Array(list) = link.entry(list).or_insert_with(|| json!([])) {
            list.push(told);
        }
    }
}

/// The address, gateway and interface of the default route, with what is known of the interface.
fn default(route: &str, links: &[(&str, Map<String, Value>)], family: &str) -> Map<String, Value> {
    let words: Vec<&str> = route.lines().next().unwrap_or_default().split_whitespace().collect();
    let after = |key: &str| {
        let at = words.iter().position(|word| *word == key)?;
        words.get(at + 1).copied()
    };
    let (Some(interface), Some(source)) = (after("dev"), after("src")) else { return Map::new() };
    let mut facts = Map::new();
    if let Some(gateway) = after("via") {
        facts.insert("gateway".into(), gateway.into());
    }
    facts.insert("interface".into(), interface.into());
    facts.insert("address".into(), source.into());
    let Some((_, link)) = links.iter().find(|(name, _)| *name == interface) else { return facts };
    for key in ["macaddress", "mtu", "type"] {
        facts.extend(link.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    let all = [family, "ipv4_secondaries"].into_iter().filter_map(|key| link.get(key));
    let own = all.flat_map(|value| match value {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    });
    if let Some(Value::Object(own)) = own.into_iter().find(|own| own["address"] == source) {
        facts.extend(own.clone());
    }
    if family == "ipv4" {
        facts.insert("alias".into(), interface.into());
    }
    facts
}
