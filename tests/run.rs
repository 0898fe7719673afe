//! Whole runs on model hosts, one a file of `cases/run/`: a project, what is on the hosts before, and
//! everything that is told.
#![expect(clippy::disallowed_methods, reason = "cases are files")]
use crate::playbook::Files;
use cowhand::event::{Event, Recap};
use cowhand::facts::{
    Bytes, FACT_PATH, Fact, GATHER_TIMEOUT, Observed, Owed, PathKind, Probe, Stat, Topic,
};
use cowhand::inventory::{Input, Inventory};
use cowhand::plan::{Selection, Shared, layer, magic, validate};
use cowhand::playbook::load;
use cowhand::report::{Palette, Reporter as _, Text};
use cowhand::run::{Job, Options, PlayJob, run};
use cowhand::source::SourceMap;
use cowhand::transport::fake::Fake;
use cowhand::vars::{Engine, Scope, Trust};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc::unbounded_channel;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/run");

/// A case: its project, and what its `@…` sections say of hosts and flags.
struct Case {
    files: Files,
    options: Options,
    facts: Observed,
    verbosity: u8,
    expected: String,
}

fn stat(kind: PathKind, content: &str) -> Stat {
    Stat {
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
    }
}

fn put(facts: &mut Observed, path: &str, stat: &Stat) {
    for follow in [false, true] {
        facts.set(Probe::Path { path: path.into(), follow }, Fact::Path(Some(stat.clone())));
    }
}

fn read(text: &str) -> Case {
    let mut files = BTreeMap::new();
    let mut options = Options { forks: 1, ..Options::default() };
    let mut facts = Observed::default();
    put(&mut facts, "/etc", &stat(PathKind::Directory, ""));
    let mut expected = None;
    let mut verbosity = 1;
    for part in text.split("=== ").skip(1) {
        let (head, body) = part.split_once('\n').unwrap();
        match head.split_once(' ').unwrap_or((head, "")) {
            ("@check", _) => options.check = true,
            ("@quiet", _) => verbosity = 0,
            ("@diff", _) => options.diff = true,
            ("@confirm", seconds) => options.confirm_timeout = seconds.parse().unwrap(),
            ("@tags", tags) => {
                options.chosen =
                    Selection { tags: tags.split(',').map(str::to_owned).collect(), skip: vec![] }
            }
            ("@start", name) => options.start_at = Some(name.to_owned()),
            ("@folder", path) => put(&mut facts, path, &stat(PathKind::Directory, "")),
            ("@file", path) => {
                put(&mut facts, path, &stat(PathKind::File, body));
                facts.set(Probe::Content { path: path.into() }, Fact::Content(Some(body.into())));
            }
            ("@facts", topic) => {
                let topic: Topic = serde_json::from_value(topic.into()).unwrap();
                let known = serde_json::from_str(body).unwrap();
                facts.set(topic.probe(FACT_PATH, GATHER_TIMEOUT), Fact::System(known));
            }
            ("@owed", handler) => {
                let owed = vec![Owed { handler: handler.to_owned(), since: 7 }];
                facts.set(Probe::Owed, Fact::Owed(owed));
            }
            ("expected", _) => expected = Some(body.trim_end().to_owned()),
            (path, _) => {
                files.insert(PathBuf::from(path), Arc::from(body));
            }
        }
    }
    let expected = expected.expect("a case says what is expected");
    Case { files: Files::new(files), options, facts, verbosity, expected }
}

/// Everything that is told, and each host's model.
fn told(case: Case) -> (String, BTreeMap<String, Recap>, BTreeMap<String, Fake>) {
    let mut sources = SourceMap::default();
    let (playbook, _) =
        load(Path::new("site.yml"), &case.files, &mut sources).unwrap_or_else(|found| {
            panic!("{}", found.iter().map(|f| f.render(&sources, false)).collect::<String>())
        });
    let inputs = [Input::List("a,b,".into())];
    let (inventory, _) = Inventory::read(&inputs, &[], &mut sources).unwrap();
    let extra = layer("extra vars", Trust::Template, &vec![]);
    let magic = magic(&inventory, case.options.check, case.options.diff, ".");
    let plays: Vec<PlayJob> = (playbook.plays.into_iter())
        .map(|play| PlayJob {
            hosts: inventory.select(&play.hosts.value).unwrap(),
            play,
            vars_files: vec![],
        })
        .collect();
    let shared =
        Shared::new(&plays, inventory, extra, magic, case.files.bytes(), Default::default());
    let engine = Engine::default();
    let found = validate(&plays, &shared, &engine, &mut sources);
    assert!(
        found.is_empty(),
        "{}",
        found.iter().map(|f| f.render(&sources, false)).collect::<String>()
    );
    let job = Job {
        playbook: "site.yml".into(),
        plays,
        sources,
        engine,
        roster: shared.into(),
        options: case.options,
    };
    let hosts: BTreeMap<String, Fake> =
        ["a", "b"].map(|name| (name.to_owned(), Fake::new(case.facts.clone()))).into();
    let (sender, mut receiver) = unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let way = hosts.clone();
    let dial = move |name: &str, _: &Scope| Ok(way[name].clone());
    let recap = runtime.block_on(run(Arc::new(job), dial, sender));
    let mut out = vec![];
    let mut text = Text::new(&mut out, Palette { color: false }, case.verbosity);
    while let Ok(event) = receiver.try_recv() {
        // What can be told can be stored and told again.
        let stored = serde_json::to_string(&event).unwrap();
        let again: Event = serde_json::from_str(&stored).unwrap();
        assert_eq!(again, event);
        text.event(&again).unwrap();
    }
    drop(text);
    (String::from_utf8(out).unwrap(), recap, hosts)
}

#[test]
fn runs_tell_what_their_cases_say() {
    let mut count = 0;
    for entry in std::fs::read_dir(CASES).unwrap() {
        let path = entry.unwrap().path();
        let case = read(&std::fs::read_to_string(&path).unwrap());
        let expected = case.expected.clone();
        let (said, ..) = told(case);
        assert_eq!(said.trim_end(), expected, "{}", path.display());
        count += 1;
    }
    assert!(count >= 12, "{count} cases are too few to be all");
}

fn case(name: &str) -> Case {
    read(&std::fs::read_to_string(format!("{CASES}/{name}.txt")).unwrap())
}

#[test]
fn a_run_that_changes_nothing_takes_one_channel_and_one_batch() {
    let (_, recap, hosts) = told(case("nothing_differs"));
    assert_eq!((recap["a"].channels, recap["a"].batches), (1, 1));
    assert_eq!(hosts["a"].batches(), 1);
    assert!(hosts["a"].made().is_empty());
}

#[test]
fn gathering_facts_that_nothing_uses_costs_nothing() {
    let without = case("nothing_differs");
    let text = std::fs::read_to_string(format!("{CASES}/nothing_differs.txt")).unwrap();
    let with = read(&text.replace("- hosts: all\n", "- hosts: all\n  gather_facts: true\n"));
    let batches = |case| told(case).2["a"].batches();
    assert_eq!(batches(with), batches(without));
    let mut idle = case("facts");
    idle.files = Files::new(
        [("site.yml".into(), "- hosts: all\n  tasks:\n    - debug: msg=hello\n".into())].into(),
    );
    assert_eq!(told(idle).2["a"].batches(), 0, "no task looks at a host");
}

#[test]
fn facts_that_a_play_uses_travel_with_its_first_batch() {
    let (_, recap, hosts) = told(case("facts"));
    assert_eq!(
        (recap["a"].channels, hosts["a"].batches()),
        (1, 2),
        "facts, then a file named by one"
    );
}

#[test]
fn check_mode_makes_no_change_at_all() {
    for entry in std::fs::read_dir(CASES).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        if text.contains("check_mode: false") {
            continue;
        }
        let mut case = read(&text);
        case.options.check = true;
        let (_, _, hosts) = told(case);
        assert!(hosts.values().all(|host| host.made().is_empty()));
    }
}

#[test]
fn what_is_owed_is_marked_before_the_file_changes_and_settled_behind_the_handler() {
    use cowhand::change::Change;
    let (_, _, hosts) = told(case("handlers"));
    let made = hosts["a"].made();
    let place = |is: &dyn Fn(&Change) -> bool| made.iter().position(is).unwrap();
    let owe = place(&|change| matches!(change, Change::Owe { .. }));
    let write = place(&|change| matches!(change, Change::WriteFile { .. }));
    let ran = place(&|change| matches!(change, Change::Run(_)));
    let settle = place(&|change| matches!(change, Change::Settle { .. }));
    assert!(owe < write && write < ran && ran < settle, "{made:?}");
}

#[test]
fn a_change_that_changed_when_denies_owes_nothing() {
    let (_, recap, hosts) = told(case("changed_when"));
    assert_eq!(hosts["a"].facts().get(&Probe::Owed), Ok(&Fact::Owed(vec![])));
    assert_eq!(recap["a"].owed, 0);
}

#[test]
fn a_run_cut_off_at_any_change_is_made_good_by_the_next() {
    let whole = told(case("handlers")).2["a"].clone();
    let wanted = whole.facts();
    for cut in 0..whole.made().len() {
        let first = case("handlers");
        let host = Fake::new(first.facts.clone());
        host.fail_at(cut);
        let again = |host: &Fake| {
            let mut next = case("handlers");
            next.facts = host.facts();
            told(next).2["a"].clone()
        };
        let mut broken = case("handlers");
        broken.facts = first.facts.clone();
        let cut_off = told_with(broken, &host);
        let healed = again(&cut_off);
        assert_eq!(healed.facts().content("/etc/f"), wanted.content("/etc/f"), "cut at {cut}");
        let owed = healed.facts();
        assert_eq!(owed.get(&Probe::Owed), Ok(&Fact::Owed(vec![])), "cut at {cut}");
        let ran = |host: &Fake| {
            let made = host.made();
            made.iter().filter(|c| matches!(c, cowhand::change::Change::Run(_))).count()
        };
        assert!(ran(&cut_off) + ran(&healed) >= 1, "the restart was lost: cut at {cut}");
    }
}

/// A run on one given host `a`; what is told does not matter.
fn told_with(case: Case, host: &Fake) -> Fake {
    let mut sources = SourceMap::default();
    let (playbook, _) = load(Path::new("site.yml"), &case.files, &mut sources).unwrap();
    let inputs = [Input::List("a,".into())];
    let (inventory, _) = Inventory::read(&inputs, &[], &mut sources).unwrap();
    let plays: Vec<PlayJob> = (playbook.plays.into_iter())
        .map(|play| PlayJob { hosts: vec!["a".into()], play, vars_files: vec![] })
        .collect();
    let extra = layer("extra vars", Trust::Template, &vec![]);
    let magic = magic(&inventory, false, false, ".");
    let shared = Shared::new(&plays, inventory, extra, magic, BTreeMap::new(), Default::default());
    let job = Job {
        playbook: "site.yml".into(),
        plays,
        sources,
        engine: Engine::default(),
        roster: shared.into(),
        options: case.options,
    };
    let (sender, _receiver) = unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let way = host.clone();
    runtime.block_on(run(Arc::new(job), move |_: &str, _: &Scope| Ok(way.clone()), sender));
    host.clone()
}
