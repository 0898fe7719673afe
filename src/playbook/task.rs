//! Lists of tasks, and what stands in them: a call of a module, a block, an import, an include or
//! `meta`. Which of them a mapping is, its keys say.
use super::keywords::{Fields, Place, allowed, suggest};
use super::load::{Around, Reader};
use super::shape::{kind, text, texts, value, values};
use super::{Item, Meta, MetaAction, Task};
use crate::modules::{self, MODULES, ModuleDef};
use crate::source::{Diagnostic, Node, Vars};
use std::sync::Arc;

/// What looks like a module and is a part of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    ImportTasks,
    IncludeTasks,
    ImportRole,
    IncludeRole,
    IncludeVars,
    Meta,
}

/// Statements by name, in alphabetical order, with one line for `cowhand doc`.
pub static STATEMENTS: &[(&str, &str)] = &[
    ("import_playbook", "the plays of another playbook (at the top of a playbook alone)"),
    ("import_role", "a role, as if its tasks stood here"),
    ("import_tasks", "a file of tasks, as if they stood here"),
    ("include_role", "a role, decided when it is reached"),
    ("include_tasks", "a file of tasks, decided when it is reached"),
    ("include_vars", "variables of a file, from here on"),
    (
        "meta",
        "`flush_handlers`, `end_host`, `end_role`, `end_batch`, `end_play`, `clear_facts`, \
         `clear_host_errors`, `reset_connection`, `noop`",
    ),
];

const META: &[(&str, MetaAction)] = &[
    ("clear_facts", MetaAction::ClearFacts),
    ("clear_host_errors", MetaAction::ClearHostErrors),
    ("end_batch", MetaAction::EndBatch),
    ("end_host", MetaAction::EndHost),
    ("end_play", MetaAction::EndPlay),
    ("end_role", MetaAction::EndRole),
    ("flush_handlers", MetaAction::FlushHandlers),
    ("noop", MetaAction::Noop),
    ("reset_connection", MetaAction::ResetConnection),
];

/// A name without the collection that Ansible's own things are in.
pub(super) fn plain(name: &str) -> &str {
    ["ansible.builtin.", "ansible.legacy."]
        .iter()
        .find_map(|collection| name.strip_prefix(collection))
        .unwrap_or(name)
}

/// What a task calls.
#[derive(Clone, Copy)]
enum Call {
    Module(&'static ModuleDef),
    Statement(Statement),
}

impl Call {
    fn find(name: &str) -> Option<Self> {
        let statement = match plain(name) {
            "import_tasks" => Statement::ImportTasks,
            "include_tasks" => Statement::IncludeTasks,
            "import_role" => Statement::ImportRole,
            "include_role" => Statement::IncludeRole,
            "include_vars" => Statement::IncludeVars,
            "meta" => Statement::Meta,
            _ => return modules::find(name).map(Self::Module),
        };
        Some(Self::Statement(statement))
    }

    fn place(self, around: &Around) -> Place {
        match self {
            Self::Module(_) if around.handlers => Place::Handler,
            Self::Module(_) => Place::Task,
            Self::Statement(Statement::ImportTasks | Statement::ImportRole) => Place::Import,
            Self::Statement(Statement::Meta) => Place::Meta,
            Self::Statement(_) => Place::Include,
        }
    }
}

impl Reader<'_> {
    /// A list of tasks or handlers; nothing at all is an empty one.
    pub(super) fn items(&mut self, node: &Node, around: &Around) -> Vec<Item> {
        let Some(items) = node.sequence() else {
            if !super::shape::is_null(node) {
                let message = "expected a list of tasks";
                self.found(Diagnostic::error(node.span, message).label(kind(node)));
            }
            return vec![];
        };
        items.iter().filter_map(|item| self.item(item, around)).collect()
    }

    fn item(&mut self, node: &Node, around: &Around) -> Option<Item> {
        let Some(pairs) = node.mapping() else {
            let finding = Diagnostic::error(node.span, "expected a task").label(kind(node));
            self.found(finding.help("a task is a mapping: `- name: …`, then the module"));
            return None;
        };
        if let Some(node) = self.without_action(node) {
            return self.item(&node, around);
        }
        let is = |key: &Node, words: &[&str]| key.text().is_some_and(|key| words.contains(&key));
        if pairs.iter().any(|(key, _)| is(key, &["block", "rescue", "always"])) {
            return Some(self.block(node, around));
        }
        let calls: Vec<_> = (pairs.iter())
            .filter_map(|(key, value)| Some((key, value, Call::find(key.text()?)?)))
            .collect();
        let place = calls.first().map(|(.., call)| call.place(around));
        let place = place.unwrap_or(if around.handlers { Place::Handler } else { Place::Task });
        let rest = pairs.iter().filter(|(key, _)| !calls.iter().any(|(call, ..)| *call == key));
        let mut fields = Fields::sort(rest, place, self);
        if let Some((second, ..)) = calls.get(1) {
            let names: Vec<_> = calls.iter().filter_map(|(key, ..)| key.text()).collect();
            let message =
                format!("a task calls one module, this one calls `{}`", names.join("` and `"));
            self.found(Diagnostic::error(second.span, message).help("make them two tasks"));
        }
        let Some((key, value, call)) = calls.into_iter().next() else {
            self.no_call(node, &fields, place);
            return None;
        };
        let repeat = self.repeat(&mut fields, place);
        self.unknown_keys(&fields, place, Some(call));
        match call {
            Call::Module(module) => Some(self.task(node, module, value, fields, repeat)),
            Call::Statement(Statement::Meta) => self.meta(node, value, fields, around),
            Call::Statement(statement) => {
                self.statement(statement, (key, value), fields, repeat, around)
            }
        }
    }

    fn no_call(&mut self, node: &Node, fields: &Fields<'_>, place: Place) {
        self.unknown_keys(fields, place, None);
        let is_with = |key: &Node| key.text().is_some_and(|key| key.starts_with("with_"));
        if fields.others.iter().all(|(key, _)| is_with(key)) && !self.is_wrong(node.span) {
            let help = "add the module's name as a key, e.g. `command: …`";
            self.found(Diagnostic::error(node.span, "this task calls no module").help(help));
        }
    }

    /// Keys that are neither keywords nor modules.
    fn unknown_keys(&mut self, fields: &Fields<'_>, place: Place, call: Option<Call>) {
        let own = |word: &str| match call {
            Some(Call::Module(module)) => {
                let has = |it: &modules::Opt| it.name == word || it.aliases.contains(&word);
                module.options.iter().any(has).then_some(module.name)
            }
            _ => None,
        };
        for (key, _) in &fields.others {
            let word = key.text().unwrap_or_default();
            if word.starts_with("with_") {
                continue;
            }
            let what = place.text();
            let finding = match plain(word) {
                name if crate::modules::refused(name).is_some() => {
                    let instead = crate::modules::refused(name).unwrap_or_default();
                    Diagnostic::error(key.span, format!("the module `{word}` is not supported"))
                        .help(instead)
                }
                "include" => Diagnostic::error(key.span, "`include` is not supported")
                    .help("write `include_tasks` or `import_tasks`"),
                "import_playbook" => {
                    Diagnostic::error(key.span, format!("`{word}` is not allowed in {what}"))
                        .help("it belongs to the top of a playbook, beside the plays")
                }
                _ if own(word).is_some() => {
                    let module = own(word).unwrap_or_default();
                    let message = format!("`{word}` is a parameter of `{module}`, not of the task");
                    Diagnostic::error(key.span, message)
                        .help(format!("write it below `{module}:`, two spaces further in"))
                }
                short => {
                    let message = format!("`{word}` is neither a module nor a keyword of {what}");
                    let words = allowed(place)
                        .chain(MODULES.iter().map(|module| module.name))
                        .chain(STATEMENTS.iter().map(|(name, _)| *name));
                    let short = short.rsplit('.').next().unwrap_or(short);
                    let finding = Diagnostic::error(key.span, message);
                    suggest(finding.help("`cowhand doc` lists what there is"), short, words)
                }
            };
            self.found(finding);
        }
    }

    fn task(
        &mut self,
        node: &Node,
        module: &'static ModuleDef,
        called: &Node,
        mut fields: Fields<'_>,
        repeat: Option<super::Loop>,
    ) -> Item {
        let args = self.arguments(module, called, fields.take("args"));
        let register = fields.take("register").map(text);
        if let Some(name) = &register {
            self.name(name, "a variable");
        }
        let notify = fields.take("notify").map(texts).unwrap_or_default();
        let task = Task {
            span: node.span,
            module,
            args,
            repeat,
            register,
            changed_when: fields.take("changed_when").map(values),
            failed_when: fields.take("failed_when").map(values),
            until: fields.take("until").map(values),
            retries: fields.take("retries").map(value),
            delay: fields.take("delay").map(value),
            notify,
            listen: fields.take("listen").map(texts).unwrap_or_default(),
            keywords: self.keywords(&mut fields),
        };
        fields.done();
        Item::Task(Arc::new(task))
    }

    fn meta(
        &mut self,
        node: &Node,
        called: &Node,
        mut fields: Fields<'_>,
        around: &Around,
    ) -> Option<Item> {
        let keywords = self.keywords(&mut fields);
        fields.done();
        let word = called.text().unwrap_or_default();
        let Some((_, action)) = META.iter().find(|(name, _)| *name == word) else {
            let message = format!("`meta` can't do `{word}`");
            let known: Vec<_> = META.iter().map(|(name, _)| *name).collect();
            let finding = Diagnostic::error(called.span, message);
            let finding = finding.label(format!("it can do {}", known.join(", ")));
            self.found(match word {
                "refresh_inventory" => finding.help(
                    "the inventory is read once; what `add_host` and `group_by` bring is there at once",
                ),
                _ => suggest(finding, word, known),
            });
            return None;
        };
        if around.handlers {
            self.error(called.span, "`meta` can't be a handler");
        }
        if let (MetaAction::FlushHandlers, Some(when)) = (action, keywords.when.first()) {
            let help = "put the condition on the handlers";
            let message = "`flush_handlers` takes no `when`";
            self.found(Diagnostic::error(when.span, message).help(help));
        }
        Some(Item::Meta(Arc::new(Meta { span: node.span, keywords, action: *action })))
    }

    /// Variables from arguments that are no options: `- role: x` with `port: 25` beside it.
    pub(super) fn extra_vars(&mut self, pairs: &[(&Node, &Node)]) -> Vars {
        let mut vars = vec![];
        for (key, node) in pairs {
            let name = text(key);
            self.name(&name, "a variable");
            vars.push((name, value(node)));
        }
        vars
    }
}
