//! `slurp`: the content of a file, in base64.
use super::{Module, Opt, PlanError, Table, write};
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
    const RETURNS: &'static [Table] = &[&[
        ("content", "The bytes in base64; `| b64decode` makes text of them."),
        ("source", "The file."),
        ("encoding", "base64."),
    ]];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        vec![Probe::Content { path: params.src.clone() }]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        if seen.content(&params.src)?.is_some() {
            return Ok(vec![]);
        }
        let src = &params.src;
        Err(PlanError::failed(if write::is_dir(src, seen)? {
            format!("Source is a directory and must be a file: {src}")
        } else {
            format!("File not found: {src}")
        }))
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
