//! Whether servers are who they were: each case is asked of OpenSSH's own client first, against a real
//! `sshd`, and we must come to the same verdict.
mod certificates;

use super::*;
use std::fmt::Write as _;

/// The name that most cases look up.
const NAME: &str = "mail.example.org";

/// A server's folder of keys, made before the server: host key, certificate authorities.
struct Keys(tempfile::TempDir);

impl Keys {
    fn new() -> Self {
        let keys = Self(tempfile::tempdir().unwrap());
        for (name, words) in [
            ("host", ["-t", "ed25519"].as_slice()),
            ("other", &["-t", "ed25519"]),
            ("ecdsa", &["-t", "ecdsa"]),
            ("rsa", &["-t", "rsa", "-b", "2048"]),
            ("ca", &["-t", "ed25519"]),
            ("ca2", &["-t", "ecdsa"]),
            ("ca_rsa", &["-t", "rsa", "-b", "2048"]),
        ] {
            keygen(&[words, &["-N", "", "-C", "made for tests"]].concat(), &keys.path(name));
        }
        keys
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A key as a line of `known_hosts` has it.
    fn line(&self, name: &str) -> String {
        let text = fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap();
        text.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// Signs the host key, with further words for `ssh-keygen`.
    fn sign(&self, ca: &str, words: &[&str]) -> String {
        let ca = self.path(ca);
        let mut all = vec!["-q", "-s", ca.to_str().unwrap(), "-I", "host-id"];
        all.extend(words);
        let status = Command::new("ssh-keygen").args(&all).arg(self.path("host.pub")).status();
        assert!(status.unwrap().success(), "{all:?}");
        let kept = self.path(&format!("{}-cert.pub", words.join("_").replace('/', "_")));
        fs::rename(self.path("host-cert.pub"), &kept).unwrap();
        kept.display().to_string()
    }

    /// `{host}` and so on stand for keys, `{hashed}` for the hash of [`NAME`], `{port}` for the port.
    fn fill(&self, text: &str, port: u16) -> String {
        let mut text =
            text.replace("{port}", &port.to_string()).replace("{hashed}", &self.hashed(NAME));
        for name in ["host", "other", "ecdsa", "rsa", "ca", "ca2", "ca_rsa"] {
            text = text.replace(&format!("{{{name}}}"), &self.line(name));
        }
        text.replace("{hashed_port}", &self.hashed(&format!("[localhost]:{port}")))
    }

    fn hashed(&self, name: &str) -> String {
        let file = self.path("hashed");
        fs::write(&file, format!("{name} {}\n", self.line("host"))).unwrap();
        keygen(&["-H"], &file);
        let text = fs::read_to_string(&file).unwrap();
        text.split(' ').next().unwrap().to_owned()
    }
}

/// How a case looks a server up.
#[derive(Clone, Copy)]
enum By {
    /// `HostKeyAlias`, which is as port 22 is.
    Alias(&'static str),
    /// What is dialled, with its port.
    Address(&'static str),
}

/// A client's view: files, and how strict it is.
#[derive(Clone)]
struct View {
    by: By,
    known_hosts: Vec<PathBuf>,
    revoked: Option<PathBuf>,
    checking: &'static str,
}

/// What OpenSSH's client makes of a server.
fn openssh(sshd: &Sshd, view: &View) -> String {
    let files: Vec<_> = view.known_hosts.iter().map(|file| file.display().to_string()).collect();
    let (address, alias) = match view.by {
        By::Alias(name) => ("127.0.0.1", Some(format!("HostKeyAlias={name}"))),
        By::Address(address) => (address, None),
    };
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "GlobalKnownHostsFile=/dev/null"]);
    command.args([
        "-o",
        "UpdateHostKeys=no",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "IdentityAgent=none",
    ]);
    command.arg("-o").arg(format!("UserKnownHostsFile={}", files.join(" ")));
    command.arg("-o").arg(format!("StrictHostKeyChecking={}", view.checking));
    if let Some(file) = &view.revoked {
        command.arg("-o").arg(format!("RevokedHostKeys={}", file.display()));
    }
    if let Some(option) = alias {
        command.args(["-o", &option]);
    }
    command.arg("-i").arg(sshd.path("id_ed25519"));
    command.args(["-p", &sshd.port.to_string(), &format!("{}@{address}", whoami()), "true"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => "accept".into(),
        _ if said.contains("REVOKED HOST KEY") || said.contains("revoked by file") => {
            "revoked".into()
        }
        _ if said.contains("IDENTIFICATION HAS CHANGED") => "changed".into(),
        _ if said.contains("host key is known for") => "unknown".into(),
        _ if said.contains("revoked keys file") => "unreadable".into(),
        code => format!("{code:?}: {said}"),
    }
}

/// What we make of it.
async fn ours(sshd: &Sshd, view: &View) -> String {
    let mut options = sshd.options("ed25519", "ed25519");
    match view.by {
        By::Alias(name) => options.host_key_alias = Some(name.into()),
        By::Address(address) => options.host = address.into(),
    }
    options.known_hosts.clone_from(&view.known_hosts);
    options.revoked_host_keys = view.revoked.iter().cloned().collect();
    options.checking = match view.checking {
        "accept-new" => Checking::AcceptNew,
        "no" => Checking::Off,
        _ => Checking::Strict,
    };
    let text = match SshConnect::new(options).shell(None).await {
        Ok(_) => return "accept".into(),
        Err(error) => error.to_string(),
    };
    for (sign, verdict) in [
        ("is revoked by", "revoked"),
        ("has changed", "changed"),
        ("is not known", "unknown"),
        ("can't read", "unreadable"),
        ("key revocation list", "unreadable"),
        ("is no public key", "unreadable"),
    ] {
        if text.contains(sign) {
            return verdict.into();
        }
    }
    text
}

/// One server and the cases that are asked of it.
struct Table<'a> {
    keys: &'a Keys,
    sshd: Sshd,
    told: String,
    cases: usize,
}

impl<'a> Table<'a> {
    async fn new(keys: &'a Keys, extra: &str) -> Self {
        let host = keys.path("host");
        let sshd = Sshd::start(&format!("HostKey {}\n{extra}", host.display())).await;
        Self { keys, sshd, told: String::new(), cases: 0 }
    }

    fn view(&self, by: By, texts: &[&str]) -> View {
        let file = |(index, text): (usize, &&str)| {
            let path = self.sshd.path(&format!("known{index}"));
            fs::write(&path, self.keys.fill(text, self.sshd.port)).unwrap();
            path
        };
        let known_hosts = texts.iter().enumerate().map(file).collect();
        View { by, known_hosts, revoked: None, checking: "yes" }
    }

    async fn case(&mut self, what: &str, view: &View, expected: &str) {
        self.cases += 1;
        let ours = ours(&self.sshd, view).await;
        let theirs = openssh(&self.sshd, view);
        if ours != expected || theirs != expected {
            let _ = writeln!(self.told, "{what}: {expected}; ours {ours}, ssh {theirs}");
        }
    }

    async fn cases(&mut self, cases: &[(By, &str, &str)]) {
        for (by, text, expected) in cases {
            let view = self.view(*by, &[text]);
            self.case(text, &view, expected).await;
        }
    }

    fn end(self) -> usize {
        assert_eq!(self.told, "");
        self.cases
    }
}

const PLAIN: &str = "HostKeyAlgorithms ssh-ed25519";

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn plain_host_keys_are_judged_as_ssh_does() {
    use By::{Address, Alias};
    let keys = Keys::new();
    let mut table = Table::new(&keys, PLAIN).await;
    table
        .cases(&[
            (Alias(NAME), "", "unknown"),
            (Alias(NAME), "mail.example.org {host}", "accept"),
            (Alias(NAME), "mail.example.org {host} and a comment", "accept"),
            (Alias(NAME), " \t mail.example.org\t{host}", "accept"),
            (Alias(NAME), "mail.example.org {host}\r\n", "accept"),
            (Alias(NAME), "MAIL.example.ORG {host}", "accept"),
            (Alias("Mail.Example.Org"), "mail.example.org {host}", "accept"),
            (Alias(NAME), "#mail.example.org {host}\n\n", "unknown"),
            (Alias(NAME), "mail.example.org {other}", "changed"),
            (Alias(NAME), "mail.example.org {ecdsa}", "changed"),
            (Alias(NAME), "mail.example.org {rsa}", "changed"),
            (Alias(NAME), "mail.example.org {other}\nmail.example.org {host}", "accept"),
            (Alias(NAME), "mail.example.org {host}\nmail.example.org {other}", "accept"),
            (Alias(NAME), "mail.example.com {other}", "unknown"),
            (Alias(NAME), "a,mail.example.org,192.0.2.1 {host}", "accept"),
            (Alias("192.0.2.1"), "a,mail.example.org,192.0.2.1 {host}", "accept"),
            (Alias("2001:db8::1"), "2001:db8::1 {host}", "accept"),
            (Alias(NAME), "*.example.org {host}", "accept"),
            (Alias("example.org"), "*.example.org {host}", "unknown"),
            (Alias(NAME), "mai?.example.org {host}", "accept"),
            (Alias(NAME), "ma?.example.org {host}", "unknown"),
            (Alias(NAME), "*.example.org,!mail.example.org {host}", "unknown"),
            (Alias(NAME), "!mail.*,*.example.org {other}", "unknown"),
            (Alias(NAME), "!www.example.org,*.example.org {host}", "accept"),
            (Alias(NAME), "!mail.example.org {host}", "unknown"),
            (Alias(NAME), "{hashed} {host}", "accept"),
            (Alias(NAME), "{hashed} {other}", "changed"),
            (Alias("mail.example.com"), "{hashed} {host}", "unknown"),
            (Alias(NAME), "|1|no|base64 {other}\n|1|{other}\n{hashed} {host}", "accept"),
            (Alias(NAME), "[mail.example.org]:{port} {host}", "unknown"),
            (Address("localhost"), "[localhost]:{port} {host}", "accept"),
            (Address("localhost"), "[localhost]:{port} {other}", "changed"),
            (Address("localhost"), "[localhost]:1 {host}", "unknown"),
            (Address("localhost"), "[localhost]:* {host}", "accept"),
            (Address("127.0.0.1"), "[127.0.0.?]:{port} {host}", "accept"),
            (Address("127.0.0.1"), "[localhost]:{port} {host}", "unknown"),
            (Address("localhost"), "{hashed_port} {host}", "accept"),
            (Address("localhost"), "localhost {host}", "accept"),
            (Address("localhost"), "localhost {other}", "unknown"),
            (Address("localhost"), "localhost {host}\n[localhost]:{port} {other}", "changed"),
            (Alias(NAME), "@revoked mail.example.org {host}", "revoked"),
            (Alias(NAME), "mail.example.org {host}\n@revoked * {host}", "revoked"),
            (Alias(NAME), "@revoked * {host}\nmail.example.org {host}", "revoked"),
            (Alias(NAME), "@revoked * {other}\nmail.example.org {host}", "accept"),
            (Alias(NAME), "@revoked www.example.org {host}\nmail.example.org {host}", "accept"),
            (Alias(NAME), "@revoked * {other}", "unknown"),
            (Alias(NAME), "@revoked {hashed} {host}\nmail.example.org {host}", "revoked"),
            (
                Address("localhost"),
                "[localhost]:{port} {host}\n@revoked localhost {host}",
                "accept",
            ),
            (Alias(NAME), "@cert-authority * {host}", "unknown"),
            (Alias(NAME), "@cert-authority * {other}\nmail.example.org {host}", "accept"),
            (Alias(NAME), "@unheard-of mail.example.org {host}", "unknown"),
            (Alias(NAME), "@revoked @cert-authority * {host}\nmail.example.org {host}", "accept"),
            (Alias(NAME), "mail.example.org ssh-ed25519 AAAAnonsense\nmail.example.org", "unknown"),
            (Alias(NAME), "mail.example.org unheard-of AAAA\nmail.example.org {host}", "accept"),
        ])
        .await;
    let view = table.view(Alias(NAME), &["", "mail.example.org {host}"]);
    table.case("the second file counts", &view, "accept").await;
    let view = table.view(Alias(NAME), &["mail.example.org {host}", "@revoked * {host}"]);
    table.case("the second file revokes", &view, "revoked").await;
    let mut view = table.view(Alias(NAME), &["mail.example.org {host}"]);
    view.known_hosts.push("/nonexistent/known_hosts".into());
    table.case("a file that is not there", &view, "accept").await;
    assert_eq!(table.end(), 57);
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn new_and_changed_keys_are_taken_as_ssh_takes_them() {
    let keys = Keys::new();
    let mut table = Table::new(&keys, PLAIN).await;
    for (checking, text, expected) in [
        ("accept-new", "", "accept"),
        ("accept-new", "mail.example.org {other}", "changed"),
        ("accept-new", "mail.example.org {ecdsa}", "changed"),
        ("accept-new", "@revoked * {host}", "revoked"),
        ("no", "", "accept"),
        ("no", "mail.example.org {other}", "accept"),
        ("ask", "", "Some(255): Host key verification failed.\r\n"),
    ] {
        let mut view = table.view(By::Alias(NAME), &[text]);
        view.checking = checking;
        if checking == "ask" {
            assert_eq!(
                (ours(&table.sshd, &view).await, openssh(&table.sshd, &view)),
                ("unknown".into(), expected.into())
            );
            continue;
        }
        let file = &view.known_hosts[0];
        let before = fs::read_to_string(file).unwrap();
        let theirs = openssh(&table.sshd, &view);
        let written = fs::read_to_string(file).unwrap();
        fs::write(file, before).unwrap();
        let verdict = ours(&table.sshd, &view).await;
        assert_eq!((theirs.as_str(), verdict.as_str()), (expected, expected), "{checking} {text}");
        assert_eq!(fs::read_to_string(file).unwrap(), written, "{checking} {text}");
        table.cases += 1;
    }
    // What is revoked stays refused even where OpenSSH would go on.
    let mut view = table.view(By::Alias(NAME), &["@revoked * {host}"]);
    view.checking = "no";
    assert_eq!(ours(&table.sshd, &view).await, "revoked");
    table.end();
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn files_of_revoked_keys_are_read_as_ssh_reads_them() {
    let keys = Keys::new();
    let mut table = Table::new(&keys, PLAIN).await;
    let krl = |name: &str, of: &[&str]| {
        let path = keys.path(name);
        let status =
            Command::new("ssh-keygen").args(["-q", "-k", "-f"]).arg(&path).args(of).status();
        assert!(status.unwrap().success());
        path
    };
    let list = |name: &str, text: &str| {
        let path = keys.path(name);
        fs::write(&path, keys.fill(text, 0)).unwrap();
        path
    };
    let public = |name: &str| keys.path(&format!("{name}.pub")).display().to_string();
    let sha1 = list("by_sha1", &format!("sha1: {}\n", keys.line("host")));
    let sha256 = list("by_sha256", &format!("sha256: {}\n", keys.line("host")));
    let cut = krl("cut", &[&public("host")]);
    fs::write(&cut, &fs::read(&cut).unwrap()[..60]).unwrap();
    for (what, file, expected) in [
        ("none of ours", list("none", "# nothing\n\n{other}\n"), "accept"),
        ("ours", list("ours", "{other}\n{host} with a comment\n"), "revoked"),
        ("no key", list("broken", "{other}\nnonsense\n"), "unreadable"),
        ("not there", keys.path("missing"), "unreadable"),
        ("KRL of others", krl("krl1", &[&public("other")]), "accept"),
        ("KRL", krl("krl2", &[&public("other"), &public("host")]), "revoked"),
        ("KRL by SHA-1", krl("krl3", &[sha1.to_str().unwrap()]), "revoked"),
        ("KRL by SHA-256", krl("krl4", &[sha256.to_str().unwrap()]), "revoked"),
        ("KRL that is cut off", cut, "unreadable"),
    ] {
        let mut view = table.view(By::Alias(NAME), &["mail.example.org {host}"]);
        view.revoked = Some(file);
        table.case(what, &view, expected).await;
    }
    assert_eq!(table.end(), 9);
}
