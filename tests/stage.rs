//! A project of one playbook and model hosts, for tests that run it more than once.
use crate::playbook::Files;
use cowhand::change::Identity;
use cowhand::event::{Event, Recap};
use cowhand::facts::{Bytes, Fact, Observed, PathKind, Probe, Stat};
use cowhand::inventory::{Input, Inventory};
use cowhand::plan::{Shared, layer, magic, saved::Saved, validate};
use cowhand::playbook::load;
use cowhand::run::{Job, Options, PlayJob, follow, foresee, run};
use cowhand::source::SourceMap;
use cowhand::transport::fake::Fake;
use cowhand::transport::{Connect, TransportError};
use cowhand::vars::{Engine, Scope, Trust};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What a run told, and how its hosts fared.
pub(crate) struct Told {
    pub(crate) events: Vec<Event>,
    pub(crate) recap: BTreeMap<String, Recap>,
}

impl Told {
    /// All that was told, as JSON lines.
    pub(crate) fn text(&self) -> String {
        let lines = self.events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n");
        lines.collect()
    }
}

/// Every run has a name of its own.
static RUNS: AtomicUsize = AtomicUsize::new(0);

/// The job of a playbook for hosts `a,b,`.
pub(crate) fn job(playbook: &str, hosts: &str, check: bool) -> Arc<Job> {
    project(BTreeMap::new(), playbook, hosts, check)
}

/// The same beside other files.
pub(crate) fn project(
    mut files: BTreeMap<PathBuf, Arc<str>>,
    playbook: &str,
    hosts: &str,
    check: bool,
) -> Arc<Job> {
    files.insert("site.yml".into(), playbook.into());
    let files = Files::new(files);
    let mut sources = SourceMap::default();
    let found = |found: Vec<cowhand::source::Diagnostic>, sources: &SourceMap| -> String {
        found.iter().map(|found| found.render(sources, false)).collect()
    };
    let (loaded, _) = load(Path::new("site.yml"), &files, &mut sources)
        .unwrap_or_else(|wrong| panic!("{}\n{playbook}", found(wrong, &sources)));
    let inputs = [Input::List(hosts.into())];
    let (inventory, _) = Inventory::read(&inputs, &[], &mut sources).unwrap();
    let extra = layer("extra vars", Trust::Template, &vec![]);
    let magic = magic(&inventory, check, false, ".");
    let plays: Vec<PlayJob> = (loaded.plays.into_iter())
        .map(|play| PlayJob {
            hosts: inventory.select(&play.hosts.value).unwrap(),
            play,
            vars_files: vec![],
        })
        .collect();
    let shared = Shared::new(&plays, inventory, extra, magic, files.bytes(), Default::default());
    let engine = Engine::default();
    let wrong = validate(&plays, &shared, &engine, &mut sources);
    assert!(wrong.is_empty(), "{}\n{playbook}", found(wrong, &sources));
    let run = format!("run{}", RUNS.fetch_add(1, Ordering::Relaxed));
    let by = Identity { run, ..Identity::default() };
    let options = Options { check, forks: 1, by, ..Options::default() };
    let playbook = "site.yml".into();
    Arc::new(Job { playbook, plays, sources, engine, roster: shared.into(), options })
}

/// Runs it where `dial` leads to.
pub(crate) fn apply<C>(job: Arc<Job>, dial: impl Fn(&str) -> C) -> Told
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    let (sender, receiver) = unbounded_channel();
    let shared = job.roster.now();
    let names = shared.inventory.hosts.iter().map(|host| &host.name);
    let hosts: BTreeMap<String, C> = names.map(|name| (name.clone(), dial(name))).collect();
    let recap = wait(run(job, ways(hosts), sender));
    Told { events: drained(receiver), recap }
}

/// Saves what it foresees.
pub(crate) fn plan<C>(job: Arc<Job>, hosts: &BTreeMap<String, C>) -> (Told, Saved)
where
    C: Connect + Clone + 'static,
    C::Shell: 'static,
{
    let (sender, receiver) = unbounded_channel();
    let (recap, saved) = wait(foresee(job, ways(hosts.clone()), sender));
    (Told { events: drained(receiver), recap }, saved)
}

/// Does what a plan has.
pub(crate) fn apply_plan<C>(job: Arc<Job>, plan: &Saved, hosts: &BTreeMap<String, C>) -> Told
where
    C: Connect + Clone + 'static,
    C::Shell: 'static,
{
    let (sender, receiver) = unbounded_channel();
    let recap = wait(follow(job, plan, ways(hosts.clone()), sender));
    Told { events: drained(receiver), recap }
}

/// The ways to some hosts, each of which is asked for once.
fn ways<C: Connect + 'static>(
    hosts: BTreeMap<String, C>,
) -> impl Fn(&str, &Scope) -> Result<C, TransportError> + Send + Sync + 'static {
    let hosts = Mutex::new(hosts);
    move |name, _| Ok(hosts.lock().unwrap().remove(name).unwrap())
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

fn drained(mut receiver: UnboundedReceiver<Event>) -> Vec<Event> {
    let mut events = vec![];
    while let Ok(event) = receiver.try_recv() {
        events.push(event);
    }
    events
}

/// A host with folders `/etc`, and files of these contents.
pub(crate) fn host(files: &[(&str, &str)]) -> Fake {
    let mut facts = Observed::default();
    put(&mut facts, "/etc", PathKind::Directory, "");
    for (path, content) in files {
        put(&mut facts, path, PathKind::File, content);
        let content = Fact::Content(Some((*content).into()));
        facts.set(Probe::Content { path: (*path).into() }, content);
    }
    Fake::new(facts)
}

/// The same host after somebody edited a file.
pub(crate) fn edited(host: &Fake, path: &str, content: &str) -> Fake {
    let mut facts = host.facts();
    put(&mut facts, path, PathKind::File, content);
    facts.set(Probe::Content { path: path.into() }, Fact::Content(Some(content.into())));
    Fake::new(facts)
}

fn put(facts: &mut Observed, path: &str, kind: PathKind, content: &str) {
    let stat = Stat {
        kind,
        mode: if kind == PathKind::File { 0o644 } else { 0o755 },
        uid: 0,
        gid: 0,
        owner: "root".into(),
        group: "root".into(),
        size: content.len() as u64,
        mtime: 0,
        sha256: (kind == PathKind::File).then(|| Bytes::from(content).sha256()),
        target: None,
    };
    for follow in [false, true] {
        facts.set(Probe::Path { path: path.into(), follow }, Fact::Path(Some(stat.clone())));
    }
}
