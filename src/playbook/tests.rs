//! The table of keywords against those who read them, on projects in memory.
use super::keywords::{KEYWORDS, Place};
use super::*;
use std::collections::BTreeMap;

/// A project: path → text.
#[derive(Default)]
pub(super) struct Files {
    files: BTreeMap<PathBuf, Arc<str>>,
    roles: Vec<PathBuf>,
}

impl Library for Files {
    fn text(&self, path: &Path) -> Result<Option<Arc<str>>, Diagnostic> {
        Ok(self.files.get(path).cloned())
    }
    fn role_paths(&self) -> &[PathBuf] {
        &self.roles
    }
    fn files_below(&self, folder: &Path) -> Vec<PathBuf> {
        let below = |path: &&PathBuf| path.starts_with(folder) && *path != folder;
        self.files.keys().filter(below).cloned().collect()
    }
}

/// A playbook with one more line at a place; the line's keyword may be there already.
fn with_line(place: Place, line: &str) -> String {
    let (before, indent) = match place {
        Place::Play if line.starts_with("hosts") => ("- name: x\n", 2),
        Place::Play => ("- hosts: all\n", 2),
        Place::Role => ("- hosts: all\n  roles:\n    - role: r\n", 6),
        Place::Block if line.starts_with("block") => {
            ("- hosts: all\n  tasks:\n    - always: []\n", 6)
        }
        Place::Block => ("- hosts: all\n  tasks:\n    - block: []\n", 6),
        Place::Task => ("- hosts: all\n  tasks:\n    - fail:\n", 6),
        Place::Handler => ("- hosts: all\n  handlers:\n    - fail:\n", 6),
        Place::Import => ("- hosts: all\n  tasks:\n    - import_tasks: t.yml\n", 6),
        Place::Include => ("- hosts: all\n  tasks:\n    - include_tasks: t.yml\n", 6),
        Place::Meta => ("- hosts: all\n  tasks:\n    - meta: noop\n", 6),
        Place::Playbook => ("- import_playbook: other.yml\n", 2),
    };
    format!("{before}{}{line}\n", " ".repeat(indent))
}

const fn sample(shape: Shape) -> &'static str {
    match shape {
        Shape::Flag => "true",
        Shape::Number => "1",
        Shape::Text | Shape::Any => "x",
        Shape::Texts | Shape::List => "[x]",
        Shape::Conditions => "[x, true]",
        Shape::Mapping | Shape::Mappings | Shape::Variables => "{}",
        Shape::Items => "[]",
    }
}

/// What reading one more line says; a keyword that is let in and not taken panics.
fn said(place: Place, line: &str) -> String {
    let site = with_line(place, line);
    let texts = [
        ("site.yml", site.as_str()),
        ("other.yml", "- hosts: all\n"),
        ("t.yml", ""),
        ("roles/r/tasks/main.yml", ""),
    ];
    let files = texts.map(|(path, text)| (PathBuf::from(path), Arc::from(text)));
    let files = Files { files: files.into(), roles: vec!["roles".into()] };
    let (Ok((_, found)) | Err(found)) =
        load(Path::new("site.yml"), &files, &mut SourceMap::default());
    found.into_iter().map(|finding| finding.message).collect::<Vec<_>>().join("; ")
}

const PLACES: [Place; 9] = [
    Place::Play,
    Place::Role,
    Place::Block,
    Place::Task,
    Place::Handler,
    Place::Import,
    Place::Include,
    Place::Meta,
    Place::Playbook,
];

#[test]
fn every_keyword_is_taken_exactly_where_the_table_lets_it_stand() {
    for keyword in KEYWORDS {
        let value = if keyword.name == "become_method" { "su" } else { sample(keyword.shape) };
        let line = format!("{}: {value}", keyword.name);
        for place in PLACES {
            // These make a block of whatever they stand in, and a role of an entry.
            let defines = ["block", "rescue", "always"].contains(&keyword.name)
                || (place == Place::Role && keyword.name == "name");
            if defines && !keyword.places.contains(&place) {
                continue;
            }
            // `user` is a module in tasks, and was a keyword of plays.
            let is_module = crate::modules::find(keyword.name).is_some();
            if is_module && !matches!(place, Place::Play | Place::Playbook) {
                continue;
            }
            let said = said(place, &line);
            let is_refused =
                said.contains("is not a keyword of") || said.contains("is not supported");
            let has_special =
                ["action", "connection", "local_action", "strategy"].contains(&keyword.name);
            // An include listens where it is a handler; this one is a task.
            let listens = keyword.name == "listen" && place == Place::Include;
            if keyword.places.contains(&place) && !has_special && !listens {
                assert!(!is_refused, "{place:?}: {line}: {said}");
            } else if !has_special {
                assert!(is_refused, "{place:?}: {line}: {said}");
            }
        }
    }
}

#[test]
fn every_shape_refuses_what_it_does_not_take() {
    for keyword in KEYWORDS {
        let wrong = match keyword.shape {
            Shape::Flag | Shape::Number => "maybe",
            Shape::Text | Shape::Texts | Shape::Conditions => "{a: b}",
            Shape::Mapping | Shape::Mappings | Shape::Variables => "[5]",
            Shape::Items => "{}",
            Shape::List => "",
            Shape::Any => continue,
        };
        for place in keyword.places {
            let said = said(*place, &format!("{}: {wrong}", keyword.name));
            let wanted = format!("`{}` must be {}", keyword.name, keyword.shape.text());
            assert!(said.contains(&wanted), "{place:?}: {}: {said}", keyword.name);
        }
    }
}

#[test]
fn files_that_double_each_other_are_refused_in_no_time() {
    for role in [false, true] {
        let mut files = BTreeMap::new();
        for n in 0..60 {
            let (next, path) = (n + 1, |n: usize| format!("roles/r{n}/meta/main.yml"));
            let (path, text) = if role {
                let text =
                    format!("dependencies: [{{role: r{next}, x: 1}}, {{role: r{next}, x: 2}}]");
                (path(n), text)
            } else {
                let text = format!("- import_tasks: t{next}.yml\n- include_tasks: t{next}.yml\n");
                (format!("t{n}.yml"), text)
            };
            files.insert(PathBuf::from(path), Arc::from(text));
        }
        let site = if role {
            "- hosts: all\n  roles: [r0]"
        } else {
            "- hosts: all\n  tasks: [{import_tasks: t0.yml}]"
        };
        files.insert("site.yml".into(), site.into());
        let last =
            if role { ("roles/r60/tasks/main.yml", "- fail:") } else { ("t60.yml", "- fail:") };
        files.insert(last.0.into(), last.1.into());
        let files = Files { files, roles: vec!["roles".into()] };
        let found = load(Path::new("site.yml"), &files, &mut SourceMap::default()).unwrap_err();
        assert!(found[0].message.contains("more than 50000 tasks"), "{found:?}");
    }
}
