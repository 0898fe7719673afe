//! Ways to hosts as OpenSSH would find them: `ssh_config`, jump hosts, commands. What hosts share is
//! made once: a configuration is read once, a bastion is one connection, and never more handshakes are
//! in flight than servers like.
use crate::cli::Wrong;
use crate::cli::args::LoginArgs;
use crate::transport::ssh::config::{
    Arguments, Client, Config, Disk, Hop, Resolved, Unresolved, Which, run,
};
use crate::transport::ssh::{Bastion, Keyring, Options, Via};
use crate::transport::{Stage, TransportError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Handshakes in flight in all: our own processor is busy with about as many.
const HANDSHAKES: usize = 32;
/// Handshakes in flight behind one door (a server, a bastion, a command): OpenSSH's default
/// `MaxStartups` (10:30:100) begins to drop connections at 10.
const BEHIND_A_DOOR: usize = 8;
/// Jump hosts one behind the other.
const MAX_HOPS: usize = 16;

/// Ways to hosts, and what they share.
pub(super) struct Ways {
    pub(super) client: Client,
    which: Which,
    /// Of the command line, for bastions.
    timeout: Option<u64>,
    /// The project's `known_hosts`, which counts before all others.
    pub(super) known_hosts: Option<PathBuf>,
    keyring: Arc<Keyring>,
    /// For hosts that nobody may be asked for (`BatchMode`).
    silent: Arc<Keyring>,
    all: Arc<Semaphore>,
    configs: Mutex<BTreeMap<Which, Arc<Config>>>,
    bastions: Mutex<BTreeMap<String, Arc<Bastion>>>,
    doors: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

impl Ways {
    /// Reads the configuration that holds for all hosts.
    pub(super) fn new(
        login: &LoginArgs,
        keyring: Keyring,
        known_hosts: Option<PathBuf>,
    ) -> Result<Self, Wrong> {
        let client = Client { exec: login.ssh_exec.then_some(run), ..Client::of_process() };
        let which = login.ssh_config.as_deref().map_or(Which::Usual, Which::from);
        let config = Config::load(&which, &client.home, &Disk);
        let config = config.map_err(|(sources, found)| Wrong::Project(sources, found))?;
        Ok(Self {
            client,
            which: which.clone(),
            timeout: login.timeout,
            known_hosts,
            keyring: Arc::new(keyring),
            silent: Arc::default(),
            all: Arc::new(Semaphore::new(HANDSHAKES)),
            configs: Mutex::new([(which, Arc::new(config))].into()),
            bastions: Mutex::default(),
            doors: Mutex::default(),
        })
    }

    /// The way to a host, by the name under which `ssh` would be asked for it.
    pub(super) fn to(&self, host: &str, wishes: &Arguments) -> Result<Options, TransportError> {
        let which = wishes.file().unwrap_or(&self.which);
        let (options, _door) = self.find(host, wishes, which, &mut vec![])?;
        Ok(options)
    }

    /// The way, and a name for it that is the same for whoever shares it.
    fn find(
        &self,
        host: &str,
        wishes: &Arguments,
        which: &Which,
        behind: &mut Vec<String>,
    ) -> Result<(Options, String), TransportError> {
        let config = self.config(which)?;
        let resolved = config.resolve(host, wishes, &self.client).map_err(unresolved)?;
        let mut options = resolved.options(&self.client).map_err(unresolved)?;
        if let Some(file) = self.known_hosts.clone().filter(|file| file.exists()) {
            options.known_hosts.insert(0, file);
        }
        let keyring = if resolved.is_batch() { &self.silent } else { &self.keyring };
        options.keyring = keyring.clone();
        let (via, door) = self.via(&resolved, which, behind)?;
        options.via = via;
        options.handshakes = vec![self.door(&door), self.all.clone()];
        let name = format!("{}@{door}", options.user);
        Ok((options, name))
    }

    /// What leads to a host, and the name of the door that it is behind.
    fn via(
        &self,
        resolved: &Resolved,
        which: &Which,
        behind: &mut Vec<String>,
    ) -> Result<(Via, String), TransportError> {
        let mut hops = resolved.hops();
        let Some(last) = hops.pop() else {
            let command = resolved.proxy_command(&self.client).map_err(unresolved)?;
            return Ok(match command {
                Some(command) => {
                    let written = resolved.get("proxycommand").unwrap_or_default().to_owned();
                    (Via::Command(command), written)
                }
                None => (Via::Tcp, format!("{}:{}", resolved.host, resolved.port)),
            });
        };
        behind.push(resolved.original.clone());
        if behind.contains(&last.host) || behind.len() > MAX_HOPS {
            let message = format!("`{}` is reached by way of itself: {last}", resolved.original);
            let help = "take the jump host out of the block that sets ProxyJump: `Host * !jump`";
            return Err(Stage::Setup.error(message, help));
        }
        let wishes = self.wishes(&last, &hops)?;
        let (options, name) = self.find(&last.host, &wishes, which, behind)?;
        let name = format!("{name} to {}:{}", options.host, options.port);
        let mut bastions = self.bastions.lock().unwrap_or_else(PoisonError::into_inner);
        let bastion =
            bastions.entry(name.clone()).or_insert_with(|| Arc::new(Bastion::new(options)));
        Ok((Via::Jump(bastion.clone()), name))
    }

    /// What is wished for a hop: what it says itself, and the hops before it.
    fn wishes(&self, hop: &Hop, before: &[Hop]) -> Result<Arguments, TransportError> {
        let mut wishes = Arguments::default();
        let mut set = |keyword: &str, value: Option<String>| match value {
            Some(value) => wishes.set(keyword, &value, "ProxyJump"),
            None => Ok(()),
        };
        let jump = before.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        set("User", hop.user.clone())
            .and_then(|()| set("Port", hop.port.map(|port| port.to_string())))
            .and_then(|()| set("ProxyJump", Some(jump).filter(|jump| !jump.is_empty())))
            .and_then(|()| set("ConnectTimeout", self.timeout.map(|seconds| seconds.to_string())))
            .map_err(|why| Stage::Setup.error(format!("ProxyJump {hop}: {why}"), "mend it"))?;
        Ok(wishes)
    }

    fn config(&self, which: &Which) -> Result<Arc<Config>, TransportError> {
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(which) {
            return Ok(config.clone());
        }
        let read = Config::load(which, &self.client.home, &Disk).map_err(|(sources, found)| {
            let first = found.first().map_or_else(String::new, |first| {
                let place = first.span.map(|span| sources.locate(span) + ": ");
                place.unwrap_or_default() + &first.message
            });
            Stage::Setup.error(first, "mend that file")
        });
        let config = Arc::new(read?);
        configs.insert(which.clone(), config.clone());
        Ok(config)
    }

    fn door(&self, name: &str) -> Arc<Semaphore> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        let door = doors.entry(name.to_owned());
        door.or_insert_with(|| Arc::new(Semaphore::new(BEHIND_A_DOOR))).clone()
    }

    /// `~` is our home.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        match text.strip_prefix("~/") {
            Some(rest) => self.client.home.join(rest),
            None => Path::new(text).to_owned(),
        }
    }
}

fn unresolved(error: Unresolved) -> TransportError {
    TransportError::Unreachable { stage: Stage::Setup, message: error.message, help: error.help }
}
