//! What the modules that ask web servers have in common: their options as curl's configuration, and
//! the answer.
use super::values::{Flag, Number, Text, Texts};
use super::{Opt, PlanError};
use crate::change::Request;
use crate::facts::{Bytes, Took};
use std::fmt::Write as _;

/// For `OPTIONS`.
pub(super) const URL: Opt = Opt::new("url", "http://, https:// or ftp://, as the host sees it.");
/// For `OPTIONS`.
pub(super) const HEADERS: Opt = Opt::new("headers", "Headers by name.");
/// For `OPTIONS`.
pub(super) const FORCE_BASIC_AUTH: Opt =
    Opt::new("force_basic_auth", "Send user and password at once, not only when asked.");
/// For `OPTIONS`.
pub(super) const HTTP_AGENT: Opt = Opt::new("http_agent", "What we call ourselves.");
/// For `OPTIONS`.
pub(super) const VALIDATE_CERTS: Opt =
    Opt::new("validate_certs", "Refuse certificates that are not valid (default true).");
/// For `OPTIONS`.
pub(super) const CLIENT_CERT: Opt = Opt::new("client_cert", "A file of the host: our certificate.");
/// For `OPTIONS`.
pub(super) const CLIENT_KEY: Opt = Opt::new("client_key", "A file of the host: its key.");
/// For `OPTIONS`.
pub(super) const USE_PROXY: Opt =
    Opt::new("use_proxy", "Mind the proxy that the environment names (default true).");
/// For `OPTIONS`.
pub(super) const USE_NETRC: Opt =
    Opt::new("use_netrc", "Mind passwords in ~/.netrc (default true).");
/// For `OPTIONS`.
pub(super) const CIPHERS: Opt = Opt::new("ciphers", "Ciphers for TLS, as OpenSSL calls them.");
/// For `OPTIONS`.
pub(super) const DECOMPRESS: Opt =
    Opt::new("decompress", "Take answers that are compressed (default true).");

/// Options that Ansible has and we have not.
pub(super) const REFUSED: super::Table = &[
    ("unredirected_headers", "no header goes to another host than that of `url`"),
    ("use_gssapi", "Kerberos is not spoken: write `command: curl --negotiate`"),
];

/// What is asked, as both modules have it.
#[derive(Clone, Default)]
pub(super) struct Asked<'a> {
    pub(super) url: &'a str,
    pub(super) method: &'a str,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    pub(super) user: Option<&'a Text>,
    pub(super) password: Option<&'a Text>,
    pub(super) basic: Option<Flag>,
    pub(super) agent: Option<&'a str>,
    pub(super) verify: Option<Flag>,
    pub(super) ca: Option<&'a str>,
    pub(super) cert: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) socket: Option<&'a str>,
    pub(super) proxy: Option<Flag>,
    pub(super) netrc: Option<Flag>,
    pub(super) ciphers: Option<&'a Texts>,
    pub(super) decompress: Option<Flag>,
    pub(super) redirects: bool,
    pub(super) timeout: Option<Number>,
}

impl Asked<'_> {
    /// The request; `seconds`: without a word about it, how long nothing may come.
    pub(super) fn request(&self, seconds: u32) -> Result<Request, PlanError> {
        let known = ["http://", "https://", "ftp://"].iter().any(|it| self.url.starts_with(it));
        if !known || self.url.chars().any(|c| c.is_control() || c == ' ') {
            let message = format!("`{}` is no address that can be asked", self.url);
            return Err(PlanError::Params { path: "url".into(), message });
        }
        let yes = |flag: Option<Flag>| flag.is_none_or(|flag| flag.0);
        let mut config = Config::default();
        config.set("url", self.url);
        match self.method {
            "HEAD" => config.flag("head"),
            "GET" if self.body.is_none() => {}
            method => config.set("request", method),
        }
        for (name, value) in &self.headers {
            // curl drops a header that has nothing behind its colon.
            let header =
                if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
            config.set("header", &header);
        }
        if let Some(body) = &self.body {
            config.set("data-raw", body);
        }
        if let Some(user) = self.user {
            let password = self.password.map_or("", |password| password.0.as_str());
            config.set("user", &format!("{}:{password}", user.0));
            config.flag(if self.basic.is_some_and(|basic| basic.0) { "basic" } else { "anyauth" });
        }
        let seconds = self.timeout.map_or(seconds, |seconds| seconds.0).to_string();
        for (name, value) in [
            ("user-agent", Some(self.agent.unwrap_or("ansible-httpget"))),
            ("cacert", self.ca),
            ("cert", self.cert),
            ("key", self.key),
            ("unix-socket", self.socket),
            ("connect-timeout", Some(seconds.as_str())),
            ("speed-limit", Some("1")),
            ("speed-time", Some(seconds.as_str())),
            ("noproxy", (!yes(self.proxy)).then_some("*")),
        ] {
            value.iter().for_each(|value| config.set(name, value));
        }
        if let Some(ciphers) = self.ciphers {
            config.set("ciphers", &ciphers.0.join(":"));
        }
        for (name, wanted) in [
            ("insecure", !yes(self.verify)),
            ("netrc-optional", yes(self.netrc)),
            ("compressed", yes(self.decompress)),
            ("location", self.redirects),
        ] {
            if wanted {
                config.flag(name);
            }
        }
        let reads = matches!(self.method, "GET" | "HEAD");
        Ok(Request { config: config.text.into(), plain: self.plain(), reads })
    }

    /// The URL, when any `wget` will do.
    fn plain(&self) -> Option<String> {
        let special = self.body.is_some()
            || !self.headers.is_empty()
            || self.user.is_some()
            || self.verify.is_some_and(|verify| !verify.0)
            || self.proxy.is_some_and(|proxy| !proxy.0)
            || self.ciphers.is_some()
            || [self.ca, self.cert, self.key, self.socket].iter().any(Option::is_some)
            || self.url.contains('@');
        (self.method == "GET" && !special).then(|| self.url.to_owned())
    }
}

/// A configuration file of curl (`--config` in curl(1)).
#[derive(Default)]
struct Config {
    text: String,
}

impl Config {
    fn flag(&mut self, name: &str) {
        self.text += name;
        self.text.push('\n');
    }
    fn set(&mut self, name: &str, value: &str) {
        let quoted = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
            .replace('\r', "\\r")
            .replace('\t', "\\t");
        // Writing to a String can't fail.
        let _ = writeln!(self.text, "{name} = \"{quoted}\"");
    }
}

/// What a host's curl brought: see `run_request` in `transport/remote.sh`.
pub(super) struct Answered {
    pub(super) status: i64,
    pub(super) url: String,
    pub(super) redirects: u32,
    pub(super) reason: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Answered {
    /// `STATUS REDIRECTS URL`, a line; how many bytes the headers have, a line; the headers; the body.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = line(bytes)?;
        let (length, rest) = line(rest)?;
        let length = length.trim().parse().ok()?;
        let (headers, body) = (rest.get(..length)?, rest.get(length..)?);
        let mut words = first.splitn(3, ' ');
        let (status, redirects) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let url = words.next().unwrap_or_default().to_owned();
        let text = String::from_utf8_lossy(headers).replace("\r\n", "\n");
        // Of each answer on the way there is a block; the last one counts.
        let last = text.trim_end().rsplit("\n\n").next().unwrap_or_default();
        let mut lines = last.lines();
        let reason = lines.next().unwrap_or_default().splitn(3, ' ').nth(2).unwrap_or_default();
        let reason = reason.to_owned();
        let pair = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        };
        let headers = lines.filter_map(pair).collect();
        Some(Self { status, url, redirects, reason, headers, body: Bytes(body.to_vec()) })
    }
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }
}

fn line(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 1..]))
}

/// Whole seconds.
pub(super) fn elapsed(took: Option<Took>) -> i64 {
    took.map_or(0, |took| (took.end - took.start).max(0) / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_written_for_curl_and_nothing_breaks_out_of_a_line() {
        let password = Text("p\"w\\d\nurl = \"http://evil\"".into());
        let user = Text("me".into());
        let asked = Asked {
            url: "https://mail.example/x",
            method: "POST",
            headers: vec![("X-A".into(), "1".into())],
            body: Some("a\nb".into()),
            user: Some(&user),
            password: Some(&password),
            verify: Some(Flag(false)),
            ..Asked::default()
        };
        let request = asked.request(30).unwrap();
        let text = request.config.text().into_owned();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "url = \"https://mail.example/x\"");
        assert!(lines.contains(&"data-raw = \"a\\nb\"") && lines.contains(&"insecure"), "{text}");
        assert!(lines.contains(&"user = \"me:p\\\"w\\\\d\\nurl = \\\"http://evil\\\"\""), "{text}");
        assert_eq!((request.plain, request.reads), (None, false));
        assert!(Asked { url: "file:///etc/shadow", ..asked }.request(30).is_err());
    }

    #[test]
    fn the_last_of_several_answers_counts() {
        let headers =
            "HTTP/1.1 301 Moved\r\nLocation: /b\r\n\r\nHTTP/1.1 200 OK then\r\nX-Y: z\r\n\r\n";
        let text = format!("200 1 http://a/b\n{}\n{headers}body\n", headers.len());
        let read = Answered::read(text.as_bytes()).unwrap();
        assert_eq!((read.status, read.redirects, read.url.as_str()), (200, 1, "http://a/b"));
        assert_eq!((read.reason.as_str(), read.header("x-y")), ("OK then", Some("z")));
        assert_eq!(read.body.text(), "body\n");
    }
}
