//! What a server says to clients: TLS handshakes and HTTP headers, tried from the server itself, whose
//! tools are the lab's.
use super::lab::Server;
use std::collections::BTreeSet;

/// How a handshake ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Handshake {
    /// With that suite.
    Accepted(String),
    /// The server sent an alert.
    Refused,
}

impl Handshake {
    pub(super) fn with(suite: &str) -> Self {
        Self::Accepted(suite.into())
    }
}

/// An answer to GET: status and headers, names in lower case.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
}

impl Server {
    /// A handshake with a port, as a client with those options of `openssl s_client`.
    #[track_caller]
    pub(super) fn handshake(&self, port: u64, options: &str) -> Handshake {
        let starttls = if [25, 587].contains(&port) { "-starttls smtp" } else { "" };
        let said = self.sh(&format!(
            "openssl s_client -connect {}:{port} {starttls} {options} < /dev/null 2>&1 || true",
            self.address(),
        ));
        let suite = said.split_once("Cipher is ").map(|(_, rest)| rest.split_whitespace().next());
        match suite.flatten() {
            // Without an alert it is not the server that refused.
            Some("(NONE)")
                if said.contains(":tlsv1 alert") || said.contains("alert handshake failure") =>
            {
                Handshake::Refused
            }
            Some(suite) if suite != "(NONE)" => Handshake::with(suite),
            _ => panic!("port {port}, {options}: no handshake at all:\n{said}"),
        }
    }

    /// The answer to GET over HTTPS, for Mailcow's own host name.
    pub(super) fn get(&self, path: &str) -> Answer {
        let (host, port) = (self.hostname(), self.https_port());
        let said = self.sh(&format!(
            "curl -sSk -m 20 -o /dev/null -D - -H 'Accept-Encoding: gzip' --resolve {host}:{port}:{} https://{host}:{port}{path}",
            self.address(),
        ));
        let mut lines = said.lines();
        let status = lines.next().and_then(|line| line.split_whitespace().nth(1)).unwrap();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        Answer { status: status.parse().unwrap(), headers: headers.collect() }
    }
}

impl Answer {
    /// The values of a header, one for each time that it was sent.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(header, _)| *header == name.to_lowercase());
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// A header that is there once, with this meaning.
    #[track_caller]
    pub(super) fn assert_once(&self, name: &str, value: &str) {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {:#?}", self.headers);
        assert_eq!(meaning(all[0]), meaning(value), "{name}");
    }
}

/// A header's value as browsers take it: parts behind `;` or `,`, each a list of words.
fn meaning(value: &str) -> BTreeSet<Vec<String>> {
    let parts = value
        .split([';', ','])
        .map(|part| part.split_whitespace().map(str::to_lowercase).collect());
    parts.filter(|words: &Vec<String>| !words.is_empty()).collect()
}
