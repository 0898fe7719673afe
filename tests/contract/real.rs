//! What only real shells can show, in every POSIX shell that this machine has.
use super::*;
use cowhand::change::{Command, Until, Wait};
use cowhand::facts::Answer;
use cowhand::transport::local::Local;
use cowhand::transport::{Escalation, Method, TransportError, wire};
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// A shell to test, its state and a folder to play in. Both vanish with it.
pub(super) struct Lab {
    pub(super) name: String,
    pub(super) program: Vec<String>,
    /// Where its programs are.
    pub(super) programs: String,
    pub(super) folder: tempfile::TempDir,
    pub(super) door: Local,
}

impl Lab {
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.root().display())
    }
    pub(super) fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("root")
    }
    pub(super) fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state/cowhand")
    }
    /// Calls a function of the prelude, once some of its variables were set anew.
    pub(super) fn call(&self, variables: &str, words: &[String], reads: &[u8]) -> Answer {
        let script = format!("{}\n{variables}\n\"$@\"", wire::PRELUDE);
        let mut child = std::process::Command::new(&self.program[0])
            .args(&self.program[1..])
            .args(["-c", &script, "sh"])
            .args(words)
            .env("PATH", &self.programs)
            .env("COWHAND_STATE", self.state())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(reads).unwrap();
        let ended = child.wait_with_output().unwrap();
        Answer {
            rc: ended.status.code().unwrap(),
            stdout: Bytes(ended.stdout),
            stderr: Bytes(ended.stderr),
            took: None,
        }
    }
}

/// `sh` always; dash, bash and busybox (with its own tools in front) where they are.
pub(super) fn labs() -> Vec<Lab> {
    let found = |program: &str| {
        std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|dir| dir.join(program))
            .find(|path| path.exists())
    };
    let mut labs = vec![lab("sh", &["/bin/sh"], None)];
    for name in ["dash", "bash"] {
        if let Some(program) = found(name) {
            labs.push(lab(name, &[program.to_str().unwrap()], None));
        }
    }
    if let Some(program) = found("busybox") {
        labs.push(lab("busybox", &[program.to_str().unwrap(), "sh"], Some(&program)));
    }
    labs
}

fn lab(name: &str, program: &[&str], tools: Option<&Path>) -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let dir = folder.path().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    };
    let mut path = std::env::var("PATH").unwrap();
    if let Some(busybox) = tools {
        let bin = make("bin");
        let done = std::process::Command::new(busybox).args(["--install", "-s"]).arg(&bin).status();
        assert!(done.unwrap().success());
        path = format!("{}:{path}", bin.display());
    }
    make("root");
    let door = Local::new(LIMIT)
        .program(program.iter().copied())
        .env("PATH", &path)
        .env("TMPDIR", make("tmp").display().to_string())
        .env("COWHAND_STATE", folder.path().join("state/cowhand").display().to_string());
    let program = program.iter().map(|word| (*word).to_owned()).collect();
    Lab { name: name.into(), program, programs: path, folder, door }
}

pub(super) fn run(argv: &[&str]) -> Command {
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    Command { argv, ..Command::default() }
}

fn script(text: &str) -> Command {
    Command { shell: Some("/bin/sh".into()), ..run(&[text]) }
}

async fn ran(shell: &impl Transport, command: Command) -> Ran {
    shell.apply(&[Change::Run(command)]).await.unwrap().remove(0)
}

#[tokio::test]
async fn real_shells_keep_the_contract() {
    for lab in labs() {
        keeps_the_contract(&lab.door, lab.root().to_str().unwrap()).await;
    }
}

#[tokio::test]
async fn the_prelude_travels_once_and_looking_writes_nothing() {
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let file = lab.path("f");
        std::fs::write(&file, "x").unwrap();
        let before = listing(lab.folder.path());
        for _ in 0..3 {
            let probes = [
                path(&file, true),
                Probe::Content { path: file.clone() },
                Probe::Owed,
                Probe::Command { argv: vec!["true".into()] },
            ];
            look(&shell, &probes).await;
        }
        assert!(shell.observe(&[]).await.unwrap().is_empty());
        assert_eq!(shell.batches(), 3, "{}", lab.name);
        assert_eq!(listing(lab.folder.path()), before, "{}", lab.name);
    }
}

#[tokio::test]
async fn a_mebibyte_on_both_streams_at_once_and_every_byte_value_arrive_whole() {
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let noisy = "i=0; while [ $i -lt 1024 ]; do printf '%01024d' $i; printf '%01024d' $i >&2; i=$((i+1)); done; exit 7";
        let answer = ran(&shell, script(noisy)).await;
        let wanted = (0..1024).map(|i| format!("{i:01024}")).collect::<Vec<_>>().concat();
        assert_eq!(answer.rc, 7);
        assert!(answer.stdout.0 == wanted.as_bytes() && answer.stderr.0 == wanted.as_bytes());
        let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let cat = Command { stdin: Some(Bytes(bytes.clone())), ..run(&["cat"]) };
        assert!(ran(&shell, cat).await.stdout.0 == bytes, "{}", lab.name);
        let file = lab.path("bytes");
        make(&shell, &[write(&file, Bytes(bytes.clone()), None)]).await;
        assert!(content(&shell, &file).await.unwrap().0 == bytes);
    }
}

#[tokio::test]
async fn odd_names_are_names_like_others() {
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        for name in [
            "it's",
            "-rf",
            "two\nlines\n",
            "$(id)`id`",
            "sp ace",
            "*",
            "é\u{202e}",
            "%s\\n",
            "#x",
            "~",
        ] {
            let file = lab.path(name);
            make(&shell, &[write(&file, name, None)]).await;
            assert_eq!(std::fs::read_to_string(&file).unwrap(), name, "{}", lab.name);
            assert!(stat(&shell, &file, false).await.unwrap().sha256.is_some());
            assert_eq!(content(&shell, &file).await, Some(name.into()));
            let link = lab.path("link");
            make(&shell, &[Change::Link { path: link.clone(), target: name.into(), hard: false }])
                .await;
            assert_eq!(stat(&shell, &link, false).await.unwrap().target.as_deref(), Some(name));
            make(&shell, &[Change::Remove { path: link }, Change::Remove { path: file }]).await;
        }
        assert!(listing(&lab.root()).is_empty());
    }
}

#[tokio::test]
async fn a_candidate_that_fails_its_validation_never_goes_live() {
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let file = lab.path("conf");
        std::fs::write(&file, "good").unwrap();
        let validated = |content: &str, before: &str| {
            let Change::WriteFile { path, content, attributes, before, secret, .. } =
                write(&file, content, Some(before))
            else {
                unreachable!()
            };
            let check = "echo looking at \"$1\"; grep -q good \"$1\"";
            let validate = ["sh", "-c", check, "%s", "%s"].map(str::to_owned).into();
            let backup = Some(lab.path("old/conf.bak"));
            let validate = Some(validate);
            Change::WriteFile { path, content, attributes, validate, backup, before, secret }
        };
        let answers = shell.apply(&[validated("bad", "good")]).await.unwrap();
        assert_eq!(statuses(&answers), [1], "{}", lab.name);
        let said = answers[0].stderr.text();
        assert!(
            said.contains("/.conf.cowhand.") && said.contains("failed its validation"),
            "{said}"
        );
        assert_eq!(listing(&lab.root()), [(file.clone(), b"good".to_vec())], "{}", lab.name);
        make(&shell, &[validated("very good", "good")]).await;
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "very good");
        assert_eq!(std::fs::read_to_string(lab.path("old/conf.bak")).unwrap(), "good");
        assert_eq!(listing(&lab.root()).len(), 3, "no candidate is left");
    }
}

#[tokio::test]
async fn a_write_replaces_nothing_but_a_regular_file() {
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let (dir, link) = (lab.path("dir"), lab.path("link"));
        std::fs::create_dir_all(&dir).unwrap();
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        let before = listing(&lab.root());
        for (target, why) in
            [(dir, "is a folder"), (link, "is a symbolic link"), (lab.path("no/x"), "")]
        {
            let answers = shell.apply(&[write(&target, "x", None)]).await.unwrap();
            assert_eq!(statuses(&answers), [1], "{target}");
            assert!(answers[0].stderr.text().contains(why), "{answers:?}");
        }
        let link = Change::Link { path: lab.path("dir"), target: "x".into(), hard: false };
        assert_eq!(statuses(&shell.apply(&[link]).await.unwrap()), [1]);
        for root in ["/", "//", "", "/tmp/..", "/tmp/.", "."] {
            let remove = Change::Remove { path: root.into() };
            assert_eq!(statuses(&shell.apply(&[remove]).await.unwrap()), [1], "{root:?}");
        }
        assert_eq!(listing(&lab.root()), before, "{}", lab.name);
    }
}

#[tokio::test]
async fn commands_are_programs_with_nothing_to_read_and_leave_the_session_as_it_was() {
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let kept = lab.path("kept");
        std::fs::write(&kept, "").unwrap();
        let answer = ran(&shell, run(&["remove_path", &kept])).await;
        assert!([126, 127].contains(&answer.rc), "our own functions are no programs: {answer:?}");
        assert!(Path::new(&kept).exists());
        let answer = ran(&shell, run(&["cat"])).await;
        assert_eq!((answer.rc, answer.stdout), (0, Bytes::default()));
        assert_eq!(ran(&shell, script("cd /; exit 3")).await.rc, 3);
        assert_eq!(
            ran(&shell, run(&["printf", "%s|", "a b", "'", ""])).await.stdout,
            "a b|'||".into()
        );
        let inside = Command {
            chdir: Some("/usr".into()),
            environment: [("GREETING".to_owned(), "it's\nfine".to_owned())].into(),
            ..script("pwd; echo \"$GREETING\"")
        };
        assert_eq!(ran(&shell, inside).await.stdout, "/usr\nit's\nfine\n".into(), "{}", lab.name);
        let answer = ran(&shell, script("echo \"${GREETING-none}\"; pwd")).await;
        assert!(
            answer.stdout.text().starts_with("none\n") && !answer.stdout.text().contains("/usr")
        );
        let elsewhere = Command { chdir: Some("/no/such".into()), ..run(&["true"]) };
        assert_ne!(ran(&shell, elsewhere).await.rc, 0);
        assert_eq!(ran(&shell, script("kill -9 $$")).await.rc, 137);
        assert_eq!(ran(&shell, run(&["true"])).await.rc, 0);
    }
}

#[tokio::test]
async fn what_may_not_be_seen_is_never_taken_for_absent() {
    use std::os::unix::fs::PermissionsExt as _;
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let dir = lab.path("closed");
        std::fs::create_dir_all(format!("{dir}/below")).unwrap();
        let file = format!("{dir}/below/f");
        std::fs::write(&file, "x").unwrap();
        let set = |mode| std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(mode));
        set(0).unwrap();
        for probe in [path(&file, true), path(&file, false), Probe::Content { path: file.clone() }]
        {
            match shell.observe(std::slice::from_ref(&probe)).await {
                // To root nothing is closed.
                Ok(facts) => assert!(!matches!(facts[0], Fact::Path(None) | Fact::Content(None))),
                Err(error) => assert!(error.to_string().contains("permission denied"), "{error}"),
            }
        }
        set(0o700).unwrap();
    }
}

#[tokio::test]
async fn a_batch_that_was_cut_off_does_nothing_at_all() {
    for lab in labs() {
        let changes = [
            Change::Owe { handler: "h".into() },
            write(&lab.path("a"), "x".repeat(400), None),
            write(&lab.path("b"), "y", None),
        ];
        let batch = wire::changes(&changes).unwrap().text();
        let whole = wire::opening("N") + &batch;
        let start = whole.len() - batch.len();
        // The last two bytes are `}` and its line feed; the shell takes the `}` at the end as well.
        let cuts = (start..whole.len() - 2).step_by(batch.len() / 12).chain([whole.len() - 2]);
        for end in cuts {
            feed(&lab, &whole[..end]);
            assert!(listing(&lab.root()).is_empty() && !lab.state().exists(), "{} {end}", lab.name);
        }
        feed(&lab, &whole);
        assert_eq!(listing(&lab.root()).len(), 2, "{}: whole, it does all", lab.name);
    }
}

fn feed(lab: &Lab, text: &str) {
    let mut child = std::process::Command::new(&lab.program[0])
        .args(&lab.program[1..])
        .env("COWHAND_STATE", lab.state())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn owing_twice_keeps_the_first_time_and_the_state_is_ours_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let owe = Change::Owe { handler: "h".into() };
        make(&shell, std::slice::from_ref(&owe)).await;
        let first = listing(&lab.state());
        tokio::time::sleep(Duration::from_millis(1100)).await;
        make(&shell, &[owe]).await;
        assert_eq!(listing(&lab.state()), first);
        assert_eq!(first.len(), 2, "the folder and one mark");
        let mode = std::fs::metadata(lab.state()).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700, "{}", lab.name);
        // A mark that can't be read is told, never taken for none.
        std::fs::write(lab.state().join("owed/odd"), "half").unwrap();
        assert!(matches!(shell.observe(&[Probe::Owed]).await, Err(TransportError::Garbled(_))));
    }
}

#[tokio::test]
async fn waiting_ends_when_it_is_so_or_fails_when_the_time_is_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut side_by_side = tokio::task::JoinSet::new();
    for lab in labs() {
        side_by_side.spawn(wait_in(lab, port));
    }
    while let Some(done) = side_by_side.join_next().await {
        done.unwrap();
    }
}

/// `port`: somebody listens there.
async fn wait_in(lab: Lab, port: u16) {
    let shell = lab.door.shell(None).await.unwrap();
    let wait = |until| Change::Wait(Wait { until, delay: 0, sleep: 1, timeout: 1 });
    let listening = |open| {
        let (host, connect, pattern) = ("127.0.0.1".into(), 5, None);
        wait(Until::Port { host, port, open, connect, pattern })
    };
    let file = lab.path("log");
    std::fs::write(&file, "it is\nready now\n").unwrap();
    let log = |present, pattern: Option<&str>| {
        let pattern = pattern.map(str::to_owned);
        wait(Until::Path { path: file.clone(), present, pattern })
    };
    let in_time =
        [listening(true), log(true, None), log(true, Some("^ready")), log(false, Some("^is"))];
    make(&shell, &in_time).await;
    for vain in [listening(false), log(false, None), log(true, Some("^is"))] {
        let started = Instant::now();
        let answers = shell.apply(&[vain]).await.unwrap();
        assert_eq!(statuses(&answers), [1], "{}", lab.name);
        assert!(answers[0].stderr.text().contains("timed out after 1 seconds"), "{answers:?}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_shell_that_does_not_answer_in_time_is_given_up() {
    let shell = Local::new(Duration::from_millis(300)).shell(None).await.unwrap();
    let slow = Probe::Command { argv: vec!["sleep".into(), "2".into()] };
    let error = shell.observe(&[slow]).await.unwrap_err();
    assert!(matches!(error, TransportError::TimedOut { .. }), "{error}");
    let error = shell.observe(&[Probe::Owed]).await.unwrap_err();
    assert!(matches!(error, TransportError::Lost { in_change: false }), "{error}");
}

#[tokio::test]
async fn a_command_takes_longer_than_the_limit_if_it_must() {
    let shell = Local::new(Duration::from_millis(300)).shell(None).await.unwrap();
    assert_eq!(ran(&shell, run(&["sleep", "1"])).await.rc, 0);
}

#[tokio::test]
async fn a_lost_connection_says_whether_something_was_being_changed() {
    let gone = Local::new(LIMIT).cut_by(Some("shell@0".parse().unwrap()));
    let shell = gone.shell(None).await.unwrap();
    let error = shell.apply(&[Change::Owe { handler: "h".into() }]).await.unwrap_err();
    assert!(matches!(error, TransportError::Lost { in_change: true }), "{error}");
}

#[tokio::test]
async fn what_is_no_shell_is_told_with_its_last_words() {
    let refused =
        Local::new(LIMIT).program(["sh", "-c", "echo This account is not available.; exit 1"]);
    let shell = refused.shell(None).await.unwrap();
    let error = shell.observe(&[Probe::Owed]).await.unwrap_err();
    assert!(matches!(error, TransportError::Unsuitable(_)), "{error}");
    assert!(error.to_string().contains("account is not available"), "{error}");
}

#[tokio::test]
async fn what_ends_before_it_was_a_shell_is_no_lost_connection() {
    let silent = Local::new(LIMIT).program(["sh", "-c", "head -c 9 >/dev/null"]);
    let shell = silent.shell(None).await.unwrap();
    let error = shell.observe(&[Probe::Owed]).await.unwrap_err();
    assert!(matches!(error, TransportError::Unsuitable(_)), "{error}");
    assert!(error.to_string().ends_with("it ended without a word"), "{error}");
}

#[tokio::test]
async fn a_refused_escalation_names_whom_we_could_not_become() {
    let user = "no-such-user-here".to_owned();
    let escalation = Escalation::to(user, Method::Sudo);
    let error = Local::new(LIMIT).shell(Some(&escalation)).await.map(drop).unwrap_err();
    assert!(matches!(error, TransportError::Escalation { .. }), "{error}");
    assert!(error.to_string().starts_with("can't become no-such-user-here: "), "{error}");
}
