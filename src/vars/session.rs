//! One rendering: resolves names and what is inside them when they are touched, each at most once,
//! and remembers what was missing. Text of a [`Trust::Data`] layer, and the result of rendering, is
//! handed out as it is.
use super::engine::{self, Core};
use super::hostvars::{Everyone, Other};
use super::machine::Machine;
use super::native::{broken, from_json};
use super::{Hosts, Layer, Scope, TemplateError, Trust};
use crate::secret::Secrets;
use crate::vault::{VaultError, is_encrypted};
use minijinja::value::{Enumerator, Object, ObjectRepr, Value};
use minijinja::{Error, ErrorKind, State};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The name under which functions and filters find the session.
pub(super) const SESSION: &str = "__session__";
/// The variable whose values are other hosts' variables.
const HOSTVARS: &str = "hostvars";
/// The variable whose values are all variables.
const VARS: &str = "vars";
/// Variables that refer to variables, at most.
const DEEPEST: usize = 24;

/// Where a value is: a variable, and the way inside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    name: Arc<str>,
    path: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Key(Arc<str>),
    Index(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.name)?;
        for step in &self.path {
            match step {
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// The context of a template: names are looked up when used.
pub(super) struct Session {
    pub(super) core: Arc<Core>,
    scope: Scope,
    state: Mutex<Progress>,
    /// A part was cut out of a secret, and has not been seen since.
    cut: AtomicBool,
}

#[derive(Default)]
struct Progress {
    done: HashMap<Place, Result<Value, TemplateError>>,
    busy: Vec<Place>,
    /// Names that were not found and whose absence nobody has accepted yet.
    misses: Vec<String>,
    /// The first failure inside a value; comparisons would swallow it otherwise.
    failure: Option<TemplateError>,
    /// The variables of other hosts that were looked at.
    others: HashMap<String, Arc<Session>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("variables")
    }
}

impl Session {
    pub(super) fn new(core: Arc<Core>, scope: &Scope) -> Arc<Self> {
        Arc::new(Self {
            core,
            scope: scope.clone(),
            state: Mutex::default(),
            cut: AtomicBool::new(false),
        })
    }
    /// The session that a template runs in.
    pub(super) fn of(state: &State) -> Result<Arc<Self>, Error> {
        let session = state.lookup(SESSION).and_then(|value| value.downcast_object::<Self>());
        session.ok_or_else(|| super::native::broken("variables are not at hand here"))
    }
    /// The texts that must not be told.
    pub(super) fn secrets(&self) -> &Secrets {
        self.core.vault.secrets()
    }
    /// The variables of another host.
    pub(super) fn of_host(&self, host: &str, hosts: &Arc<Hosts>) -> Option<Arc<Self>> {
        if let Some(known) = self.progress().others.get(host) {
            return Some(Arc::clone(known));
        }
        let other = Self::new(Arc::clone(&self.core), &hosts.of(host)?);
        self.progress().others.insert(host.to_owned(), Arc::clone(&other));
        Some(other)
    }
    /// The machine that lookups ask.
    pub(super) fn machine(&self) -> Result<&Arc<dyn Machine>, Error> {
        self.core.machine.as_ref().ok_or_else(|| broken("no file can be looked at here"))
    }
    /// Random numbers.
    pub(super) fn chance(&self) -> Result<[u32; 8], Error> {
        self.machine().map(|machine| machine.chance())
    }
    /// What a file holds, decrypted if it is encrypted.
    pub(super) fn opened(&self, path: &Path, bytes: Arc<[u8]>) -> Result<Arc<[u8]>, Error> {
        if !is_encrypted(&bytes) {
            return Ok(bytes);
        }
        let opened = self.core.vault.open(&String::from_utf8_lossy(&bytes));
        let wrong =
            |error: VaultError| broken(format!("{}: {error}; {}", path.display(), error.help()));
        opened.map(Into::into).map_err(wrong)
    }
    /// The same variables, and some more on top.
    pub(super) fn with_variables(self: &Arc<Self>, vars: Option<Json>) -> Arc<Self> {
        let Some(Json::Object(values)) = vars else { return Arc::clone(self) };
        let (origin, places) = ("template_vars".to_owned(), BTreeMap::new());
        let layer = Layer { origin, trust: Trust::Data, values, places };
        Self::new(Arc::clone(&self.core), &self.scope.with(layer))
    }
    /// The names of all variables, sorted.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.scope.layers().iter().flat_map(|layer| layer.values.keys().cloned()).collect()
    }
    /// A part will be cut out of a text.
    pub(super) fn cut(&self, text: &str) {
        if self.secrets().holds(text) {
            self.cut.store(true, Ordering::Relaxed);
        }
    }
    /// What an expression came to: if a secret was cut for it, it is one.
    pub(super) fn note_cut(&self, text: &str) {
        if self.cut.swap(false, Ordering::Relaxed) && !self.secrets().holds(text) {
            self.secrets().keep(text);
        }
    }
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// A value that was asked for is missing.
    pub(super) fn miss(&self, name: impl Into<String>) {
        self.progress().misses.push(name.into());
    }
    /// Somebody accepts that the value behind the last `later + 1` misses is missing.
    pub(super) fn accept(&self, later: usize) {
        let misses = &mut self.progress().misses;
        if let Some(at) = misses.len().checked_sub(later + 1) {
            misses.remove(at);
        }
    }
    /// What was missing when a template failed for want of it.
    pub(super) fn missing(&self) -> String {
        self.progress().misses.last().cloned().unwrap_or_else(|| "a value".to_owned())
    }
    /// How many misses nobody has accepted.
    pub(super) fn misses(&self) -> usize {
        self.progress().misses.len()
    }
    /// Ends the session: an outcome counts only if nothing that was touched had failed.
    pub(super) fn settle<T>(&self, outcome: Result<T, TemplateError>) -> Result<T, TemplateError> {
        let mut progress = self.progress();
        // What was resolved refers to the session: let it go.
        let done = std::mem::take(&mut progress.done);
        let failure = progress.failure.take();
        let others = std::mem::take(&mut progress.others);
        drop(progress);
        drop(done);
        let outcome = others.values().fold(outcome, |outcome, other| {
            let other = other.settle(Ok(()));
            outcome.and_then(|outcome| other.map(|()| outcome))
        });
        failure.map_or(outcome, Err)
    }
    pub(super) fn failure(&self) -> Option<TemplateError> {
        self.progress().failure.clone()
    }
    /// The value of a variable, `None` where there is none.
    pub(super) fn variable(self: &Arc<Self>, name: &str) -> Option<Value> {
        if let (HOSTVARS, Some(hosts)) = (name, self.scope.hosts()) {
            let (session, hosts) = (Arc::clone(self), Arc::clone(hosts));
            return Some(Value::from_object(Everyone { session, hosts }));
        }
        let Some(layer) = self.scope.layer_of(name) else {
            return (name == VARS).then(|| Value::from_object(Other { session: Arc::clone(self) }));
        };
        self.resolve(layer, Place { name: name.into(), path: Vec::new() })
    }

    fn resolve(self: &Arc<Self>, layer: &Arc<Layer>, place: Place) -> Option<Value> {
        match find(layer, &place)? {
            Json::String(text)
                if layer.trust == Trust::Template && super::syntax::is_template(text) =>
            {
                Some(self.rendered(text, &place))
            }
            Json::Array(_) | Json::Object(_) => Some(Value::from_object(Node {
                session: Arc::clone(self),
                layer: Arc::clone(layer),
                place,
            })),
            scalar => Some(from_json(scalar)),
        }
    }

    fn rendered(self: &Arc<Self>, text: &str, place: &Place) -> Value {
        let known = self.progress().done.get(place).cloned();
        let outcome = known.unwrap_or_else(|| {
            let outcome = self.within(place, || engine::render_text(self, text));
            self.progress().done.insert(place.clone(), outcome.clone());
            outcome
        });
        match outcome {
            Ok(value) => value,
            Err(TemplateError::Undefined { name }) => {
                self.miss(name);
                Value::UNDEFINED
            }
            Err(error) => {
                self.progress().failure.get_or_insert_with(|| error.clone());
                Value::from(Error::new(ErrorKind::InvalidOperation, error.to_string()))
            }
        }
    }

    /// Renders something else that this rendering needs, guarded against coming back to itself.
    pub(super) fn nested(
        &self,
        name: &str,
        render: impl FnOnce() -> Result<Value, TemplateError>,
    ) -> Result<Value, TemplateError> {
        self.within(&Place { name: name.into(), path: Vec::new() }, render)
    }

    fn within(
        &self,
        place: &Place,
        render: impl FnOnce() -> Result<Value, TemplateError>,
    ) -> Result<Value, TemplateError> {
        let misses = {
            let mut progress = self.progress();
            if progress.busy.contains(place) {
                let message =
                    format!("recursive loop in `{place}`: its value leads back to itself");
                return Err(TemplateError::Broken { message, line: None });
            }
            if progress.busy.len() >= DEEPEST {
                let message = format!("`{place}` refers to too many variables one after the other");
                return Err(TemplateError::Broken { message, line: None });
            }
            progress.busy.push(place.clone());
            progress.misses.len()
        };
        let outcome = render();
        let mut progress = self.progress();
        progress.busy.pop();
        progress.misses.truncate(misses);
        outcome.map_err(|error| match error {
            TemplateError::Broken { message, .. }
                if !message.contains("recursive loop") && !message.starts_with("in `") =>
            {
                TemplateError::Broken { message: format!("in `{place}`: {message}"), line: None }
            }
            other => other,
        })
    }
}

fn find<'a>(layer: &'a Layer, place: &Place) -> Option<&'a Json> {
    place.path.iter().try_fold(layer.values.get(&*place.name)?, |value, step| match step {
        Step::Key(key) => value.as_object()?.get(&**key),
        Step::Index(index) => value.as_array()?.get(*index),
    })
}

impl Object for Session {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }
    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        if name == SESSION {
            return Some(Value::from_dyn_object(Arc::clone(self)));
        }
        let value = self.variable(name);
        if value.is_none() && !engine::is_global(name) {
            self.miss(name);
        }
        value
    }
}

/// A list or mapping of a variable; what is inside is rendered when it is touched.
struct Node {
    session: Arc<Session>,
    layer: Arc<Layer>,
    place: Place,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.place)
    }
}

impl Node {
    fn json(&self) -> &Json {
        find(&self.layer, &self.place).unwrap_or(&Json::Null)
    }
    fn inside(&self, step: Step) -> Option<Value> {
        let mut place = self.place.clone();
        place.path.push(step);
        self.session.resolve(&self.layer, place)
    }
}

impl Object for Node {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.json().is_array() { ObjectRepr::Seq } else { ObjectRepr::Map }
    }
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some(name) => self.get_value_by_str(name),
            None if self.json().is_object() => self.get_value_by_str(&key.to_string()),
            None => self.inside(Step::Index(key.as_usize()?)),
        }
    }
    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        self.json().as_object()?.contains_key(name).then(|| self.inside(Step::Key(name.into())))?
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.json() {
            Json::Array(items) => Enumerator::Seq(items.len()),
            Json::Object(entries) => {
                Enumerator::Values(entries.keys().map(|key| Value::from(key.as_str())).collect())
            }
            _ => Enumerator::Empty,
        }
    }
    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        match self.json() {
            Json::Array(items) => Some(items.len()),
            Json::Object(entries) => Some(entries.len()),
            _ => Some(0),
        }
    }
}
