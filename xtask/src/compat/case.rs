//! Cases: one text file each, whose sections are the files of a project and what is to be done with it.
//! It must never run anything.

use crate::Outcome;
use crate::compat::read;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Where hosts come from unless a case has an `inventory` of its own.
const INVENTORY: &str = "\
[all:vars]
ansible_connection=local
[web]
a
b
[db]
c
";

/// A case.
#[derive(Debug, PartialEq)]
pub(super) struct Case {
    /// Its path below the cases' folder, without ending.
    pub(super) name: String,
    /// As it stands in the file: what the answer depends on.
    pub(super) text: String,
    /// The arguments of each run, in order.
    pub(super) runs: Vec<Vec<String>>,
    /// Differences that are known.
    pub(super) known: Option<Known>,
    files: Vec<File>,
}

/// Differences that are known.
#[derive(Debug, PartialEq)]
pub(super) struct Known {
    /// Whether they are meant; else cowhand lacks something yet.
    pub(super) meant: bool,
    /// Why cowhand does otherwise, or what it lacks.
    pub(super) reason: String,
    /// The differences; a line that ends in `…` holds for every line that begins so.
    pub(super) lines: Vec<String>,
}

#[derive(Debug, PartialEq)]
struct File {
    path: String,
    mode: u32,
    text: String,
}

impl Case {
    /// The sections of a text.
    pub(super) fn parse(name: &str, text: &str) -> Outcome<Self> {
        let mut case = Self {
            name: name.to_owned(),
            text: text.to_owned(),
            runs: vec![],
            known: None,
            files: vec![],
        };
        for part in format!("\n{text}").split("\n=== ").skip(1) {
            let (head, body) = part.split_once('\n').unwrap_or((part, ""));
            case.section(head.trim(), body.trim_end_matches('\n'))?;
        }
        if case.runs.is_empty() {
            case.runs.push(vec![]);
        }
        if !case.files.iter().any(|file| file.path == "project/site.yml") {
            return Err(format!("{name}: there is no section `=== site.yml`"));
        }
        if case.inventory().is_none() {
            let (path, text) = ("project/inventory".to_owned(), INVENTORY.to_owned());
            case.files.push(File { path, mode: 0o644, text });
        }
        Ok(case)
    }

    fn section(&mut self, head: &str, body: &str) -> Outcome {
        let (word, rest) = head.split_once(' ').unwrap_or((head, ""));
        match word {
            "@run" => self.runs.push(rest.split_whitespace().map(str::to_owned).collect()),
            "@deliberate" | "@missing" if rest.is_empty() => {
                return Err(format!("{}: `=== {word}` says no reason", self.name));
            }
            "@deliberate" | "@missing" => {
                let meant = word == "@deliberate";
                let lines = body.lines().filter(|line| !line.trim().is_empty());
                let lines = lines.map(str::to_owned).collect();
                self.known = Some(Known { meant, reason: rest.to_owned(), lines });
            }
            _ if word.starts_with('@') => {
                return Err(format!("{}: there is no `{word}`", self.name));
            }
            path => {
                let below = path.starts_with("out/");
                let path = if below { path.to_owned() } else { format!("project/{path}") };
                let mode = if rest.is_empty() { Ok(0o644) } else { u32::from_str_radix(rest, 8) };
                let mode = mode.map_err(|_| format!("{}: `{rest}` is no mode", self.name))?;
                let text = if body.is_empty() { String::new() } else { format!("{body}\n") };
                self.files.push(File { path, mode, text });
            }
        }
        Ok(())
    }

    /// The file or folder that `-i` names: the first whose name says so.
    pub(super) fn inventory(&self) -> Option<&str> {
        self.files.iter().find_map(|file| {
            let first = file.path.strip_prefix("project/")?.split('/').next()?;
            (first.starts_with("inventory") || first.starts_with("hosts")).then_some(first)
        })
    }

    /// Writes the project and what is there before.
    pub(super) fn write(&self, root: &Path) -> io::Result<()> {
        for file in &self.files {
            let path = root.join(&file.path);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(&path, &file.text)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(file.mode))?;
        }
        Ok(())
    }

    /// Whether these differences, and no others, are known. What cowhand lacks may have come.
    pub(super) fn expects(&self, found: &[String]) -> bool {
        let Some(known) = &self.known else { return found.is_empty() };
        if found.is_empty() && !known.meant {
            return true;
        }
        found.len() == known.lines.len()
            && found.iter().zip(&known.lines).all(|(found, line)| match line.strip_suffix('…') {
                Some(begin) => found.starts_with(begin),
                None => found == line,
            })
    }
}

/// Every case below a folder whose name holds one of the filters, in order of their names.
pub(super) fn all(folder: &Path, filters: &[&str]) -> Outcome<Vec<Case>> {
    let mut cases = vec![];
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let told = |error: io::Error| format!("{}: {error}", path.display());
        for entry in std::fs::read_dir(&path).map_err(told)? {
            let path = entry.map_err(told)?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|ending| ending == "txt") {
                let name = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
                let name = name.display().to_string();
                if filters.is_empty() || filters.iter().any(|filter| name.contains(filter)) {
                    cases.push(Case::parse(&name, &read(&path)?)?);
                }
            }
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_files_runs_and_what_is_meant() {
        let text = "About.\n\n=== @run --check\n=== @run\n=== @deliberate it is safer\nexit: a…\n\n=== site.yml\n- x\n\n=== out/f 600\nhi\n";
        let case = Case::parse("a/b", text).unwrap();
        assert_eq!(case.runs, [vec!["--check".to_owned()], vec![]]);
        assert_eq!(case.inventory(), Some("inventory"));
        assert_eq!(case.files[0].text, "- x\n");
        assert_eq!((case.files[1].path.as_str(), case.files[1].mode), ("out/f", 0o600));
        assert!(case.expects(&["exit: a b".to_owned()]));
        assert!(!case.expects(&[]));
        assert!(!case.expects(&["exit: a".to_owned(), "more".to_owned()]));
    }

    #[test]
    fn a_case_without_a_playbook_or_a_reason_is_refused() {
        assert!(Case::parse("x", "=== other.yml\n").is_err());
        assert!(Case::parse("x", "=== site.yml\n=== @deliberate\nexit\n").is_err());
        assert!(Case::parse("x", "=== site.yml\n=== @unknown\n").is_err());
    }

    #[test]
    fn what_is_missing_may_come_but_nothing_else_may_differ() {
        let case = "=== @missing no such module\nexit: a…\n=== site.yml\n";
        let case = Case::parse("x", case).unwrap();
        assert!(case.expects(&[]));
        assert!(case.expects(&["exit: a b".to_owned()]));
        assert!(!case.expects(&["exit: b".to_owned()]));
    }

    #[test]
    fn a_case_without_a_deliberate_difference_expects_none() {
        let case = Case::parse("x", "=== site.yml\n=== hosts.yml\n").unwrap();
        assert_eq!(case.inventory(), Some("hosts.yml"));
        assert!(case.expects(&[]));
        assert!(!case.expects(&["exit".to_owned()]));
    }
}
