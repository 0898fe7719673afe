//! `pause`: waits for a while, or until somebody at the terminal answers. Once for all hosts.
use super::values::{Flag, Text};
use super::{Module, Opt, PlanError, Table, execute};
use crate::change::{Change, Here, Pause, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    seconds: Option<Text>,
    minutes: Option<Text>,
    prompt: Option<Text>,
    echo: Option<Flag>,
    #[serde(rename = "_task")]
    task: Option<String>,
}

impl Params {
    fn echoes(&self) -> bool {
        self.echo.is_none_or(|echo| echo.0)
    }

    /// How long, in seconds, and the word for the unit that was written.
    fn time(&self) -> Result<Option<(u64, &'static str)>, PlanError> {
        let (path, given, unit) = match (&self.minutes, &self.seconds) {
            (Some(_), Some(_)) => {
                let message = "parameters are mutually exclusive: minutes|seconds";
                return Err(PlanError::failed(message));
            }
            (Some(minutes), None) => ("minutes", minutes, 60),
            (None, Some(seconds)) => ("seconds", seconds, 1),
            (None, None) => return Ok(None),
        };
        let whole = given.0.trim().split('.').next().unwrap_or_default();
        let number: i64 = whole.parse().map_err(|_| PlanError::Params {
            path: path.into(),
            message: format!("`{}` is not a number", given.0),
        })?;
        // Whoever asks for less gets a second.
        Ok(Some((u64::try_from(number).unwrap_or(0).saturating_mul(unit).max(1), path)))
    }

    fn prompt(&self, timed: bool) -> Option<String> {
        let task = self.task.as_deref().unwrap_or("pause");
        let prompt = match &self.prompt {
            Some(prompt) => prompt.0.as_str(),
            None if timed => return None,
            None => "Press enter to continue, Ctrl+C to interrupt",
        };
        let hidden = if self.echoes() { "" } else { " (output is hidden)" };
        Some(format!("[{task}]\n{prompt}{hidden}:\n"))
    }
}

impl Module for This {
    const NAME: &'static str = "pause";
    const SUMMARY: &'static str = "wait for a while or for whoever sits at the terminal";
    const EXAMPLES: &'static [&'static str] =
        &["seconds: 1", "prompt: Is the new certificate in place", "minutes: 5"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("seconds", "How long."),
        Opt::new("minutes", "How long."),
        Opt::new("prompt", "What is asked; without a terminal nobody is asked."),
        Opt::new("echo", "Show what is typed (default true)."),
        Opt::new("_task", "The task's name."),
    ];
    const RETURNS: &'static [Table] = &[&[
        ("user_input", "What was typed."),
        ("start", "When it began."),
        ("stop", "When it ended."),
        ("delta", "Seconds that it took."),
        ("stdout", "How long it was, in words."),
        ("echo", "As wished."),
    ]];
    const ONCE: bool = true;
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(params: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        let seconds = params.time()?.map(|(seconds, _)| seconds);
        let prompt = params.prompt(seconds.is_some());
        let echo = params.echoes();
        Ok(vec![Change::Here(Here::Pause(Pause { seconds, prompt, echo }))])
    }

    fn result(params: &Params, _: &Observed, _: &[Change], ran: &[Ran]) -> Map<String, Value> {
        let mut out = Map::from_iter([("changed".to_owned(), false.into())]);
        let Some(ran) = ran.last() else { return out };
        let [start, stop, _] = ran.took.map(execute::times).unwrap_or_default();
        let unit = params.time().ok().flatten().map_or("minutes", |(_, unit)| unit);
        let micros = ran.took.map_or(0, |took| (took.end - took.start).max(0));
        out.extend(super::stat::json_map(json!({
            "start": start,
            "stop": stop,
            "delta": micros / 1_000_000,
            "rc": ran.rc,
            "stderr": "",
            "stdout": format!("Paused for {} {unit}", hundredths(micros, unit)),
            "echo": params.echoes(),
            "user_input": ran.stdout.text(),
        })));
        if !ran.stderr.0.is_empty() {
            out.insert("warnings".into(), vec![ran.stderr.text()].into());
        }
        out
    }
}

/// A duration with as many digits as Python shows of one that was rounded to two.
fn hundredths(micros: i64, unit: &str) -> String {
    let per = if unit == "minutes" { 600_000 } else { 10_000 };
    let rounded = (micros + per / 2) / per;
    let text = format!("{}.{:02}", rounded / 100, rounded % 100);
    text.strip_suffix('0').map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_as_python_rounds_them() {
        assert_eq!(hundredths(1_002_000, "seconds"), "1.0");
        assert_eq!(hundredths(1_256_000, "seconds"), "1.26");
        assert_eq!(hundredths(60_000_000, "minutes"), "1.0");
        assert_eq!(hundredths(1_000_000, "minutes"), "0.02");
    }
}
