//! Memory (`/proc/meminfo`), processors (`/proc/cpuinfo`), what DMI says of the machine, uptime, load.
use super::{Parts, object};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

pub(super) const FACTS: &[&str] = &[
    "memtotal_mb",
    "memfree_mb",
    "swaptotal_mb",
    "swapfree_mb",
    "memory_mb",
    "processor",
    "processor_count",
    "processor_cores",
    "processor_threads_per_core",
    "processor_vcpus",
    "processor_nproc",
    "flags",
    "uptime_seconds",
    "loadavg",
    "bios_date",
    "bios_vendor",
    "bios_version",
    "board_asset_tag",
    "board_name",
    "board_serial",
    "board_vendor",
    "board_version",
    "chassis_asset_tag",
    "chassis_serial",
    "chassis_vendor",
    "chassis_version",
    "form_factor",
    "product_name",
    "product_serial",
    "product_uuid",
    "product_version",
    "system_vendor",
];

/// Kinds of chassis, SMBIOS 3.7 table 17, from 1 on.
const FORMS: &[&str] = &[
    "Other",
    "Unknown",
    "Desktop",
    "Low Profile Desktop",
    "Pizza Box",
    "Mini Tower",
    "Tower",
    "Portable",
    "Laptop",
    "Notebook",
    "Hand Held",
    "Docking Station",
    "All In One",
    "Sub Notebook",
    "Space-saving",
    "Lunch Box",
    "Main Server Chassis",
    "Expansion Chassis",
    "Sub Chassis",
    "Bus Expansion Chassis",
    "Peripheral Chassis",
    "RAID Chassis",
    "Rack Mount Chassis",
    "Sealed-case PC",
    "Multi-system",
    "CompactPCI",
    "AdvancedTCA",
    "Blade",
    "Blade Enclosure",
];

pub(super) fn read(parts: &Parts<'_>) -> Map<String, Value> {
    let mut facts = memory(parts);
    facts.extend(processors(parts));
    facts.extend(dmi(parts));
    let uptime = parts.text("uptime").split(['.', ' ']).next().and_then(|s| s.parse::<u64>().ok());
    facts.extend(uptime.map(|seconds| ("uptime_seconds".to_owned(), seconds.into())));
    let load: Vec<f64> =
        parts.text("loadavg").split(' ').take(3).filter_map(|word| word.parse().ok()).collect();
    if let [one, five, fifteen] = load[..] {
        facts.insert("loadavg".into(), json!({"1m": one, "5m": five, "15m": fifteen}));
    }
    facts
}

fn memory(parts: &Parts<'_>) -> Map<String, Value> {
    let mb = |key: &str| {
        let value = parts.value("meminfo", key, ':')?;
        value.split(' ').next()?.parse::<i64>().ok().map(|kib| kib / 1024)
    };
    let (Some(total), Some(free)) = (mb("MemTotal"), mb("MemFree")) else { return Map::new() };
    let [cached, buffers, swap_total, swap_free, swap_cached] =
        ["Cached", "Buffers", "SwapTotal", "SwapFree", "SwapCached"]
            .map(|key| mb(key).unwrap_or(0));
    let nocache = free + cached + buffers;
    object(json!({
        "memtotal_mb": total,
        "memfree_mb": free,
        "swaptotal_mb": swap_total,
        "swapfree_mb": swap_free,
        "memory_mb": {
            "real": {"total": total, "free": free, "used": total - free},
            "nocache": {"free": nocache, "used": total - nocache},
            "swap": {
                "total": swap_total,
                "free": swap_free,
                "used": swap_total - swap_free,
                "cached": swap_cached,
            },
        },
    }))
}

fn processors(parts: &Parts<'_>) -> Map<String, Value> {
    let mut list: Vec<&str> = vec![];
    let mut sockets = BTreeSet::new();
    let mut flags: Vec<&str> = vec![];
    let (mut cores, mut siblings, mut logical) = (None, None, 0_u64);
    for line in parts.lines("cpuinfo") {
        let Some((key, value)) = line.split_once(':') else { continue };
        let (key, value) = (key.trim(), value.trim());
        match key {
            "processor" => {
                logical += 1;
                list.push(value);
            }
            "vendor_id" | "model name" | "Processor" | "Model" | "cpu" => list.push(value),
            "flags" | "Features" if flags.is_empty() => flags.extend(value.split_whitespace()),
            "physical id" => {
                sockets.insert(value);
            }
            "cpu cores" => cores = value.parse::<u64>().ok(),
            "siblings" => siblings = value.parse::<u64>().ok(),
            _ => {}
        }
    }
    if logical == 0 {
        return Map::new();
    }
    // Without topology, as on ARM, every processor is its own.
    let known = cores.filter(|cores| *cores > 0 && !sockets.is_empty());
    let count = if known.is_some() { sockets.len() as u64 } else { logical };
    let cores = known.unwrap_or(1);
    let threads = siblings.map_or(1, |siblings| (siblings / cores).max(1));
    object(json!({
        "processor": list,
        "flags": flags,
        "processor_count": count,
        "processor_cores": cores,
        "processor_threads_per_core": threads,
        "processor_vcpus": count * cores * threads,
        "processor_nproc": parts.word("nproc").and_then(|n| n.parse::<u64>().ok()).unwrap_or(logical),
    }))
}

/// `NA` for what is not there or for root's eyes alone.
fn dmi(parts: &Parts<'_>) -> Map<String, Value> {
    let mut facts = Map::new();
    let names = FACTS.iter().skip_while(|name| **name != "bios_date");
    for name in names {
        let value = match *name {
            "system_vendor" => parts.word("dmi sys_vendor"),
            "form_factor" => {
                let kind = parts.word("dmi chassis_type").and_then(|kind| kind.parse().ok());
                kind.and_then(|kind: usize| FORMS.get(kind.checked_sub(1)?)).copied()
            }
            name => parts.word(&format!("dmi {name}")),
        };
        facts.insert((*name).to_owned(), value.unwrap_or("NA").into());
    }
    facts
}
