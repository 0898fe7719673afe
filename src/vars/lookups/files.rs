//! Lookups that read files of this machine. A relative path is looked for as Ansible looks: in the role's
//! folder for such files, in the role, then in the playbook's.
use super::{Options, content_of, flag, option_text};
use crate::vars::engine;
use crate::vars::machine::PathKind;
use crate::vars::native::{self, broken, entry};
use crate::vars::session::Session;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use regex::Regex;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Found = Result<Vec<Value>, Error>;

/// Where a path may be, the nearest first.
pub(super) fn places(session: &Arc<Session>, path: &str, folder: &str) -> Vec<PathBuf> {
    if path.starts_with('/') {
        return vec![PathBuf::from(path)];
    }
    let base = |name: &str| {
        let value = session.variable(name)?;
        value.as_str().map(PathBuf::from)
    };
    let bases: Vec<PathBuf> =
        ["role_path", "playbook_dir"].iter().filter_map(|name| base(name)).collect();
    let mut out: Vec<PathBuf> =
        bases.iter().flat_map(|base| [base.join(folder).join(path), base.join(path)]).collect();
    if out.is_empty() {
        out.push(PathBuf::from(path));
    }
    out
}

/// The first place where there is such a file, and what it holds.
fn read(session: &Arc<Session>, term: &Value, folder: &str) -> Result<(PathBuf, Arc<[u8]>), Error> {
    let name = native::text(term)?;
    for place in places(session, &name, folder) {
        let bytes = session.machine()?.read(&place).map_err(broken)?;
        if let Some(bytes) = bytes {
            return Ok((place.clone(), session.opened(&place, bytes)?));
        }
    }
    Err(broken(format!("there is no file `{name}`")))
}

pub(super) fn file(session: &Arc<Session>, terms: &[Value], options: &Options) -> Found {
    let one = |term: &Value| {
        let text = content_of(&read(session, term, "files")?)?;
        let text = if flag(options, "rstrip", true) { text.trim_end() } else { &text };
        Ok(Value::from(if flag(options, "lstrip", false) { text.trim_start() } else { text }))
    };
    terms.iter().map(one).collect()
}

/// Encrypted or not, the content as it is.
pub(super) fn unvault(session: &Arc<Session>, terms: &[Value], _: &Options) -> Found {
    let one = |term: &Value| content_of(&read(session, term, "files")?).map(Value::from);
    terms.iter().map(one).collect()
}

pub(super) fn template(session: &Arc<Session>, terms: &[Value], options: &Options) -> Found {
    let vars = options.get("template_vars").map(native::to_json).transpose()?;
    let one = |term: &Value| {
        let text = content_of(&read(session, term, "templates")?)?;
        let name = format!("template {}", native::text(term)?);
        let inside = session.with_variables(vars.clone());
        let rendered =
            inside.nested(&name, || engine::render_whole(&inside, &text).map(Value::from));
        rendered.map_err(|error| super::hand_on(session, error))
    };
    terms.iter().map(one).collect()
}

/// A pattern of the shell as a regular expression: `*`, `?`, `[…]`.
fn glob(pattern: &str) -> Option<Regex> {
    let mut out = String::from("^");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' if rest.clone().any(|c| c == ']') => {
                out.push('[');
                if rest.next_if_eq(&'!').is_some() {
                    out.push('^');
                }
                for c in rest.by_ref().take_while(|c| *c != ']') {
                    if matches!(c, '\\' | '[' | '^' | '&' | '~') {
                        out.push('\\');
                    }
                    out.push(c);
                }
                out.push(']');
            }
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    Regex::new(&(out + "$")).ok()
}

/// The files in a folder whose names match, sorted.
pub(super) fn fileglob(session: &Arc<Session>, terms: &[Value], _: &Options) -> Found {
    let mut out = vec![];
    for term in super::opened(terms, 1)? {
        let term = native::text(&term)?;
        let pattern = term.rsplit_once('/').map_or(term.as_str(), |(_, name)| name);
        let Some(regex) = glob(pattern) else { continue };
        let machine = session.machine()?;
        let folders = places(session, &term, "files");
        let folders = folders.iter().filter_map(|place| place.parent());
        let folder = folders.into_iter().find(|folder| machine.about(folder, true).is_some());
        let Some(folder) = folder else { continue };
        let is_file = |path: &Path| {
            machine.about(path, true).is_some_and(|about| about.kind == PathKind::File)
        };
        let shown = |name: &String| !name.starts_with('.') || pattern.starts_with('.');
        for name in machine.names(folder).iter().filter(|name| shown(name) && regex.is_match(name))
        {
            let path = folder.join(name);
            if is_file(&path) {
                out.push(Value::from(path.display().to_string()));
            }
        }
    }
    Ok(out)
}

/// Names or lists of names, also as text with commas.
fn names(value: Option<&Value>) -> Result<Vec<String>, Error> {
    let Some(value) = value else { return Ok(vec![]) };
    match value.as_str() {
        Some(text) => Ok(text
            .split([',', ';', ':'])
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect()),
        None => value.try_iter()?.map(|item| native::text(&item)).collect(),
    }
}

pub(super) fn first_found(session: &Arc<Session>, terms: &[Value], options: &Options) -> Found {
    let mut tried: Vec<String> = vec![];
    let mut skip = flag(options, "skip", false);
    let combine = |files: Vec<String>, paths: Vec<String>, out: &mut Vec<String>| {
        if paths.is_empty() {
            out.extend(files);
        } else {
            out.extend(paths.iter().flat_map(|path| {
                files.iter().map(move |file| format!("{}/{file}", path.trim_end_matches('/')))
            }));
        }
    };
    combine(names(options.get("files"))?, names(options.get("paths"))?, &mut tried);
    for term in super::opened(terms, 1)? {
        if term.kind() == ValueKind::Map {
            let part = |key: &str| {
                entry(&term, &Value::from(key))
                    .map(|part| Some(part).filter(|part| !part.is_undefined()))
            };
            skip |= part("skip")?.is_some_and(|skip| skip.is_true());
            combine(names(part("files")?.as_ref())?, names(part("paths")?.as_ref())?, &mut tried);
        } else {
            combine(vec![native::text(&term)?], names(options.get("paths"))?, &mut tried);
        }
    }
    let machine = session.machine()?;
    for name in &tried {
        let mut places = ["files", "templates", "vars", "tasks"]
            .iter()
            .flat_map(|folder| places(session, name, folder));
        if let Some(place) = places.find(|place| machine.about(place, true).is_some()) {
            return Ok(vec![Value::from(place.display().to_string())]);
        }
    }
    if skip {
        Ok(vec![])
    } else {
        Err(broken(format!("none of these files is there: {}", tried.join(", "))))
    }
}

/// The words of a term that are `key=value`, and the rest.
fn words(term: &Value, options: &Options) -> Result<(String, Options), Error> {
    let text = native::text(term)?;
    let mut given = options.clone();
    let mut keys = vec![];
    for word in shlex::split(&text).unwrap_or_else(|| vec![text.clone()]) {
        match word.split_once('=') {
            Some((key, value)) => drop(given.insert(key.to_owned(), Value::from(value))),
            None => keys.push(word),
        }
    }
    Ok((keys.join(" "), given))
}

pub(super) fn csvfile(session: &Arc<Session>, terms: &[Value], options: &Options) -> Found {
    let mut out = vec![];
    for term in terms {
        let (key, given) = words(term, options)?;
        let number = |name: &str, default: usize| match option_text(&given, name)? {
            Some(text) => text
                .parse()
                .map_err(|_| broken(format!("lookup `csvfile` needs a number as `{name}`"))),
            None => Ok(default),
        };
        let (col, key_col) = (number("col", 1)?, number("keycol", 0)?);
        let file = option_text(&given, "file")?.unwrap_or_else(|| "ansible.csv".to_owned());
        let text = content_of(&read(session, &Value::from(file), "files")?)?;
        let delimiter = option_text(&given, "delimiter")?.unwrap_or_else(|| "TAB".to_owned());
        let delimiter =
            if matches!(delimiter.as_str(), "TAB" | "t" | "\\t") { "\t" } else { &delimiter };
        let rows: Vec<Vec<String>> = text.lines().map(|line| cells(line, delimiter)).collect();
        let row = rows.iter().find(|row| row.get(key_col) == Some(&key));
        match row {
            Some(row) => {
                let cell = row
                    .get(col)
                    .ok_or_else(|| broken(format!("lookup `csvfile`: there is no column {col}")))?;
                out.push(Value::from(cell.as_str()));
            }
            None => out.extend(given.get("default").cloned()),
        }
    }
    Ok(out)
}

/// The cells of a line; a cell in double quotes may hold the delimiter, and `""` for one.
fn cells(line: &str, delimiter: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let (false, Some(behind)) = (quoted, rest.strip_prefix(delimiter)) {
            out.push(String::new());
            rest = behind;
            continue;
        }
        let cell = out.last_mut();
        match (c, rest.strip_prefix("\"\"")) {
            ('"', Some(behind)) if quoted => {
                cell.into_iter().for_each(|cell| cell.push('"'));
                rest = behind;
                continue;
            }
            ('"', _) => quoted = !quoted,
            _ => cell.into_iter().for_each(|cell| cell.push(c)),
        }
        rest = &rest[c.len_utf8()..];
    }
    out
}

pub(super) fn ini(session: &Arc<Session>, terms: &[Value], options: &Options) -> Found {
    let mut out = vec![];
    for term in terms {
        let (key, given) = words(term, options)?;
        let file = option_text(&given, "file")?.unwrap_or_else(|| "ansible.ini".to_owned());
        let text = content_of(&read(session, &Value::from(file), "files")?)?;
        let properties = option_text(&given, "type")?.as_deref() == Some("properties");
        let section = option_text(&given, "section")?.unwrap_or_else(|| "global".to_owned());
        let is_regex = flag(&given, "re", false);
        let regex = Regex::new(&format!("^(?:{key})"))
            .map_err(|_| broken("lookup `ini` can't use this pattern"))?;
        let mut inside = properties;
        let mut found = vec![];
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                inside = !properties && name.trim() == section;
            } else if let Some((name, value)) = line.split_once(['=', ':']).filter(|_| inside) {
                let name = name.trim().to_lowercase();
                if if is_regex { regex.is_match(&name) } else { name == key.to_lowercase() } {
                    found.push(Value::from(value.trim()));
                }
            }
        }
        if found.is_empty() {
            found.extend(given.get("default").cloned().or_else(|| Some(Value::from(""))));
        }
        out.extend(found);
    }
    Ok(out)
}
