//! Parameters that are wanted, checked as far as they can be without a server: `postconf` lets
//! `smtp_tls_ciphers = hihg` pass, and TLS breaks at the first session.
use super::protocols::Protocols;
use crate::source::nearest;
use serde::Deserialize;
use std::collections::BTreeMap;

/// By name; a parameter whose value is null is left alone and not among them.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "BTreeMap<String, Option<Scalar>>")]
pub(super) struct Parameters(BTreeMap<String, Setting>);

#[derive(Clone, Debug)]
enum Setting {
    Text(String),
    Protocols(Protocols),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Switch(bool),
    Number(i64),
    Text(String),
}

impl TryFrom<BTreeMap<String, Option<Scalar>>> for Parameters {
    type Error = String;

    fn try_from(given: BTreeMap<String, Option<Scalar>>) -> Result<Self, String> {
        let mut parameters = BTreeMap::new();
        for (name, value) in given {
            let text = match value {
                None => continue,
                Some(Scalar::Switch(true)) => "yes".into(),
                Some(Scalar::Switch(false)) => "no".into(),
                Some(Scalar::Number(number)) => number.to_string(),
                Some(Scalar::Text(text)) => text.trim().to_owned(),
            };
            let setting = check(&name, text).map_err(|why| format!("{name}: {why}"))?;
            parameters.insert(name, setting);
        }
        Ok(Self(parameters))
    }
}

impl Parameters {
    /// Their names, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
    /// Whether what to write depends on Postfix's version.
    pub(super) fn need_version(&self) -> bool {
        self.0.values().any(|setting| matches!(setting, Setting::Protocols(_)))
    }
    /// Names and values as they are written for a Postfix of this version.
    pub(super) fn render(&self, version: &str) -> BTreeMap<String, String> {
        let render = |setting: &Setting| match setting {
            Setting::Text(text) => text.clone(),
            Setting::Protocols(protocols) => protocols.render(version),
        };
        self.0.iter().map(|(name, setting)| (name.clone(), render(setting))).collect()
    }
}

const GRADES: &[&str] = &["export", "low", "medium", "high", "null"];
const CLIENT_LEVELS: &[&str] =
    &["none", "may", "encrypt", "dane", "dane-only", "fingerprint", "verify", "secure"];
const SERVER_LEVELS: &[&str] = &["none", "may", "encrypt"];
const SWITCHES: &[&str] = &[
    "smtp_tls_note_starttls_offer",
    "smtpd_tls_ask_ccert",
    "smtpd_tls_auth_only",
    "smtpd_tls_received_header",
    "tls_preempt_cipherlist",
];

fn check(name: &str, text: String) -> Result<Setting, String> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err("this is no name of a parameter".into());
    }
    if name.contains("myhostname") {
        return Err("Mailcow sets this one itself at every start".into());
    }
    if name.ends_with("_tls_protocols") || name.ends_with("_tls_mandatory_protocols") {
        return Protocols::parse(&text).map(Setting::Protocols);
    }
    let choices = match name {
        _ if name.ends_with("_tls_ciphers") || name.ends_with("_tls_mandatory_ciphers") => GRADES,
        "smtpd_tls_security_level" => SERVER_LEVELS,
        _ if name.ends_with("_tls_security_level") => CLIENT_LEVELS,
        _ if SWITCHES.contains(&name) => &["yes", "no"],
        _ => &[],
    };
    if !choices.is_empty() && !choices.contains(&text.as_str()) {
        let hint = nearest(&text, choices.iter().copied()).map_or_else(
            || format!("one of {}", choices.join(", ")),
            |known| format!("did you mean {known}?"),
        );
        return Err(format!("`{text}` is none of its values ({hint})"));
    }
    let of_cipher_list = |c: char| c.is_ascii_alphanumeric() || ":+-!@=_., ".contains(c);
    if name.ends_with("_cipherlist") && (text.is_empty() || !text.chars().all(of_cipher_list)) {
        return Err("this is no list of ciphers".into());
    }
    one_line(&text).map(|()| Setting::Text(text))
}

/// Whether a text stays what it is in a line of `extra.cf`, through Mailcow's rewrite of it as well.
pub(super) fn one_line(text: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        return Err("a value is one line without control characters".into());
    }
    if text.starts_with('#') {
        return Err("a value can't begin with `#`".into());
    }
    if text.contains('\\') {
        return Err("Mailcow's start script would interpret the backslash".into());
    }
    if text.contains("myhostname") && !text.contains("$myhostname") {
        return Err("Mailcow's start script deletes lines with `myhostname` (`$myhostname` may stay)".into());
    }
    if text.contains("!SSLv") {
        return Err("Mailcow's start script weakens OpenSSL where it finds `!SSLv`".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Parameters, String> {
        serde_yaml::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn switches_numbers_and_texts_become_values_and_null_is_left_alone() {
        let yaml = "{tls_preempt_cipherlist: true, smtpd_tls_loglevel: 1, smtp_tls_ciphers: ' high ', relayhost: null, smtp_helo_name: $myhostname}";
        let parameters = read(yaml).unwrap();
        assert!(!parameters.need_version());
        let values = parameters.render("");
        assert_eq!(values["tls_preempt_cipherlist"], "yes");
        assert_eq!(values["smtpd_tls_loglevel"], "1");
        assert_eq!(values["smtp_tls_ciphers"], "high");
        assert_eq!(values["smtp_helo_name"], "$myhostname");
        assert_eq!(values.len(), 4);
    }

    #[test]
    fn protocols_wait_for_the_version() {
        let parameters = read("smtpd_tls_mandatory_protocols: '>=TLSv1.2'").unwrap();
        assert!(parameters.need_version());
        let old = "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1";
        assert_eq!(parameters.render("3.4.14")["smtpd_tls_mandatory_protocols"], old);
    }

    #[test]
    fn what_would_break_mail_is_refused() {
        for (yaml, why) in [
            ("smtp_tls_ciphers: hihg", "smtp_tls_ciphers: `hihg` is none of its values (did you mean high?)"),
            ("tls_preempt_cipherlist: maybe", "(one of yes, no)"),
            ("smtpd_tls_security_level: dane", "none of its values"),
            ("tls_high_cipherlist: ''", "no list of ciphers"),
            ("tls_high_cipherlist: 'A:B;C'", "no list of ciphers"),
            ("smtp_tls_protocols: '>=TLSv1.9'", "no protocol is called `TLSv1.9`"),
            ("myhostname: mail", "Mailcow sets this one itself"),
            ("smtp_helo_name: ${myhostname}", "deletes lines"),
            ("relayhost: \"a\\nb\"", "one line"),
            ("relayhost: '#a'", "begin with `#`"),
            ("relayhost: 'a\\b'", "backslash"),
            ("tls_ssl_options: '!SSLv3'", "weakens OpenSSL"),
            ("'a b': c", "no name of a parameter"),
            ("relayhost: [a]", "did not match"),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.contains(why), "{yaml}: {error}");
        }
    }
}
