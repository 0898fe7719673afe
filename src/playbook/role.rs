//! Roles: where they are, what they bring (defaults, vars, handlers, dependencies, arguments) and
//! how they are put to use.
use super::candidates::could_be;
use super::keywords::{Fields, Place, allowed, suggest};
use super::load::{Around, Read, Reader, clean, listed, with_endings};
use super::shape::{Shape, is_null, is_template, kind, literal_flag, text};
use super::spec::entry_point;
use super::walk::{Budget, spend_role};
use super::{Item, Keywords, Role, RoleUse};
use crate::source::{Diagnostic, Node, Span, Spanned, Vars, nearest};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which role is wanted, and which of its files.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) name: Spanned<String>,
    pub(super) tasks: Spanned<String>,
    pub(super) vars: Spanned<String>,
    pub(super) defaults: Spanned<String>,
    pub(super) handlers: Spanned<String>,
    /// Whether its arguments are checked.
    pub(super) validate: bool,
    /// Whether the whole play sees its variables.
    pub(super) public: bool,
}

/// What makes a role that was read the one that is wanted: folder, files, whether checked, playbook.
pub(super) type RoleKey = (PathBuf, [String; 4], bool, PathBuf);

impl Wanted {
    fn main(name: Spanned<String>) -> Self {
        let main = || Spanned::new("main".to_owned(), name.span);
        let (tasks, vars, defaults, handlers) = (main(), main(), main(), main());
        Self { name, tasks, vars, defaults, handlers, validate: true, public: true }
    }
}

/// The keys of `meta/main.yml`; what Ansible itself only stores is of no concern here.
const META: &[&str] =
    &["allow_duplicates", "argument_specs", "collections", "dependencies", "galaxy_info"];

impl Reader<'_> {
    /// The entries of `roles:` or `dependencies:`.
    pub(super) fn role_list(&mut self, node: &Node, around: &Around) -> Vec<RoleUse> {
        let Some(entries) = node.sequence() else {
            if !is_null(node) {
                let finding = Diagnostic::error(node.span, "expected a list of roles");
                self.found(finding.label(kind(node)));
            }
            return vec![];
        };
        let mut used = vec![];
        let mut seen: Vec<&Node> = vec![];
        for entry in entries {
            let Some(role) = self.role_entry(entry, around) else { continue };
            let is_again = seen.iter().any(|other| other.to_value() == entry.to_value());
            if is_again && !role.role.allow_duplicates {
                let message =
                    format!("role `{}` runs once: it is used twice alike", role.role.name);
                let help = "`allow_duplicates: true` in its meta/main.yml lets it run again";
                self.found(Diagnostic::error(entry.span, message).help(help).warning());
                continue;
            }
            seen.push(entry);
            used.push(role);
        }
        used
    }

    fn role_entry(&mut self, node: &Node, around: &Around) -> Option<RoleUse> {
        let Some(pairs) = node.mapping() else {
            let Some(name) = node.str() else {
                self.found(Diagnostic::error(node.span, "expected a role").label(kind(node)));
                return None;
            };
            let wanted = Wanted::main(Spanned::new(name.to_owned(), node.span));
            return self.role_use(&wanted, Keywords::default(), node.span, around);
        };
        let is_name = |key: &Node| matches!(key.text(), Some("role" | "name"));
        let rest = pairs.iter().filter(|(key, _)| !is_name(key));
        let mut fields = Fields::sort(rest, Place::Role, self);
        let keywords = self.keywords(&mut fields);
        let others = std::mem::take(&mut fields.others);
        fields.done();
        let Some(name) = node.get("role").or_else(|| node.get("name")) else {
            let finding = Diagnostic::error(node.span, "this entry names no role");
            self.found(finding.help("add `role: …`"));
            return None;
        };
        if let Some(finding) = Shape::Text.misfit("role", name) {
            self.found(finding);
            return None;
        }
        let wanted = Wanted::main(text(name));
        let mut used = self.role_use(&wanted, Keywords::default(), node.span, around)?;
        self.role_params(&others, &used.role);
        used.params = self.extra_vars(&others);
        used.keywords = keywords;
        Some(used)
    }

    /// A key beside `role:` that is no keyword is a variable; one that is nearly a keyword, or that
    /// the role's arguments do not name, is a mistake.
    fn role_params(&mut self, others: &[(&Node, &Node)], role: &Role) {
        let options = role.arguments.iter().flat_map(|spec| &spec.options).map(|(name, _)| name);
        let known: Vec<&str> = (options.chain(role.defaults.iter().map(|(name, _)| name)))
            .map(|name| name.value.as_str())
            .collect();
        for (key, _) in others {
            let word = key.text().unwrap_or_default();
            let near = nearest(word, allowed(Place::Role));
            if known.contains(&word) || (near.is_none() && role.arguments.is_none()) {
                continue;
            }
            let message =
                format!("`{word}` is neither a keyword nor an argument of role `{}`", role.name);
            let words = known.iter().copied().chain(allowed(Place::Role));
            self.found(suggest(Diagnostic::error(key.span, message), word, words));
        }
    }

    /// A role put to use.
    pub(super) fn role_use(
        &mut self,
        wanted: &Wanted,
        keywords: Keywords,
        span: Span,
        around: &Around,
    ) -> Option<RoleUse> {
        let path = self.role_folder(&wanted.name, around)?;
        let role = self.role(wanted, &path, around)?;
        let folder = path.join("tasks");
        let inside = Around {
            handlers: false,
            folder: folder.clone(),
            role: Some(path),
            base: around.base.clone(),
        };
        let tried = with_endings(&folder, &wanted.tasks.value);
        let tasks: Vec<Item> = match self.first(&tried) {
            Some((file, _)) => self.list(&file, wanted.name.span, &inside)?,
            None if wanted.tasks.value == "main" => vec![],
            None => {
                self.missing(wanted.tasks.span, &wanted.tasks.value, &tried);
                return None;
            }
        };
        let used = RoleUse { role, keywords, params: vec![], tasks, span, public: wanted.public };
        let mut budget = Budget::default();
        spend_role(&used, &mut budget);
        if budget.items == 0 {
            self.too_much::<Item>(span);
            return None;
        }
        Some(used)
    }

    /// Every role that a name with templates can come out as.
    pub(super) fn role_candidates(&mut self, wanted: &Wanted, around: &Around) -> Vec<RoleUse> {
        let mut names: Vec<String> = vec![];
        for folder in self.role_folders(around) {
            for file in self.library.files_below(&folder) {
                let name = file.strip_prefix(&folder).ok().and_then(|f| f.components().next());
                let Some(name) = name.and_then(|name| name.as_os_str().to_str()) else { continue };
                let is_new = names.iter().all(|known| known != name);
                let is_open = self.open.contains(&clean(&folder.join(name)));
                if is_new && !is_open && could_be(&wanted.name.value, name) {
                    names.push(name.to_owned());
                }
            }
        }
        let span = wanted.name.span;
        let named = |name| Wanted { name: Spanned::new(name, span), ..wanted.clone() };
        let wanted: Vec<Wanted> = names.into_iter().map(named).collect();
        let used = wanted.iter().filter_map(|wanted| {
            // Of several roles that a name fits, not all have the file that is asked for.
            let folder = self.role_folder(&wanted.name, around)?.join("tasks");
            let has_tasks = self.first(&with_endings(&folder, &wanted.tasks.value)).is_some();
            let is_main = wanted.tasks.value == "main";
            if !has_tasks && !is_main {
                return None;
            }
            self.role_use(wanted, Keywords::default(), span, around)
        });
        used.collect()
    }

    /// Where a role of a plain name is looked for.
    fn role_folders(&self, around: &Around) -> Vec<PathBuf> {
        let beside = around.role.iter().filter_map(|role| role.parent()).map(Path::to_owned);
        let mut folders: Vec<PathBuf> = beside.collect();
        folders.extend(self.library.role_paths().iter().cloned());
        folders.push(around.base.join("roles"));
        folders
    }

    fn role_folder(&mut self, name: &Spanned<String>, around: &Around) -> Option<PathBuf> {
        let word = name.value.as_str();
        if is_template(word) {
            let message = "the name of a role can't hold a template";
            self.found(Diagnostic::error(name.span, message).help("use `include_role`"));
            return None;
        }
        let is_path = word.contains('/');
        let folders = if is_path { vec![around.base.clone()] } else { self.role_folders(around) };
        let tried = super::load::places(&folders, word);
        let is_there = |path: &&PathBuf| !self.library.files_below(path).is_empty();
        if let Some(path) = tried.iter().find(is_there) {
            return Some(path.clone());
        }
        let known: Vec<String> = (folders.iter())
            .flat_map(|folder| {
                let files = self.library.files_below(folder);
                files.into_iter().filter_map(move |file| {
                    let role = file.strip_prefix(folder).ok()?.components().next()?;
                    role.as_os_str().to_str().map(str::to_owned)
                })
            })
            .collect();
        let help = match nearest(word, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("looked for {}", listed(&tried)),
        };
        self.found(Diagnostic::error(name.span, format!("no such role: `{word}`")).help(help));
        None
    }

    fn role(&mut self, wanted: &Wanted, path: &Path, around: &Around) -> Option<Arc<Role>> {
        let from = [&wanted.tasks, &wanted.vars, &wanted.defaults, &wanted.handlers];
        let key = (
            path.to_owned(),
            from.map(|file| file.value.clone()),
            wanted.validate,
            around.base.clone(),
        );
        if let Some(role) = self.roles.get(&key) {
            return Some(role.clone());
        }
        if !self.enter(path, wanted.name.span) {
            return None;
        }
        let role = Arc::new(self.read_role(wanted, path, around));
        self.leave();
        self.roles.insert(key, role.clone());
        Some(role)
    }

    fn read_role(&mut self, wanted: &Wanted, path: &Path, around: &Around) -> Role {
        let defaults = self.role_vars(&path.join("defaults"), &wanted.defaults);
        let vars = self.role_vars(&path.join("vars"), &wanted.vars);
        let folder = path.join("handlers");
        let inside = Around {
            handlers: true,
            folder: folder.clone(),
            role: Some(path.to_owned()),
            base: around.base.clone(),
        };
        let file = self.first(&with_endings(&folder, &wanted.handlers.value));
        if file.is_none() {
            self.must_be_main(&folder, &wanted.handlers);
        }
        let handlers = file.and_then(|(file, _)| self.list(&file, wanted.name.span, &inside));
        let meta = self.first(&with_endings(&path.join("meta"), "main"));
        let meta = meta.map(|(_, read)| read);
        let dependencies = self.dependencies(meta.as_ref(), &inside);
        let allow_duplicates = match &meta {
            Some(Read::Node(meta)) => meta.get("allow_duplicates").and_then(literal_flag),
            _ => None,
        };
        let allow_duplicates = allow_duplicates.unwrap_or(false);
        let mut arguments =
            self.role_arguments(path, meta.as_ref(), entry_point(&wanted.tasks.value));
        arguments = arguments.filter(|_| wanted.validate);
        if let Some(spec) = &mut arguments {
            spec.internal = vars.iter().map(|(name, _)| name.value.clone()).collect();
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Role {
            name: name.to_owned(),
            path: path.to_owned(),
            defaults,
            vars,
            handlers: handlers.unwrap_or_default(),
            arguments,
            dependencies,
            allow_duplicates,
        }
    }

    /// `defaults/main.yml`, or every file of the folder `defaults/main/`.
    fn role_vars(&mut self, folder: &Path, name: &Spanned<String>) -> Vars {
        if let Some((_, read)) = self.first(&with_endings(folder, &name.value)) {
            return self.vars(&read);
        }
        let files = self.library.files_below(&folder.join(&name.value));
        if files.is_empty() {
            self.must_be_main(folder, name);
        }
        let mut vars = vec![];
        for file in files {
            let read = self.read(&file);
            vars.extend(self.vars(&read));
        }
        vars
    }

    /// Only `main` may be left out.
    fn must_be_main(&mut self, folder: &Path, name: &Spanned<String>) {
        if name.value != "main" {
            self.missing(name.span, &name.value, &with_endings(folder, &name.value));
        }
    }

    fn dependencies(&mut self, meta: Option<&Read>, around: &Around) -> Vec<RoleUse> {
        let Some(Read::Node(meta)) = meta else { return vec![] };
        let Some(pairs) = meta.mapping() else {
            let finding = Diagnostic::error(meta.span, "expected a mapping");
            self.found(finding.label(kind(meta)));
            return vec![];
        };
        for (key, value) in pairs {
            let word = key.text().unwrap_or_default();
            if !META.contains(&word) {
                let message = format!("`{word}` is not a key of a role's meta/main.yml");
                self.found(suggest(
                    Diagnostic::error(key.span, message),
                    word,
                    META.iter().copied(),
                ));
            } else if word == "allow_duplicates"
                && let Some(finding) = Shape::Flag.misfit(word, value)
            {
                self.found(finding);
            }
        }
        let Some(list) = meta.get("dependencies") else { return vec![] };
        for entry in list.sequence().unwrap_or_default() {
            if let Some(src) = entry.get("src") {
                let message = "roles are not fetched: `src` is not supported";
                let help = "put the role beside this one and name it with `role`";
                self.found(Diagnostic::error(src.span, message).help(help));
            }
        }
        self.role_list(list, &Around { handlers: false, ..around.clone() })
    }

    fn role_arguments(
        &mut self,
        path: &Path,
        meta: Option<&Read>,
        entry: &str,
    ) -> Option<super::ArgumentSpec> {
        let file = self.first(&with_endings(&clean(&path.join("meta")), "argument_specs"));
        let node = match (file, meta) {
            (Some((_, Read::Node(node))), _) => {
                let pairs = node.mapping().unwrap_or_default();
                for (key, _) in pairs.iter().filter(|(key, _)| key.text() != Some("argument_specs"))
                {
                    let message =
                        format!("`{}` has no meaning here", key.text().unwrap_or_default());
                    self.found(
                        Diagnostic::error(key.span, message).help("expected `argument_specs`"),
                    );
                }
                if node.mapping().is_none() {
                    self.found(Diagnostic::error(node.span, "expected `argument_specs:`"));
                }
                node
            }
            (None, Some(Read::Node(node))) => node.clone(),
            _ => return None,
        };
        self.argument_spec(node.get("argument_specs")?, entry)
    }
}
