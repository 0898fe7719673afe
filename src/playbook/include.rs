//! What brings in other files: `import_tasks`, `include_tasks`, `import_role`, `include_role`,
//! `include_vars`. Whatever can be known beforehand is read beforehand, so that it is checked too.
use super::call::short_options;
use super::keywords::{Fields, Place, suggest};
use super::load::{Around, NESTED, Read, Reader, clean, places};
use super::role::Wanted;
use super::shape::{Shape, is_null, is_template, kind, literal_flag, text, texts};
use super::task::{STATEMENTS, Statement, plain};
use super::walk::{Budget, LARGEST, spend};
use super::{Block, Include, Included, Item, Keywords, Loop, include_vars};
use crate::source::{Diagnostic, Node, Span, Spanned};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The options of an import or include, each with its value.
pub(super) struct Options<'n> {
    pairs: Vec<(&'n str, &'n Node)>,
}

impl<'n> Options<'n> {
    /// The value of an option.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

impl Reader<'_> {
    /// An import or include; `call` is its key and what stands behind it.
    pub(super) fn statement(
        &mut self,
        statement: Statement,
        call: (&Node, &Node),
        mut fields: Fields<'_>,
        repeat: Option<Loop>,
        around: &Around,
    ) -> Option<Item> {
        let (key, value) = call;
        let register = fields.take("register").map(text);
        if let Some(name) = &register {
            self.name(name, "a variable");
        }
        let listen = fields.pair("listen").map(|(key, node)| (key.span, texts(node)));
        if let Some((span, _)) = listen.as_ref().filter(|_| !around.handlers) {
            let finding = Diagnostic::error(*span, "`listen` is not a keyword of an include");
            self.found(finding.help("it belongs to a handler"));
        }
        let short = short_options(value);
        let value = short.as_ref().unwrap_or(value);
        let keywords = self.keywords(&mut fields);
        fields.done();
        if around.handlers && matches!(statement, Statement::ImportRole | Statement::IncludeRole) {
            let message = format!("`{}` can't be a handler", key.text().unwrap_or_default());
            let help = "handlers of a role come with the role; tasks, with `include_tasks`";
            self.found(Diagnostic::error(key.span, message).help(help));
            return None;
        }
        match statement {
            Statement::ImportTasks => self.import_tasks(key, value, keywords, around),
            Statement::ImportRole => self.import_role(key, value, keywords, around),
            _ => {
                let (what, apply) = self.included(statement, key, value, around)?;
                let listen = listen.map(|(_, topics)| topics).unwrap_or_default();
                let statement = statement_name(key);
                Some(Item::Include(Arc::new(Include {
                    span: key.span,
                    statement,
                    keywords,
                    what,
                    repeat,
                    apply,
                    register,
                    listen,
                })))
            }
        }
    }

    /// What an include brings in, and the keywords that it gives it.
    fn included(
        &mut self,
        statement: Statement,
        key: &Node,
        value: &Node,
        around: &Around,
    ) -> Option<(Included, Keywords)> {
        match statement {
            Statement::IncludeTasks => {
                let options = self.options(key, value, "file", &[("apply", Shape::Mapping)])?;
                let what = self.included_tasks(&text(options.get("file")?), around)?;
                Some((what, self.apply(&options)))
            }
            Statement::IncludeRole => {
                let options = self.role_options(key, value, true)?;
                let wanted = self.wanted(&options, false)?;
                let what = if is_template(&wanted.name.value) {
                    let candidates = self.role_candidates(&wanted, around);
                    if candidates.is_empty() {
                        let message = format!("no role that `{}` can name", wanted.name.value);
                        self.error(wanted.name.span, message);
                        return None;
                    }
                    Included::TemplatedRole { name: wanted.name, candidates }
                } else {
                    let role = self.role_use(&wanted, Keywords::default(), key.span, around)?;
                    Included::Role(Box::new(role))
                };
                Some((what, self.apply(&options)))
            }
            Statement::IncludeVars => {
                let main = if value.get("dir").is_some() { "dir" } else { "file" };
                let options = self.options(key, value, main, &include_vars::OPTIONS)?;
                Some((self.included_vars(&options, around)?, Keywords::default()))
            }
            // Imports and `meta` never come here.
            Statement::ImportTasks | Statement::ImportRole | Statement::Meta => None,
        }
    }

    /// `apply:` gives what is included keywords of a block.
    fn apply(&mut self, options: &Options<'_>) -> Keywords {
        let Some(node) = options.get("apply") else { return Keywords::default() };
        let mut fields = Fields::sort(node.mapping().unwrap_or_default(), Place::Import, self);
        fields.refuse_others(&[], self);
        let keywords = self.keywords(&mut fields);
        fields.done();
        keywords
    }

    fn import_tasks(
        &mut self,
        key: &Node,
        value: &Node,
        keywords: Keywords,
        around: &Around,
    ) -> Option<Item> {
        let options = self.options(key, value, "file", &[])?;
        let file = text(options.get("file")?);
        if is_template(&file.value) {
            let message = "the name of an imported file can't hold a template";
            self.found(Diagnostic::error(file.span, message).help("use `include_tasks`"));
            return None;
        }
        let items = self.list_named(&file, around)?;
        let (span, rescue, always) = (key.span, vec![], vec![]);
        Some(Item::Block(Arc::new(Block {
            span,
            keywords,
            items,
            rescue,
            always,
            role: None,
            public: false,
        })))
    }

    fn import_role(
        &mut self,
        key: &Node,
        value: &Node,
        keywords: Keywords,
        around: &Around,
    ) -> Option<Item> {
        let options = self.role_options(key, value, false)?;
        let wanted = self.wanted(&options, true)?;
        let used = self.role_use(&wanted, keywords, key.span, around)?;
        Some(Item::Block(Arc::new(Block {
            span: key.span,
            keywords: used.keywords,
            items: used.tasks,
            rescue: vec![],
            always: vec![],
            role: Some(used.role),
            public: wanted.public,
        })))
    }

    fn role_options<'n>(
        &mut self,
        key: &'n Node,
        value: &'n Node,
        include: bool,
    ) -> Option<Options<'n>> {
        const KNOWN: [(&str, Shape); 8] = [
            ("tasks_from", Shape::Text),
            ("vars_from", Shape::Text),
            ("defaults_from", Shape::Text),
            ("handlers_from", Shape::Text),
            ("allow_duplicates", Shape::Flag),
            ("public", Shape::Flag),
            ("rolespec_validate", Shape::Flag),
            ("apply", Shape::Mapping),
        ];
        let known = if include { &KNOWN[..] } else { &KNOWN[..7] };
        if value.mapping().is_none() {
            let message = format!("`{}` takes a mapping", key.text().unwrap_or_default());
            let finding = Diagnostic::error(value.span, message).label(kind(value));
            self.found(finding.help("write `name: …` below it"));
            return None;
        }
        let options = self.options(key, value, "name", known)?;
        // What a role does unless told otherwise; the opposite would go unheard.
        if let Some(node) = options.get("allow_duplicates")
            && literal_flag(node) != Some(true)
        {
            let message = "`allow_duplicates` can only be `true` here";
            self.found(Diagnostic::error(node.span, message).help("remove it"));
        }
        if let Some(node) = options.get("public").filter(|node| literal_flag(node).is_none()) {
            self.error(node.span, "`public` can't hold a template");
        }
        Some(options)
    }

    fn wanted(&mut self, options: &Options<'_>, public: bool) -> Option<Wanted> {
        let name = options.get("name").map(text)?;
        let mut from = |option: &str| match options.get(option).map(text) {
            Some(file) if is_template(&file.value) => {
                self.error(file.span, format!("`{option}` can't hold a template"));
                None
            }
            Some(file) => Some(file),
            None => Some(Spanned::new("main".to_owned(), name.span)),
        };
        let (tasks, vars) = (from("tasks_from")?, from("vars_from")?);
        let (defaults, handlers) = (from("defaults_from")?, from("handlers_from")?);
        let validate =
            options.get("rolespec_validate").is_none_or(|node| literal_flag(node).unwrap_or(true));
        let public = options.get("public").and_then(literal_flag).unwrap_or(public);
        Some(Wanted { name, tasks, vars, defaults, handlers, validate, public })
    }

    /// The options of a statement, of which `main` must be given: alone, or in a mapping.
    fn options<'n>(
        &mut self,
        key: &Node,
        value: &'n Node,
        main: &'static str,
        more: &[(&'static str, Shape)],
    ) -> Option<Options<'n>> {
        let statement = key.text().unwrap_or_default();
        let Some(given) = value.mapping() else {
            if let Some(finding) = Shape::Text.misfit(statement, value) {
                self.found(finding);
                return None;
            }
            return Some(Options { pairs: vec![(main, value)] });
        };
        let mut pairs = vec![];
        for (key, value) in given {
            let name = key.text().unwrap_or_default();
            let known = std::iter::once((main, Shape::Text)).chain(more.iter().copied());
            match known.clone().find(|(known, _)| *known == name) {
                None => {
                    let finding =
                        Diagnostic::error(key.span, format!("`{name}` is not supported here"));
                    self.found(suggest(finding, name, known.map(|(known, _)| known)));
                }
                Some((_, shape)) => match shape.misfit(name, value) {
                    Some(finding) => self.found(finding),
                    None => pairs.push((name, value)),
                },
            }
        }
        if pairs.iter().all(|(name, _)| *name != main) {
            if value.get(main).is_none() {
                self.error(value.span, format!("`{main}` is missing"));
            }
            return None;
        }
        Some(Options { pairs })
    }

    /// Tells of files that include each other without end in sight; nothing of them is kept.
    pub(super) fn too_much<T>(&mut self, span: Span) -> Vec<T> {
        let message =
            format!("this comes to more than {LARGEST} tasks, or more than {NESTED} levels");
        self.error(span, message);
        vec![]
    }

    /// The tasks of a file, by the name that is written at `file`.
    pub(super) fn list_named(
        &mut self,
        file: &Spanned<String>,
        around: &Around,
    ) -> Option<Vec<Item>> {
        let kind = if around.handlers { "handlers" } else { "tasks" };
        let tried = places(&around.folders(kind), &file.value);
        let Some((path, _)) = self.first(&tried) else {
            self.missing(file.span, &file.value, &tried);
            return None;
        };
        self.list(&path, file.span, around)
    }

    /// The tasks of a file, read once for every place that means the same by it.
    pub(super) fn list(&mut self, path: &Path, span: Span, around: &Around) -> Option<Vec<Item>> {
        let path: PathBuf = clean(path);
        let key = (path.clone(), around.handlers, around.role.clone(), around.base.clone());
        if let Some(items) = self.lists.get(&key) {
            return Some(items.clone());
        }
        if !self.enter(&path, span) {
            return None;
        }
        let items = match self.read(&path) {
            Read::Node(node) if !is_null(&node) => {
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                self.items(&node, &Around { folder, ..around.clone() })
            }
            _ => vec![],
        };
        self.leave();
        let mut budget = Budget::default();
        spend(&items, &mut budget);
        let items = if budget.items == 0 { self.too_much(span) } else { items };
        self.lists.insert(key, items.clone());
        Some(items)
    }
}

/// As it stands in [`STATEMENTS`].
fn statement_name(key: &Node) -> &'static str {
    let name = plain(key.text().unwrap_or_default());
    STATEMENTS.iter().find(|(known, _)| *known == name).map_or("", |(name, _)| name)
}
