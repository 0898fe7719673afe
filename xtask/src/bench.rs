//! How fast it is. `lint` has a limit, that a large project is linted in while one waits; reaching a server
//! is compared with OpenSSH and Ansible in one run on this machine, since only ratios can be told again
//! elsewhere. It must never contact anything but this machine.
mod project;
mod reach;

use crate::process::{command, show, unstartable};
use crate::{Outcome, checkout};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What linting 500 tasks and 5,000 hosts may take, on 2 cores.
const LIMIT: Duration = Duration::from_millis(500);
/// How often each is measured.
const RUNS: usize = 10;

/// `cargo xtask bench [lint|reach]`.
pub(crate) fn bench(words: &[&str]) -> Outcome {
    let parts: &[fn() -> Outcome] = match words {
        [] => &[lint, reach::reach],
        ["lint"] => &[lint],
        ["reach"] => &[reach::reach],
        _ => return Err("usage: cargo xtask bench [lint|reach]".into()),
    };
    show(&mut command(&["cargo", "build", "--release", "--quiet", "--bin", "cowhand"]))?;
    parts.iter().try_for_each(|part| part())
}

/// Lints a large project; the best of the runs must keep to the limit, since others may be at work beside it.
fn lint() -> Outcome {
    let folder = home().join("lint");
    let size = project::write(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut lint = ours("lint");
    lint.args(["site.yml", "-i", "inventory"]).current_dir(&folder);
    let spent = measure(&mut lint, RUNS)?;
    println!("lint of {size}: {spent}; the limit is {} ms", LIMIT.as_millis());
    if spent.best() <= LIMIT {
        return Ok(());
    }
    Err(format!(
        "lint takes {} ms at best, and may take {}",
        spent.best().as_millis(),
        LIMIT.as_millis()
    ))
}

/// The folder that everything of these measurements is kept in.
fn home() -> PathBuf {
    checkout().join("target/bench")
}

/// Our program as it is delivered.
fn ours(subcommand: &str) -> Command {
    command(&[&checkout().join("target/release/cowhand").display().to_string(), subcommand])
}

/// The times that one command took, sorted.
#[derive(Debug, PartialEq)]
struct Spent(Vec<Duration>);

impl Spent {
    fn best(&self) -> Duration {
        self.0.first().copied().unwrap_or_default()
    }
    fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let worst = self.0.last().copied().unwrap_or_default();
        let [best, median, worst] = [self.best(), self.median(), worst].map(|it| it.as_millis());
        write!(f, "median {median} ms, from {best} to {worst} ms in {} runs", self.0.len())
    }
}

/// Runs a command again and again, once before it counts, so that files are in memory.
fn measure(command: &mut Command, runs: usize) -> Outcome<Spent> {
    let mut spent = vec![];
    for run in 0..=runs {
        let begun = Instant::now();
        let ended = command.stdin(Stdio::null()).output();
        let took = begun.elapsed();
        let ended = ended.map_err(|error| unstartable(command, &error))?;
        crate::process::answer(command, &ended)?;
        if run > 0 {
            spent.push(took);
        }
    }
    spent.sort_unstable();
    Ok(Spent(spent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_and_the_median_are_told_with_the_worst() {
        let spent = Spent([10, 20, 90].map(Duration::from_millis).to_vec());
        assert_eq!(spent.to_string(), "median 20 ms, from 10 to 90 ms in 3 runs");
    }

    #[test]
    fn what_fails_is_not_measured() {
        assert!(measure(&mut command(&["false"]), 1).is_err());
        assert_eq!(measure(&mut command(&["true"]), 2).map(|spent| spent.0.len()), Ok(2));
    }
}
