//! Which hosts a command is for: a pattern, and what `--limit` leaves of it.
use super::Wrong;
use super::load::Fleet;
use std::collections::BTreeSet;

/// The hosts that `--limit` leaves; `None`: all.
pub(super) fn limit(fleet: &Fleet, limit: Option<&str>) -> Result<Option<BTreeSet<String>>, Wrong> {
    limited(fleet, limit, &|_| false)
}

/// The same, where hosts are expected to come.
pub(super) fn limited(
    fleet: &Fleet,
    limit: Option<&str>,
    expected: &dyn Fn(&str) -> bool,
) -> Result<Option<BTreeSet<String>>, Wrong> {
    let Some(pattern) = limit else { return Ok(None) };
    let unfolded = unfolded(pattern);
    let unfolded = unfolded.map_err(|e| Wrong::usage(format!("--limit {pattern}: {e}")))?;
    let hosts = fleet.inventory.select_expecting(&unfolded, expected);
    let hosts = hosts.map_err(|found| {
        Wrong::Usage(format!("--limit {pattern}: {}", found.message), found.help)
    })?;
    if hosts.is_empty() {
        return Err(Wrong::usage(format!("--limit {pattern}: no host is left")));
    }
    Ok(Some(hosts.into_iter().collect()))
}

/// A pattern with the lines of files in place of their names, `@FILE`.
pub(super) fn unfolded(pattern: &str) -> std::io::Result<String> {
    let separator = if pattern.contains(',') { ',' } else { ':' };
    let is_file = |part: &str| part.trim_start().starts_with('@');
    if !pattern.split(separator).any(is_file) {
        return Ok(pattern.to_owned());
    }
    let mut parts = vec![];
    for part in pattern.split(separator).map(str::trim) {
        match part.strip_prefix('@') {
            Some(file) => {
                let text = std::fs::read_to_string(file)?;
                parts.extend(text.lines().map(|line| line.trim().to_owned()));
            }
            None => parts.push(part.to_owned()),
        }
    }
    parts.retain(|part| !part.is_empty());
    Ok(parts.join(","))
}

/// The hosts of a pattern that `--limit` leaves.
pub(super) fn chosen(
    fleet: &Fleet,
    pattern: &str,
    only: Option<&str>,
) -> Result<Vec<String>, Wrong> {
    let only = limit(fleet, only)?;
    let hosts = fleet.inventory.select(pattern);
    let hosts = hosts.map_err(|found| Wrong::Usage(found.message, found.help))?;
    let hosts: Vec<String> =
        hosts.into_iter().filter(|host| only.as_ref().is_none_or(|o| o.contains(host))).collect();
    if hosts.is_empty() {
        return Err(Wrong::usage(format!("no host matches `{pattern}`")));
    }
    Ok(hosts)
}
