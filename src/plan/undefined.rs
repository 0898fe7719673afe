//! Names that templates read and nothing defines: told before any host is contacted.
use super::gather::gathers;
use crate::facts::Topic;
use crate::inventory::Inventory;
use crate::modules::Bind;
use crate::playbook::{self, Item, Keywords, Loop, Role, RoleUse, Task, could_be};
use crate::source::{
    Diagnostic, FileId, Kind, Node, Position, SourceMap, Span, Spanned, Vars, nearest, sealed_in,
};
use crate::vars::{Engine, Layer, TemplateError};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;

/// Names that Ansible gives to every task, or that connections are made with.
const MAGIC: &[&str] = &[
    "ansible_check_mode",
    "ansible_delegated_vars",
    "ansible_dependent_role_names",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_failed_result",
    "ansible_failed_task",
    "ansible_forks",
    "ansible_index_var",
    "ansible_inventory_sources",
    "ansible_limit",
    "ansible_loop",
    "ansible_loop_var",
    "ansible_parent_role_names",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_name",
    "ansible_play_role_names",
    "ansible_role_name",
    "ansible_role_names",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "omit",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_path",
    "vars",
];

/// Every name that something defines, and every template that reads one.
#[derive(Default)]
pub(super) struct Names {
    defined: BTreeSet<String>,
    /// Names that hold templates: what they can come out as may be defined.
    patterns: Vec<String>,
    reads: Vec<(Span, Value, bool)>,
    /// Variables that plays and roles give a value.
    own: Vec<Spanned<String>>,
    /// Files whose text is a template.
    files: BTreeSet<FileId>,
    /// What is encrypted, and the variable that it is in.
    sealed: Vec<(Option<String>, Span, String)>,
    /// Arguments of `module_defaults`, of which no place is known.
    defaults: Vec<Value>,
    /// Whether facts of hosts are gathered, by a play or by `setup`.
    gathered: bool,
}

impl Names {
    pub(super) fn new(inventory: &Inventory, extra: &Layer) -> Self {
        let mut names = Self::default();
        names.defined.extend(MAGIC.iter().map(|&name| name.to_owned()));
        names.defined.extend(extra.values.keys().cloned());
        for host in &inventory.hosts {
            names.vars(&host.vars);
            host.files.iter().for_each(|file| names.vars(&file.vars));
        }
        for group in inventory.groups.values() {
            names.vars(&group.vars);
            group.files.iter().for_each(|file| names.vars(&file.vars));
        }
        inventory.unclaimed().for_each(|file| names.vars(&file.vars));
        // Only some hosts take part: theirs is looked for elsewhere.
        names.sealed.clear();
        names
    }

    /// Everything that may hold templates.
    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.reads.iter().map(|(_, value, _)| value).chain(&self.defaults)
    }

    pub(super) fn play(&mut self, play: &playbook::Play, vars_files: &[Vars]) {
        self.gathered |= gathers(play);
        self.keywords(&play.keywords);
        self.own.extend(play.keywords.vars.iter().map(|(name, _)| name.clone()));
        vars_files.iter().for_each(|vars| self.vars(vars));
        play.roles.iter().for_each(|used| self.role_use(used));
        for items in [&play.pre_tasks, &play.tasks, &play.post_tasks, &play.handlers] {
            self.items(items);
        }
    }

    fn vars(&mut self, vars: &Vars) {
        for (name, value) in vars {
            self.defined.insert(name.value.clone());
            self.read(value, false);
            let (span, found) = (value.span, sealed_inside(&value.value));
            self.sealed.extend(found.map(|text| (Some(name.value.clone()), span, text)));
        }
    }

    /// Whether something defines a name.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.defined.contains(name)
    }

    /// Variables that plays and roles give a value.
    pub(super) fn own(&self) -> &[Spanned<String>] {
        &self.own
    }

    /// Every name that something reads.
    pub(super) fn used(&self, engine: &Engine) -> BTreeSet<String> {
        let names = |(_, value, expression): &(Span, Value, bool)| match value.as_str() {
            Some(text) if *expression => engine.names_of_expression(text),
            _ => engine.names(value),
        };
        self.reads.iter().flat_map(names).collect()
    }

    /// What is encrypted in plays and roles, and the variable that it is in.
    pub(super) fn sealed(&self) -> &[(Option<String>, Span, String)] {
        &self.sealed
    }

    fn read(&mut self, value: &Spanned<Value>, expression: bool) {
        self.reads.push((value.span, value.value.clone(), expression));
    }

    /// A file that is a template as a whole.
    pub(super) fn file(&mut self, span: Span, text: &str) {
        self.files.insert(span.file);
        self.reads.push((span, text.into(), false));
    }

    fn keywords(&mut self, keywords: &Keywords) {
        self.vars(&keywords.vars);
        keywords.when.iter().for_each(|when| self.read(when, true));
        let single = [
            &keywords.escalate,
            &keywords.become_user,
            &keywords.become_method,
            &keywords.check_mode,
            &keywords.diff,
            &keywords.no_log,
            &keywords.ignore_errors,
            &keywords.run_once,
            &keywords.remote_user,
        ];
        let rare = [
            &keywords.become_exe,
            &keywords.become_flags,
            &keywords.port,
            &keywords.connection,
            &keywords.delegate_to,
            &keywords.delegate_facts,
            &keywords.throttle,
            &keywords.timeout,
        ];
        rare.into_iter().flatten().for_each(|value| self.read(value, false));
        single.into_iter().flatten().for_each(|value| self.read(value, false));
        keywords.environment.iter().for_each(|value| self.read(value, false));
        for (_, arguments) in &keywords.module_defaults {
            self.defaults.extend(arguments.values().cloned());
        }
    }

    fn role(&mut self, role: &Role) {
        let own = role.defaults.iter().chain(&role.vars);
        self.own.extend(own.map(|(name, _)| name.clone()));
        self.vars(&role.defaults);
        self.vars(&role.vars);
        self.items(&role.handlers);
        for (name, _) in role.arguments.iter().flat_map(|spec| &spec.options) {
            self.defined.insert(name.value.clone());
        }
        role.dependencies.iter().for_each(|used| self.role_use(used));
    }

    fn role_use(&mut self, used: &RoleUse) {
        self.keywords(&used.keywords);
        self.vars(&used.params);
        self.role(&used.role);
        self.items(&used.tasks);
    }

    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Task(task) => self.task(task),
                Item::Block(block) => {
                    self.keywords(&block.keywords);
                    if let Some(role) = &block.role {
                        self.role(role);
                    }
                    for part in [&block.items, &block.rescue, &block.always] {
                        self.items(part);
                    }
                }
                Item::Include(include) => {
                    self.keywords(&include.keywords);
                    self.keywords(&include.apply);
                    self.repeat(include.repeat.as_ref());
                    self.defined.extend(include.register.iter().map(|name| name.value.clone()));
                    include.what.lists().into_iter().for_each(|list| self.items(list));
                    include.what.roles().into_iter().for_each(|used| self.role_use(used));
                    include.what.vars().into_iter().for_each(|vars| self.vars(&vars.vars));
                    if let Some(name) = include.what.template() {
                        self.reads.push((name.span, name.value.clone().into(), false));
                    }
                }
                Item::Meta(meta) => self.keywords(&meta.keywords),
            }
        }
    }

    fn repeat(&mut self, repeat: Option<&Loop>) {
        if let Some(repeat) = repeat {
            self.defined.insert(repeat.variable.clone());
            self.defined.extend(repeat.index.clone());
            self.read(&repeat.over, false);
            repeat.label.iter().chain(&repeat.pause).for_each(|value| self.read(value, false));
            repeat.break_when.iter().for_each(|condition| self.read(condition, true));
        }
    }

    fn task(&mut self, task: &Task) {
        self.keywords(&task.keywords);
        self.repeat(task.repeat.as_ref());
        self.defined.extend(task.register.iter().map(|name| name.value.clone()));
        self.defined.extend(task.module.facts.iter().map(|&fact| fact.to_owned()));
        self.gathered |= task.module.name == "setup";
        if ["add_host", "set_fact"].contains(&task.module.name) {
            let keys = task.args.mapping().unwrap_or_default();
            for name in keys.iter().filter_map(|(key, _)| key.text()) {
                if name.contains("{{") {
                    self.patterns.push(name.to_owned());
                }
                self.defined.insert(name.to_owned());
            }
        }
        for list in [&task.changed_when, &task.failed_when, &task.until].into_iter().flatten() {
            list.iter().for_each(|condition| self.read(condition, true));
        }
        task.retries.iter().chain(&task.delay).for_each(|value| self.read(value, false));
        for (key, node) in task.args.mapping().unwrap_or_default() {
            let option = task.module.options.iter().find(|opt| key.text() == Some(opt.name));
            let bind = option.map(|option| option.bind);
            let expression = matches!(bind, Some(Bind::Condition | Bind::Expression));
            if bind != Some(Bind::Raw) {
                self.node(node, expression);
            }
        }
    }

    fn node(&mut self, node: &Node, expression: bool) {
        match &node.kind {
            Kind::Scalar { .. } => {
                let value = node.to_value();
                self.sealed.extend(sealed_inside(&value).map(|text| (None, node.span, text)));
                self.reads.push((node.span, value, expression));
            }
            Kind::Sequence(items) => items.iter().for_each(|item| self.node(item, expression)),
            Kind::Mapping(pairs) => {
                pairs.iter().for_each(|(_, value)| self.node(value, expression));
            }
        }
    }

    /// Templates that can't be compiled, and names that nothing defines.
    pub(super) fn check(&self, engine: &Engine, sources: &SourceMap) -> Vec<Diagnostic> {
        let mut found = vec![];
        let mut reads = vec![];
        for (span, value, expression) in &self.reads {
            let text = value.as_str().filter(|_| *expression);
            let checked = match text {
                Some(_) => engine.check_condition(value),
                None => engine.check(value),
            };
            match checked {
                Ok(()) => {
                    let names = text.map_or_else(
                        || engine.names(value),
                        |text| engine.names_of_expression(text),
                    );
                    reads.push((*span, names, value));
                }
                Err(error) => {
                    let whole = self.files.contains(&span.file);
                    let place = if whole { line(sources, *span, &error) } else { *span };
                    found.push(Diagnostic::error(place, error.to_string()));
                }
            }
        }
        let guarded: BTreeSet<String> = (reads.iter())
            .flat_map(|(_, names, value)| {
                let text = value.to_string();
                names.iter().filter(move |name| is_guarded(&text, name)).cloned()
            })
            .collect();
        for (span, names, _) in &reads {
            for name in names {
                let fact = name.strip_prefix("ansible_").and_then(Topic::of);
                let known = self.defined.contains(name)
                    || self.gathered && fact.is_some()
                    || self.patterns.iter().any(|pattern| could_be(pattern, name));
                if known || guarded.contains(name) {
                    continue;
                }
                let span = locate(sources, *span, name);
                let mut finding = Diagnostic::error(span, format!("`{name}` is not defined"))
                    .label("nothing defines this variable");
                let facts =
                    Topic::all().flat_map(Topic::facts).map(|fact| format!("ansible_{fact}"));
                let facts: Vec<String> = if self.gathered { facts.collect() } else { vec![] };
                let names = self.defined.iter().chain(&facts).map(String::as_str);
                let near = nearest(name, names);
                finding = match near {
                    _ if fact.is_some() => finding.help(
                        "this is a fact, and no play gathers facts: remove `gather_facts: false`, or \
                         use the module `setup`",
                    ),
                    _ if name.starts_with("ansible_python") => {
                        finding.help("nothing of ours runs Python on a server: there is no such fact")
                    }
                    Some(near) => finding.help(format!("did you mean `{near}`?")),
                    None => finding.help(
                        "define it, or say what holds without it: `| default(…)`, `is defined`",
                    ),
                };
                if !found.contains(&finding) {
                    found.push(finding);
                }
            }
        }
        found
    }
}

/// Every encrypted text inside a value.
pub(super) fn sealed_inside(value: &Value) -> Box<dyn Iterator<Item = String> + '_> {
    match value {
        Value::String(text) => Box::new(sealed_in(text).into_iter()),
        Value::Array(items) => Box::new(items.iter().flat_map(sealed_inside)),
        Value::Object(entries) => Box::new(entries.values().flat_map(sealed_inside)),
        _ => Box::new(std::iter::empty()),
    }
}

/// Whether a text asks first if `name` is there.
fn is_guarded(text: &str, name: &str) -> bool {
    let name = regex::escape(name);
    let guard =
        format!(r"\b{name}\b[\w.\[\]'\x22]*\s*(\|\s*(default|d)\b|is\s+(not\s+)?(un)?defined\b)");
    // The pattern is made of an escaped name: it always compiles.
    Regex::new(&guard).is_ok_and(|guard| guard.is_match(text))
}

/// The line of a file that an error names, without the blanks around it; or else the word that it names.
fn line(sources: &SourceMap, span: Span, error: &TemplateError) -> Span {
    let TemplateError::Broken { line: Some(line), .. } = error else {
        let message = error.to_string();
        return message.split('`').nth(1).map_or(span, |word| locate(sources, span, word));
    };
    let text = sources.line(span.file, *line);
    let column = |chars: usize| u32::try_from(chars + 1).unwrap_or(u32::MAX);
    let before = text.chars().take_while(|c| c.is_whitespace()).count();
    let at = |column| Position { line: *line, column };
    let end = column(text.trim_end().chars().count());
    Span { file: span.file, start: at(column(before).min(end)), end: at(end) }
}

/// Where `name` stands inside a span.
fn locate(sources: &SourceMap, span: Span, name: &str) -> Span {
    let word = Regex::new(&format!(r"\b{}\b", regex::escape(name))).ok();
    let lines = sources.text(span.file).lines().enumerate();
    for (index, line) in lines {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        if number < span.start.line || number > span.end.line {
            continue;
        }
        let from = if number == span.start.line { span.start.column as usize - 1 } else { 0 };
        let offset = line.char_indices().nth(from).map_or(line.len(), |(at, _)| at);
        if let Some(hit) = word.as_ref().and_then(|word| word.find_at(line, offset)) {
            let column =
                |at: usize| u32::try_from(line[..at].chars().count() + 1).unwrap_or(u32::MAX);
            let at = |column| Position { line: number, column };
            return Span {
                file: span.file,
                start: at(column(hit.start())),
                end: at(column(hit.end())),
            };
        }
    }
    span
}
