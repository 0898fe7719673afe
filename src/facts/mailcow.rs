//! `probe_mailcow DIR`: what a Mailcow folder is. No secret of `mailcow.conf` leaves the server:
//! the remote function prints the wanted keys and nothing else.
use super::{Answer, Garbled};
use serde::{Deserialize, Serialize};

/// Which of Mailcow's layouts a folder has, told by its files and never by a version string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Era {
    /// 2018-02 … 2024-11b: nginx reads `data/conf/nginx/includes/site-defaults.conf`.
    A,
    /// Since 2025-01: the container renders `data/conf/nginx/templates/sites-default.conf.j2`.
    B,
}

/// A Mailcow folder and what runs from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailcow {
    /// The folder.
    pub dir: String,
    /// Its layout.
    pub era: Era,
    /// The nginx file that counts, absolute.
    pub nginx_file: String,
    /// `extra.cf`, absolute; it may not exist yet.
    pub postfix_file: String,
    /// The server's own compose command, e.g. `["docker", "compose"]`.
    pub compose: Vec<String>,
    /// `MAILCOW_HOSTNAME`.
    pub hostname: String,
    /// Where HTTPS answers: port (`HTTPS_PORT`).
    pub https_port: u16,
    /// Where HTTPS answers: address (`HTTPS_BIND`, loopback when it is empty or a wildcard).
    pub https_bind: String,
    /// Where SMTP answers: port (`SMTP_PORT`).
    pub smtp_port: u16,
    /// Where SMTP answers: address (from `SMTP_PORT` when it names one, else loopback).
    pub smtp_bind: String,
    /// `NGINX_USE_PROXY_PROTOCOL`.
    pub proxy_protocol: bool,
    /// Inside its container; `None`: it does not run.
    pub nginx_version: Option<String>,
    /// Inside its container; `None`: it does not run.
    pub postfix_version: Option<String>,
    /// Lines with `SECLEVEL=0` in the Postfix container's `openssl.cnf`: the tripped switch.
    pub postfix_seclevel_zero: bool,
    /// Files that look as if they counted and do not (an old `site-defaults.conf` in era B …).
    pub dead_files: Vec<String>,
}

pub(super) fn words(dir: &str) -> Vec<String> {
    vec!["probe_mailcow".into(), dir.into()]
}

pub(super) fn read(dir: &str, answer: &Answer) -> Result<Result<Mailcow, String>, Garbled> {
    let _ = answer;
    Ok(Err(format!("not a Mailcow folder: {dir}")))
}
