//! Handlers: which a play has, in the order they run, and which a notification names.
use super::steps::{Context, Step, task_step};
use crate::playbook::{Item, Play, RoleUse};
use crate::source::{SourceMap, Spanned};
use std::sync::Arc;

/// A handler of a play.
#[derive(Clone, Debug)]
pub struct Handler {
    /// A task, or an include of tasks.
    pub step: Step,
    /// What holds at it.
    pub context: Arc<Context>,
    /// `role : name`; may hold templates.
    pub full: String,
    /// Its own name, without the role's.
    pub name: String,
    /// Topics that it listens to.
    pub listen: Vec<String>,
}

impl Handler {
    fn new(step: Step, context: Arc<Context>, name: String, listen: &[Spanned<String>]) -> Self {
        let full = context.named(&name);
        let listen = listen.iter().map(|topic| topic.value.clone()).collect();
        Self { step, context, full, name, listen }
    }
}

/// The handlers of a play: those of its roles, then its own, in order of definition. A later one of
/// the same full name takes the place of an earlier one, as in Ansible.
pub fn handlers(play: &Play, sources: &SourceMap) -> Vec<Handler> {
    let mut keywords = play.keywords.clone();
    keywords.vars.clear();
    // Handlers run because they were notified: neither the play's tags nor its conditions hold them.
    keywords.tags.clear();
    let context = Context { keywords, ..Context::default() };
    let mut out = vec![];
    for used in &play.roles {
        of_role(used, &context, sources, &mut out);
    }
    for items in [&play.pre_tasks, &play.tasks, &play.post_tasks] {
        of_blocks(items, &context, sources, &mut out);
    }
    of_items(&play.handlers, &context, sources, &mut out);
    out
}

fn of_role(used: &RoleUse, context: &Context, sources: &SourceMap, out: &mut Vec<Handler>) {
    let mut inside = context.use_role(used);
    inside.keywords.when.clone_from(&context.keywords.when);
    inside.keywords.tags.clone_from(&context.keywords.tags);
    for dependency in &used.role.dependencies {
        of_role(dependency, &inside, sources, out);
    }
    of_items(&used.role.handlers, &inside, sources, out);
    of_blocks(&used.tasks, &inside, sources, out);
}

/// Roles that are imported by tasks bring their handlers too.
fn of_blocks(items: &[Item], context: &Context, sources: &SourceMap, out: &mut Vec<Handler>) {
    for item in items {
        match item {
            Item::Block(block) => {
                let inside = match &block.role {
                    Some(role) => {
                        let inside = context.enter_role(role, &block.keywords);
                        of_items(&role.handlers, &inside, sources, out);
                        inside
                    }
                    None => context.enter(&block.keywords, "block vars"),
                };
                for part in [&block.items, &block.rescue, &block.always] {
                    of_blocks(part, &inside, sources, out);
                }
            }
            Item::Include(include) => {
                for used in include.what.roles() {
                    of_role(used, context, sources, out);
                }
            }
            Item::Task(_) | Item::Meta(_) => {}
        }
    }
}

fn of_items(items: &[Item], context: &Context, sources: &SourceMap, out: &mut Vec<Handler>) {
    for item in items {
        match item {
            Item::Task(task) => {
                let step = task_step(task, context, sources);
                let context = Arc::new(step.context.clone());
                let own = task.keywords.name.as_ref();
                let name = own.map_or_else(|| task.module.name.to_owned(), |own| own.value.clone());
                let step = Step::Task(Arc::new(step));
                add(Handler::new(step, context, name, &task.listen), out);
            }
            Item::Include(include) => {
                let context = Arc::new(context.enter_include(&include.keywords));
                let own = include.keywords.name.as_ref();
                let name = own.map_or(include.statement, |own| own.value.as_str()).to_owned();
                let step = Step::Include(include.clone(), context.clone());
                add(Handler::new(step, context, name, &include.listen), out);
            }
            Item::Block(block) => {
                let inside = context.enter(&block.keywords, "block vars");
                of_items(&block.items, &inside, sources, out);
            }
            Item::Meta(_) => {}
        }
    }
}

/// A later handler of the same full name takes the place of an earlier one.
fn add(handler: Handler, out: &mut Vec<Handler>) {
    out.retain(|other| other.full != handler.full);
    out.push(handler);
}

/// The handlers that a notification names: those that listen to it, or the last one of that name.
/// `rendered` is the name of a handler whose name holds templates.
pub fn notified<'a>(
    handlers: &'a [Handler],
    name: &str,
    rendered: impl Fn(&Handler) -> String,
) -> Vec<&'a Handler> {
    let mut out: Vec<&Handler> = vec![];
    // Of handlers of one name the last has the word, as in Ansible: also among those that listen.
    for handler in handlers.iter().filter(|handler| handler.listen.iter().any(|t| t == name)) {
        out.retain(|other| other.name != handler.name);
        out.push(handler);
    }
    let named = |handler: &&Handler| {
        let is = |full: &str| full == name || full.rsplit(" : ").next() == Some(name);
        is(&handler.full) || (handler.name.contains("{{") && is(&rendered(handler)))
    };
    if let Some(handler) = handlers.iter().rev().find(named)
        && !out.iter().any(|other| other.full == handler.full)
    {
        out.push(handler);
    }
    out
}
