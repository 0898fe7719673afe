//! ansible-core in a virtual environment below `target/`, asked for whole batches of cases; its answers are
//! kept by what they depend on. It must never touch the machine's own Python.

use crate::compat::case::Case;
use crate::compat::seen::{Run, Seen};
use crate::compat::{Place, hash, home, read, tree};
use crate::process::{answer, ask, command, exists, unstartable};
use crate::{Outcome, checkout};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::Stdio;

/// What is installed: the oracle, and what its `password_hash` needs.
const PACKAGES: [&str; 2] = ["ansible-core==2.19.*", "passlib==1.7.4"];
/// ansible-core 2.19 runs on these.
const PYTHONS: [&str; 4] = ["python3.11", "python3.12", "python3.13", "python3"];

/// ansible-core, ready to be asked.
pub(super) struct Oracle {
    python: PathBuf,
    /// The scripts around it and its version: its answers depend on them.
    key: String,
}

impl Oracle {
    /// Installs it unless it is there.
    pub(super) fn new() -> Outcome<Self> {
        let folder = home().join("python");
        let python = folder.join("bin/python");
        let mark = folder.join("installed");
        let wanted = PACKAGES.join(" ");
        if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
            return Self::ready(python);
        }
        let base = base()?;
        println!("installing {wanted} below {}", home().display());
        let place = folder.display().to_string();
        ask(&mut command(&[base, "-m", "venv", "--clear", &place]))
            .map_err(|why| format!("{why}\n(Debian has it in the package python3-venv)"))?;
        let program = python.display().to_string();
        let pip = [&program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        ask(command(&pip).args(PACKAGES))?;
        std::fs::write(&mark, wanted).map_err(|e| format!("{}: {e}", mark.display()))?;
        Self::ready(python)
    }

    fn ready(python: PathBuf) -> Outcome<Self> {
        let program = python.display().to_string();
        let version = "import ansible.release as r; print(r.__version__)";
        let version = ask(&mut command(&[&program, "-c", version]))?;
        let scripts = ["oracle.py", "ansible.cfg", "callback/record.py"];
        let scripts: Vec<String> = scripts
            .iter()
            .map(|name| read(&checkout().join("xtask/compat").join(name)))
            .collect::<Outcome<_>>()?;
        let parts = scripts.iter().map(String::as_bytes);
        Ok(Self { python, key: hash(parts.chain([version.as_bytes()])) })
    }

    /// A program that came with it.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.python.with_file_name(name)
    }

    /// What it makes of the cases, in their order.
    pub(super) fn ask(&self, cases: &[Case], places: &[Place]) -> Outcome<Vec<Seen>> {
        let kept: Vec<PathBuf> = (cases.iter().zip(places))
            .map(|(case, place)| {
                let root = place.root.display().to_string();
                let key = hash([self.key.as_bytes(), case.text.as_bytes(), root.as_bytes()]);
                home().join("answers").join(format!("{key}.json"))
            })
            .collect();
        let mut jobs = vec![];
        for (at, (case, place)) in cases.iter().zip(places).enumerate() {
            if kept[at].exists() {
                continue;
            }
            place.prepare(case)?;
            let runs: Vec<_> = case.runs.iter().map(|run| place.arguments(case, run)).collect();
            jobs.push(json!({"id": at, "folder": place.project(), "runs": runs}).to_string());
        }
        if !jobs.is_empty() {
            println!("asking ansible-core about {} cases", jobs.len());
            self.play(&jobs, places, &kept)?;
        }
        let answers = kept.iter().map(|path| {
            let answer: Value = serde_json::from_str(&read(path)?).map_err(|e| e.to_string())?;
            let runs = answer["runs"].as_array().into_iter().flatten().map(Run::of_ansible);
            Ok(Seen { runs: runs.collect(), tree: tree::from_json(&answer["tree"]) })
        });
        answers.collect()
    }

    fn play(&self, jobs: &[String], places: &[Place], kept: &[PathBuf]) -> Outcome {
        let answers = home().join("answers");
        std::fs::create_dir_all(&answers).map_err(|e| format!("{}: {e}", answers.display()))?;
        let script = checkout().join("xtask/compat/oracle.py");
        let mut oracle =
            command(&[&self.python.display().to_string(), &script.display().to_string()]);
        oracle.env("COMPAT_HOME", home()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = oracle.spawn().map_err(|error| unstartable(&oracle, &error))?;
        if let Some(mut input) = child.stdin.take() {
            let sent = input.write_all((jobs.join("\n") + "\n").as_bytes());
            sent.map_err(|error| unstartable(&oracle, &error))?;
        }
        let mut answered = 0;
        for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
            let line = line.map_err(|error| error.to_string())?;
            let mut answer: Value = serde_json::from_str(&line).map_err(|e| e.to_string())?;
            let at = answer["id"].as_u64().and_then(|id| usize::try_from(id).ok());
            let Some((place, path)) = at.and_then(|at| Some((places.get(at)?, kept.get(at)?)))
            else {
                return Err(format!("the oracle answers what it was not asked: {line}"));
            };
            answer["tree"] = tree::of(&place.out())?.into_iter().collect();
            let written = std::fs::write(path, answer.to_string());
            written.map_err(|error| format!("{}: {error}", path.display()))?;
            answered += 1;
        }
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        answer(&oracle, &output)?;
        if answered == jobs.len() {
            return Ok(());
        }
        Err(format!("the oracle answered {answered} of {} cases", jobs.len()))
    }
}

/// A Python that ansible-core runs on.
fn base() -> Outcome<&'static str> {
    let fits = |python: &&&str| {
        let check = "import sys; sys.exit(sys.version_info < (3, 11))";
        exists(python) && ask(&mut command(&[python, "-c", check])).is_ok()
    };
    let found = PYTHONS.iter().find(fits).copied();
    found.ok_or_else(|| "ansible-core needs Python 3.11 or later".into())
}
