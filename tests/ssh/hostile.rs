//! Servers that mean harm: what they say is bounded in size and time, and nothing of it reaches a terminal or a
//! disk as it is.
use super::*;
use cowhand::transport::lasting::Lasting;
use cowhand::transport::ssh::SshShell;
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, MethodKind};
use std::process::{Output, Stdio};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What a server says to whoever starts a shell; the session's nonce is known to it by then.
#[derive(Clone)]
enum Says {
    /// Something, and then it waits.
    Once(fn(&str) -> String),
    /// Something, and then something else for as long as anybody takes it.
    Endlessly(fn(&str) -> String, &'static str),
    /// Something, and then a word every now and then.
    Slowly(fn(&str) -> String, &'static str),
    /// It lets nobody in, and doesn't say so.
    Nothing,
}

/// A server that lets everybody in, and runs nothing.
#[derive(Clone)]
struct Villain {
    says: Says,
    heard: Vec<u8>,
}

impl server::Handler for Villain {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        if let Says::Nothing = self.says {
            std::future::pending::<()>().await;
        }
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.heard.clear();
        session.channel_success(channel)
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let knew = nonce(&self.heard).is_some();
        self.heard.extend_from_slice(data);
        let Some(nonce) = nonce(&self.heard).filter(|_| !knew) else { return Ok(()) };
        let (says, handle) = (self.says.clone(), session.handle());
        tokio::spawn(async move {
            let (first, then, pause) = match says {
                Says::Nothing => return,
                Says::Once(first) => (first(&nonce), "", None),
                Says::Endlessly(first, then) => (first(&nonce), then, None),
                Says::Slowly(first, then) => (first(&nonce), then, Some(Duration::from_millis(20))),
            };
            let mut said = handle.data(channel, first.into_bytes()).await.is_ok();
            // More than anybody may take.
            for _ in 0..50_000 {
                if then.is_empty() || !said {
                    break;
                }
                said = handle.data(channel, then.as_bytes().to_vec()).await.is_ok();
                if let Some(pause) = pause {
                    tokio::time::sleep(pause).await;
                }
            }
        });
        Ok(())
    }
}

fn nonce(heard: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(heard);
    let (_, rest) = text.split_once("open_session ")?;
    let (nonce, _) = rest.split_once('\n')?;
    Some(nonce.to_owned())
}

/// Options that lead to such a server, and the folder of the key; small limits.
async fn villain(says: Says) -> (tempfile::TempDir, Options) {
    let villain = Villain { says, heard: vec![] };
    let (folder, mut options) = serving(villain, MethodKind::PublicKey).await;
    let id = folder.path().join("id");
    write_key(&id).unwrap();
    options.identities = Identities::Given(vec![id]);
    options.attempts = 1;
    (options.connect_timeout, options.batch_timeout) =
        (Duration::from_secs(1), Duration::from_secs(1));
    options.answer_limit = 1 << 20;
    (folder, options)
}

/// What a look at a server that says such things ends with.
async fn look_at(says: Says, limit: Duration) -> String {
    let (_folder, mut options) = villain(says).await;
    options.batch_timeout = limit;
    let shell: Result<SshShell, _> = SshConnect::new(options).shell(None).await;
    let looked = match shell {
        Ok(shell) => shell.observe(&[Probe::Owed]).await.map(drop),
        Err(error) => Err(error),
    };
    let told = looked.unwrap_err().to_string();
    assert!(!told.contains(char::is_control) && told.len() < 1000, "{told:?}");
    told
}

fn ready(nonce: &str) -> String {
    format!("{nonce} ready\n")
}

fn begun(nonce: &str) -> String {
    format!("{nonce} ready\n{nonce} begin 0\n")
}

fn nothing(_: &str) -> String {
    String::new()
}

const NOISE: &str = "all work and no play makes jack a dull boy \x1b[2J\x07\r\n";
const FLOOD: &str =
    "YWxsIHdvcmsgYW5kIG5vIHBsYXkgbWFrZXMgamFjayBhIGR1bGwgYm95IGFsbCB3b3JrIGFuZCBubyBwbGF5\n";

#[tokio::test]
async fn what_never_ends_is_given_up_when_it_is_too_much() {
    for (says, why) in [
        (Says::Endlessly(nothing, NOISE), "more than 64 KiB that are no answer"),
        (
            Says::Endlessly(nothing, "no line ever ends here "),
            "more than 64 KiB that are no answer",
        ),
        (Says::Endlessly(ready, NOISE), "more than 64 KiB that are no answer"),
        (Says::Endlessly(begun, FLOOD), "more than 1 MiB in one answer"),
        (Says::Endlessly(begun, "bm8gbGluZSBldmVyIGVuZHMgaGVyZQ"), "more than 1 MiB in one answer"),
    ] {
        let told = look_at(says, Duration::from_secs(60)).await;
        assert!(told.contains(why), "{told}");
    }
}

#[tokio::test]
async fn what_never_comes_is_waited_for_no_longer_than_the_limit() {
    for says in [
        Says::Nothing,
        Says::Once(nothing),
        Says::Once(ready),
        Says::Slowly(nothing, "\n"),
        Says::Slowly(ready, "."),
        Says::Slowly(begun, "bm8K\n"),
    ] {
        let told = look_at(says, Duration::from_secs(1)).await;
        assert_eq!(told, "no answer within 1 seconds");
    }
}

#[tokio::test]
async fn frames_that_lie_are_no_answers() {
    for (says, why) in [
        (Says::Once(|n| format!("{n} ready\n{n} begin 7\n")), "`begin` out of turn"),
        (
            Says::Once(|n| format!("{n} ready\n{n} begin 18446744073709551616\n")),
            "`begin` out of turn",
        ),
        (Says::Once(|n| format!("{n} ready\n{n} end 0\n")), "`end` out of turn"),
        (Says::Once(|n| format!("{n} ready\n{n} \x1b]0;owned\x07 x\n")), "out of turn"),
        (Says::Once(|n| format!("{n} ready\n{n} {}\n", "x".repeat(9000))), "out of turn"),
        (Says::Once(|n| format!("{n} ready\n{n} done\n")), "0 answers to 1"),
        (Says::Once(|n| format!("{}!!!\n{n} err\n{n} end 0\n{n} done\n", begun(n))), "base64"),
        (
            Says::Once(|n| format!("{}{n} err\n{n} end 0x1\n", begun(n))),
            "an exit status that is no number",
        ),
        (Says::Once(|n| format!("{n} lacks \x1b[2J{}\n", "x".repeat(9000))), "the server lacks"),
    ] {
        let told = look_at(says, Duration::from_secs(60)).await;
        assert!(told.contains(why), "{told}");
    }
}

#[tokio::test]
async fn a_shell_that_comes_back_gives_up_a_server_that_is_silent_each_time() {
    let (_folder, options) = villain(Says::Once(ready)).await;
    let shell = Lasting::new(SshConnect::new(options)).shell(None).await.unwrap();
    let told = shell.observe(&[Probe::Owed]).await.unwrap_err().to_string();
    assert_eq!(told, "no answer within 1 seconds");
}

/// A server that only speaks bytes: some at once, then one every now and then.
async fn speaker(first: &'static [u8], then: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.into_split();
                // What the client says is taken and forgotten.
                tokio::spawn(async move { while reader.read_u8().await.is_ok() {} });
                if writer.write_all(first).await.is_err() {
                    return;
                }
                while writer.write_all(then).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn handshakes_that_lie_or_never_end_come_to_nothing() {
    let lab = Lab::new().await;
    for (first, then, why) in [
        (&b"SSH-2.0-x\r\n\xff\xff\xff\xff\x04\x14"[..], &b"\0"[..], "no SSH handshake with"),
        (b"SSH-2.0-x\r\n\0\0\0\0", b"\0", "no SSH handshake with"),
        (b"SSH-2.0-x\r\n\0\0\0\x0c\xff\x14\x1b[2J owned\0\0", b"\0", "no SSH handshake with"),
        (b"SSH-2.0-x\r\n\0\0\x7f\xff\x04\x14", b"\0", "doesn't answer within 1 seconds"),
        (b"", b"\x1b[2J", "SSH"),
        (b"\x1b[2Jwelcome\r\n", b".", "SSH"),
        (b"SSH-2.0-\x1b[2J", b"x", "SSH"),
    ] {
        let port = speaker(first, then).await;
        let told = lab
            .refusal(|options| {
                (options.port, options.attempts) = (port, 1);
                options.connect_timeout = Duration::from_secs(1);
            })
            .await;
        let first = told.lines().next().unwrap();
        assert!(told.contains(why) || told.contains("doesn't answer"), "{told:?}");
        assert!(!first.contains(char::is_control) && first.len() < 500, "{first:?}");
    }
}

#[tokio::test]
async fn a_banner_is_shown_to_nobody_and_one_without_end_is_an_error() {
    let evil = "\x1b]0;owned\x07\x1b[2J welcome ".repeat(2000);
    let lab = Lab::with(|_| ServerOptions { banner: Some(evil), ..ServerOptions::default() }).await;
    let shell = lab.connect(|_| ()).shell(None).await.unwrap();
    assert_eq!(says(&shell, &["echo", "in"]).await, "in");
    let wrong = lab.path("wrong");
    write_key(&wrong).unwrap();
    let told = lab.refusal(|options| options.identities = Identities::Given(vec![wrong])).await;
    assert!(!told.contains("welcome") && !told.contains("owned"), "{told:?}");

    let huge = "\x1b[2J".repeat(1 << 20);
    let lab = Lab::with(|_| ServerOptions { banner: Some(huge), ..ServerOptions::default() }).await;
    let told = lab.refusal(|options| options.attempts = 1).await;
    assert!(told.len() < 1000 && told.contains("127.0.0.1"), "{told:?}");
}

#[tokio::test]
async fn comments_of_keys_are_shown_to_nobody() {
    let lab = Lab::new().await;
    let key = lab.path("evil");
    keygen(&["-t", "ed25519", "-N", "", "-C", "\x1b[2Jowned\r\n* ssh-ed25519 AAAA"], &key);
    let told = lab.refusal(|options| options.identities = Identities::Given(vec![key])).await;
    assert!(!told.contains("owned"), "{told:?}");
}

/// A `find` that claims to have found what is not below its folder.
const FIND: &str = r#"#!/bin/sh
PATH=${PATH#*:} find "$@" | sed 's|inside|../../../outside|g'
"#;

/// The program, on a project in the lab's folder.
async fn cowhand(lab: &Lab, playbook: &str) -> Output {
    let known = lab.path("known_hosts").display().to_string();
    let id = lab.path("id").display().to_string();
    let host = format!(
        "mx1 ansible_host=127.0.0.1 ansible_port={} ansible_user=root cowhand_known_hosts={known} \
         ansible_ssh_private_key_file={id}\n",
        lab.server.addr.port()
    );
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(lab.path("id"), mode).unwrap();
    fs::create_dir_all(lab.path("project")).unwrap();
    fs::write(lab.path("project/hosts"), host).unwrap();
    fs::write(lab.path("project/site.yml"), playbook).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cowhand"));
    command.args(["apply", "-vv", "site.yml", "-i", "hosts", "-F", "none"]);
    command.current_dir(lab.path("project")).env("HOME", lab.folder.path());
    command.env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
    command.output().await.unwrap()
}

#[tokio::test]
async fn names_of_files_reach_neither_terminal_nor_disk_as_they_are() {
    let lab = Lab::with(|lab| ServerOptions {
        env: vec![lab.path_with("find", FIND)],
        ..ServerOptions::default()
    })
    .await;
    fs::create_dir(lab.path("there")).unwrap();
    fs::write(lab.path("outside"), "x").unwrap();
    for name in ["inside", "\x1b]0;owned\x07\x1b[2J", "two\nlines"] {
        fs::write(lab.path("there").join(name), "x").unwrap();
    }
    let there = lab.path("there").display().to_string();
    let playbook = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    \
         - find: {{paths: {there}}}\n      register: found\n    \
         - fetch: {{src: '{{{{ item.path }}}}', dest: fetched/}}\n      ignore_errors: true\n      \
         loop: '{{{{ found.files }}}}'\n    \
         - fail: msg='{{{{ found.files | map(attribute=\"path\") | join(\" \") }}}}'\n"
    );
    let Output { status, stdout, stderr } = cowhand(&lab, &playbook).await;
    let said = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("would lead out of") && said.contains("owned"), "{said}");
    let is_evil = |c: char| c.is_control() && c != '\n';
    assert!(!said.contains(is_evil), "{said:?}");
    let left: Vec<_> = fs::read_dir(lab.path("project")).unwrap().collect();
    assert_eq!(left.len(), 3, "playbook, inventory, and what was fetched: {left:?}");
    let fetched = lab.path("project/fetched/mx1").join(there.trim_start_matches('/'));
    assert_eq!(fs::read_dir(fetched).unwrap().count(), 2, "{said}");
}
