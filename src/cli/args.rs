//! Arguments: Ansible's names and letters, so that hands need not relearn.
use super::Exit;
use super::history::HistoryArgs;
use super::owed::OwedArgs;
use super::rollback::RollbackArgs;
use super::vault::{VaultArgs, VaultCommand};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::io::{self, IsTerminal};
use std::path::PathBuf;

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

/// How to log in.
#[derive(Clone, Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags are booleans")]
pub struct LoginArgs {
    /// Log in as this user, where the inventory names none.
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// Log in with this key, where the inventory names none.
    #[arg(long, visible_alias = "key-file", value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Ask for the login password.
    #[arg(short = 'k', long)]
    pub ask_pass: bool,
    /// Become root (or `become_user`) where the playbook does not say.
    #[arg(short = 'b', long = "become")]
    pub escalate: bool,
    /// Ask for the password that sudo wants.
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
    /// Seconds for dialling, handshake and login together [default: `ConnectTimeout`, or 10].
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// Read this `ssh_config` and no other; `none`: not even one.
    #[arg(short = 'F', long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
    /// Run the commands of `Match exec` in `ssh_config`.
    #[arg(long)]
    pub ssh_exec: bool,
    /// Options of `ssh` (`-J bastion`, `-o Key=Value`), where the inventory gives none.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_common_args: Option<String>,
    /// The same again, behind those.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_extra_args: Option<String>,
    /// Hosts at once.
    #[arg(short, long, value_name = "N", default_value_t = 50)]
    pub forks: usize,
}

/// Arguments of `apply`.
#[derive(Clone, Debug, Default, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    pub play: PlayArgs,
    /// Do exactly what this plan has (`check --out` wrote it), and leave hosts alone that have moved.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub plan: Option<PathBuf>,
}

/// Arguments of `check`.
#[derive(Clone, Debug, Default, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub play: PlayArgs,
    /// Save what would change as a plan for `apply --plan`.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Arguments that `apply` and `check` share.
#[derive(Clone, Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags are booleans")]
pub struct PlayArgs {
    /// The playbook.
    pub playbook: PathBuf,
    #[command(flatten)]
    pub hosts: HostArgs,
    #[command(flatten)]
    pub login: LoginArgs,
    /// Only tasks with these tags (repeatable, or separated by commas).
    #[arg(short, long, value_delimiter = ',')]
    pub tags: Vec<String>,
    /// No tasks with these tags.
    #[arg(long, value_delimiter = ',')]
    pub skip_tags: Vec<String>,
    /// Touch nothing (`apply -C` is `check`).
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show what changes.
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// Run notified handlers even on hosts that failed.
    #[arg(long)]
    pub force_handlers: bool,
    /// Let stand what a play has done on a host where it failed.
    #[arg(long)]
    pub no_rollback: bool,
    #[command(flatten)]
    pub confirm: ConfirmArgs,
    #[command(flatten)]
    pub lock: LockArgs,
    /// Begin at the task of this name.
    #[arg(long, value_name = "NAME")]
    pub start_at_task: Option<String>,
    /// Print the hosts of each play, and stop.
    #[arg(long)]
    pub list_hosts: bool,
    /// Print the tasks of each play, and stop.
    #[arg(long)]
    pub list_tasks: bool,
    /// Print the tags of each play, and stop.
    #[arg(long)]
    pub list_tags: bool,
    /// Only look for errors, and stop.
    #[arg(long)]
    pub syntax_check: bool,
    /// Count what check mode can't tell as drift.
    #[arg(long)]
    pub strict: bool,
    /// For people, or JSON lines.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// No bars on a terminal.
    #[arg(long)]
    pub no_progress: bool,
}

impl From<PlayArgs> for ApplyArgs {
    fn from(play: PlayArgs) -> Self {
        Self { play, plan: None }
    }
}

impl From<PlayArgs> for CheckArgs {
    fn from(play: PlayArgs) -> Self {
        Self { play, out: None }
    }
}

/// How a server is locked.
#[derive(Clone, Debug, Args)]
pub struct LockArgs {
    /// Seconds after which the lock on a server lapses when this run is killed.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(3..=3600))]
    pub lock_lease: u32,
}

impl Default for LockArgs {
    fn default() -> Self {
        Self { lock_lease: 60 }
    }
}

/// What is done about changes that can lock us out.
#[derive(Clone, Debug, Args)]
pub struct ConfirmArgs {
    /// Seconds that a server waits for a new connection to confirm what can lock us out, before it takes
    /// that back by itself; 0: nobody confirms, and nothing is taken back.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=86400))]
    pub confirm_timeout: u32,
}

impl Default for ConfirmArgs {
    fn default() -> Self {
        Self { confirm_timeout: 60 }
    }
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

/// Arguments of `inventory`.
#[derive(Clone, Debug, Args)]
pub struct InventoryArgs {
    /// What to show.
    #[command(subcommand)]
    pub show: Show,
}

/// What `inventory` can show.
#[derive(Clone, Debug, Subcommand)]
pub enum Show {
    /// Everything, as JSON that a dynamic inventory would print.
    List(ShowArgs),
    /// Groups and hosts as a tree.
    Graph(ShowArgs),
    /// The variables of one host.
    Host {
        /// Which.
        name: String,
        #[command(flatten)]
        hosts: ShowArgs,
    },
    /// Where values come from.
    Vars(VarsArgs),
}

/// Arguments of `inventory vars`.
#[derive(Clone, Debug, Args)]
pub struct VarsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: VarsAction,
}

/// What `inventory vars` can do.
#[derive(Clone, Debug, Subcommand)]
pub enum VarsAction {
    /// Every place that gives a variable a value for a host, the one that wins first.
    Explain(ExplainArgs),
}

/// Arguments of `inventory vars explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// Which host.
    pub host: String,
    /// Which variable.
    pub name: String,
    #[command(flatten)]
    pub hosts: HostArgs,
    /// With what this playbook and its roles give, play by play.
    #[arg(short, long, value_name = "PLAYBOOK")]
    pub playbook: Option<PathBuf>,
}

/// Whom `inventory` shows.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub hosts: HostArgs,
    /// YAML instead of JSON.
    #[arg(short, long)]
    pub yaml: bool,
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
