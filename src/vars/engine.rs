//! The engine: compiles each text once, renders it against a scope, and says what went wrong in terms of
//! names. One environment for the process holds the tables; an [`Engine`] holds what was compiled and the
//! world that lookups see. Never runs without a bound on work.
use super::backslash::literal;
use super::machine::{Machine, Memory};
use super::session::Session;
use super::syntax::{self, Fault, Marks, Uses};
use super::{Scope, TemplateError, filters, functions, lookups, native};
use crate::source::nearest;
use crate::vault::Vault;
use minijinja::syntax::SyntaxConfig;
use minijinja::{
    Environment, Error, ErrorKind, Expression, State, Template, UndefinedBehavior, Value,
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};

/// Work that one rendering may do: about as many instructions, or 64 bytes each.
const FUEL: u64 = 1_000_000;
/// Texts that are compiled, at most, in bytes.
const LONGEST: usize = 4 << 20;

/// Gives the content of a project file that was read beforehand.
pub type Files = dyn Fn(&str) -> Option<Arc<[u8]>> + Send + Sync;

/// Renders templates and decides conditions.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    pub(super) core: Arc<Core>,
}

/// What an engine is made of.
#[derive(Default)]
pub(super) struct Core {
    expressions: RwLock<HashMap<String, Arc<Expression<'static, 'static>>>>,
    templates: RwLock<HashMap<String, Template<'static, 'static>>>,
    pub(super) machine: Option<Arc<dyn Machine>>,
    pub(super) vault: Vault,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("templates")
    }
}

impl Engine {
    /// An engine whose lookups see these environment variables and files of the project, and that opens
    /// what is encrypted. What it makes of a secret is kept secret too.
    pub fn new(variables: BTreeMap<String, String>, files: Box<Files>, vault: Vault) -> Self {
        Self::on(Arc::new(Memory { variables, files }), vault)
    }
    /// As [`Engine::new`], whose lookups see a machine.
    pub fn on(machine: Arc<dyn Machine>, vault: Vault) -> Self {
        Self { core: Arc::new(Core { machine: Some(machine), vault, ..Core::default() }) }
    }
    /// Renders every string inside a value, recursively. A string that is one lone `{{ … }}` becomes
    /// the value of its expression, with its type. Entries and items that are `omit` are left out.
    ///
    /// # Errors
    /// See [`TemplateError`]; also when the whole value is `omit`.
    pub fn render(&self, value: &Json, scope: &Scope) -> Result<Json, TemplateError> {
        let session = Session::new(Arc::clone(&self.core), scope);
        let outcome = render_json(&session, value, 0);
        session
            .settle(outcome)?
            .ok_or_else(|| TemplateError::broken("the value is omitted where one is needed"))
    }
    /// The value of an expression without braces.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn evaluate(&self, expression: &str, scope: &Scope) -> Result<Json, TemplateError> {
        let session = Session::new(Arc::clone(&self.core), scope);
        let outcome = evaluate(&session, expression)
            .and_then(|value| native::to_json(&value).map_err(|error| translate(&session, &error)));
        session.settle(outcome)
    }
    /// Whether templates inside a value can be compiled at all; for lint, without variables.
    ///
    /// # Errors
    /// [`TemplateError::Broken`].
    pub fn check(&self, value: &Json) -> Result<(), TemplateError> {
        match value {
            Json::String(text) if syntax::is_template(text) => {
                let text = literal(text);
                match syntax::lone_expression(&text) {
                    Some(expression) => self.check_expression(expression),
                    None => self.core.template(&text).map(drop),
                }
            }
            Json::Array(items) => items.iter().try_for_each(|item| self.check(item)),
            Json::Object(entries) => entries.values().try_for_each(|entry| self.check(entry)),
            _ => Ok(()),
        }
    }
    /// Whether an expression without braces can be compiled.
    ///
    /// # Errors
    /// [`TemplateError::Broken`].
    pub fn check_expression(&self, expression: &str) -> Result<(), TemplateError> {
        self.core.expression(expression).map(drop)
    }
    /// The variables that templates inside a value may read; none for what can't be compiled.
    pub fn names(&self, value: &Json) -> BTreeSet<String> {
        match value {
            Json::String(text) if syntax::is_template(text) => {
                let text = literal(text);
                match syntax::lone_expression(&text) {
                    Some(expression) => self.names_of_expression(expression),
                    None => variables(
                        self.core.template(&text).map(|it| it.undeclared_variables(false)),
                    ),
                }
            }
            Json::Array(items) => items.iter().flat_map(|item| self.names(item)).collect(),
            Json::Object(entries) => entries.values().flat_map(|entry| self.names(entry)).collect(),
            _ => BTreeSet::new(),
        }
    }
    /// The variables that an expression without braces may read; none for what can't be compiled.
    pub fn names_of_expression(&self, expression: &str) -> BTreeSet<String> {
        variables(self.core.expression(expression).map(|it| it.undeclared_variables(false)))
    }
    /// What `lookup('name', …)` and `with_name` list.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn lookup(
        &self,
        name: &str,
        terms: &[Json],
        scope: &Scope,
    ) -> Result<Vec<Json>, TemplateError> {
        let session = Session::new(Arc::clone(&self.core), scope);
        let terms: Vec<Value> = terms.iter().map(native::from_json).collect();
        let found = lookups::run(&session, name, &terms, &lookups::Options::default());
        let found = found.and_then(|found| found.iter().map(native::to_json).collect());
        let found = found.map_err(|error| translate(&session, &error));
        session.settle(found)
    }
}

impl Core {
    fn expression(&self, text: &str) -> Result<Arc<Expression<'static, 'static>>, TemplateError> {
        if let Some(known) =
            self.expressions.read().unwrap_or_else(PoisonError::into_inner).get(text)
        {
            return Ok(Arc::clone(known));
        }
        bounded(text)?;
        let (source, uses) = syntax::rewrite_expression(text).map_err(at_line)?;
        known(&uses)?;
        let compiled = environment()
            .compile_expression_owned(source)
            .map_err(|error| compile_error(&error))?;
        let compiled = Arc::new(compiled);
        let mut expressions = self.expressions.write().unwrap_or_else(PoisonError::into_inner);
        expressions.insert(text.to_owned(), Arc::clone(&compiled));
        Ok(compiled)
    }
    fn template(&self, text: &str) -> Result<Template<'static, 'static>, TemplateError> {
        if let Some(known) = self.templates.read().unwrap_or_else(PoisonError::into_inner).get(text)
        {
            return Ok(known.clone());
        }
        bounded(text)?;
        let (source, uses) = syntax::rewrite_template(text, Marks::default()).map_err(at_line)?;
        known(&uses)?;
        // The environment's loader takes the name of a template for its text, and keeps it.
        let compiled =
            environment().get_template(&source).map_err(|error| compile_error(&error))?;
        let mut templates = self.templates.write().unwrap_or_else(PoisonError::into_inner);
        templates.insert(text.to_owned(), compiled.clone());
        Ok(compiled)
    }
}

fn bounded(text: &str) -> Result<(), TemplateError> {
    if text.len() > LONGEST {
        Err(TemplateError::broken("the template is over 4 MiB long"))
    } else {
        Ok(())
    }
}

/// The tables, as the template engine wants them.
pub(super) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut env = Environment::empty();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_debug(false);
        env.set_fuel(Some(FUEL));
        env.set_recursion_limit(100);
        env.set_loader(|source| Ok(Some(source.to_owned())));
        let syntax = SyntaxConfig::builder().trim_blocks(true).keep_trailing_newline(true).build();
        env.set_syntax(syntax.unwrap_or_default());
        env.set_formatter(|out, state, value| {
            // Of what is undefined only an `if` without `else` comes here, and that says nothing.
            let text = if value.is_undefined() { String::new() } else { native::text(value)? };
            Session::of(state)?.note_cut(&text);
            let emitted = state.get_or_insert_extension(Emitted::default());
            emitted.count += 1;
            emitted.last = value.clone();
            Ok(out.write_str(&text)?)
        });
        for entry in filters::entries() {
            entry.add_filter(&mut env);
        }
        for entry in super::check_entries() {
            entry.add_test(&mut env);
        }
        functions::add(&mut env);
        env
    })
}

/// What a template wrote out of expressions: a single one, with nothing around it, keeps its type.
#[derive(Default)]
struct Emitted {
    count: usize,
    last: Value,
}

pub(super) fn is_global(name: &str) -> bool {
    functions::GLOBALS.contains(&name)
}

fn variables(names: Result<std::collections::HashSet<String>, TemplateError>) -> BTreeSet<String> {
    names.into_iter().flatten().filter(|name| !is_global(name)).collect()
}

fn render_json(
    session: &Arc<Session>,
    value: &Json,
    depth: usize,
) -> Result<Option<Json>, TemplateError> {
    if depth > 128 {
        return Err(TemplateError::broken("the value is nested too deep"));
    }
    match value {
        Json::String(text) if syntax::is_template(text) => {
            let value = render_text(session, text)?;
            native::to_json_or_omit(&value).map_err(|error| translate(session, &error))
        }
        Json::Array(items) => {
            let rendered = items.iter().map(|item| render_json(session, item, depth + 1));
            let rendered = rendered.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            Ok(Some(Json::Array(rendered)))
        }
        Json::Object(entries) => {
            let mut rendered = serde_json::Map::new();
            for (key, entry) in entries {
                if let Some(entry) = render_json(session, entry, depth + 1)? {
                    rendered.insert(key.clone(), entry);
                }
            }
            Ok(Some(Json::Object(rendered)))
        }
        scalar => Ok(Some(scalar.clone())),
    }
}

fn evaluate(session: &Arc<Session>, expression: &str) -> Result<Value, TemplateError> {
    let compiled = session.core.expression(expression)?;
    let value = compiled.eval(Value::from_dyn_object(Arc::clone(session)));
    let value = value.map_err(|error| translate(session, &error))?;
    if value.is_undefined() {
        return Err(TemplateError::Undefined { name: session.missing() });
    }
    if let Some(text) = value.as_str() {
        session.note_cut(text);
    }
    Ok(value)
}

/// A text of YAML with templates in it: with the type of its expression if that is all there is.
pub(super) fn render_text(session: &Arc<Session>, text: &str) -> Result<Value, TemplateError> {
    let text = literal(text);
    if let Some(expression) = syntax::lone_expression(&text) {
        return evaluate(session, expression);
    }
    let template = session.core.template(&text)?;
    let captured = template.render_captured(Value::from_dyn_object(Arc::clone(session)));
    let mut captured = captured.map_err(|error| translate(session, &error))?;
    let emitted = captured.with_state_mut(|state: &mut State| {
        state.get_extension_mut::<Emitted>().map(std::mem::take).unwrap_or_default()
    });
    let mut output = captured.into_output();
    keep_end(&text, &mut output);
    let whole = emitted.count == 1 && native::text(&emitted.last).is_ok_and(|only| only == output);
    Ok(match emitted.count {
        1 if whole => emitted.last,
        0 if output.is_empty() => Value::from(()),
        _ => Value::from(output),
    })
}

/// A statement that ends a text takes its line feed along; what is made of the text has it in any case.
pub(super) fn keep_end(text: &str, output: &mut String) {
    let feeds = |text: &str| text.len() - text.trim_end_matches('\n').len();
    output.push_str(&"\n".repeat(feeds(text).saturating_sub(feeds(output))));
}

/// A text with templates in it, as text.
pub(super) fn render_whole(session: &Arc<Session>, text: &str) -> Result<String, TemplateError> {
    let template = session.core.template(text)?;
    let context = Value::from_dyn_object(Arc::clone(session));
    template.render(context).map_err(|error| translate(session, &error))
}

/// The names of filters, tests and lookups.
static TABLES: LazyLock<[BTreeSet<&'static str>; 3]> = LazyLock::new(|| {
    [
        super::filters().map(|it| it.name).collect(),
        super::tests().map(|it| it.name).collect(),
        super::lookups().map(|it| it.name).chain(lookups::refused()).collect(),
    ]
});

/// Whether everything that a template names is in the tables.
pub(super) fn known(uses: &Uses) -> Result<(), TemplateError> {
    let [filters, tests, lookups] = &*TABLES;
    for (kind, names, table) in [
        ("filter", &uses.filters, filters),
        ("test", &uses.tests, tests),
        ("lookup", &uses.lookups, lookups),
    ] {
        for name in names.iter().map(|name| syntax::plain_name(name)) {
            if !table.contains(name) {
                let table = table.iter().copied();
                return Err(TemplateError::broken(unknown(kind, name, table)));
            }
        }
    }
    let refused =
        functions::REFUSED.iter().find(|(name, _)| uses.functions.iter().any(|used| used == name));
    refused.map_or(Ok(()), |(_, why)| Err(TemplateError::broken(*why)))
}

/// That a name is not in a table, and which one may have been meant.
pub(super) fn unknown(
    kind: &str,
    name: &str,
    table: impl IntoIterator<Item = &'static str>,
) -> String {
    let hint =
        nearest(name, table).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("there is no {kind} `{name}`{hint}")
}

pub(super) fn at_line(fault: Fault) -> TemplateError {
    TemplateError::Broken { message: fault.message, line: Some(fault.line) }
}

pub(super) fn compile_error(error: &Error) -> TemplateError {
    let detail = error.detail().unwrap_or("the template cannot be read");
    let line = error.line().and_then(|line| u32::try_from(line).ok());
    TemplateError::Broken { message: format!("syntax error: {detail}"), line }
}

/// What the template engine says, in terms of names.
pub(super) fn translate(session: &Session, error: &Error) -> TemplateError {
    if let Some(failure) = session.failure() {
        return failure;
    }
    let detail = error.detail().unwrap_or_default();
    let operand =
        detail.contains("unsupported types undefined") || detail.ends_with("and undefined");
    let message = match error.kind() {
        ErrorKind::UndefinedError => return TemplateError::Undefined { name: session.missing() },
        ErrorKind::InvalidOperation if operand => {
            return TemplateError::Undefined { name: session.missing() };
        }
        ErrorKind::OutOfFuel => {
            "the template does too much work, or makes too long a text".to_owned()
        }
        ErrorKind::UnknownFunction => {
            let name = detail.split_whitespace().next().unwrap_or_default();
            unknown("function", name, functions::GLOBALS)
        }
        _ if detail.is_empty() => error.kind().to_string(),
        ErrorKind::InvalidOperation => detail.to_owned(),
        kind => format!("{kind}: {detail}"),
    };
    TemplateError::Broken { message, line: error.line().and_then(|line| u32::try_from(line).ok()) }
}
