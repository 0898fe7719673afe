//! What is written wrongly, by the thousand: inputs made of the tests' cases are mutated and handed to the
//! readers of YAML, playbooks, templates, conditions, inventories and host patterns, which must neither
//! panic nor overflow nor hang. The readers run in a child (`tests/fuzz.rs`) with a limit of time and memory;
//! what fells it is made smaller and kept as a case of the ordinary tests.
//! It must never write anywhere but into the folder of these cases and below `target/`.
mod mutate;
mod reader;
mod seeds;

use crate::process::command;
use crate::{Outcome, checkout};
use mutate::Mutator;
pub(crate) use reader::TEST;
use reader::{Fate, Reader};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::time::{Duration, Instant};

/// What is read, as the child knows it; the number of a target is its place here.
const TARGETS: [&str; 6] = ["yaml", "playbook", "template", "condition", "inventory", "pattern"];
/// How often an input that fells the reader is tried smaller.
const SMALLER: usize = 300;

/// `cargo xtask fuzz --seconds N [--seed S]`.
pub(crate) fn fuzz(words: &[&str]) -> Outcome {
    let (seconds, seed) = options(words)?;
    let program = program()?;
    let seeds = seeds::seeds()?;
    let mut mutator = Mutator::new(seed);
    let mut reader = Reader::start(&program)?;
    let (mut counts, start) = ([0_u64; TARGETS.len()], Instant::now());
    while start.elapsed() < Duration::from_secs(seconds) {
        let target = mutator.below(TARGETS.len());
        let input = mutator.input(&seeds[target]);
        counts[target] += 1;
        let fate = reader.read(target, &input)?;
        if let Fate::Fell(why) = fate {
            let small = smaller(&program, target, input)?;
            let path = keep(target, &small)?;
            return Err(format!(
                "{} {why}; kept as {path} (seed {seed}, after {} inputs)",
                TARGETS[target],
                counts.iter().sum::<u64>()
            ));
        }
    }
    let each: Vec<_> = TARGETS.iter().zip(counts).map(|(name, n)| format!("{name} {n}")).collect();
    println!(
        "fuzz: {} inputs in {seconds} s (seed {seed}; {}): nothing panicked or hung; the slowest took {} ms",
        counts.iter().sum::<u64>(),
        each.join(", "),
        reader.slowest.as_millis()
    );
    Ok(())
}

fn options(words: &[&str]) -> Outcome<(u64, u64)> {
    let (mut seconds, mut seed) = (None, 1);
    for pair in words.chunks(2) {
        let number = pair.get(1).and_then(|word| word.parse().ok());
        match (pair[0], number) {
            ("--seconds", Some(number)) => seconds = Some(number),
            ("--seed", Some(number)) => seed = number,
            _ => return Err("usage: cargo xtask fuzz --seconds N [--seed S]".into()),
        }
    }
    seconds.map(|seconds| (seconds, seed)).ok_or_else(|| "--seconds is missing".into())
}

/// The test program, which the readers are in.
fn program() -> Outcome<String> {
    let mut build = command(&["cargo", "test", "--no-run", "--test", "tests", "--quiet"]);
    let told = crate::process::ask(build.arg("--message-format=json"))?;
    let mut messages =
        told.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let program = messages.find_map(|message| {
        let built = message["target"]["name"] == "tests";
        message["executable"].as_str().filter(|_| built).map(str::to_owned)
    });
    program.ok_or_else(|| "cargo did not say where the tests are".into())
}

/// The input without the parts that it does not need to fell the reader.
fn smaller(program: &str, target: usize, mut input: Vec<u8>) -> Outcome<Vec<u8>> {
    let (mut tries, mut part) = (0, input.len() / 2);
    while part > 0 && tries < SMALLER {
        let mut at = 0;
        while at < input.len() && tries < SMALLER {
            let rest = &input[(at + part).min(input.len())..];
            let less = [&input[..at], rest].concat();
            tries += 1;
            match Reader::start(program)?.read(target, &less)? {
                Fate::Fell(_) => input = less,
                Fate::Read => at += part,
            }
        }
        part /= 2;
    }
    Ok(input)
}

/// Writes an input where the ordinary tests read it; its name says what reads it.
fn keep(target: usize, input: &[u8]) -> Outcome<String> {
    let sum = Sha256::digest(input);
    let name = format!("{}-{:02x}{:02x}{:02x}", TARGETS[target], sum[0], sum[1], sum[2]);
    let path = Path::new("tests/cases/fuzz").join(name);
    let written = std::fs::write(checkout().join(&path), input);
    written.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::options;

    #[test]
    fn a_number_of_seconds_must_be_given() {
        assert_eq!(options(&["--seconds", "5"]), Ok((5, 1)));
        assert_eq!(options(&["--seed", "7", "--seconds", "5"]), Ok((5, 7)));
        for wrong in [&[][..], &["--seconds"], &["--seconds", "x"], &["5"]] {
            assert!(options(wrong).is_err(), "{wrong:?}");
        }
    }
}
