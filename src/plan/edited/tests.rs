//! What others made of a file, seen by tasks that care for a part of it or for all.
use super::*;
use crate::modules::find;
use serde_json::{Value, json};

const PATH: &str = "/opt/m/data/conf/postfix/extra.cf";

fn call(module: &str, params: Value) -> Invocation {
    Invocation { module: find(module).unwrap(), params }
}

fn block(text: &str) -> Invocation {
    call("blockinfile", json!({"path": PATH, "block": text}))
}

fn written() -> Written {
    Written { run: "9c7fac".into(), at: 7, sha256: "a".repeat(64), path: PATH.into() }
}

fn compare(call: &Invocation, then: &str, now: &str) -> Option<(Damage, Vec<String>, Vec<String>)> {
    let found = Found::File(now.into());
    let edit = edited(call, &Observed::default(), &written(), Some(&then.into()), &found)?;
    assert_eq!((edit.path.as_str(), edit.run.as_str(), edit.at), (PATH, "9c7fac", 7));
    Some((edit.damage, edit.ours, edit.theirs))
}

fn texts(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

const THEN: &str =
    "x = 1\n# BEGIN ANSIBLE MANAGED BLOCK\na = 1\nb = 2\n# END ANSIBLE MANAGED BLOCK\n";

#[test]
fn of_a_block_only_the_block_counts() {
    let wanted = block("a = 1\nb = 2");
    // Lines of others around it, and a last line feed that Mailcow strips.
    let around = format!("myhostname = h\n{}", THEN.replace("x = 1", "x = 2").trim_end());
    assert_eq!(compare(&wanted, THEN, &around), None);
    let changed = around.replace("b = 2", "b = 3");
    let (ours, theirs) = (texts(&["b = 2"]), texts(&["b = 3"]));
    assert_eq!(compare(&wanted, THEN, &changed), Some((Damage::Changed, ours, theirs)));
}

#[test]
fn what_we_want_otherwise_now_is_nobodys_edit() {
    let wanted = block("a = 1\nb = 9");
    let around = format!("myhostname = h\n{THEN}");
    assert_eq!(compare(&wanted, THEN, &around), None);
    // Unless somebody has changed it as well: ours then, theirs now, and what is wanted are three.
    let changed = around.replace("b = 2", "b = 3");
    let (damage, ours, theirs) = compare(&wanted, THEN, &changed).unwrap();
    assert_eq!((damage, ours, theirs), (Damage::Changed, vec![], texts(&["b = 3"])));
}

#[test]
fn lines_that_are_gone_are_told_from_lines_that_were_changed() {
    let wanted = block("a = 1\nb = 2");
    let without = THEN.replace("b = 2\n", "");
    let lost = |lines: &[&str]| Some((Damage::LinesLost, texts(lines), vec![]));
    assert_eq!(compare(&wanted, THEN, &without), lost(&["b = 2"]));
    let all =
        texts(&["# BEGIN ANSIBLE MANAGED BLOCK", "a = 1", "b = 2", "# END ANSIBLE MANAGED BLOCK"]);
    assert_eq!(compare(&wanted, THEN, "x = 1\n"), Some((Damage::LinesLost, all, vec![])));
}

#[test]
fn a_setting_of_a_file_that_is_not_ours_counts_alone() {
    let then = "server {\n  add_header A \"1\";\n  gzip off;\n}\n";
    let params = json!({"path": PATH, "directives": ["add_header A \"1\"", "gzip off"]});
    let wanted = call("nginx_config", params);
    assert_eq!(compare(&wanted, then, &then.replace('{', "{\n  listen 443;")), None);
    let lost = compare(&wanted, then, &then.replace("  add_header A \"1\";\n", "")).unwrap();
    assert_eq!((lost.0, lost.2), (Damage::LinesLost, vec![]));
    let stock = compare(&wanted, then, &then.replace("gzip off", "gzip on")).unwrap();
    assert_eq!((stock.0, stock.2), (Damage::Changed, texts(&["  gzip on;"])));
}

#[test]
fn a_whole_file_was_changed_or_is_gone_whatever_is_wanted_now() {
    let wanted = call("copy", json!({"dest": PATH, "content": "ours\n"}));
    let became = |found| edited(&wanted, &Observed::default(), &written(), None, &found);
    assert_eq!(became(Found::Other).unwrap().damage, Damage::Changed);
    assert_eq!(became(Found::Nothing).unwrap().damage, Damage::FileLost);
}

#[test]
fn what_our_run_left_in_a_large_file_is_not_guessed() {
    let wanted = block("a = 1");
    let found = Found::File("x".into());
    assert_eq!(edited(&wanted, &Observed::default(), &written(), None, &found), None);
}
