//! `slurp`: the content of a file, in base64.
use super::{Module, Opt, PlanError};
use crate::change::{Change, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    src: String,
}

impl Module for This {
    const NAME: &'static str = "slurp";
    const SUMMARY: &'static str = "fetch the content of a file, in base64";
    const EXAMPLES: &'static [&'static str] = &["src: /etc/hostname"];
    const OPTIONS: &'static [Opt] = &[Opt::new("src", "The file.").aliases(&["path"])];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        vec![Probe::Content { path: params.src.clone() }]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        match seen.content(&params.src)? {
            Some(_) => Ok(vec![]),
            None => Err(PlanError::failed(format!("file not found: {}", params.src))),
        }
    }

    fn result(
        params: &Params,
        seen: &Observed,
        _: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        let bytes = seen.content(&params.src).ok().flatten();
        let out = json!({
            "content": bytes.map(crate::facts::Bytes::base64),
            "source": params.src,
            "encoding": "base64",
        });
        out.as_object().cloned().unwrap_or_default()
    }
}
