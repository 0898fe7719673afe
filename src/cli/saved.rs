//! The file of a saved plan. It names paths and tasks of servers: only its owner may read it.
use super::Wrong;
use crate::plan::saved::{Saved, VERSION};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Writes a plan beside its place and renames it there, mode 0600 from the start.
pub(super) fn write(path: &Path, plan: &Saved) -> Result<(), Wrong> {
    let failed = |error: &dyn std::fmt::Display| {
        Wrong::usage(format!("can't write the plan to {}: {error}", path.display()))
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".cowhand-plan")
        .permissions(std::fs::Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(|error| failed(&error))?;
    serde_json::to_writer_pretty(&mut file, plan).map_err(|error| failed(&error))?;
    file.write_all(b"\n").and_then(|()| file.as_file().sync_all()).map_err(|e| failed(&e))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    Ok(())
}

/// Reads a plan. Another version, or anything that is not a plan, is refused.
pub(super) fn read(path: &Path) -> Result<Saved, Wrong> {
    let wrong = |message: String| {
        let help = "make one with `cowhand check --out FILE` and the same arguments".into();
        Wrong::Usage(format!("--plan {}: {message}", path.display()), Some(help))
    };
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| wrong(format!("not a plan: {error}")))?;
    match value.get("v").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => {
            return Err(wrong(format!(
                "a plan of version {version}, and this cowhand knows version {VERSION}"
            )));
        }
        None => return Err(wrong("not a plan: it has no version".into())),
    }
    serde_json::from_value(value).map_err(|error| wrong(format!("not a plan: {error}")))
}

/// What a plan amounts to, on stderr: what can't be told is said.
pub(super) fn tell(path: &Path, plan: &Saved) -> io::Result<()> {
    let count = |what: usize, noun: &str| match what {
        1 => format!("1 {noun}"),
        many => format!("{many} {noun}s"),
    };
    let tasks = || plan.hosts.values().flat_map(|host| &host.tasks);
    let mut err = io::stderr().lock();
    writeln!(
        err,
        "{}: {} to be made on {}",
        path.display(),
        count(tasks().map(|task| task.changes.len()).sum(), "change"),
        count(plan.hosts.len(), "host"),
    )?;
    let unknown = tasks().filter(|task| task.unknown).count();
    if unknown > 0 {
        writeln!(err, "  {} whose effect check mode can't tell", count(unknown, "command task"))?;
    }
    let for_good = tasks().filter(|task| task.no_way_back.is_some()).count();
    if for_good > 0 {
        let noun = count(for_good, "task");
        writeln!(err, "  {noun} that can't be taken back if the run fails behind them")?;
    }
    for (name, _) in plan.hosts.iter().filter(|(_, host)| !host.complete) {
        writeln!(err, "  {name}: the check did not come to its end, so its plan can't be applied")?;
    }
    Ok(())
}
