//! The project's chores, as `cargo xtask`: what CI checks, the tests, and the lab of real servers.
//! It must never depend on `cowhand` itself, so that a broken build can still be looked at.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "chores read and write files, start programs and print: xtask is one edge as a whole"
)]

mod bench;
mod check;
mod compat;
mod faults;
mod fuzz;
mod lab;
mod process;
mod test;

use std::path::Path;
use std::process::ExitCode;

/// What a chore ends with when it cannot go on: one text for a person.
type Outcome<T = ()> = Result<T, String>;

const USAGE: &str = "\
cargo xtask check                     formatting, clippy, documentation, licences
cargo xtask compat [-v] [FILTER…]      the language compared with ansible-core, case by case
cargo xtask test [--lab] [FILTER…]    all tests; those of the lab too where one can be had (--lab: it must)
cargo xtask faults [N]                cut runs off at every step (every Nth on the lab's servers), there and here
cargo xtask fuzz --seconds N [--seed S]  mutated texts for everything that reads texts
cargo xtask bench [lint|reach]        how fast it is: lint against its limit; beside ssh and Ansible
cargo xtask lab up [SERVER…]          start the lab, or some of its servers
cargo xtask lab reset [SERVER…]       make servers new again: folder, services, state
cargo xtask lab status [SERVER…]      what runs, and how to log in
cargo xtask lab down [--images]       remove this checkout's lab (and the images all labs share)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["check"] => check::check(),
        ["compat", rest @ ..] => compat::compat(rest),
        ["test", rest @ ..] => test::test(rest),
        ["faults"] => faults::faults("1"),
        ["faults", every] => faults::faults(every),
        ["fuzz", rest @ ..] => fuzz::fuzz(rest),
        ["bench", rest @ ..] => bench::bench(rest),
        ["lab", "up", servers @ ..] => lab::up(servers),
        ["lab", "reset", servers @ ..] => lab::reset(servers),
        ["lab", "status", servers @ ..] => lab::status(servers),
        ["lab", "down"] => lab::down(false),
        ["lab", "down", "--images"] => lab::down(true),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("usage:\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the whole checkout.
fn checkout() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}
