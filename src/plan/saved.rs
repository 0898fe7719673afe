//! Saved plans: what a check foresaw on each host, and the facts that it stood on, so that a later
//! `apply --plan` does exactly that or nothing. All of it is digests and names: no content, no
//! command line and no fact is ever in here in clear, hence no secret.
use crate::change::Change;
use crate::event::Damage;
use crate::facts::{Bytes, Fact, PathKind, Probe};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The version of the format, `"v"` in the file.
pub const VERSION: u32 = 1;

/// A saved plan: the file that `check --out` writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// [`VERSION`].
    pub v: u32,
    /// The playbook as it was given, for people.
    pub playbook: String,
    /// By host.
    pub hosts: BTreeMap<String, Foreseen>,
}

/// What was foreseen for one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foreseen {
    /// The check came to its end on this host; a plan that was cut off is never applied.
    pub complete: bool,
    /// The facts that it stood on, by the digest of who asked what.
    pub facts: BTreeMap<String, Ground>,
    /// What would change, task by task, in order.
    pub tasks: Vec<Intent>,
    /// Handlers of tasks of which check mode can't tell whether they change anything: they may run.
    pub may_run: BTreeSet<String>,
}

/// A fact that a plan stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ground {
    /// What was asked, for people.
    pub about: String,
    /// Digest of the answer, without the times that change by themselves.
    pub sha256: String,
}

/// What one task would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The task's name as people see it.
    pub task: String,
    /// Check mode can't tell what its commands change.
    pub unknown: bool,
    /// Why it could not be taken back if the play failed behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_way_back: Option<String>,
    /// Files of ours that somebody else changed, and what became of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub edited: BTreeMap<String, Damage>,
    /// In order.
    pub changes: Vec<Intended>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intended {
    /// The function that makes it and what it is made to, for people.
    pub about: String,
    /// Digest of the whole change, content included.
    pub sha256: String,
}

impl Foreseen {
    /// Adds a fact as a user (empty: who logs in) saw it. The first look counts.
    pub fn saw(&mut self, user: &str, probe: &Probe, fact: &Fact) {
        if matches!(probe, Probe::Journal | Probe::Keeper | Probe::Runs | Probe::Written { .. }) {
            // Our own memory, which every run adds to; no plan stands on it.
            return;
        }
        let key = digest(&(user, probe));
        let about = probe.words().into_iter().take(2).collect::<Vec<_>>().join(" ");
        let sha256 = digest(&steady(fact));
        self.facts.entry(key).or_insert(Ground { about, sha256 });
    }

    /// Adds what a task would do.
    pub fn intends(&mut self, intent: Intent) {
        self.tasks.push(intent);
    }

    /// Whether a task that makes those changes was foreseen.
    pub fn foresaw(&self, intent: &Intent) -> bool {
        self.tasks.iter().any(|known| known.task == intent.task && known.changes == intent.changes)
    }

    /// Why what is foreseen `now` is not what was recorded, as a lowercase fragment.
    ///
    /// # Errors
    /// The first difference.
    pub fn holds(&self, now: &Self) -> Result<(), String> {
        if !self.complete {
            return Err("the check that made the plan did not come to its end on this host".into());
        }
        let moved = now.facts.iter().find(|(key, ground)| {
            self.facts.get(*key).is_some_and(|then| then.sha256 != ground.sha256)
        });
        if let Some((_, ground)) = moved {
            return Err(format!(
                "the host has moved since the plan was made: {} answers differently",
                ground.about
            ));
        }
        if !now.complete {
            return Err("the plan can't be followed: looking again, a task failed".into());
        }
        for (then, now) in self.tasks.iter().zip(&now.tasks) {
            if then != now {
                return Err(format!(
                    "other changes than the plan's would be made: `{}` where it has `{}`",
                    now.told(),
                    then.told()
                ));
            }
        }
        let (then, now) = (self.tasks.len(), now.tasks.len());
        if then != now {
            return Err(format!(
                "other changes than the plan's would be made: {now} tasks where it has {then}"
            ));
        }
        Ok(())
    }
}

impl Intent {
    /// What a task would do. `hidden` (`no_log`): what it is done to is not told.
    pub fn new(task: String, changes: &[Change], hidden: bool) -> Self {
        let unknown = changes
            .iter()
            .any(|change| !change.predictable() && !matches!(change.inner(), Change::Wait(_)));
        let intended = changes
            .iter()
            .map(|change| Intended { about: about(change, hidden), sha256: digest(change) });
        let (no_way_back, edited) = (None, BTreeMap::new());
        Self { task, unknown, no_way_back, edited, changes: intended.collect() }
    }

    fn told(&self) -> String {
        let changes: Vec<_> = self.changes.iter().map(|change| change.about.as_str()).collect();
        format!("{}: {}", self.task, changes.join(", "))
    }
}

/// The function, and its first word where that names a path and is no command's.
fn about(change: &Change, hidden: bool) -> String {
    let shown = if hidden || matches!(change, Change::Run(_) | Change::Wait(_)) { 1 } else { 2 };
    change.words().into_iter().take(shown).collect::<Vec<_>>().join(" ")
}

/// A fact without what changes by itself: times, and the size of folders.
fn steady(fact: &Fact) -> Fact {
    let mut fact = fact.clone();
    if let Fact::Path(Some(stat)) = &mut fact {
        stat.mtime = 0;
        if stat.kind == PathKind::Directory {
            stat.size = 0;
        }
    }
    fact
}

fn digest(value: &impl Serialize) -> String {
    // Facts and changes are plain data with string keys: they always can be written as JSON.
    let json = serde_json::to_vec(value).unwrap_or_default();
    Bytes(json).sha256()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Attributes;

    fn write(content: &str) -> Change {
        Change::WriteFile {
            path: "/etc/f".into(),
            content: content.into(),
            attributes: Attributes::default(),
            validate: None,
            backup: None,
            before: None,
            secret: true,
        }
    }

    fn foreseen(content: &str) -> Foreseen {
        let mut foreseen = Foreseen { complete: true, ..Foreseen::default() };
        let probe = Probe::Content { path: "/etc/f".into() };
        foreseen.saw("root", &probe, &Fact::Content(Some("hunter2".into())));
        foreseen.intends(Intent::new("write".into(), &[write(content)], false));
        foreseen
    }

    #[test]
    fn no_content_is_ever_in_it_not_even_coded() {
        let json = serde_json::to_string(&foreseen("hunter3")).unwrap();
        for text in ["hunter2", "hunter3"] {
            assert!(!json.contains(text), "{json}");
            assert!(!json.contains(&Bytes::from(text).base64()), "{json}");
        }
        assert!(json.contains("write_file /etc/f"), "{json}");
    }

    #[test]
    fn other_content_is_another_change_and_the_same_holds() {
        assert_eq!(foreseen("a").holds(&foreseen("a")), Ok(()));
        let why = foreseen("a").holds(&foreseen("b")).unwrap_err();
        assert!(why.contains("other changes"), "{why}");
    }

    #[test]
    fn a_fact_that_differs_is_named_and_times_are_none() {
        let stat = |mtime, size| {
            let kind = PathKind::File;
            Fact::Path(Some(crate::facts::Stat {
                kind,
                mode: 0o644,
                uid: 0,
                gid: 0,
                owner: "root".into(),
                group: "root".into(),
                size,
                mtime,
                sha256: None,
                target: None,
            }))
        };
        let probe = Probe::Path { path: "/etc/f".into(), follow: true };
        let with = |fact: &Fact| {
            let mut foreseen = Foreseen { complete: true, ..Foreseen::default() };
            foreseen.saw("", &probe, fact);
            foreseen
        };
        assert_eq!(with(&stat(1, 1)).holds(&with(&stat(2, 1))), Ok(()));
        let why = with(&stat(1, 1)).holds(&with(&stat(1, 2))).unwrap_err();
        assert!(why.contains("moved") && why.contains("/etc/f"), "{why}");
    }

    #[test]
    fn a_plan_that_was_cut_off_never_holds() {
        let cut = Foreseen { complete: false, ..foreseen("a") };
        assert!(cut.holds(&foreseen("a")).is_err());
    }
}
