//! Broken projects, one a file of `cases/broken/`: everything that `cowhand lint` says of each, in one go,
//! without a server. Every file of a project is headed by `=== path`; the last, `expected`, is what is said.
#![expect(
    clippy::disallowed_methods,
    reason = "cases are files, and the program is what is tested"
)]
use std::path::Path;
use std::process::{Command, Stdio};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/broken");

/// What `cowhand lint site.yml` says of a project, with `hosts` or `hosts.yml` as its inventory.
fn said(files: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut lint = Command::new(env!("CARGO_BIN_EXE_cowhand"));
    lint.args(["lint", "site.yml"]).current_dir(folder.path()).stdin(Stdio::null());
    for (path, text) in files {
        let path = Path::new(path);
        std::fs::create_dir_all(folder.path().join(path).parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(path), text).unwrap();
        if path.file_stem().is_some_and(|stem| stem == "hosts") {
            lint.arg("-i").arg(path);
        }
    }
    let ended = lint.output().unwrap();
    let text = [ended.stderr, ended.stdout].concat();
    (ended.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn every_broken_project_is_told_in_full_without_a_server() {
    let (mut seen, mut wrong) = (0, vec![]);
    for entry in std::fs::read_dir(CASES).unwrap() {
        let path = entry.unwrap().path();
        let case = std::fs::read_to_string(&path).unwrap();
        let mut files: Vec<_> =
            case.split("=== ").skip(1).map(|part| part.split_once('\n').unwrap()).collect();
        let Some(("expected", expected)) = files.pop() else {
            panic!("{} does not say what is expected", path.display())
        };
        let (code, said) = said(&files);
        seen += 1;
        let whole = said.contains("error") && said.ends_with("nothing was contacted\n");
        if code != Some(5) || said != expected || !whole {
            wrong.push(format!("--- {}: {code:?}\n{said}", path.file_name().unwrap().display()));
        }
    }
    assert!(seen >= 75, "only {seen} projects were found");
    assert!(wrong.is_empty(), "these say something else:\n{}", wrong.join("\n"));
}
