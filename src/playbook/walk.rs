//! The one way through everything that a play holds, in order: for whoever asks about all tasks,
//! all handlers or all notifications.
use super::load::NESTED;
use super::{Item, Keywords, Play, Role, RoleUse, Task};
use std::sync::Arc;

/// Where the walk is.
#[derive(Clone, Debug, Default)]
pub struct Here<'a> {
    /// The role that this belongs to.
    pub role: Option<&'a Arc<Role>>,
    /// Whether it is a handler.
    pub handler: bool,
    /// Whether it may never be reached, or fail without harm: something around it decides.
    pub maybe: bool,
    /// The keywords around it, outermost first; its own are not among them.
    pub around: Vec<&'a Keywords>,
}

impl<'a> Here<'a> {
    fn inside(&self, keywords: &'a Keywords, role: Option<&'a Arc<Role>>) -> Self {
        let mut inside = self.clone();
        inside.around.push(keywords);
        inside.maybe |= !keywords.when.is_empty() || keywords.ignore_errors.is_some();
        inside.role = role.or(self.role);
        inside
    }
}

type Visit<'v, 'a> = &'v mut dyn FnMut(&'a Item, &Here<'a>);

impl Play {
    /// Shows every item, nested ones included (what holds others comes before them): in the order
    /// in which they run, each role after its dependencies and after its own handlers, and the
    /// play's handlers at the end. Of includes everything that they can bring in.
    pub fn walk<'a>(&'a self, visit: Visit<'_, 'a>) {
        let here = Here::default().inside(&self.keywords, None);
        walk_items(&self.pre_tasks, &here, visit);
        self.roles.iter().for_each(|used| walk_role(used, &here, visit));
        walk_items(&self.tasks, &here, visit);
        walk_items(&self.post_tasks, &here, visit);
        walk_items(&self.handlers, &Here { handler: true, ..here }, visit);
    }

    /// Every task that is no handler, with its role.
    pub fn all_tasks(&self) -> Vec<(&Arc<Task>, Option<&Arc<Role>>)> {
        self.collect(false)
    }

    /// Every handler, with its role, in order of definition: those of roles first.
    pub fn all_handlers(&self) -> Vec<(&Arc<Task>, Option<&Arc<Role>>)> {
        self.collect(true)
    }

    fn collect(&self, handlers: bool) -> Vec<(&Arc<Task>, Option<&Arc<Role>>)> {
        let mut out = vec![];
        self.walk(&mut |item, here| {
            if let (Item::Task(task), true) = (item, here.handler == handlers) {
                out.push((task, here.role));
            }
        });
        out
    }
}

/// What a file may come to, its imports unfolded: whatever is more was built to hang its reader.
pub(super) const LARGEST: usize = 50_000;

/// What reading may still come to: items, unfolded, and how deep they lie.
pub(super) struct Budget {
    pub(super) items: usize,
    pub(super) depth: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { items: LARGEST, depth: NESTED + 1 }
    }
}

/// Takes what items come to, unfolded, off a budget; stops when it is used up.
pub(super) fn spend(items: &[Item], budget: &mut Budget) {
    if budget.depth == 0 {
        budget.items = 0;
        return;
    }
    budget.depth -= 1;
    for item in items {
        if budget.items == 0 {
            break;
        }
        budget.items -= 1;
        match item {
            Item::Task(_) | Item::Meta(_) => {}
            Item::Block(block) => {
                for part in [&block.items, &block.rescue, &block.always] {
                    spend(part, budget);
                }
                block.role.iter().for_each(|role| spend_brought(role, budget));
            }
            Item::Include(include) => {
                include.what.lists().into_iter().for_each(|list| spend(list, budget));
                include.what.roles().into_iter().for_each(|used| spend_role(used, budget));
            }
        }
    }
    budget.depth += 1;
}

/// The same of a role with its dependencies.
pub(super) fn spend_role(used: &RoleUse, budget: &mut Budget) {
    budget.items = budget.items.saturating_sub(1);
    spend(&used.tasks, budget);
    spend_brought(&used.role, budget);
}

fn spend_brought(role: &Role, budget: &mut Budget) {
    if budget.items > 0 && budget.depth > 0 {
        budget.depth -= 1;
        spend(&role.handlers, budget);
        role.dependencies.iter().for_each(|used| spend_role(used, budget));
        budget.depth += 1;
    } else {
        budget.items = 0;
    }
}

fn walk_role<'a>(used: &'a RoleUse, here: &Here<'a>, visit: Visit<'_, 'a>) {
    let inside = here.inside(&used.keywords, Some(&used.role));
    walk_brought(&used.role, &inside, visit);
    walk_items(&used.tasks, &inside, visit);
}

/// What a role brings along: its dependencies and its handlers.
fn walk_brought<'a>(role: &'a Role, inside: &Here<'a>, visit: Visit<'_, 'a>) {
    role.dependencies.iter().for_each(|used| walk_role(used, inside, visit));
    walk_items(&role.handlers, &Here { handler: true, ..inside.clone() }, visit);
}

fn walk_items<'a>(items: &'a [Item], here: &Here<'a>, visit: Visit<'_, 'a>) {
    for item in items {
        visit(item, here);
        match item {
            Item::Task(_) | Item::Meta(_) => {}
            Item::Block(block) => {
                let mut inside = here.inside(&block.keywords, block.role.as_ref());
                if let Some(role) = &block.role {
                    walk_brought(role, &inside, visit);
                }
                inside.maybe |= !block.rescue.is_empty();
                for part in [&block.items, &block.rescue, &block.always] {
                    walk_items(part, &inside, visit);
                }
            }
            Item::Include(include) => {
                let mut inside = here.inside(&include.apply, None);
                // What a handler includes are tasks, which nothing notifies.
                inside.handler = false;
                inside.maybe |= !include.keywords.when.is_empty()
                    || include.repeat.is_some()
                    || include.what.template().is_some();
                include.what.lists().into_iter().for_each(|l| walk_items(l, &inside, visit));
                include.what.roles().into_iter().for_each(|used| walk_role(used, &inside, visit));
            }
        }
    }
}
