//! A play as steps: roles and imports unfolded, every task with the keywords, variables and role
//! that hold at it. What tags leave out is not among them.
use super::keywords::inherit;
use super::scope::{self, RoleVars, layer};
use crate::playbook::{Include, Included, Item, Keywords, Meta, Play, Role, RoleUse, Task};
use crate::source::{SourceMap, Spanned};
use crate::vars::{Layer, Trust};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What holds at a place in a play.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Keywords, inherited.
    pub keywords: Keywords,
    /// The role that it belongs to: file search, names, defaults.
    pub role: Option<Arc<Role>>,
    /// What that role brings.
    pub role_vars: Option<RoleVars>,
    /// The magic variables about that role.
    pub role_place: Option<Arc<Layer>>,
    /// `vars:` of blocks around it and its own, outermost first.
    pub vars: Vec<Arc<Layer>>,
    /// `vars:` of the roles around it, where they are used: with those that the roles bring.
    pub given: Vec<Arc<Layer>>,
    /// Variables beside the name of a role, and `vars:` of includes: above all that tasks set.
    pub params: Vec<Arc<Layer>>,
    /// The uses of roles around it, outermost first: one and the same for all that belongs to a use.
    pub uses: Vec<Arc<()>>,
    /// The roles around that role, nearest first.
    pub parents: Vec<String>,
}

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Step {
    /// A task.
    Task(Arc<TaskStep>),
    /// A block that has a `rescue` or an `always`; one without is unfolded.
    Block {
        /// `block`.
        items: Vec<Step>,
        /// `rescue`.
        rescue: Vec<Step>,
        /// `always`.
        always: Vec<Step>,
    },
    /// Decided when it is reached.
    Include(Arc<Include>, Arc<Context>),
    /// `meta`.
    Meta(Arc<Meta>, Arc<Context>),
    /// The end of `pre_tasks`, `roles` + `tasks`, `post_tasks`: notified handlers run.
    Flush {
        /// The end of the play: whatever is still owed runs now.
        last: bool,
    },
}

impl Step {
    /// What holds at it, where that is one thing.
    pub fn context(&self) -> Option<&Context> {
        match self {
            Self::Task(step) => Some(&step.context),
            Self::Include(_, context) | Self::Meta(_, context) => Some(context),
            Self::Block { .. } | Self::Flush { .. } => None,
        }
    }
}

/// A task with what holds at it.
#[derive(Clone, Debug)]
pub struct TaskStep {
    /// As written.
    pub task: Arc<Task>,
    /// What holds at it, its own keywords included.
    pub context: Context,
    /// `role : name`; may hold templates.
    pub name: String,
    /// `path:line:column`.
    pub place: String,
}

/// `--tags` and `--skip-tags`.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Wanted; empty: all.
    pub tags: Vec<String>,
    /// Not wanted.
    pub skip: Vec<String>,
}

impl Selection {
    /// Whether something with these tags is chosen (Ansible: `always` unless skipped, `never` unless
    /// asked for, `all`, `tagged`, `untagged`).
    pub fn chooses(&self, tags: &BTreeSet<String>) -> bool {
        let has = |list: &[String]| {
            list.iter().any(|wanted| match wanted.as_str() {
                "all" => !tags.contains("never"),
                "tagged" => !tags.is_empty() && !tags.contains("never"),
                "untagged" => tags.is_empty(),
                name => tags.contains(name),
            })
        };
        let wanted = if self.tags.is_empty() { !tags.contains("never") } else { has(&self.tags) };
        let always = tags.contains("always") && !self.skip.iter().any(|skip| skip == "always");
        (wanted || always) && !has(&self.skip)
    }
}

/// Tags as words: lists and commas taken apart.
fn words(tags: &[Spanned<Value>]) -> BTreeSet<String> {
    fn add(value: &Value, out: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => {
                out.extend(text.split(',').map(|tag| tag.trim().to_owned()));
            }
            Value::Array(items) => items.iter().for_each(|item| add(item, out)),
            other => {
                out.insert(other.to_string());
            }
        }
    }
    let mut out = BTreeSet::new();
    tags.iter().for_each(|tag| add(&tag.value, &mut out));
    out
}

impl Context {
    /// What holds inside something that has these keywords.
    #[must_use]
    pub fn enter(&self, keywords: &Keywords, origin: &str) -> Self {
        let mut inside = self.clone();
        inside.keywords = inherit(&self.keywords, keywords);
        if !keywords.vars.is_empty() {
            inside.vars.push(Arc::new(layer(origin, Trust::Template, &keywords.vars)));
        }
        inside
    }
    /// What holds inside a role that is imported here.
    #[must_use]
    pub fn enter_role(&self, role: &Arc<Role>, keywords: &Keywords) -> Self {
        let mut inside = self.enter(keywords, "block vars");
        if let Some(around) = inside.role.replace(role.clone()) {
            inside.parents.insert(0, around.name.clone());
        }
        inside.role_vars = Some(RoleVars::of(role));
        inside.role_place = Some(Arc::new(scope::place(role, &inside.parents)));
        inside.uses.push(Arc::default());
        inside
    }
    /// What holds inside a role that a play or another role names.
    #[must_use]
    pub fn use_role(&self, used: &RoleUse) -> Self {
        let mut inside = self.enter_role(&used.role, &Keywords::default());
        inside.keywords = inherit(&self.keywords, &used.keywords);
        let layer = |vars| {
            let origin = format!("parameters of role {}", used.role.name);
            Arc::new(layer(&origin, Trust::Template, vars))
        };
        if !used.keywords.vars.is_empty() {
            inside.given.push(layer(&used.keywords.vars));
        }
        if !used.params.is_empty() {
            inside.params.push(layer(&used.params));
        }
        inside
    }
    /// What holds at an include, and, of its variables, inside.
    #[must_use]
    pub fn enter_include(&self, keywords: &Keywords) -> Self {
        let mut inside = self.clone();
        inside.keywords = inherit(&self.keywords, keywords);
        if !keywords.vars.is_empty() {
            inside.params.push(Arc::new(layer("include vars", Trust::Template, &keywords.vars)));
        }
        inside
    }
    /// What holds in a role that this one depends on: it is beside it, not inside.
    fn beside(&self) -> Self {
        Self { role: None, role_vars: None, role_place: None, ..self.clone() }
    }
    /// What something of that name is called here: `role : name`.
    pub fn named(&self, own: &str) -> String {
        match &self.role {
            Some(role) => format!("{} : {own}", role.name),
            None => own.to_owned(),
        }
    }
    /// Tags that hold here.
    pub fn tags(&self) -> BTreeSet<String> {
        words(&self.keywords.tags)
    }
}

/// The steps of a list of items.
pub fn steps(
    items: &[Item],
    context: &Context,
    chosen: &Selection,
    sources: &SourceMap,
) -> Vec<Step> {
    let mut out = vec![];
    for item in items {
        match item {
            Item::Task(task) => {
                let step = task_step(task, context, sources);
                if chosen.chooses(&step.context.tags()) {
                    out.push(Step::Task(Arc::new(step)));
                }
            }
            Item::Block(block) => {
                let inside = match &block.role {
                    Some(role) => context.enter_role(role, &block.keywords),
                    None => context.enter(&block.keywords, "block vars"),
                };
                if let Some(role) = &block.role {
                    let mut seen = vec![];
                    for used in &role.dependencies {
                        out.extend(role_steps(used, &inside.beside(), &mut seen, chosen, sources));
                    }
                }
                let part = |items: &[Item]| steps(items, &inside, chosen, sources);
                let (items, rescue, always) =
                    (part(&block.items), part(&block.rescue), part(&block.always));
                if rescue.is_empty() && always.is_empty() {
                    out.extend(items);
                } else {
                    out.push(Step::Block { items, rescue, always });
                }
            }
            Item::Include(include) => {
                let inside = context.enter_include(&include.keywords);
                if chosen.chooses(&inside.tags()) {
                    out.push(Step::Include(include.clone(), Arc::new(inside)));
                }
            }
            Item::Meta(meta) => {
                let inside = context.enter(&meta.keywords, "task vars");
                if chosen.chooses(&inside.tags()) || inside.tags().is_empty() {
                    out.push(Step::Meta(meta.clone(), Arc::new(inside)));
                }
            }
        }
    }
    out
}

/// A task with what holds at it.
pub(super) fn task_step(task: &Arc<Task>, context: &Context, sources: &SourceMap) -> TaskStep {
    let own = task.keywords.name.as_ref().map_or(task.module.name, |name| name.value.as_str());
    TaskStep {
        task: task.clone(),
        context: context.enter(&task.keywords, "task vars"),
        name: context.named(own),
        place: sources.locate(task.span),
    }
}

/// The steps of a role with its dependencies. What was `seen` used alike does not run again.
fn role_steps<'a>(
    used: &'a RoleUse,
    context: &Context,
    seen: &mut Vec<&'a RoleUse>,
    chosen: &Selection,
    sources: &SourceMap,
) -> Vec<Step> {
    if !used.role.allow_duplicates && seen.iter().any(|other| other.is_like(used)) {
        return vec![];
    }
    seen.push(used);
    let inside = context.use_role(used);
    let mut out = vec![];
    for dependency in &used.role.dependencies {
        out.extend(role_steps(dependency, &inside.beside(), seen, chosen, sources));
    }
    out.extend(steps(&used.tasks, &inside, chosen, sources));
    out
}

/// All steps of a play, in order.
pub fn play_steps(play: &Play, chosen: &Selection, sources: &SourceMap) -> Vec<Step> {
    // The play's own `vars` are a level of their own (see `scope`), not block vars.
    let mut keywords = play.keywords.clone();
    keywords.vars.clear();
    let context = Context { keywords, ..Context::default() };
    let mut out = steps(&play.pre_tasks, &context, chosen, sources);
    out.push(Step::Flush { last: false });
    let mut seen = vec![];
    for used in &play.roles {
        out.extend(role_steps(used, &context, &mut seen, chosen, sources));
    }
    out.extend(steps(&play.tasks, &context, chosen, sources));
    out.push(Step::Flush { last: false });
    out.extend(steps(&play.post_tasks, &context, chosen, sources));
    out.push(Step::Flush { last: true });
    out
}

/// Where the first task of a name is among steps (`--start-at-task`), by itself or inside a block.
pub fn start_at(steps: &[Step], name: &str) -> Option<usize> {
    fn has(step: &Step, name: &str) -> bool {
        match step {
            Step::Task(task) => {
                task.name == name || task.name.rsplit(" : ").next().is_some_and(|own| own == name)
            }
            Step::Block { items, .. } => items.iter().any(|step| has(step, name)),
            Step::Include(..) | Step::Meta(..) | Step::Flush { .. } => false,
        }
    }
    steps.iter().position(|step| has(step, name))
}

/// The names of all tasks among steps.
pub fn task_names(steps: &[Step]) -> Vec<&str> {
    fn names(step: &Step) -> Vec<&str> {
        match step {
            Step::Task(task) => vec![task.name.rsplit(" : ").next().unwrap_or(&task.name)],
            Step::Block { items, .. } => task_names(items),
            Step::Include(..) | Step::Meta(..) | Step::Flush { .. } => vec![],
        }
    }
    steps.iter().flat_map(names).collect()
}

/// The steps that an include brings in, when that is known; `name` is the rendered file name.
pub fn included(
    include: &Include,
    context: &Context,
    name: Option<&str>,
    chosen: &Selection,
    sources: &SourceMap,
) -> Option<Vec<Step>> {
    // An include's own keywords are about the include; what is inside gets `apply:` and the vars.
    let mut around = context.clone();
    let own = &include.keywords;
    around.keywords.when.truncate(context.keywords.when.len().saturating_sub(own.when.len()));
    around.keywords.tags.truncate(context.keywords.tags.len().saturating_sub(own.tags.len()));
    let around = around.enter(&include.apply, "include vars");
    match &include.what {
        Included::Tasks(items) => Some(steps(items, &around, chosen, sources)),
        Included::Vars(_) | Included::TemplatedVars { .. } => Some(vec![]),
        Included::Templated { candidates, .. } => {
            let (_, items) = candidates.iter().find(|(path, _)| Some(path.as_str()) == name)?;
            Some(steps(items, &around, chosen, sources))
        }
        what @ (Included::Role(_) | Included::TemplatedRole { .. }) => {
            Some(role_steps(what.role(name)?, &around, &mut vec![], chosen, sources))
        }
    }
}
