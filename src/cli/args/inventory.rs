//! Arguments of `inventory`.
use super::HostArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

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
