//! What `lookup`, `query` and `with_…` list: from variables, and from what the machine says that it is asked
//! through; nothing here reads anything itself.
mod files;
mod lists;
mod made;

use super::TemplateError;
use super::engine::unknown;
use super::native::{self, broken, undefined};
use super::session::Session;
use super::syntax::plain_name;
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};
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

pub(super) static ENTRIES: [Entry; 25] = [
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
    row("dict", &[], "keys and values of mappings", "query('dict', {'a': 1})", lists::dict),
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
        lists::nested,
    ),
    row(
        "cartesian",
        &[],
        "every combination of the items of several lists",
        "query('cartesian', [1, 2], ['a'])",
        lists::nested,
    ),
    row(
        "together",
        &[],
        "the items of several lists side by side",
        "query('together', [1, 2], ['a', 'b'])",
        lists::together,
    ),
    row(
        "sequence",
        &["start", "end", "count", "stride", "format"],
        "numbers, as text",
        "query('sequence', 'start=1 end=3')",
        lists::sequence,
    ),
    row(
        "subelements",
        &["skip_missing"],
        "pairs of each item and each item of a list inside it",
        "query('subelements', [{'a': [1, 2]}], 'a')",
        lists::subelements,
    ),
    row(
        "file",
        &["rstrip", "lstrip"],
        "the content of a file of this machine",
        "query('file')",
        files::file,
    ),
    row(
        "template",
        &["template_vars", "convert_data"],
        "a rendered template of the project",
        "query('template')",
        files::template,
    ),
    row("unvault", &[], "the content of a file, decrypted", "query('unvault')", files::unvault),
    row("fileglob", &[], "the files that a pattern names", "query('fileglob')", files::fileglob),
    row(
        "first_found",
        &["files", "paths", "skip"],
        "the first of some files that is there",
        "query('first_found', skip=true)",
        files::first_found,
    ),
    row(
        "csvfile",
        &["file", "delimiter", "col", "keycol", "default", "encoding"],
        "a cell of a table",
        "query('csvfile')",
        files::csvfile,
    ),
    row(
        "ini",
        &["file", "section", "type", "re", "default", "encoding"],
        "a value of an INI or properties file",
        "query('ini')",
        files::ini,
    ),
    row("pipe", &[], "what a command of this machine prints", "query('pipe')", made::pipe),
    row("lines", &[], "the lines that a command prints", "query('lines')", made::lines),
    row(
        "password",
        &["length", "chars", "encrypt", "seed", "ident"],
        "a password from a file, made if there is none",
        "lookup('password', '/dev/null', seed='x')",
        made::password,
    ),
    row(
        "random_choice",
        &[],
        "one of the items",
        "query('random_choice', [1, 2])",
        made::random_choice,
    ),
    row(
        "varnames",
        &[],
        "the names of variables that match a pattern",
        "query('varnames', '^none_')",
        varnames,
    ),
    row(
        "inventory_hostnames",
        &[],
        "the hosts that a name of a group or `all` means",
        "query('inventory_hostnames')",
        inventory_hostnames,
    ),
];

/// Lookups that Ansible has and this does not, with the reason.
const REFUSED: [(&str, &str); 2] = [
    ("url", "lookup `url` is not available: the module `uri` asks from the server's side"),
    ("config", "lookup `config` is not available: there is no ansible.cfg"),
];

/// Names that [`run`] refuses with a reason.
pub(super) fn refused() -> impl Iterator<Item = &'static str> {
    REFUSED.iter().map(|(name, _)| *name)
}

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
    let errors = given.remove("errors").map(|errors| native::text(&errors)).transpose()?;
    let forgiving = match errors.as_deref() {
        None | Some("strict") => false,
        Some("ignore" | "warn") => true,
        Some(_) => return Err(broken("`errors` is `strict`, `warn` or `ignore`")),
    };
    let mut found = match run(&session, name, terms, &given) {
        Err(error) if forgiving && error.kind() == ErrorKind::InvalidOperation => {
            return Ok(if list { Value::from(Vec::<Value>::new()) } else { Value::from(()) });
        }
        found => found?,
    };
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
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return Err(broken(*why));
    }
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
        Ok(session.machine()?.variable(&name).map_or_else(default, Value::from))
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

fn varnames(session: &Arc<Session>, terms: &[Value], _: &Options) -> Result<Vec<Value>, Error> {
    let mut out = vec![];
    for term in terms {
        let regex = regex::Regex::new(&native::text(term)?);
        let regex = regex.map_err(|_| broken("lookup `varnames` can't use this pattern"))?;
        out.extend(session.names().iter().filter(|name| regex.is_match(name)).map(Value::from));
    }
    Ok(out)
}

fn inventory_hostnames(
    session: &Arc<Session>,
    terms: &[Value],
    _: &Options,
) -> Result<Vec<Value>, Error> {
    let groups = session.variable("groups").unwrap_or_default();
    let mut out: Vec<Value> = vec![];
    for term in terms {
        for name in native::text(term)?.split([':', ',']) {
            let members = native::entry(&groups, &Value::from(name))?;
            let hosts = if members.is_undefined() {
                let all = native::entry(&groups, &Value::from("all"))?;
                let mut all = items_of(&all)?;
                all.retain(|host| host.as_str() == Some(name));
                all
            } else {
                items_of(&members)?
            };
            out.extend(hosts.into_iter().filter(|host| !out.contains(host)).collect::<Vec<_>>());
        }
    }
    Ok(out)
}

fn content_of(found: &(std::path::PathBuf, Arc<[u8]>)) -> Result<String, Error> {
    let (path, bytes) = found;
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|_| broken(format!("the file `{}` is no text", path.display())))
}

fn flag(options: &Options, name: &str, default: bool) -> bool {
    let text = |value: &Value| matches!(value.as_str(), Some("yes" | "true" | "True" | "on" | "1"));
    options.get(name).map_or(default, |value| {
        if value.as_str().is_some() { text(value) } else { value.is_true() }
    })
}

fn option_text(options: &Options, name: &str) -> Result<Option<String>, Error> {
    options.get(name).filter(|value| !value.is_none()).map(native::text).transpose()
}
