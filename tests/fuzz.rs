//! What reads texts that anybody may have written, in the hands of `cargo xtask fuzz`: none of it may panic,
//! overflow or hang. What it once found is kept in `cases/fuzz/`, each file named for its reader.
#![expect(clippy::disallowed_methods, reason = "cases are files; inputs come on a pipe")]
use crate::playbook::sections;
use cowhand::inventory::{Input, Inventory};
use cowhand::playbook::load;
use cowhand::source::{Diagnostic, SourceMap, parse};
use cowhand::vars::{Engine, FileOptions, Layer, Scope, Trust};
use cowhand::vault::Vault;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

/// A name, and what reads.
type Reader = (&'static str, fn(&str));

/// The readers, in the order in which `xtask` counts them.
const READERS: [Reader; 6] = [
    ("yaml", yaml),
    ("playbook", playbook),
    ("template", template),
    ("condition", condition),
    ("inventory", inventory),
    ("pattern", pattern),
];

/// Findings are rendered too: an excerpt must bear any text.
fn tell(found: &[Diagnostic], sources: &SourceMap) {
    for finding in found.iter().take(20) {
        finding.render(sources, false);
    }
}

fn yaml(text: &str) {
    let (mut sources, mut warnings) = (SourceMap::default(), vec![]);
    let file = sources.add("input.yml", text);
    match parse(&sources, file, &mut warnings) {
        Ok(nodes) => nodes.iter().for_each(|node| drop(node.to_value())),
        Err(found) => tell(&[found], &sources),
    }
    tell(&warnings, &sources);
}

/// A project: files, each headed by `=== path`, or `site.yml` alone.
fn playbook(text: &str) {
    let text =
        if text.starts_with("=== ") { text.to_owned() } else { format!("=== site.yml\n{text}") };
    let mut sources = SourceMap::default();
    match load(Path::new("site.yml"), &sections(&text), &mut sources) {
        Ok((playbook, warnings)) => {
            tell(&warnings, &sources);
            playbook.plays.iter().for_each(|play| drop((play.all_tasks(), play.all_handlers())));
        }
        Err(found) => tell(&found, &sources),
    }
}

/// A few variables of every kind, one of which refers to the others.
fn scope() -> Scope {
    let values = json!({
        "a": 1, "b": "text", "c": [3, 1, 2], "d": {"x": "{{ b }}", "y": [1, {"z": null}]},
        "items": "{{ c | map('string') | list }}", "yes": true, "again": "{{ again }}",
    });
    let Value::Object(values) = values else { unreachable!("it is a mapping") };
    let (trust, places) = (Trust::Template, BTreeMap::new());
    Scope::default().with(Layer { origin: "variables".into(), trust, values, places })
}

fn engine() -> Engine {
    Engine::new(BTreeMap::new(), Box::new(|_| None), Vault::default())
}

fn template(text: &str) {
    let (engine, value) = (engine(), Value::from(text));
    let _ = engine.check(&value);
    engine.names(&value);
    let _ = engine.render(&value, &scope());
    let _ = engine.check_file(text, &FileOptions::default());
    let _ = engine.render_file(text, &scope());
}

fn condition(text: &str) {
    let (engine, value) = (engine(), Value::from(text));
    let _ = engine.check_condition(&value);
    engine.names_of_expression(text);
    let _ = engine.holds(&value, &scope());
}

fn inventory(text: &str) {
    let named = |name: &str| (Path::new(name).into(), Arc::from(text));
    let ((ini, text), (yaml, same), (script, printed)) =
        (named("hosts.ini"), named("hosts.yml"), named("hosts.sh"));
    let inputs = [Input::File(ini, text), Input::File(yaml, same), Input::Script(script, printed)];
    for input in inputs {
        let mut sources = SourceMap::default();
        match Inventory::read(&[input], &[], &mut sources) {
            Ok((inventory, warnings)) => {
                tell(&warnings, &sources);
                let _ = inventory.select("all:!web[0]");
                for host in inventory.hosts.iter().take(50) {
                    inventory.layers(&host.name);
                }
            }
            Err(found) => tell(&found, &sources),
        }
    }
}

fn pattern(text: &str) {
    let hosts = "[web]\na\nb[0:20]\n[db]\nc\n[all:children]\nweb\ndb\n";
    let input = Input::File(Path::new("hosts").into(), hosts.into());
    let read = Inventory::read(&[input], &[], &mut SourceMap::default());
    let _ = read.unwrap().0.select(text);
}

#[test]
fn what_once_felled_a_reader_is_read() {
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/fuzz");
    let mut seen = 0;
    for entry in std::fs::read_dir(cases).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let named = |(reader, _): &&Reader| name.starts_with(&format!("{reader}-"));
        let (_, read) = READERS.iter().find(named).unwrap_or_else(|| panic!("who reads {name}?"));
        read(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        seen += 1;
    }
    assert!(seen > 0, "there are no cases");
}

/// The child of `cargo xtask fuzz`: reads inputs (target, length, bytes) until there are no more, and
/// answers each that it has survived with a line.
#[test]
#[ignore = "reads what `cargo xtask fuzz` hands to it"]
fn inputs_from_xtask_are_read() {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut head = [0; 8];
    while input.read_exact(&mut head).is_ok() {
        let [target, length] = [&head[..4], &head[4..]]
            .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()) as usize);
        let mut text = vec![0; length];
        input.read_exact(&mut text).unwrap();
        READERS[target].1(&String::from_utf8_lossy(&text));
        // After the word that the test harness has begun its line with.
        output.write_all(b"\nfuzz: read\n").and_then(|()| output.flush()).unwrap();
    }
}
