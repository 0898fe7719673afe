//! `replace`: every match of a regular expression in a file is replaced.
use super::edit::{self, Pattern, open, replacement, save};
use super::values::{Flag, Mode, Text};
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
    regexp: Text,
    replace: Option<Text>,
    after: Option<Text>,
    before: Option<Text>,
    #[serde(rename = "encoding")]
    _encoding: Option<Encoding>,
    backup: Option<Flag>,
    validate: Option<String>,
    mode: Option<Mode>,
    owner: Option<Text>,
    group: Option<Text>,
}

/// The encodings of files that can be edited.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum Encoding {
    #[serde(rename = "utf-8", alias = "utf8", alias = "UTF-8", alias = "UTF8", alias = "ascii")]
    Utf8,
}

impl Params {
    /// What the section between `after` and `before` looks like, if one was asked for.
    fn section(&self) -> Option<String> {
        match (&self.after, &self.before) {
            (Some(after), Some(before)) => {
                Some(format!("{}(?P<subsection>.*?){}", after.0, before.0))
            }
            (Some(after), None) => Some(format!("{}(?P<subsection>.*)", after.0)),
            (None, Some(before)) => Some(format!("(?P<subsection>.*){}", before.0)),
            (None, None) => None,
        }
    }

    /// The new text and how many matches were replaced; `None` when there is no such section.
    fn replaced(&self, text: &str) -> Result<Option<(String, usize)>, PlanError> {
        let (from, to) = match self.section() {
            None => (0, text.len()),
            Some(pattern) => {
                let name = if self.after.is_some() { "after" } else { "before" };
                let found = Pattern::new(name, &pattern, "s")?.captures(text)?;
                match found.and_then(|found| found.name("subsection").map(|it| it.range())) {
                    Some(range) => (range.start, range.end),
                    None => return Ok(None),
                }
            }
        };
        let with = replacement(self.replace.as_ref().map_or("", |with| with.0.as_str()));
        let matcher = Pattern::new("regexp", &self.regexp.0, "m")?;
        let (new, count) = matcher.replace(&text[from..to], &with)?;
        Ok(Some((format!("{}{new}{}", &text[..from], &text[to..]), count)))
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
        Opt::new("encoding", "Must be utf-8."),
        write::BACKUP,
        write::VALIDATE,
        write::MODE,
        write::OWNER,
        write::GROUP,
    ];
    const REFUSED: &'static [Table] = &[write::REFUSED];
    const RETURNS: &'static [Table] = &[&[
        ("backup_file", "With `backup`: where what was replaced is kept."),
        ("rc", "0."),
    ]];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        write::probes(&params.path)
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        // Known to be wrong before the file is.
        Pattern::new("regexp", &params.regexp.0, "m")?;
        let (path, text) = open(&params.path, seen)?;
        let Some(text) = text else {
            return Err(edit::missing(format!("Path {path} does not exist !")));
        };
        let wishes = Wishes {
            mode: params.mode.as_ref(),
            owner: params.owner.as_ref(),
            group: params.group.as_ref(),
            validate: params.validate.as_deref(),
            backup: params.backup.is_some_and(|backup| backup.0),
        };
        let new = params.replaced(&text)?.map_or(text, |(new, _)| new);
        save(&path, new, wishes, seen)
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        let Ok((path, Some(text))) = open(&params.path, seen) else { return Map::new() };
        let before = seen.stat(&path, false).ok().flatten();
        let mut out = Map::new();
        let said = match (params.replaced(&text), params.section()) {
            (Ok(None), Some(pattern)) => {
                let what = "Pattern for before/after params did not match the given file";
                format!("{what}: {pattern}")
            }
            (replaced, _) => {
                let count = replaced.ok().flatten().map_or(0, |(_, count)| count);
                edit::message(&format!("{count} replacements made"), changes, before)
            }
        };
        out.insert("msg".into(), said.into());
        out.insert("rc".into(), 0.into());
        if let Some(backup) = write::backup_of(changes) {
            out.insert("backup_file".into(), backup.into());
        }
        out
    }
}
