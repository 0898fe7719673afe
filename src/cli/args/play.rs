//! Arguments of `apply` and `check`.
use super::{Format, HostArgs, LoginArgs};
use clap::Args;
use std::path::PathBuf;

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
