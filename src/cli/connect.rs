//! From a host's variables to a way to it: Ansible's connection variables first, then flags, then
//! what OpenSSH would do.
use super::args::LoginArgs;
use super::load::{Fleet, ask, become_password};
use super::{Wrong, trust};
use crate::change::{Change, Ran};
use crate::facts::{Fact, Probe};
use crate::inventory::Inventory;
use crate::plan::layer;
use crate::project::ThisMachine;
use crate::run::Job;
use crate::secret::Secret;
use crate::transport::fault::{self, Fault};
use crate::transport::local::Local;
use crate::transport::ssh::{Identities, Keyring, Options, SshConnect, SshShell};
use crate::transport::{Connect, Escalation, Method, Stage, Transport, TransportError};
use crate::vars::{Engine, Layer, Scope, Trust};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Seconds that a batch may take when nothing in it waits on purpose.
const BATCH: Duration = Duration::from_secs(120);
/// Handshakes in flight: OpenSSH's default `MaxStartups` begins to drop at 10 per server, and our own
/// processor is busy with about as many.
const HANDSHAKES: usize = 32;

/// A way to a host.
pub(super) enum Link {
    /// Over SSH.
    Ssh(Box<SshConnect>),
    /// This machine.
    Local(Local),
}

/// A shell at the end of it.
pub(super) enum LinkShell {
    Ssh(Box<SshShell>),
    Local(Box<<Local as Connect>::Shell>),
}

impl Connect for Link {
    type Shell = LinkShell;
    async fn shell(&self, escalation: Option<&Escalation>) -> Result<LinkShell, TransportError> {
        Ok(match self {
            Self::Ssh(ssh) => LinkShell::Ssh(Box::new(ssh.shell(escalation).await?)),
            Self::Local(local) => LinkShell::Local(Box::new(local.shell(escalation).await?)),
        })
    }
}

impl Transport for LinkShell {
    async fn observe(&self, probes: &[Probe]) -> Result<Vec<Fact>, TransportError> {
        match self {
            Self::Ssh(shell) => shell.observe(probes).await,
            Self::Local(shell) => shell.observe(probes).await,
        }
    }
    async fn apply(&self, changes: &[Change]) -> Result<Vec<Ran>, TransportError> {
        match self {
            Self::Ssh(shell) => shell.apply(changes).await,
            Self::Local(shell) => shell.apply(changes).await,
        }
    }
}

/// Makes links; what all hosts share is made once.
pub(super) struct Dialer {
    inventory: Inventory,
    extra: Arc<Layer>,
    engine: Engine,
    login: LoginArgs,
    keyring: Arc<Keyring>,
    handshakes: Arc<Semaphore>,
    password: Option<Secret<String>>,
    become_password: Option<Secret<String>>,
    home: PathBuf,
    me: String,
    /// The project's, beside the inventory.
    known_hosts: Option<PathBuf>,
    fault: Option<Fault>,
}

impl Dialer {
    /// For the hosts of a job.
    pub(super) fn new(job: &Job, login: &LoginArgs, inventories: &[String]) -> Result<Self, Wrong> {
        let become_password = job.options.become_password.clone();
        let engine = job.engine.clone();
        let known_hosts = trust::beside(inventories);
        let (inventory, extra) = (&job.shared.inventory, &job.shared.extra);
        Self::with(inventory, extra, engine, login, become_password, known_hosts)
    }

    /// For hosts without a playbook.
    pub(super) fn for_fleet(fleet: &Fleet, login: &LoginArgs) -> Result<Self, Wrong> {
        let become_password = become_password(login)?;
        let engine = Engine::on(Arc::new(ThisMachine::new(false)), fleet.sources.vault().clone());
        let known_hosts = trust::beside(&fleet.inventories);
        let (inventory, extra) = (&fleet.inventory, &fleet.extra);
        Self::with(inventory, extra, engine, login, become_password, known_hosts)
    }

    fn with(
        inventory: &Inventory,
        extra: &Arc<Layer>,
        engine: Engine,
        login: &LoginArgs,
        become_password: Option<Secret<String>>,
        known_hosts: Option<PathBuf>,
    ) -> Result<Self, Wrong> {
        let password =
            if login.ask_pass { Some(Secret::new(ask("login password: ")?)) } else { None };
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let me = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        Ok(Self {
            inventory: inventory.clone(),
            extra: extra.clone(),
            engine,
            login: login.clone(),
            keyring: Arc::new(Keyring::new(passphrase)),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
            password,
            become_password,
            home,
            me: me.unwrap_or_else(|_| "root".to_owned()),
            known_hosts,
            fault: fault()?,
        })
    }

    fn scope(&self, host: &str) -> Scope {
        let mut scope = Scope::default();
        for (origin, vars) in self.inventory.layers(host) {
            scope = scope.with(layer(&origin, Trust::Template, vars));
        }
        let mut magic = serde_json::Map::new();
        magic.insert("inventory_hostname".into(), host.into());
        scope.with(self.extra.clone()).with(Layer {
            origin: "magic".into(),
            trust: Trust::Data,
            values: magic,
            places: BTreeMap::new(),
        })
    }

    /// Steps that a test counts.
    pub(super) fn steps(&self) -> Option<usize> {
        self.fault.as_ref().map(Fault::steps)
    }

    /// The way to a host over SSH; `None`: it is this machine.
    pub(super) fn ssh(&self, host: &str) -> Result<Option<SshConnect>, TransportError> {
        Ok(match self.dial(host)? {
            Link::Ssh(ssh) => Some(*ssh),
            Link::Local(_) => None,
        })
    }

    /// The file in which a host's key is looked up first.
    pub(super) fn first_known_hosts(&self, host: &str) -> Option<PathBuf> {
        let vars = Variables { scope: self.scope(host), engine: &self.engine };
        self.options(host, &vars).ok()?.known_hosts.into_iter().next()
    }

    /// The way to a host.
    pub(super) fn dial(&self, host: &str) -> Result<Link, TransportError> {
        let vars = Variables { scope: self.scope(host), engine: &self.engine };
        let kind = vars.text(&["ansible_connection"])?;
        let named = self.inventory.host(host).is_some();
        match kind.as_deref() {
            Some("local") => return Ok(Link::Local(Local::new(BATCH).cut_by(self.fault.clone()))),
            // Implicit localhost is this machine, as in Ansible.
            None if !named && matches!(host, "localhost" | "127.0.0.1" | "::1") => {
                return Ok(Link::Local(Local::new(BATCH).cut_by(self.fault.clone())));
            }
            None | Some("ssh" | "smart") => {}
            Some(other) => {
                return Err(refused(format!("ansible_connection `{other}` is not supported")));
            }
        }
        self.options(host, &vars).map(|options| Link::Ssh(Box::new(SshConnect::new(options))))
    }

    fn options(&self, host: &str, vars: &Variables<'_>) -> Result<Options, TransportError> {
        let address = vars.text(&["ansible_host", "ansible_ssh_host"])?;
        let user = vars.text(&["ansible_user", "ansible_ssh_user"])?;
        let user = user.or_else(|| self.login.user.clone()).unwrap_or_else(|| self.me.clone());
        let mut options = Options::new(address.unwrap_or_else(|| host.to_owned()), user);
        if let Some(port) = vars.text(&["ansible_port", "ansible_ssh_port"])? {
            options.port = (port.parse())
                .map_err(|_| refused(format!("ansible_port `{port}` is not a port")))?;
        }
        for pin in vars.list("cowhand_host_key")? {
            let pin = pin.parse().map_err(|why| refused(format!("cowhand_host_key: {why}")))?;
            options.pins.push(pin);
        }
        let known_hosts = vars.text(&["cowhand_known_hosts"])?;
        options.known_hosts = match known_hosts {
            Some(file) => vec![self.path(&file)],
            None => vec![
                self.home.join(".ssh/known_hosts"),
                self.home.join(".ssh/known_hosts2"),
                "/etc/ssh/ssh_known_hosts".into(),
            ],
        };
        if let Some(file) = self.known_hosts.clone().filter(|file| file.exists()) {
            options.known_hosts.insert(0, file);
        }
        for unsupported in ["ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args"]
        {
            if let Some(text) = vars.text(&[unsupported])?.filter(|text| !text.is_empty()) {
                return Err(refused(format!("{unsupported} (`{text}`) is not supported")));
            }
        }
        let key = vars.text(&["ansible_ssh_private_key_file", "ansible_private_key_file"])?;
        let key = key.map(|file| self.path(&file)).or_else(|| self.login.private_key.clone());
        options.identities = match key {
            Some(file) => Identities::Given(vec![file]),
            None => Identities::usual(&self.home),
        };
        options.agent = std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from);
        let password =
            vars.text(&["ansible_password", "ansible_ssh_password", "ansible_ssh_pass"])?;
        options.password = password.map(Secret::new).or_else(|| self.password.clone());
        options.keyring = self.keyring.clone();
        options.connect_timeout = Duration::from_secs(self.login.timeout);
        options.batch_timeout = BATCH;
        options.handshakes = vec![self.handshakes.clone()];
        options.fault.clone_from(&self.fault);
        Ok(options)
    }

    /// `~` is our home.
    fn path(&self, text: &str) -> PathBuf {
        match text.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => PathBuf::from(text),
        }
    }

    /// Whom `ping` becomes: what the inventory or `--become` say.
    pub(super) fn escalation(&self, host: &str) -> Result<Option<Escalation>, TransportError> {
        let vars = Variables { scope: self.scope(host), engine: &self.engine };
        let wanted = vars.text(&["ansible_become"])?;
        let wanted = wanted.map_or(self.login.escalate, |text| {
            matches!(text.to_lowercase().as_str(), "true" | "yes" | "on" | "1")
        });
        if !wanted {
            return Ok(None);
        }
        let user = vars.text(&["ansible_become_user"])?.unwrap_or_else(|| "root".to_owned());
        let password = vars.text(&["ansible_become_password", "ansible_become_pass"])?;
        let password = password.map(Secret::new).or_else(|| self.become_password.clone());
        Ok(Some(Escalation { method: Method::Sudo, user, password }))
    }
}

/// The fault that a test asks for. A build for real servers knows none.
fn fault() -> Result<Option<Fault>, Wrong> {
    let Some(text) = std::env::var_os(fault::VARIABLE) else { return Ok(None) };
    if !cfg!(debug_assertions) {
        return Err(Wrong::usage(format!(
            "{} is set, and this build can't be cut",
            fault::VARIABLE
        )));
    }
    let fault: Fault = text.to_string_lossy().parse().map_err(Wrong::usage)?;
    let text = text.to_string_lossy();
    writeln!(std::io::stderr(), "warning: this run is cut on purpose: {}={text}", fault::VARIABLE)?;
    Ok(Some(fault))
}

/// Asked once per key and run; on anything but a terminal there is nobody to ask.
fn passphrase(key: &Path) -> Option<Secret<String>> {
    use std::io::IsTerminal as _;
    if !std::io::stdin().is_terminal() {
        return None;
    }
    ask(&format!("passphrase of {}: ", key.display())).ok().map(Secret::new)
}

/// The connection variables of a host.
struct Variables<'a> {
    scope: Scope,
    engine: &'a Engine,
}

impl Variables<'_> {
    /// A text, or a list of texts.
    fn list(&self, name: &str) -> Result<Vec<String>, TransportError> {
        if self.scope.get(name).is_none() {
            return Ok(vec![]);
        }
        let value = self.engine.evaluate(name, &self.scope);
        let wrong = || refused(format!("{name}: must be a text or a list of texts"));
        match value.map_err(|error| refused(format!("{name}: {error}")))? {
            Value::Null => Ok(vec![]),
            Value::String(text) => Ok(vec![text]),
            Value::Array(list) => (list.into_iter())
                .map(|entry| entry.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect(),
            _ => Err(wrong()),
        }
    }

    /// The first of the names that is set, as text.
    fn text(&self, names: &[&str]) -> Result<Option<String>, TransportError> {
        let Some(name) = names.iter().find(|name| self.scope.get(name).is_some()) else {
            return Ok(None);
        };
        let value = self.engine.evaluate(name, &self.scope);
        let value = value.map_err(|error| refused(format!("{name}: {error}")))?;
        Ok(match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        })
    }
}

/// A host that its own variables keep us from.
fn refused(message: String) -> TransportError {
    Stage::Setup.error(message, "mend the inventory")
}
