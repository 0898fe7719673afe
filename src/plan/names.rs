//! What a project names: every variable that something defines, and every text that may read one.
use super::PlayJob;
use super::gather::gathers;
use super::scope::Shared;
use crate::modules::Bind;
use crate::playbook::{self, Item, Keywords, Loop, Role, RoleUse, Task};
use crate::source::{FileId, Kind, Node, Span, Spanned, Vars, sealed_in};
use crate::vars::Engine;
use serde_json::Value;
use std::borrow::Cow;
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

/// Something that may be a template, or hold some.
pub(super) struct Read<'a> {
    /// Where it was written; of arguments of `module_defaults` and of `-e` no place is known.
    pub(super) span: Option<Span>,
    pub(super) value: Cow<'a, Value>,
    /// An expression without braces.
    pub(super) expression: bool,
}

impl Read<'_> {
    /// The text of an expression.
    pub(super) fn expression(&self) -> Option<&str> {
        self.value.as_str().filter(|_| self.expression)
    }
    /// The variables that it may read; none where it can't be compiled.
    pub(super) fn names(&self, engine: &Engine) -> BTreeSet<String> {
        match self.expression() {
            Some(text) => engine.names_of_expression(text),
            None => engine.names(&self.value),
        }
    }
}

/// Every name that something defines, and every template that reads one.
#[derive(Default)]
pub(super) struct Names<'a> {
    pub(super) defined: BTreeSet<&'a str>,
    /// Names that hold templates: what they can come out as may be defined.
    pub(super) patterns: Vec<&'a str>,
    pub(super) reads: Vec<Read<'a>>,
    /// Variables that plays and roles give a value.
    pub(super) own: Vec<&'a Spanned<String>>,
    /// Files whose text is a template.
    pub(super) files: BTreeSet<FileId>,
    /// What is encrypted, and the variable that it is in.
    pub(super) sealed: Vec<(Option<&'a str>, Span, String)>,
    /// Whether facts of hosts are gathered, by a play or by `setup`.
    pub(super) gathered: bool,
}

impl<'a> Names<'a> {
    /// Of plays, the inventory and the command line.
    pub(super) fn of(plays: &'a [PlayJob], shared: &'a Shared) -> Self {
        let mut names = Self::default();
        names.defined.extend(MAGIC);
        for (name, value) in &shared.extra.values {
            names.defined.insert(name);
            names.nowhere(value);
        }
        for host in &shared.inventory.hosts {
            names.vars(&host.vars);
            host.files.iter().for_each(|file| names.vars(&file.vars));
        }
        for group in shared.inventory.groups.values() {
            names.vars(&group.vars);
            group.files.iter().for_each(|file| names.vars(&file.vars));
        }
        shared.inventory.unclaimed().for_each(|file| names.vars(&file.vars));
        // Only some hosts take part: theirs is looked for elsewhere.
        names.sealed.clear();
        names.plays(plays);
        names
    }

    /// Of plays alone.
    pub(super) fn of_plays(plays: &'a [PlayJob]) -> Self {
        let mut names = Self::default();
        names.plays(plays);
        names
    }

    fn plays(&mut self, plays: &'a [PlayJob]) {
        for PlayJob { play, vars_files, .. } in plays {
            self.play(play);
            vars_files.iter().for_each(|vars| self.vars(vars));
        }
    }

    /// Everything that may hold templates.
    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.reads.iter().map(|read| &*read.value)
    }

    /// Every name that something reads.
    pub(super) fn used(&self, engine: &Engine) -> BTreeSet<String> {
        self.reads.iter().flat_map(|read| read.names(engine)).collect()
    }

    fn play(&mut self, play: &'a playbook::Play) {
        self.gathered |= gathers(play);
        self.keywords(&play.keywords);
        self.own.extend(play.keywords.vars.iter().map(|(name, _)| name));
        play.roles.iter().for_each(|used| self.role_use(used));
        for items in [&play.pre_tasks, &play.tasks, &play.post_tasks, &play.handlers] {
            self.items(items);
        }
    }

    fn vars(&mut self, vars: &'a Vars) {
        for (name, value) in vars {
            self.defined.insert(&name.value);
            self.read(value, false);
            let (span, found) = (value.span, sealed_inside(&value.value));
            self.sealed.extend(found.map(|text| (Some(name.value.as_str()), span, text)));
        }
    }

    fn read(&mut self, value: &'a Spanned<Value>, expression: bool) {
        self.push(value.span, Cow::Borrowed(&value.value), expression);
    }
    fn push(&mut self, span: Span, value: Cow<'a, Value>, expression: bool) {
        self.reads.push(Read { span: Some(span), value, expression });
    }
    fn nowhere(&mut self, value: &'a Value) {
        self.reads.push(Read { span: None, value: Cow::Borrowed(value), expression: false });
    }

    /// A file that is a template as a whole.
    pub(super) fn file(&mut self, span: Span, text: &str) {
        self.files.insert(span.file);
        self.push(span, Cow::Owned(text.into()), false);
    }

    fn keywords(&mut self, keywords: &'a Keywords) {
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
            arguments.values().for_each(|value| self.nowhere(value));
        }
    }

    fn role(&mut self, role: &'a Role) {
        let own = role.defaults.iter().chain(&role.vars);
        self.own.extend(own.map(|(name, _)| name));
        self.vars(&role.defaults);
        self.vars(&role.vars);
        self.items(&role.handlers);
        for (name, _) in role.arguments.iter().flat_map(|spec| &spec.options) {
            self.defined.insert(&name.value);
        }
        role.dependencies.iter().for_each(|used| self.role_use(used));
    }

    fn role_use(&mut self, used: &'a RoleUse) {
        self.keywords(&used.keywords);
        self.vars(&used.params);
        self.role(&used.role);
        self.items(&used.tasks);
    }

    fn items(&mut self, items: &'a [Item]) {
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
                    self.defined.extend(include.register.iter().map(|name| name.value.as_str()));
                    include.what.lists().into_iter().for_each(|list| self.items(list));
                    include.what.roles().into_iter().for_each(|used| self.role_use(used));
                    include.what.vars().into_iter().for_each(|vars| self.vars(&vars.vars));
                    if let Some(name) = include.what.template() {
                        self.push(name.span, Cow::Owned(name.value.clone().into()), false);
                    }
                }
                Item::Meta(meta) => self.keywords(&meta.keywords),
            }
        }
    }

    fn repeat(&mut self, repeat: Option<&'a Loop>) {
        if let Some(repeat) = repeat {
            self.defined.insert(&repeat.variable);
            self.defined.extend(repeat.index.as_deref());
            self.read(&repeat.over, false);
            repeat.label.iter().chain(&repeat.pause).for_each(|value| self.read(value, false));
            repeat.break_when.iter().for_each(|condition| self.read(condition, true));
        }
    }

    fn task(&mut self, task: &'a Task) {
        self.keywords(&task.keywords);
        self.repeat(task.repeat.as_ref());
        self.defined.extend(task.register.iter().map(|name| name.value.as_str()));
        self.defined.extend(task.module.facts);
        self.gathered |= task.module.name == "setup";
        if ["add_host", "set_fact"].contains(&task.module.name) {
            let keys = task.args.mapping().unwrap_or_default();
            for name in keys.iter().filter_map(|(key, _)| key.text()) {
                if name.contains("{{") {
                    self.patterns.push(name);
                }
                self.defined.insert(name);
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

    fn node(&mut self, node: &'a Node, expression: bool) {
        match &node.kind {
            Kind::Scalar { .. } => {
                let value = node.to_value();
                self.sealed.extend(sealed_inside(&value).map(|text| (None, node.span, text)));
                self.push(node.span, Cow::Owned(value), expression);
            }
            Kind::Sequence(items) => items.iter().for_each(|item| self.node(item, expression)),
            Kind::Mapping(pairs) => {
                pairs.iter().for_each(|(_, value)| self.node(value, expression));
            }
        }
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
