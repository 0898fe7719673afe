//! Bind: a task as written, with the variables of a host, becomes what a module takes.
use super::files::places;
use super::scope::Shared;
use super::steps::{Context, TaskStep};
use crate::facts::Bytes;
use crate::modules::{Bind, ModuleDef, Opt, PlanError};
use crate::source::{Kind, Node, Span};
use crate::vars::{Engine, FileOptions, Scope, TemplateError};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// A module and the parameters it is called with.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Which.
    pub module: &'static ModuleDef,
    /// Rendered and of the right shape.
    pub params: Value,
}

/// Why a task could not be bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{error}", if parameter.is_empty() { String::new() } else { format!("{parameter}: ") })]
pub struct BindError {
    /// Which parameter or keyword; may be empty.
    pub parameter: String,
    /// Where it was written.
    pub span: Option<Span>,
    /// What is wrong.
    pub error: TemplateError,
}

impl BindError {
    /// An error at a keyword.
    pub fn keyword(name: &str, (error, span): (TemplateError, Option<Span>)) -> Self {
        Self { parameter: name.to_owned(), span, error }
    }
    fn broken(parameter: &str, span: Option<Span>, message: impl Into<String>) -> Self {
        let error = TemplateError::Broken { message: message.into(), line: None };
        Self { parameter: parameter.to_owned(), span, error }
    }
    /// Whether it fails only because something is not known (yet).
    pub fn undefined(&self) -> bool {
        matches!(self.error, TemplateError::Undefined { .. })
    }
}

/// Binds a task. `partial` leaves out parameters that can't be rendered yet: good enough to ask for
/// probes, never to plan with.
///
/// # Errors
/// Templates that fail, files that are not there, parameters of the wrong shape.
pub fn bind(
    step: &TaskStep,
    engine: &Engine,
    scope: &Scope,
    shared: &Shared,
    partial: bool,
) -> Result<Invocation, BindError> {
    let module = step.task.module;
    let mut params = Map::new();
    for (name, defaults) in &step.context.keywords.module_defaults {
        if crate::modules::find(name).is_some_and(|def| def.name == module.name) {
            for (key, value) in defaults {
                let value = rendered(engine, value.clone(), scope);
                let value = value.map_err(|error| BindError {
                    parameter: key.clone(),
                    span: Some(step.task.span),
                    error,
                })?;
                params.extend(value.map(|value| (canonical(module, key).to_owned(), value)));
            }
        }
    }
    let args = step.task.args.mapping().unwrap_or_default();
    let binder = Binder { engine, scope, shared, context: &step.context };
    let mut named: Vec<_> = args
        .iter()
        .map(|(key, node)| {
            let name = canonical(module, key.text().unwrap_or(""));
            (name, module.options.iter().find(|option| option.name == name), node)
        })
        .collect();
    // How a file is read depends on other parameters.
    let is_file = |option: Option<&Opt>| {
        option.is_some_and(|option| {
            matches!(option.bind, Bind::File | Bind::Program | Bind::Template)
        })
    };
    named.sort_by_key(|(_, option, _)| is_file(*option));
    for (name, option, node) in named {
        match binder.parameter(name, option, node, &mut params) {
            Err(error) if partial && error.undefined() => {}
            result => result?,
        }
    }
    if module.any_key {
        params = renamed(engine, scope, params).map_err(|error| BindError {
            parameter: String::new(),
            span: Some(step.task.args.span),
            error,
        })?;
    }
    environment(step, engine, scope, &mut params)?;
    surroundings(step, scope, &mut params);
    let params = Value::Object(params);
    (module.accepts)(&params).map_err(|error| shape(step, &error))?;
    Ok(Invocation { module, params })
}

/// Names of variables may hold templates, where a module sets them.
fn renamed(
    engine: &Engine,
    scope: &Scope,
    params: Map<String, Value>,
) -> Result<Map<String, Value>, TemplateError> {
    let one = |(name, value): (String, Value)| {
        if !name.contains("{{") {
            return Ok((name, value));
        }
        match engine.render(&name.into(), scope)? {
            Value::String(name) => Ok((name, value)),
            other => Ok((other.to_string(), value)),
        }
    };
    params.into_iter().map(one).collect()
}

/// `environment:` reaches the modules that run commands as their parameter `_environment`.
fn environment(
    step: &TaskStep,
    engine: &Engine,
    scope: &Scope,
    params: &mut Map<String, Value>,
) -> Result<(), BindError> {
    let written = &step.context.keywords.environment;
    if written.is_empty() || !(step.task.module.keys)().contains(&"_environment") {
        return Ok(());
    }
    let mut all = Map::new();
    for layer in written {
        let value = engine.render(&layer.value, scope);
        let value = value.map_err(|e| BindError::keyword("environment", (e, Some(layer.span))))?;
        if let Value::Object(pairs) = value {
            all.extend(pairs);
        } else {
            let message = "must be a mapping of names and values";
            return Err(BindError::broken("environment", Some(layer.span), message));
        }
    }
    params.insert("_environment".into(), all.into());
    Ok(())
}

/// Magic variables that reach modules as parameters of their own.
fn surroundings(step: &TaskStep, scope: &Scope, params: &mut Map<String, Value>) {
    let module = step.task.module;
    let names = [
        ("_host", "inventory_hostname"),
        ("_verbosity", "ansible_verbosity"),
        ("_folder", "playbook_dir"),
    ];
    if (module.keys)().contains(&"_task") {
        params.insert("_task".to_owned(), step.name.clone().into());
    }
    for (parameter, variable) in names {
        if (module.keys)().contains(&parameter)
            && let Some((value, _)) = scope.get(variable)
        {
            params.insert(parameter.to_owned(), value.clone());
        }
    }
}

/// A rendered value; `None` when it is `omit`.
fn rendered(engine: &Engine, value: Value, scope: &Scope) -> Result<Option<Value>, TemplateError> {
    // The engine leaves out entries that are `omit`.
    match engine.render(&Value::Array(vec![value]), scope)? {
        Value::Array(mut items) => Ok(items.pop()),
        other => Ok(Some(other)),
    }
}

fn canonical<'a>(module: &'static ModuleDef, written: &'a str) -> &'a str {
    (module.options.iter())
        .find(|option| option.aliases.contains(&written))
        .map_or(written, |option| option.name)
}

/// What serde says of the shape, at the place of the parameter.
fn shape(step: &TaskStep, error: &PlanError) -> BindError {
    match error {
        PlanError::Params { path, message } => {
            let steps: Vec<&str> = path.split(['.', '[', ']']).filter(|s| !s.is_empty()).collect();
            let span = step.task.args.at(steps).span;
            BindError::broken(path, Some(span), message.clone())
        }
        other => BindError::broken("", Some(step.task.args.span), other.to_string()),
    }
}

/// A boolean as modules read one.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::String(text) => {
            matches!(text.to_lowercase().as_str(), "yes" | "on" | "1" | "true" | "t" | "y")
        }
        Value::Number(number) => number.as_i64() == Some(1),
        _ => false,
    }
}

/// How the `template` module's parameters say that a template is to be read.
fn file_options(params: &Map<String, Value>) -> FileOptions {
    let mut options = FileOptions::default();
    let FileOptions { trim_blocks, lstrip_blocks, newline_sequence, variable, block, comment } =
        &mut options;
    let flags = [("trim_blocks", trim_blocks), ("lstrip_blocks", lstrip_blocks)];
    for (name, flag) in flags {
        *flag = params.get(name).map_or(*flag, is_true);
    }
    for (name, text) in [
        ("newline_sequence", newline_sequence),
        ("variable_start_string", &mut variable.0),
        ("variable_end_string", &mut variable.1),
        ("block_start_string", &mut block.0),
        ("block_end_string", &mut block.1),
        ("comment_start_string", &mut comment.0),
        ("comment_end_string", &mut comment.1),
    ] {
        if let Some(Value::String(written)) = params.get(name) {
            // In quotes that take nothing apart, `\n` is two characters, and means one.
            *text = written.replace("\\n", "\n").replace("\\r", "\r");
        }
    }
    options
}

struct Binder<'a> {
    engine: &'a Engine,
    scope: &'a Scope,
    shared: &'a Shared,
    context: &'a Context,
}

impl Binder<'_> {
    fn parameter(
        &self,
        name: &str,
        option: Option<&Opt>,
        node: &Node,
        params: &mut Map<String, Value>,
    ) -> Result<(), BindError> {
        let at = |error: TemplateError| BindError {
            parameter: name.to_owned(),
            span: Some(node.span),
            error,
        };
        let value = node.to_value();
        let bound = match option.map_or(Bind::Value, |option| option.bind) {
            Bind::Raw => value,
            Bind::Value => match rendered(self.engine, value, self.scope).map_err(at)? {
                Some(value) => value,
                None => return Ok(()),
            },
            Bind::Condition => self.conditions(name, node)?,
            Bind::Expression => {
                let text = node.text().unwrap_or("");
                let known = match self.engine.evaluate(text, self.scope) {
                    Ok(value) => value,
                    Err(TemplateError::Undefined { name }) => self.undefined(&name).into(),
                    Err(error) => return Err(at(error)),
                };
                json!({"expression": text, "value": known})
            }
            kind @ (Bind::File | Bind::Program | Bind::Template) => {
                let path = self.engine.render(&value, self.scope).map_err(at)?;
                // `remote_src` names a file on the server: nothing to read here.
                let remote = params.get("remote_src").is_some_and(is_true);
                if let (Some(path), false) = (path.as_str(), remote) {
                    let options = file_options(params);
                    let words = if kind == Bind::Program { shlex::split(path) } else { None };
                    let path = words.as_ref().and_then(|words| words.first()).map_or(path, |w| w);
                    let source = self.source(name, path, kind, &options, node.span)?;
                    params.insert("_source".into(), source);
                }
                path
            }
        };
        params.insert(name.to_owned(), bound);
        Ok(())
    }

    /// What is shown in place of a value that is not there, in Ansible's words.
    fn undefined(&self, name: &str) -> String {
        let (parent, last) = match name.rsplit_once(['.', '[']) {
            Some((parent, last)) => (parent, last.trim_end_matches(']')),
            None => return format!("<< error 1 - '{name}' is undefined >>"),
        };
        let kind = self.engine.evaluate(&format!("{parent} | type_debug"), self.scope);
        let kind = kind.ok().and_then(|kind| kind.as_str().map(str::to_owned));
        let kind = kind.unwrap_or_else(|| "dict".to_owned());
        let is_number = last.bytes().all(|b| b.is_ascii_digit());
        let last = if is_number { last.to_owned() } else { format!("'{last}'") };
        format!("<< error 1 - object of type '{kind}' has no attribute {last} >>")
    }

    fn conditions(&self, name: &str, node: &Node) -> Result<Value, BindError> {
        let one = |node: &Node| {
            let value = node.to_value();
            let holds = self.engine.holds(&value, self.scope).map_err(|error| BindError {
                parameter: name.to_owned(),
                span: Some(node.span),
                error,
            })?;
            let text = node.text().map_or_else(|| value.to_string(), str::to_owned);
            Ok(json!({"expression": text, "holds": holds}))
        };
        match &node.kind {
            Kind::Sequence(items) => items.iter().map(one).collect::<Result<Vec<_>, _>>(),
            _ => one(node).map(|only| vec![only]),
        }
        .map(Value::Array)
    }

    /// A file or a template of the project, found as Ansible looks for it.
    fn source(
        &self,
        name: &str,
        path: &str,
        kind: Bind,
        options: &FileOptions,
        span: Span,
    ) -> Result<Value, BindError> {
        let role = self.context.role.as_deref().map(|role| role.path.as_path());
        let places = places(path, kind, role, &self.shared.playbook_dir);
        let found = places.iter().find_map(|place| Some((place, self.shared.files.get(place)?)));
        if let Some((_, bytes)) = found {
            let content = Bytes(bytes.to_vec());
            let content = match kind {
                Bind::Template => self.render(content, options, name, span)?,
                _ => content,
            };
            return Ok(json!({"path": path, "content": content}));
        }
        let below = |place: &PathBuf| {
            let entries: Vec<_> = (self.shared.files.range(place.clone()..))
                .take_while(|(file, _)| file.starts_with(place))
                .filter_map(|(file, bytes)| {
                    let relative = file.strip_prefix(place).ok()?.to_str()?;
                    Some(json!({"path": relative, "content": Bytes(bytes.to_vec())}))
                })
                .collect();
            (!entries.is_empty()).then_some(entries)
        };
        if let (Bind::File, Some(entries)) = (kind, places.iter().find_map(below)) {
            return Ok(json!({"path": path, "entries": entries}));
        }
        let tried: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
        let message = format!("no such file: `{path}`; looked for {}", tried.join(", "));
        Err(BindError::broken(name, Some(span), message))
    }

    fn render(
        &self,
        content: Bytes,
        options: &FileOptions,
        name: &str,
        span: Span,
    ) -> Result<Bytes, BindError> {
        let text = String::from_utf8(content.0)
            .map_err(|_| BindError::broken(name, Some(span), "the template is not UTF-8"))?;
        let rendered = self.engine.render_file_with(&text, options, self.scope);
        let at = |error| BindError { parameter: name.to_owned(), span: Some(span), error };
        rendered.map(Bytes::from).map_err(at)
    }
}
