//! `setup`: facts of the host, all or some of them. Plays gather them on their own: only those that
//! their templates may use.
use super::values::{Number, Texts};
use super::{Module, Opt, PlanError};
use crate::change::{Change, Ran};
use crate::facts::{FACT_PATH, Fact, GATHER_TIMEOUT, Observed, Probe, Topic, chosen, injected};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    filter: Option<Texts>,
    gather_subset: Option<Texts>,
    gather_timeout: Option<Number>,
    fact_path: Option<String>,
}

impl Params {
    fn subsets(&self) -> Vec<&str> {
        match &self.gather_subset {
            Some(list) => list.0.iter().map(String::as_str).collect(),
            None => vec!["all"],
        }
    }
    /// The topics, and why a name of `gather_subset` is none.
    fn topics(&self) -> Result<BTreeSet<Topic>, PlanError> {
        let topics = chosen(&self.subsets()).map_err(|message| PlanError::Params {
            path: "gather_subset".into(),
            message,
        })?;
        let wanted = |topic: &Topic| {
            let Some(filters) = self.filters() else { return true };
            let mut facts = topic.facts().iter();
            // Interfaces have any name.
            *topic == Topic::Network || facts.any(|fact| fits(&filters, fact))
        };
        Ok(topics.into_iter().filter(wanted).collect())
    }
    fn probes(&self) -> Result<Vec<Probe>, PlanError> {
        let timeout = self.gather_timeout.map_or(GATHER_TIMEOUT, |seconds| seconds.0);
        let folder = self.fact_path.as_deref().unwrap_or(FACT_PATH);
        Ok(self.topics()?.into_iter().map(|topic| topic.probe(folder, timeout)).collect())
    }
    /// Shell-style patterns on names with `ansible_`; `None`: every name.
    fn filters(&self) -> Option<Vec<Regex>> {
        let patterns = self.filter.as_ref().map(|list| &list.0).filter(|list| list.iter().any(|text| !text.is_empty()))?;
        Some(patterns.iter().filter_map(|pattern| glob(pattern)).collect())
    }
}

/// Whether a fact's name fits one of the patterns, with or without `ansible_`.
fn fits(filters: &[Regex], fact: &str) -> bool {
    let full = format!("ansible_{fact}");
    filters.iter().any(|filter| filter.is_match(&full) || filter.is_match(fact))
}

/// A pattern of fnmatch(3).
fn glob(pattern: &str) -> Option<Regex> {
    let mut text = String::from("(?s)^");
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => text.push_str(".*"),
            '?' => text.push('.'),
            '[' if rest.as_str().contains(']') => {
                let set: String = rest.by_ref().take_while(|c| *c != ']').collect();
                let (not, set) = set.strip_prefix('!').map_or(("", &*set), |set| ("^", set));
                let set = set.replace('\\', "\\\\").replace('[', "\\[");
                text.extend(["[", not, &set, "]"]);
            }
            other => text.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    Regex::new(&(text + "$")).ok()
}

impl Module for This {
    const NAME: &'static str = "setup";
    const SUMMARY: &'static str = "tell what a host is: its facts";
    const EXAMPLES: &'static [&'static str] = &[
        "{}",
        "gather_subset: [\"!all\", network]",
        "filter: ansible_distribution*",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("filter", "Only facts whose names fit one of these shell-style patterns."),
        Opt::new(
            "gather_subset",
            "Which facts: `all`, `min`, `hardware`, `network`, `virtual` and finer ones; `!` leaves out.",
        ),
        Opt::new("gather_timeout", "Seconds that a file system may take to tell its size; 10."),
        Opt::new("fact_path", "The folder of local facts, `*.fact`; `/etc/ansible/facts.d`."),
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        params.probes().unwrap_or_default()
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        for probe in params.probes()? {
            seen.get(&probe)?;
        }
        Ok(vec![])
    }

    fn result(params: &Params, seen: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let filters = params.filters();
        let mut facts = Map::new();
        for probe in params.probes().unwrap_or_default() {
            let Ok(Fact::System(topic)) = seen.get(&probe) else { continue };
            for (name, value) in topic {
                if filters.as_ref().is_none_or(|filters| fits(filters, name)) {
                    facts.insert(injected(name), value.clone());
                }
            }
        }
        if filters.is_none() {
            facts.insert("gather_subset".into(), json!(params.subsets()));
            facts.insert("module_setup".into(), true.into());
        }
        [("ansible_facts".to_owned(), Value::Object(facts))].into_iter().collect()
    }
}
