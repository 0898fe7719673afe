//! Modules: how wishes become changes. Two pure functions each, one file each, one line below each.
//! A module can't reach a host: it has no type with which to say so.
mod accounts;
mod edit;
mod ere;
mod execute;
mod params;
mod refused;
mod units;
mod values;
mod web;
mod write;

pub use refused::refused;

use crate::change::{Change, Ran};
use crate::facts::{Observed, Probe, Unasked};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Something a task can ask for.
pub trait Module {
    /// The key used in a task; Ansible's name where Ansible has one.
    const NAME: &'static str;
    /// Other names that Ansible has for it.
    const ALSO: &'static [&'static str] = &[];
    /// One line for `cowhand doc`.
    const SUMMARY: &'static str;
    /// Tasks' arguments as YAML: parsed, documented, law-checked.
    const EXAMPLES: &'static [&'static str];
    /// What each parameter is for, in the order of the struct's fields.
    const OPTIONS: &'static [Opt];
    /// The parameter that `module: some text` means, if there is a free form.
    const FREE_FORM: Option<&'static str> = None;
    /// Whether keys that `Params` does not name are welcome (`set_fact`).
    const ANY_KEY: bool = false;
    /// Options that Ansible has and that are refused here, each with what to do instead.
    const REFUSED: &'static [Table] = &[];
    /// Keys of the result beside `changed`, `failed` and `msg`, each with what it is.
    const RETURNS: &'static [Table] = &[];
    /// Whether one host does it for all (`pause`).
    const ONCE: bool = false;
    /// Whether whatever it changes decides who gets in, as far as its changes do not tell themselves.
    const GUARDS: bool = false;
    /// Names of the facts that it returns.
    const FACTS: &'static [&'static str] = &[];
    /// Typed parameters, `deny_unknown_fields`.
    type Params: DeserializeOwned;
    /// What will be looked at: a batching hint, `plan` is the truth.
    fn observe(params: &Self::Params) -> Vec<Probe>;
    /// Wanted × observed → changes; empty means already so.
    ///
    /// # Errors
    /// See [`PlanError`].
    fn plan(params: &Self::Params, seen: &Observed) -> Result<Vec<Change>, PlanError>;
    /// What `register` gets beside `changed` and `failed`; `seen` is from before the changes. May
    /// set `changed`, `failed`, `skipped` and `msg` itself; `ansible_facts` become facts of the host.
    /// `ran` is empty in check mode, and shorter than `changes` when one failed.
    fn result(
        params: &Self::Params,
        seen: &Observed,
        changes: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        let _ = (params, seen, changes, ran);
        Map::new()
    }
}

/// Names, each with a sentence about it.
pub type Table = &'static [(&'static str, &'static str)];

/// One parameter, for `cowhand doc`, lint and the binder.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// Its name.
    pub name: &'static str,
    /// Other names that Ansible takes for it; the binder renames them before `Params` sees them.
    pub aliases: &'static [&'static str],
    /// What it is for; one sentence.
    pub help: &'static str,
    /// How the binder treats what was written.
    pub bind: Bind,
}

/// How a parameter is made from what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// Templates are rendered.
    Value,
    /// A condition (or a list of them): each becomes `{"expression": text, "holds": bool}`.
    Condition,
    /// An expression without braces (`debug: var=`): becomes `{"expression": text, "value": …}`.
    Expression,
    /// A file of the project (role's `files/`, playbook's `files/`, playbook folder): its path is
    /// rendered, and the parameter `_source` gets `{"path": text, "content": base64}`; a folder gives
    /// `{"path": text, "entries": [{"path": relative, "content": base64}]}`.
    File,
    /// As `File`, of which the first word names the file, and the others are arguments.
    Program,
    /// A template of the project (`templates/` …): as `File`, its content rendered.
    Template,
    /// Taken as written, never rendered.
    Raw,
}

impl Opt {
    /// A parameter whose templates are rendered.
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, aliases: &[], help, bind: Bind::Value }
    }
    /// With other names.
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }
    /// Bound in another way.
    #[must_use]
    pub const fn bind(mut self, bind: Bind) -> Self {
        self.bind = bind;
        self
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Parameters of the wrong shape; `path` leads to the one at fault.
    #[error("{path}{}{message}", if path.is_empty() { "" } else { ": " })]
    Params {
        /// E.g. `mode` or `parameters.smtp_tls_ciphers`; empty for the whole.
        path: String,
        /// A lowercase fragment.
        message: String,
    },
    /// A fact is missing: the runner fetches it and plans again.
    #[error(transparent)]
    Unasked(#[from] Unasked),
    /// The task fails, as `fail`, `assert` or a state of the host that the module won't overwrite.
    #[error("{message}")]
    Failed {
        /// For people; becomes `msg`.
        message: String,
        /// Further keys of the result.
        result: Map<String, Value>,
    },
}

impl PlanError {
    /// A failure with nothing but a message.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), result: Map::new() }
    }
}

/// [`Module::result`] with the parameter type erased.
type ResultOf = fn(&Value, &Observed, &[Change], &[Ran]) -> Result<Map<String, Value>, PlanError>;

/// A registered module, its parameter type erased.
#[derive(Clone, Copy, Debug)]
pub struct ModuleDef {
    /// See [`Module::NAME`].
    pub name: &'static str,
    /// See [`Module::ALSO`].
    pub also: &'static [&'static str],
    /// See [`Module::SUMMARY`].
    pub summary: &'static str,
    /// See [`Module::EXAMPLES`].
    pub examples: &'static [&'static str],
    /// See [`Module::OPTIONS`].
    pub options: &'static [Opt],
    /// See [`Module::FREE_FORM`].
    pub free_form: Option<&'static str>,
    /// See [`Module::ANY_KEY`].
    pub any_key: bool,
    /// See [`Module::REFUSED`].
    pub refused: &'static [Table],
    /// See [`Module::RETURNS`].
    pub returns: &'static [Table],
    /// See [`Module::ONCE`].
    pub once: bool,
    /// See [`Module::GUARDS`].
    pub guards: bool,
    /// See [`Module::FACTS`].
    pub facts: &'static [&'static str],
    /// The parameter names, read out of the struct itself.
    pub keys: fn() -> &'static [&'static str],
    /// Whether parameters have the right shape.
    pub accepts: fn(&Value) -> Result<(), PlanError>,
    /// See [`Module::observe`].
    pub observe: fn(&Value) -> Result<Vec<Probe>, PlanError>,
    /// See [`Module::plan`].
    pub plan: fn(&Value, &Observed) -> Result<Vec<Change>, PlanError>,
    /// See [`Module::result`].
    pub result: ResultOf,
}

impl ModuleDef {
    const fn of<M: Module>() -> Self {
        Self {
            name: M::NAME,
            also: M::ALSO,
            summary: M::SUMMARY,
            examples: M::EXAMPLES,
            options: M::OPTIONS,
            free_form: M::FREE_FORM,
            any_key: M::ANY_KEY,
            refused: M::REFUSED,
            returns: M::RETURNS,
            once: M::ONCE,
            guards: M::GUARDS,
            facts: M::FACTS,
            keys: params::keys::<M::Params>,
            accepts: |value| params::read::<M::Params>(value).map(drop),
            observe: |value| Ok(M::observe(&params::read::<M::Params>(value)?)),
            plan: |value, seen| M::plan(&params::read::<M::Params>(value)?, seen),
            result: |value, seen, changes, ran| {
                Ok(M::result(&params::read::<M::Params>(value)?, seen, changes, ran))
            },
        }
    }
}

macro_rules! modules {
    ($($file:ident),* $(,)?) => {
        $(mod $file;)*
        /// Every module, in alphabetical order.
        pub static MODULES: &[ModuleDef] = &[$(ModuleDef::of::<$file::This>()),*];
    };
}

modules! {
    add_host,
    assert,
    authorized_key,
    blockinfile,
    command,
    copy,
    cron,
    debug,
    docker_compose_v2,
    fail,
    fetch,
    file,
    find,
    get_url,
    getent,
    group,
    group_by,
    hostname,
    known_hosts,
    lineinfile,
    mailcow_facts,
    nginx_config,
    pause,
    ping,
    postfix_config,
    raw,
    replace,
    script,
    service,
    set_fact,
    setup,
    shell,
    slurp,
    stat,
    systemd_service,
    tempfile,
    template,
    uri,
    user,
    wait_for,
    wait_for_connection,
}

/// The module called `name`, with or without a collection that Ansible keeps it in.
pub fn find(name: &str) -> Option<&'static ModuleDef> {
    let short = [
        "ansible.builtin.",
        "ansible.legacy.",
        "ansible.posix.",
        "community.docker.",
        "cowhand.mailcow.",
    ]
    .iter()
    .find_map(|collection| name.strip_prefix(collection))
    .unwrap_or(name);
    MODULES.iter().find(|def| def.name == short || def.also.contains(&short))
}
