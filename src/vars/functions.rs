//! The functions that templates may call, and attribute access. What
//! reads the world asks the machine, which answers the same until the run is over.
use super::filters::{Moment, minus, shown};
use super::lookups;
use super::native::{self, Omit, broken, entry, undefined};
use super::session::Session;
use super::syntax::{CUT, GET, MINUS};
use crate::source::{TEXT, VAULT};
use jiff::tz::TimeZone;
use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};
use minijinja_contrib::pycompat;
use serde_json::Map;

/// Names that are no variables.
pub(super) const GLOBALS: [&str; 13] = [
    "range",
    "dict",
    "namespace",
    "lookup",
    "query",
    "q",
    "omit",
    "now",
    GET,
    CUT,
    MINUS,
    TEXT,
    VAULT,
];
/// Functions that Ansible has and this does not, with the reason.
pub(super) const REFUSED: [(&str, &str); 2] = [
    ("undef", "`undef()` is not available: leave the variable undefined instead"),
    ("finalize", "`finalize()` is not available"),
];

pub(super) fn add(env: &mut Environment<'static>) {
    env.add_function("range", minijinja::functions::range);
    env.add_function("dict", dict);
    env.add_function("namespace", minijinja::functions::namespace);
    env.add_global("omit", Value::from_object(Omit));
    env.add_function("now", now);
    env.add_function(GET, get);
    env.add_function(CUT, cut);
    env.add_function(MINUS, |left: Value, right: Value| minus(&left, &right));
    env.add_function(TEXT, |text: Value| text);
    env.add_function(VAULT, open);
    env.add_function(
        "lookup",
        |state: &mut State, name: &str, terms: Rest<Value>, options: Kwargs| {
            lookups::from_template(state, name, &terms.0, &options, false)
        },
    );
    for name in ["query", "q"] {
        env.add_function(
            name,
            |state: &mut State, name: &str, terms: Rest<Value>, options: Kwargs| {
                lookups::from_template(state, name, &terms.0, &options, true)
            },
        );
    }
    env.set_unknown_method_callback(
        |state: &mut State, value: &Value, method: &str, args: &[Value]| {
            if value.is_undefined() || args.iter().any(Value::is_undefined) {
                return Err(undefined());
            }
            if method == "format" {
                bounded_format(value.as_str().unwrap_or_default())?;
            }
            let made = pycompat::unknown_method_callback(state, value, method, args)?;
            let given: Vec<&Value> = std::iter::once(value).chain(args).collect();
            derive(state, &given, &made)?;
            Ok(made)
        },
    );
}

/// `dict(mapping)`, `dict(pairs)` and `dict(name=value)`, as Python has it.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands them over")]
fn dict(state: &State, given: Rest<Value>, names: Kwargs) -> Result<Value, Error> {
    let mut entries = Map::new();
    let mut set = |key: &Value, value: &Value| {
        if key.is_undefined() || value.is_undefined() {
            return Err(undefined());
        }
        let key = native::text(key)?;
        Session::of(state)?.note_cut(&key);
        entries.insert(key, native::to_json(value)?);
        Ok(())
    };
    match given.as_slice() {
        [] => {}
        [mapping] if mapping.kind() == ValueKind::Map => {
            for key in mapping.try_iter()? {
                set(&key, &mapping.get_item(&key)?)?;
            }
        }
        [pairs] => {
            for pair in pairs.try_iter()? {
                match pair.try_iter()?.collect::<Vec<_>>().as_slice() {
                    [key, value] => set(key, value)?,
                    _ => return Err(broken("`dict` takes a mapping, or a list of pairs")),
                }
            }
        }
        _ => return Err(broken("`dict` takes one mapping, or one list of pairs")),
    }
    for name in names.args() {
        let value: Value = names.get(name)?;
        set(&Value::from(name), &value)?;
    }
    Ok(native::from_json(&entries.into()))
}

/// When the run began; in a format if one is given.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands it over")]
fn now(state: &State, options: Kwargs) -> Result<Value, Error> {
    let start = Session::of(state)?.machine()?.start();
    let utc: Option<bool> = options.get("utc")?;
    let format: Option<String> = options.get("fmt")?;
    options.assert_all_used()?;
    let time = if utc == Some(true) { start.with_time_zone(TimeZone::UTC) } else { start };
    match format {
        Some(format) => shown(&format, &time),
        None => Ok(Value::from_object(Moment(time.datetime()))),
    }
}

/// `a[1:2]`: a secret that is cut leaves parts that nothing recognises.
fn cut(state: &State, value: Value) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        Session::of(state)?.cut(text);
    }
    Ok(value)
}

/// What is encrypted in the project.
fn open(state: &State, text: &str) -> Result<Value, Error> {
    let opened = Session::of(state)?.core.vault.open_text(text);
    opened.map(Value::from).map_err(|error| broken(format!("{error}; {}", error.help())))
}

/// What a filter or a method makes of a secret is secret, unless it was handed in as it is.
pub(super) fn derive(state: &State, given: &[&Value], made: &Value) -> Result<(), Error> {
    /// Parts shorter than this (characters) tell nothing.
    const TELLING: usize = 4;
    let session = Session::of(state)?;
    let secrets = session.secrets();
    if secrets.is_empty() || !given.iter().filter_map(|it| it.as_str()).any(|it| secrets.holds(it))
    {
        return Ok(());
    }
    let keep = |text: &str| {
        let handed_in = given.iter().any(|value| value.as_str() == Some(text));
        if text.chars().count() >= TELLING && !handed_in && !secrets.holds(text) {
            secrets.keep(text);
        }
    };
    match made.kind() {
        ValueKind::String => made.as_str().map_or((), keep),
        ValueKind::Seq => made
            .try_iter()?
            .filter_map(|it| it.as_str().map(str::to_owned))
            .for_each(|it| keep(&it)),
        _ => {}
    }
    Ok(())
}

/// `a.b` and `a['b']`: undefined where there is no such thing, also when `a` itself is undefined.
fn get(state: &State, base: &Value, key: &Value, path: &str) -> Result<Value, Error> {
    if base.is_undefined() || key.is_undefined() {
        return Ok(Value::UNDEFINED);
    }
    let session = Session::of(state)?;
    let before = session.misses();
    let value = if matches!(base.kind(), ValueKind::None | ValueKind::Bool | ValueKind::Number) {
        Value::UNDEFINED
    } else {
        match entry(base, key) {
            Err(error) if error.kind() == ErrorKind::UndefinedError => Value::UNDEFINED,
            other => other?,
        }
    };
    if value.is_undefined() && session.misses() == before {
        session.miss(path);
    }
    Ok(value)
}

/// Refuses formats that ask for very wide output, or take their width from an argument.
pub(super) fn bounded_format(format: &str) -> Result<(), Error> {
    let wide = format.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 4);
    let mut depth = 0_i32;
    let nested = format.replace("{{", "").replace("}}", "").chars().any(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth > 1
    });
    if wide || nested || format.contains('*') {
        return Err(broken(
            "the format asks for too wide a text, or takes its width from an argument",
        ));
    }
    Ok(())
}
