//! `template`: a file made from a template of the project.
use super::copy::{WRITTEN, written};
use super::values::{Flag, Mode, Text};
use super::write::{self, Wishes, is_dir, parent, resolve};
use super::{Bind, Module, Opt, PlanError, Table};
use crate::change::{Change, Ran};
use crate::facts::{Bytes, Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    src: String,
    dest: String,
    force: Option<Flag>,
    backup: Option<Flag>,
    mode: Option<Mode>,
    owner: Option<Text>,
    group: Option<Text>,
    validate: Option<String>,
    follow: Option<Flag>,
    output_encoding: Option<String>,
    #[serde(rename = "newline_sequence")]
    _newline_sequence: Option<Text>,
    #[serde(rename = "trim_blocks")]
    _trim_blocks: Option<Flag>,
    #[serde(rename = "lstrip_blocks")]
    _lstrip_blocks: Option<Flag>,
    #[serde(rename = "block_start_string")]
    _block_start: Option<Text>,
    #[serde(rename = "block_end_string")]
    _block_end: Option<Text>,
    #[serde(rename = "variable_start_string")]
    _variable_start: Option<Text>,
    #[serde(rename = "variable_end_string")]
    _variable_end: Option<Text>,
    #[serde(rename = "comment_start_string")]
    _comment_start: Option<Text>,
    #[serde(rename = "comment_end_string")]
    _comment_end: Option<Text>,
    #[serde(rename = "_source")]
    source: Option<Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    path: String,
    content: Bytes,
}

impl Params {
    /// Where the file goes.
    fn path(&self, seen: &Observed) -> Result<String, PlanError> {
        let mut path = self.dest.clone();
        if path.ends_with('/') || is_dir(&path, seen)? {
            let source = self.source.as_ref().map_or(&self.src, |source| &source.path);
            let name = source.rsplit('/').next().unwrap_or(source);
            path = format!("{}/{name}", path.trim_end_matches('/'));
        }
        let follow = self.follow.is_some_and(|follow| follow.0);
        if follow { resolve(&path, seen) } else { Ok(path) }
    }

    /// The rendered text in the encoding that was asked for.
    fn content(&self) -> Result<Bytes, PlanError> {
        let Some(source) = &self.source else {
            return Err(PlanError::failed(format!("`{}` was not found", self.src)));
        };
        let wrong = |message: String| PlanError::Params { path: "output_encoding".into(), message };
        let encoding = self.output_encoding.as_deref().unwrap_or("utf-8").to_lowercase();
        let limit = match encoding.replace('_', "-").as_str() {
            "utf-8" | "utf8" => return Ok(source.content.clone()),
            "ascii" | "us-ascii" => 0x7f,
            "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => 0xff,
            other => return Err(wrong(format!("must be utf-8, latin-1 or ascii, not `{other}`"))),
        };
        let text = source.content.text();
        let byte = |c: char| {
            u8::try_from(c).ok().filter(|byte| *byte <= limit).ok_or_else(|| {
                wrong(format!("there is no {:?} in {encoding}", c.escape_debug().to_string()))
            })
        };
        text.chars().map(byte).collect::<Result<_, _>>().map(Bytes)
    }
}

impl Module for This {
    const NAME: &'static str = "template";
    const SUMMARY: &'static str = "put a file on the host, made from a template";
    const EXAMPLES: &'static [&'static str] = &[
        "src: motd.j2\ndest: /etc/motd\nmode: \"0644\"\n_source: {path: motd.j2, content: aGkK}",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("src", "A template of the project.").bind(Bind::Template),
        Opt::new("dest", "Where it goes; a folder when it ends in `/` or is one."),
        Opt::new("force", "Replace what differs (default true)."),
        write::BACKUP,
        write::MODE,
        write::OWNER,
        write::GROUP,
        write::VALIDATE,
        Opt::new("follow", "Write through a symbolic link instead of replacing it."),
        Opt::new("output_encoding", "utf-8 (default), latin-1 or ascii."),
        Opt::new("newline_sequence", "What ends lines: \\n (default), \\r or \\r\\n."),
        Opt::new("trim_blocks", "The line end behind a statement goes (default true)."),
        Opt::new("lstrip_blocks", "Blanks before a statement that begins a line go."),
        Opt::new("block_start_string", "What opens a statement (default {%)."),
        Opt::new("block_end_string", "What closes a statement (default %})."),
        Opt::new("variable_start_string", "What opens an expression (default {{)."),
        Opt::new("variable_end_string", "What closes an expression (default }})."),
        Opt::new("comment_start_string", "What opens a comment (default {#)."),
        Opt::new("comment_end_string", "What closes a comment (default #})."),
        Opt::new("_source", "From `src`."),
    ];
    const REFUSED: &'static [Table] = &[write::REFUSED];
    const RETURNS: &'static [Table] = &[WRITTEN, write::RETURNS];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        vec![
            Probe::Path { path: params.dest.clone(), follow: false },
            Probe::Path { path: params.dest.clone(), follow: true },
        ]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let content = params.content()?;
        let path = params.path(seen)?;
        let there = seen.stat(&path, false)?.is_some();
        if there && !params.force.is_none_or(|force| force.0) {
            return Ok(vec![]);
        }
        if !there && !is_dir(parent(&path), seen)? {
            let folder = parent(&path);
            return Err(PlanError::failed(format!("Destination directory {folder} does not exist")));
        }
        let wishes = Wishes {
            // A template has no mode of its own on the way here.
            mode: params.mode.as_ref().filter(|mode| **mode != Mode::Preserve),
            owner: params.owner.as_ref(),
            group: params.group.as_ref(),
            validate: params.validate.as_deref(),
            backup: params.backup.is_some_and(|backup| backup.0),
        };
        write::write(&path, content, wishes, seen)
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        let (Ok(path), Ok(content)) = (params.path(seen), params.content()) else {
            return Map::new();
        };
        let mut out = written(&path, &content, seen, changes, ran);
        out.insert("src".into(), params.src.clone().into());
        out
    }
}
