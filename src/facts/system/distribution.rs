//! Which distribution it is (os-release(5), `/etc/debian_version`, `/etc/redhat-release`), under the
//! names that Ansible knows it by, LSB and the package manager.
use super::{Parts, object};
use serde_json::{Map, Value, json};

pub(super) const FACTS: &[&str] = &[
    "distribution",
    "distribution_version",
    "distribution_major_version",
    "distribution_minor_version",
    "distribution_release",
    "distribution_file_path",
    "distribution_file_variety",
    "distribution_file_parsed",
    "os_family",
    "lsb",
    "pkg_mgr",
];

/// `ID` of os-release, Ansible's name, its family.
const NAMES: &[(&str, &str, &str)] = &[
    ("almalinux", "AlmaLinux", "RedHat"),
    ("alpine", "Alpine", "Alpine"),
    ("altlinux", "Altlinux", "Altlinux"),
    ("amzn", "Amazon", "RedHat"),
    ("arch", "Archlinux", "Archlinux"),
    ("centos", "CentOS", "RedHat"),
    ("debian", "Debian", "Debian"),
    ("devuan", "Devuan", "Debian"),
    ("fedora", "Fedora", "RedHat"),
    ("gentoo", "Gentoo", "Gentoo"),
    ("kali", "Kali", "Debian"),
    ("linuxmint", "Linux Mint", "Debian"),
    ("manjaro", "Manjaro", "Archlinux"),
    ("ol", "OracleLinux", "RedHat"),
    ("openEuler", "openEuler", "RedHat"),
    ("opensuse-leap", "openSUSE Leap", "Suse"),
    ("opensuse-tumbleweed", "openSUSE Tumbleweed", "Suse"),
    ("pop", "Pop!_OS", "Debian"),
    ("raspbian", "Debian", "Debian"),
    ("rhel", "RedHat", "RedHat"),
    ("rocky", "Rocky", "RedHat"),
    ("sled", "SLED", "Suse"),
    ("sles", "SLES", "Suse"),
    ("slackware", "Slackware", "Slackware"),
    ("ubuntu", "Ubuntu", "Debian"),
    ("void", "Void", "Void"),
];

/// What `ID_LIKE` says of a distribution that the table does not know.
const LIKE: &[(&str, &str)] = &[
    ("debian", "Debian"),
    ("ubuntu", "Debian"),
    ("rhel", "RedHat"),
    ("fedora", "RedHat"),
    ("suse", "Suse"),
    ("arch", "Archlinux"),
    ("gentoo", "Gentoo"),
    ("alpine", "Alpine"),
];

/// Package managers, the first that is there; the files that tell are named in `system.sh`.
const MANAGERS: &[(&str, &str)] = &[
    ("dnf5", "dnf5"),
    ("dnf", "dnf"),
    ("yum", "yum"),
    ("apt-get", "apt"),
    ("apk", "apk"),
    ("zypper", "zypper"),
    ("pacman", "pacman"),
    ("emerge", "portage"),
    ("xbps-install", "xbps"),
    ("swupd", "swupd"),
];

pub(super) fn read(parts: &Parts<'_>) -> Map<String, Value> {
    let mut facts = Map::new();
    let mut managers =
        MANAGERS.iter().filter(|(tool, _)| parts.lines("managers").any(|there| there == *tool));
    let manager = managers.next().map_or("unknown", |(_, name)| name);
    facts.insert("pkg_mgr".into(), manager.into());
    facts.insert("lsb".into(), lsb(parts).into());
    if parts.word("os_release").is_none() {
        return facts;
    }
    let release = |key| parts.value("os_release", key, '=').map_or("", unquoted);
    let id = release("ID");
    let known = NAMES.iter().find(|(known, ..)| *known == id);
    let name = known.map_or(release("NAME"), |(_, name, _)| name);
    let like = LIKE.iter().find(|(like, _)| release("ID_LIKE").split(' ').any(|id| id == *like));
    let family = known.map(|(.., family)| *family).or(like.map(|(_, family)| *family));
    let family = family.unwrap_or(name);
    let version = version(parts, name, release("VERSION_ID"));
    let mut numbers = version.splitn(3, '.');
    let (major, minor) = (numbers.next().unwrap_or("NA"), numbers.next());
    facts.extend(object(json!({
        "distribution": name,
        "distribution_version": version,
        "distribution_major_version": major,
        "distribution_release": codename(parts, name, release("VERSION_CODENAME"), release("VERSION")),
        "distribution_file_path": "/etc/os-release",
        "distribution_file_variety": family,
        "distribution_file_parsed": true,
        "os_family": family,
    })));
    if let (Some(minor), "Debian" | "Ubuntu") = (minor, name) {
        facts.insert("distribution_minor_version".into(), minor.into());
    }
    facts
}

/// os-release has Debian's and Red Hat's version without what comes behind the dot.
fn version<'a>(parts: &Parts<'a>, name: &str, id: &'a str) -> String {
    let numeric = |text: &&str| text.starts_with(|c: char| c.is_ascii_digit());
    let better = match name {
        "Debian" => parts.word("debian_version").filter(numeric),
        "Alpine" => parts.word("alpine_release").filter(numeric),
        "CentOS" if !id.contains('.') => {
            let words = parts.word("redhat_release").unwrap_or_default();
            words.split_whitespace().find(numeric)
        }
        _ => None,
    };
    let version = better.unwrap_or(id);
    match name {
        // 7.9.2009 is 7.9.
        "CentOS" => version.splitn(3, '.').take(2).collect::<Vec<_>>().join("."),
        _ if version.is_empty() => "NA".to_owned(),
        _ => version.to_owned(),
    }
}

/// The code name; Red Hat and its kin write it in brackets behind the version.
fn codename(parts: &Parts<'_>, name: &str, codename: &str, version: &str) -> String {
    let bracketed = |text: &str| {
        let (_, rest) = text.split_once('(')?;
        rest.split_once(')').map(|(inside, _)| inside.to_owned())
    };
    if !codename.is_empty() {
        return codename.to_owned();
    }
    match name {
        "Fedora" => String::new(),
        _ => parts
            .word("redhat_release")
            .and_then(bracketed)
            .or_else(|| bracketed(version))
            .unwrap_or_else(|| "NA".to_owned()),
    }
}

fn lsb(parts: &Parts<'_>) -> Map<String, Value> {
    let told = |command: &str, file: &str| {
        let said = parts.value("lsb_command", command, ':');
        said.or_else(|| parts.value("lsb_file", file, '=')).map(unquoted)
    };
    let mut lsb = Map::new();
    for (key, command, file) in [
        ("id", "Distributor ID", "DISTRIB_ID"),
        ("description", "Description", "DISTRIB_DESCRIPTION"),
        ("release", "Release", "DISTRIB_RELEASE"),
        ("codename", "Codename", "DISTRIB_CODENAME"),
    ] {
        if let Some(value) = told(command, file) {
            lsb.insert(key.into(), value.into());
        }
    }
    if let Some(release) = told("Release", "DISTRIB_RELEASE") {
        lsb.insert("major_release".into(), release.split('.').next().into());
    }
    lsb
}

/// A value of a file that a shell could read.
fn unquoted(value: &str) -> &str {
    value.trim().trim_matches(['"', '\''])
}
