//! From a host's values to a way to it. What leads there (jump hosts, commands) is found by whoever
//! shares connections; see [`Resolved::hops`] and [`Resolved::proxy_command`].
use super::super::terms::{List, Terms};
use super::super::{CaAlgorithms, Checking, Dialling, Family, Identities, LoginMethod, Options};
use super::jump::{self, Hop};
use super::{Client, Resolved, Unresolved, tokens};
use std::path::PathBuf;
use std::time::Duration;

impl Resolved {
    /// Everything that the values say of a host; passwords, key rings and the way there are the
    /// caller's.
    ///
    /// # Errors
    /// A value that means nothing here, or one that would need less checking than we do.
    pub fn options(&self, client: &Client) -> Result<Options, Unresolved> {
        if let Some(unsupported) = self.unsupported() {
            return Err(unsupported);
        }
        let mut options = Options::new(self.host.as_str(), self.user.as_str());
        options.port = self.port;
        options.host_key_alias = self.get("hostkeyalias").map(str::to_owned);
        options.known_hosts = self.known_hosts(client)?;
        options.checking = self.checking();
        options.hash_known_hosts = self.flag("hashknownhosts", false);
        options.revoked_host_keys = self.files("revokedhostkeys", client)?;
        if let Some(list) = self.get("casignaturealgorithms") {
            options.ca_algorithms =
                CaAlgorithms::of(self.chosen("casignaturealgorithms", List::UserKeys, list)?);
        }
        options.identities = self.identities(client)?;
        options.certificates = self.files("certificatefile", client)?;
        options.certificates = self.files("certificatefile", client)?;
        options.agent = self.agent(client)?;
        options.methods = self.methods();
        options.attempts = self.number("connectionattempts").unwrap_or(options.attempts);
        options.dialling = self.dialling()?;
        options.terms = self.terms()?;
        if let Some(seconds) = self.number("connecttimeout").filter(|seconds| *seconds > 0) {
            options.connect_timeout = Duration::from_secs(seconds.into());
        }
        Ok(options)
    }

    /// The hops of `ProxyJump`, the first to be dialled first.
    pub fn hops(&self) -> Vec<Hop> {
        let parsed = self.get("proxyjump").and_then(|text| jump::parse(text).ok());
        // Whatever was set has been parsed before.
        parsed.unwrap_or_default()
    }

    /// `ProxyCommand` with its tokens replaced.
    ///
    /// # Errors
    /// Tokens that mean nothing, and names that a shell would obey.
    pub fn proxy_command(&self, client: &Client) -> Result<Option<String>, Unresolved> {
        let command = self.get("proxycommand").filter(|word| !word.eq_ignore_ascii_case("none"));
        let Some(command) = command else { return Ok(None) };
        let expanded = self.tokens(client).command(command, tokens::PROXY);
        expanded.map(Some).map_err(|why| self.wrong("proxycommand", command, &why))
    }

    /// Whether nobody may be asked for anything (`BatchMode`).
    pub fn is_batch(&self) -> bool {
        self.flag("batchmode", false)
    }

    /// The files that a keyword names: `~`, variables and tokens resolved; none for `none`.
    ///
    /// # Errors
    /// A name that means nothing.
    pub fn files(
        &self,
        keyword: &'static str,
        client: &Client,
    ) -> Result<Vec<PathBuf>, Unresolved> {
        let named = self.all(keyword).iter().filter(|word| !word.eq_ignore_ascii_case("none"));
        let tokens = self.tokens(client);
        let files =
            named.map(|word| tokens.file(word).map_err(|why| self.wrong(keyword, word, &why)));
        files.collect()
    }

    fn wrong(&self, keyword: &'static str, value: &str, why: &str) -> Unresolved {
        let message = format!("`{keyword} {value}` ({}): {why}", self.place(keyword));
        Unresolved::new(message, "mend it, or give another file with -F")
    }

    fn known_hosts(&self, client: &Client) -> Result<Vec<PathBuf>, Unresolved> {
        let ssh = client.home.join(".ssh");
        let mut files = if self.all("userknownhostsfile").is_empty() {
            vec![ssh.join("known_hosts"), ssh.join("known_hosts2")]
        } else {
            self.files("userknownhostsfile", client)?
        };
        // No tokens in these.
        let system = self.all("globalknownhostsfile");
        if system.is_empty() {
            files.extend(
                ["ssh_known_hosts", "ssh_known_hosts2"].map(|n| PathBuf::from("/etc/ssh").join(n)),
            );
        }
        files.extend(system.iter().filter(|word| *word != "none").map(PathBuf::from));
        Ok(files)
    }

    fn checking(&self) -> Checking {
        match self.get("stricthostkeychecking") {
            Some("yes") => Checking::Strict,
            Some("no") => Checking::Off,
            Some("accept-new") => Checking::AcceptNew,
            _ => Checking::Ask,
        }
    }

    fn identities(&self, client: &Client) -> Result<Identities, Unresolved> {
        let usual = Identities::usual(&client.home);
        let named = !self.all("identityfile").is_empty();
        let files =
            if named { self.files("identityfile", client)? } else { usual.files().to_vec() };
        Ok(match (self.flag("identitiesonly", false), named) {
            (true, true) => Identities::Given(files),
            // Nobody named them: those that are not there are not missed.
            (true, false) => Identities::Given(files.into_iter().filter(|f| f.exists()).collect()),
            (false, _) => Identities::Usual(files),
        })
    }

    fn agent(&self, client: &Client) -> Result<Option<PathBuf>, Unresolved> {
        let of_environment = |name: &str| client.environment.get(name).map(PathBuf::from);
        match self.get("identityagent") {
            None | Some("SSH_AUTH_SOCK") => Ok(of_environment("SSH_AUTH_SOCK")),
            Some("none") => Ok(None),
            Some(word) => match word.strip_prefix('$').filter(|name| !name.starts_with('{')) {
                Some(name) => Ok(of_environment(name)),
                None => Ok(self.files("identityagent", client)?.into_iter().next()),
            },
        }
    }

    fn methods(&self) -> Vec<LoginMethod> {
        let preferred = self.get("preferredauthentications");
        let prompts = self.number("numberofpasswordprompts") != Some(0);
        let is_on = |method: &LoginMethod| match method {
            LoginMethod::PublicKey => self.flag("pubkeyauthentication", true),
            LoginMethod::KeyboardInteractive => {
                prompts && self.flag("kbdinteractiveauthentication", true)
            }
            LoginMethod::Password => prompts && self.flag("passwordauthentication", true),
        };
        let mut methods: Vec<_> = LoginMethod::ALL.into_iter().filter(is_on).collect();
        if let Some(list) = preferred {
            let rank =
                |method: &LoginMethod| list.split(',').position(|name| name == method.name());
            methods.retain(|method| rank(method).is_some());
            methods.sort_by_key(rank);
        }
        methods
    }

    fn dialling(&self) -> Result<Dialling, Unresolved> {
        let from = self.get("bindaddress").map(|address| {
            let parsed = address.trim_matches(['[', ']']).parse();
            parsed.map_err(|_| self.wrong("bindaddress", address, "only addresses are supported"))
        });
        Ok(Dialling {
            family: match self.get("addressfamily") {
                Some("inet") => Family::V4,
                Some("inet6") => Family::V6,
                _ => Family::Any,
            },
            from: from.transpose()?,
            keepalive: self.flag("tcpkeepalive", true),
        })
    }

    fn terms(&self) -> Result<Terms, Unresolved> {
        let list = |keyword, list: List| {
            let wanted = self.get(keyword);
            wanted.map(|wanted| self.chosen(keyword, list, wanted)).transpose()
        };
        let usual = Terms::default();
        let alive = self.number("serveraliveinterval");
        let mut rekey = self.all("rekeylimit").iter().map(|word| word.parse::<u64>().unwrap_or(0));
        Ok(Terms {
            kex: list("kexalgorithms", List::Kex)?,
            ciphers: list("ciphers", List::Ciphers)?,
            macs: list("macs", List::Macs)?,
            host_keys: list("hostkeyalgorithms", List::HostKeys)?,
            user_keys: list("pubkeyacceptedalgorithms", List::UserKeys)?,
            rsa_bits: self.number("requiredrsasize").unwrap_or(usual.rsa_bits),
            rekey_bytes: rekey.next().filter(|bytes| *bytes > 0),
            rekey_time: rekey.next().filter(|time| *time > 0).map(Duration::from_secs),
            alive_every: match alive {
                None => usual.alive_every,
                Some(0) => None,
                Some(seconds) => Some(Duration::from_secs(seconds.into())),
            },
            alive_max: match self.number("serveralivecountmax") {
                Some(max) => usize::try_from(max).unwrap_or(usize::MAX),
                None => usual.alive_max,
            },
        })
    }

    /// What a list of algorithms leaves.
    fn chosen(
        &self,
        keyword: &'static str,
        list: List,
        wanted: &str,
    ) -> Result<Vec<String>, Unresolved> {
        let chosen = list.choose(wanted);
        if chosen.is_empty() {
            let (known, more) = list.known();
            let message = format!(
                "`{keyword} {wanted}` ({}) leaves nothing that we can do",
                self.place(keyword)
            );
            let known = known.into_iter().chain(more).collect::<Vec<_>>().join(",");
            return Err(Unresolved::new(message, format!("we can do {known}")));
        }
        Ok(chosen)
    }

    fn number(&self, keyword: &'static str) -> Option<u32> {
        self.get(keyword)?.parse().ok()
    }
}
