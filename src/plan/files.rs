//! The project's files that tasks name: where they are looked for, and which of them are not there.
use super::scope::Shared;
use crate::modules::Bind;
use crate::playbook::{self, Here, Item, Keywords, Task};
use crate::source::{Diagnostic, Node, nearest};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where a file that a task names is looked for, the nearest first.
pub(super) fn places(
    path: &str,
    kind: Bind,
    role: Option<&Path>,
    playbook_dir: &Path,
) -> Vec<PathBuf> {
    let folder = if kind == Bind::Template { "templates" } else { "files" };
    let path = Path::new(path);
    if path.is_absolute() {
        return vec![path.to_owned()];
    }
    (role.into_iter().chain([playbook_dir]))
        .flat_map(|base| [base.join(folder).join(path), base.join(path)])
        .collect()
}

/// What the tasks of a play name by a text without templates.
#[derive(Default)]
pub(super) struct Named {
    /// What is not there: a warning where the task may never run.
    pub(super) missing: Vec<Diagnostic>,
    /// Templates that are read as they usually are.
    pub(super) templates: BTreeSet<PathBuf>,
}

impl Named {
    pub(super) fn of(play: &playbook::Play, shared: &Shared) -> Self {
        let mut named = Self::default();
        play.walk(&mut |item, here| {
            if let Item::Task(task) = item {
                named.task(task, here, shared);
            }
        });
        named
    }

    fn task(&mut self, task: &Task, here: &Here<'_>, shared: &Shared) {
        let remote = task.args.get("remote_src").is_some()
            || here.around.iter().any(|around| !around.module_defaults.is_empty());
        if remote || !task.keywords.module_defaults.is_empty() {
            return;
        }
        let usual = !(task.args.mapping().unwrap_or_default().iter())
            .any(|(key, _)| key.text().is_some_and(|key| key.ends_with("_string")));
        for option in task.module.options {
            if !matches!(option.bind, Bind::File | Bind::Program | Bind::Template) {
                continue;
            }
            let mut names = [option.name].into_iter().chain(option.aliases.iter().copied());
            let Some(node) = names.find_map(|name| task.args.get(name)) else { continue };
            let Some(path) = literal(node, option.bind) else { continue };
            let role = here.role.map(|role| role.path.as_path());
            let places = places(&path, option.bind, role, &shared.playbook_dir);
            let there = |place: &&PathBuf| {
                shared.files.contains_key(*place)
                    || option.bind == Bind::File
                        && (shared.files.range((*place).clone()..).next())
                            .is_some_and(|(file, _)| file.starts_with(place))
            };
            match places.iter().find(there) {
                Some(place) if option.bind == Bind::Template && usual => {
                    self.templates.insert(place.clone());
                }
                Some(_) => {}
                None => {
                    let finding = missing(node, &path, &places, shared);
                    let maybe =
                        here.maybe || may_pass(&task.keywords) || task.failed_when.is_some();
                    self.missing.push(if maybe { finding.warning() } else { finding });
                }
            }
        }
    }
}

/// Whether a task may not run, or may fail without harm.
fn may_pass(keywords: &Keywords) -> bool {
    !keywords.when.is_empty() || keywords.ignore_errors.is_some()
}

/// A relative path that holds no template; of a program with arguments the first word.
fn literal(node: &Node, kind: Bind) -> Option<String> {
    let text = node.str().filter(|text| !text.contains("{{") && !text.contains("{%"))?;
    let words = if kind == Bind::Program { shlex::split(text) } else { None };
    let path = words.map_or_else(|| Some(text.to_owned()), |words| words.into_iter().next())?;
    Path::new(&path).is_relative().then_some(path)
}

fn missing(node: &Node, path: &str, places: &[PathBuf], shared: &Shared) -> Diagnostic {
    let tried: Vec<_> = (places.iter())
        .map(|place| place.strip_prefix(".").unwrap_or(place).display().to_string())
        .collect();
    // `path` stands at the end of every place: what is before it are the folders.
    let folders =
        places.iter().filter_map(|place| place.ancestors().nth(Path::new(path).iter().count()));
    let beside = folders.flat_map(|folder| {
        let below = shared.files.keys().filter(move |file| file.starts_with(folder));
        below.filter_map(move |file| file.strip_prefix(folder).ok()?.to_str())
    });
    let mut help = format!("looked for {}", tried.join(", "));
    if let Some(near) = nearest(path, beside) {
        help = format!("did you mean `{near}`? ({help})");
    }
    Diagnostic::error(node.span, format!("no such file: `{path}`")).help(help)
}
