//! What CI checks besides the tests.

use crate::Outcome;
use crate::process::{command, exists, show};

/// Formatting, lints, documentation, licences; stops at the first that fails.
pub(crate) fn check() -> Outcome {
    show(&mut command(&["cargo", "fmt", "--all", "--check"]))?;
    show(&mut command(&[
        "cargo",
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))?;
    let mut doc = command(&[
        "cargo",
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--quiet",
    ]);
    show(doc.env("RUSTDOCFLAGS", "-Dwarnings"))?;
    deny()
}

/// Advisories are left out: they need a network, and a new one must not turn an old commit red.
fn deny() -> Outcome {
    if !exists("cargo-deny") {
        let hint =
            "cargo-deny is missing, licences were NOT checked: cargo install cargo-deny --locked";
        return Err(hint.into());
    }
    show(&mut command(&[
        "cargo",
        "deny",
        "--log-level",
        "error",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))
}
