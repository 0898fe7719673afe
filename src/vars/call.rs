//! How filters and tests are described, registered and called: arguments by position or by name,
//! anything unknown or superfluous an error, undefined values refused unless the entry accepts them.
use super::native::{self, broken, undefined};
use super::session::Session;
use super::{Described, functions};
use minijinja::value::{Kwargs, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, State};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What a filter or test does.
pub(super) type Run = fn(&mut Call) -> Result<Value, Error>;

/// A filter or a test.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    /// Names of the arguments after the value; a last `*` takes any number.
    pub(super) params: &'static [&'static str],
    pub(super) doc: &'static str,
    pub(super) example: &'static str,
    /// Whether the value itself may be undefined.
    pub(super) lenient: bool,
    pub(super) run: Run,
}

/// A line of a table.
pub(super) const fn entry(
    name: &'static str,
    params: &'static [&'static str],
    doc: &'static str,
    example: &'static str,
    run: Run,
) -> Entry {
    Entry { name, aliases: &[], params, doc, example, lenient: false, run }
}

impl Entry {
    pub(super) const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }
    pub(super) const fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
    pub(super) fn described(&self) -> impl Iterator<Item = Described> {
        let (doc, example) = (self.doc, self.example);
        self.names().map(move |name| Described { name, doc, example })
    }
    pub(super) fn add_filter(&'static self, env: &mut Environment<'static>) {
        for name in self.names() {
            env.add_filter(name, move |state: &mut State, args: Rest<ValueOrKwargs>| {
                self.call("filter", name, state, args.into_values())
            });
        }
    }
    pub(super) fn add_test(&'static self, env: &mut Environment<'static>) {
        for name in self.names() {
            env.add_test(name, move |state: &mut State, args: Rest<ValueOrKwargs>| {
                Ok::<_, Error>(self.call("test", name, state, args.into_values())?.is_true())
            });
        }
    }

    fn call(
        &self,
        kind: &'static str,
        name: &'static str,
        state: &mut State,
        args: Vec<Value>,
    ) -> Result<Value, Error> {
        let mut args = args.into_iter();
        let value = args.next().unwrap_or_default();
        let missing = args.clone().filter(Value::is_undefined).count();
        // `default` may hand on what is missing; whoever uses it then complains.
        if (missing > 0 && self.name != "default") || (value.is_undefined() && !self.lenient) {
            return Err(undefined());
        }
        if value.is_undefined() {
            Session::of(state)?.accept(missing);
        }
        let args: Vec<Value> = args.collect();
        let given: Vec<Value> = std::iter::once(&value).chain(&args).cloned().collect();
        let mut call = Call {
            kind,
            name,
            params: self.params,
            state,
            value,
            args: Vec::new(),
            rest: Vec::new(),
            named: BTreeMap::new(),
        };
        call.bind(args)?;
        let made = (self.run)(&mut call)?;
        // That something is a text is no part of it.
        if kind == "filter" && name != "type_debug" {
            functions::derive(call.state, &given.iter().collect::<Vec<_>>(), &made)?;
        }
        Ok(made)
    }
}

/// One call of a filter or test.
pub(super) struct Call<'a, 't, 'e> {
    kind: &'static str,
    name: &'static str,
    params: &'static [&'static str],
    pub(super) state: &'a mut State<'t, 'e>,
    pub(super) value: Value,
    args: Vec<Option<Value>>,
    /// What a `*` took.
    pub(super) rest: Vec<Value>,
    /// Named arguments of an entry that takes any (`map`, `select` …).
    pub(super) named: BTreeMap<String, Value>,
}

impl Call<'_, '_, '_> {
    fn bind(&mut self, mut given: Vec<Value>) -> Result<(), Error> {
        let any = self.params.last() == Some(&"*");
        let params = &self.params[..self.params.len() - usize::from(any)];
        let kwargs = given.pop_if(|last| last.is_kwargs()).map(Kwargs::try_from).transpose()?;
        self.args.resize(params.len(), None);
        for (nth, value) in given.into_iter().enumerate() {
            match self.args.get_mut(nth) {
                Some(slot) => *slot = Some(value),
                None if any => self.rest.push(value),
                None => return Err(self.error(format!("takes at most {} arguments", params.len()))),
            }
        }
        for name in kwargs.iter().flat_map(Kwargs::args) {
            let value: Value =
                kwargs.as_ref().map(|kwargs| kwargs.get(name)).transpose()?.unwrap_or_default();
            match params.iter().position(|param| *param == name) {
                Some(nth) if self.args[nth].is_some() => {
                    return Err(self.error(format!("was given `{name}` twice")));
                }
                Some(nth) => self.args[nth] = Some(value),
                None if any => {
                    self.named.insert(name.to_owned(), value);
                }
                None => return Err(self.error(format!("has no argument `{name}`"))),
            }
        }
        Ok(())
    }
    /// An error that names the filter or test.
    pub(super) fn error(&self, message: impl std::fmt::Display) -> Error {
        broken(format!("{} `{}` {message}", self.kind, self.name))
    }
    /// Refuses named arguments other than these.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), Error> {
        let other = self.named.keys().find(|name| !names.contains(&name.as_str()));
        other.map_or(Ok(()), |name| Err(self.error(format!("has no argument `{name}`"))))
    }
    pub(super) fn arg(&self, nth: usize) -> Option<&Value> {
        self.args.get(nth)?.as_ref()
    }
    pub(super) fn need(&self, nth: usize) -> Result<&Value, Error> {
        let name = self.params.get(nth).copied().unwrap_or("*");
        self.arg(nth).ok_or_else(|| self.error(format!("needs `{name}`")))
    }
    pub(super) fn text(&self) -> Result<String, Error> {
        native::text(&self.value)
    }
    pub(super) fn text_arg(&self, nth: usize) -> Result<Option<String>, Error> {
        self.arg(nth).filter(|value| !value.is_none()).map(native::text).transpose()
    }
    pub(super) fn need_text(&self, nth: usize) -> Result<String, Error> {
        native::text(self.need(nth)?)
    }
    pub(super) fn flag(&self, nth: usize, default: bool) -> bool {
        self.arg(nth).map_or(default, Value::is_true)
    }
    pub(super) fn int_arg(&self, nth: usize) -> Result<Option<i64>, Error> {
        let Some(value) = self.arg(nth).filter(|value| !value.is_none()) else { return Ok(None) };
        let name = self.params.get(nth).copied().unwrap_or("*");
        value
            .as_i64()
            .map(Some)
            .ok_or_else(|| self.error(format!("needs a whole number as `{name}`")))
    }
    /// The value as a whole number.
    pub(super) fn int_value(&self) -> Result<i64, Error> {
        self.value.as_i64().ok_or_else(|| self.error("needs a whole number"))
    }
    /// A count that is no number of bytes to drown in.
    pub(super) fn size_arg(&self, nth: usize, default: usize) -> Result<usize, Error> {
        let size = self.int_arg(nth)?.map(usize::try_from).transpose();
        let size = size.map_err(|_| self.error("was given a negative size"))?.unwrap_or(default);
        if size > 10_000 { Err(self.error("was given a size over 10000")) } else { Ok(size) }
    }
    pub(super) fn json(&self) -> Result<Json, Error> {
        native::to_json(&self.value)
    }
    pub(super) fn list(&self) -> Result<Vec<Value>, Error> {
        self.list_of(&self.value)
    }
    /// The items of a list, the keys of a mapping, the characters of a text.
    pub(super) fn list_of(&self, value: &Value) -> Result<Vec<Value>, Error> {
        match value.kind() {
            ValueKind::String => {
                Ok(value.as_str().unwrap_or_default().chars().map(Value::from).collect())
            }
            ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
                let items: Vec<Value> = value.try_iter()?.checked().collect::<Result<_, _>>()?;
                self.state.consume_fuel(items.len() as u64)?;
                Ok(items)
            }
            ValueKind::Undefined => Err(undefined()),
            _ => Err(self.error(format!("needs a list, not {}", native::type_name(value)))),
        }
    }
    /// The entries of a mapping.
    pub(super) fn entries_of(&self, value: &Value) -> Result<Vec<(Value, Value)>, Error> {
        if value.kind() != ValueKind::Map {
            return Err(self.error(format!("needs a mapping, not {}", native::type_name(value))));
        }
        self.list_of(value)?
            .into_iter()
            .map(|key| Ok((key.clone(), native::entry(value, &key)?)))
            .collect()
    }
}
