//! File systems that refuse: full, out of inodes, read-only, immutable, gone. A run there fails with a
//! clear word, and everything is byte for byte as before; so does the built program, with exit code 2. Each has a mount namespace of its own, which
//! takes root; `cargo xtask test` counts these tests as not run where that can't be had.
#![expect(clippy::disallowed_methods, reason = "mounts and folders are what is tested")]
use crate::stage::{Told, apply, job};
use cowhand::event::{Event, Outcome};
use cowhand::transport::local::Local;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A mount namespace with small file systems at `live` and `state` below a folder of its own.
struct Room {
    folder: tempfile::TempDir,
    holder: Child,
    /// Put in front of the server's shell.
    before: String,
    /// Where the journal is, below the folder; `None`: where it is by itself.
    state: Option<&'static str>,
}

impl Room {
    /// `live`, `state`: mount options; `then` runs when they are mounted, and `a` and `b` hold `old`.
    fn new(live: &str, state: &str, then: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "set -e
            cd '{0}'
            mkdir live state
            mount -t tmpfs -o {live} none live
            mount -t tmpfs -o {state} none state
            echo old >live/a; echo old >live/b
            {then}
            echo ready
            exec sleep 600",
            folder.path().display()
        );
        let mut holder = Command::new("unshare")
            .args(["-m", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need root and unshare");
        let mut ready = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n", "these tests need root: no mounts were made");
        Self { folder, holder, before: String::new(), state: Some("state/here/cowhand") }
    }

    fn inside(&self) -> [String; 4] {
        ["nsenter".into(), "-m".into(), "-t".into(), self.holder.id().to_string()]
    }

    /// What a script prints there.
    fn sh(&self, script: &str) -> String {
        let [program, words @ ..] = self.inside();
        let folder = self.folder.path();
        let ended = Command::new(program)
            .args(words)
            .args(["sh", "-c", &format!("cd '{}' && {script}", folder.display())])
            .output()
            .unwrap();
        assert!(ended.status.success(), "{script}: {ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    }

    /// Every live file: kind, mode, owner, size and content.
    fn live(&self) -> String {
        self.sh("cd live && find . -type f -exec sha256sum {} + | sort && find . -printf '%p %y %m %U %G %s\\n' | sort")
    }

    /// What lies about: candidates, locks, half-written records.
    fn stray(&self) -> String {
        self.sh("find live state \\( -name '.*cowhand*' -o -name 'lock*' -o -name '.??????' -o -name .new -o -path '*/owed/*' \\) -print")
    }

    /// Writes `a`, then `b` (100 KiB), then has a handler run.
    fn playbook(&self) -> String {
        let live = self.folder.path().join("live");
        let live = live.display();
        format!(
            "- hosts: all\n  gather_facts: false\n  tasks:\n    \
             - copy: {{dest: {live}/a, content: \"new\\n\"}}\n      notify: told\n    \
             - copy: {{dest: {live}/b, content: \"{{{{ 'x' * 102400 }}}}\"}}\n      notify: told\n  \
             handlers:\n    - name: told\n      command: 'true'\n"
        )
    }

    /// There, with what is put in front, and a program in the end.
    fn words(&self, program: &[&str]) -> Vec<String> {
        let shell = ["sh".into(), "-c".into(), format!("{}exec \"$@\"", self.before), "sh".into()];
        let program = program.iter().map(|word| (*word).to_owned());
        self.inside().into_iter().chain(shell).chain(program).collect()
    }

    fn run(&self) -> Told {
        let state = self.folder.path().join(self.state.unwrap());
        let door = Local::new(Duration::from_secs(120))
            .program(self.words(&["sh"]))
            .env("COWHAND_STATE", state.display().to_string());
        apply(job(&self.playbook(), "a,", false), |_| door.clone())
    }

    /// The same by the built program: its exit code, and all that it said.
    fn program(&self) -> (Option<i32>, String) {
        let (site, hosts) = (self.folder.path().join("site.yml"), self.folder.path().join("hosts"));
        std::fs::write(&site, self.playbook()).unwrap();
        std::fs::write(&hosts, "a ansible_connection=local\n").unwrap();
        let [site, hosts] = [site, hosts].map(|path| path.display().to_string());
        let cowhand = [env!("CARGO_BIN_EXE_cowhand"), "apply", &site, "-i", &hosts];
        let mut command = Command::new("/usr/bin/env");
        command.args(self.words(&cowhand)).stdin(Stdio::null());
        match &self.state {
            Some(state) => command.env("COWHAND_STATE", self.folder.path().join(state)),
            None => command.env_remove("COWHAND_STATE"),
        };
        let ended = command.output().unwrap();
        let said = [ended.stdout, ended.stderr].concat();
        (ended.status.code(), String::from_utf8(said).unwrap())
    }

    /// The run fails with that word and leaves everything as it was.
    #[track_caller]
    fn refuses(&self, word: &str) {
        let before = self.live();
        let told = self.run();
        let recap = &told.recap["a"];
        assert_eq!((recap.failed, recap.unreachable), (1, false), "{}", told.text());
        assert!(told.text().contains(word), "{word} in {}", told.text());
        assert_eq!(self.live(), before, "{}", told.text());
        assert_eq!(self.stray(), "", "{}", told.text());
        let (code, said) = self.program();
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(word), "{word} in {said}");
        assert_eq!(self.live(), before, "{said}");
        assert_eq!(self.stray(), "", "{said}");
    }

    /// The run does all that it should, and the next has nothing to do.
    #[track_caller]
    fn applies(&self) {
        let told = self.run();
        assert_eq!(told.recap["a"].failed, 0, "{}", told.text());
        assert_eq!(self.sh("cat live/a"), "new\n");
        assert_eq!(self.stray(), "", "{}", told.text());
        let again = self.run();
        assert_eq!((again.recap["a"].changed, again.recap["a"].failed), (0, 0), "{}", again.text());
        let (code, said) = self.program();
        assert_eq!(code, Some(0), "{said}");
        self.sh("echo old >live/a");
        let (code, said) = self.program();
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(self.sh("cat live/a"), "new\n", "{said}");
        assert_eq!(self.stray(), "", "{said}");
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // The mounts go with the last process that sees them.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

const ROOMY: &str = "size=8m";

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_room_that_refuses_nothing_takes_the_run() {
    Room::new(ROOMY, ROOMY, "").applies();
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_full_disk_takes_nothing() {
    Room::new("size=64k", ROOMY, "").refuses("No space left on device");
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_full_inode_table_takes_nothing() {
    // The folder, a and b, and one candidate too few.
    Room::new("size=8m,nr_inodes=4", ROOMY, "touch live/c").refuses("No space left on device");
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_read_only_mount_takes_nothing() {
    Room::new(ROOMY, ROOMY, "mount -o remount,ro live").refuses("Read-only file system");
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn an_immutable_file_is_left_alone() {
    Room::new(ROOMY, ROOMY, "chattr +i live/b").refuses("Operation not permitted");
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_folder_that_is_gone_is_named() {
    let room = Room::new(
        ROOMY,
        ROOMY,
        "mv live/a live/b state; umount live; rmdir live; mkdir live; mv live elsewhere; mkdir live; rmdir live",
    );
    let told = room.run();
    assert_eq!(told.recap["a"].failed, 1, "{}", told.text());
    assert!(told.text().contains("/live"), "{}", told.text());
    let (code, said) = room.program();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("/live"), "{said}");
    assert_eq!(room.sh("ls -A elsewhere"), "");
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_write_that_is_refused_in_the_middle_leaves_nothing() {
    let mut room = Room::new(ROOMY, ROOMY, "");
    // No file of more than 64 KiB, as under a quota.
    room.before = "ulimit -f 128; trap '' XFSZ; ".into();
    room.refuses("File too large");
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn without_room_for_its_journal_a_run_touches_nothing() {
    for (state, then) in [
        ("size=16k", "dd if=/dev/zero of=state/ballast bs=16k count=1 2>/dev/null"),
        ("size=8m,nr_inodes=2", "touch state/ballast"),
        (ROOMY, "mount -o remount,ro state"),
        (ROOMY, "echo in the way >state/here"),
    ] {
        let room = Room::new(ROOMY, state, then);
        room.refuses("");
        assert_eq!(room.sh("cat live/a"), "old\n", "{then}");
    }
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_state_folder_whose_parents_are_missing_is_made() {
    Room::new(ROOMY, ROOMY, "rm -rf state/here").applies();
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_server_without_var_lib_is_given_one() {
    // What is below /var is gone in this room alone.
    let mut room = Room::new(ROOMY, ROOMY, "mount -t tmpfs none /var");
    room.state = None;
    let (code, said) = room.program();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(room.sh("cat live/a"), "new\n", "{said}");
    assert_eq!(
        room.sh("stat -c %a /var/lib/cowhand && ls /var/lib/cowhand/runs | wc -l"),
        "700\n1\n"
    );
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_clock_that_jumps_changes_nothing() {
    // Every look at the clock is years away from the last, forwards and backwards.
    let jump = "mkdir bin
        printf '#!/bin/sh\\nn=$(cat %s/n 2>/dev/null); n=$((${n:-0} + 1)); echo $n >%s/n\\necho $(((n %% 2) * 2000000000 + n))\\n' \"$PWD\" \"$PWD\" >bin/date
        chmod +x bin/date";
    let mut room = Room::new(ROOMY, ROOMY, jump);
    room.before = format!("PATH={}/bin:$PATH; ", room.folder.path().display());
    room.applies();
    assert_ne!(room.sh("cat n").trim(), "", "the clock was looked at");
}

/// What a failed task says names the path, so that one knows which disk to look at.
#[test]
#[ignore = "needs root: cargo xtask test"]
fn what_a_full_disk_says_names_the_task_and_the_cause() {
    let told = Room::new("size=64k", ROOMY, "").run();
    let message = told.events.iter().find_map(|event| match event {
        Event::TaskFinished { outcome: Outcome::Failed { message, .. }, .. } => Some(message),
        _ => None,
    });
    let message = message.unwrap_or_else(|| panic!("{}", told.text()));
    assert!(message.contains("No space left on device"), "{message}");
}
