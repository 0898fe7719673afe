//! Every keyword of `ssh_config(5)`, and what becomes of it here: the one registry. A keyword that is
//! not in it is an error. Nothing here reads a file or knows a host.
//!
//! Source: `ssh_config(5)` of OpenSSH 9.2 and 10.0.
use super::values::Check;

/// A keyword in lower case, and what becomes of it.
#[derive(Debug)]
pub(super) struct Keyword {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What becomes of a keyword.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// `Host`: begins a block.
    Host,
    /// `Match`: begins a block.
    Match,
    /// `Include`: other files, as if they stood here.
    Include,
    /// `IgnoreUnknown`: patterns of keywords that may be unknown.
    IgnoreUnknown,
    /// The first value wins.
    First(Check),
    /// Every value counts, in order.
    Each,
    /// As `First`, but it weakens or changes something that we don't do: any other value than these
    /// keeps us from the host.
    Refused(Check, &'static [&'static str]),
    /// It is about what `cowhand` never does (terminals, forwarding, multiplexing, logs of `ssh`).
    Quiet,
}

/// The keyword of a name (any case), also by one of its old names.
pub(super) fn find(name: &str) -> Option<&'static Keyword> {
    let name = name.to_ascii_lowercase();
    let renamed = RENAMED.iter().find(|(old, _)| *old == name).map(|(_, new)| *new);
    let name = renamed.unwrap_or(&name);
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

const fn first(name: &'static str, check: Check) -> Keyword {
    Keyword { name, kind: Kind::First(check) }
}

const fn refused(name: &'static str, check: Check, harmless: &'static [&'static str]) -> Keyword {
    Keyword { name, kind: Kind::Refused(check, harmless) }
}

const fn quiet(name: &'static str) -> Keyword {
    Keyword { name, kind: Kind::Quiet }
}

/// Old names and what they are called now.
const RENAMED: &[(&str, &str)] = &[
    ("challengeresponseauthentication", "kbdinteractiveauthentication"),
    ("hostbasedkeytypes", "hostbasedacceptedalgorithms"),
    ("identityfile2", "identityfile"),
    ("keepalive", "tcpkeepalive"),
    ("pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"),
    ("skeyauthentication", "kbdinteractiveauthentication"),
    ("smartcarddevice", "pkcs11provider"),
    ("tisauthentication", "kbdinteractiveauthentication"),
];

/// The registry.
pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "host", kind: Kind::Host },
    Keyword { name: "match", kind: Kind::Match },
    Keyword { name: "include", kind: Kind::Include },
    Keyword { name: "ignoreunknown", kind: Kind::IgnoreUnknown },
    Keyword { name: "certificatefile", kind: Kind::Each },
    Keyword { name: "identityfile", kind: Kind::Each },
    first("addkeystoagent", Check::AddKeys),
    first("addressfamily", Check::Words(&["any", "inet", "inet6"])),
    first("batchmode", Check::Flag),
    first("bindaddress", Check::Text),
    first("casignaturealgorithms", Check::Algorithms),
    first("ciphers", Check::Algorithms),
    first("compression", Check::Flag),
    first("connectionattempts", Check::Number),
    first("connecttimeout", Check::Time),
    first("globalknownhostsfile", Check::Files),
    first("hashknownhosts", Check::Flag),
    first("hostkeyalgorithms", Check::Algorithms),
    first("hostkeyalias", Check::Text),
    first("hostname", Check::Text),
    first("identitiesonly", Check::Flag),
    first("identityagent", Check::Text),
    first("kbdinteractiveauthentication", Check::Flag),
    first("kexalgorithms", Check::Algorithms),
    first("macs", Check::Algorithms),
    first("numberofpasswordprompts", Check::Number),
    first("passwordauthentication", Check::Flag),
    first("port", Check::Port),
    first("preferredauthentications", Check::Text),
    first("proxycommand", Check::Line),
    first("proxyjump", Check::Jumps),
    first("pubkeyacceptedalgorithms", Check::Algorithms),
    first("pubkeyauthentication", Check::FlagOr(&["unbound", "host-bound"])),
    first("rekeylimit", Check::Rekey),
    first("requiredrsasize", Check::Number),
    first("revokedhostkeys", Check::Text),
    first("serveralivecountmax", Check::Number),
    first("serveraliveinterval", Check::Time),
    first("stricthostkeychecking", Check::Strictness),
    first("tag", Check::Text),
    first("tcpkeepalive", Check::Flag),
    first("updatehostkeys", Check::FlagOr(&["ask"])),
    first("user", Check::Text),
    first("userknownhostsfile", Check::Files),
    refused("bindinterface", Check::Text, &[]),
    refused("canonicalizehostname", Check::FlagOr(&["always", "none"]), &["no", "none"]),
    refused("checkhostip", Check::Flag, &["no"]),
    refused("knownhostscommand", Check::Line, &["none"]),
    refused("nohostauthenticationforlocalhost", Check::Flag, &["no"]),
    refused("pkcs11provider", Check::Text, &["none"]),
    refused("proxyusefdpass", Check::Flag, &["no"]),
    refused("securitykeyprovider", Check::Text, &["internal", "none"]),
    refused("verifyhostkeydns", Check::FlagOr(&["ask"]), &["no", "ask"]),
    quiet("afstokenpassing"),
    quiet("canonicaldomains"),
    quiet("canonicalizefallbacklocal"),
    quiet("canonicalizemaxdots"),
    quiet("canonicalizepermittedcnames"),
    quiet("channeltimeout"),
    quiet("cipher"),
    quiet("clearallforwardings"),
    quiet("compressionlevel"),
    quiet("controlmaster"),
    quiet("controlpath"),
    quiet("controlpersist"),
    quiet("dsaauthentication"),
    quiet("dynamicforward"),
    quiet("enableescapecommandline"),
    quiet("enablesshkeysign"),
    quiet("escapechar"),
    quiet("exitonforwardfailure"),
    quiet("fallbacktorsh"),
    quiet("fingerprinthash"),
    quiet("forkafterauthentication"),
    quiet("forwardagent"),
    quiet("forwardx11"),
    quiet("forwardx11timeout"),
    quiet("forwardx11trusted"),
    quiet("gatewayports"),
    quiet("globalknownhostsfile2"),
    quiet("gssapiauthentication"),
    quiet("gssapiclientidentity"),
    quiet("gssapidelegatecredentials"),
    quiet("gssapikexalgorithms"),
    quiet("gssapikeyexchange"),
    quiet("gssapirenewalforcesrekey"),
    quiet("gssapiserveridentity"),
    quiet("gssapitrustdns"),
    quiet("hostbasedacceptedalgorithms"),
    quiet("hostbasedauthentication"),
    quiet("ipqos"),
    quiet("kbdinteractivedevices"),
    quiet("kerberosauthentication"),
    quiet("kerberostgtpassing"),
    quiet("localcommand"),
    quiet("localforward"),
    quiet("loglevel"),
    quiet("logverbose"),
    quiet("obscurekeystroketiming"),
    quiet("permitlocalcommand"),
    quiet("permitremoteopen"),
    quiet("protocol"),
    quiet("remotecommand"),
    quiet("remoteforward"),
    quiet("requesttty"),
    quiet("rhostsauthentication"),
    quiet("rhostsrsaauthentication"),
    quiet("rsaauthentication"),
    quiet("sendenv"),
    quiet("sessiontype"),
    quiet("setenv"),
    quiet("stdinnull"),
    quiet("streamlocalbindmask"),
    quiet("streamlocalbindunlink"),
    quiet("syslogfacility"),
    quiet("tunnel"),
    quiet("tunneldevice"),
    quiet("useprivilegedport"),
    quiet("userknownhostsfile2"),
    quiet("useroaming"),
    quiet("usersh"),
    quiet("versionaddendum"),
    quiet("visualhostkey"),
    quiet("warnweakcrypto"),
    quiet("xauthlocation"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_and_there_once_and_old_names_lead_somewhere() {
        for (index, keyword) in KEYWORDS.iter().enumerate() {
            assert_eq!(keyword.name, keyword.name.to_lowercase());
            assert!(KEYWORDS[..index].iter().all(|other| other.name != keyword.name));
        }
        for (old, new) in RENAMED {
            assert_eq!(find(old).unwrap().name, *new);
            assert!(KEYWORDS.iter().all(|keyword| keyword.name != *old));
        }
    }
}
