//! From a host's variables to a way to it: Ansible's connection variables first, then flags, then
//! what `ssh_config` says.
mod variables;
mod ways;

use super::args::LoginArgs;
use super::load::{Fleet, ask, become_password};
use super::{Wrong, trust};
use crate::change::{Change, Ran};
use crate::facts::{Fact, Probe};
use crate::inventory::Inventory;
use crate::plan::{escalation, layer};
use crate::playbook::Keywords;
use crate::project::ThisMachine;
use crate::run::Job;
use crate::secret::{Secret, Secrets};
use crate::transport::fault::{self, Fault};
use crate::transport::lasting::{Lasting, LastingShell};
use crate::transport::local::Local;
use crate::transport::ssh::config::Arguments;
use crate::transport::ssh::{Keyring, Options, Question, SshConnect};
use crate::transport::{Connect, Escalation, Stage, Transport, TransportError};
use crate::vars::{Engine, Layer, Scope, Trust};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use variables::Variables;
use ways::Ways;

/// Seconds that a batch may take when nothing in it waits on purpose.
const BATCH: Duration = Duration::from_secs(120);

/// A way to a host.
pub(super) enum Link {
    /// Over SSH.
    Ssh(Box<Lasting<SshConnect>>),
    /// This machine.
    Local(Local),
}

/// A shell at the end of it.
pub(super) enum LinkShell {
    Ssh(Box<LastingShell<SshConnect>>),
    Local(Box<<Local as Connect>::Shell>),
}

impl Connect for Link {
    type Shell = LinkShell;
    fn anew(&self) -> Self {
        match self {
            Self::Ssh(ssh) => Self::Ssh(Box::new(ssh.anew())),
            Self::Local(local) => Self::Local(local.anew()),
        }
    }
    async fn hang_up(&self) {
        match self {
            Self::Ssh(ssh) => ssh.hang_up().await,
            Self::Local(local) => local.hang_up().await,
        }
    }
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
    ways: Ways,
    password: Option<Secret<String>>,
    become_password: Option<Secret<String>>,
    /// Passwords are told nowhere.
    secrets: Secrets,
    fault: Option<Fault>,
}

impl Dialer {
    /// For the hosts of a job.
    pub(super) fn new(job: &Job, login: &LoginArgs, inventories: &[String]) -> Result<Self, Wrong> {
        let become_password = job.options.become_password.clone();
        let engine = job.engine.clone();
        let known_hosts = trust::beside(inventories);
        let shared = job.roster.now();
        let (inventory, extra) = (&shared.inventory, &shared.extra);
        let secrets = job.sources.vault().secrets().clone();
        Self::with(inventory, extra, engine, login, become_password, known_hosts, secrets)
    }

    /// For hosts without a playbook.
    pub(super) fn for_fleet(fleet: &Fleet, login: &LoginArgs) -> Result<Self, Wrong> {
        let become_password = become_password(login)?;
        let engine = Engine::on(Arc::new(ThisMachine::new(false)), fleet.sources.vault().clone());
        let known_hosts = trust::beside(&fleet.inventories);
        let (inventory, extra) = (&fleet.inventory, &fleet.extra);
        let secrets = fleet.sources.vault().secrets().clone();
        Self::with(inventory, extra, engine, login, become_password, known_hosts, secrets)
    }

    fn with(
        inventory: &Inventory,
        extra: &Arc<Layer>,
        engine: Engine,
        login: &LoginArgs,
        become_password: Option<Secret<String>>,
        known_hosts: Option<PathBuf>,
        secrets: Secrets,
    ) -> Result<Self, Wrong> {
        let password =
            if login.ask_pass { Some(Secret::new(ask("login password: ")?)) } else { None };
        Ok(Self {
            inventory: inventory.clone(),
            extra: extra.clone(),
            engine,
            login: login.clone(),
            ways: Ways::new(login, Keyring::new(passphrase).replying(reply), known_hosts)?,
            password,
            become_password,
            secrets,
            fault: fault()?,
        })
    }

    /// A password that is told nowhere from now on.
    fn kept(&self, password: Option<Secret<String>>) -> Option<Secret<String>> {
        password.inspect(|password| self.secrets.keep(password.expose()))
    }

    fn scope(&self, host: &str) -> Scope {
        let mut scope = Scope::default();
        let login = &self.login;
        let flags = [
            ("ansible_become", login.escalate.then_some(Value::Bool(true))),
            ("ansible_become_user", login.become_user.clone().map(Value::from)),
            ("ansible_become_method", login.become_method.clone().map(Value::from)),
        ];
        let given = flags.into_iter().filter_map(|(name, flag)| Some((name.to_owned(), flag?)));
        scope = scope.with(magic("--become", given.collect()));
        for (origin, vars) in self.inventory.layers(host) {
            scope = scope.with(layer(&origin, Trust::Template, vars));
        }
        let values = [("inventory_hostname".to_owned(), host.into())].into_iter().collect();
        scope.with(self.extra.clone()).with(magic("magic", values))
    }

    /// Steps that a test counts.
    pub(super) fn steps(&self) -> Option<usize> {
        self.fault.as_ref().map(Fault::steps)
    }

    /// The way to a host over SSH; `None`: it is this machine.
    pub(super) fn ssh(&self, host: &str) -> Result<Option<Arc<SshConnect>>, TransportError> {
        Ok(match self.dial(host)? {
            Link::Ssh(ssh) => Some(ssh.door().clone()),
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
        self.dial_by(host, self.scope(host))
    }

    /// The way to a host that is reached by these variables.
    pub(super) fn dial_by(&self, host: &str, scope: Scope) -> Result<Link, TransportError> {
        let vars = Variables { scope, engine: &self.engine };
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
        self.options(host, &vars)
            .map(|options| Link::Ssh(Box::new(Lasting::new(SshConnect::new(options)))))
    }

    fn options(&self, host: &str, vars: &Variables<'_>) -> Result<Options, TransportError> {
        let address = vars.text(&["ansible_host", "ansible_ssh_host"])?;
        let mut options = self.ways.to(address.as_deref().unwrap_or(host), &self.wishes(vars)?)?;
        for pin in vars.list("cowhand_host_key")? {
            let pin = pin.parse().map_err(|why| refused(format!("cowhand_host_key: {why}")))?;
            options.pins.push(pin);
        }
        if let Some(file) = vars.text(&["cowhand_known_hosts"])? {
            let project = self.ways.known_hosts.clone().filter(|file| file.exists());
            options.known_hosts = project.into_iter().chain([self.ways.path(&file)]).collect();
        }
        let password =
            vars.text(&["ansible_password", "ansible_ssh_password", "ansible_ssh_pass"])?;
        options.password = self.kept(password.map(Secret::new).or_else(|| self.password.clone()));
        options.batch_timeout = BATCH;
        options.fault.clone_from(&self.fault);
        Ok(options)
    }

    /// What variables and flags wish for, in the order in which Ansible gives it to `ssh`.
    fn wishes(&self, vars: &Variables<'_>) -> Result<Arguments, TransportError> {
        let login = &self.login;
        let mut wishes = Arguments::default();
        add(&mut wishes, vars, "ansible_ssh_args", None)?;
        let flag = |flag: Option<String>| flag.map(|value| (value, "a flag"));
        for (keyword, names, flag) in [
            ("Port", &["ansible_port", "ansible_ssh_port"][..], None),
            (
                "IdentityFile",
                &["ansible_ssh_private_key_file", "ansible_private_key_file"],
                flag(login.private_key.as_ref().map(|file| file.display().to_string())),
            ),
            ("User", &["ansible_user", "ansible_ssh_user"], flag(login.user.clone())),
            (
                "ConnectTimeout",
                &["ansible_ssh_timeout"],
                flag(login.timeout.map(|seconds| seconds.to_string())),
            ),
        ] {
            let value = vars.text(names)?.map(|value| (value, names[0])).or(flag);
            let Some((value, whose)) = value else { continue };
            // A file that is named here is no pattern with tokens.
            let is_file = keyword == "IdentityFile";
            let value = if is_file { value.replace('%', "%%") } else { value };
            wishes.set(keyword, &value, whose).map_err(|why| refused(format!("{whose}: {why}")))?;
            if is_file {
                let only = wishes.set("IdentitiesOnly", "yes", whose);
                only.map_err(|why| refused(format!("{whose}: {why}")))?;
            }
        }
        add(&mut wishes, vars, "ansible_ssh_common_args", login.ssh_common_args.as_deref())?;
        add(&mut wishes, vars, "ansible_ssh_extra_args", login.ssh_extra_args.as_deref())?;
        Ok(wishes)
    }

    /// Whom commands without a playbook become: what the inventory or `--become` say.
    pub(super) fn escalation(&self, host: &str) -> Result<Option<Escalation>, TransportError> {
        let scope = self.scope(host);
        let wanted = escalation(&Keywords::default(), &self.engine, (&scope, &scope));
        let mut wanted = wanted.map_err(|(error, _)| refused(error.to_string()))?;
        if let Some(wanted) = &mut wanted {
            let password = wanted.password.take();
            wanted.password = self.kept(password.or_else(|| self.become_password.clone()));
        }
        Ok(wanted)
    }
}

/// Variables of ours.
fn magic(origin: &str, values: serde_json::Map<String, Value>) -> Layer {
    Layer { origin: origin.into(), trust: Trust::Data, values, places: BTreeMap::new() }
}

/// Adds the arguments for `ssh` that a variable holds, or else a flag.
fn add(
    wishes: &mut Arguments,
    vars: &Variables<'_>,
    name: &str,
    flag: Option<&str>,
) -> Result<(), TransportError> {
    let Some(text) = vars.text(&[name])?.or_else(|| flag.map(str::to_owned)) else {
        return Ok(());
    };
    wishes.add(&text, name).map_err(|why| refused(format!("{name} (`{text}`): {why}")))
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

/// What a server asks beside the password; as above.
fn reply(question: &Question) -> Option<Secret<String>> {
    use std::io::IsTerminal as _;
    if !std::io::stdin().is_terminal() {
        return None;
    }
    let prompt = format!("{} asks: {} ", question.who, question.words);
    if !question.echo {
        return ask(&prompt).ok().map(Secret::new);
    }
    let mut line = String::new();
    write!(std::io::stderr(), "{prompt}").ok()?;
    std::io::stdin().read_line(&mut line).ok()?;
    Some(Secret::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A host that its own variables keep us from.
fn refused(message: String) -> TransportError {
    Stage::Setup.error(message, "mend the inventory")
}
