//! The functions of `remote.sh` that know Mailcow, in every shell of this machine, with a stand-in for
//! `docker`. What they say is read by the facts that ask it.
#![expect(clippy::disallowed_methods, reason = "real shells in real folders")]
use cowhand::change::{Change, ComposeAction, ComposeUp, Ran};
use cowhand::facts::{Answer, Bytes, Compose, Era, Fact, Mailcow, Probe};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const REMOTE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/transport/remote.sh");

/// Answers from files beside it: `ps` (service|id|oneoff|folder), `states` (service id status start),
/// `logs`, `restarts`. Notes how it was called in `calls`.
const DOCKER: &str = r#"#!/bin/sh
here=${0%/*}
echo "$PWD: $*" >>"$here/calls"
case "$1 $2" in
"compose version") [ -e "$here/native" ] ;;
"compose ps") cat "$here/compose-ps" ;;
"compose restart" | "compose up") cp "$here/after" "$here/states" ;;
compose*) ;;
"ps -a") cat "$here/ps" ;;
"inspect --format")
	case $3 in
	'{{.RestartCount}}'*) cat "$here/restarts"; echo "$(($(cat "$here/restarts") + 1))" >"$here/restarts" ;;
	*) shift 3; for id; do grep " $id " "$here/states"; done ;;
	esac
	;;
"logs --tail") cat "$here/logs" ;;
"exec nginx1") echo 'nginx version: nginx/1.27.4' >&2 ;;
"exec postfix1")
	case $3 in
	sh) echo postfix_version=3.7.11; echo seclevel_zero=1; echo era=C ;;
	*) echo 'smtp_tls_ciphers = medium'; echo 'warning: tuning' >&2 ;;
	esac
	;;
*) echo "what is $*" >&2; exit 1 ;;
esac
"#;

struct Server {
    shell: Vec<&'static str>,
    root: tempfile::TempDir,
}

impl Server {
    fn in_every_shell() -> Vec<Self> {
        let shells = [vec!["sh"], vec!["dash"], vec!["bash"], vec!["busybox", "sh"]];
        let works = |shell: &Vec<&str>| {
            Command::new(shell[0]).args(&shell[1..]).args(["-c", ":"]).status().is_ok()
        };
        shells.into_iter().filter(works).map(Self::new).collect()
    }
    fn new(shell: Vec<&'static str>) -> Self {
        let server = Self { shell, root: tempfile::tempdir().unwrap() };
        let standalone = "#!/bin/sh\n[ -e \"${0%/*}/standalone\" ]\n";
        for (name, script) in [("bin/docker", DOCKER), ("bin/docker-compose", standalone)] {
            server.put(name, script);
            fs::set_permissions(server.path(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let dir = server.dir();
        server.put(
            "bin/ps",
            &format!(
                "nginx-mailcow|nginx1||{dir}\npostfix-mailcow|postfix1||{dir}\n\
                 nginx-mailcow|once|True|{dir}\nnginx-mailcow|other||/opt/other\n"
            ),
        );
        server.put(
            "bin/states",
            "nginx-mailcow nginx1 running T1\npostfix-mailcow postfix1 running T1\nnginx-mailcow other running T1\n",
        );
        server.put("bin/restarts", "0\n");
        server.put("bin/native", "");
        server.put("mailcow/mailcow.conf", "MAILCOW_HOSTNAME=mail.example.org\n");
        server.put("mailcow/data/conf/nginx/templates/sites-default.conf.j2", "");
        server
    }
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
    fn dir(&self) -> String {
        self.path("mailcow").to_str().unwrap().to_owned()
    }
    fn put(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }
    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }
    fn calls(&self) -> String {
        fs::read_to_string(self.path("bin/calls")).unwrap_or_default()
    }
    fn call(&self, words: &[String]) -> Answer {
        let path = std::env::var("PATH").unwrap();
        let output = Command::new(self.shell[0])
            .args(&self.shell[1..])
            .args(["-c", ". \"$0\"; \"$@\"", REMOTE])
            .args(words)
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Answer {
            rc: output.status.code().unwrap(),
            stdout: Bytes(output.stdout),
            stderr: Bytes(output.stderr),
            took: None,
        }
    }
    fn ask(&self, probe: &Probe) -> Fact {
        let answer = self.call(&probe.words());
        probe.read(&answer).unwrap_or_else(|error| panic!("{:?}: {error}\n{answer:?}", self.shell))
    }
    fn mailcow(&self) -> Result<Mailcow, String> {
        match self.ask(&Probe::Mailcow { dir: self.dir() }) {
            Fact::Mailcow(mailcow) => mailcow,
            other => panic!("{other:?}"),
        }
    }
    fn compose(&self, action: ComposeAction, answers: &[&str], timeout: u32) -> Ran {
        let up = ComposeUp {
            dir: self.dir(),
            services: vec!["postfix-mailcow".into()],
            action,
            answers: answers.iter().map(ToString::to_string).collect(),
            timeout,
        };
        self.put("bin/after", "postfix-mailcow postfix1 running T2\n");
        self.call(&Change::Compose(up).words())
    }
}

#[test]
fn a_folder_is_told_by_its_files_and_its_containers_by_its_name() {
    for server in Server::in_every_shell() {
        let mailcow = server.mailcow().unwrap();
        assert_eq!((mailcow.era, mailcow.hostname.as_str()), (Era::B, "mail.example.org"));
        assert_eq!(mailcow.nginx_version.as_deref(), Some("1.27.4"));
        assert_eq!(mailcow.postfix_version.as_deref(), Some("3.7.11"));
        assert!(mailcow.postfix_seclevel_zero && mailcow.dead_files.is_empty());
        let calls = server.calls();
        assert!(!calls.contains("exec other") && !calls.contains("exec once"), "{calls}");
        assert_eq!(calls.matches("/mailcow: ").count(), 5, "no more calls than needed: {calls}");

        server.put("mailcow/data/conf/nginx/includes/site-defaults.conf", "");
        let dead = format!("{}/data/conf/nginx/includes/site-defaults.conf", server.dir());
        let mailcow = server.mailcow().unwrap();
        assert_eq!((mailcow.era, mailcow.dead_files), (Era::B, vec![dead.clone()]));
        server.remove("mailcow/data/conf/nginx/templates/sites-default.conf.j2");
        let mailcow = server.mailcow().unwrap();
        assert_eq!((mailcow.era, mailcow.nginx_file), (Era::A, dead));
        assert!(mailcow.dead_files.is_empty());
    }
}

#[test]
fn mailcow_conf_is_data_and_its_secrets_stay() {
    for server in Server::in_every_shell() {
        let conf = "DBPASS=hunter2\n# MAILCOW_HOSTNAME=no\r\nMAILCOW_HOSTNAME=\"mx.example.org\" # ours\r\n\
            export HTTPS_PORT = 8443 # comment\nSMTP_PORT='1.2.3.4:25'\nX=$(touch pwned)\n\
            DOCKER_COMPOSE_VERSION=native\nHTTPS_BIND=\nNGINX_USE_PROXY_PROTOCOL=y\n`touch pwned`\nDBROOT=\"hunter2\n";
        server.put("mailcow/mailcow.conf", conf);
        let answer = server.call(&Probe::Mailcow { dir: server.dir() }.words());
        assert!(!answer.stdout.text().contains("hunter2"));
        let mailcow = server.mailcow().unwrap();
        assert_eq!(mailcow.hostname, "mx.example.org");
        assert_eq!(mailcow.https_url(), "https+proxy://127.0.0.1:8443");
        assert_eq!(mailcow.smtp_url(), "smtp://1.2.3.4:25");
        assert!(!server.path("mailcow/pwned").exists());
        assert!(!server.calls().contains("compose version"));

        server.put("mailcow/mailcow.conf", "MAILCOW_HOSTNAME=$(touch pwned)\n");
        assert!(server.mailcow().unwrap_err().contains("is not a host name"));
        assert!(!server.path("mailcow/pwned").exists());
    }
}

#[test]
fn the_compose_command_is_what_the_file_says_or_what_answers() {
    for server in Server::in_every_shell() {
        assert_eq!(server.mailcow().unwrap().compose, ["docker", "compose"]);
        server.remove("bin/native");
        assert!(
            server
                .mailcow()
                .unwrap_err()
                .ends_with("neither docker compose nor docker-compose answers")
        );
        server.put("bin/standalone", "");
        assert_eq!(server.mailcow().unwrap().compose, ["docker-compose"]);
        server.put("bin/native", "");
        server
            .put("mailcow/mailcow.conf", "DOCKER_COMPOSE_VERSION=standalone\nMAILCOW_HOSTNAME=a\n");
        assert_eq!(server.mailcow().unwrap().compose, ["docker-compose"]);
    }
}

#[test]
fn what_is_not_mailcow_says_so_and_other_probes_are_at_peace() {
    for server in Server::in_every_shell() {
        server.remove("mailcow/mailcow.conf");
        assert!(server.mailcow().unwrap_err().ends_with("mailcow.conf is missing"));
        server.remove("mailcow/data/conf/nginx/templates/sites-default.conf.j2");
        assert!(server.mailcow().unwrap_err().contains("neither data/conf/nginx/templates"));
        let dir = server.path("nowhere").to_str().unwrap().to_owned();
        let Fact::Mailcow(Err(reason)) = server.ask(&Probe::Mailcow { dir: dir.clone() }) else {
            panic!()
        };
        assert!(reason.ends_with("there is no such folder"), "{reason}");
        let services = vec!["nginx-mailcow".to_owned()];
        assert_eq!(
            server.ask(&Probe::Compose { dir: dir.clone(), services }),
            Fact::Compose(Compose::default())
        );
        let keys = vec!["smtp_tls_ciphers".to_owned()];
        assert_eq!(server.ask(&Probe::Postconf { dir, keys }), Fact::Postconf(None));
    }
}

#[test]
fn running_values_come_from_the_container_that_runs() {
    for server in Server::in_every_shell() {
        let probe = Probe::Postconf { dir: server.dir(), keys: vec!["smtp_tls_ciphers".into()] };
        let medium = BTreeMap::from([("smtp_tls_ciphers".to_owned(), "medium".to_owned())]);
        assert_eq!(server.ask(&probe), Fact::Postconf(Some(medium)));
        server.put("bin/states", "postfix-mailcow postfix1 restarting T1\n");
        assert_eq!(server.ask(&probe), Fact::Postconf(None));
    }
}

#[test]
fn a_moved_project_is_found_through_compose() {
    for server in Server::in_every_shell() {
        server.put("bin/ps", "nginx-mailcow|nginx1||/opt/before\n");
        server.put("bin/compose-ps", "nginx1\n");
        let probe = Probe::Compose { dir: server.dir(), services: vec!["nginx-mailcow".into()] };
        let Fact::Compose(compose) = server.ask(&probe) else { panic!() };
        assert_eq!(compose.containers["nginx-mailcow"].id, "nginx1");
        assert!(server.calls().contains(&format!("{}: compose ps", server.dir())));
    }
}

/// Greets late, in two parts, and tells whether the client spoke before it was greeted.
fn mail_server() -> (u16, std::thread::JoinHandle<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let rude = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.set_read_timeout(Some(Duration::from_millis(600))).unwrap();
        let mut byte = [0];
        let rude = client.read(&mut byte).is_ok();
        client.write_all(b"220-wait\r\n220 mail ESMTP\r\n").unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut said = [0; 6];
        client.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"QUIT\r\n");
        rude
    });
    (port, rude)
}

#[test]
fn a_restart_waits_for_the_greeting_and_tells_the_containers() {
    for server in Server::in_every_shell() {
        let (port, rude) = mail_server();
        let ran =
            server.compose(ComposeAction::Restart, &[&format!("smtp://127.0.0.1:{port}")], 20);
        assert_eq!(ran.rc, 0, "{ran:?}");
        assert!(!rude.join().unwrap());
        assert_eq!(Compose::read(&ran).unwrap().containers["postfix-mailcow"].started_at, "T2");
        let call = format!("{}: compose restart postfix-mailcow\n", server.dir());
        assert_eq!(server.calls().matches(&call).count(), 1, "{}", server.calls());
    }
}

#[test]
fn what_does_not_answer_fails_with_its_last_words() {
    for server in Server::in_every_shell() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let lines: Vec<String> = (1..=9).map(|number| format!("line {number}")).collect();
        server.put("bin/logs", &(lines.join("\n") + "\n"));
        server.put("bin/restarts", "0\n");
        let started = Instant::now();
        let ran =
            server.compose(ComposeAction::Recreate, &[&format!("tcp://127.0.0.1:{port}")], 60);
        assert_eq!(ran.rc, 1);
        let said = ran.stderr.text();
        assert!(said.contains("stopped again and again") && said.contains("line 9"), "{said}");
        assert!(!said.contains("line 4"), "{said}");
        assert!(started.elapsed() < Duration::from_secs(20), "a crash loop is not waited out");
        assert!(
            server.calls().contains("compose up -d --force-recreate --no-deps postfix-mailcow")
        );

        // Calm, but deaf.
        server.put("bin/restarts", "0\n");
        let docker = DOCKER.replace("echo \"$(($(cat", "true \"$(($(cat");
        server.put("bin/docker", &docker.replace("+ 1))\" >\"$here/restarts\"", "+ 1))\""));
        let ran =
            server.compose(ComposeAction::Restart, &[&format!("https://127.0.0.1:{port}")], 1);
        let said = ran.stderr.text().into_owned();
        assert!(ran.rc == 1 && said.contains("did not answer within 1 seconds"), "{said}");
    }
}
