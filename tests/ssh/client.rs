//! What OpenSSH's own client makes of a configuration, against what we make of it. Needs `ssh`.
use cowhand::transport::ssh::config::{
    Arguments, Client, Config, Disk, Resolved, Which, expand, run,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Configurations, each tried with every host.
const FILES: u64 = 300;
const HOSTS: [&str; 5] = ["mx1", "MX2", "db1.example.org", "10.0.0.7", "bastion"];

/// Keywords with one word or a list of them, and what `ssh -G` shows when nobody set them; nothing: it
/// shows nothing, or a default that is not ours to know.
const PLAIN: &[(&str, &str)] = &[
    ("addkeystoagent", "no"),
    ("addressfamily", "any"),
    ("batchmode", "no"),
    ("bindaddress", ""),
    ("canonicalizehostname", "no"),
    ("checkhostip", "no"),
    ("compression", "no"),
    ("connectionattempts", "1"),
    ("connecttimeout", "none"),
    ("hashknownhosts", "no"),
    ("hostkeyalias", ""),
    ("identitiesonly", "no"),
    ("kbdinteractiveauthentication", "yes"),
    ("knownhostscommand", ""),
    ("nohostauthenticationforlocalhost", "no"),
    ("numberofpasswordprompts", "3"),
    ("passwordauthentication", "yes"),
    ("pkcs11provider", ""),
    ("preferredauthentications", ""),
    ("proxycommand", ""),
    ("pubkeyauthentication", "yes"),
    ("rekeylimit", "0 0"),
    ("requiredrsasize", "1024"),
    ("securitykeyprovider", "internal"),
    ("serveralivecountmax", "3"),
    ("stricthostkeychecking", "ask"),
    ("tcpkeepalive", "yes"),
    ("verifyhostkeydns", "no"),
];

/// Lists of algorithms, and what `ssh -Q` calls them.
const ALGORITHMS: &[(&str, &str)] = &[
    ("casignaturealgorithms", "key-sig"),
    ("ciphers", "cipher"),
    ("hostkeyalgorithms", "HostKeyAlgorithms"),
    ("kexalgorithms", "kex"),
    ("macs", "mac"),
    ("pubkeyacceptedalgorithms", "PubkeyAcceptedAlgorithms"),
];

/// The same configurations every time.
struct Dice(u64);

impl Dice {
    /// Below `sides`.
    fn roll(&mut self, sides: usize) -> usize {
        // Steele and Vigna's splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// Settings that OpenSSH takes: a keyword and values, one of which is chosen.
const SETTINGS: &[(&str, &[&str])] = &[
    ("AddKeysToAgent", &["yes", "no", "confirm", "5m", "confirm 1h"]),
    ("AddressFamily", &["any", "inet", "INET6"]),
    ("BatchMode", &["yes", "no", "True"]),
    ("BindAddress", &["127.0.0.1", "::1"]),
    ("CASignatureAlgorithms", &["ssh-ed25519", "-rsa*", "+rsa-sha2-512", "^rsa-sha2-256"]),
    ("CanonicalizeHostname", &["no"]),
    ("CertificateFile", &["~/.ssh/a-cert.pub", "/x/%r-cert.pub"]),
    ("CheckHostIP", &["yes", "no"]),
    ("Ciphers", &["aes256-ctr,aes128-ctr", "+aes128-cbc", "-aes*", "^aes256-gcm@openssh.com"]),
    ("Compression", &["yes", "no"]),
    ("ConnectTimeout", &["5", "1m30s", "2h", "none", "1w2d3h4m5s"]),
    ("ConnectionAttempts", &["1", "4"]),
    ("GlobalKnownHostsFile", &["/a /b", "\"/c d\"", "none"]),
    ("HashKnownHosts", &["yes", "no"]),
    ("HostKeyAlgorithms", &["ssh-ed25519", "-ecdsa*", "+ssh-rsa", "^rsa-sha2-512", "ssh-*"]),
    ("HostKeyAlias", &["farm-1", "Farm%h"]),
    ("HostName", &["%h.example.net", "10.0.0.7", "MX9", "a%%b", "real.example.org"]),
    ("IdentitiesOnly", &["yes", "no"]),
    ("IdentityAgent", &["SSH_AUTH_SOCK", "~/agent", "none", "/run/%u-%i/%L/%h", "$AGENT"]),
    (
        "IdentityFile",
        &["~/.ssh/one", "'/k/a  b'", "/k/%h-%p", "\"/k/q\\\"q\"", "none", "/k/${HOME}"],
    ),
    ("KbdInteractiveAuthentication", &["yes", "no"]),
    ("ChallengeResponseAuthentication", &["no"]),
    ("KexAlgorithms", &["curve25519-sha256", "-*sha1,ecdh*", "+diffie-hellman-group14-sha1"]),
    ("KnownHostsCommand", &["none", "/bin/true"]),
    ("MACs", &["hmac-sha2-512", "-umac*", "^hmac-sha2-256-etm@openssh.com"]),
    ("NoHostAuthenticationForLocalhost", &["yes", "no"]),
    ("NumberOfPasswordPrompts", &["1", "5"]),
    ("PKCS11Provider", &["none", "/lib/p11.so"]),
    ("PasswordAuthentication", &["yes", "no"]),
    ("Port", &["22", "2222", "65535"]),
    ("PreferredAuthentications", &["publickey", "publickey,password", "keyboard-interactive"]),
    ("ProxyCommand", &["nc %h %p", "ssh -W \"%h:%p\" # x", "none"]),
    ("ProxyJump", &["gate", "me@a:44,b", "ssh://me@c:33", "none", "[::1]:44"]),
    ("PubkeyAcceptedAlgorithms", &["+ssh-rsa", "ssh-ed25519", "-*-cert-v01@openssh.com"]),
    ("PubkeyAcceptedKeyTypes", &["^ssh-ed25519"]),
    ("PubkeyAuthentication", &["yes", "no", "unbound", "host-bound"]),
    ("RekeyLimit", &["1G", "default none", "500M 1h", "16K 90"]),
    ("RequiredRSASize", &["2048", "1024"]),
    ("RevokedHostKeys", &["/etc/ssh/revoked", "~/revoked"]),
    ("SecurityKeyProvider", &["internal"]),
    ("ServerAliveCountMax", &["2", "9"]),
    ("ServerAliveInterval", &["15", "1m"]),
    ("StrictHostKeyChecking", &["yes", "no", "off", "ask", "accept-new"]),
    ("TCPKeepAlive", &["yes", "no"]),
    ("User", &["root", "admin", "\"a b\""]),
    ("UserKnownHostsFile", &["~/.ssh/kh", "/a /b /a", "/x/%k-%n", "none", "/e/${HOME}"]),
    ("VerifyHostKeyDNS", &["yes", "no", "ask"]),
    // What does not concern us, in forms that must not be mistaken for errors.
    ("ControlMaster", &["auto"]),
    ("ForwardX11", &["no"]),
    ("LogLevel", &["VERBOSE"]),
    ("SendEnv", &["LANG LC_*"]),
    ("GSSAPIAuthentication", &["yes"]),
    ("LocalForward", &["8080 localhost:80"]),
];

const BLOCKS: &[&str] = &[
    "Host *",
    "Host mx1",
    "Host mx* !mx1",
    "Host MX? *.example.org",
    "Host !bastion *",
    "Host 10.0.0.* \"bastion\"",
    "Host ??1.example.*",
    "Host=*.example.net",
    "Match all",
    "Match host mx1,bastion",
    "Match host *.example.net,!*.org",
    "Match originalhost MX*",
    "Match originalhost mx1 user root",
    "Match !host mx1 user admin,root,!x",
    "Match localuser nobody",
    "Match !localuser nobody host=10.*",
    "Match final",
    "Match final host *.example.*",
    "Match canonical all",
    "Match !final originalhost mx*",
    "Match exec \"test %n = mx1\"",
    "Match host db* exec \"exit 1\"",
    "Match user \"a b\"",
];

fn setting(dice: &mut Dice) -> String {
    let (keyword, values) = SETTINGS[dice.roll(SETTINGS.len())];
    let value = dice.pick(values);
    let keyword = match dice.roll(4) {
        0 => keyword.to_lowercase(),
        1 => keyword.to_uppercase(),
        _ => keyword.to_owned(),
    };
    let between = dice.pick(&[" ", "\t", " = ", "=", "  "]);
    let comment = if value.contains('#') || keyword.to_lowercase().starts_with("proxy") {
        ""
    } else {
        dice.pick(&["", "", "", " # why", "\t"])
    };
    format!("{}{keyword}{between}{value}{comment}\n", dice.pick(&["", "  ", "\t"]))
}

/// A configuration, and perhaps a file that it includes.
fn configuration(dice: &mut Dice, folder: &Path, number: u64) -> String {
    let mut text = String::new();
    for _ in 0..dice.roll(4) {
        text += &setting(dice);
    }
    for _ in 0..2 + dice.roll(5) {
        text.push_str(dice.pick(BLOCKS));
        text.push('\n');
        for _ in 0..=dice.roll(6) {
            text += &setting(dice);
        }
        match dice.roll(9) {
            0 => {
                let folder = folder.join(format!("{number}.d"));
                fs::create_dir_all(&folder).unwrap();
                for name in ["a", "b"] {
                    let mut included = setting(dice);
                    included.push_str(dice.pick(BLOCKS));
                    included = included + "\n" + &setting(dice);
                    fs::write(folder.join(name), included).unwrap();
                }
                text = text + "Include " + folder.to_str().unwrap() + "/* /nowhere/*\n";
                text += &setting(dice);
            }
            1 => text += "\n# Port 1\n   \n",
            2 => text += "IgnoreUnknown Foo*,bar\n",
            _ => {}
        }
    }
    text
}

fn ask(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

/// What `ssh -G` shows: keyword → values.
fn theirs(file: &Path, arguments: &str, host: &str) -> BTreeMap<String, Vec<String>> {
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(file).args(shlex::split(arguments).unwrap()).args(["-G", host]);
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for line in ask(&mut ssh).lines() {
        let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = match value {
            "true" => "yes",
            "false" => "no",
            value => value,
        };
        found.entry(keyword.to_owned()).or_default().push(value.to_owned());
    }
    found
}

/// Defaults and everything there is of a list of algorithms; and `ServerAliveInterval` in batch mode.
struct Lists(BTreeMap<&'static str, (String, String)>, String);

impl Lists {
    fn ask() -> Self {
        let defaults = theirs(Path::new("none"), "", "x");
        let lists = ALGORITHMS.iter().map(|&(keyword, query)| {
            let all = ask(Command::new("ssh").args(["-Q", query]));
            let all = all.lines().collect::<Vec<_>>().join(",");
            (keyword, (defaults[keyword][0].clone(), all))
        });
        let batch = theirs(Path::new("none"), "-oBatchMode=yes", "x");
        Self(lists.collect(), batch["serveraliveinterval"][0].clone())
    }

    fn expand(&self, keyword: &str, list: &str) -> String {
        let (defaults, all) = &self.0[keyword];
        let defaults: Vec<_> = defaults.split(',').collect();
        expand(list, &defaults, &all.split(',').collect::<Vec<_>>()).join(",")
    }
}

/// What we make of it, as `ssh -G` would show it.
fn ours(resolved: &Resolved, client: &Client, lists: &Lists) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut put = |keyword: &str, values: Vec<String>| {
        if values.iter().any(|value| !value.is_empty()) {
            found.insert(keyword.to_owned(), values);
        }
    };
    put("hostname", vec![resolved.host.clone()]);
    put("port", vec![resolved.port.to_string()]);
    put("user", vec![resolved.user.clone()]);
    for (keyword, default) in PLAIN {
        let set = resolved.all(keyword).join(" ");
        put(
            keyword,
            vec![match set.as_str() {
                "" => (*default).to_owned(),
                // It shows nothing where nothing is done.
                "none"
                    if ["knownhostscommand", "pkcs11provider", "proxycommand"]
                        .contains(keyword) =>
                {
                    String::new()
                }
                // Its time is shown as well.
                _ if *keyword == "rekeylimit" && !set.contains(' ') => format!("{set} 0"),
                _ => set,
            }],
        );
    }
    for (keyword, _) in ALGORITHMS {
        put(
            keyword,
            resolved.get(keyword).map(|list| lists.expand(keyword, list)).into_iter().collect(),
        );
    }
    let hops = resolved.hops().iter().map(ToString::to_string).collect::<Vec<_>>();
    put("proxyjump", vec![hops.join(",")]);
    // Debian's client looks for signs of life by itself when nobody watches.
    let default = if resolved.get("batchmode") == Some("yes") { &lists.1 } else { "0" };
    put("serveraliveinterval", vec![resolved.get("serveraliveinterval").unwrap_or(default).into()]);
    for keyword in ["certificatefile", "identityfile"] {
        put(keyword, resolved.all(keyword).to_vec());
    }
    for keyword in ["userknownhostsfile", "globalknownhostsfile", "revokedhostkeys"] {
        put(keyword, vec![resolved.all(keyword).join(" ")]);
    }
    let files = resolved.files("userknownhostsfile", client).unwrap();
    put(
        "userknownhostsfile",
        vec![files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(" ")],
    );
    let agent = resolved.files("identityagent", client).unwrap();
    put("identityagent", agent.iter().map(|file| file.display().to_string()).collect());
    found
}

/// Whoever `ssh` thinks that we are: it reads the list of users, not the environment.
fn client() -> Client {
    let uid = Client::of_process().uid.to_string();
    let line = ask(Command::new("getent").args(["passwd", &uid]));
    let fields: Vec<&str> = line.trim().split(':').collect();
    Client {
        user: fields[0].into(),
        home: fields[5].into(),
        exec: Some(run),
        ..Client::of_process()
    }
}

#[test]
#[ignore = "needs OpenSSH's client: cargo xtask test"]
fn three_hundred_configurations_mean_for_every_host_what_they_mean_to_ssh() {
    let folder = tempfile::tempdir().unwrap();
    let (client, lists) = (client(), Lists::ask());
    let (mut compared, mut wrong) = (0, BTreeMap::new());
    for seed in 0..FILES {
        let mut dice = Dice(seed);
        let text = configuration(&mut dice, folder.path(), seed);
        let file = folder.path().join(format!("config{seed}"));
        fs::write(&file, &text).unwrap();
        let loaded = Config::load(&Which::File(file.clone()), &client.home, &Disk);
        let config = loaded.unwrap_or_else(|(_, found)| panic!("seed {seed}:\n{text}\n{found:#?}"));
        for host in HOSTS {
            let arguments = dice.pick(&[
                "",
                "",
                "-l admin",
                "-p 99 -o IdentityFile=/k/z",
                "-J b -oPort=7",
                "-o User=root -4",
            ]);
            let mut wishes = Arguments::default();
            wishes.add(arguments, "arguments").unwrap();
            let case = format!("seed {seed}, `ssh {arguments} {host}`:\n{text}");
            let resolved = config.resolve(host, &wishes, &client);
            let resolved = resolved.unwrap_or_else(|error| panic!("{case}\n{error}"));
            let (ours, theirs) = (ours(&resolved, &client, &lists), theirs(&file, arguments, host));
            let keywords = PLAIN.iter().map(|(keyword, _)| *keyword);
            for keyword in ours.keys().map(String::as_str).chain(keywords) {
                let (mine, right) = (ours.get(keyword), theirs.get(keyword));
                if mine != right {
                    wrong.entry(keyword.to_owned()).or_insert_with(|| {
                        format!("{case}\n  {keyword}: ours {mine:?}, ssh {right:?}")
                    });
                }
                compared += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_values().collect::<Vec<_>>().join("\n\n"));
    assert!(compared > 40_000, "{compared} values were compared");
}
