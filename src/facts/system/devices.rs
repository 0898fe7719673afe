//! Disks and their partitions (sysfs, `/sys/block`). Sectors there are 512 bytes, whatever the disk's.
use super::{Parts, object};
use serde_json::{Map, Value, json};

pub(super) fn read(parts: &Parts<'_>) -> Map<String, Value> {
    let mut devices = Map::new();
    for name in parts.0.keys().filter_map(|part| part.strip_prefix("disk ")) {
        let part = format!("disk {name}");
        let text = |key: &str| parts.value(&part, key, ' ');
        // `none [mq-deadline] kyber`: the one in use is in brackets.
        let scheduler = text("scheduler").unwrap_or_default();
        let in_use = scheduler.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
        let mut disk = size(parts, &part, text("logical_block_size"));
        disk.extend(object(json!({
            "vendor": text("vendor"),
            "model": text("model"),
            "removable": text("removable"),
            "rotational": text("rotational"),
            "scheduler_mode": in_use.map_or(scheduler, |(name, _)| name),
            "support_discard": text("discard_granularity"),
            "holders": holders(parts, &part),
            "virtual": i32::from(text("virtual").is_some()),
            "partitions": partitions(parts, name, text("logical_block_size")),
        })));
        devices.insert(name.to_owned(), disk.into());
    }
    object(json!({ "devices": devices }))
}

fn partitions(parts: &Parts<'_>, disk: &str, block: Option<&str>) -> Map<String, Value> {
    let of = format!("partition {disk} ");
    let mut partitions = Map::new();
    for (part, name) in parts.0.keys().filter_map(|part| Some((part, part.strip_prefix(&*of)?))) {
        let device = format!("/dev/{name} ");
        let uuid = parts.lines("uuids").find_map(|line| line.strip_prefix(&*device));
        let mut facts = size(parts, part, block);
        facts.extend(object(json!({
            "start": parts.value(part, "start", ' '),
            "uuid": uuid,
            "holders": holders(parts, part),
        })));
        partitions.insert(name.to_owned(), facts.into());
    }
    partitions
}

fn holders<'a>(parts: &Parts<'a>, part: &str) -> Vec<&'a str> {
    parts.lines(part).filter_map(|line| line.strip_prefix("holder ")).collect()
}

fn size(parts: &Parts<'_>, part: &str, block: Option<&str>) -> Map<String, Value> {
    let sectors = parts.value(part, "size", ' ').and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    object(json!({
        "sectors": sectors,
        "sectorsize": block.unwrap_or("512"),
        "size": human(sectors.saturating_mul(512)),
    }))
}

/// `3.50 GB`: powers of 1024 under their decimal names, as Ansible writes sizes.
fn human(bytes: u64) -> String {
    let units = [(40, "TB"), (30, "GB"), (20, "MB"), (10, "KB"), (0, "Bytes")];
    let unit = units.into_iter().find(|(shift, _)| bytes >> shift > 0);
    let (shift, name) = unit.unwrap_or((0, "Bytes"));
    let (whole, rest) = (bytes >> shift, bytes & ((1 << shift) - 1));
    // Hundredths, rounded.
    let hundredths = (u128::from(rest) * 200 + (1 << shift)) >> (shift + 1);
    let whole = u128::from(whole) + hundredths / 100;
    format!("{whole}.{:02} {name}", hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn sizes_are_written_for_people() {
        assert_eq!(human(0), "0.00 Bytes");
        assert_eq!(human(1023), "1023.00 Bytes");
        assert_eq!(human(1536), "1.50 KB");
        assert_eq!(human(270_582_939_648), "252.00 GB");
        assert_eq!(human(u64::MAX), "16777216.00 TB");
    }
}
