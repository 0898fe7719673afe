//! `get_url`: a file of the host is what a web server answers.
use super::values::{Flag, Mode, Number, Text, Texts};
use super::web::{self, Asked};
use super::write::{self, Wishes, is_dir, parent, resolve};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Attributes, Change, Download, Ran};
use crate::facts::{Fact, Observed, Probe, Stat};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    url: String,
    dest: String,
    checksum: Option<String>,
    force: Option<Flag>,
    backup: Option<Flag>,
    mode: Option<Mode>,
    owner: Option<Text>,
    group: Option<Text>,
    headers: Option<Map<String, Value>>,
    timeout: Option<Number>,
    url_username: Option<Text>,
    url_password: Option<Text>,
    force_basic_auth: Option<Flag>,
    http_agent: Option<String>,
    validate_certs: Option<Flag>,
    client_cert: Option<String>,
    client_key: Option<String>,
    use_proxy: Option<Flag>,
    use_netrc: Option<Flag>,
    ciphers: Option<Texts>,
    decompress: Option<Flag>,
}

fn wrong(path: &str, message: impl Into<String>) -> PlanError {
    PlanError::Params { path: path.to_owned(), message: message.into() }
}

impl Params {
    fn wishes(&self) -> Wishes<'_> {
        Wishes {
            mode: self.mode.as_ref(),
            owner: self.owner.as_ref(),
            group: self.group.as_ref(),
            validate: None,
            backup: self.backup.is_some_and(|backup| backup.0),
        }
    }

    fn path(&self, seen: &Observed) -> Result<String, PlanError> {
        if !self.dest.starts_with('/') {
            return Err(wrong("dest", format!("must be absolute, not `{}`", self.dest)));
        }
        if !is_dir(&self.dest, seen)? {
            return resolve(&self.dest, seen);
        }
        let address = self.url.split(['?', '#']).next().unwrap_or_default();
        let name = address.rsplit('/').next().filter(|name| !name.is_empty());
        let name = name.unwrap_or("index.html");
        resolve(&format!("{}/{name}", self.dest.trim_end_matches('/')), seen)
    }

    /// Algorithm and digits.
    fn sum(&self) -> Result<Option<(String, String)>, PlanError> {
        let Some(written) = self.checksum.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let shape = "must be written ALGORITHM:DIGITS, e.g. sha256:e3b0…";
        let (algorithm, digits) = written.split_once(':').ok_or_else(|| wrong("checksum", shape))?;
        if digits.contains("://") {
            let message = "must be the digits themselves; a list of them is not fetched";
            return Err(wrong("checksum", message));
        }
        let (algorithm, digits) = (algorithm.to_lowercase(), digits.trim().to_lowercase());
        let known = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];
        if !known.contains(&algorithm.as_str())
            || digits.is_empty()
            || !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err(wrong("checksum", shape));
        }
        Ok(Some((algorithm, digits)))
    }

    fn forces(&self) -> bool {
        self.force.is_some_and(|force| force.0)
    }

    /// Whether what is there has the checksum already.
    fn has_sum(&self, path: &str, seen: &Observed) -> Result<Option<bool>, PlanError> {
        let Some((algorithm, digits)) = self.sum()? else { return Ok(None) };
        let probe = Probe::Sums { algorithm, paths: vec![path.to_owned()] };
        Ok(match seen.get(&probe)? {
            Fact::Sums(sums) => Some(sums.first() == Some(&digits)),
            _ => None,
        })
    }

    fn asked(&self, since: Option<i64>) -> Result<crate::change::Request, PlanError> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let given = self.headers.iter().flatten();
        let mut headers: Vec<_> = given.map(|(name, value)| (name.clone(), text(value))).collect();
        if let Some((name, _)) = headers.iter().find(|(n, v)| (n.clone() + v).contains(['\r', '\n'])) {
            return Err(wrong("headers", format!("`{name}` holds a line end")));
        }
        let since = since.and_then(|since| jiff::Timestamp::from_second(since).ok());
        if let Some(since) = since {
            let date = since.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            headers.push(("If-Modified-Since".into(), date));
        }
        let asked = Asked {
            url: &self.url,
            method: "GET",
            headers,
            user: self.url_username.as_ref(),
            password: self.url_password.as_ref(),
            basic: self.force_basic_auth,
            agent: self.http_agent.as_deref(),
            verify: self.validate_certs,
            cert: self.client_cert.as_deref(),
            key: self.client_key.as_deref(),
            proxy: self.use_proxy,
            netrc: self.use_netrc,
            ciphers: self.ciphers.as_ref(),
            decompress: self.decompress,
            redirects: true,
            timeout: self.timeout,
            ..Asked::default()
        };
        // A wget can't ask for what is newer alone: it fetches, and what is fetched is compared.
        let plain = Asked { headers: vec![], ..asked.clone() }.request(10)?.plain;
        let plain = plain.filter(|_| self.headers.is_none());
        Ok(crate::change::Request { plain, ..asked.request(10)? })
    }
}

impl Module for This {
    const NAME: &'static str = "get_url";
    const SUMMARY: &'static str = "fetch a file from a web server, by the host";
    const EXAMPLES: &'static [&'static str] = &[
        "url: https://example.org/list.txt\ndest: /etc/list.txt\nmode: \"0644\"",
        "url: https://example.org/tool\ndest: /run/tool\nchecksum: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nforce: true\nbackup: true",
    ];
    const OPTIONS: &'static [Opt] = &[
        web::URL,
        Opt::new("dest", "Where it goes; into it, when it is a folder."),
        Opt::new("checksum", "ALGORITHM:DIGITS; what is not that never goes live."),
        Opt::new("force", "Fetch it also when it is there and not older."),
        write::BACKUP,
        write::MODE,
        write::OWNER,
        write::GROUP,
        web::HEADERS,
        Opt::new("timeout", "Seconds in which something must come (default 10)."),
        Opt::new("url_username", "Who we are.").aliases(&["username"]),
        Opt::new("url_password", "Our password.").aliases(&["password"]),
        web::FORCE_BASIC_AUTH,
        web::HTTP_AGENT,
        web::VALIDATE_CERTS,
        web::CLIENT_CERT,
        web::CLIENT_KEY,
        web::USE_PROXY,
        web::USE_NETRC,
        web::CIPHERS,
        web::DECOMPRESS,
    ];
    const REFUSED: &'static [Table] = &[
        &[("tmp_dest", "leave it out: a file is fetched beside the one that it replaces")],
        write::REFUSED,
        web::REFUSED,
    ];
    const RETURNS: &'static [Table] = &[
        &[
            ("url", "What was asked for."),
            ("dest", "The file."),
            ("status_code", "The status; null when nothing was asked."),
            ("checksum_dest", "SHA-1 of what was there; null when nothing was."),
            ("checksum_src", "SHA-1 of what was fetched."),
            ("elapsed", "Seconds."),
            ("backup_file", "With `backup`: where what was replaced is kept."),
        ],
        write::RETURNS,
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        vec![
            Probe::Path { path: params.dest.clone(), follow: false },
            Probe::Path { path: params.dest.clone(), follow: true },
        ]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let path = params.path(seen)?;
        let checksum = params.sum()?;
        let now = seen.stat(&path, false)?;
        let mut since = None;
        if let Some(stat) = now {
            let has = params.has_sum(&path, seen)?;
            if has == Some(true) && !params.forces() {
                return Ok(write::set(&path, params.wishes(), stat));
            }
            // What has the wrong checksum is fetched, however new it is.
            since = (has.is_none() && !params.forces()).then_some(stat.mtime);
        } else if !is_dir(parent(&path), seen)? {
            let message = format!("Destination {} does not exist", parent(&path));
            return Err(PlanError::failed(message));
        }
        let wishes = params.wishes();
        let attributes = match now {
            Some(stat) => write::attributes(wishes, stat).unwrap_or_default(),
            None => Attributes {
                mode: wishes.mode.map(|mode| mode.bits(0o644, false)),
                owner: wishes.owner.map(|owner| owner.0.clone()),
                group: wishes.group.map(|group| group.0.clone()),
            },
        };
        let before = now.and_then(|stat| stat.sha256.clone());
        let backup = before.as_ref().filter(|_| wishes.backup);
        let backup = backup.map(|sum| write::backup_name(&path, sum));
        let request = params.asked(since)?;
        let download = Download { path, request, attributes, backup, before, checksum };
        Ok(vec![Change::Download(Box::new(download))])
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        let Ok(path) = params.path(seen) else { return Map::new() };
        let mut out = Map::new();
        out.insert("url".into(), params.url.clone().into());
        out.insert("dest".into(), path.clone().into());
        let download = matches!(changes.first(), Some(Change::Download(_)));
        let (Some(ran), true) = (ran.last(), download) else {
            out.extend(write::about(&path, seen, changes, ran));
            out.insert("status_code".into(), Value::Null);
            out.insert("msg".into(), "file already exists".into());
            return out;
        };
        out.insert("elapsed".into(), web::elapsed(ran.took).into());
        if ran.rc != 0 {
            let said = ran.stderr.text().trim().to_owned();
            out.insert("msg".into(), said.into());
            out.insert("failed".into(), true.into());
            out.insert("changed".into(), false.into());
            return out;
        }
        out.extend(fetched(&ran.stdout.text()));
        if let (Some(Change::Download(download)), Some(Value::Bool(true))) =
            (changes.first(), out.get("changed"))
            && let Some(backup) = &download.backup
        {
            out.insert("backup_file".into(), backup.clone().into());
        }
        out
    }
}

/// What `run_download` in `transport/remote.sh` prints: `written|same STATUS SHA1-BEFORE SHA1-AFTER`,
/// then what the file is.
fn fetched(text: &str) -> Map<String, Value> {
    let mut out = Map::new();
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let stat = Stat::told(&Ran { stdout: rest.into(), ..Ran::default() });
    out.extend(stat.map_or_else(Map::new, |stat| write::told(&stat)));
    let mut words = first.split(' ');
    let what = words.next().unwrap_or_default();
    let status = words.next().and_then(|status| status.parse::<u16>().ok());
    let mut sum = || words.next().filter(|sum| *sum != "-").map(str::to_owned);
    let (before, after) = (sum(), sum());
    let size = out.get("size").cloned().unwrap_or_default();
    let msg = if status == Some(304) {
        "HTTP Error 304: Not Modified".to_owned()
    } else {
        format!("OK ({size} bytes)")
    };
    out.insert("changed".into(), (what != "same").into());
    out.insert("status_code".into(), status.into());
    out.insert("checksum_dest".into(), before.into());
    out.insert("checksum_src".into(), after.into());
    out.insert("msg".into(), msg.into());
    out
}
