//! `assert`: fails unless conditions hold.
use super::values::Flag;
use super::{Bind, Module, Opt, PlanError, Table};
use crate::change::{Change, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    that: Vec<Condition>,
    fail_msg: Option<Value>,
    success_msg: Option<Value>,
    quiet: Option<Flag>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    expression: String,
    holds: bool,
}

fn said(message: Option<&Value>, default: &str) -> String {
    match message {
        None => default.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(lines)) => {
            lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
        }
        Some(other) => other.to_string(),
    }
}

impl Module for This {
    const NAME: &'static str = "assert";
    const SUMMARY: &'static str = "fail unless conditions hold";
    const EXAMPLES: &'static [&'static str] = &["that: 1 + 1 == 2\nquiet: true"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("that", "A condition, or a list of them.").bind(Bind::Condition),
        Opt::new("fail_msg", "What to say when one does not hold.").aliases(&["msg"]),
        Opt::new("success_msg", "What to say when all hold."),
        Opt::new("quiet", "Say nothing when all hold."),
    ];
    const RETURNS: &'static [Table] = &[&[
        ("assertion", "The condition that does not hold."),
        ("evaluated_to", "false, when one does not hold."),
    ]];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(params: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        let Some(failed) = params.that.iter().find(|condition| !condition.holds) else {
            return Ok(vec![]);
        };
        let message = said(params.fail_msg.as_ref(), "Assertion failed");
        let result = json!({
            "assertion": failed.expression,
            "evaluated_to": false,
            "msg": params.fail_msg.clone().unwrap_or_else(|| message.clone().into()),
        });
        let result = result.as_object().cloned().unwrap_or_default();
        let message = format!("{message} (`{}` does not hold)", failed.expression);
        Err(PlanError::Failed { message, result })
    }

    fn result(params: &Params, _: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let message = said(params.success_msg.as_ref(), "All assertions passed");
        let mut out = Map::from_iter([("msg".to_owned(), Value::from(message))]);
        if !params.quiet.is_some_and(|quiet| quiet.0) {
            out.insert("_ansible_verbose_always".into(), true.into());
        }
        out
    }
}
