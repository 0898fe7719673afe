//! The shapes in which a secret may turn up in what is told: as it is, escaped, quoted, encoded. Never
//! complete for what a program on a server makes of it; what templates make of it is kept separately.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Texts shorter than this (characters) count only as a word of their own: taken out wherever their
/// letters stand they would make all output unreadable.
pub(super) const SHORT: usize = 4;

/// Every text to look for.
pub(super) fn forms(secret: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let whole = secret.trim_end_matches(['\n', '\r']);
    // Diffs and programs show a text line by line.
    let lines = whole.lines().map(str::trim).filter(|line| line.chars().count() >= SHORT);
    for text in [secret, whole].into_iter().chain(lines) {
        if text.trim().is_empty() {
            continue;
        }
        out.insert(text.to_owned());
        if text.chars().count() < SHORT {
            continue;
        }
        out.insert(json_escaped(text));
        out.insert(json_escaped(&json_escaped(text)));
        out.insert(text.replace('\\', r"\\").replace('\'', r"\'").replace('\n', r"\n"));
        out.insert(text.replace('\'', r"'\''"));
        out.insert(text.replace('\'', "''"));
        out.insert(percent(text, ""));
        out.insert(percent(text, "/"));
        out.extend(base64(text));
    }
    out
}

fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn percent(text: &str, kept: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().fold(String::new(), |mut out, byte| {
        if plain(byte) || kept.as_bytes().contains(&byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// What of a base64 text depends on the secret alone, wherever in the encoded bytes it begins.
fn base64(text: &str) -> Vec<String> {
    let mut out = vec![];
    for before in 0..3_usize {
        let bytes = [&[0; 2][..before.min(2)], text.as_bytes()].concat();
        let encoded = STANDARD_NO_PAD.encode(&bytes);
        // Letters that also hold bits of what stands before or behind it are not its own.
        let start = (before * 8).div_ceil(6);
        let end = bytes.len() * 8 / 6;
        if end > start && end - start >= SHORT {
            let inside = encoded[start..end].to_owned();
            out.push(inside.replace('+', "-").replace('/', "_"));
            out.push(inside);
        }
    }
    out
}
