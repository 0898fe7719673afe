//! Arguments that say how to log in, and whom to become.
use crate::playbook::Method;
use clap::Args;
use std::path::PathBuf;

/// A way to become somebody that there is.
fn method(name: &str) -> Result<String, String> {
    Method::named(name).map(|method| method.name().to_owned())
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
    /// Become this user where the playbook and the inventory name none [default: root].
    #[arg(long, value_name = "USER")]
    pub become_user: Option<String>,
    /// Become it by `sudo`, `su` or `doas` where they don't say [default: sudo].
    #[arg(long, value_name = "METHOD", value_parser = method)]
    pub become_method: Option<String>,
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
