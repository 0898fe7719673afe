//! `probe_mailcow DIR`: what a Mailcow folder is. No secret of `mailcow.conf` leaves the server:
//! the remote function prints the wanted keys and nothing else.
use super::compose::{garbled, lines, shown};
use super::{Answer, Garbled};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

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

impl Mailcow {
    /// `scheme://` address and port of HTTPS, as the server itself can reach it.
    pub fn https_url(&self) -> String {
        let scheme = if self.proxy_protocol { "https+proxy" } else { "https" };
        url(scheme, &self.https_bind, self.https_port)
    }
    /// `smtp://` address and port, as the server itself can reach it.
    pub fn smtp_url(&self) -> String {
        url("smtp", &self.smtp_bind, self.smtp_port)
    }
    /// Whether nginx runs and is at least this version.
    pub fn nginx_is(&self, least: &[u32]) -> bool {
        self.nginx_version.as_deref().is_some_and(|version| at_least(version, least))
    }
}

/// Whether a dotted version (`3.10.13`, `3.11-20250101`) is `least` or newer.
pub fn at_least(version: &str, least: &[u32]) -> bool {
    let numbers = version.split(['.', '-']).map_while(|part| part.parse().ok());
    numbers.collect::<Vec<u32>>().as_slice() >= least
}

fn url(scheme: &str, host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("{scheme}://[{host}]:{port}")
    } else {
        format!("{scheme}://{host}:{port}")
    }
}

const PROBE: &str = "probe_mailcow";

pub(super) fn words(dir: &str) -> Vec<String> {
    vec![PROBE.into(), dir.into()]
}

pub(super) fn read(dir: &str, answer: &Answer) -> Result<Result<Mailcow, String>, Garbled> {
    let lines = lines(PROBE, answer)?;
    if let [only] = lines.as_slice()
        && let Some(reason) = only.strip_prefix("not=")
    {
        return Ok(Err(format!("{dir} is not a Mailcow folder: {}", shown(reason))));
    }
    let folder = dir.trim_end_matches('/');
    let mut dead_files = vec![];
    let mut values = BTreeMap::new();
    for line in &lines {
        let odd = || garbled(PROBE, format!("unexpected line {}", shown(line)));
        let (key, value) = line.split_once('=').ok_or_else(odd)?;
        if key == "dead" {
            dead_files.push(format!("{folder}/{value}"));
        } else if !KEYS.contains(&key) || values.insert(key, value).is_some() {
            return Err(odd());
        }
    }
    let era = match values.get("era") {
        Some(&"A") => Era::A,
        Some(&"B") => Era::B,
        _ => return Err(garbled(PROBE, "it names no era")),
    };
    let compose = values.get("compose").ok_or_else(|| garbled(PROBE, "it has no compose"))?;
    let version = |key| values.get(key).map(|text: &&str| (*text).to_owned());
    let read = Conf::read(&values).map(|conf| Mailcow {
        dir: dir.to_owned(),
        era,
        nginx_file: format!("{folder}/data/conf/nginx/{}", era.nginx_file()),
        postfix_file: postfix_file(dir),
        compose: compose.split(' ').map(str::to_owned).collect(),
        hostname: conf.hostname,
        https_port: conf.https.1,
        https_bind: conf.https.0,
        smtp_port: conf.smtp.1,
        smtp_bind: conf.smtp.0,
        proxy_protocol: conf.proxy_protocol,
        nginx_version: version("nginx_version"),
        postfix_version: version("postfix_version"),
        postfix_seclevel_zero: values.get("seclevel_zero").is_some_and(|count| *count != "0"),
        dead_files,
    });
    Ok(read.map_err(|why| format!("{folder}/mailcow.conf: {why}")))
}

/// What is wanted of `mailcow.conf`.
struct Conf {
    hostname: String,
    https: (String, u16),
    smtp: (String, u16),
    proxy_protocol: bool,
}

impl Conf {
    fn read(values: &BTreeMap<&str, &str>) -> Result<Self, String> {
        let text = |key| values.get(key).copied().unwrap_or_default();
        let hostname = text("MAILCOW_HOSTNAME");
        if hostname.is_empty()
            || !hostname.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        {
            return Err(format!("MAILCOW_HOSTNAME is not a host name: {}", shown(hostname)));
        }
        let (smtp_bind, smtp_port) =
            text("SMTP_PORT").rsplit_once(':').unwrap_or(("", text("SMTP_PORT")));
        Ok(Self {
            hostname: hostname.to_owned(),
            https: (
                address("HTTPS_BIND", text("HTTPS_BIND"))?,
                port("HTTPS_PORT", text("HTTPS_PORT"), 443)?,
            ),
            smtp: (address("SMTP_PORT", smtp_bind)?, port("SMTP_PORT", smtp_port, 25)?),
            proxy_protocol: matches!(text("NGINX_USE_PROXY_PROTOCOL"), "y" | "Y" | "yes"),
        })
    }
}

fn port(key: &str, text: &str, otherwise: u16) -> Result<u16, String> {
    match text {
        "" => Ok(otherwise),
        text => text.parse().map_err(|_| format!("{key} is not a port: {}", shown(text))),
    }
}

/// Where a service that is bound there can be asked on the server itself.
fn address(key: &str, text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if bare.is_empty() {
        return Ok(Ipv4Addr::LOCALHOST.to_string());
    }
    let address: IpAddr =
        bare.parse().map_err(|_| format!("{key} is not bound to an address: {}", shown(text)))?;
    Ok(if address.is_unspecified() { Ipv4Addr::LOCALHOST.to_string() } else { address.to_string() })
}

/// `extra.cf` of a Mailcow folder: the same in every era.
pub fn postfix_file(dir: &str) -> String {
    format!("{}/data/conf/postfix/extra.cf", dir.trim_end_matches('/'))
}

/// The nginx file that counts in the other era, of the one that counts in one; `None` for any other path.
pub fn other_era(path: &str) -> Option<String> {
    let (a, b) = (Era::A.nginx_file(), Era::B.nginx_file());
    let below =
        |name| path.strip_suffix(name).filter(|folder| folder.ends_with("/data/conf/nginx/"));
    below(a)
        .map(|folder| folder.to_owned() + b)
        .or_else(|| below(b).map(|folder| folder.to_owned() + a))
}

impl Era {
    /// The nginx file that counts, below `data/conf/nginx`.
    fn nginx_file(self) -> &'static str {
        match self {
            Self::A => "includes/site-defaults.conf",
            Self::B => "templates/sites-default.conf.j2",
        }
    }
}

/// Every key that the function prints, each at most once.
const KEYS: [&str; 10] = [
    "era",
    "compose",
    "MAILCOW_HOSTNAME",
    "HTTPS_PORT",
    "HTTPS_BIND",
    "SMTP_PORT",
    "NGINX_USE_PROXY_PROTOCOL",
    "nginx_version",
    "postfix_version",
    "seclevel_zero",
];

#[cfg(test)]
mod tests {
    use super::*;

    const B: &str = "era=B\ncompose=docker compose\nMAILCOW_HOSTNAME=mail.example.org\n";

    fn asked(stdout: &str) -> Result<Result<Mailcow, String>, Garbled> {
        let answer = Answer { rc: 0, stdout: stdout.into(), ..Answer::default() };
        read("/opt/mailcow-dockerized", &answer)
    }

    #[test]
    fn a_folder_where_nothing_runs_has_the_defaults() {
        let mailcow = asked(B).unwrap().unwrap();
        assert_eq!(mailcow.era, Era::B);
        assert_eq!(mailcow.compose, ["docker", "compose"]);
        assert_eq!(
            mailcow.nginx_file,
            "/opt/mailcow-dockerized/data/conf/nginx/templates/sites-default.conf.j2"
        );
        assert_eq!(mailcow.postfix_file, "/opt/mailcow-dockerized/data/conf/postfix/extra.cf");
        assert_eq!(mailcow.https_url(), "https://127.0.0.1:443");
        assert_eq!(mailcow.smtp_url(), "smtp://127.0.0.1:25");
        assert_eq!((mailcow.nginx_version.clone(), mailcow.postfix_version.clone()), (None, None));
        assert!(!mailcow.postfix_seclevel_zero && !mailcow.nginx_is(&[1]));
    }

    #[test]
    fn each_era_knows_the_file_of_the_other() {
        let of = |name: &str| format!("/opt/m/data/conf/nginx/{name}");
        let (a, b) = (of("includes/site-defaults.conf"), of("templates/sites-default.conf.j2"));
        assert_eq!((other_era(&a), other_era(&b)), (Some(b), Some(a)));
        assert_eq!(other_era("/etc/nginx/includes/site-defaults.conf"), None);
    }

    #[test]
    fn ports_and_binds_become_addresses_that_the_server_itself_can_ask() {
        for (conf, https, smtp) in [
            (
                "HTTPS_BIND=0.0.0.0\nHTTPS_PORT=8443",
                "https://127.0.0.1:8443",
                "smtp://127.0.0.1:25",
            ),
            ("HTTPS_BIND=[::]\nSMTP_PORT=1.2.3.4:26", "https://127.0.0.1:443", "smtp://1.2.3.4:26"),
            (
                "HTTPS_BIND=2001:db8::1\nSMTP_PORT=[2001:db8::2]:25\nNGINX_USE_PROXY_PROTOCOL=y",
                "https+proxy://[2001:db8::1]:443",
                "smtp://[2001:db8::2]:25",
            ),
        ] {
            let mailcow = asked(&format!("{B}{conf}\n")).unwrap().unwrap();
            assert_eq!(mailcow.https_url(), https);
            assert_eq!(mailcow.smtp_url(), smtp);
        }
    }

    #[test]
    fn versions_the_tripped_switch_and_dead_files_are_told() {
        let said = "nginx_version=1.30.6\npostfix_version=3.7.11\nseclevel_zero=1\ndead=old.conf\n";
        let mailcow = asked(&format!("{B}{said}")).unwrap().unwrap();
        assert!(mailcow.nginx_is(&[1, 29, 3]) && mailcow.postfix_seclevel_zero);
        assert_eq!(mailcow.postfix_version.as_deref(), Some("3.7.11"));
        assert_eq!(mailcow.dead_files, ["/opt/mailcow-dockerized/old.conf"]);
    }

    #[test]
    fn versions_compare_as_numbers() {
        for (version, least, so) in [
            ("3.10.13", &[3, 6][..], true),
            ("3.5.25", &[3, 6], false),
            ("3.6", &[3, 6], true),
            ("3.6-20210101", &[3, 6], true),
            ("1.29.3", &[1, 29, 3], true),
            ("1.29", &[1, 29, 3], false),
            ("", &[1], false),
        ] {
            assert_eq!(at_least(version, least), so, "{version}");
        }
    }

    #[test]
    fn what_is_not_a_mailcow_folder_says_why() {
        assert_eq!(
            asked("not=there is no such folder\n").unwrap().unwrap_err(),
            "/opt/mailcow-dockerized is not a Mailcow folder: there is no such folder"
        );
        for (conf, why) in [
            ("MAILCOW_HOSTNAME=$(id)", "MAILCOW_HOSTNAME is not a host name: $(id)"),
            ("MAILCOW_HOSTNAME=a\nHTTPS_PORT=https", "HTTPS_PORT is not a port: https"),
            ("MAILCOW_HOSTNAME=a\nSMTP_PORT=x:25", "SMTP_PORT is not bound to an address: x"),
        ] {
            let said = asked(&format!("era=A\ncompose=docker-compose\n{conf}\n"));
            let why = format!("/opt/mailcow-dockerized/mailcow.conf: {why}");
            assert_eq!(said.unwrap().unwrap_err(), why);
        }
    }

    #[test]
    fn lines_that_the_function_never_prints_are_refused() {
        for odd in
            ["", "era=C\ncompose=x\n", "era=B\n", "DBPASS=secret\n", "era=A\nera=B\n", "text\n"]
        {
            assert!(asked(odd).is_err(), "{odd:?}");
        }
    }
}
