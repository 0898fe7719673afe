//! `probe_system TOPIC [ARGUMENT]` (`facts/system.sh`): what a server is, topic by topic, under the
//! names that Ansible gives its facts (without `ansible_`). Answered are files and words of commands
//! in parts; the readers beside this file make facts of them. What is not there is left out: no
//! reader fails, and none evaluates what it reads.
mod clock;
mod devices;
mod distribution;
mod hardware;
mod kernel;
mod local;
mod mounts;
mod network;
mod platform;
mod services;
mod subset;
mod user;
mod virtualization;

pub use subset::chosen;

use super::{Answer, Probe};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Where local facts are unless told otherwise.
pub const FACT_PATH: &str = "/etc/ansible/facts.d";
/// Seconds that a file system may take to tell its size, unless told otherwise.
pub const GATHER_TIMEOUT: u32 = 10;

/// Facts that are asked for together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Names, kernel, architecture.
    Platform,
    /// Distribution, LSB, package manager.
    Distribution,
    /// Who the shell runs as.
    User,
    /// Environment variables.
    Env,
    /// The time.
    Clock,
    /// The kernel's command line and its security modules.
    Kernel,
    /// What starts services.
    Services,
    /// `resolv.conf`.
    Dns,
    /// Host keys of the SSH server.
    Keys,
    /// What `*.fact` files on the server say.
    Local,
    /// Interfaces, addresses, routes.
    Network,
    /// Memory, processors, DMI, uptime.
    Hardware,
    /// Mounted file systems.
    Mounts,
    /// Disks and partitions.
    Devices,
    /// Guest or host of a virtual machine or container.
    Virtual,
}

/// A topic's row: its word in `system.sh`, the names of `gather_subset` that choose it, its facts.
struct Row {
    topic: Topic,
    word: &'static str,
    subsets: &'static [&'static str],
    facts: &'static [&'static str],
}

const fn row(
    topic: Topic,
    word: &'static str,
    subsets: &'static [&'static str],
    facts: &'static [&'static str],
) -> Row {
    Row { topic, word, subsets, facts }
}

const ROWS: &[Row] = &[
    row(Topic::Platform, "platform", &["platform"], platform::FACTS),
    row(
        Topic::Distribution,
        "distribution",
        &["distribution", "lsb", "pkg_mgr"],
        distribution::FACTS,
    ),
    row(Topic::User, "user", &["user"], user::FACTS),
    row(Topic::Env, "env", &["env"], &["env"]),
    row(Topic::Clock, "clock", &["date_time"], &["date_time"]),
    row(Topic::Kernel, "kernel", &["cmdline", "selinux", "apparmor", "fips"], kernel::FACTS),
    row(Topic::Services, "services", &["service_mgr"], &["service_mgr"]),
    row(Topic::Dns, "dns", &["dns"], &["dns"]),
    row(Topic::Keys, "keys", &["ssh_pub_keys"], services::KEYS),
    row(Topic::Local, "local", &["local"], &["ansible_local"]),
    row(Topic::Network, "network", &["network", "interfaces"], network::FACTS),
    row(Topic::Hardware, "hardware", &["hardware", "dmi", "loadavg"], hardware::FACTS),
    row(Topic::Mounts, "mounts", &["hardware", "mounts"], &["mounts"]),
    row(Topic::Devices, "devices", &["hardware", "devices"], &["devices"]),
    row(Topic::Virtual, "virtual", &["virtual"], virtualization::FACTS),
];

/// Names of interfaces begin like this: `ansible_eth0` is a fact although no list can name it.
const INTERFACES: &[&str] = &[
    "bond", "br", "docker", "dummy", "en", "eth", "ib", "ifb", "lo", "lxc", "ppp", "tap", "team",
    "tun", "usb", "veth", "virbr", "vlan", "vmbr", "wg", "wl", "ww",
];

impl Topic {
    /// Every topic.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.topic)
    }
    /// The topic that a fact belongs to; `name` without `ansible_`.
    pub fn of(name: &str) -> Option<Self> {
        let named = ROWS.iter().find(|row| row.facts.contains(&name)).map(|row| row.topic);
        let letters = name.trim_end_matches(|c: char| c.is_ascii_digit() || "_.".contains(c));
        let interface = INTERFACES.iter().any(|prefix| match name.strip_prefix(prefix) {
            Some(rest) => letters == *prefix || rest.contains(|c: char| c.is_ascii_digit()),
            None => false,
        });
        let local = (name == "local").then_some(Self::Local);
        named.or(interface.then_some(Self::Network)).or(local)
    }
    /// The question for its facts; see [`Probe::System`].
    pub fn probe(self, fact_path: &str, timeout: u32) -> Probe {
        let argument = match self {
            Self::Local => fact_path.to_owned(),
            Self::Mounts => timeout.to_string(),
            _ => String::new(),
        };
        Probe::System { topic: self, argument }
    }
    /// Names of its facts, without those of interfaces.
    pub fn facts(self) -> &'static [&'static str] {
        self.row().facts
    }
    /// Whether it is asked for even by `gather_subset: "!all"`.
    pub fn is_minimal(self) -> bool {
        !matches!(
            self,
            Self::Network | Self::Hardware | Self::Mounts | Self::Devices | Self::Virtual
        )
    }
    /// The names by which `gather_subset` chooses it, beside `all` and `min`.
    pub fn subsets(self) -> &'static [&'static str] {
        self.row().subsets
    }
    fn row(self) -> &'static Row {
        // `ROWS` has every topic; the test below holds it.
        ROWS.iter().find(|row| row.topic == self).unwrap_or(&ROWS[0])
    }
}

/// The name that a fact has as a variable.
pub fn injected(fact: &str) -> String {
    if fact.starts_with("ansible_") { fact.to_owned() } else { format!("ansible_{fact}") }
}

pub(super) fn words(topic: Topic, argument: &str) -> Vec<String> {
    ["probe_system", topic.row().word, argument].map(str::to_owned).into()
}

pub(super) fn read(topic: Topic, answer: &Answer) -> Map<String, Value> {
    if topic == Topic::Env {
        return user::env(&answer.stdout.0);
    }
    let text = answer.stdout.text();
    let parts = Parts::of(&text);
    match topic {
        Topic::Platform => platform::read(&parts),
        Topic::Distribution => distribution::read(&parts),
        Topic::User => user::read(&parts),
        Topic::Env => Map::new(),
        Topic::Clock => clock::read(&parts),
        Topic::Kernel => kernel::read(&parts),
        Topic::Services => services::read(&parts),
        Topic::Dns => services::dns(&parts),
        Topic::Keys => services::keys(&parts),
        Topic::Local => local::read(&parts),
        Topic::Network => network::read(&parts),
        Topic::Hardware => hardware::read(&parts),
        Topic::Mounts => mounts::read(&parts),
        Topic::Devices => devices::read(&parts),
        Topic::Virtual => virtualization::read(&parts),
    }
}

/// What a function of `system.sh` printed, by part.
struct Parts<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let part = |part: &'a str| part.split_once('\n');
        Self(text.split('\0').skip(1).filter_map(part).collect())
    }
    /// A part's text; empty when there is none.
    fn text(&self, name: &str) -> &'a str {
        self.0.get(name).copied().unwrap_or_default()
    }
    /// A part's text without white space around it; `None` when nothing is left.
    fn word(&self, name: &str) -> Option<&'a str> {
        Some(self.text(name).trim()).filter(|word| !word.is_empty())
    }
    fn lines(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.text(name).lines().map(str::trim).filter(|line| !line.is_empty())
    }
    /// `KEY<between>VALUE` in the lines of a part; the first of a key counts.
    fn value(&self, name: &str, key: &str, between: char) -> Option<&'a str> {
        self.lines(name).find_map(|line| {
            let (left, right) = line.split_once(between)?;
            (left.trim() == key).then(|| right.trim())
        })
    }
}

/// What `json!` makes of braces.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
