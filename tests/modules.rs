//! Modules, case by case from data files, and the laws that hold for every one of them from its own
//! examples.
#![expect(clippy::disallowed_methods, reason = "the cases are files")]
use crate::contract::journal::{begin, step, undo};
use cowhand::change::{Back, Call, Care, Change, Ran, Undo};
use cowhand::facts::{Bytes, Fact, Here, Observed, PathKind, Probe, Stat};
use cowhand::modules::{MODULES, ModuleDef, PlanError, find};
use cowhand::transport::fake::Fake;
use cowhand::transport::{Connect as _, Transport as _};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// A module, its arguments, a host, and what comes of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    args: Value,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    folders: Vec<String>,
    #[serde(default)]
    links: BTreeMap<String, String>,
    /// Files that are different afterwards; `null`: gone.
    #[serde(default)]
    then: BTreeMap<String, Option<String>>,
    /// What else is known of the host.
    #[serde(default)]
    knows: Vec<(Value, Value)>,
    /// Commands whose effect is known, as they are run.
    #[serde(default)]
    runs: Vec<String>,
    /// What takes them back.
    #[serde(default)]
    back: Vec<String>,
    /// Files that are where cowhand runs afterwards.
    #[serde(default)]
    here: BTreeMap<String, String>,
    /// Permission bits afterwards, in octal.
    #[serde(default)]
    modes: BTreeMap<String, String>,
    /// Keys of the result.
    #[serde(default)]
    result: Map<String, Value>,
    /// What the failure says, if it fails.
    fails: Option<String>,
}

fn stat(kind: PathKind, mode: u32) -> Stat {
    Stat {
        kind,
        mode,
        uid: 0,
        gid: 0,
        owner: "root".into(),
        group: "root".into(),
        size: 0,
        mtime: 0,
        sha256: None,
        target: None,
    }
}

fn put(seen: &mut Observed, path: &str, stat: &Stat) {
    for follow in [false, true] {
        let probe = Probe::Path { path: path.to_owned(), follow };
        seen.set(probe, Fact::Path(Some(stat.clone())));
    }
}

fn host(case: &Case) -> Fake {
    let mut seen = Observed::default();
    for folder in case.folders.iter().map(String::as_str).chain(["/", "/etc"]) {
        put(&mut seen, folder, &stat(PathKind::Directory, 0o755));
    }
    for (path, content) in &case.files {
        let bytes = Bytes::from(content.as_str());
        let sha256 = Some(bytes.sha256());
        let size = content.len() as u64;
        put(&mut seen, path, &Stat { sha256, size, ..stat(PathKind::File, 0o644) });
        seen.set(Probe::Content { path: path.clone() }, Fact::Content(Some(bytes)));
    }
    for (path, target) in &case.links {
        let target = Some(target.clone());
        let link = Stat { target, ..stat(PathKind::Link, 0o777) };
        let probe = Probe::Path { path: path.clone(), follow: false };
        seen.set(probe, Fact::Path(Some(link)));
    }
    for (probe, fact) in &case.knows {
        let probe: Probe = serde_json::from_value(probe.clone()).unwrap();
        seen.set(probe, serde_json::from_value(fact.clone()).unwrap());
    }
    Fake::new(seen)
}

/// Plans as the runner does: asks what the plan turns out to need.
async fn plan(
    module: &ModuleDef,
    args: &Value,
    host: &Fake,
    seen: &mut Observed,
) -> Result<Vec<Change>, PlanError> {
    let shell = host.shell(None).await.unwrap();
    let mut wanted = (module.observe)(args)?;
    for _ in 0..32 {
        for (probe, fact) in wanted.iter().zip(shell.observe(&wanted).await.unwrap()) {
            seen.set(probe.clone(), fact);
        }
        match (module.plan)(args, seen) {
            Err(PlanError::Unasked(unasked)) => wanted = vec![unasked.0],
            planned => return planned,
        }
    }
    panic!("{} asks for ever more facts", module.name)
}

async fn content(host: &Fake, path: &str) -> Option<String> {
    let shell = host.shell(None).await.unwrap();
    let probe = Probe::Content { path: path.to_owned() };
    match &shell.observe(&[probe]).await.unwrap()[0] {
        Fact::Content(bytes) => bytes.as_ref().map(|bytes| bytes.text().into_owned()),
        other => panic!("{other:?}"),
    }
}

async fn run(module: &ModuleDef, case: &Case) {
    let what = format!("{}: {}", module.name, case.name);
    let host = host(case);
    let mut seen = Observed::default();
    (module.accepts)(&case.args).unwrap_or_else(|error| {
        assert_eq!(case.fails.as_ref(), Some(&error.to_string()), "{what}");
    });
    let planned = plan(module, &case.args, &host, &mut seen).await;
    let changes = match (planned, &case.fails) {
        (Ok(changes), None) => changes,
        (Err(error), Some(expected)) => return assert_eq!(&error.to_string(), expected, "{what}"),
        (Ok(changes), Some(expected)) => panic!("{what}: no {expected:?} but {changes:?}"),
        (Err(error), None) => panic!("{what}: {error}"),
    };
    let shell = host.shell(None).await.unwrap();
    let ran: Vec<Ran> = shell.apply(&changes).await.unwrap();
    let result = (module.result)(&case.args, &seen, &changes, &ran).unwrap();
    let whole = Value::Object(result);
    for (key, value) in &case.result {
        // `stat.mode` is a key of a key; `null` stands for none.
        let found = key.split('.').try_fold(&whole, |inside, key| inside.get(key));
        assert_eq!(found.unwrap_or(&Value::Null), value, "{what}: {key} of {whole:?}");
    }
    deeds(case, &changes, &what);
    let idle = case.then.is_empty()
        && case.modes.is_empty()
        && case.here.is_empty()
        && case.runs.is_empty();
    assert_eq!(changes.is_empty(), idle, "{what}");
    for (path, old) in &case.files {
        let expected = case.then.get(path).cloned().unwrap_or_else(|| Some(old.clone()));
        assert_eq!(content(&host, path).await, expected, "{what}: {path}");
    }
    for (path, expected) in &case.then {
        if let Some(expected) = expected {
            assert_eq!(content(&host, path).await.as_ref(), Some(expected), "{what}: {path}");
        }
    }
    let facts = host.facts();
    for (path, content) in &case.here {
        let kept = Fact::Here(Some(Here::file(&content.as_str().into())));
        assert_eq!(facts.get(&Probe::Here { path: path.clone() }), Ok(&kept), "{what}: {path}");
    }
    for (path, mode) in &case.modes {
        let stat = facts.stat(path, false).unwrap().unwrap();
        assert_eq!(format!("{:04o}", stat.mode), *mode, "{what}: {path}");
    }
    let again = plan(module, &case.args, &host, &mut Observed::default()).await.unwrap();
    assert!(again.is_empty(), "{what}: not the same a second time: {again:?}");
}

/// The commands of a case, and what takes them back.
fn deeds(case: &Case, changes: &[Change], what: &str) {
    let mut runs = vec![];
    let mut back = vec![];
    for change in changes {
        let Change::Deed(deed) = change else { continue };
        runs.push(match &deed.call {
            Call::Program(argv) | Call::Telling { argv, .. } => argv.join(" "),
            _ => change.words().join(" "),
        });
        back.extend(match &deed.back {
            Back::Programs(programs) => programs.iter().map(|argv| argv.join(" ")).collect(),
            other => vec![format!("{other:?}")],
        });
    }
    assert_eq!(runs, case.runs, "{what}");
    if !case.back.is_empty() {
        assert_eq!(back, case.back, "{what}");
    }
}

#[tokio::test]
async fn modules_do_what_their_cases_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/modules");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap();
        let module = find(module).unwrap_or_else(|| panic!("no module is called {module}"));
        let text = std::fs::read_to_string(&path).unwrap();
        let cases: Vec<Case> =
            serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for case in &cases {
            run(module, case).await;
            count += 1;
        }
    }
    assert!(count >= 60, "{count} cases are too few to be all");
}

/// A module's examples, and a host on which each can be carried out.
fn examples() -> Vec<(&'static ModuleDef, Value)> {
    (MODULES.iter())
        .flat_map(|module| module.examples.iter().map(move |text| (module, *text)))
        .map(|(module, text)| {
            let mut args: Value = serde_yaml::from_str(text)
                .unwrap_or_else(|error| panic!("{}: {error}\n{text}", module.name));
            emulate_binding(module, &mut args);
            (module, args)
        })
        .collect()
}

/// Conditions and expressions, as the binder would have decided them.
fn emulate_binding(module: &ModuleDef, args: &mut Value) {
    use cowhand::modules::Bind;
    for option in module.options {
        let Some(value) = args.get_mut(option.name) else { continue };
        if option.bind == Bind::Condition {
            *value = serde_json::json!([{"expression": value.to_string(), "holds": true}]);
        }
    }
}

#[test]
fn the_examples_of_every_module_are_accepted_and_every_parameter_is_documented() {
    for (module, args) in examples() {
        (module.accepts)(&args).unwrap_or_else(|error| panic!("{}: {error}", module.name));
    }
    for module in MODULES {
        assert!(!module.examples.is_empty(), "{} has no example", module.name);
        let documented: Vec<_> = module.options.iter().map(|option| option.name).collect();
        if module.any_key {
            continue;
        }
        assert_eq!(documented, (module.keys)(), "{}", module.name);
    }
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    for (module, mut args) in examples() {
        if module.any_key {
            continue;
        }
        args["no_such_key"] = 1.into();
        let error = (module.accepts)(&args).unwrap_err().to_string();
        assert!(error.contains("no_such_key"), "{}: {error}", module.name);
    }
}

#[tokio::test]
async fn plans_converge_and_can_be_taken_back() {
    let mut planned = 0;
    for (module, args) in examples() {
        let nginx = "/opt/mailcow-dockerized/data/conf/nginx";
        let files = [
            "/etc/hosts",
            "/etc/hostname",
            "/etc/mailname",
            &format!("{nginx}/includes/site-defaults.conf"),
            &format!("{nginx}/templates/sites-default.conf.j2"),
        ];
        let text =
            |path: &str| if path.contains("nginx") { "gzip on;\n" } else { "127.0.0.1 old\n" };
        let case = Case {
            name: String::new(),
            args: args.clone(),
            files: files.map(|path| (path.to_owned(), text(path).to_owned())).into(),
            folders: vec!["/run".into(), "/opt".into()],
            links: BTreeMap::new(),
            then: BTreeMap::new(),
            modes: BTreeMap::new(),
            here: BTreeMap::new(),
            knows: vec![],
            runs: vec![],
            back: vec![],
            result: Map::new(),
            fails: None,
        };
        let host = host(&case);
        let mut seen = Observed::default();
        let Ok(changes) = plan(module, &args, &host, &mut seen).await else { continue };
        planned += 1;
        let settled = |change: &Change| {
            let back = matches!(change.undo(), Undo::BeforeImage | Undo::Command | Undo::Nothing);
            back && !matches!(
                change,
                Change::Run(_)
                    | Change::Wait(_)
                    | Change::Compose(_)
                    | Change::Touch { .. }
                    | Change::Request(_)
                    | Change::Download(_)
                    | Change::MakeTemp { .. }
                    | Change::Here(_)
            )
        };
        if !changes.iter().all(settled) {
            continue;
        }
        let mut now = seen.clone();
        changes.iter().for_each(|change| change.predict(&mut now));
        let again = (module.plan)(&args, &now);
        assert!(matches!(&again, Ok(c) if c.is_empty()), "{} {args}: {again:?}", module.name);
        let shell = host.shell(None).await.unwrap();
        shell.apply(&changes).await.unwrap();
        let once = host.facts();
        shell
            .apply(&plan(module, &args, &host, &mut Observed::default()).await.unwrap())
            .await
            .unwrap();
        assert_eq!(once, host.facts(), "{} {args} is not the same twice", module.name);
        let host = self::host(&case);
        let shell = host.shell(None).await.unwrap();
        let before = host.facts();
        shell.apply(&[begin("law")]).await.unwrap();
        for (number, change) in (1..).zip(&changes) {
            shell.apply(&[step("law", number, change.clone())]).await.unwrap();
        }
        shell.apply(&[undo("law", "law", 1, Care::Careful)]).await.unwrap();
        assert_eq!(before, host.facts(), "{} {args} can't be taken back", module.name);
    }
    assert!(planned >= 15, "only {planned} examples could be planned");
}
