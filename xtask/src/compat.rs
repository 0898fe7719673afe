//! The oracle: every case of `tests/cases/compat` is run with ansible-core and with cowhand, one after the
//! other in the same folder made anew, and what came of it is compared: exit, counts, the outcome of every
//! task on every host, what `debug` shows, and what is in the folder `out` afterwards. Differences that are
//! meant stand in the case with their reason and must be there exactly so; what cowhand lacks yet stands
//! there in the same way and is told as missing, never as agreement.

mod case;
mod compare;
mod python;
mod seen;
mod tree;

use crate::process::{command, show};
use crate::{Outcome, checkout};
use case::Case;
use python::Oracle;
use seen::{Run, Seen};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Cases at once: they wait as much as they work.
const AT_ONCE: usize = 3;

/// Compares the cases whose names hold one of the filters, or all. `-v` shows what both sides said.
pub(crate) fn compat(words: &[&str]) -> Outcome {
    let (flags, filters): (Vec<&str>, Vec<&str>) = words.iter().partition(|w| w.starts_with('-'));
    if let Some(flag) = flags.iter().find(|flag| **flag != "-v") {
        return Err(format!(
            "cargo xtask compat knows no {flag}: filters are parts of cases' names"
        ));
    }
    let cases = case::all(&checkout().join("tests/cases/compat"), &filters)?;
    if cases.is_empty() {
        return Err("no case has such a name".into());
    }
    show(&mut command(&["cargo", "build", "--quiet", "--bin", "cowhand"]))?;
    let places: Vec<Place> = cases.iter().map(Place::of).collect();
    let theirs = Oracle::new()?.ask(&cases, &places)?;
    let ours = ours(&cases, &places);
    let (mut agree, mut meant, mut missing, mut wrong) = (0, 0, 0, 0);
    for ((case, theirs), ours) in cases.iter().zip(&theirs).zip(ours) {
        let found = compare::differences(theirs, &ours?);
        match &case.known {
            _ if !case.expects(&found) => {
                wrong += 1;
                println!("\n{}", case.name);
                compare::print(case, &found);
                if flags.contains(&"-v") {
                    compare::print_said("ansible", theirs);
                }
            }
            Some(known) if !known.meant && !found.is_empty() => {
                missing += 1;
                println!("missing: {} ({})", known.reason, case.name);
            }
            Some(known) if !known.meant => {
                agree += 1;
                println!("{} agrees now: take its `@missing` out", case.name);
            }
            known => {
                agree += 1;
                meant += usize::from(known.is_some());
            }
        }
    }
    println!(
        "\n{agree} of {} agree, {meant} of them but for a difference that is meant; {missing} show what \
         is missing, {wrong} differ",
        cases.len()
    );
    if wrong == 0 { Ok(()) } else { Err("cowhand and ansible-core differ".into()) }
}

/// The folders of a case. They have the same names for both sides, so that paths in results are alike.
struct Place {
    root: PathBuf,
}

impl Place {
    fn of(case: &Case) -> Self {
        Self { root: checkout().join("target/compat/cases").join(case.name.replace('/', ".")) }
    }
    /// Where the playbook is.
    fn project(&self) -> PathBuf {
        self.root.join("project")
    }
    /// What is compared afterwards; playbooks know it as `{{ out }}`.
    fn out(&self) -> PathBuf {
        self.root.join("out")
    }
    /// Makes everything anew.
    fn prepare(&self, case: &Case) -> Outcome {
        let told = |error: std::io::Error| format!("{}: {error}", self.root.display());
        match std::fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(told(error)),
            _ => {}
        }
        for folder in [self.project(), self.out()] {
            std::fs::create_dir_all(folder).map_err(told)?;
        }
        case.write(&self.root).map_err(told)
    }
    /// The command line of a run, the same for both sides.
    fn arguments(&self, case: &Case, run: &[String]) -> Vec<String> {
        let mut arguments = vec!["site.yml".to_owned()];
        if !run.iter().any(|word| word.starts_with("-i")) {
            arguments.extend(["-i".to_owned(), case.inventory().unwrap_or("inventory").to_owned()]);
        }
        arguments.extend(["-e".to_owned(), format!("out={}", self.out().display())]);
        arguments.extend(run.iter().cloned());
        arguments
    }
}

/// What cowhand makes of the cases, some at once.
fn ours(cases: &[Case], places: &[Place]) -> Vec<Outcome<Seen>> {
    let next = AtomicUsize::new(0);
    let seen: Vec<Mutex<Outcome<Seen>>> =
        cases.iter().map(|_| Mutex::new(Err("not run".to_owned()))).collect();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(at) else { return };
                    let result = cowhand(case, &places[at]);
                    if let Ok(mut slot) = seen[at].lock() {
                        *slot = result;
                    }
                }
            });
        }
    });
    let taken =
        |slot: Mutex<Outcome<Seen>>| slot.into_inner().unwrap_or_else(PoisonError::into_inner);
    seen.into_iter().map(taken).collect()
}

/// One case with cowhand.
fn cowhand(case: &Case, place: &Place) -> Outcome<Seen> {
    place.prepare(case)?;
    let program = checkout().join("target/debug/cowhand");
    let mut runs = vec![];
    for run in &case.runs {
        let mut command = command(&[&program.display().to_string(), "apply"]);
        // All hosts are this machine, whose journal takes one host at a time.
        command.args(place.arguments(case, run)).args(["--format", "json", "--forks", "1"]);
        command.current_dir(place.project()).env("COWHAND_STATE", place.root.join("state"));
        let output = command.output().map_err(|e| crate::process::unstartable(&command, &e))?;
        runs.push(Run::of_cowhand(&output));
    }
    Ok(Seen { runs, tree: tree::of(&place.out())? })
}

/// A program of ansible-core's, which is installed unless it is there.
pub(crate) fn ansible(program: &str) -> Outcome<PathBuf> {
    Ok(Oracle::new()?.program(program))
}

/// The folder that everything of the oracle is kept in.
fn home() -> PathBuf {
    checkout().join("target/compat")
}

/// A hash of texts, as hexadecimal digits.
fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn read(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
