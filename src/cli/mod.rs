//! The composition root: arguments in, exit code out; a file per subcommand.
#![expect(clippy::disallowed_methods, reason = "the command line reads environment and terminal")]
mod args;
mod asked;
mod brought;
mod connect;
mod demo;
mod doc;
mod exit;
mod explain;
mod fleet;
mod history;
mod identity;
mod inventory;
mod limit;
mod lint;
mod load;
mod owed;
mod ping;
mod play;
mod prompt;
mod rollback;
mod saved;
mod trust;
mod vault;

pub use args::{Cli, Command};
pub use exit::Exit;

use clap::Parser;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

/// Runs the command that the arguments ask for; what comes back is the process's exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; both streams may be closed already.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Fine };
        }
    };
    tracing(cli.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("can't start: {error}")),
    };
    let exit = runtime.block_on(dispatch(cli));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    exit
}

async fn dispatch(cli: Cli) -> Exit {
    let color = cli.color.on_stderr();
    let result = match cli.command {
        Command::Apply(args) => play::apply(args, cli.verbose, cli.color).await,
        Command::Check(args) => play::check(args, cli.verbose, cli.color).await,
        Command::Ping(args) => ping::ping(args, cli.color).await,
        Command::Trust(args) => trust::trust(args, cli.color).await,
        Command::Owed(args) => owed::owed(args, cli.color).await,
        Command::History(args) => history::history(args, cli.color).await,
        Command::Rollback(args) => rollback::rollback(args, cli.color).await,
        Command::Inventory(args) => inventory::inventory(&args),
        Command::Lint(args) => lint::lint(&args, color),
        Command::Vault(args) => vault::run(&args),
        Command::Doc(args) => doc::doc(&args),
        Command::Demo => demo::demo(cli.color).await,
        Command::Completions { shell } => Ok(args::completions(shell)),
    };
    result.unwrap_or_else(|wrong| wrong.tell(color))
}

/// What stops a command before any host is contacted.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// Findings in project files.
    Project(crate::source::SourceMap, Vec<crate::source::Diagnostic>),
    /// Anything else: a sentence, and what to do.
    Usage(String, Option<String>),
    /// Whoever read our output has heard enough (`| head`).
    Closed,
}

impl Wrong {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into(), None)
    }
    fn tell(self, color: bool) -> Exit {
        let mut err = io::stderr().lock();
        match self {
            Self::Closed => return Exit::Fine,
            Self::Project(sources, findings) => {
                for finding in &findings {
                    // A closed stderr is no reason for another exit code.
                    let _ = writeln!(err, "{}", finding.render(&sources, color).trim_end());
                }
                let count = findings.len();
                let noun = if count == 1 { "finding" } else { "findings" };
                let _ = writeln!(err, "{count} {noun}; nothing was contacted");
            }
            Self::Usage(message, help) => {
                let _ = writeln!(err, "error: {message}");
                if let Some(help) = help {
                    let _ = writeln!(err, "  help: {help}");
                }
            }
        }
        Exit::Usage
    }
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::usage(error.to_string()),
        }
    }
}

fn complain(message: &str) -> Exit {
    // A closed stderr is no reason for another exit code.
    let _ = writeln!(io::stderr(), "error: {message}");
    Exit::Bug
}

/// Logs go to stderr; `COWHAND_LOG` takes tracing's directives.
fn tracing(verbose: u8) {
    let level = if verbose > 2 { "cowhand=debug,russh=info" } else { "cowhand=warn,russh=warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("COWHAND_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}
