//! What came of a case, in words that both sides share. It must never forgive a difference that an
//! administrator could notice: what it leaves out is noise (times, numbers of inodes) and is named here.

use crate::compat::tree::Tree;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::process::Output;

/// What came of a case.
#[derive(Debug)]
pub(super) struct Seen {
    /// In order.
    pub(super) runs: Vec<Run>,
    /// What is in `out` after the last run.
    pub(super) tree: Tree,
}

/// What came of one run.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// `fine`, `failed`, `unreachable`, `refused`, or something worse.
    pub(super) exit: String,
    /// What it said, for people.
    pub(super) said: String,
    /// By host: how many tasks came to what.
    pub(super) counts: BTreeMap<String, Counts>,
    /// By host, in order.
    pub(super) steps: BTreeMap<String, Vec<Step>>,
}

/// ansible-core's counters: a changed or ignored task is `ok` as well.
pub(super) type Counts = BTreeMap<&'static str, u64>;

/// What a task came to on a host.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// Its name, without the collection of a module that stands for one.
    pub(super) task: String,
    /// `ok`, `changed`, `skipped`, `failed`, `ignored`; `unknown` is cowhand's alone.
    pub(super) outcome: String,
    /// What `debug` showed.
    pub(super) shown: Value,
}

const COUNTERS: [&str; 7] =
    ["ok", "changed", "skipped", "failures", "rescued", "ignored", "unreachable"];

/// What differs from run to run by nature: compared as being there.
const NOISE: [&str; 14] = [
    "start",
    "end",
    "delta",
    "atime",
    "mtime",
    "ctime",
    "birthtime",
    "inode",
    "dev",
    "uuid",
    "elapsed",
    "version",
    "blocks",
    "device_type",
];
/// What ansible-core says of itself, not of the host.
const ASIDE: [&str; 5] = ["invocation", "warnings", "deprecations", "exception", "diff"];

impl Run {
    /// From an answer of the oracle.
    pub(super) fn of_ansible(run: &Value) -> Self {
        let mut out = Self { said: text(&run["said"]), ..Self::default() };
        let mut ended = false;
        // Gathering is a task there, and travels with the first batch here.
        let mut gathered: BTreeMap<String, u64> = BTreeMap::new();
        for event in run["events"].as_array().into_iter().flatten() {
            if let Some(stats) = event["stats"].as_object() {
                ended = true;
                for (host, of) in stats {
                    let count = |name| (name, of[name].as_u64().unwrap_or(0));
                    let mut counts = Counts::from(COUNTERS.map(count));
                    if let (Some(ok), Some(times)) = (counts.get_mut("ok"), gathered.get(host)) {
                        *ok = ok.saturating_sub(*times);
                    }
                    out.counts.insert(host.clone(), counts);
                }
                continue;
            }
            // What `meta` says of itself is not counted either.
            if text(&event["action"]).ends_with("meta") {
                continue;
            }
            if text(&event["action"]).ends_with("gather_facts") && event["outcome"] == "ok" {
                *gathered.entry(text(&event["host"])).or_default() += 1;
                continue;
            }
            let outcome = match text(&event["outcome"]).as_str() {
                "unreachable" | "failed" if event["ignored"] == true => "ignored".to_owned(),
                // Counted, and told by cowhand of the host, not of the task.
                "unreachable" => continue,
                other => other.to_owned(),
            };
            out.step(event, outcome);
        }
        let code = run["exit"].as_i64().unwrap_or(-1);
        out.exit = match code {
            0 => "fine".into(),
            _ if !ended => "refused".into(),
            _ if code & 2 != 0 => "failed".into(),
            4 => "unreachable".into(),
            other => format!("exit code {other}"),
        };
        out
    }

    /// From what cowhand wrote.
    pub(super) fn of_cowhand(output: &Output) -> Self {
        let mut out = Self::default();
        let mut ignored: BTreeMap<String, u64> = BTreeMap::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
            match text(&event["event"]).as_str() {
                "task_finished" => {
                    let outcome = &event["outcome"];
                    let word = match text(&outcome["outcome"]).as_str() {
                        "would_change" => "changed".to_owned(),
                        "failed" if outcome["ignored"] == true => "ignored".to_owned(),
                        other => other.to_owned(),
                    };
                    if word == "ignored" && event["result"]["changed"] == true {
                        *ignored.entry(text(&event["host"])).or_default() += 1;
                    }
                    out.step(&event, word);
                }
                "run_finished" => {
                    for (host, recap) in event["recap"].as_object().into_iter().flatten() {
                        out.counts.insert(host.clone(), counts(recap));
                    }
                }
                _ => {}
            }
        }
        // cowhand counts every task once: one that failed and did not matter is not "changed" as well.
        for (host, changed) in ignored {
            if let Some(count) = out.counts.get_mut(&host).and_then(|c| c.get_mut("changed")) {
                *count += changed;
            }
        }
        out.said = String::from_utf8_lossy(&output.stderr).into_owned();
        out.exit = match output.status.code() {
            Some(0 | 3) => "fine".into(),
            Some(2 | 6) => "failed".into(),
            Some(4) => "unreachable".into(),
            Some(5) => "refused".into(),
            _ => output.status.to_string(),
        };
        out
    }

    fn step(&mut self, event: &Value, outcome: String) {
        let task = ["ansible.builtin.", "ansible.legacy."]
            .iter()
            .fold(text(&event["task"]), |task, collection| task.replace(collection, ""));
        // Any `debug` shows what it was given under `msg` or under the variable's name.
        let is_debug = text(&event["action"]).rsplit('.').next() == Some("debug")
            || event["place"].is_string();
        let shown = if is_debug { shown(&event["result"]) } else { Value::Null };
        let steps = self.steps.entry(text(&event["host"])).or_default();
        steps.push(Step { task, outcome, shown });
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn counts(recap: &Value) -> Counts {
    let of = |names: &[&str]| names.iter().map(|name| recap[*name].as_u64().unwrap_or(0)).sum();
    [
        ("ok", of(&["ok", "changed", "would_change", "unknown", "ignored"])),
        ("changed", of(&["changed", "would_change"])),
        ("skipped", of(&["skipped"])),
        ("failures", of(&["failed"])),
        ("rescued", of(&["rescued"])),
        ("ignored", of(&["ignored"])),
        ("unreachable", u64::from(recap["unreachable"] == true)),
    ]
    .into()
}

/// What a result of `debug` shows: without the words that every result has.
fn shown(result: &Value) -> Value {
    const EVERY: [&str; 8] = [
        "censored",
        "changed",
        "failed",
        "skipped",
        "skip_reason",
        "false_condition",
        "attempts",
        "ansible_loop_var",
    ];
    let mut own = Map::new();
    for (key, value) in result.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("results", Value::Array(items)) => {
                own.insert(key.clone(), items.iter().map(shown).collect());
            }
            (word, _)
                if EVERY.contains(&word) || ASIDE.contains(&word) || word.starts_with('_') => {}
            _ => {
                own.insert(key.clone(), quiet(value));
            }
        }
    }
    own.into()
}

/// A value with its noise taken out.
fn quiet(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(quiet).collect(),
        Value::Object(pairs) => {
            let pairs = pairs
                .iter()
                .filter(|(key, _)| !ASIDE.contains(&key.as_str()) && !key.starts_with("_ansible"));
            let pairs = pairs.map(|(key, value)| {
                let noise = NOISE.contains(&key.as_str());
                (key.clone(), if noise { Value::from("…") } else { quiet(value) })
            });
            Value::Object(pairs.collect())
        }
        other => other.clone(),
    }
}
