//! `known_hosts`: a host's key stands in a `known_hosts` file, or does not. Lines of other hosts stay as they
//! are.
use super::values::{PRESENCE, Flag, Presence, Text};
use super::write::{self, Wishes};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Change, Ran};
use crate::facts::{Bytes, Fact, Observed, Probe, Unasked, fnmatch};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    name: String,
    #[serde(default)]
    state: Presence,
    key: Option<Text>,
    path: Option<String>,
    hash_host: Option<Flag>,
}

/// A line: marker, hosts, kind, key.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry<'a> {
    marker: Option<&'a str>,
    hosts: &'a str,
    kind: &'a str,
    key: &'a str,
}

impl<'a> Entry<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut words = line.split_whitespace().peekable();
        let marker = words.next_if(|word| word.starts_with('@'));
        let (hosts, kind, key) = (words.next()?, words.next()?, words.next()?);
        (!hosts.starts_with('#')).then_some(Self { marker, hosts, kind, key })
    }

    fn is_hashed(&self) -> bool {
        self.hosts.starts_with("|1|")
    }

    /// Whether it is about a host, as `ssh-keygen -F` sees it.
    fn names(&self, host: &str) -> bool {
        if self.is_hashed() {
            return is_hash_of(self.hosts, host);
        }
        let parts = self.hosts.split(',').map(|part| part.split_at_checked(1).unwrap_or((part, "")));
        let (mut named, mut denied) = (false, false);
        for (sign, rest) in parts {
            let pattern = if sign == "!" { rest.to_owned() } else { format!("{sign}{rest}") };
            if fnmatch(&pattern.to_lowercase().replace('[', "[[]"), host) {
                if sign == "!" { denied = true } else { named = true }
            }
        }
        named && !denied
    }

    /// Whether both say the same; two hashes of the host do, whatever their salts.
    fn says(&self, wanted: &Self) -> bool {
        let hosts = self.hosts == wanted.hosts || self.is_hashed() && wanted.is_hashed();
        hosts && (self.marker, self.kind, self.key) == (wanted.marker, wanted.kind, wanted.key)
    }
}

/// `|1|SALT|HASH`, as OpenSSH hides the name of a host.
fn hashed(host: &str, salt: &[u8]) -> Option<String> {
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(salt).ok()?;
    mac.update(host.as_bytes());
    let hash = Bytes(mac.finalize().into_bytes().to_vec());
    Some(format!("|1|{}|{}", Bytes(salt.to_vec()).base64(), hash.base64()))
}

fn is_hash_of(hosts: &str, host: &str) -> bool {
    let salt = hosts.strip_prefix("|1|").and_then(|rest| rest.split_once('|'));
    let salt = salt.and_then(|(salt, _)| Bytes::from_base64(salt.as_bytes()));
    salt.and_then(|salt| hashed(host, &salt.0)).as_deref() == Some(hosts)
}

impl Params {
    fn host(&self) -> String {
        self.name.to_lowercase()
    }

    fn path(&self, seen: &Observed) -> Result<String, PlanError> {
        let path = self.path.as_deref().unwrap_or("~/.ssh/known_hosts");
        let Some(inside) = path.strip_prefix("~/") else { return Ok(path.to_owned()) };
        let probe = Probe::home("");
        match seen.get(&probe)? {
            Fact::Home(Some(home)) => Ok(home.path(inside)),
            Fact::Home(None) => Err(PlanError::failed("whoever logs in there has no home")),
            _ => Err(Unasked(probe).into()),
        }
    }

    /// The line that is asked for.
    fn line(&self) -> Result<Option<String>, PlanError> {
        let Some(key) = &self.key else {
            return match self.state {
                Presence::Absent => Ok(None),
                Presence::Present => Err(PlanError::failed("No key specified when adding a host")),
            };
        };
        let host = self.host();
        if host.contains(',') {
            return Err(PlanError::failed(
                "Comma separated list of names is not supported. Please pass a single name to lookup in the known_hosts file.",
            ));
        }
        let line = key.0.trim_end_matches('\n');
        let wrong = || PlanError::failed("Host parameter does not match hashed host field in supplied key");
        let entry = Entry::read(line).filter(|entry| entry.names(&host)).ok_or_else(wrong)?;
        if !self.hash_host.is_some_and(|hash| hash.0) {
            return Ok(Some(line.to_owned()));
        }
        // A plan knows no chance. Whoever tries names has to do it for this line alone, as with any salt.
        let salt = Bytes::from(format!("{host} {}", entry.key)).sum("sha1").unwrap_or_default();
        let hidden = hashed(&host, &salt.as_bytes()[..20]).unwrap_or_default();
        let words = [entry.marker.unwrap_or_default(), &hidden, entry.kind, entry.key];
        let words = words.into_iter().filter(|word| !word.is_empty());
        Ok(Some(words.collect::<Vec<_>>().join(" ")))
    }

    /// The file's text as it should be.
    fn edited(&self, text: &str) -> Result<String, PlanError> {
        let host = self.host();
        let line = self.line()?;
        let lines = || text.split_inclusive('\n');
        let about = |line: &str| Entry::read(line).is_some_and(|entry| entry.names(&host));
        let Some(wanted) = &line else {
            return Ok(lines().filter(|line| !about(line)).collect());
        };
        // `line` has let nothing else pass.
        let Some(wanted_entry) = Entry::read(wanted) else { return Ok(text.to_owned()) };
        let found = lines().position(|line| {
            let entry = Entry::read(line).filter(|entry| entry.names(&host));
            entry.is_some_and(|entry| {
                let other = entry.marker.is_none() && entry.kind == wanted_entry.kind;
                entry.says(&wanted_entry) || other
            })
        });
        let at = found.and_then(|at| lines().nth(at));
        let same = at.and_then(Entry::read).is_some_and(|entry| entry.says(&wanted_entry));
        match self.state {
            Presence::Present if same => Ok(text.to_owned()),
            Presence::Absent if at.is_none() => Ok(text.to_owned()),
            state => {
                let kept = lines().enumerate().filter(|(number, _)| Some(*number) != found);
                let mut out: String = kept.map(|(_, line)| line).collect();
                if state == Presence::Present {
                    out.push_str(wanted);
                    out.push('\n');
                }
                Ok(out)
            }
        }
    }
}

impl Module for This {
    const NAME: &'static str = "known_hosts";
    const SUMMARY: &'static str = "keys of other servers in a known_hosts file";
    const EXAMPLES: &'static [&'static str] = &[
        "name: backup.example.org\npath: /etc/ssh/ssh_known_hosts\nkey: backup.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO5G0r5vXjOr0z6BqA4UPcYwFJPvDXt2YkF4dC1Xr9fE",
        "name: old.example.org\nstate: absent",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("name", "The host, as it is called there.").aliases(&["host"]),
        PRESENCE,
        Opt::new("key", "The line, which names the host as well; without it `absent` removes all of the host's."),
        Opt::new("path", "The file (default `~/.ssh/known_hosts` of whoever logs in, or is become)."),
        Opt::new("hash_host", "Hide the host's name."),
    ];
    const RETURNS: &'static [Table] = &[&[
        ("name", "As wished."),
        ("key", "As wished."),
        ("path", "The file."),
        ("hash_host", "As wished."),
    ], write::RETURNS];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        if let Some(path) = params.path.as_deref().filter(|path| !path.starts_with("~/")) {
            return write::probes(path);
        }
        let inside = params.path.as_deref().and_then(|path| path.strip_prefix("~/"));
        let file = inside.unwrap_or(".ssh/known_hosts").to_owned();
        vec![Probe::Home { user: String::new(), files: vec![file] }]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        params.line()?;
        let path = write::resolve(&params.path(seen)?, seen)?;
        let text = write::text(&path, seen)?.unwrap_or_default();
        let new = params.edited(&text)?;
        if new == text {
            return Ok(vec![]);
        }
        write::write(&path, Bytes::from(new), Wishes::default(), seen)
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        let path = params.path(seen).ok();
        let about = path.as_ref().map(|path| write::about(path, seen, changes, ran));
        let mut out = super::stat::json_map(json!({
            "name": params.name,
            "key": params.key.as_ref().map(|key| key.0.clone()),
            "path": path,
            "hash_host": params.hash_host.is_some_and(|hash| hash.0),
            "state": "absent",
        }));
        out.extend(about.unwrap_or_default());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_hidden_as_openssh_hides_them() {
        // Made by `ssh-keygen -H`.
        let hidden = "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg=";
        assert!(is_hash_of(hidden, "192.168.1.61"));
        assert!(!is_hash_of(hidden, "192.168.1.62"));
    }

    #[test]
    fn names_are_patterns_and_some_are_denied() {
        let entry = Entry::read("*.Example.org,!old.example.org,[mx]:22 ssh-rsa AAAA x").unwrap();
        assert!(entry.names("mx.example.org") && entry.names("[mx]:22"));
        assert!(!entry.names("old.example.org") && !entry.names("m"));
        assert!(Entry::read("# a b c").is_none());
    }
}
