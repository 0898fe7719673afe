//! A run that is cut off anywhere, and the run after it: the live files are always old or new, no
//! restart is lost, and nothing is left lying about. Here on this machine's shells, at every command of
//! the remote functions and between any two frames; on real servers by `cargo xtask faults`.
#![expect(clippy::disallowed_methods, reason = "what a cut leaves in folders is what is tested")]
mod frames;
mod model;

use crate::stage::{Told, apply, job};
use cowhand::event::Event;
use cowhand::transport::Connect;
use cowhand::transport::local::Local;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Two services: what their files hold and what they run with, and how often they were restarted.
struct Server {
    folder: tempfile::TempDir,
}

const SERVICES: [&str; 2] = ["nginx", "postfix"];
const OLD: &str = "old\n";
const NEW: &str = "old\nnew\n";

impl Server {
    /// What is old there was written by an earlier run.
    fn new() -> Self {
        let server = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["live", "running", "restarts"] {
            std::fs::create_dir(server.path(folder)).unwrap();
            for service in SERVICES {
                std::fs::write(server.path(folder).join(service), "").unwrap();
            }
        }
        let earlier = server.playbook().replace("line: new", "line: old");
        apply(job(&earlier, "a,", false), |_| server.door());
        for service in SERVICES {
            assert_eq!(
                (server.read("live", service), server.read("running", service)),
                (OLD.into(), OLD.into())
            );
            std::fs::write(server.path("restarts").join(service), "").unwrap();
        }
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, folder: &str, service: &str) -> String {
        std::fs::read_to_string(self.path(folder).join(service)).unwrap()
    }

    fn playbook(&self) -> String {
        let root = self.folder.path().display();
        let tasks = SERVICES.map(|service| {
            format!("    - lineinfile: {{path: {root}/live/{service}, line: new}}\n      notify: restart {service}\n")
        });
        let handlers = SERVICES.map(|service| {
            let (live, runs) = (format!("{root}/live/{service}"), format!("{root}/running/{service}"));
            format!("    - name: restart {service}\n      shell: cp {live} {runs} && echo x >> {root}/restarts/{service}\n")
        });
        let head = "- hosts: all\n  gather_facts: false\n  tasks:\n";
        [head, &tasks.concat(), "  handlers:\n", &handlers.concat()].concat()
    }

    fn door(&self) -> Local {
        Local::new(LIMIT).env("COWHAND_STATE", self.path("state").display().to_string())
    }

    fn run<C>(&self, dial: impl Fn() -> C) -> Told
    where
        C: Connect + 'static,
        C::Shell: 'static,
    {
        apply(job(&self.playbook(), "a,", false), |_| dial())
    }

    /// Whatever died: each file is as it was or as it should be.
    #[track_caller]
    fn is_old_or_new(&self, point: &str) {
        for service in SERVICES {
            let live = self.read("live", service);
            assert!(live == OLD || live == NEW, "{point}: {live:?}");
        }
    }

    /// The lease of a run that died is over.
    fn wait_for_the_lease(&self) {
        if let Ok(lock) = std::fs::File::options().write(true).open(self.path("state/lock")) {
            let long_ago = std::time::SystemTime::UNIX_EPOCH + LIMIT;
            lock.set_modified(long_ago).unwrap();
        }
    }

    /// The next run makes all good, and the one after it finds nothing to do.
    #[track_caller]
    fn is_healed_by_the_next_run(&self, point: &str) {
        self.wait_for_the_lease();
        let next = self.run(|| self.door());
        assert_eq!(next.recap["a"].failed, 0, "{point}: {}", next.text());
        assert!(!next.recap["a"].unreachable, "{point}: {}", next.text());
        let accuses = |event: &Event| matches!(event, Event::Edited { .. });
        assert!(!next.events.iter().any(accuses), "{point}: {}", next.text());
        for service in SERVICES {
            assert_eq!(self.read("live", service), NEW, "{point}");
            assert_eq!(self.read("running", service), NEW, "{point}: a restart was lost");
            // Twice only when the first run died between the restart and the note of it.
            let restarts = self.read("restarts", service).lines().count();
            assert!((1..=2).contains(&restarts), "{point}: {restarts} restarts of {service}");
        }
        let again = self.run(|| self.door());
        assert_eq!((again.recap["a"].changed, again.recap["a"].owed), (0, 0), "{point}");
        assert_eq!(self.stray(), Vec::<String>::new(), "{point}");
    }

    /// Files that are neither the services' nor a finished run's record.
    fn stray(&self) -> Vec<String> {
        let mut stray = vec![];
        let live = std::fs::read_dir(self.path("live")).unwrap();
        let names = live.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        stray.extend(names.filter(|name| !SERVICES.contains(&name.as_str())));
        walk(&self.path("state"), &mut |path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let within = |part: &str| path.starts_with(self.path("state").join(part));
            if within("owed") || name.starts_with("lock") || name.starts_with('.') {
                stray.push(path.display().to_string());
            }
        });
        stray
    }
}

/// Calls for every file below a folder.
fn walk(folder: &Path, each: &mut impl FnMut(&Path)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            walk(&path, each);
        } else {
            each(&path);
        }
    }
}

/// Read by bash before anything else: counts every command in a file, subshells included, and kills the
/// whole group of processes at the one that was chosen.
const TRAP: &str = r#"
fault_step() {
	local count
	printf . >>"$FAULT_COUNT"
	IFS= read -r count <"$FAULT_COUNT" || :
	[ "${#count}" -le "$FAULT_AT" ] || kill -KILL 0
}
set -T
trap fault_step DEBUG
"#;

/// A run whose server dies at a command; the number of commands that there were.
fn dies_at_command(server: &Server, at: usize) -> (Told, usize) {
    let (trap, count) = (server.path("trap"), server.path("count"));
    std::fs::write(&trap, TRAP).unwrap();
    std::fs::write(&count, "").unwrap();
    let door = server
        .door()
        .program(["setsid", "bash"])
        .env("BASH_ENV", trap.display().to_string())
        .env("FAULT_COUNT", count.display().to_string())
        .env("FAULT_AT", at.to_string());
    let told = server.run(|| door.clone());
    (told, std::fs::read(count).unwrap().len())
}

/// Commands of a whole run, and every `stride`th of them fatal.
fn commands_are_survived(stride: usize) {
    let server = Server::new();
    let (whole, steps) = dies_at_command(&server, 1 << 30);
    assert_eq!(whole.recap["a"].failed, 0, "{}", whole.text());
    assert!(steps > 200, "{steps} commands are too few to be all");
    let (next, cut) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let share = || {
        loop {
            let at = next.fetch_add(stride, Ordering::Relaxed);
            if at >= steps {
                return;
            }
            let server = Server::new();
            let (told, _) = dies_at_command(&server, at);
            cut.fetch_add(usize::from(told.recap["a"].unreachable), Ordering::Relaxed);
            let point = format!("dead at command {at} of {steps}");
            server.is_old_or_new(&point);
            server.is_healed_by_the_next_run(&point);
        }
    };
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (0..cores).for_each(|_| drop(scope.spawn(share)));
    });
    let cut = cut.into_inner();
    // Commands run side by side in pipes, so their number is not the same each time, but about.
    assert!(cut * stride * 10 > steps * 9, "{cut} cuts of {steps} commands");
    let mut out = std::io::stderr();
    writeln!(out, "dead at {cut} of {steps} commands: 0 lost, 0 left behind").unwrap();
}

#[test]
fn a_server_that_dies_at_a_command_is_made_good_by_the_next_run() {
    commands_are_survived(61);
}

#[test]
#[ignore = "every command: cargo xtask faults"]
fn a_server_that_dies_at_any_command_is_made_good_by_the_next_run() {
    commands_are_survived(1);
}
