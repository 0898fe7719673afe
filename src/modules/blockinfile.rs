//! `blockinfile`: lines between two markers are in a file, or are not.
use super::edit::{self, Pattern, lines, open, position, save};
use super::values::{Flag, Mode, Presence, Text};
use super::write::{self, Wishes};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Change, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    path: String,
    block: Option<Text>,
    #[serde(default)]
    state: Presence,
    marker: Option<String>,
    marker_begin: Option<String>,
    marker_end: Option<String>,
    insertafter: Option<String>,
    insertbefore: Option<String>,
    append_newline: Option<Flag>,
    prepend_newline: Option<Flag>,
    create: Option<Flag>,
    backup: Option<Flag>,
    validate: Option<String>,
    mode: Option<Mode>,
    owner: Option<Text>,
    group: Option<Text>,
}

impl Params {
    fn marks(&self) -> (String, String) {
        let marker = self.marker.as_deref().unwrap_or("# {mark} ANSIBLE MANAGED BLOCK");
        let with = |mark: &Option<String>, default: &str| {
            marker.replace("{mark}", mark.as_deref().unwrap_or(default))
        };
        (with(&self.marker_begin, "BEGIN"), with(&self.marker_end, "END"))
    }

    fn block(&self) -> Vec<String> {
        let (begin, end) = self.marks();
        let text = self.block.as_ref().map_or("", |block| block.0.as_str());
        if self.state == Presence::Absent || text.is_empty() {
            return vec![];
        }
        let body = text.lines().map(|line| format!("{line}\n"));
        [format!("{begin}\n")].into_iter().chain(body).chain([format!("{end}\n")]).collect()
    }

    fn edited(&self, text: &str) -> Result<String, PlanError> {
        let (begin, end) = self.marks();
        let mut all = lines(text);
        let is = |line: &String, mark: &str| line.trim_end_matches(['\n', '\r']) == mark;
        // The last END, and the last BEGIN before it: what Ansible takes for the block.
        let last = |mark: &str| all.iter().rposition(|line| is(line, mark));
        let (from, to) = match (last(&begin), last(&end)) {
            (Some(from), Some(to)) if from < to => (from, to + 1),
            // One marker alone: only its own line can be told to be ours.
            (None, Some(to)) => (to, to + 1),
            (Some(from), _) => (from, from + 1),
            (None, None) => {
                let at = self.place(&all)?;
                (at, at)
            }
        };
        let mut block = self.block();
        if !block.is_empty() {
            let blank = |line: Option<&String>| line.is_none_or(|line| line.trim().is_empty());
            let before = from.checked_sub(1).and_then(|at| all.get(at));
            if self.prepend_newline.is_some_and(|flag| flag.0) && from > 0 && !blank(before) {
                block.insert(0, "\n".into());
            }
            if self.append_newline.is_some_and(|flag| flag.0)
                && to < all.len()
                && !blank(all.get(to))
            {
                block.push("\n".into());
            }
            if let Some(line) = from.checked_sub(1).and_then(|at| all.get_mut(at))
                && !line.ends_with('\n')
            {
                line.push('\n');
            }
        }
        all.splice(from..to, block);
        Ok(all.concat())
    }

    fn place(&self, all: &[String]) -> Result<usize, PlanError> {
        let find = |name, pattern: &str| {
            Ok::<_, PlanError>(position(&Pattern::new(name, pattern, "")?.lines(all)?, false))
        };
        Ok(match (self.insertbefore.as_deref(), self.insertafter.as_deref()) {
            (Some("BOF"), _) | (None, Some("BOF")) => 0,
            (Some(before), _) => find("insertbefore", before)?.unwrap_or(all.len()),
            (None, None | Some("EOF")) => all.len(),
            (None, Some(after)) => find("insertafter", after)?.map_or(all.len(), |at| at + 1),
        })
    }
}

impl Module for This {
    const NAME: &'static str = "blockinfile";
    const SUMMARY: &'static str = "lines between two markers are in a file, or are not";
    const EXAMPLES: &'static [&'static str] = &[
        "path: /etc/hosts\nblock: |\n  127.0.0.2 one\n  127.0.0.3 two",
        "path: /etc/hosts\nstate: absent",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("path", "The file.").aliases(&["dest", "destfile", "name"]),
        Opt::new("block", "The lines.").aliases(&["content"]),
        Opt::new("state", "present or absent."),
        Opt::new("marker", "The markers, with {mark} for BEGIN and END."),
        Opt::new("marker_begin", "What stands for {mark} at the begin."),
        Opt::new("marker_end", "What stands for {mark} at the end."),
        Opt::new("insertafter", "Where a new block goes: a regular expression, or EOF."),
        Opt::new("insertbefore", "Where a new block goes: a regular expression, or BOF."),
        Opt::new("append_newline", "An empty line behind the block."),
        Opt::new("prepend_newline", "An empty line before the block."),
        Opt::new("create", "Make the file when it does not exist."),
        write::BACKUP,
        write::VALIDATE,
        write::MODE,
        write::OWNER,
        write::GROUP,
    ];
    const REFUSED: &'static [Table] = &[write::REFUSED];
    const RETURNS: &'static [Table] =
        &[&[("backup_file", "With `backup`: where what was replaced is kept.")]];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        write::probes(&params.path)
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        if params.insertafter.is_some() && params.insertbefore.is_some() {
            let message = "parameters are mutually exclusive: insertbefore|insertafter";
            return Err(PlanError::failed(message));
        }
        let (path, text) = open(&params.path, seen)?;
        let create = params.create.is_some_and(|create| create.0);
        let text = match text {
            Some(text) => text,
            None if params.state == Presence::Absent => return Ok(vec![]),
            None if create => String::new(),
            None => return Err(edit::missing(format!("Path {path} does not exist !"))),
        };
        let wishes = Wishes {
            mode: params.mode.as_ref(),
            owner: params.owner.as_ref(),
            group: params.group.as_ref(),
            validate: params.validate.as_deref(),
            backup: params.backup.is_some_and(|backup| backup.0),
        };
        save(&path, params.edited(&text)?, wishes, seen)
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        let Ok((path, text)) = open(&params.path, seen) else { return Map::new() };
        let before = seen.stat(&path, false).ok().flatten();
        let mut out = Map::new();
        if text.is_none() && params.state == Presence::Absent {
            out.insert("msg".into(), format!("File {path} not present").into());
            return out;
        }
        let said = if params.block().is_empty() { "Block removed" } else { "Block inserted" };
        out.insert("msg".into(), edit::message(said, changes, before).into());
        if let Some(backup) = write::backup_of(changes) {
            out.insert("backup_file".into(), backup.into());
        }
        out
    }
}
