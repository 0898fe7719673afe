//! `include_vars`: a file, every file of a folder, or whatever a name with templates can come out as. All
//! of it is read beforehand; which it is, the run decides.
use super::candidates::could_be;
use super::include::Options;
use super::load::{Around, Read, Reader, clean, listed, places};
use super::shape::{Shape, is_template, literal_flag, text, texts};
use super::{Included, IncludedVars};
use crate::source::{Diagnostic, Spanned, Vars};
use regex::Regex;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The options beside `file`.
pub(super) const OPTIONS: [(&str, Shape); 8] = [
    ("name", Shape::Text),
    ("dir", Shape::Text),
    ("depth", Shape::Number),
    ("files_matching", Shape::Text),
    ("ignore_files", Shape::Texts),
    ("extensions", Shape::Texts),
    ("ignore_unknown_extensions", Shape::Flag),
    ("hash_behaviour", Shape::Text),
];
/// Endings of files with variables, unless told otherwise.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];
/// Folders whose variables belong to somebody.
const TAKEN: [&str; 3] = ["group_vars", "host_vars", "roles"];

impl Reader<'_> {
    /// What an `include_vars` brings in.
    pub(super) fn included_vars(
        &mut self,
        options: &Options<'_>,
        around: &Around,
    ) -> Option<Included> {
        let merge = match options.get("hash_behaviour").map(text) {
            None => false,
            Some(word) if word.value == "replace" => false,
            Some(word) if word.value == "merge" => true,
            Some(word) => {
                self.error(word.span, "`hash_behaviour` is `replace` or `merge`");
                return None;
            }
        };
        let name = options.get("name").map(text);
        if let Some(name) = &name {
            self.name(name, "a variable");
        }
        let boxed = |vars: Vars, files: Vec<PathBuf>| IncludedVars {
            vars: match &name {
                None => vars,
                Some(name) => vec![(name.clone(), together(vars, name))],
            },
            files,
            merge,
        };
        if let Some(dir) = options.get("dir").map(text) {
            let (vars, files) = self.vars_of_folder(&dir, options, around)?;
            return Some(Included::Vars(boxed(vars, files)));
        }
        let file = text(options.get("file")?);
        if is_template(&file.value) {
            let candidates = self.vars_candidates(&file, around);
            if candidates.is_empty() {
                let message = format!("no file with variables that `{}` can name", file.value);
                let help = format!("looked below {}", listed(&around.folders("vars")));
                self.found(Diagnostic::error(file.span, message).help(help));
                return None;
            }
            let candidates = candidates.into_iter().map(|(vars, path)| boxed(vars, vec![path]));
            return Some(Included::TemplatedVars { candidates: candidates.collect(), file });
        }
        let tried = places(&around.folders("vars"), &file.value);
        let Some((path, read)) = self.first(&tried) else {
            self.missing(file.span, &file.value, &tried);
            return None;
        };
        Some(Included::Vars(boxed(self.vars(&read), vec![path])))
    }

    /// The variables of every file of a folder, those of the folder itself first.
    fn vars_of_folder(
        &mut self,
        dir: &Spanned<String>,
        options: &Options<'_>,
        around: &Around,
    ) -> Option<(Vars, Vec<PathBuf>)> {
        if is_template(&dir.value) {
            let message = "the name of a folder with variables can't hold a template";
            self.found(Diagnostic::error(dir.span, message).help("name the file instead"));
            return None;
        }
        // As Ansible looks for it: in a role below its `vars/`, else beside the tasks.
        let folder = match &around.role {
            Some(role) if Path::new(&dir.value).starts_with("vars") => role.join(&dir.value),
            Some(role) => role.join("vars").join(&dir.value),
            None => around.folder.join(&dir.value),
        };
        let folder = clean(&folder);
        let mut files = self.library.files_below(&folder);
        if files.is_empty() {
            let message = format!("no files in `{}`", dir.value);
            let help = format!("looked in {}", listed(&[folder]));
            self.found(Diagnostic::error(dir.span, message).help(help));
            return None;
        }
        files.sort_by_key(|file| (file.parent().map(Path::to_owned), file.clone()));
        let chosen = self.chooser(options)?;
        let (mut vars, mut read) = (vec![], vec![]);
        for file in files {
            let inside = file.strip_prefix(&folder).unwrap_or(&file);
            let is_main = around.role.is_some() && dir.value == "vars" && inside == "main.yml";
            match chosen(inside) {
                _ if is_main => {}
                Ok(false) => {}
                Ok(true) => {
                    let content = self.read(&file);
                    vars.extend(self.vars(&content));
                    read.push(file);
                }
                Err(why) => {
                    self.error(dir.span, format!("`{}` {why}", file.display()));
                    return None;
                }
            }
        }
        Some((vars, read))
    }

    /// Which files of a folder are meant; one that can't be, and is not ignored, is an error.
    fn chooser(
        &mut self,
        options: &Options<'_>,
    ) -> Option<impl Fn(&Path) -> Result<bool, &'static str> + use<>> {
        let many = |name: &str| options.get(name).map(texts);
        let mut regex = |text: &Spanned<String>, ending: &str| {
            let built = Regex::new(&format!("{}{ending}", text.value));
            built.map_err(|_| self.error(text.span, "this expression is broken")).ok()
        };
        let matching = match options.get("files_matching").map(text) {
            Some(text) => Some(regex(&text, "")?),
            None => None,
        };
        let ignored = many("ignore_files").unwrap_or_default();
        let ignored: Vec<Regex> =
            ignored.iter().map(|text| regex(text, "$")).collect::<Option<_>>()?;
        let endings = many("extensions").map_or_else(
            || ENDINGS.map(str::to_owned).to_vec(),
            |endings| endings.into_iter().map(|ending| ending.value).collect(),
        );
        let lenient = options.get("ignore_unknown_extensions").and_then(literal_flag);
        let depth = options.get("depth").and_then(|node| node.text()?.parse().ok()).unwrap_or(0);
        Some(move |file: &Path| {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let too_deep = depth > 0 && file.components().count() > depth;
            let unwanted = matching.as_ref().is_some_and(|matching| !matching.is_match(name));
            if too_deep || unwanted || ignored.iter().any(|ignored| ignored.is_match(name)) {
                return Ok(false);
            }
            let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            match endings.iter().any(|known| known.trim_start_matches('.') == ending) {
                true => Ok(true),
                false if lenient == Some(true) => Ok(false),
                false => Err("has an ending that `extensions` does not name"),
            }
        })
    }

    /// Every file with variables that a name with templates can come out as.
    fn vars_candidates(&mut self, file: &Spanned<String>, around: &Around) -> Vec<(Vars, PathBuf)> {
        let mut found: Vec<(Vars, PathBuf)> = vec![];
        for folder in around.folders("vars") {
            for path in self.library.files_below(&folder) {
                let Ok(inside) = path.strip_prefix(&folder) else { continue };
                let taken = inside.components().any(|part| {
                    part.as_os_str().to_str().is_some_and(|part| TAKEN.contains(&part))
                });
                let ending = path.extension().and_then(|ending| ending.to_str());
                let names = [inside.to_str(), path.to_str()];
                let fits = names.iter().flatten().any(|name| could_be(&file.value, name));
                let is_new = found.iter().all(|(_, other)| *other != path);
                if !taken && fits && is_new && ending.is_some_and(|e| ENDINGS.contains(&e)) {
                    found.extend(self.quietly(&path).map(|vars| (vars, path)));
                }
            }
        }
        found
    }

    /// The variables of a file, if that is what it holds.
    fn quietly(&mut self, path: &Path) -> Option<Vars> {
        match self.peek(path) {
            Read::Node(node) if node.mapping().is_some() => node.vars().ok(),
            _ => None,
        }
    }
}

/// Variables as one value, where their names are.
fn together(vars: Vars, name: &Spanned<String>) -> Spanned<Value> {
    let all: Map<String, Value> =
        vars.into_iter().map(|(name, value)| (name.value, value.value)).collect();
    Spanned::new(all.into(), name.span)
}
