//! `authorized_key`: keys that a user may log in with. Lines of other keys stay as they are.
mod line;

use super::values::{PRESENCE, Flag, Presence, Text};
use super::write::{self, Wishes};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Attributes, Change, Ran};
use crate::facts::{Bytes, Fact, Home, Observed, Probe, Unasked};
use line::Key;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    user: String,
    key: Text,
    #[serde(default)]
    state: Presence,
    path: Option<String>,
    manage_dir: Option<Flag>,
    key_options: Option<Text>,
    comment: Option<Text>,
    exclusive: Option<Flag>,
    follow: Option<Flag>,
}

/// Where keys are kept, below a home.
const FILE: &str = ".ssh/authorized_keys";

impl Params {
    fn home<'a>(&self, seen: &'a Observed) -> Result<&'a Home, PlanError> {
        let probe = Probe::home(&self.user);
        match seen.get(&probe)? {
            Fact::Home(Some(home)) => Ok(home),
            Fact::Home(None) => {
                let message = format!("Failed to lookup user {}: there is no such user", self.user);
                Err(PlanError::failed(message))
            }
            _ => Err(Unasked(probe).into()),
        }
    }

    /// The file as it is called, and the one that is written.
    fn files(&self, seen: &Observed) -> Result<(String, String), PlanError> {
        let home = self.home(seen)?;
        let named = match &self.path {
            None => home.path(FILE),
            Some(path) => match path.strip_prefix("~/") {
                Some(inside) => home.path(inside),
                None if path.starts_with('/') => path.clone(),
                None => home.path(path),
            },
        };
        let follows = self.follow.is_some_and(|follow| follow.0);
        let written = if follows { write::resolve(&named, seen)? } else { named.clone() };
        Ok((named, written))
    }

    /// The keys that are asked for.
    fn keys(&self) -> Result<Vec<Key>, PlanError> {
        let wrong = |message: String| PlanError::Params { path: "key".into(), message };
        if self.key.0.starts_with("http://") || self.key.0.starts_with("https://") {
            let message = "is a URL: fetch it where cowhand runs, `lookup('pipe', 'curl …')`";
            return Err(wrong(message.into()));
        }
        let lines = self.key.0.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let key = |line: &str| {
            let mut key = Key::read(line).ok_or_else(|| wrong(format!("no key: `{line}`")))?;
            if let Some(options) = &self.key_options {
                key.options.clone_from(&options.0);
            }
            if let Some(comment) = &self.comment {
                key.comment.clone_from(&comment.0);
            }
            Ok(key)
        };
        lines.map(key).collect()
    }

    /// The file's text as it should be.
    fn edited(&self, text: &str) -> Result<String, PlanError> {
        let keys = self.keys()?;
        let mut left: Vec<&Key> = keys.iter().collect();
        let mut out: Vec<String> = vec![];
        for line in text.lines() {
            let known = Key::read(line);
            let wanted = known.as_ref().and_then(|known| keys.iter().find(|key| key.is(known)));
            match (self.state, wanted, known) {
                (Presence::Present, Some(key), Some(known)) => {
                    // A key that stands twice stands once afterwards, if it has to change.
                    let first = left.iter().any(|other| other.is(key));
                    left.retain(|other| !other.is(key));
                    let keeps_comment = self.comment.is_none() && key.comment.is_empty();
                    let same = known.options == key.options
                        && known.kind == key.kind
                        && (keeps_comment || known.comment == key.comment);
                    match (same, first) {
                        (true, _) => out.push(line.to_owned()),
                        (false, true) => out.push(key.line()),
                        (false, false) => {}
                    }
                }
                (Presence::Absent, Some(_), _) => {}
                (Presence::Present, None, Some(_)) if self.exclusive.is_some_and(|only| only.0) => {}
                _ => out.push(line.to_owned()),
            }
        }
        if self.state == Presence::Present {
            out.extend(left.into_iter().map(Key::line));
        }
        let same = out.iter().map(String::as_str).eq(text.lines());
        Ok(match (same, out.is_empty()) {
            (true, _) => text.to_owned(),
            (false, true) => String::new(),
            (false, false) => out.join("\n") + "\n",
        })
    }

    /// The folder, made as a user's is.
    fn folder(&self, file: &str, home: &Home, seen: &Observed) -> Result<Option<Change>, PlanError> {
        if self.manage_dir.is_some_and(|manage| !manage.0) {
            return Ok(None);
        }
        let folder = write::parent(file).to_owned();
        let attributes = Attributes { mode: Some(0o700), ..owned(home) };
        if seen.stat(&folder, true)?.is_some() {
            return Ok(None);
        }
        Ok(Some(Change::MakeDir { path: folder, attributes }))
    }
}

fn owned(home: &Home) -> Attributes {
    let owner = Some(home.uid.to_string());
    Attributes { owner, group: Some(home.gid.to_string()), mode: Some(0o600) }
}

impl Module for This {
    const NAME: &'static str = "authorized_key";
    const SUMMARY: &'static str = "keys that a user may log in with";
    const EXAMPLES: &'static [&'static str] = &[
        "user: root\nkey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO5G0r5vXjOr0z6BqA4UPcYwFJPvDXt2YkF4dC1Xr9fE alice@work",
        "user: deploy\nkey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO5G0r5vXjOr0z6BqA4UPcYwFJPvDXt2YkF4dC1Xr9fE ci\nkey_options: no-pty\nexclusive: true",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("user", "Who may log in."),
        Opt::new("key", "Public keys, a line each."),
        PRESENCE,
        Opt::new("path", "The file (default `~/.ssh/authorized_keys` of the user)."),
        Opt::new("manage_dir", "Make the folder that it is in (default true)."),
        Opt::new("key_options", "What the keys may be used for; as in the file."),
        Opt::new("comment", "The keys' comment."),
        Opt::new("exclusive", "No other key may log in."),
        Opt::new("follow", "When the file is a link, change what it leads to."),
    ];
    const REFUSED: &'static [Table] = &[&[("validate_certs", "keys are not fetched; leave it out")]];
    const RETURNS: &'static [Table] = &[&[
        ("keyfile", "The file."),
        ("user", "As wished."),
        ("key", "As wished."),
        ("state", "As wished."),
        ("path", "As wished."),
        ("key_options", "As wished."),
        ("comment", "As wished."),
        ("exclusive", "As wished."),
        ("manage_dir", "As wished."),
        ("follow", "As wished."),
    ]];
    const GUARDS: bool = true;
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        let (user, files) = (params.user.clone(), [".ssh", FILE].map(str::to_owned).into());
        let named = params.path.iter().filter(|path| path.starts_with('/'));
        let named = named.flat_map(|path| write::probes(path));
        named.chain([Probe::Home { user, files }]).collect()
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        params.keys()?;
        let (_, file) = params.files(seen)?;
        let text = write::text(&file, seen)?.unwrap_or_default();
        let new = params.edited(&text)?;
        if new == text {
            return Ok(vec![]);
        }
        let home = params.home(seen)?;
        let mut changes: Vec<Change> = params.folder(&file, home, seen)?.into_iter().collect();
        let written = write::write(&file, Bytes::from(new), Wishes::default(), seen)?;
        changes.extend(written.into_iter().map(|change| match change {
            Change::WriteFile { path, content, validate, backup, before, secret, .. } => {
                let attributes = owned(home);
                Change::WriteFile { path, content, attributes, validate, backup, before, secret }
            }
            other => other,
        }));
        Ok(changes)
    }

    fn result(params: &Params, seen: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let file = params.files(seen).ok().map(|(named, _)| named);
        let text = |text: &Option<Text>| text.as_ref().map(|text| text.0.clone());
        super::stat::json_map(json!({
            "user": params.user,
            "key": params.key.0,
            "keyfile": file,
            "state": params.state.name(),
            "path": params.path,
            "key_options": text(&params.key_options),
            "comment": text(&params.comment),
            "exclusive": params.exclusive.is_some_and(|only| only.0),
            "manage_dir": params.manage_dir.is_none_or(|manage| manage.0),
            "follow": params.follow.is_some_and(|follow| follow.0),
        }))
    }
}
