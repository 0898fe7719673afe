//! Paths and services that decide who gets in: what is changed there can lock everybody out, us included.
use super::Change;
use crate::facts::Probe;

/// Files, and folders with all that is below them (these end with `/`).
const PATHS: &[&str] = &[
    // Who logs in, and how.
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d/",
    "/etc/hosts.allow",
    "/etc/hosts.deny",
    "/etc/nologin",
    "/etc/shells",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/pam.conf",
    "/etc/pam.d/",
    "/etc/security/",
    // Who becomes root.
    "/etc/sudoers",
    "/etc/sudoers.d/",
    "/etc/sudo.conf",
    "/etc/doas.conf",
    "/etc/doas.d/",
    // Which packets pass.
    "/etc/nftables.conf",
    "/etc/nftables.d/",
    "/etc/nftables/",
    "/etc/sysconfig/nftables.conf",
    "/etc/iptables/",
    "/etc/iptables.rules",
    "/etc/sysconfig/iptables",
    "/etc/sysconfig/ip6tables",
    "/etc/ufw/",
    "/etc/default/ufw",
    "/etc/firewalld/",
    "/etc/fail2ban/",
    // Whether there is a network.
    "/etc/network/",
    "/etc/netplan/",
    "/etc/systemd/network/",
    "/etc/NetworkManager/",
    "/etc/sysconfig/network-scripts/",
];

/// Services, by their names without `.service` and the like.
const SERVICES: &[&str] = &[
    "ssh",
    "sshd",
    "dropbear",
    "nftables",
    "iptables",
    "ip6tables",
    "netfilter-persistent",
    "ufw",
    "firewalld",
    "fail2ban",
    "network",
    "networking",
    "NetworkManager",
    "systemd-networkd",
];

impl Change {
    /// Whether it touches what decides who gets in. A command may, and nobody can tell: that is for
    /// whoever writes the task to say (`risk: lockout`).
    pub fn can_lock_out(&self) -> bool {
        match self {
            Self::Step { change, .. } => change.can_lock_out(),
            Self::WriteFile { path, .. }
            | Self::SetAttributes { path, .. }
            | Self::MakeDir { path, .. }
            | Self::Link { path, .. }
            | Self::Touch { path, .. }
            | Self::Remove { path } => is_door(path),
            Self::Download(download) => is_door(&download.path),
            Self::Deed(deed) => deed.makes.iter().any(|(probe, _)| match probe {
                Probe::Unit { name, .. } => {
                    let bare = name.split('.').next().unwrap_or_default();
                    SERVICES.contains(&bare)
                }
                _ => false,
            }),
            Self::SetTimes { .. }
            | Self::MakeTemp { .. }
            | Self::Request(_)
            | Self::Run(_)
            | Self::Wait(_)
            | Self::Compose(_)
            | Self::Outdated { .. }
            | Self::Owe { .. }
            | Self::Settle { .. }
            | Self::Here(_)
            | Self::Journal(_) => false,
        }
    }
}

/// Whether a path is one of ours, in or above one of our folders, or somebody's keys. Above: whoever
/// changes `/etc/ssh` itself can do as much harm; `/` and `/etc` are changed by nobody in passing.
fn is_door(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let keys = path.split('/').any(|name| name.starts_with("authorized_keys"));
    let deep = path.matches('/').count() > 1;
    let is_of = |known: &str| {
        path == known.trim_end_matches('/')
            || known.ends_with('/') && path.starts_with(known)
            || deep && known.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
    };
    keys || path.ends_with("/.ssh") || PATHS.iter().any(|known| is_of(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_who_gets_in_is_a_risk() {
        for path in [
            "/etc/ssh/sshd_config",
            "/etc/ssh/sshd_config.d/10-hardening.conf",
            "/etc/ssh",
            "/etc/sudoers.d/ops",
            "/etc/sudoers.d",
            "/etc/pam.d/sshd",
            "/etc/ufw/user.rules",
            "/etc/nftables.conf",
            "/home/ada/.ssh/authorized_keys",
            "/root/.ssh/authorized_keys2",
            "/etc/ssh/authorized_keys/ada",
            "/root/.ssh",
        ] {
            assert!(Change::Remove { path: path.into() }.can_lock_out(), "{path}");
        }
    }

    /// Something is done to a service.
    fn turns(name: &str) -> Change {
        let probe = Probe::Unit {
            name: name.into(),
            reign: crate::facts::Reign::System,
            only: None,
            pattern: String::new(),
        };
        Change::Deed(Box::new(super::super::Deed {
            subject: name.into(),
            effect: String::new(),
            call: super::super::Call::Program(vec![]),
            back: super::super::Back::Nothing,
            makes: vec![(probe, crate::facts::Fact::Unit(crate::facts::Unit::default()))],
            reach: super::super::Reach::Anything,
        }))
    }

    #[test]
    fn services_that_decide_who_gets_in_are_a_risk() {
        for name in ["ssh", "sshd.service", "ssh.socket", "ufw", "nftables", "firewalld"] {
            assert!(turns(name).can_lock_out(), "{name}");
        }
    }

    #[test]
    fn what_does_not_is_none() {
        for path in [
            "/etc",
            "/etc/ssh/sshd_config.bak/x",
            "/etc/ssh/ssh_config",
            "/etc/sudoers.bak",
            "/etc/postfix/main.cf",
            "/opt/mailcow-dockerized/data/conf/postfix/extra.cf",
            "/root/.ssh/known_hosts",
        ] {
            assert!(!Change::Remove { path: path.into() }.can_lock_out(), "{path}");
        }
        assert!(!turns("docker").can_lock_out());
        let run = super::super::Command { argv: vec!["ufw".into()], ..Default::default() };
        assert!(!Change::Run(run).can_lock_out());
    }
}
