//! Arguments: Ansible's names and letters, so that hands need not relearn.
mod inventory;
mod login;
mod play;

use super::Exit;
use super::history::HistoryArgs;
use super::owed::OwedArgs;
use super::rollback::RollbackArgs;
use super::vault::{VaultArgs, VaultCommand};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::io::{self, IsTerminal};
use std::path::PathBuf;

pub(super) use inventory::{ExplainArgs, InventoryArgs, Show, ShowArgs, VarsAction, VarsArgs};
pub(super) use login::LoginArgs;
pub(super) use play::{ApplyArgs, CheckArgs, LockArgs, PlayArgs};

/// Keeps fleets of Mailcow mail servers hardened.
#[derive(Debug, Parser)]
#[command(name = "cowhand", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Show unchanged tasks too; twice: results; three times: debug logs.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Colours.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    fn on(self, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        }
    }
    pub(super) fn on_stdout(self) -> bool {
        self.on(io::stdout().is_terminal())
    }
    pub(super) fn on_stderr(self) -> bool {
        self.on(io::stderr().is_terminal())
    }
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make it so: asks nothing, prints what changed.
    Apply(ApplyArgs),
    /// The same without touching anything; exit 3 when something would change or is owed.
    Check(CheckArgs),
    /// Can it log in and become root?
    Ping(PingArgs),
    /// Which servers' keys are trusted.
    Trust(TrustArgs),
    /// Handlers that were notified on servers and have not succeeded since.
    Owed(OwedArgs),
    /// What past runs changed on servers.
    History(HistoryArgs),
    /// Restore what a run replaced, and restart what that concerns.
    Rollback(RollbackArgs),
    /// What the inventory means.
    Inventory(InventoryArgs),
    /// Everything that can be known to be wrong without a server.
    Lint(LintArgs),
    /// Texts and files that are encrypted in the project, as ansible-vault has them.
    Vault(VaultCommand),
    /// Reference of modules, keywords, filters, tests and lookups.
    Doc(DocArgs),
    /// An embedded server on loopback, hardened twice before your eyes.
    Demo,
    /// Completions for a shell.
    Completions {
        /// Which.
        #[arg(value_enum)]
        shell: Completion,
    },
}

/// Shells that completions are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Completion {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// Whom to work on.
#[derive(Clone, Debug, Default, Args)]
pub struct HostArgs {
    /// Inventory: a file, a folder, an executable, or `host1,host2,` (repeatable).
    #[arg(short, long, value_name = "INVENTORY", required = true)]
    pub inventory: Vec<String>,
    /// Only these hosts: a pattern, or `@FILE` with a pattern a line.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Further variables: `k=v`, JSON or YAML, or `@FILE` (repeatable).
    #[arg(short, long, value_name = "VARS")]
    pub extra_vars: Vec<String>,
    #[command(flatten)]
    pub vault: VaultArgs,
}

/// Arguments of commands that look at hosts without a playbook.
#[derive(Clone, Debug, Args)]
pub struct FleetArgs {
    /// Which hosts: names, groups or patterns.
    #[arg(required = true, value_name = "HOST")]
    pub patterns: Vec<String>,
    #[command(flatten)]
    pub hosts: HostArgs,
    #[command(flatten)]
    pub login: LoginArgs,
    /// For people, or JSON lines.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Output formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One event a line.
    Json,
}

/// Arguments of `ping`.
#[derive(Clone, Debug, Args)]
pub struct PingArgs {
    /// Which hosts.
    #[arg(default_value = "all")]
    pub pattern: String,
    #[command(flatten)]
    pub hosts: HostArgs,
    #[command(flatten)]
    pub login: LoginArgs,
}

/// Arguments of `trust`.
#[derive(Clone, Debug, Args)]
pub struct TrustArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: TrustAction,
}

/// What `trust` can do.
#[derive(Clone, Debug, Subcommand)]
pub enum TrustAction {
    /// Show the keys of servers of which nothing is known yet; exit 4 when there are any.
    Scan(TrustHosts),
    /// Add those keys to the project's `known_hosts`: asks which.
    Add {
        #[command(flatten)]
        hosts: TrustHosts,
        /// Add the key with this fingerprint, and ask nothing (repeatable).
        #[arg(long, value_name = "SHA256:…")]
        fingerprint: Vec<String>,
        /// Add all of them, unchecked, and ask nothing.
        #[arg(long, conflicts_with = "fingerprint")]
        all: bool,
    },
    /// Take the keys of hosts out of the project's `known_hosts`.
    Remove(TrustHosts),
    /// Show what is in the project's `known_hosts`.
    List(TrustHosts),
}

/// Whose keys, and in which file.
#[derive(Clone, Debug, Args)]
pub struct TrustHosts {
    #[command(flatten)]
    pub hosts: PingArgs,
    /// This file instead of `known_hosts` beside the inventory.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Arguments of `lint`.
#[derive(Clone, Debug, Args)]
pub struct LintArgs {
    /// Playbooks.
    #[arg(required = true)]
    pub playbooks: Vec<PathBuf>,
    /// With the variables of this inventory (repeatable).
    #[arg(short, long, value_name = "INVENTORY")]
    pub inventory: Vec<String>,
    /// Further variables.
    #[arg(short, long, value_name = "VARS")]
    pub extra_vars: Vec<String>,
    #[command(flatten)]
    pub vault: VaultArgs,
}

/// Arguments of `doc`.
#[derive(Clone, Debug, Args)]
pub struct DocArgs {
    /// A module, keyword, filter, test or lookup; none: a list of all.
    pub name: Option<String>,
}

/// Prints completions.
pub(super) fn completions(shell: Completion) -> Exit {
    use clap_complete::Shell;
    let shell = match shell {
        Completion::Bash => Shell::Bash,
        Completion::Elvish => Shell::Elvish,
        Completion::Fish => Shell::Fish,
        Completion::Powershell => Shell::PowerShell,
        Completion::Zsh => Shell::Zsh,
    };
    clap_complete::generate(shell, &mut Cli::command(), "cowhand", &mut io::stdout());
    Exit::Fine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_has_no_contradictions() {
        Cli::command().debug_assert();
    }
}
