//! Handlers: which a play has, in the order they run, and which a notification names.
use super::steps::{Context, TaskStep, task_step};
use crate::playbook::{Item, Play, RoleUse};
use crate::source::SourceMap;
use std::sync::Arc;

/// A handler of a play.
#[derive(Clone, Debug)]
pub struct Handler {
    /// The task.
    pub step: Arc<TaskStep>,
    /// Its own name, without the role's.
    pub name: String,
    /// Topics that it listens to.
    pub listen: Vec<String>,
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
    let mut keywords = used.keywords.clone();
    keywords.when.clear();
    keywords.tags.clear();
    let inside = context.enter_role(&used.role, &keywords);
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
                let step = Arc::new(task_step(task, context, sources));
                let own = task.keywords.name.as_ref();
                let name = own.map_or_else(|| task.module.name.to_owned(), |own| own.value.clone());
                let listen = task.listen.iter().map(|topic| topic.value.clone()).collect();
                out.retain(|other| other.step.name != step.name);
                out.push(Handler { step, name, listen });
            }
            Item::Block(block) => {
                let inside = context.enter(&block.keywords, "block vars");
                of_items(&block.items, &inside, sources, out);
            }
            Item::Include(_) | Item::Meta(_) => {}
        }
    }
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
        is(&handler.step.name) || (handler.name.contains("{{") && is(&rendered(handler)))
    };
    if let Some(handler) = handlers.iter().rev().find(named)
        && !out.iter().any(|other| other.step.name == handler.step.name)
    {
        out.push(handler);
    }
    out
}
