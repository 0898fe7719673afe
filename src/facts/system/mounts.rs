//! Mounted file systems with a device behind them, and how full they are (`/proc/self/mounts`, `stat -f`).
use super::Parts;
use serde_json::{Map, Value, json};

pub(super) fn read(parts: &Parts<'_>) -> Map<String, Value> {
    let mounts: Vec<Value> = parts.lines("mounts").filter_map(|line| mount(line, parts)).collect();
    [("mounts".to_owned(), mounts.into())].into_iter().collect()
}

fn mount(line: &str, parts: &Parts<'_>) -> Option<Value> {
    let words: Vec<&str> = line.split(' ').collect();
    let [device, at, kind, options, dump, pass] = words[..] else { return None };
    if kind == "none" || !(device.starts_with('/') || device.contains(":/")) {
        return None;
    }
    let uuid = parts.lines("uuids").find_map(|line| line.strip_prefix(device)?.strip_prefix(' '));
    let mut out = json!({
        "device": unescaped(device),
        "mount": unescaped(at),
        "fstype": kind,
        "options": options,
        "dump": dump.parse::<u32>().unwrap_or(0),
        "passno": pass.parse::<u32>().unwrap_or(0),
        "uuid": uuid.unwrap_or("N/A"),
    });
    let size = parts.lines("sizes").find_map(|line| line.strip_prefix(at)?.strip_prefix(' '));
    let numbers: Vec<u64> =
        size.unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
    // The kernel tells sizes in units of the second number, and of blocks in the first.
    if let [block, unit, blocks, available, inodes, inodes_free] = numbers[..] {
        let sizes = json!({
            "block_size": block,
            "block_total": blocks,
            "block_available": available,
            "block_used": blocks.saturating_sub(available),
            "size_total": blocks.saturating_mul(unit),
            "size_available": available.saturating_mul(unit),
            "inode_total": inodes,
            "inode_available": inodes_free,
            "inode_used": inodes.saturating_sub(inodes_free),
        });
        if let (Value::Object(out), Value::Object(sizes)) = (&mut out, sizes) {
            out.extend(sizes);
        }
    }
    Some(out)
}

/// `\\040` is a space.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code {
            out.push(char::from(code));
            rest = &after[3..];
        } else {
            out.push('\\');
            rest = after;
        }
    }
    out + rest
}
