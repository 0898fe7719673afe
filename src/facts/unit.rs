//! `probe_unit NAME SCOPE MANAGER`: a service, as whatever starts services there knows it: lines `manager=`,
//! `enabled=` and `active=` with its word for both; with systemd, behind an empty line, what `systemctl
//! show` prints.
use super::{Answer, Garbled};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// What starts services there; `None`: nothing that we know.
    pub manager: Option<Manager>,
    /// systemd's word: `enabled`, `disabled`, `static`, `masked` …; empty: it knows no such unit.
    pub enabled: String,
    /// systemd's word: `active`, `inactive`, `failed` …
    pub active: String,
    /// Properties.
    pub properties: BTreeMap<String, String>,
}

/// What starts services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manager {
    /// `systemctl`.
    Systemd,
    /// `rc-service`.
    Openrc,
    /// Scripts in `/etc/init.d`.
    Sysv,
}

/// Whose services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reign {
    /// The machine's.
    #[default]
    System,
    /// Whoever we are.
    User,
    /// All users'.
    Global,
}

impl Reign {
    /// As systemd calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Global => "global",
        }
    }
}

const PROBE: &str = "probe_unit";

pub(super) fn words(name: &str, reign: Reign, only: Option<Manager>, pattern: &str) -> Vec<String> {
    let manager = only.map_or("", Manager::name);
    [PROBE, name, reign.name(), manager, pattern].map(str::to_owned).into()
}

impl Manager {
    /// As the functions on the server call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Openrc => "openrc",
            Self::Sysv => "sysv",
        }
    }
}

pub(super) fn read(answer: &Answer) -> Result<Unit, Garbled> {
    let text = String::from_utf8_lossy(answer.succeeded(PROBE)?);
    let (head, shown) = text.split_once("\n\n").unwrap_or((&text, ""));
    let value = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
    };
    let manager = match value("manager") {
        "systemd" => Some(Manager::Systemd),
        "openrc" => Some(Manager::Openrc),
        "sysv" => Some(Manager::Sysv),
        "none" => None,
        other => {
            let why = format!("no manager: {}", other.escape_debug());
            return Err(Garbled { probe: PROBE, why });
        }
    };
    let (enabled, active) = (value("enabled").to_owned(), value("active").to_owned());
    Ok(Unit { manager, enabled, active, properties: properties(shown) })
}

/// `NAME=VALUE` lines; a value of `Exec…` that opens a brace goes on until a line closes it.
fn properties(text: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        if let Some((name, mut value)) = open.take() {
            value.push('\n');
            value.push_str(line);
            if line.trim_end().ends_with('}') {
                out.insert(name, value.trim().to_owned());
            } else {
                open = Some((name, value));
            }
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        let value = value.trim_start();
        let opens =
            name.starts_with("Exec") && value.starts_with('{') && !value.trim_end().ends_with('}');
        if opens {
            open = Some((name.to_owned(), value.to_owned()));
        } else {
            out.insert(name.to_owned(), value.trim().to_owned());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_its_words_and_its_properties() {
        let text = "manager=systemd\nenabled=enabled\nactive=active\n\nId=x.service\nExecStart={ path=/x ;\n argv=y }\n\
                    Description=a = b\n";
        let unit = read(&Answer { stdout: text.into(), ..Answer::default() }).unwrap();
        assert_eq!((unit.manager, unit.enabled.as_str()), (Some(Manager::Systemd), "enabled"));
        assert_eq!(unit.properties["ExecStart"], "{ path=/x ;\n argv=y }");
        assert_eq!(unit.properties["Description"], "a = b");
        let none = read(&Answer { stdout: "manager=none\n".into(), ..Answer::default() }).unwrap();
        assert_eq!(none, Unit::default());
        assert!(read(&Answer { stdout: "x".into(), ..Answer::default() }).is_err());
    }
}
