//! One host's values out of a configuration: blocks that match, first value wins, a second reading
//! where `Match final` asks for it. Pure but for the command of a `Match exec`, which the client runs.
use super::arguments::Arguments;
use super::criteria::{Criterion, Test};
use super::keywords::{self, Kind};
use super::parse::{Line, What};
use super::pattern::{list_matches, matches};
use super::tokens::{self, Tokens};
use super::values::Check;
use super::{Client, Config};
use crate::source::{SourceMap, Span};
use std::collections::BTreeMap;

/// Why there is no way to a host: a fragment, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unresolved {
    /// What is wrong, and where.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Unresolved {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()) }
    }
}

/// What is to be done for one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// As it was asked for.
    pub original: String,
    /// What is dialled: `HostName`, in lower case.
    pub host: String,
    /// `Port`, 22 unless told otherwise.
    pub port: u16,
    /// `User`, the client's own unless told otherwise.
    pub user: String,
    values: Values,
}

/// By keyword.
type Values = BTreeMap<&'static str, Value>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Value {
    words: Vec<String>,
    /// `file:line:column`, or whose wish it was.
    place: String,
}

impl Resolved {
    /// The words of a keyword in the order written; none when nobody set it.
    ///
    /// # Panics
    /// Where a caller asks for a keyword that is not in the registry.
    pub fn all(&self, keyword: &'static str) -> &[String] {
        debug_assert!(keywords::find(keyword).is_some(), "{keyword}");
        self.values.get(keyword).map_or(&[], |value| &value.words)
    }

    /// The first of them.
    pub fn get(&self, keyword: &'static str) -> Option<&str> {
        self.all(keyword).first().map(String::as_str)
    }

    /// Where it was set.
    pub(super) fn place(&self, keyword: &'static str) -> &str {
        self.values.get(keyword).map_or("", |value| &value.place)
    }

    /// `yes`, or `default` where nobody set it.
    pub(super) fn flag(&self, keyword: &'static str, default: bool) -> bool {
        self.get(keyword).map_or(default, |word| word != "no")
    }

    /// What tokens stand for.
    pub(super) fn tokens<'a>(&'a self, client: &'a Client) -> Tokens<'a> {
        let jump = self.get("proxyjump").filter(|jump| !jump.eq_ignore_ascii_case("none"));
        Tokens {
            client,
            host: &self.host,
            original: &self.original,
            port: self.port,
            user: &self.user,
            alias: self.get("hostkeyalias").unwrap_or(&self.original),
            jump: jump.unwrap_or_default(),
        }
    }

    /// The first value that something is done with which `cowhand` does not do.
    pub(super) fn unsupported(&self) -> Option<Unresolved> {
        self.values.iter().find_map(|(name, value)| {
            let Some(Kind::Refused(_, harmless)) = keywords::find(name).map(|found| found.kind)
            else {
                return None;
            };
            let words = value.words.join(" ");
            let is_harmless = harmless.iter().any(|word| word.eq_ignore_ascii_case(&words));
            (!is_harmless).then(|| {
                Unresolved::new(
                    format!("`{name} {words}` ({}) is not supported", value.place),
                    "set it otherwise for this host, or give another file with -F",
                )
            })
        })
    }
}

impl Config {
    /// What is to be done for a host; `wishes` win over the files.
    ///
    /// # Errors
    /// Tokens that mean nothing, a refused `Match exec`, an unknown keyword.
    pub fn resolve(
        &self,
        host: &str,
        wishes: &Arguments,
        client: &Client,
    ) -> Result<Resolved, Unresolved> {
        let mut walk = Walk::new(self, host, client);
        for wish in &wishes.0 {
            if let Some(keyword) = keywords::find(&wish.keyword) {
                walk.set(keyword, &wish.words, &wish.whose);
            }
        }
        walk.files()?;
        walk.settle_host()?;
        if walk.asks_again {
            walk.again = true;
            walk.files()?;
        }
        Ok(walk.done())
    }
}

/// A reading of all files for one host.
struct Walk<'a> {
    config: &'a Config,
    client: &'a Client,
    original: &'a str,
    /// What `Host` compares: as asked for, the second time what is dialled.
    host: String,
    values: Values,
    active: bool,
    /// The second reading.
    again: bool,
    asks_again: bool,
}

impl<'a> Walk<'a> {
    fn new(config: &'a Config, host: &'a str, client: &'a Client) -> Self {
        Self {
            config,
            client,
            original: host,
            host: host.to_owned(),
            values: Values::new(),
            active: true,
            again: false,
            asks_again: false,
        }
    }

    fn sources(&self) -> &'a SourceMap {
        &self.config.sources
    }

    fn files(&mut self) -> Result<(), Unresolved> {
        let config = self.config;
        for lines in &config.files {
            self.active = true;
            self.lines(lines, false)?;
        }
        Ok(())
    }

    /// `never`: they were included where nothing matches.
    fn lines(&mut self, lines: &'a [Line], never: bool) -> Result<(), Unresolved> {
        for line in lines {
            match &line.what {
                What::Host(patterns) => self.active = !never && self.is_host(patterns),
                What::Match(criteria) => {
                    let is_match = self.is_match(criteria, never, line.span)?;
                    self.active = !never && is_match;
                }
                What::Include(files) => {
                    let before = self.active;
                    for lines in files {
                        self.active = before;
                        self.lines(lines, never || !before)?;
                    }
                    self.active = before;
                }
                What::IgnoreUnknown(list) => {
                    if self.active {
                        let place = self.sources().locate(line.span);
                        let value = Value { words: vec![list.clone()], place };
                        self.values.entry("ignoreunknown").or_insert(value);
                    }
                }
                What::Unknown(name) => self.unknown(name, line.span)?,
                What::Set(keyword, words) => {
                    if self.active {
                        self.set(keyword, words, &self.sources().locate(line.span));
                    }
                }
            }
        }
        Ok(())
    }

    fn unknown(&self, name: &str, span: Span) -> Result<(), Unresolved> {
        let list = self.values.get("ignoreunknown").and_then(|value| value.words.first());
        if list.is_some_and(|list| list_matches(list, name, true)) {
            return Ok(());
        }
        Err(Unresolved::new(
            format!("`{name}` ({}) is no keyword of ssh_config", self.sources().locate(span)),
            "the `IgnoreUnknown` that names it is for other hosts",
        ))
    }

    fn set(&mut self, keyword: &'static keywords::Keyword, words: &[String], place: &str) {
        let is_none =
            |value: &Value| value.words.iter().all(|word| word.eq_ignore_ascii_case("none"));
        let jump = self.values.get("proxyjump");
        let taken = match keyword.name {
            // Whichever of the two comes first.
            "proxycommand" => jump.is_some_and(|value| !is_none(value)),
            "proxyjump" => self.values.contains_key("proxycommand"),
            _ => false,
        };
        if taken {
            return;
        }
        let value = self.values.entry(keyword.name).or_default();
        match keyword.kind {
            Kind::Each => {
                for word in words {
                    if !value.words.contains(word) {
                        value.words.push(word.clone());
                    }
                }
            }
            // Size and time of `RekeyLimit` are won each for itself.
            Kind::First(Check::Rekey) if value.words.len() < words.len() => {
                value.words.extend_from_slice(&words[value.words.len()..]);
            }
            _ if value.words.is_empty() => value.words = words.to_vec(),
            _ => return,
        }
        if value.place.is_empty() {
            place.clone_into(&mut value.place);
        }
    }

    fn is_host(&self, patterns: &[String]) -> bool {
        let mut found = false;
        for pattern in patterns {
            match pattern.strip_prefix('!') {
                Some(pattern) if matches(pattern, &self.host) => return false,
                Some(_) => {}
                None => found |= matches(pattern, &self.host),
            }
        }
        found
    }

    fn is_match(
        &mut self,
        criteria: &[Criterion],
        never: bool,
        span: Span,
    ) -> Result<bool, Unresolved> {
        let mut result = true;
        for Criterion { negated, test } in criteria {
            let holds = match test {
                Test::All => true,
                Test::Again { asks } => {
                    self.asks_again |= asks;
                    self.again
                }
                Test::Host(list) => list_matches(list, &self.dialled()?.to_ascii_lowercase(), true),
                Test::OriginalHost(list) => {
                    list_matches(list, &self.original.to_ascii_lowercase(), true)
                }
                Test::User(list) => list_matches(list, self.user(), false),
                Test::LocalUser(list) => list_matches(list, &self.client.user, false),
                Test::Tagged(list) => list_matches(list, self.word("tag").unwrap_or(""), false),
                Test::Exec(_) if !result || never => continue,
                Test::Exec(command) => self.exec(command, span)?,
            };
            result &= holds != *negated;
        }
        Ok(result)
    }

    fn exec(&self, command: &str, span: Span) -> Result<bool, Unresolved> {
        let place = self.sources().locate(span);
        let Some(run) = self.client.exec else {
            return Err(Unresolved::new(
                format!("the command of `Match exec` ({place}) is not run"),
                "--ssh-exec lets the configuration run commands",
            ));
        };
        let wrong =
            |why: String| Unresolved::new(format!("`Match exec` ({place}): {why}"), "mend it");
        let host = self.dialled()?;
        let (user, alias) = (self.user(), self.word("hostkeyalias").unwrap_or(self.original));
        let tokens = Tokens {
            client: self.client,
            host: &host,
            original: self.original,
            port: self.port(),
            user,
            alias,
            jump: self.word("proxyjump").unwrap_or_default(),
        };
        let command = tokens.command(command, tokens::FILES).map_err(wrong)?;
        run(&command).map_err(|error| wrong(error.to_string()))
    }

    /// `HostName` as far as it is known.
    fn dialled(&self) -> Result<String, Unresolved> {
        let Some(name) = self.word("hostname") else { return Ok(self.host.clone()) };
        let tokens = Tokens {
            client: self.client,
            host: &self.host,
            original: self.original,
            port: self.port(),
            user: self.user(),
            alias: self.original,
            jump: "",
        };
        tokens.expand(name, tokens::HOSTNAME).map_err(|why| {
            let place = self.values.get("hostname").map_or("", |value| &value.place);
            Unresolved::new(format!("`HostName {name}` ({place}): {why}"), "mend it")
        })
    }

    /// From here on the host is what is dialled.
    fn settle_host(&mut self) -> Result<(), Unresolved> {
        self.host = self.dialled()?.to_ascii_lowercase();
        let value = self.values.entry("hostname").or_default();
        // It is no pattern any more.
        value.words = vec![self.host.replace('%', "%%")];
        Ok(())
    }

    fn word(&self, keyword: &str) -> Option<&str> {
        self.values.get(keyword)?.words.first().map(String::as_str)
    }

    fn user(&self) -> &str {
        self.word("user").unwrap_or(&self.client.user)
    }

    fn port(&self) -> u16 {
        self.word("port").and_then(|port| port.parse().ok()).unwrap_or(22)
    }

    fn done(mut self) -> Resolved {
        for word in self.values.get_mut("hostkeyalias").iter_mut().flat_map(|v| &mut v.words) {
            word.make_ascii_lowercase();
        }
        Resolved {
            original: self.original.to_owned(),
            host: self.host.clone(),
            port: self.port(),
            user: self.user().to_owned(),
            values: self.values,
        }
    }
}
