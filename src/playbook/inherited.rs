//! The keywords that plays, blocks, roles and tasks share, and how they are read.
use super::keywords::{Fields, suggest};
use super::load::Reader;
use super::risk::Risk;
use super::shape::{is_template, kind, text, texts, value, values};
use super::task::plain;
use crate::modules::{self, MODULES};
use crate::source::{Diagnostic, Node, Spanned, Vars};
use serde_json::{Map, Value};

/// A keyword that few tasks have: kept small, since imports within imports keep many on the stack.
pub type Rare = Option<Box<Spanned<Value>>>;

/// Keywords that plays, blocks, roles and tasks share. Values may hold templates.
#[derive(Clone, Debug, Default)]
pub struct Keywords {
    /// `name`.
    pub name: Option<Spanned<String>>,
    /// `when`, and-ed; inherited by and-ing.
    pub when: Vec<Spanned<Value>>,
    /// `vars`.
    pub vars: Vars,
    /// `tags`, inherited by joining.
    pub tags: Vec<Spanned<Value>>,
    /// `become`.
    pub escalate: Option<Spanned<Value>>,
    /// `become_user`.
    pub become_user: Option<Spanned<Value>>,
    /// `become_method`.
    pub become_method: Option<Spanned<Value>>,
    /// `become_exe`.
    pub become_exe: Rare,
    /// `become_flags`.
    pub become_flags: Rare,
    /// `check_mode`.
    pub check_mode: Option<Spanned<Value>>,
    /// `diff`.
    pub diff: Option<Spanned<Value>>,
    /// `no_log`.
    pub no_log: Option<Spanned<Value>>,
    /// `ignore_errors`.
    pub ignore_errors: Option<Spanned<Value>>,
    /// `ignore_unreachable`.
    pub ignore_unreachable: Option<Spanned<Value>>,
    /// `any_errors_fatal`.
    pub any_errors_fatal: Option<Spanned<Value>>,
    /// `environment`: a mapping, or a list of them.
    pub environment: Vec<Spanned<Value>>,
    /// `run_once`.
    pub run_once: Option<Spanned<Value>>,
    /// `remote_user`.
    pub remote_user: Option<Spanned<Value>>,
    /// `risk`.
    pub risk: Option<Risk>,
    /// `port`.
    pub port: Rare,
    /// `connection`.
    pub connection: Rare,
    /// `delegate_to`.
    pub delegate_to: Rare,
    /// `delegate_facts`.
    pub delegate_facts: Rare,
    /// `throttle`.
    pub throttle: Rare,
    /// `timeout`, seconds.
    pub timeout: Rare,
    /// `notify` on a block, for tasks inside that have none of their own.
    pub notify: Vec<Spanned<String>>,
    /// `module_defaults`: module → arguments.
    pub module_defaults: Vec<(String, Map<String, Value>)>,
}

impl Reader<'_> {
    /// The keywords that are shared by everything, taken out of the fields.
    pub(super) fn keywords(&mut self, fields: &mut Fields<'_>) -> Keywords {
        let mut one = |name: &str| fields.take(name).map(value);
        let (escalate, check_mode, diff) = (one("become"), one("check_mode"), one("diff"));
        let (become_user, become_method) = (one("become_user"), one("become_method"));
        let (no_log, run_once, remote_user) = (one("no_log"), one("run_once"), one("remote_user"));
        let (ignore_errors, any_errors_fatal) = (one("ignore_errors"), one("any_errors_fatal"));
        let ignore_unreachable = one("ignore_unreachable");
        let mut many = |name: &str| fields.take(name).map(values).unwrap_or_default();
        let (when, tags, environment) = (many("when"), many("tags"), many("environment"));
        let mut rare = |name: &str| fields.take(name).map(value).map(Box::new);
        let (port, connection, throttle) = (rare("port"), rare("connection"), rare("throttle"));
        let (become_exe, become_flags) = (rare("become_exe"), rare("become_flags"));
        let (delegate_to, delegate_facts) = (rare("delegate_to"), rare("delegate_facts"));
        let timeout = rare("timeout");
        connection.iter().for_each(|connection| self.connection(connection));
        become_method.iter().for_each(|method| self.method(method));
        let vars = fields.take("vars").map(|node| self.named_vars(node)).unwrap_or_default();
        let defaults = fields.take("module_defaults");
        Keywords {
            name: fields.take("name").map(text),
            when,
            vars,
            tags,
            escalate,
            become_user,
            become_method,
            become_exe,
            become_flags,
            check_mode,
            diff,
            no_log,
            ignore_errors,
            ignore_unreachable,
            any_errors_fatal,
            environment,
            run_once,
            remote_user,
            risk: self.risk(fields),
            port,
            connection,
            delegate_to,
            delegate_facts,
            throttle,
            timeout,
            notify: fields.take("notify").map(texts).unwrap_or_default(),
            module_defaults: defaults.map(|node| self.module_defaults(node)).unwrap_or_default(),
        }
    }

    fn module_defaults(&mut self, node: &Node) -> Vec<(String, Map<String, Value>)> {
        let mut out = vec![];
        if is_template(node.text().unwrap_or_default()) {
            self.error(node.span, "`module_defaults` can't be a template");
        }
        for (key, value) in node.mapping().unwrap_or_default() {
            let name = key.text().unwrap_or_default();
            let Some(module) = modules::find(name) else {
                let finding = match name.strip_prefix("group/") {
                    Some(_) => Diagnostic::error(key.span, "groups of modules are not supported")
                        .help("name each module"),
                    None => suggest(
                        Diagnostic::error(key.span, format!("`{name}` is not a module")),
                        name,
                        MODULES.iter().map(|module| module.name),
                    ),
                };
                self.found(finding);
                continue;
            };
            let Some(pairs) = value.mapping() else {
                let message = format!("the defaults of `{name}` must be a mapping");
                self.found(Diagnostic::error(value.span, message).label(kind(value)));
                continue;
            };
            self.keys(module, pairs.iter().map(|(key, _)| key));
            let Value::Object(values) = value.to_value() else { continue };
            out.push((name.to_owned(), values));
        }
        out
    }

    /// A way to reach hosts that there is.
    fn connection(&mut self, connection: &Spanned<Value>) {
        let word = connection.value.as_str().unwrap_or_default();
        if !is_template(word) && !["ssh", "smart", "local"].contains(&plain(word)) {
            let message = format!("connection `{word}` is not supported");
            let help = "there are `ssh`, and `local` for this machine";
            self.found(Diagnostic::error(connection.span, message).help(help));
        }
    }
}
