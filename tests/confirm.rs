//! Changes that can lock us out, on this machine's shells: a play is confirmed over a new connection, or
//! the server takes it back by itself, whatever has become of us.
#![expect(clippy::disallowed_methods, reason = "what servers keep in folders is what is tested")]
use crate::stage::{Told, apply, job};
use cowhand::change::Identity;
use cowhand::event::Event;
use cowhand::run::past::{Which, chosen, past, revert};
use cowhand::transport::fault::{Blow, Fault};
use cowhand::transport::local::Local;
use cowhand::transport::{Connect, Escalation, Stage, TransportError};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// A service: what its file holds, and what it runs with.
struct Server {
    folder: tempfile::TempDir,
    /// New connections are let in.
    open: bool,
    fault: Option<Fault>,
}

/// A way there. The first connection is always let in; new ones where the server is open.
struct Door {
    way: Local,
    lets_in: bool,
    open: bool,
}

impl Connect for Door {
    type Shell = <Local as Connect>::Shell;

    fn anew(&self) -> Self {
        Self { way: self.way.clone(), lets_in: self.open, open: self.open }
    }

    async fn shell(&self, whom: Option<&Escalation>) -> Result<Self::Shell, TransportError> {
        if !self.lets_in {
            return Err(Stage::Login.error("permission denied", "there is none"));
        }
        self.way.shell(whom).await
    }
}

impl Server {
    fn new() -> Self {
        let server = Self { folder: tempfile::tempdir().unwrap(), open: true, fault: None };
        for file in ["file", "running"] {
            std::fs::write(server.path(file), "old\n").unwrap();
        }
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn door(&self) -> Local {
        let state = self.path("state/cowhand");
        Local::new(Duration::from_secs(60))
            .env("COWHAND_STATE", state.display().to_string())
            .cut_by(self.fault.clone())
    }

    /// Writes the file; a handler makes the service run with it.
    fn playbook(&self, risk: &str) -> String {
        let [file, running] = ["file", "running"].map(|name| self.path(name).display().to_string());
        format!(
            "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: harden\n      \
             copy: {{dest: {file}, content: \"new\\n\"}}\n      notify: reload\n{risk}  handlers:\n    \
             - name: reload\n      command: cp {file} {running}\n"
        )
    }

    fn run(&self, playbook: &str, seconds: u32, check: bool) -> Told {
        let mut job = job(playbook, "a,", check);
        Arc::make_mut(&mut job).options.confirm_timeout = seconds;
        apply(job, |_| Door { way: self.door(), lets_in: true, open: self.open })
    }

    /// The lock is as old as if whoever held it was killed long ago.
    fn lapse(&self) {
        let lock = std::fs::File::options().append(true).open(self.path("state/cowhand/lock"));
        lock.unwrap().set_modified(SystemTime::now() - Duration::from_secs(600)).unwrap();
    }

    /// Files of timers that are there.
    fn timers(&self) -> Vec<PathBuf> {
        let runs = std::fs::read_dir(self.path("state/cowhand/runs")).into_iter().flatten();
        let files = runs.flat_map(|run| std::fs::read_dir(run.unwrap().path()).unwrap());
        let files = files.map(|file| file.unwrap().path());
        let names = ["armed", "timer", "timer.pid", "at-work", ".confirmed", ".said", "undoing"];
        files.filter(|file| names.iter().any(|name| file.ends_with(name))).collect()
    }

    /// Processes that have something to do with this server.
    fn processes(&self) -> usize {
        let folder = self.folder.path().display().to_string();
        let of = |process: std::io::Result<std::fs::DirEntry>| {
            std::fs::read(process.ok()?.path().join("cmdline")).ok()
        };
        let all = std::fs::read_dir("/proc").unwrap().filter_map(of);
        let ours = |line: &Vec<u8>| {
            let line = String::from_utf8_lossy(line).into_owned();
            line.contains(&folder) && line.contains("/timer")
        };
        all.filter(ours).count()
    }

    /// Waits until something is so.
    fn until(&self, so: impl Fn(&Self) -> bool, what: &str) {
        for _ in 0..300 {
            if so(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{what}: {:?}", self.timers());
    }
}

const RISKY: &str = "      risk: lockout\n";

fn is_armed(told: &Told) -> bool {
    told.events.iter().any(|event| matches!(event, Event::AtRisk { until: Some(_), .. }))
}

#[test]
fn a_play_that_is_confirmed_stays_and_leaves_nothing_behind() {
    let server = Server::new();
    let told = server.run(&server.playbook(RISKY), 30, false);
    assert!(is_armed(&told), "{}", told.text());
    assert!(told.events.contains(&Event::Confirmed { host: "a".into() }), "{}", told.text());
    assert_eq!((told.recap["a"].failed, told.recap["a"].changed), (0, 2));
    assert_eq!((server.read("file"), server.read("running")), ("new\n".into(), "new\n".into()));
    assert_eq!(server.timers(), Vec::<PathBuf>::new());
    server.until(|server| server.processes() == 0, "the timer is gone");
    let again = server.run(&server.playbook(RISKY), 30, false);
    assert!(!is_armed(&again), "nothing changes, so there is nothing to confirm");
}

#[test]
fn a_play_that_locks_us_out_is_taken_back_by_the_server_and_is_told_so() {
    let mut server = Server::new();
    server.open = false;
    let told = server.run(&server.playbook(RISKY), 2, false);
    assert_eq!((server.read("file"), server.read("running")), ("old\n".into(), "old\n".into()));
    let recap = &told.recap["a"];
    assert_eq!((recap.failed, recap.rolled_back, recap.left), (1, true, 0), "{}", told.text());
    let back = told.events.iter().find_map(|event| match event {
        Event::Unconfirmed { why, restored, again, left, .. } => Some((why, restored, again, left)),
        _ => None,
    });
    let (why, restored, again, left) = back.unwrap_or_else(|| panic!("{}", told.text()));
    assert_eq!(why.as_deref(), Some("permission denied"));
    assert_eq!(restored, &[server.path("file").display().to_string()]);
    assert_eq!((again, left), (&vec!["reload".to_owned()], &vec![]));
    server.until(|server| server.timers().is_empty() && server.processes() == 0, "all is gone");
    // Whoever comes next is told.
    server.open = true;
    let told = server.run(&server.playbook(RISKY), 30, true);
    let earlier = |event: &Event| matches!(event, Event::Unconfirmed { why: None, .. });
    assert!(told.events.iter().any(earlier), "{}", told.text());
    let told = server.run(&server.playbook(RISKY), 30, false);
    assert_eq!((told.recap["a"].failed, server.read("running")), (0, "new\n".into()));
    let told = server.run(&server.playbook(RISKY), 30, true);
    assert!(!told.events.iter().any(earlier), "it is no longer the last run: {}", told.text());
}

/// Where such a run can be cut off.
fn steps() -> usize {
    let mut server = Server::new();
    let fault = Fault::new(Blow::None, 0);
    server.fault = Some(fault.clone());
    server.run(&server.playbook(RISKY), 30, false);
    let count = fault.steps();
    assert!(count > 10, "{count}");
    count
}

#[test]
fn wherever_we_are_cut_off_the_file_and_what_runs_agree_in_the_end() {
    let count = steps();
    std::thread::scope(|scope| {
        for at in 0..count {
            scope.spawn(move || {
                let mut server = Server::new();
                server.fault = Some(Fault::new(Blow::Shell, at));
                server.run(&server.playbook(RISKY), 2, false);
                server.until(|server| server.timers().is_empty(), "nothing waits any more");
                assert_eq!(server.read("file"), server.read("running"), "cut at step {at}");
            });
        }
    });
}

#[test]
fn whoever_loses_a_host_that_waits_to_be_confirmed_is_told_until_when() {
    let told_so = AtomicUsize::new(0);
    let count = steps();
    std::thread::scope(|scope| {
        for at in 0..count {
            let told_so = &told_so;
            scope.spawn(move || {
                let mut server = Server::new();
                server.fault = Some(Fault::new(Blow::Shell, at));
                let told = server.run(&server.playbook(RISKY), 2, false);
                let help = told.events.iter().find_map(|event| match event {
                    Event::Unreachable { help, .. } => help.clone(),
                    _ => None,
                });
                let words = "nobody confirms what this run did there, so the server takes it back by itself, by ";
                let help = help.filter(|help| help.starts_with(words));
                if let Some(help) = help {
                    assert!(help.ends_with(" UTC at the latest"), "{help}");
                    told_so.fetch_add(1, Ordering::Relaxed);
                    server.until(|server| server.timers().is_empty(), "nothing waits any more");
                    assert_eq!(server.read("file"), "old\n", "as we were told: cut at step {at}");
                }
            });
        }
    });
    assert!(told_so.into_inner() > 2, "most steps are behind the arming");
}

/// The program, in a project whose one host is this machine, reached through a `sudo` of the test's: a play
/// that writes `shut` beside it lets nobody become root any more.
struct Project(tempfile::TempDir);

impl Project {
    fn new(task: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = Self(folder);
        let root = project.0.path();
        let sudo = "#!/bin/sh\n[ ! -e \"${0%/*}/shut\" ] || { echo 'not allowed' >&2; exit 1; }\n\
                    while [ \"$1\" != -- ] && [ \"$1\" != /bin/sh ]; do shift; done\n\
                    [ \"$1\" != -- ] || shift\nexec \"$@\"\n";
        std::fs::write(root.join("sudo"), sudo).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(root.join("sudo"), mode).unwrap();
        let hosts = format!(
            "all:\n  hosts:\n    here:\n      ansible_connection: local\n      ansible_become: true\n      \
             ansible_become_user: deploy\n      ansible_become_exe: {}/sudo\n",
            root.display()
        );
        std::fs::write(root.join("hosts.yml"), hosts).unwrap();
        let playbook = format!("- hosts: all\n  gather_facts: false\n  tasks:\n{task}")
            .replace("ROOT", &root.display().to_string());
        std::fs::write(root.join("site.yml"), playbook).unwrap();
        project
    }

    /// Its exit code and what it says.
    fn cowhand(&self, words: &[&str]) -> (Option<i32>, String) {
        let ended = std::process::Command::new(env!("CARGO_BIN_EXE_cowhand"))
            .current_dir(self.0.path())
            .args(words)
            .args(["site.yml", "-i", "hosts.yml"])
            .env("HOME", self.0.path())
            .env("COWHAND_STATE", self.0.path().join("state"))
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let text = [ended.stdout, ended.stderr].concat();
        (ended.status.code(), String::from_utf8(text).unwrap())
    }

    fn holds(&self, name: &str) -> bool {
        self.0.path().join(name).exists()
    }
}

const SHUTS: &str = "    - {name: shut, copy: {dest: ROOT/shut, content: x}, risk: lockout}\n";
const KEEPS: &str = "    - {name: keep, copy: {dest: ROOT/kept, content: x}, risk: lockout}\n";

#[test]
fn on_the_command_line_what_shuts_us_out_is_taken_back_within_the_window() {
    let project = Project::new(SHUTS);
    let (code, said) = project.cowhand(&["check", "--confirm-timeout", "3"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("at risk") && said.contains("within 3 s"), "{said}");
    let (code, said) = project.cowhand(&["apply", "--confirm-timeout", "3"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("armed") && said.contains("unconfirmed"), "{said}");
    assert!(!project.holds("shut"), "{said}");
    let (code, said) = project.cowhand(&["apply", "--confirm-timeout", "0"]);
    assert_eq!(code, Some(0), "nobody confirms, and nothing is taken back: {said}");
    assert!(!said.contains("armed") && project.holds("shut"), "{said}");
}

#[test]
fn on_the_command_line_what_lets_us_in_is_confirmed_and_stays() {
    let project = Project::new(KEEPS);
    let (code, said) = project.cowhand(&["apply"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("armed") && said.contains("confirmed"), "{said}");
    assert!(project.holds("kept"));
    let (code, said) = project.cowhand(&["apply", "--confirm-timeout", "86401"]);
    assert_eq!(code, Some(5), "{said}");
}

/// A run that was cut off behind its first change, with a timer that has ten minutes.
fn cut_off() -> Server {
    let mut server = Server::new();
    for at in 0.. {
        server.fault = Some(Fault::new(Blow::Shell, at));
        server.run(&server.playbook(RISKY), 600, false);
        if server.read("file") == "new\n" {
            break;
        }
        if server.path("state/cowhand/lock").exists() {
            server.lapse();
        }
    }
    server.fault = None;
    assert!(server.processes() > 0, "a timer runs");
    server
}

#[test]
fn a_run_whose_timer_was_killed_is_taken_back_by_the_next() {
    let server = cut_off();
    let timer = server.timers().into_iter().find(|file| file.ends_with("timer.pid")).unwrap();
    let pid = std::fs::read_to_string(timer).unwrap();
    assert!(
        std::process::Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success()
    );
    server.until(|server| server.processes() == 0, "it is killed");
    server.lapse();
    let idle = "- hosts: all\n  gather_facts: false\n  tasks:\n    - stat: {path: /}\n";
    let told = server.run(idle, 30, true);
    let waits = |event: &Event| matches!(event, Event::Waits { .. });
    assert!(told.events.iter().any(waits), "{}", told.text());
    assert_eq!(server.read("file"), "new\n", "a check touches nothing");
    let told = server.run(idle, 30, false);
    assert_eq!(server.read("file"), "old\n", "{}", told.text());
    let earlier = |event: &Event| matches!(event, Event::Unconfirmed { why: None, .. });
    assert!(told.events.iter().any(earlier), "{}", told.text());
    assert_eq!(server.timers(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_run_that_waits_to_be_confirmed_can_be_taken_back_by_name() {
    let server = tokio::task::spawn_blocking(cut_off).await.unwrap();
    server.lapse();
    let shell = server.door().shell(None).await.unwrap();
    let runs = past(&shell).await.unwrap();
    assert!(runs.last().unwrap().waits.is_some(), "{runs:?}");
    let run = runs.last().unwrap().run.clone();
    let meant = chosen(&runs, &Which::Run(run.clone())).unwrap();
    let by = Identity { run: "back".into(), ..Identity::default() };
    let back = revert(&shell, &by, &meant, false).await.unwrap();
    assert_eq!((back.runs, back.left), (vec![run], vec![]));
    assert_eq!(back.restored, [server.path("file").display().to_string()]);
    assert_eq!(server.read("file"), "old\n");
    server.until(|server| server.timers().is_empty() && server.processes() == 0, "all is gone");
}

#[test]
fn what_is_no_risk_and_what_shall_not_wait_arms_nothing() {
    for (risk, seconds) in [("", 30), ("      risk: none\n", 30), (RISKY, 0)] {
        let mut server = Server::new();
        server.open = false;
        let told = server.run(&server.playbook(risk), seconds, false);
        assert!(!is_armed(&told) && told.recap["a"].failed == 0, "{}", told.text());
        assert_eq!(server.read("running"), "new\n");
    }
}
