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
        Opt::new("verbosity", "Say it only with that many -v."),
    ];
    type Params = Params;

    fn observe(_: &Params) -> Vec<Probe> {
        vec![]
    }

    fn plan(params: &Params, _: &Observed) -> Result<Vec<Change>, PlanError> {
        if params.msg.is_some() && params.var.is_some() {
            return Err(PlanError::failed("`msg` and `var` exclude each other"));
        }
        Ok(vec![])
    }

    fn result(params: &Params, _: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let mut out = Map::new();
        match (&params.msg, &params.var) {
            (_, Some(var)) => out.insert(var.expression.clone(), var.value.clone()),
            (Some(msg), _) => out.insert("msg".into(), msg.clone()),
            (None, None) => out.insert("msg".into(), "Hello world!".into()),
        };
        let quiet = params.verbosity.is_some_and(|verbosity| verbosity.0 > 0);
        if !quiet {
            out.insert("_ansible_verbose_always".into(), true.into());
        }
        out
    }
}
