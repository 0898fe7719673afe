//! What was asked: plays, blocks, tasks, handlers and roles as they were written, every piece with
//! its place. Parsing is strict: an unknown key, module or handler is an error with a suggestion.
//! Pure: reads files only through a [`Library`], evaluates no template.
mod action;
pub mod arguments;
mod block;
mod call;
mod candidates;
mod check;
mod include;
mod include_vars;
mod included;
mod inherited;
pub mod keywords;
mod load;
mod method;
mod play;
mod prompt;
mod repeat;
mod risk;
mod role;
mod shape;
mod short;
mod spec;
mod task;
#[cfg(test)]
mod tests;
mod walk;

pub use candidates::could_be;
pub use included::{Include, Included, IncludedVars};
pub use inherited::{Keywords, Rare};
pub use method::Method;
pub use prompt::Prompt;
pub use repeat::LOOKUPS;
pub use risk::Risk;
pub use shape::Shape;
pub use short::pairs;
pub use spec::TYPES;
pub use task::STATEMENTS;
pub use walk::Here;

use crate::modules::ModuleDef;
use crate::source::{Diagnostic, Node, SourceMap, Span, Spanned, Vars};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where project files come from. `project` implements it on the disk, tests in memory.
pub trait Library {
    /// The text of a file; `None` when there is none.
    ///
    /// # Errors
    /// A file that is there and can't be read.
    fn text(&self, path: &Path) -> Result<Option<Arc<str>>, Diagnostic>;
    /// The folders that roles are looked for in, the nearest first.
    fn role_paths(&self) -> &[PathBuf];
    /// Files below a folder, sorted; empty when there is none.
    fn files_below(&self, folder: &Path) -> Vec<PathBuf>;
}

/// A parsed playbook.
#[derive(Clone, Debug, Default)]
pub struct Playbook {
    /// In order.
    pub plays: Vec<Play>,
}

/// A play.
#[derive(Clone, Debug)]
pub struct Play {
    /// Where it begins.
    pub span: Span,
    /// The folder of its playbook: `files/`, `templates/`, `vars_files` are looked for in it.
    pub folder: PathBuf,
    /// `name`.
    pub name: Option<String>,
    /// Host pattern (a list is joined with `,`); may hold templates.
    pub hosts: Spanned<String>,
    /// Keywords that tasks inherit.
    pub keywords: Keywords,
    /// `vars_files`, as written.
    pub vars_files: Vec<Spanned<Value>>,
    /// `vars_prompt`.
    pub prompts: Vec<Prompt>,
    /// `gather_facts`; `None`: yes.
    pub gather_facts: Option<Spanned<Value>>,
    /// `gather_subset`.
    pub gather_subset: Vec<Spanned<Value>>,
    /// `gather_timeout`, seconds.
    pub gather_timeout: Option<Spanned<Value>>,
    /// `fact_path`.
    pub fact_path: Option<Spanned<Value>>,
    /// `serial`: numbers or percentages.
    pub serial: Vec<Spanned<Value>>,
    /// `max_fail_percentage`.
    pub max_fail_percentage: Option<Spanned<Value>>,
    /// `force_handlers`.
    pub force_handlers: Option<Spanned<Value>>,
    /// `rollback`; `None`: yes.
    pub rollback: Option<Spanned<Value>>,
    /// `order`: `inventory`, `reverse_inventory`, `sorted`, `reverse_sorted`, `shuffle`.
    pub order: Option<Spanned<String>>,
    /// `strategy`.
    pub strategy: Strategy,
    /// `pre_tasks`.
    pub pre_tasks: Vec<Item>,
    /// `roles`.
    pub roles: Vec<RoleUse>,
    /// `tasks`.
    pub tasks: Vec<Item>,
    /// `post_tasks`.
    pub post_tasks: Vec<Item>,
    /// `handlers`.
    pub handlers: Vec<Item>,
}

/// How the hosts of a play go through its tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// All together, task by task.
    #[default]
    Linear,
    /// Each at its own pace.
    Free,
}

/// A role put to use by `roles:`, `import_role` or `include_role`.
#[derive(Clone, Debug)]
pub struct RoleUse {
    /// The role.
    pub role: Arc<Role>,
    /// Keywords given where it is used; its `vars` stand with the role's own.
    pub keywords: Keywords,
    /// Variables that stand beside its name: above all that tasks set.
    pub params: Vars,
    /// Which tasks file, `main` unless told otherwise.
    pub tasks: Vec<Item>,
    /// Where it is used.
    pub span: Span,
    /// Whether the whole play sees its defaults and vars, not the role alone.
    pub public: bool,
}

impl RoleUse {
    /// Whether it is used in the same way: such a role runs once.
    pub fn is_like(&self, other: &Self) -> bool {
        let values = |list: &[Spanned<Value>]| -> Vec<Value> {
            list.iter().map(|entry| entry.value.clone()).collect()
        };
        let vars = |vars: &Vars| -> Vec<(String, Value)> {
            vars.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect()
        };
        let (own, others) = (&self.keywords, &other.keywords);
        self.role.path == other.role.path
            && vars(&own.vars) == vars(&others.vars)
            && vars(&self.params) == vars(&other.params)
            && values(&own.when) == values(&others.when)
            && values(&own.tags) == values(&others.tags)
    }
}

/// A role, read once.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// `defaults/main.yml`.
    pub defaults: Vars,
    /// `vars/main.yml`.
    pub vars: Vars,
    /// `handlers/main.yml`.
    pub handlers: Vec<Item>,
    /// `meta/argument_specs.yml`, the `main` entry point.
    pub arguments: Option<ArgumentSpec>,
    /// Roles that run before it.
    pub dependencies: Vec<RoleUse>,
    /// Whether it runs again when it is used twice alike.
    pub allow_duplicates: bool,
}

/// What a role takes, from `meta/argument_specs.yml`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArgumentSpec {
    /// What the role does, in one line.
    pub summary: Option<String>,
    /// What the role does.
    pub description: Vec<String>,
    /// By name, in the order written.
    pub options: Vec<(Spanned<String>, ArgumentOption)>,
    /// Names that the role's own `vars/` give values to: no arguments, and not unknown either.
    pub internal: Vec<String>,
}

/// One argument of a role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArgumentOption {
    /// `str`, `int`, `bool`, `list`, `dict`, `path`, `float`, `raw`.
    pub kind: String,
    /// Must be given.
    pub required: bool,
    /// Its value is never shown.
    pub no_log: bool,
    /// Documented default (the role's `defaults` hold the real one).
    pub default: Option<Value>,
    /// Allowed values; empty: any.
    pub choices: Vec<Value>,
    /// Of a list's items.
    pub elements: Option<String>,
    /// What it is for.
    pub description: Vec<String>,
    /// Of a dict.
    pub options: Vec<(Spanned<String>, ArgumentOption)>,
}

/// Something in a list of tasks.
#[derive(Clone, Debug)]
pub enum Item {
    /// A task that calls a module.
    Task(Arc<Task>),
    /// `block`, `rescue`, `always`. An import or a role is a block as well, with its keywords.
    Block(Arc<Block>),
    /// `include_tasks`, `include_role`: read already where the file name holds no template.
    Include(Arc<Include>),
    /// `meta: flush_handlers` and the like.
    Meta(Arc<Meta>),
}

/// A task.
#[derive(Clone, Debug)]
pub struct Task {
    /// Where it begins.
    pub span: Span,
    /// Its keywords.
    pub keywords: Keywords,
    /// What it calls.
    pub module: &'static ModuleDef,
    /// The module's arguments as written, free form and `args:` merged in; a mapping.
    pub args: Node,
    /// `loop` and `with_*`.
    pub repeat: Option<Loop>,
    /// `register`.
    pub register: Option<Spanned<String>>,
    /// `changed_when`, and-ed.
    pub changed_when: Option<Vec<Spanned<Value>>>,
    /// `failed_when`, and-ed.
    pub failed_when: Option<Vec<Spanned<Value>>>,
    /// `until`, and-ed.
    pub until: Option<Vec<Spanned<Value>>>,
    /// `retries`.
    pub retries: Option<Spanned<Value>>,
    /// `delay`, seconds.
    pub delay: Option<Spanned<Value>>,
    /// `notify`.
    pub notify: Vec<Spanned<String>>,
    /// `listen`, handlers alone.
    pub listen: Vec<Spanned<String>>,
}

/// `loop` or `with_*`.
#[derive(Clone, Debug)]
pub struct Loop {
    /// `None` for `loop`, else the lookup's name (`items`, `dict` …).
    pub lookup: Option<String>,
    /// What is looped over.
    pub over: Spanned<Value>,
    /// `loop_control.loop_var`, `item` unless told otherwise.
    pub variable: String,
    /// `loop_control.index_var`.
    pub index: Option<String>,
    /// `loop_control.label`.
    pub label: Option<Spanned<Value>>,
    /// `loop_control.pause`, seconds.
    pub pause: Option<Spanned<Value>>,
    /// `loop_control.extended`.
    pub extended: bool,
    /// `loop_control.extended_allitems`: whether `ansible_loop` holds the whole list.
    pub all_items: bool,
    /// `loop_control.break_when`, and-ed: the item for which it holds is the last.
    pub break_when: Vec<Spanned<Value>>,
}

/// A block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Where it begins.
    pub span: Span,
    /// Inherited by what is inside.
    pub keywords: Keywords,
    /// `block`.
    pub items: Vec<Item>,
    /// `rescue`.
    pub rescue: Vec<Item>,
    /// `always`.
    pub always: Vec<Item>,
    /// The role it stands for, when it is a role put to use: variables, handlers, file search path.
    pub role: Option<Arc<Role>>,
    /// Whether the whole play sees that role's defaults and vars.
    pub public: bool,
}

/// `meta`.
#[derive(Clone, Debug)]
pub struct Meta {
    /// Where it is.
    pub span: Span,
    /// Its keywords.
    pub keywords: Keywords,
    /// What.
    pub action: MetaAction,
}

/// What `meta` can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaAction {
    /// Run notified handlers now.
    FlushHandlers,
    /// Stop this host without failing it.
    EndHost,
    /// Leave out the rest of the role on this host.
    EndRole,
    /// Stop the batch without failing it.
    EndBatch,
    /// Stop the play without failing it.
    EndPlay,
    /// Forget facts of hosts.
    ClearFacts,
    /// Close this host's connection: the next task opens a new one.
    ResetConnection,
    /// Forget failures of hosts.
    ClearHostErrors,
    /// Nothing.
    Noop,
}

/// Reads a playbook with all it imports, and every role it uses. All findings, not just the first;
/// files are added to `sources`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(
    path: &Path,
    library: &dyn Library,
    sources: &mut SourceMap,
) -> Result<(Playbook, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut reader = load::Reader::new(library, sources);
    let plays = reader.playbook(path, None);
    for play in &plays {
        reader.check(play);
    }
    reader.findings().map(|warnings| (Playbook { plays }, warnings))
}

/// The variables of a file, as `vars_files` names it; `None` when there is none.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_vars(
    path: &Path,
    library: &dyn Library,
    sources: &mut SourceMap,
) -> Result<Option<Vars>, Vec<Diagnostic>> {
    let mut reader = load::Reader::new(library, sources);
    let read = reader.read(path);
    let vars = reader.vars(&read);
    reader.findings().map(|_| (!matches!(read, load::Read::Missing)).then_some(vars))
}
