//! A host that is only a model: facts in memory, changes applied by `Change::predict`. For the tests
//! of everything above `transport`; the contract suite keeps it true.
mod journal;

use super::{Connect, Escalation, Transport, TransportError};
use crate::change::{Change, Ran};
use crate::facts::{
    Account, Answer, Bytes, Compose, Details, Entries, Fact, Home, Hostname, Inode, Keeper,
    Manager, Observed, PathKind, Probe, Stat, Tree, Unit, fnmatch,
};
use journal::Journal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A model of a host; clones are the same host.
#[derive(Clone, Debug)]
pub struct Fake(Arc<Mutex<Model>>);

#[derive(Debug)]
struct Model {
    facts: Observed,
    made: Vec<Change>,
    fail_at: Option<usize>,
    /// The host can't be spoken to any more after so many requests of changes.
    cut_at: Option<usize>,
    batches: usize,
    journal: Journal,
}

impl Fake {
    /// A host that is as `facts` say; what they do not say is absent.
    pub fn new(mut facts: Observed) -> Self {
        if !facts.knows(&Probe::Owed) {
            facts.set(Probe::Owed, Fact::Owed(vec![]));
        }
        Self(Arc::new(Mutex::new(Model {
            facts,
            made: vec![],
            fail_at: None,
            cut_at: None,
            batches: 0,
            journal: Journal::default(),
        })))
    }
    /// The `n`th change from now (the next is 0) fails.
    pub fn fail_at(&self, n: usize) {
        let mut model = self.model();
        model.fail_at = Some(n);
    }
    /// The connection is lost before the `n`th request for a change from now, and stays lost.
    pub fn cut_at(&self, n: usize) {
        self.model().cut_at = Some(n);
    }
    /// The host can be spoken to again.
    pub fn come_back(&self) {
        self.model().cut_at = None;
    }
    /// The lease of whoever is at work has run out: they were killed.
    pub fn lapse(&self) {
        self.model().journal.leave_behind();
    }
    /// Batches that carried probes or changes.
    pub fn batches(&self) -> usize {
        self.model().batches
    }
    /// The changes that were made, in order, without the journal around them.
    pub fn made(&self) -> Vec<Change> {
        self.model().made.clone()
    }
    /// What the host is like now.
    pub fn facts(&self) -> Observed {
        self.model().facts.clone()
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        // A test that panicked elsewhere leaves the model as it is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Fake {
    fn default() -> Self {
        Self::new(Observed::default())
    }
}

impl Model {
    fn answer(&self, probe: &Probe) -> Fact {
        self.facts.get(probe).cloned().unwrap_or_else(|_| match probe {
            Probe::Path { .. } => Fact::Path(None),
            Probe::Content { .. } => Fact::Content(None),
            Probe::Details { path, follow, sum, .. } => {
                Fact::Details(self.details(path, *follow, sum))
            }
            Probe::Tree { path, depth, .. } => Fact::Tree(self.tree(path, *depth)),
            Probe::Glob { pattern } => {
                let named = self.paths().filter(|(path, _)| fnmatch(pattern, path));
                Fact::Glob(named.map(|(path, _)| path.to_owned()).collect())
            }
            Probe::Sums { algorithm, paths } => {
                let sum = |path: &String| self.sum(path, algorithm).unwrap_or_default();
                Fact::Sums(paths.iter().map(sum).collect())
            }
            Probe::Matching { pattern, paths } => {
                let matches = |path: &&String| self.matches(path, pattern);
                Fact::Matching(paths.iter().filter(matches).cloned().collect())
            }
            Probe::Command { .. } => Fact::Command(failed(127, "not found")),
            Probe::Mailcow { dir } => Fact::Mailcow(Err(format!("not a Mailcow folder: {dir}"))),
            Probe::Compose { .. } => Fact::Compose(Compose::default()),
            Probe::Postconf { .. } => Fact::Postconf(None),
            Probe::Entries { .. } => Fact::Entries(Entries::none()),
            Probe::Account { name } => {
                Fact::Account(Account { home: home_of(name), ..Account::default() })
            }
            Probe::Home { user, .. } => {
                let dir = home_of(user);
                Fact::Home(Some(Home { dir, uid: 0, gid: 0, inside: vec![] }))
            }
            Probe::Unit { only, .. } => {
                let manager = only.or(Some(Manager::Systemd));
                Fact::Unit(Unit { manager, ..Unit::default() })
            }
            Probe::Crontab { .. } => Fact::Crontab(Some(Bytes::default())),
            Probe::Hostname => Fact::Hostname(Hostname::default()),
            Probe::Here { .. } => Fact::Here(None),
            Probe::Owed => Fact::Owed(vec![]),
            Probe::Journal => Fact::Journal(self.journal.state()),
            Probe::Written { path } => Fact::Written(self.journal.written(path)),
            Probe::Keeper => Fact::Keeper(Keeper::Nothing),
            Probe::Runs => Fact::Runs(self.journal.runs()),
            Probe::System { .. } => Fact::System(serde_json::Map::new()),
        })
    }

    /// What is there, links not followed.
    fn paths(&self) -> impl Iterator<Item = (&str, &Stat)> {
        self.facts.iter().filter_map(|(probe, fact)| match (probe, fact) {
            (Probe::Path { path, follow: false }, Fact::Path(Some(stat))) => {
                Some((path.as_str(), stat))
            }
            _ => None,
        })
    }

    fn details(&self, path: &str, follow: bool, sum: &str) -> Option<Details> {
        let stat = self.facts.stat(path, follow).ok().flatten()?;
        let sum = self.sum(path, sum).filter(|_| stat.kind == PathKind::File);
        let real = path.to_owned();
        let access = (true, true, stat.mode & 0o111 != 0);
        Some(Details { inode: inode(stat), access, sum, real, mime: None, flags: None })
    }

    fn tree(&self, root: &str, depth: Option<u32>) -> Option<Tree> {
        let root = root.trim_end_matches('/');
        self.facts.stat(root, true).ok().flatten()?;
        let below = |path: &str| {
            let rest = path.strip_prefix(root)?.strip_prefix('/')?;
            let levels = u32::try_from(rest.split('/').count()).ok()?;
            depth.is_none_or(|depth| levels <= depth).then_some(())
        };
        let entries = self.paths().filter(|(path, _)| below(path).is_some());
        let entries = entries.map(|(path, stat)| (path.to_owned(), inode(stat))).collect();
        Some(Tree { now: 0, entries })
    }

    fn sum(&self, path: &str, algorithm: &str) -> Option<String> {
        self.facts.content(path).ok().flatten()?.sum(algorithm)
    }

    fn matches(&self, path: &str, pattern: &str) -> bool {
        let Ok(Some(content)) = self.facts.content(path) else { return false };
        let text = content.text();
        regex::Regex::new(pattern).is_ok_and(|regex| text.lines().any(|line| regex.is_match(line)))
    }

    /// The timer of a run that waits to be confirmed: looked at whenever anybody comes.
    fn tick(&mut self) {
        let Self { journal, facts, .. } = self;
        journal.tick(facts);
    }

    fn make(&mut self, change: &Change) -> Ran {
        let due = self.fail_at == Some(0);
        self.fail_at = self.fail_at.and_then(|n| n.checked_sub(1));
        if due {
            return failed(1, "failed as the test asked for");
        }
        if let Change::Step { run, number, change } = change {
            match self.journal.step(run, *number, change, &self.facts) {
                Ok(None) => {}
                Ok(Some(made)) => return made,
                Err(refused) => return refused,
            }
            let ran = self.make_inner(change);
            self.journal.ended(run, *number, change, &ran);
            return ran;
        }
        self.make_inner(change)
    }

    fn make_inner(&mut self, change: &Change) -> Ran {
        if let Change::Journal(entry) = change {
            self.made.push(change.clone());
            return self.journal.enter(entry, &mut self.facts);
        }
        if let Change::WriteFile { path, before, .. } = change {
            let stat = self.facts.stat(path, false).ok().flatten();
            if stat.and_then(|stat| stat.sha256.clone()) != *before {
                return failed(1, "changed under us");
            }
        }
        change.predict(&mut self.facts);
        self.made.push(change.clone());
        Ran::default()
    }
}

/// The model has no list of users: everybody has a home where one would expect it.
fn home_of(user: &str) -> String {
    match user {
        "" | "root" => "/root".to_owned(),
        other => format!("/home/{other}"),
    }
}

/// The model has neither inodes nor names of devices.
fn inode(stat: &Stat) -> Inode {
    let kind = match stat.kind {
        PathKind::File => 0o100_000,
        PathKind::Directory => 0o040_000,
        PathKind::Link => 0o120_000,
        PathKind::Other => 0o140_000,
    };
    Inode {
        raw: kind | stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        size: stat.size,
        mtime: stat.mtime,
        links: 1,
        owner: stat.owner.clone(),
        group: stat.group.clone(),
        ..Inode::default()
    }
}

fn failed(rc: i32, message: &str) -> Answer {
    Answer { rc, stderr: message.into(), ..Answer::default() }
}

impl Transport for Fake {
    async fn observe(&self, probes: &[Probe]) -> Result<Vec<Fact>, TransportError> {
        let mut model = self.model();
        if model.cut_at == Some(0) {
            return Err(TransportError::Lost { in_change: false });
        }
        model.tick();
        model.batches += usize::from(!probes.is_empty());
        Ok(probes.iter().map(|probe| model.answer(probe)).collect())
    }

    async fn apply(&self, changes: &[Change]) -> Result<Vec<Ran>, TransportError> {
        let mut model = self.model();
        model.tick();
        model.batches += usize::from(!changes.is_empty());
        let mut answers = vec![];
        for change in changes {
            if model.cut_at == Some(0) {
                return Err(TransportError::Lost { in_change: true });
            }
            model.cut_at = model.cut_at.map(|n| n - 1);
            let answer = model.make(change);
            let stop = answer.rc != 0;
            answers.push(answer);
            if stop {
                break;
            }
        }
        Ok(answers)
    }
}

impl Connect for Fake {
    type Shell = Self;

    fn anew(&self) -> Self {
        self.clone()
    }

    async fn shell(&self, _: Option<&Escalation>) -> Result<Self, TransportError> {
        Ok(self.clone())
    }
}
