//! Filters that encode and digest.
use crate::vars::call::{Call, Entry, entry};
use crate::vars::native::from_json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use serde_json::{Value as Json, json};
use sha2::Digest as _;
use std::fmt::Write as _;

pub(super) static ENTRIES: [Entry; 6] = [
    entry("b64encode", &["encoding"], "text as Base64", "'abc' | b64encode", encode),
    entry("b64decode", &["encoding"], "Base64 as text", "'YWJj' | b64decode", decode),
    entry(
        "hash",
        &["hashtype"],
        "a digest (`md5`, `sha1`, `sha224`, `sha256`, `sha384`, `sha512`)",
        "'abc' | hash('sha256')",
        |call| {
            let kind = call.text_arg(0)?.unwrap_or_else(|| "sha1".to_owned());
            digest_of(call, &kind)
        },
    ),
    entry("checksum", &[], "the SHA-1 digest", "'abc' | checksum", |call| digest_of(call, "sha1")),
    entry(
        "urlencode",
        &[],
        "text, or a mapping as a query, for a URL",
        "'a b' | urlencode",
        urlencode,
    ),
    entry(
        "urlsplit",
        &["query"],
        "the parts of a URL, or one of them",
        "'https://a.b/c' | urlsplit('path')",
        urlsplit,
    ),
];

fn utf8_only(call: &Call) -> Result<(), Error> {
    let encoding = call.text_arg(0)?.unwrap_or_else(|| "utf-8".to_owned()).to_lowercase();
    if ["utf-8", "utf8"].contains(&encoding.as_str()) {
        Ok(())
    } else {
        Err(call.error("knows no encoding but utf-8"))
    }
}

fn encode(call: &mut Call) -> Result<Value, Error> {
    utf8_only(call)?;
    Ok(Value::from(STANDARD.encode(call.text()?)))
}

fn decode(call: &mut Call) -> Result<Value, Error> {
    utf8_only(call)?;
    let text: String = call.text()?.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(text).map_err(|_| call.error("was given no valid Base64"))?;
    String::from_utf8(bytes)
        .map(Value::from)
        .map_err(|_| call.error("found bytes that are no text"))
}

pub(super) fn digest_of(call: &Call, kind: &str) -> Result<Value, Error> {
    let text = call.text()?;
    let bytes: Vec<u8> = match kind {
        "md5" => md5::Md5::digest(text).to_vec(),
        "sha1" => sha1::Sha1::digest(text).to_vec(),
        "sha224" => sha2::Sha224::digest(text).to_vec(),
        "sha256" => sha2::Sha256::digest(text).to_vec(),
        "sha384" => sha2::Sha384::digest(text).to_vec(),
        "sha512" => sha2::Sha512::digest(text).to_vec(),
        _ => {
            return Err(
                call.error("digests by `md5`, `sha1`, `sha224`, `sha256`, `sha384` or `sha512`")
            );
        }
    };
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok(Value::from(hex))
}

fn percent(text: &str, kept: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || "_.-~".contains(char::from(byte))
            || kept.contains(char::from(byte))
        {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn urlencode(call: &mut Call) -> Result<Value, Error> {
    if call.value.kind() != ValueKind::Map {
        return Ok(Value::from(percent(&call.text()?, "/")));
    }
    let query = |text: String| percent(&text, "").replace("%20", "+");
    let mut pairs = Vec::new();
    for (key, value) in call.entries_of(&call.value)? {
        pairs.push(format!(
            "{}={}",
            query(crate::vars::native::text(&key)?),
            query(crate::vars::native::text(&value)?)
        ));
    }
    Ok(Value::from(pairs.join("&")))
}

fn urlsplit(call: &mut Call) -> Result<Value, Error> {
    let url = call.text()?;
    let (rest, fragment) = url.split_once('#').unwrap_or((&url, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let schemed = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let (scheme, rest) = match rest.split_once(':') {
        Some((scheme, rest)) if !scheme.is_empty() && scheme.chars().all(schemed) => (scheme, rest),
        _ => ("", rest),
    };
    let (netloc, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let (user, host) =
        netloc.rsplit_once('@').map_or((None, netloc), |(user, host)| (Some(user), host));
    let (username, password) = match user {
        Some(user) => {
            user.split_once(':').map_or((Some(user), None), |(name, word)| (Some(name), Some(word)))
        }
        None => (None, None),
    };
    let (hostname, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => {
            Some(port.parse::<u16>().map_err(|_| call.error("found a port that is none"))?)
        }
        None => None,
    };
    let hostname = (!hostname.is_empty()).then(|| hostname.to_lowercase());
    let parts = json!({
        "fragment": fragment, "hostname": hostname, "netloc": netloc, "password": password, "path": path,
        "port": port, "query": query, "scheme": scheme.to_lowercase(), "username": username,
    });
    match call.text_arg(0)?.as_deref() {
        None | Some("") => Ok(from_json(&parts)),
        Some(wanted) => {
            let found: Option<&Json> = parts.get(wanted);
            found
                .map(from_json)
                .ok_or_else(|| call.error(format!("knows no part `{wanted}` of a URL")))
        }
    }
}
