//! Filters on paths. Those that look at files look at this machine.
use crate::vars::call::{Call, Entry, entry};
use crate::vars::native;
use crate::vars::session::Session;
use minijinja::Error;
use minijinja::value::Value;
use std::path::Path;

pub(super) static ENTRIES: [Entry; 13] = [
    entry("basename", &[], "the last part of a path", "'/a/b' | basename", |call| {
        let path = call.text()?;
        Ok(Value::from(path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name)))
    }),
    entry("dirname", &[], "a path without its last part", "'/a/b' | dirname", dirname),
    entry(
        "splitext",
        &[],
        "a path without its extension, and the extension",
        "'a.txt' | splitext",
        splitext,
    ),
    entry(
        "normpath",
        &[],
        "a path without `.`, `..` and double slashes",
        "'/a/../b' | normpath",
        |call| Ok(Value::from(normal(&call.text()?))),
    ),
    entry(
        "path_join",
        &[],
        "paths put together; an absolute one begins anew",
        "['a', 'b'] | path_join",
        join,
    ),
    entry(
        "relpath",
        &["start"],
        "a path as seen from a folder",
        "'/a/b' | relpath('/a')",
        relative,
    ),
    entry("commonpath", &[], "what paths have in common", "['/a/b', '/a/c'] | commonpath", common),
    entry("realpath", &[], "a path of this machine without links", "'/..' | realpath", |call| {
        let (path, session) = (call.text()?, Session::of(call.state)?);
        Ok(Value::from(session.machine()?.real(Path::new(&path)).display().to_string()))
    }),
    entry(
        "expanduser",
        &[],
        "`~` as the home folder of who runs this",
        "'/a' | expanduser",
        |call| {
            let path = call.text()?;
            let Some(rest) = path.strip_prefix('~') else { return Ok(Value::from(path)) };
            if !(rest.is_empty() || rest.starts_with('/')) {
                return Err(call.error("knows only one's own home folder"));
            }
            let home = Session::of(call.state)?.machine()?.variable("HOME");
            let home = home.ok_or_else(|| call.error("finds no variable HOME"))?;
            Ok(Value::from(format!("{}{rest}", home.trim_end_matches('/'))))
        },
    ),
    entry("expandvars", &[], "`$NAME` as the environment variable", "'a' | expandvars", expand),
    entry(
        "win_basename",
        &[],
        "the last part of a Windows path",
        r"'C:\\a\\b' | win_basename",
        |call| {
            let path = call.text()?;
            Ok(Value::from(path.rsplit(['\\', '/']).next().unwrap_or_default()))
        },
    ),
    entry(
        "win_dirname",
        &[],
        "a Windows path without its last part",
        r"'C:\\a\\b' | win_dirname",
        |call| {
            let path = call.text()?;
            let at = path.rfind(['\\', '/']).unwrap_or(0);
            let drive = path[..at].ends_with(':') || at == 0;
            Ok(Value::from(&path[..at + usize::from(drive && at < path.len())]))
        },
    ),
    entry(
        "win_splitdrive",
        &[],
        "drive and rest of a Windows path",
        r"'C:\\a' | win_splitdrive",
        |call| {
            let path = call.text()?;
            let at = if path.as_bytes().get(1) == Some(&b':') { 2 } else { 0 };
            Ok(Value::from(vec![Value::from(&path[..at]), Value::from(&path[at..])]))
        },
    ),
];

fn dirname(call: &mut Call) -> Result<Value, Error> {
    let path = call.text()?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let trimmed = folder.trim_end_matches('/');
    Ok(Value::from(if trimmed.is_empty() && path.starts_with('/') { "/" } else { trimmed }))
}

fn splitext(call: &mut Call) -> Result<Value, Error> {
    let path = call.text()?;
    let start = path.rfind('/').map_or(0, |at| at + 1);
    let name = &path[start..];
    let first = name.len() - name.trim_start_matches('.').len();
    let at = match name.rfind('.') {
        Some(dot) if dot >= first && dot > 0 && first < name.len() => start + dot,
        _ => path.len(),
    };
    let at = if at < start + first { path.len() } else { at };
    Ok(Value::from(vec![Value::from(&path[..at]), Value::from(&path[at..])]))
}

/// As Python's `os.path.normpath`.
pub(in crate::vars) fn normal(path: &str) -> String {
    let lead = match path.len() - path.trim_start_matches('/').len() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = vec![];
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match parts.last() {
            Some(last) if part == ".." && *last != ".." => drop(parts.pop()),
            None if part == ".." && !lead.is_empty() => {}
            _ => parts.push(part),
        }
    }
    let out = format!("{lead}{}", parts.join("/"));
    if out.is_empty() { ".".to_owned() } else { out }
}

fn join(call: &mut Call) -> Result<Value, Error> {
    let parts = if call.value.as_str().is_some() { vec![call.value.clone()] } else { call.list()? };
    let mut out = String::new();
    for part in &parts {
        let part = native::text(part)?;
        if part.starts_with('/') || out.is_empty() {
            out = part;
        } else {
            out = format!("{}/{part}", out.strip_suffix('/').unwrap_or(&out));
        }
    }
    Ok(Value::from(out))
}

fn relative(call: &mut Call) -> Result<Value, Error> {
    let start = call.text_arg(0)?.unwrap_or_else(|| ".".to_owned());
    let path = call.text()?;
    let machine = Session::of(call.state)?;
    let machine = machine.machine()?;
    let whole = |path: &str| {
        if path.starts_with('/') {
            return normal(path);
        }
        let here = machine.variable("PWD").unwrap_or_default();
        normal(&format!("{here}/{path}"))
    };
    let (from, to) = (whole(&start), whole(&path));
    let parts = |path: &str| {
        path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let (from, to) = (parts(&from), parts(&to));
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - same);
    let out: Vec<&str> = up.chain(to[same..].iter().map(String::as_str)).collect();
    Ok(Value::from(if out.is_empty() { ".".to_owned() } else { out.join("/") }))
}

fn common(call: &mut Call) -> Result<Value, Error> {
    let paths = call.list()?.iter().map(native::text).collect::<Result<Vec<_>, _>>()?;
    let absolute = paths.iter().filter(|path| path.starts_with('/')).count();
    if paths.is_empty() || (absolute > 0 && absolute < paths.len()) {
        return Err(call.error("needs paths that are all absolute, or all relative"));
    }
    let split = |path: &String| {
        path.split('/')
            .filter(|p| !p.is_empty() && *p != ".")
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut rest = paths.iter().map(split);
    let mut shared = rest.next().unwrap_or_default();
    for parts in rest {
        let same = shared.iter().zip(&parts).take_while(|(a, b)| a == b).count();
        shared.truncate(same);
    }
    let lead = if absolute > 0 { "/" } else { "" };
    Ok(Value::from(format!("{lead}{}", shared.join("/"))))
}

fn expand(call: &mut Call) -> Result<Value, Error> {
    let text = call.text()?;
    let session = Session::of(call.state)?;
    let machine = session.machine()?;
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let braced = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let (name, behind) = braced.unwrap_or_else(|| {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            after.split_at(end.unwrap_or(after.len()))
        });
        match machine.variable(name) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[at..rest.len() - behind.len()]),
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(Value::from(out))
}
