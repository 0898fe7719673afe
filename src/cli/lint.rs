//! `cowhand lint`: everything that can be known to be wrong without a server.
use super::args::LintArgs;
use super::{Exit, Wrong, load};
use std::io::{self, Write};

/// Lints playbooks; what is wrong with any of them is told for all of them.
pub(super) fn lint(args: &LintArgs, color: bool) -> Result<Exit, Wrong> {
    let mut exit = Exit::Fine;
    for playbook in &args.playbooks {
        match load::lint(playbook, args) {
            Ok((sources, warnings)) => {
                for warning in &warnings {
                    write!(io::stderr(), "{}", warning.render(&sources, color))?;
                }
                writeln!(io::stdout(), "{}: nothing is wrong", playbook.display())?;
            }
            Err(wrong) => exit = wrong.tell(color),
        }
    }
    Ok(exit)
}
