//! The kernel's command line, and which security modules it runs.
use super::{Parts, object};
use serde_json::{Map, Value, json};

pub(super) const FACTS: &[&str] = &["cmdline", "proc_cmdline", "fips", "apparmor", "selinux"];

pub(super) fn read(parts: &Parts<'_>) -> Map<String, Value> {
    let words = shlex::split(parts.text("cmdline").trim()).unwrap_or_default();
    let (mut cmdline, mut all) = (Map::new(), Map::new());
    for word in words {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Value::from(value)),
            None => (word, Value::Bool(true)),
        };
        let together = match all.remove(&name) {
            None => value.clone(),
            Some(Value::Array(mut values)) => {
                values.push(value.clone());
                values.into()
            }
            Some(first) => vec![first, value.clone()].into(),
        };
        all.insert(name.clone(), together);
        cmdline.insert(name, value);
    }
    let apparmor = if parts.word("apparmor") == Some("Y") { "enabled" } else { "disabled" };
    object(json!({
        "cmdline": cmdline,
        "proc_cmdline": all,
        "fips": parts.word("fips") == Some("1"),
        "apparmor": {"status": apparmor},
        "selinux": selinux(parts),
    }))
}

fn selinux(parts: &Parts<'_>) -> Value {
    let Some(enforce) = parts.word("selinux_enforce") else { return json!({"status": "disabled"}) };
    let mode = if enforce == "1" { "enforcing" } else { "permissive" };
    let config = |key| parts.value("selinux_config", key, '=').unwrap_or("unknown");
    json!({
        "status": "enabled",
        "mode": mode,
        "config_mode": config("SELINUX"),
        "type": config("SELINUXTYPE"),
        "policyvers": parts.word("selinux_policy").and_then(|text| text.parse::<u32>().ok()),
    })
}
