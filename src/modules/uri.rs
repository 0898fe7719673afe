//! `uri`: asks a web server, from the host.
mod answer;

use super::stat::json_map;
use super::values::{Flag, Number, Text, Texts, json};
use super::web::{self, Answered, Asked};
use super::{Bind, Module, Opt, PlanError, Table, execute};
use crate::change::{Change, Ran};
use crate::facts::{Bytes, Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    url: String,
    method: Option<String>,
    headers: Option<Map<String, Value>>,
    body: Option<Value>,
    body_format: Option<Format>,
    #[serde(rename = "src")]
    _src: Option<String>,
    status_code: Option<Value>,
    return_content: Option<Flag>,
    creates: Option<String>,
    removes: Option<String>,
    follow_redirects: Option<Value>,
    timeout: Option<Number>,
    url_username: Option<Text>,
    url_password: Option<Text>,
    force_basic_auth: Option<Flag>,
    http_agent: Option<String>,
    validate_certs: Option<Flag>,
    ca_path: Option<String>,
    client_cert: Option<String>,
    client_key: Option<String>,
    unix_socket: Option<String>,
    use_proxy: Option<Flag>,
    use_netrc: Option<Flag>,
    ciphers: Option<Texts>,
    decompress: Option<Flag>,
    force: Option<Flag>,
    #[serde(rename = "_source")]
    source: Option<Source>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Format {
    Raw,
    Json,
    FormUrlencoded,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    #[serde(rename = "path")]
    _path: String,
    content: Bytes,
}

fn wrong(path: &str, message: impl Into<String>) -> PlanError {
    PlanError::Params { path: path.to_owned(), message: message.into() }
}

impl Params {
    fn method(&self) -> String {
        self.method.as_deref().unwrap_or("GET").to_uppercase()
    }

    /// The body and the header that says what it is.
    fn body(&self) -> Result<(Option<String>, Option<&'static str>), PlanError> {
        if let Some(source) = &self.source {
            let text = String::from_utf8(source.content.0.clone());
            let text = text.map_err(|_| wrong("src", "must be UTF-8 text to be sent"))?;
            return Ok((Some(text), None));
        }
        let Some(body) = &self.body else { return Ok((None, None)) };
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => json(other),
        };
        Ok(match self.body_format.unwrap_or(Format::Raw) {
            Format::Raw => (Some(text(body)), None),
            Format::Json => (Some(text(body)), Some("application/json")),
            Format::FormUrlencoded => {
                (Some(answer::form(body)?), Some("application/x-www-form-urlencoded"))
            }
        })
    }

    fn headers(&self, kind: Option<&str>) -> Result<Vec<(String, String)>, PlanError> {
        let mut headers = vec![];
        for (name, value) in self.headers.iter().flatten() {
            let value = match value {
                Value::String(text) => text.clone(),
                other => json(other),
            };
            if [name, &value].iter().any(|part| part.contains(['\r', '\n'])) {
                return Err(wrong("headers", format!("`{name}` holds a line end")));
            }
            headers.push((name.clone(), value));
        }
        let said = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if let (Some(kind), false) = (kind, said) {
            headers.push(("Content-Type".into(), kind.into()));
        }
        if self.force.is_some_and(|force| force.0) {
            headers.push(("Cache-Control".into(), "no-cache".into()));
        }
        Ok(headers)
    }

    fn redirects(&self, method: &str) -> Result<bool, PlanError> {
        let safe = matches!(method, "GET" | "HEAD");
        Ok(match &self.follow_redirects {
            None => safe,
            Some(Value::Bool(all)) => *all,
            Some(Value::String(word)) => match word.as_str() {
                "safe" | "urllib2" => safe,
                "all" | "yes" => true,
                "none" | "no" => false,
                _ => return Err(wrong("follow_redirects", "must be all, none or safe")),
            },
            Some(_) => return Err(wrong("follow_redirects", "must be all, none or safe")),
        })
    }

    fn asked(&self) -> Result<crate::change::Request, PlanError> {
        let method = self.method();
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(wrong("method", "must be a word of letters"));
        }
        let (body, kind) = self.body()?;
        let asked = Asked {
            url: &self.url,
            headers: self.headers(kind)?,
            body,
            user: self.url_username.as_ref(),
            password: self.url_password.as_ref(),
            basic: self.force_basic_auth,
            agent: self.http_agent.as_deref(),
            verify: self.validate_certs,
            ca: self.ca_path.as_deref(),
            cert: self.client_cert.as_deref(),
            key: self.client_key.as_deref(),
            socket: self.unix_socket.as_deref(),
            proxy: self.use_proxy,
            netrc: self.use_netrc,
            ciphers: self.ciphers.as_ref(),
            decompress: self.decompress,
            redirects: self.redirects(&method)?,
            timeout: self.timeout,
            method: &method,
        };
        asked.request(30)
    }

    fn codes(&self) -> Result<Vec<i64>, PlanError> {
        let one = |value: &Value| match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let codes = match &self.status_code {
            None => Some(vec![200]),
            Some(Value::Array(codes)) => codes.iter().map(one).collect(),
            Some(code) => one(code).map(|code| vec![code]),
        };
        codes.ok_or_else(|| wrong("status_code", "must be a status or a list of them"))
    }

    /// Why nothing needs to be asked.
    fn spared(&self, seen: &Observed) -> Result<Option<String>, PlanError> {
        let guards = execute::Wanted {
            run: crate::change::Command::default(),
            cmd: Value::Null,
            creates: self.creates.as_deref(),
            removes: self.removes.as_deref(),
            strip: false,
        };
        guards.spared(seen)
    }
}

impl Module for This {
    const NAME: &'static str = "uri";
    const SUMMARY: &'static str = "ask a web server, from the host";
    const EXAMPLES: &'static [&'static str] = &[
        "url: https://localhost/\nreturn_content: true\nvalidate_certs: false",
        "url: http://localhost:8080/api\nmethod: POST\nbody_format: json\nbody: {a: 1}\nstatus_code: [200, 201]\nheaders: {X-API-Key: secret}",
    ];
    const OPTIONS: &'static [Opt] = &[
        web::URL,
        Opt::new("method", "GET (default), HEAD, POST …"),
        web::HEADERS,
        Opt::new("body", "What is sent."),
        Opt::new("body_format", "raw (default), json or form-urlencoded."),
        Opt::new("src", "A file of the project that is sent instead.").bind(Bind::File),
        Opt::new("status_code", "The status that is right, or a list of them (default 200)."),
        Opt::new("return_content", "Return what was answered, as `content`."),
        execute::CREATES,
        execute::REMOVES,
        Opt::new("follow_redirects", "all, none or safe (default: what only reads)."),
        Opt::new("timeout", "Seconds in which something must come (default 30)."),
        Opt::new("url_username", "Who we are.").aliases(&["user"]),
        Opt::new("url_password", "Our password.").aliases(&["password"]),
        web::FORCE_BASIC_AUTH,
        web::HTTP_AGENT,
        web::VALIDATE_CERTS,
        Opt::new("ca_path", "A file of the host: certificates to trust."),
        web::CLIENT_CERT,
        web::CLIENT_KEY,
        Opt::new("unix_socket", "A socket of the host, instead of the network."),
        web::USE_PROXY,
        web::USE_NETRC,
        web::CIPHERS,
        web::DECOMPRESS,
        Opt::new("force", "Ask for nothing that is kept by a cache."),
        Opt::new("_source", "From `src`."),
    ];
    const REFUSED: &'static [Table] = &[
        &[
            ("dest", "write `get_url` to keep what is answered in a file"),
            ("remote_src", "write `get_url`, or `command: curl --upload-file`"),
            ("mode", "write `get_url` to keep what is answered in a file"),
            ("owner", "write `get_url` to keep what is answered in a file"),
            ("group", "write `get_url` to keep what is answered in a file"),
        ],
        super::write::REFUSED,
        web::REFUSED,
    ];
    const RETURNS: &'static [Table] = &[&[
        ("status", "The status; -1 when nothing was answered."),
        ("url", "Where it was answered, after redirects."),
        ("redirected", "Whether there were any."),
        ("content", "What was answered, with `return_content`."),
        ("json", "The same, read, when it is JSON."),
        ("elapsed", "Seconds."),
        ("cookies, cookies_string", "Cookies that were set."),
        ("content_type …", "Headers, in lowercase, with `_` for `-`."),
    ]];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        let guards = params.creates.iter().chain(&params.removes);
        guards.map(|path| Probe::Path { path: path.clone(), follow: true }).collect()
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        params.codes()?;
        let request = params.asked()?;
        Ok(match params.spared(seen)? {
            Some(_) => vec![],
            None => vec![Change::Request(request)],
        })
    }

    fn result(
        params: &Params,
        seen: &Observed,
        _: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        let mut out = json_map(serde_json::json!({"changed": false}));
        if let Ok(Some(why)) = params.spared(seen) {
            out.insert("skipped".into(), true.into());
            out.insert("msg".into(), format!("skipped, since {}", why.replace('\'', "")).into());
            return out;
        }
        let Some(ran) = ran.last() else { return out };
        out.insert("elapsed".into(), web::elapsed(ran.took).into());
        let codes = params.codes().unwrap_or_default();
        let codes = format!("[{}]", codes.iter().map(i64::to_string).collect::<Vec<_>>().join(", "));
        let Some(answered) = Answered::read(&ran.stdout.0).filter(|_| ran.rc == 0) else {
            let said = ran.stderr.text().trim().to_owned();
            let msg = format!("Status code was -1 and not {codes}: Request failed: {said}");
            out.insert("url".into(), params.url.clone().into());
            out.insert("status".into(), (-1).into());
            out.insert("msg".into(), msg.into());
            out.insert("failed".into(), true.into());
            return out;
        };
        out.extend(answer::told(params, &answered, &codes));
        out
    }
}
