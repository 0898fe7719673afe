//! Expressions with what ansible-core 2.19 makes of them, as it said itself. `error` stands for any error.
#![expect(clippy::disallowed_methods, reason = "the cases are files")]
use cowhand::project::ThisMachine;
use cowhand::vars::{Engine, Scope};
use cowhand::vault::Vault;
use serde_json::Value;
use std::sync::Arc;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/expressions");

/// `\n` and the like stand in the files as in a quoted text.
fn unescaped(text: &str) -> String {
    text.replace("\\\\", "\0").replace("\\n", "\n").replace('\0', "\\")
}

#[test]
fn expressions_come_to_what_ansible_makes_of_them() {
    let engine = Engine::on(Arc::new(ThisMachine::new(false)), Vault::default());
    let (mut seen, mut wrong) = (0, vec![]);
    for entry in std::fs::read_dir(CASES).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("# ")) {
            let (expression, expected) = line.rsplit_once(" => ").unwrap();
            let found = engine.evaluate(&unescaped(expression), &Scope::default());
            let holds = match expected {
                "error" => found.is_err(),
                expected => found.as_ref() == Ok(&serde_json::from_str::<Value>(expected).unwrap()),
            };
            seen += 1;
            if !holds {
                wrong.push(format!("{expression} => {expected}, not {found:?}"));
            }
        }
    }
    assert!(seen > 150, "only {seen} expressions were found");
    assert!(wrong.is_empty(), "{} of {seen} differ:\n{}", wrong.len(), wrong.join("\n"));
}
