//! Who we are, as the locks and journals of servers name us.
use crate::change::Identity;
use crate::transport::shell::nonce;

/// A new run of ours.
pub(super) fn identity(lease: u32) -> Identity {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = user.unwrap_or_else(|_| "somebody".to_owned());
    let host = fs_err::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let who = format!("{user}@{}, pid {}", host.trim(), std::process::id());
    let nonce = nonce();
    // The end of it: letters and digits that no other run has.
    let run = nonce[nonce.len() - 10..].to_owned();
    Identity { run, who: who.replace(char::is_control, " "), lease }
}
