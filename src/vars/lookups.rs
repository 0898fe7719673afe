//! What `lookup`, `query` and `with_…` list. All of it comes from variables, and from files and
//! environment variables that were read beforehand; nothing here reads anything.
use super::engine::{self, unknown};
use super::filters::combinations;
use super::native::{self, broken, entry, undefined};
use super::session::Session;
use super::syntax::plain_name;
use super::{TemplateError, filters};
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, State};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Named arguments of a lookup.
pub(super) type Options = BTreeMap<String, Value>;
type Run = fn(&Arc<Session>, &[Value], &Options) -> Result<Vec<Value>, Error>;

/// A lookup.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) options: &'static [&'static str],
    pub(super) doc: &'static str,
    pub(super) example: &'static str,
    pub(super) run: Run,
}

const fn row(
    name: &'static str,
    options: &'static [&'static str],
    doc: &'static str,
    example: &'static str,
    run: Run,
) -> Entry {
    Entry { name, options, doc, example, run }
}

pub(super) static ENTRIES: [Entry; 14] = [
    row(
        "vars",
        &["default"],
        "variables by their names",
        "lookup('vars', 'missing', default='x')",
        vars,
    ),
    row(
        "env",
        &["default"],
        "environment variables of this machine",
        "lookup('env', 'MISSING', default='x')",
        env,
    ),
    row("dict", &[], "keys and values of mappings", "query('dict', {'a': 1})", dict),
    row(
        "items",
        &[],
        "the items, lists opened once",
        "query('items', [1, 2], 3)",
        |_, terms, _| opened(terms, 1),
    ),
    row("list", &[], "the items as they are", "query('list', [1, 2])", |_, terms, _| {
        Ok(terms.to_vec())
    }),
    row(
        "flattened",
        &[],
        "the items, all lists opened",
        "query('flattened', [1, [2, [3]]])",
        |_, terms, _| opened(terms, 100),
    ),
    row(
        "indexed_items",
        &[],
        "the items with their numbers",
        "query('indexed_items', ['a', 'b'])",
        |_, terms, _| {
            let items = opened(terms, 1)?.into_iter().enumerate();
            Ok(items.map(|(nth, item)| Value::from(vec![Value::from(nth), item])).collect())
        },
    ),
    row(
        "nested",
        &[],
        "every combination of the items of several lists",
        "query('nested', [1, 2], ['a'])",
        nested,
    ),
    row(
        "cartesian",
        &[],
        "every combination of the items of several lists",
        "query('cartesian', [1, 2], ['a'])",
        nested,
    ),
    row(
        "together",
        &[],
        "the items of several lists side by side",
        "query('together', [1, 2], ['a', 'b'])",
        together,
    ),
    row(
        "sequence",
        &["start", "end", "count", "stride", "format"],
        "numbers, as text",
        "query('sequence', 'start=1 end=3')",
        sequence,
    ),
    row(
        "subelements",
        &["skip_missing"],
        "pairs of each item and each item of a list inside it",
        "query('subelements', [{'a': [1, 2]}], 'a')",
        subelements,
    ),
    row(
        "file",
        &["rstrip", "lstrip"],
        "the content of a file of the project",
        "query('file')",
        file,
    ),
    row("template", &[], "a rendered template of the project", "query('template')", template),
];

/// `lookup(…)`, or `query(…)` which always gives a list.
pub(super) fn from_template(
    state: &mut State,
    name: &str,
    terms: &[Value],
    options: &Kwargs,
    query: bool,
) -> Result<Value, Error> {
    if terms.iter().any(Value::is_undefined) {
        return Err(undefined());
    }
    let session = Session::of(state)?;
    let mut given = Options::new();
    for option in options.args() {
        given.insert(option.to_owned(), options.get(option)?);
    }
    let list = given.remove("wantlist").is_some_and(|it| it.is_true()) || query;
    let mut found = run(&session, name, terms, &given)?;
    if list {
        return Ok(Value::from(found));
    }
    Ok(match found.len() {
        1 => found.remove(0),
        _ if found.iter().all(|item| item.kind() == ValueKind::String) => {
            Value::from(found.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(","))
        }
        _ => Value::from(found),
    })
}

/// What a lookup lists.
pub(super) fn run(
    session: &Arc<Session>,
    name: &str,
    terms: &[Value],
    options: &Options,
) -> Result<Vec<Value>, Error> {
    let name = plain_name(name);
    let Some(lookup) = ENTRIES.iter().find(|entry| entry.name == name) else {
        return Err(broken(unknown("lookup", name, ENTRIES.iter().map(|entry| entry.name))));
    };
    if let Some(option) = options.keys().find(|option| !lookup.options.contains(&option.as_str())) {
        return Err(broken(format!("lookup `{name}` has no option `{option}`")));
    }
    (lookup.run)(session, terms, options)
}

/// Hands an error of a nested rendering to the template around it.
fn hand_on(session: &Session, error: TemplateError) -> Error {
    match error {
        TemplateError::Undefined { name } => {
            session.miss(name);
            undefined()
        }
        TemplateError::Broken { message, .. } => broken(message),
    }
}

fn vars(session: &Arc<Session>, terms: &[Value], options: &Options) -> Result<Vec<Value>, Error> {
    let find = |term: &Value| {
        let name = term.as_str().ok_or_else(|| broken("lookup `vars` needs names as text"))?;
        let before = session.misses();
        match (session.variable(name).filter(|value| !value.is_undefined()), options.get("default"))
        {
            (Some(value), _) if value.kind() == ValueKind::Invalid => {
                Err(broken(value.to_string()))
            }
            (Some(value), _) => Ok(value),
            (None, Some(default)) => Ok(default.clone()),
            (None, None) => {
                if session.misses() == before {
                    session.miss(name);
                }
                Err(undefined())
            }
        }
    };
    terms.iter().map(find).collect()
}

fn env(session: &Arc<Session>, terms: &[Value], options: &Options) -> Result<Vec<Value>, Error> {
    let find = |term: &Value| {
        let name = native::text(term)?;
        let default = || options.get("default").cloned().unwrap_or_else(|| Value::from(""));
        Ok(session.core.variables.get(&name).map_or_else(default, Value::from))
    };
    terms.iter().map(find).collect()
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

fn items_of(value: &Value) -> Result<Vec<Value>, Error> {
    if !is_list(value) {
        return Ok(vec![value.clone()]);
    }
    value.try_iter()?.checked().collect()
}

fn opened(terms: &[Value], levels: usize) -> Result<Vec<Value>, Error> {
    let mut items = Vec::new();
    for term in terms {
        if is_list(term) && levels > 0 {
            items.extend(opened(&items_of(term)?, levels - 1)?);
        } else {
            items.push(term.clone());
        }
    }
    Ok(items)
}

/// Lists, each given by itself or all of them as one list of lists.
fn columns(terms: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    match terms {
        [] => Err(broken("the lookup needs at least one list")),
        [one] if is_list(one) && items_of(one)?.iter().all(is_list) => {
            items_of(one)?.iter().map(items_of).collect()
        }
        _ => terms.iter().map(items_of).collect(),
    }
}

fn nested(_: &Arc<Session>, terms: &[Value], _: &Options) -> Result<Vec<Value>, Error> {
    Ok(combinations(&columns(terms)?)?.into_iter().map(Value::from).collect())
}

fn together(_: &Arc<Session>, terms: &[Value], _: &Options) -> Result<Vec<Value>, Error> {
    let columns = columns(terms)?;
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |column: &Vec<Value>, nth: usize| {
        column.get(nth).cloned().unwrap_or_else(|| Value::from(()))
    };
    Ok((0..longest)
        .map(|nth| Value::from(columns.iter().map(|column| cell(column, nth)).collect::<Vec<_>>()))
        .collect())
}

fn dict(_: &Arc<Session>, terms: &[Value], _: &Options) -> Result<Vec<Value>, Error> {
    let mut items = Vec::new();
    for term in opened(terms, 1)? {
        if term.kind() != ValueKind::Map {
            return Err(broken(format!(
                "lookup `dict` needs a mapping, not {}",
                native::type_name(&term)
            )));
        }
        for key in term.try_iter()?.checked() {
            let key = key?;
            let value = entry(&term, &key)?;
            items.push(Value::from_pairs([("key", key), ("value", value)]));
        }
    }
    Ok(items)
}

fn sequence(_: &Arc<Session>, terms: &[Value], options: &Options) -> Result<Vec<Value>, Error> {
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in options {
        given.insert(name.clone(), native::text(value)?);
    }
    for term in opened(terms, 1)? {
        for word in native::text(&term)?.split_whitespace() {
            match word.split_once('=') {
                Some((name, value)) => given.insert(name.to_owned(), value.to_owned()),
                None => given.insert("end".to_owned(), word.to_owned()),
            };
        }
    }
    let number = |name: &str| -> Result<Option<i64>, Error> {
        let read = given.get(name).map(|text| match text.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16),
            None => text.parse(),
        });
        read.transpose()
            .map_err(|_| broken(format!("lookup `sequence` needs a whole number as `{name}`")))
    };
    if let Some(other) = given
        .keys()
        .find(|name| !["start", "end", "count", "stride", "format"].contains(&name.as_str()))
    {
        return Err(broken(format!("lookup `sequence` has no option `{other}`")));
    }
    let (start, stride) = (number("start")?.unwrap_or(1), number("stride")?);
    let (end, stride) = match (number("end")?, number("count")?) {
        (Some(end), None) => (end, stride.unwrap_or(1)),
        (None, Some(0)) => return Ok(Vec::new()),
        (None, Some(count)) => {
            let stride = stride.unwrap_or(1);
            (count.saturating_sub(1).saturating_mul(stride).saturating_add(start), stride)
        }
        _ => return Err(broken("lookup `sequence` needs either `end` or `count`")),
    };
    if stride == 0 || (stride > 0) != (end >= start) && end != start {
        return Err(broken("lookup `sequence` never gets from its start to its end"));
    }
    let steps = end.abs_diff(start) / stride.unsigned_abs();
    if steps >= 100_000 {
        return Err(broken("lookup `sequence` comes to over 100000 numbers"));
    }
    let format = given.get("format").map_or("%d", String::as_str);
    super::functions::bounded_format(format)?;
    let numbers = (0..=steps).map(|step| start + stride * i64::try_from(step).unwrap_or(0));
    let style = minijinja::formatting::FormatStyle::Printf;
    numbers
        .map(|number| {
            minijinja::formatting::format(style, format, &[Value::from(number)]).map(Value::from)
        })
        .collect()
}

fn subelements(_: &Arc<Session>, terms: &[Value], options: &Options) -> Result<Vec<Value>, Error> {
    let (list, path, flags) = match terms {
        [one] if is_list(one) => match items_of(one)?.as_slice() {
            [list, path] => (list.clone(), path.clone(), None),
            [list, path, flags] => (list.clone(), path.clone(), Some(flags.clone())),
            _ => return Err(broken("lookup `subelements` needs a list and a path")),
        },
        [list, path] => (list.clone(), path.clone(), None),
        [list, path, flags] => (list.clone(), path.clone(), Some(flags.clone())),
        _ => return Err(broken("lookup `subelements` needs a list and a path")),
    };
    let flag = flags.map(|flags| entry(&flags, &Value::from("skip_missing"))).transpose()?;
    let skip =
        flag.or_else(|| options.get("skip_missing").cloned()).is_some_and(|skip| skip.is_true());
    let pairs = filters::subelements(native::to_json(&list)?, &native::to_json(&path)?, skip);
    let pairs = pairs.map_err(|why| broken(format!("lookup `subelements` {why}")))?;
    Ok(pairs.iter().map(native::from_json).collect())
}

fn content(session: &Session, term: &Value) -> Result<String, Error> {
    let name = native::text(term)?;
    let found = session.core.files.as_ref().and_then(|files| files(&name));
    let bytes = found.ok_or_else(|| broken(format!("there is no file `{name}` in the project")))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| broken(format!("the file `{name}` is no text")))
}

fn file(session: &Arc<Session>, terms: &[Value], options: &Options) -> Result<Vec<Value>, Error> {
    let flag = |name: &str, default: bool| options.get(name).map_or(default, Value::is_true);
    let read = |term: &Value| {
        let text = content(session, term)?;
        let text = if flag("rstrip", true) { text.trim_end() } else { &text };
        Ok(Value::from(if flag("lstrip", false) { text.trim_start() } else { text }))
    };
    terms.iter().map(read).collect()
}

fn template(session: &Arc<Session>, terms: &[Value], _: &Options) -> Result<Vec<Value>, Error> {
    let render = |term: &Value| {
        let text = content(session, term)?;
        let name = format!("template {}", native::text(term)?);
        let rendered =
            session.nested(&name, || engine::render_whole(session, &text).map(Value::from));
        rendered.map_err(|error| hand_on(session, error))
    };
    terms.iter().map(render).collect()
}
