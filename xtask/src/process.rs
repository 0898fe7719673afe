//! Starting other programs. It must never hand anything to a shell: words stay words.

use crate::{Outcome, checkout};
use std::process::{Command, Output, Stdio};

/// A program with its arguments, to run in the checkout's folder, with nothing to read.
pub(crate) fn command(words: &[&str]) -> Command {
    let (program, arguments) = words.split_first().unwrap_or((&"false", &[]));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(checkout()).stdin(Stdio::null());
    // What cargo tells us of ourselves would have it build what depends on that anew, every time.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_")) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs it for the user to see. A status other than 0 is an error that names the command.
pub(crate) fn show(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| unstartable(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", told(command))) }
}

/// Runs it and returns its standard output, trimmed. On failure the error ends with what it said.
pub(crate) fn ask(command: &mut Command) -> Outcome<String> {
    let output = command.output().map_err(|error| unstartable(command, &error))?;
    answer(command, &output)
}

/// The standard output of a finished command, trimmed, or an error with what it said.
pub(crate) fn answer(command: &Command, output: &Output) -> Outcome<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.trim().lines().collect();
    let last = lines[lines.len().saturating_sub(30)..].join("\n  ");
    Err(format!("{} ended with {}:\n  {last}", told(command), output.status))
}

/// Whether a program of that name can be started at all.
pub(crate) fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}

/// An error of the operating system, with the command that it concerns.
pub(crate) fn unstartable(command: &Command, error: &std::io::Error) -> String {
    format!("{}: {error}", told(command))
}

fn told(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
