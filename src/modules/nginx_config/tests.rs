//! What `nginx_config` reads, edits and refuses.
mod branches;
mod edits;
mod laws;
mod module;
mod reading;
mod settings;

use super::edit::{Edited, edit};
use super::fault::EditError;
use super::tree::Context;
use super::values::{Wanted, words};

/// A wish as text; a leading `-` asks for absence.
fn wish(text: &str) -> Wanted {
    let (text, present) = text.strip_prefix('-').map_or((text, true), |text| (text, false));
    Wanted::parse(text, present).unwrap()
}

/// Edits server-level directives.
fn edited(before: &str, jinja: bool, wishes: &[&str]) -> Result<Edited, EditError> {
    let wishes: Vec<Wanted> = wishes.iter().map(|text| wish(text)).collect();
    edit(before.as_bytes(), jinja, &Context::Server, &wishes)
}

/// Editing `before` gives `after`, tells so, and editing that gives itself.
#[track_caller]
fn becomes(context: &Context, jinja: bool, before: &str, wishes: &[&str], after: &str) {
    let wishes: Vec<Wanted> = wishes.iter().map(|text| wish(text)).collect();
    let first = edit(before.as_bytes(), jinja, context, &wishes).unwrap();
    assert_eq!(String::from_utf8_lossy(&first.text), after);
    assert_eq!(first.drifts.is_empty(), before == after, "{:?}", first.drifts);
    let second = edit(&first.text, jinja, context, &wishes).unwrap();
    assert_eq!(second.text, first.text, "a second edit");
    assert!(second.drifts.is_empty(), "{:?}", second.drifts);
}

#[track_caller]
fn conf(before: &str, wishes: &[&str], after: &str) {
    becomes(&Context::Server, false, before, wishes, after);
}

#[track_caller]
fn template(before: &str, wishes: &[&str], after: &str) {
    becomes(&Context::Server, true, before, wishes, after);
}

#[track_caller]
fn refused(before: &str, jinja: bool, wishes: &[&str], message: &str) {
    assert_eq!(edited(before, jinja, wishes).unwrap_err().to_string(), message);
}

fn location(args: &str) -> Context {
    Context::Location(words(args).unwrap())
}

/// Server-level lines as an installation of the older kind has them.
const FRAGMENT: &str = include_str!("tests/fragment.conf");
/// The same for the newer kind: a template.
const TEMPLATE: &str = include_str!("tests/fragment.conf.j2");
/// Everything that hardening asks for.
const HARDENING: &[&str] = &[
    "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
    "ssl_conf_command Options PrioritizeChaCha",
    "add_header Strict-Transport-Security \"max-age=63072000; includeSubDomains; preload\"",
    "add_header X-XSS-Protection \"0\"",
    "add_header Permissions-Policy \"camera=(), usb=()\"",
    "add_header Content-Security-Policy \"default-src 'none'; base-uri 'none'\"",
    "add_header Cross-Origin-Resource-Policy same-origin",
    "gzip off",
];
