//! What a web server answered, as results tell it; and forms, which are asked with.
use super::{Answered, Params, PlanError, wrong};
use crate::modules::values::json;
use serde_json::{Map, Value};

/// `codes`: the statuses that are right, as Python prints the list.
pub(super) fn told(params: &Params, answered: &Answered, codes: &str) -> Map<String, Value> {
    let mut out = Map::new();
    let (mut cookies, mut pairs) = (Map::new(), vec![]);
    for (name, value) in &answered.headers {
        let key = name.to_lowercase().replace('-', "_");
        if key == "set_cookie"
            && let Some((name, value)) = value.split(';').next().and_then(|it| it.split_once('='))
        {
            cookies.insert(name.trim().into(), value.trim().into());
            pairs.push(format!("{}={}", name.trim(), value.trim()));
        }
        match out.get_mut(&key) {
            Some(Value::String(earlier)) => *earlier = format!("{earlier}, {value}"),
            _ => drop(out.insert(key, value.clone().into())),
        }
    }
    let right = params.codes().is_ok_and(|codes| codes.contains(&answered.status));
    let status = answered.status;
    let msg = if right {
        let length = answered.header("content-length").unwrap_or("unknown");
        format!("OK ({length} bytes)")
    } else {
        let reason = &answered.reason;
        format!("Status code was {status} and not {codes}: HTTP Error {status}: {reason}")
    };
    let text = answered.body.text();
    if answered.header("content-type").is_some_and(|kind| kind.contains("json"))
        && let Ok(value) = serde_json::from_str::<Value>(&text)
    {
        out.insert("json".into(), value);
    }
    if params.return_content.is_some_and(|wanted| wanted.0) {
        out.insert("content".into(), text.into_owned().into());
    }
    out.insert("cookies".into(), cookies.into());
    out.insert("cookies_string".into(), pairs.join("; ").into());
    out.insert("redirected".into(), (answered.redirects > 0).into());
    out.insert("url".into(), answered.url.clone().into());
    out.insert("status".into(), status.into());
    out.insert("msg".into(), msg.into());
    out.insert("failed".into(), (!right).into());
    out
}

/// A mapping, or a list of pairs, as a form; text as it is.
pub(super) fn form(body: &Value) -> Result<String, PlanError> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        other => json(other),
    };
    let mut pairs: Vec<(String, &Value)> = vec![];
    match body {
        Value::String(text) => return Ok(text.clone()),
        Value::Object(map) => pairs.extend(map.iter().map(|(key, value)| (key.clone(), value))),
        Value::Array(items) => {
            for item in items {
                let Some([key, value]) = item.as_array().map(Vec::as_slice) else {
                    return Err(wrong("body", "must be a mapping or a list of pairs for a form"));
                };
                pairs.push((text(key), value));
            }
        }
        _ => return Err(wrong("body", "must be a mapping or a list of pairs for a form")),
    }
    let mut out = vec![];
    for (key, value) in pairs {
        let values = match value {
            Value::Array(values) => values.iter().collect(),
            one => vec![one],
        };
        out.extend(values.iter().map(|value| format!("{}={}", encoded(&key), encoded(&text(value)))));
    }
    Ok(out.join("&"))
}

/// Percent-encoded for a form, as Python's `urlencode` does it.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => char::from(byte).to_string(),
        b' ' => "+".to_owned(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn forms_are_written_as_python_writes_them() {
        assert_eq!(form(&json!({"a b": "é&", "c": [1, true]})).unwrap(), "a+b=%C3%A9%26&c=1&c=True");
        assert_eq!(form(&json!([["a", 1], ["a", 2]])).unwrap(), "a=1&a=2");
        assert_eq!(form(&json!("a=1")).unwrap(), "a=1");
        assert!(form(&json!([1])).is_err());
    }
}
