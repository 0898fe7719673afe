//! `getent`: entries of the server's databases of names, as facts.
use super::values::{Flag, Text};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Change, Ran};
use crate::facts::{Entries, Fact, Observed, Probe, Unasked};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    database: String,
    key: Option<Text>,
    service: Option<String>,
    split: Option<String>,
    fail_key: Option<Flag>,
}

/// Databases whose fields stand between colons.
const COLONS: [&str; 4] = ["passwd", "shadow", "group", "gshadow"];

impl Params {
    fn probe(&self) -> Probe {
        Probe::Entries {
            database: self.database.clone(),
            key: self.key.as_ref().map(|key| key.0.clone()),
            service: self.service.clone(),
        }
    }

    fn entries<'a>(&self, seen: &'a Observed) -> Result<&'a Entries, Unasked> {
        match seen.get(&self.probe())? {
            Fact::Entries(entries) => Ok(entries),
            _ => Err(Unasked(self.probe())),
        }
    }

    /// The key and the other fields of an entry.
    fn fields(&self, line: &str) -> (String, Value) {
        let colon = COLONS.contains(&self.database.as_str()).then_some(":");
        let mut fields: Vec<String> = match self.split.as_deref().or(colon) {
            Some(split) if !split.is_empty() => line.split(split).map(str::to_owned).collect(),
            _ => line.split_whitespace().map(str::to_owned).collect(),
        };
        let key = if fields.is_empty() { String::new() } else { fields.remove(0) };
        (key, fields.into())
    }

    /// Fields by key; of a key that is there several times, a list of them.
    fn table(&self, entries: &Entries) -> Map<String, Value> {
        let mut out: Map<String, Value> = Map::new();
        let mut often: Vec<String> = vec![];
        for line in &entries.lines {
            let (key, fields) = self.fields(line);
            match out.get_mut(&key) {
                None => {
                    out.insert(key, fields);
                }
                Some(Value::Array(known)) if often.contains(&key) => known.push(fields),
                Some(known) => {
                    *known = json!([known.take(), fields]);
                    often.push(key);
                }
            }
        }
        out
    }
}

impl Module for This {
    const NAME: &'static str = "getent";
    const SUMMARY: &'static str = "look names up: users, groups, hosts, services";
    const EXAMPLES: &'static [&'static str] =
        &["{database: passwd, key: root}", "{database: hosts, key: localhost, fail_key: false}"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("database", "passwd, group, hosts, services …"),
        Opt::new("key", "Which entry; all when left out."),
        Opt::new("service", "Where it is looked for, as in `getent -s`."),
        Opt::new("split", "What fields stand between; colons, or white space, as the database has it."),
        Opt::new("fail_key", "Fail when there is no such entry (default true)."),
    ];
    const RETURNS: &'static [Table] = &[&[(
        "ansible_facts",
        "`getent_DATABASE`: the fields behind the key, by key; null for one that is not there.",
    )]];
    const FACTS: &'static [&'static str] = &[
        "getent_group",
        "getent_gshadow",
        "getent_hosts",
        "getent_networks",
        "getent_passwd",
        "getent_protocols",
        "getent_services",
        "getent_shadow",
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        vec![params.probe()]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let said = match params.entries(seen)?.rc {
            0 => return Ok(vec![]),
            2 if params.fail_key.is_some_and(|fail| !fail.0) => return Ok(vec![]),
            1 => "Missing arguments, or database unknown.",
            2 => MISSING,
            3 => "Enumeration not supported on this database.",
            _ => "Unexpected failure!",
        };
        Err(PlanError::failed(said))
    }

    fn result(params: &Params, seen: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let Ok(entries) = params.entries(seen) else { return Map::new() };
        let mut out = Map::new();
        let mut table = params.table(entries);
        if let (2, Some(key)) = (entries.rc, &params.key) {
            table.insert(key.0.clone(), Value::Null);
            out.insert("msg".into(), MISSING.into());
        }
        let name = format!("getent_{}", params.database);
        out.insert("ansible_facts".into(), json!({ name: table }));
        out
    }
}

const MISSING: &str = "One or more supplied key could not be found in the database.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_by_key_and_keys_may_come_again() {
        let params = |database: &str, split: Option<&str>| Params {
            database: database.into(),
            key: None,
            service: None,
            split: split.map(str::to_owned),
            fail_key: None,
        };
        let entries =
            |lines: &[&str]| Entries { rc: 0, lines: lines.iter().map(|l| (*l).to_owned()).collect() };
        let table = params("group", None).table(&entries(&["adm:x:4:", "adm:x:5:a,b", "adm:x:6:"]));
        assert_eq!(table["adm"], json!([["x", "4", ""], ["x", "5", "a,b"], ["x", "6", ""]]));
        let table = params("hosts", None).table(&entries(&["127.0.0.1   a  b"]));
        assert_eq!(table["127.0.0.1"], json!(["a", "b"]));
        let table = params("x", Some("|")).table(&entries(&["k|v w"]));
        assert_eq!(table["k"], json!(["v w"]));
    }
}
