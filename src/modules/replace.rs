//! `replace`: every match of a regular expression in a file is replaced.
use super::edit::{self, open, regex, replacement, save};
use super::values::{Flag, Mode, Text};
use super::write::{self, Wishes};
use super::{Module, Opt, PlanError};
use crate::change::{Change, Ran};
use crate::facts::{Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    path: String,
    regexp: Text,
    replace: Option<Text>,
    after: Option<Text>,
    before: Option<Text>,
    backup: Option<Flag>,
    validate: Option<String>,
    mode: Option<Mode>,
    owner: Option<Text>,
    group: Option<Text>,
}

impl Params {
    /// The new text, and how many matches were replaced.
    fn replaced(&self, text: &str) -> Result<(String, usize), PlanError> {
        let (from, to) = self.section(text)?;
        let matcher = regex("regexp", &self.regexp.0, true)?;
        let with = replacement(self.replace.as_ref().map_or("", |with| with.0.as_str()));
        let section = &text[from..to];
        let count = matcher.find_iter(section).count();
        let new = matcher.replace_all(section, with.as_str());
        Ok((format!("{}{new}{}", &text[..from], &text[to..]), count))
    }

    /// The bytes between `after` and `before`; nothing when they are not found.
    fn section(&self, text: &str) -> Result<(usize, usize), PlanError> {
        let find = |name: &str, pattern: &Text| {
            let matcher = regex(name, &format!("(?s){}", pattern.0), true)?;
            Ok::<_, PlanError>(matcher)
        };
        let mut from = 0;
        if let Some(after) = &self.after {
            match find("after", after)?.find(text) {
                Some(hit) => from = hit.end(),
                None => return Ok((0, 0)),
            }
        }
        let mut to = text.len();
        if let Some(before) = &self.before {
            match find("before", before)?.find_at(text, from) {
                Some(hit) => to = hit.start(),
                None => return Ok((0, 0)),
            }
        }
        Ok((from, to))
    }
}

impl Module for This {
    const NAME: &'static str = "replace";
    const SUMMARY: &'static str = "replace every match of a regular expression in a file";
    const EXAMPLES: &'static [&'static str] =
        &["path: /etc/hosts\nregexp: '^(\\S+)\\s+old$'\nreplace: '\\1 new'"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("path", "The file.").aliases(&["dest", "destfile", "name"]),
        Opt::new("regexp", "What is replaced; `^` and `$` match at line ends."),
        Opt::new("replace", "What stands there instead; nothing by default. May use \\1 …"),
        Opt::new("after", "Only behind the first match of this."),
        Opt::new("before", "Only before the first match of this."),
        write::BACKUP,
        write::VALIDATE,
        write::MODE,
        write::OWNER,
        write::GROUP,
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        write::probes(&params.path)
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let (path, text) = open(&params.path, seen)?;
        let Some(text) = text else {
            return Err(PlanError::failed(format!("path {path} does not exist")));
        };
        let wishes = Wishes {
            mode: params.mode.as_ref(),
            owner: params.owner.as_ref(),
            group: params.group.as_ref(),
            validate: params.validate.as_deref(),
            backup: params.backup.is_some_and(|backup| backup.0),
        };
        save(&path, params.replaced(&text)?.0, wishes, seen)
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        let text = open(&params.path, seen).ok().and_then(|opened| opened.1).unwrap_or_default();
        let count = params.replaced(&text).map_or(0, |(_, count)| count);
        edit::result(&format!("{count} replacements made"), changes)
    }
}
