//! All tests. Some need what a machine may lack: the lab of real servers, OpenSSH, other shells.
//! What did not run is told on the last lines and never counted as passed.

use crate::process::{ask, command, exists, unstartable};
use crate::{Outcome, faults, fuzz, lab};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// The module of the test binary whose tests need the lab.
const LAB_TESTS: &str = "e2e::";
/// Modules whose tests need a program, and where Debian and most others have it.
const PROGRAM_TESTS: [(&str, &str); 5] = [
    ("ssh::openssh::", "/usr/sbin/sshd"),
    ("ssh::client::", "/usr/bin/ssh"),
    ("others::sudo::", "/usr/bin/sudo"),
    ("others::su::", "/usr/bin/su"),
    ("others::doas::", "/usr/bin/doas"),
];
/// The module whose tests mount small file systems, each in a mount namespace of its own.
const MOUNT_TESTS: &str = "filesystem::";
/// Shells that the contract of the remote functions is tried in, beside `sh`.
const SHELLS: [&str; 3] = ["dash", "bash", "busybox"];

/// The lab's tests mostly wait, so more run at once than there are cores. Two of one server exclude each
/// other by themselves.
const LAB_THREADS: &str = "--test-threads=4";

/// What libtest counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// Runs the tests that match one of the filters, or all. `--lab` as the first word: everything must run.
pub(crate) fn test(words: &[&str]) -> Outcome {
    let (required, filters) = match words {
        ["--lab", filters @ ..] => (true, filters),
        filters => (false, filters),
    };
    if let Some(flag) = filters.iter().find(|filter| filter.starts_with('-')) {
        return Err(format!("cargo xtask test knows no {flag}: filters are parts of tests' names"));
    }
    let list = list()?;
    let mut count = Count::default();
    let mut missing = vec![];
    let mut everything = command(&["cargo", "test", "--workspace", "--no-fail-fast", "--"]);
    let others = PROGRAM_TESTS.iter().map(|(module, _)| module).chain([&LAB_TESTS, &MOUNT_TESTS]);
    for module in others.chain(&faults::TESTS).chain([&fuzz::TEST]) {
        everything.args(["--skip", module]);
    }
    everything.args(filters);
    let mut clean = run(&mut everything, &mut count)?;
    for shell in SHELLS.iter().filter(|shell| !exists(shell)) {
        missing.push(format!(
            "the contract of the remote functions under {shell}: it is not installed"
        ));
    }
    for (module, program) in PROGRAM_TESTS {
        let those = chosen(&list, module, filters);
        if Path::new(program).exists() {
            clean &= run_these(&those, &[], &mut count)?;
        } else if !those.is_empty() {
            count.skipped += those.len() as u64;
            missing.push(format!("{} tests that need {program}: it is not installed", those.len()));
        }
    }
    let of_mounts = chosen(&list, MOUNT_TESTS, filters);
    match ask(&mut command(&["unshare", "-m", "true"])) {
        Ok(_) => clean &= run_these(&of_mounts, &[], &mut count)?,
        Err(_) if of_mounts.is_empty() => {}
        Err(why) => {
            count.skipped += of_mounts.len() as u64;
            missing.push(format!("{} tests that mount file systems: {why}", of_mounts.len()));
        }
    }
    let of_lab = chosen(&list, LAB_TESTS, filters);
    match lab_up(!of_lab.is_empty() || (required && filters.is_empty())) {
        Ok(lab) => {
            clean &= run_these(&of_lab, &[("COWHAND_LAB", &lab)], &mut count)?;
        }
        Err(why) => {
            count.skipped += of_lab.len() as u64;
            missing
                .push(format!("{} tests that need the lab of real servers: {why}", of_lab.len()));
        }
    }
    close(count, clean, &missing, required)
}

/// Runs tests of the one binary by their full names, which are ignored otherwise.
fn run_these(names: &[String], env: &[(&str, &str)], count: &mut Count) -> Outcome<bool> {
    if names.is_empty() {
        return Ok(true);
    }
    let mut tests = command(&["cargo", "test", "--test", "tests", "--"]);
    tests.args(["--include-ignored", "--exact", LAB_THREADS]).args(names).envs(env.iter().copied());
    run(&mut tests, count)
}

/// The closing line, then what did not run.
fn close(count: Count, clean: bool, missing: &[String], required: bool) -> Outcome {
    let Count { passed, failed, skipped } = count;
    // A run that broke without a failed test (it did not compile, it crashed) has no truthful closing line.
    if clean || failed > 0 {
        let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        println!("\n{passed} passed, {failed} failed{skipped}");
    }
    for what in missing {
        println!("NOT RUN: {}", what.replace('\n', "\n  "));
    }
    match (clean, missing.is_empty()) {
        (false, _) => Err("some tests failed".into()),
        (true, false) if required => Err("--lab: everything had to run".into()),
        _ => Ok(()),
    }
}

/// Starts the lab if it is wanted; the path of its description.
fn lab_up(wanted: bool) -> Outcome<String> {
    let path = lab::description()?;
    if wanted {
        lab::obstacle().map_or(Ok(()), Err)?;
        lab::up(&[])?;
    }
    Ok(path.display().to_string())
}

/// The names of all tests of the one binary.
fn list() -> Outcome<String> {
    let mut list = command(&[
        "cargo", "test", "--quiet", "--test", "tests", "--", "--list", "--format", "terse",
    ]);
    ask(list.stderr(Stdio::inherit()))
}

/// The tests of a module that match one of the filters, or all; those of `cargo xtask faults` aside.
fn chosen(list: &str, module: &str, filters: &[&str]) -> Vec<String> {
    let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
    let ours = names.filter(|name| name.starts_with(module) && !faults::TESTS.contains(name));
    ours.filter(|name| filters.is_empty() || filters.iter().any(|filter| name.contains(filter)))
        .map(str::to_owned)
        .collect()
}

/// Runs a `cargo test`, shows its output as it comes and adds up its result lines. Whether it ended well.
fn run(tests: &mut Command, count: &mut Count) -> Outcome<bool> {
    let mut child =
        tests.stdout(Stdio::piped()).spawn().map_err(|error| unstartable(tests, &error))?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.map_err(|error| error.to_string())?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            add(&line, count);
        }
    }
    child.wait().map(|status| status.success()).map_err(|error| error.to_string())
}

/// Adds a line like `test result: ok. 3 passed; 0 failed; 1 ignored; …`; any other line is nothing.
fn add(line: &str, count: &mut Count) {
    let Some(rest) = line.strip_prefix("test result: ") else { return };
    let Some((_, numbers)) = rest.split_once(". ") else { return };
    for part in numbers.split("; ") {
        let Some((number, what)) = part.split_once(' ') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match what {
            "passed" => count.passed += number,
            "failed" => count.failed += number,
            "ignored" => count.skipped += number,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_add_up_and_other_lines_do_not() {
        let mut count = Count::default();
        add(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s",
            &mut count,
        );
        add(
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            &mut count,
        );
        add("test a::b ... ok", &mut count);
        assert_eq!(count, Count { passed: 7, failed: 2, skipped: 1 });
    }

    #[test]
    fn the_labs_tests_are_those_of_their_module_that_match_a_filter() {
        let list = "layers::hold: test\ne2e::apply_on_a1: test\ne2e::check_on_b2: test\nbench: benchmark\n";
        assert_eq!(chosen(list, LAB_TESTS, &[]), ["e2e::apply_on_a1", "e2e::check_on_b2"]);
        assert_eq!(chosen(list, LAB_TESTS, &["b2", "nothing"]), ["e2e::check_on_b2"]);
        assert_eq!(chosen(list, LAB_TESTS, &["layers"]), Vec::<String>::new());
    }

    #[test]
    fn a_required_lab_that_is_missing_is_a_failure_and_an_optional_one_is_not() {
        let count = Count { passed: 1, failed: 0, skipped: 2 };
        let missing = ["2 tests that need the lab: no engine".to_owned()];
        assert!(close(count, true, &missing, true).is_err());
        assert!(close(count, true, &missing, false).is_ok());
        assert!(close(count, false, &[], false).is_err());
    }
}
