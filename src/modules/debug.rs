//! `debug`: says something.
use super::values::Number;
use super::{Bind, Module, Opt, PlanError};
use crate::change::{Change, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    msg: Option<Value>,
    var: Option<Variable>,
    verbosity: Option<Number>,
    #[serde(rename = "_verbosity")]
    asked: Option<Number>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    expression: String,
    value: Value,
}

impl Module for This {
    const NAME: &'static str = "debug";
    const SUMMARY: &'static str = "say something, or show a variable";
    const EXAMPLES: &'static [&'static str] = &["msg: all is well"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("msg", "What to say."),
        Opt::new("var", "An expression to show, without braces.").bind(Bind::Expression),
        Opt::new("verbosity", "Say it only with that many -v (default 0)."),
        Opt::new("_verbosity", "How many -v there are."),
    ];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(params: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        if params.msg.is_some() && params.var.is_some() {
            return Err(PlanError::failed("parameters are mutually exclusive: msg|var"));
        }
        Ok(vec![])
    }

    fn result(params: &Params, _: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let mut out = Map::new();
        let given = |number: Option<Number>| number.map_or(0, |number| number.0);
        if given(params.verbosity) > given(params.asked) {
            out.insert("skipped".into(), true.into());
            out.insert("skipped_reason".into(), "Verbosity threshold not met.".into());
            return out;
        }
        match (&params.msg, &params.var) {
            (_, Some(var)) => out.insert(var.expression.clone(), var.value.clone()),
            (Some(msg), _) => out.insert("msg".into(), msg.clone()),
            (None, None) => out.insert("msg".into(), "Hello world!".into()),
        };
        out.insert("_ansible_verbose_always".into(), true.into());
        out
    }
}
