//! What inputs are made of: the tests' cases, and the templates, conditions and patterns that they hold.
//! It must never hold back a target for want of seeds: one without any is an error.
use super::TARGETS;
use crate::{Outcome, checkout};
use std::path::{Path, PathBuf};

/// The seeds of every target, in the order of [`TARGETS`].
pub(super) fn seeds() -> Outcome<Vec<Vec<Vec<u8>>>> {
    let mut files = vec![];
    below(&checkout().join("tests/cases"), &mut files)?;
    let texts: Vec<String> =
        files.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let seeds: Vec<_> = TARGETS.iter().map(|target| of(target, &texts)).collect();
    match TARGETS.iter().zip(&seeds).find(|(_, seeds)| seeds.is_empty()) {
        Some((target, _)) => Err(format!("tests/cases holds no seed for {target}")),
        None => Ok(seeds),
    }
}

fn below(folder: &Path, out: &mut Vec<PathBuf>) -> Outcome {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    // The same seed must give the same inputs everywhere.
    paths.sort();
    for path in paths {
        if path.is_dir() { below(&path, out)? } else { out.push(path) }
    }
    Ok(())
}

/// The seeds that texts hold for a target.
fn of(target: &str, texts: &[String]) -> Vec<Vec<u8>> {
    // Hashes of passwords are meant to be slow.
    let lines = texts.iter().flat_map(|text| text.lines()).filter(|it| !it.contains("password"));
    let lines = || lines.clone().map(str::trim);
    let after = |key: &'static str| {
        lines().filter_map(move |line| {
            line.trim_start_matches("- ").strip_prefix(key).map(str::trim).map(str::to_owned)
        })
    };
    let sections = || texts.iter().flat_map(|text| text.split("=== "));
    let named = |name: &'static str| {
        sections().filter_map(move |section| {
            let (head, body) = section.split_once('\n')?;
            head.contains(name).then(|| body.to_owned())
        })
    };
    let found: Vec<String> = match target {
        "yaml" => sections().filter_map(|s| Some(s.split_once('\n')?.1.to_owned())).collect(),
        "playbook" => texts.iter().filter(|text| text.contains("=== site.yml")).cloned().collect(),
        "template" => {
            let braced = lines().filter(|line| line.contains("{{") || line.contains("{%"));
            let expressions = lines().filter_map(|line| Some(line.rsplit_once(" => ")?.0));
            braced
                .map(str::to_owned)
                .chain(expressions.map(|it| format!("{{{{ {it} }}}}")))
                .collect()
        }
        "condition" => ["when:", "that:", "failed_when:", "changed_when:", "until:"]
            .into_iter()
            .flat_map(after)
            .collect(),
        "inventory" => named("inventory").chain(named("hosts")).collect(),
        _ => after("hosts:").chain(KNOTS.map(str::to_owned)).collect(),
    };
    found.into_iter().filter(|seed| !seed.is_empty()).map(String::into_bytes).collect()
}

/// Patterns of every kind.
const KNOTS: [&str; 8] = [
    "web:&db:!a",
    "web[0:2],db[-1]",
    "~^(a|b)\\d+$",
    "w?b*",
    "a[0:999999999]",
    "all:!localhost",
    "[a-c]*",
    "2001:db8::1",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds_and_they_hold_what_they_should() {
        let seeds = seeds().unwrap();
        assert_eq!(seeds.len(), TARGETS.len());
        let holds = |target: usize, part: &str| {
            seeds[target].iter().any(|seed| String::from_utf8_lossy(seed).contains(part))
        };
        assert!(holds(1, "=== site.yml") && holds(2, "{{") && holds(4, "[web]"));
        assert!(holds(3, " is ") && holds(5, "!"));
    }
}
