//! Who the shell runs as (after `become`), and its environment.
use super::{Parts, object};
use serde_json::{Map, Value, json};

pub(super) const FACTS: &[&str] = &[
    "user_id",
    "user_uid",
    "user_gid",
    "user_gecos",
    "user_dir",
    "user_shell",
    "real_user_id",
    "effective_user_id",
    "real_group_id",
    "effective_group_id",
];

pub(super) fn read(parts: &Parts<'_>) -> Map<String, Value> {
    let ids: Vec<&str> = parts.lines("ids").collect();
    let [name, uid, gid, real_uid, real_gid] = ids[..] else { return Map::new() };
    let number = |text: &str| text.parse::<u32>().ok();
    let passwd: Vec<&str> = parts.text("passwd").trim_end().split(':').collect();
    let field = |index: usize| passwd.get(index).copied().unwrap_or_default();
    object(json!({
        "user_id": name,
        "user_uid": number(uid),
        "user_gid": number(gid),
        "user_gecos": field(4),
        "user_dir": field(5),
        "user_shell": field(6),
        "real_user_id": number(real_uid),
        "effective_user_id": number(uid),
        "real_group_id": number(real_gid),
        "effective_group_id": number(gid),
    }))
}

/// Entries that end with NULs, behind the part's name.
pub(super) fn env(answer: &[u8]) -> Map<String, Value> {
    let entries = answer.strip_prefix(b"\0env\n").unwrap_or_default();
    let mut env = Map::new();
    for entry in entries.split(|byte| *byte == 0) {
        let entry = String::from_utf8_lossy(entry);
        if let Some((name, value)) = entry.split_once('=') {
            env.insert(name.to_owned(), value.into());
        }
    }
    object(json!({ "env": env }))
}
