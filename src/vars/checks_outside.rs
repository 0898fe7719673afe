//! Tests of what is outside of a template: files of this machine, addresses on the web, results of tasks
//! that go on, encrypted texts.
use super::call::{Call, Entry, entry};
use super::machine::{About, PathKind};
use super::session::Session;
use crate::vault::is_encrypted;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use std::path::{Component, Path, PathBuf};

pub(super) static ENTRIES: [Entry; 17] = [
    entry("abs", &[], "the path begins at the root", "'/a' is abs", |call| {
        yes(call.text()?.starts_with('/'))
    })
    .also(&["is_abs"]),
    entry("exists", &[], "this machine has such a path", "'/' is exists", |call| {
        yes(about(call, true)?.is_some())
    }),
    entry(
        "link_exists",
        &[],
        "this machine has such a path, if only a link",
        "'/' is link_exists",
        |call| yes(about(call, false)?.is_some()),
    ),
    entry("file", &[], "a regular file of this machine", "'/' is not file", |call| {
        is_kind(call, PathKind::File, true)
    })
    .also(&["is_file"]),
    entry("directory", &[], "a folder of this machine", "'/' is directory", |call| {
        is_kind(call, PathKind::Folder, true)
    })
    .also(&["is_dir"]),
    entry("link", &[], "a symbolic link of this machine", "'/' is not link", |call| {
        is_kind(call, PathKind::Link, false)
    })
    .also(&["is_link"]),
    entry("mount", &[], "where a file system of this machine is mounted", "'/' is mount", mount)
        .also(&["is_mount"]),
    entry("same_file", &["other"], "two paths of one file", "'/' is same_file('/')", |call| {
        let other = PathBuf::from(call.need_text(0)?);
        let machine = Session::of(call.state)?;
        let other = machine.machine()?.about(&other, true);
        yes(other.is_some() && about(call, true)?.map(|it| it.id) == other.map(|it| it.id))
    })
    .also(&["is_same_file"]),
    entry("uri", &["schemes"], "the text is a URI", "'a:b' is uri", |call| yes(is_uri(call)?)),
    entry("url", &["schemes"], "the text is a URL", "'http://a' is url", |call| {
        let text = call.text()?;
        let host = text
            .split_once("://")
            .is_some_and(|(_, rest)| !rest.is_empty() && !rest.starts_with('/'));
        yes(is_uri(call)? && host)
    }),
    entry("urn", &[], "the text is a URN", "'urn:a:b' is urn", |call| {
        let text = call.text()?;
        yes(text.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("urn")))
    }),
    entry(
        "finished",
        &[],
        "the task that went on in the background has ended",
        "{'finished': 1} is finished",
        |call| result_flag(call, "finished", true),
    ),
    entry(
        "started",
        &[],
        "the task goes on in the background",
        "{'started': 1} is started",
        |call| result_flag(call, "started", true),
    ),
    entry(
        "timedout",
        &[],
        "the task ran out of time",
        "{'timedout': {'period': 1}} is timedout",
        |call| result_flag(call, "timedout", false),
    ),
    entry(
        "vaulted_file",
        &[],
        "the file of this machine is encrypted",
        "'/' is not vaulted_file",
        |call| {
            let path = call.text()?;
            let session = Session::of(call.state)?;
            let bytes = session.machine()?.read(Path::new(&path)).map_err(super::native::broken)?;
            yes(bytes.is_some_and(|bytes| is_encrypted(&bytes)))
        },
    ),
    entry("nan", &[], "the number is none", "1.5 is not nan", |call| {
        yes(f64::try_from(call.value.clone()).is_ok_and(f64::is_nan))
    })
    .also(&["isnan"]),
    entry("callable", &[], "the value can be called", "1 is not callable", |call| {
        yes(call.value.kind() == ValueKind::Plain)
    }),
];

#[expect(clippy::unnecessary_wraps, reason = "the value of a table's function")]
fn yes(is: bool) -> Result<Value, Error> {
    Ok(Value::from(is))
}

fn about(call: &Call, follow: bool) -> Result<Option<About>, Error> {
    let path = call.text()?;
    Ok(Session::of(call.state)?.machine()?.about(Path::new(&path), follow))
}

fn is_kind(call: &Call, kind: PathKind, follow: bool) -> Result<Value, Error> {
    yes(about(call, follow)?.is_some_and(|about| about.kind == kind))
}

fn mount(call: &mut Call) -> Result<Value, Error> {
    let path = call.text()?;
    let session = Session::of(call.state)?;
    let machine = session.machine()?;
    let real = machine.real(Path::new(&path));
    let Some(inside) = machine.about(&real, false) else { return yes(false) };
    let mut above = real.clone();
    if matches!(above.components().next_back(), Some(Component::Normal(_))) {
        above.pop();
    }
    let above = machine.about(&above, false);
    yes(above.is_some_and(|above| above.id == inside.id || above.id.0 != inside.id.0))
}

fn is_uri(call: &Call) -> Result<bool, Error> {
    let text = call.text()?;
    let schemes: Vec<String> = match call.arg(0).filter(|schemes| !schemes.is_none()) {
        Some(schemes) => schemes.try_iter()?.map(|scheme| scheme.to_string()).collect(),
        None => vec![],
    };
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    Ok(schemes.is_empty() || schemes.iter().any(|known| known == scheme))
}

/// A field of a task's result.
fn result_flag(call: &Call, name: &str, default: bool) -> Result<Value, Error> {
    let entries = call.entries_of(&call.value)?;
    let found = entries.iter().find(|(key, _)| key.as_str() == Some(name));
    yes(found.map_or(default, |(_, value)| value.is_true()))
}
