//! The functions that templates may call, and attribute access. `now` and whatever reads the world are
//! refused: a plan must come out the same whenever it is made.
use super::lookups;
use super::native::{Omit, broken, entry, undefined};
use super::session::Session;
use super::syntax::GET;
use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};
use minijinja_contrib::pycompat;

/// Names that are no variables.
pub(super) const GLOBALS: [&str; 8] =
    ["range", "dict", "namespace", "lookup", "query", "q", "omit", GET];
/// Functions that Ansible has and this does not, with the reason.
pub(super) const REFUSED: [(&str, &str); 3] = [
    ("now", "`now()` is not available: a plan must not depend on the clock"),
    ("undef", "`undef()` is not available: leave the variable undefined instead"),
    ("finalize", "`finalize()` is not available"),
];

pub(super) fn add(env: &mut Environment<'static>) {
    env.add_function("range", minijinja::functions::range);
    env.add_function("dict", minijinja::functions::dict);
    env.add_function("namespace", minijinja::functions::namespace);
    env.add_global("omit", Value::from_object(Omit));
    env.add_function(GET, get);
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
            pycompat::unknown_method_callback(state, value, method, args)
        },
    );
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
