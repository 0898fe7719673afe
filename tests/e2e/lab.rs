//! A lab server as a test sees it: its shell, its services, its files. A test has it for itself.
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(super) const NGINX: &str = "nginx-mailcow";
pub(super) const POSTFIX: &str = "postfix-mailcow";

/// A server that no other test touches as long as this lives.
pub(super) struct Server {
    pub(super) name: &'static str,
    lab: Value,
    _lock: File,
}

/// A service's container, as the engine knows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) id: String,
    started_at: String,
    restarts: String,
}

/// Every file of a server that a run may touch: path, kind, mode, owner, size, times and content.
#[derive(Debug)]
pub(super) struct Snapshot(BTreeSet<String>);

impl Server {
    /// The server as it is when new.
    pub(super) fn fresh(name: &'static str) -> Self {
        let path = std::env::var("COWHAND_LAB");
        let path = path.expect("COWHAND_LAB names the lab: run `cargo xtask test --lab e2e`");
        let lab: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let state = Path::new(lab["state"].as_str().unwrap());
        let lock = File::create(state.join(format!("{name}.lock"))).unwrap();
        lock.lock().unwrap();
        let server = Self { name, lab, _lock: lock };
        let reset: Vec<&str> = server
            .about("reset")
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect();
        run(&reset);
        server
    }

    fn about(&self, key: &str) -> &Value {
        let value = &self.lab["servers"][self.name][key];
        assert!(!value.is_null(), "lab.json says nothing of {key} of {}", self.name);
        value
    }

    fn text(&self, key: &str) -> &str {
        self.about(key).as_str().unwrap()
    }

    pub(super) fn address(&self) -> &str {
        self.text("address")
    }

    pub(super) fn hostname(&self) -> &str {
        self.text("hostname")
    }

    pub(super) fn https_port(&self) -> u64 {
        self.about("ports")["https"].as_u64().unwrap()
    }

    pub(super) fn ssh_port(&self) -> u64 {
        self.about("ssh_port").as_u64().unwrap()
    }

    pub(super) fn keeper_password(&self) -> &str {
        self.about("users")["keeper"]["password"].as_str().unwrap()
    }

    pub(super) fn inventory(&self) -> PathBuf {
        self.lab["inventory"].as_str().unwrap().into()
    }

    pub(super) fn known_hosts(&self) -> &str {
        self.lab["known_hosts"].as_str().unwrap()
    }

    pub(super) fn client_key(&self) -> &str {
        self.lab["client_key"].as_str().unwrap()
    }

    pub(super) fn mailcow_dir(&self) -> &str {
        self.text("mailcow_dir")
    }

    /// The compose project of its services.
    pub(super) fn project(&self) -> &str {
        self.text("project")
    }

    /// The file that nginx is made from.
    pub(super) fn nginx_file(&self) -> String {
        format!("{}/{}", self.mailcow_dir(), self.text("nginx_file"))
    }

    pub(super) fn extra_cf(&self) -> String {
        format!("{}/data/conf/postfix/extra.cf", self.mailcow_dir())
    }

    /// What a script prints on the server, as root. It must end well.
    pub(super) fn sh(&self, script: &str) -> String {
        run(&["docker", "exec", self.text("container"), "bash", "-euo", "pipefail", "-c", script])
    }

    pub(super) fn read(&self, path: &str) -> String {
        self.sh(&format!("cat {}", shlex::try_quote(path).unwrap()))
    }

    /// The lease of a run that was killed is over.
    pub(super) fn lapse(&self) {
        self.sh("touch -d '1 hour ago' /var/lib/cowhand/lock");
    }

    /// Adds text to the end of a file, which keeps its owner and mode.
    pub(super) fn append(&self, path: &str, text: &str) {
        let [path, text] = [path, text].map(|word| shlex::try_quote(word).unwrap());
        self.sh(&format!("printf %s {text} >> {path}"));
    }

    /// The server's clock, as `find` and `docker` take it.
    pub(super) fn now(&self) -> String {
        self.sh("date +%s.%N").trim().to_owned()
    }

    /// The container of a service.
    pub(super) fn container(&self, service: &str) -> Container {
        let project = format!("label=com.docker.compose.project={}", self.text("project"));
        let service = format!("label=com.docker.compose.service={service}");
        let ids = run(&[
            "docker",
            "ps",
            "--all",
            "--quiet",
            "--no-trunc",
            "--filter",
            &project,
            "--filter",
            &service,
            "--filter",
            "label=com.docker.compose.oneoff=False",
        ]);
        let format = "{{.Id}} {{.State.StartedAt}} {{.RestartCount}}";
        let told = run(&["docker", "inspect", "--format", format, ids.trim()]);
        let words: Vec<&str> = told.split_whitespace().collect();
        let [id, started_at, restarts] = words[..] else { panic!("one container: {told}") };
        Container { id: id.into(), started_at: started_at.into(), restarts: restarts.into() }
    }

    /// nginx and Postfix.
    pub(super) fn containers(&self) -> [Container; 2] {
        [NGINX, POSTFIX].map(|service| self.container(service))
    }

    /// What a command prints in a service's container, errors included. It must end well.
    pub(super) fn inside(&self, service: &str, words: &[&str]) -> String {
        let id = self.container(service).id;
        run(&[&["docker", "exec", &id], words].concat())
    }

    /// The Mailcow folder and what cowhand keeps on a server.
    pub(super) fn snapshot(&self) -> Snapshot {
        let listed = self.sh(&format!(
            "for place in '{}' /var/lib/cowhand; do
                [ -e \"$place\" ] || continue
                find \"$place\" -printf '%p: %y %m %U:%G %s modified %T@ changed %C@ %l\\n'
                find \"$place\" -type f -exec sha256sum {{}} +
            done",
            self.mailcow_dir(),
        ));
        let lines: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
        assert!(lines.len() > 20, "{listed}");
        Snapshot(lines)
    }

    /// What was written outside of the Mailcow folder since then: temporary files show as a newer folder.
    /// Logins leave their traces in /run and /var/log by themselves.
    pub(super) fn written_since(&self, moment: &str) -> Vec<String> {
        let listed = self.sh(&format!(
            "find / -xdev \\( -path /var/log -o -path /run \\) -prune -o -newerct @{moment} -print"
        ));
        listed.lines().map(str::to_owned).collect()
    }
}

impl Snapshot {
    /// Fails with the lines that differ.
    #[track_caller]
    pub(super) fn assert_is(&self, earlier: &Self) {
        let gone: Vec<&String> = earlier.0.difference(&self.0).collect();
        let new: Vec<&String> = self.0.difference(&earlier.0).collect();
        assert!(gone.is_empty() && new.is_empty(), "gone: {gone:#?}\nnew: {new:#?}");
    }
}

/// What a command prints. It must end well.
#[track_caller]
pub(super) fn run(words: &[&str]) -> String {
    let ended = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output().unwrap();
    let [stdout, stderr] =
        [&ended.stdout, &ended.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(ended.status.success(), "{words:?} ended with {}:\n{stdout}\n{stderr}", ended.status);
    stdout.into_owned()
}
