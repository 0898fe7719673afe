//! The house keeps its layers: a file imports only what is to the left of it.
#![expect(clippy::disallowed_methods, reason = "this test reads the source tree")]
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Left to right. What stands together may import each other.
const LAYERS: &[&[&str]] = &[
    &["source", "secret", "shell", "vault"],
    &["facts"],
    &["change"],
    &["modules"],
    &["inventory"],
    &["playbook"],
    &["vars"],
    &["project"],
    &["event"],
    &["plan"],
    &["transport"],
    &["run"],
    &["report"],
    &["cli"],
];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = vec![];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(files.len() > 20, "the source tree was not found");
    files.sort();
    files
}

/// The layer that a file of `src/` belongs to.
fn layer(file: &Path) -> String {
    let first = file.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn rank(layer: &str) -> usize {
    let found = LAYERS.iter().position(|layers| layers.contains(&layer));
    found.unwrap_or_else(|| panic!("`{layer}` has no place in the list of layers"))
}

/// Layers named behind `crate::`, also in groups; comments and tests are not looked at.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let code: String =
        code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let names = match rest.strip_prefix('{') {
            Some(group) => top_level(group),
            None => vec![rest],
        };
        for name in names {
            let name = name.trim_start();
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            found.insert(name[..end].to_owned());
        }
    }
    found
}

/// The parts of a `{…}` group, split at its own commas.
fn top_level(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, vec![]);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

#[test]
fn imports_are_found_in_groups_and_in_paths_and_not_in_comments() {
    let text = "use crate::facts::{A, B};\n// crate::cli\nuse crate::{change::{X, Y}, vars};\n\
                fn f() { crate::run::go() }\n#[cfg(test)]\nmod tests { use crate::report; }\n";
    let found: Vec<_> = imports(text).into_iter().collect();
    assert_eq!(found, ["change", "facts", "run", "vars"]);
}

#[test]
fn files_import_only_layers_to_their_left() {
    let mut wrong = vec![];
    for (file, text) in sources() {
        let own = layer(&file);
        let is_test = file.file_stem().is_some_and(|stem| stem == "tests");
        if ["lib", "main"].contains(&own.as_str()) || is_test {
            continue;
        }
        for import in imports(&text) {
            if import != own && rank(&import) > rank(&own) {
                wrong.push(format!("{}: {own} imports {import}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(file, _)| file.display().to_string())
        .collect();
    assert!(silent.is_empty(), "no `//!` at the top of {silent:?}");
}

#[test]
fn every_file_among_the_modules_is_registered_or_used_by_one_that_is() {
    let sources = sources();
    let declares = |text: &str, name: &str| {
        text.lines().any(|line| {
            let line = line.trim();
            line == format!("{name},") || line.ends_with(&format!("mod {name};"))
        })
    };
    for (file, _) in &sources {
        let mut parts = file.iter().map(|part| part.to_str().unwrap());
        if parts.next() != Some("modules") {
            continue;
        }
        let name = file.file_stem().unwrap().to_str().unwrap();
        let dir = file.parent().unwrap();
        // `mod.rs` is declared as its folder, in the folder above.
        let (name, dir) = match name {
            "mod" if dir == Path::new("modules") => continue,
            "mod" => (dir.file_name().unwrap().to_str().unwrap(), dir.parent().unwrap()),
            name => (name, dir),
        };
        let above = [dir.join("mod.rs"), dir.with_extension("rs")];
        let is_registered =
            sources.iter().any(|(other, text)| above.contains(other) && declares(text, name));
        assert!(is_registered, "{} is not registered in {}", file.display(), above[0].display());
    }
}
