//! `lineinfile`: a line is in a file, or is not.
use super::edit::{self, Pattern, body, lines, open, position, replacement, save};
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
    line: Option<Text>,
    regexp: Option<Text>,
    search_string: Option<Text>,
    #[serde(default)]
    state: Presence,
    backrefs: Option<Flag>,
    insertafter: Option<String>,
    insertbefore: Option<String>,
    firstmatch: Option<Flag>,
    create: Option<Flag>,
    backup: Option<Flag>,
    validate: Option<String>,
    mode: Option<Mode>,
    owner: Option<Text>,
    group: Option<Text>,
}

impl Params {
    fn wishes(&self) -> Wishes<'_> {
        Wishes {
            mode: self.mode.as_ref(),
            owner: self.owner.as_ref(),
            group: self.group.as_ref(),
            validate: self.validate.as_deref(),
            backup: self.backup.is_some_and(|backup| backup.0),
        }
    }

    fn check(&self) -> Result<(), PlanError> {
        let backrefs = self.backrefs.is_some_and(|backrefs| backrefs.0);
        let present = self.state == Presence::Present;
        let message = if self.regexp.is_some() && self.search_string.is_some() {
            "parameters are mutually exclusive: regexp|search_string"
        } else if self.insertafter.is_some() && self.insertbefore.is_some() {
            "parameters are mutually exclusive: insertbefore|insertafter"
        } else if backrefs && self.search_string.is_some() {
            "parameters are mutually exclusive: backrefs|search_string"
        } else if backrefs && self.regexp.is_none() {
            "regexp is required with backrefs=true"
        } else if present && self.line.is_none() {
            "line is required with state=present"
        } else if !present && self.line.is_none() && self.matcher_missing() {
            "one of line, search_string, or regexp is required with state=absent"
        } else {
            return Ok(());
        };
        Err(PlanError::failed(message))
    }

    fn matcher_missing(&self) -> bool {
        self.regexp.is_none() && self.search_string.is_none()
    }

    fn wanted(&self) -> &str {
        self.line.as_ref().map_or("", |line| &line.0)
    }

    /// Which lines `regexp` or `search_string` mean; without both, those that are `line`.
    fn hits(&self, all: &[String]) -> Result<Vec<bool>, PlanError> {
        match (&self.regexp, &self.search_string) {
            (Some(regexp), _) => Pattern::new("regexp", &regexp.0, "")?.lines(all),
            (None, Some(search)) => Ok(all.iter().map(|line| line.contains(&search.0)).collect()),
            (None, None) => Ok(all.iter().map(|line| body(line) == self.wanted()).collect()),
        }
    }

    fn present(&self, text: &str) -> Result<(String, &'static str), PlanError> {
        let unchanged = Ok((text.to_owned(), ""));
        let mut all = lines(text);
        let first = self.firstmatch.is_some_and(|first| first.0);
        if let Some(at) = position(&self.hits(&all)?, first) {
            let old = body(&all[at]);
            let new = self.replacing(old)?;
            if old == new {
                return unchanged;
            }
            let end = &all[at][old.len()..];
            all[at] = format!("{new}{}", if end.is_empty() { "\n" } else { end });
            return Ok((all.concat(), "line replaced"));
        }
        let wanted = self.wanted();
        let is_there = all.iter().any(|line| body(line) == wanted);
        // Without a match, a line that is there already is enough.
        if is_there || self.backrefs.is_some_and(|backrefs| backrefs.0) {
            return unchanged;
        }
        let at = self.place(&all, first)?;
        if at == all.len()
            && let Some(last) = all.last_mut()
            && !last.ends_with(['\n', '\r'])
        {
            last.push('\n');
        }
        all.insert(at, format!("{wanted}\n"));
        Ok((all.concat(), "line added"))
    }

    /// What a line that matched becomes.
    fn replacing(&self, old: &str) -> Result<String, PlanError> {
        let wanted = self.wanted();
        let backrefs = self.backrefs.is_some_and(|backrefs| backrefs.0);
        let (Some(regexp), true) = (&self.regexp, backrefs) else { return Ok(wanted.to_owned()) };
        let mut new = String::new();
        if let Some(captures) = Pattern::new("regexp", &regexp.0, "")?.captures(old)? {
            captures.expand(&replacement(wanted), &mut new);
        }
        Ok(new)
    }

    /// Where a new line goes.
    fn place(&self, all: &[String], first: bool) -> Result<usize, PlanError> {
        let find = |name, pattern: &str| {
            Ok::<_, PlanError>(position(&Pattern::new(name, pattern, "")?.lines(all)?, first))
        };
        Ok(match (self.insertbefore.as_deref(), self.insertafter.as_deref()) {
            (Some("BOF"), _) | (None, Some("BOF")) => 0,
            (Some(before), _) => find("insertbefore", before)?.unwrap_or(all.len()),
            (None, None | Some("EOF")) => all.len(),
            (None, Some(after)) => find("insertafter", after)?.map_or(all.len(), |at| at + 1),
        })
    }

    fn absent(&self, text: &str) -> Result<(String, usize), PlanError> {
        let all = lines(text);
        let hits = self.hits(&all)?;
        let kept = all.iter().zip(&hits).filter(|(_, hit)| !**hit).map(|(line, _)| line.as_str());
        Ok((kept.collect(), hits.iter().filter(|hit| **hit).count()))
    }
}

impl Module for This {
    const NAME: &'static str = "lineinfile";
    const SUMMARY: &'static str = "a line is in a file, or is not";
    const EXAMPLES: &'static [&'static str] = &[
        "path: /etc/hosts\nregexp: '^127\\.0\\.0\\.2'\nline: 127.0.0.2 mail",
        "path: /etc/hosts\nstate: absent\nline: old",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("path", "The file.").aliases(&["dest", "destfile", "name"]),
        Opt::new("line", "The line.").aliases(&["value"]),
        Opt::new("regexp", "The last line that matches is replaced (or all are removed).")
            .aliases(&["regex"]),
        Opt::new("search_string", "As `regexp`, but plain text."),
        Opt::new("state", "present or absent."),
        Opt::new("backrefs", "`line` may use \\1 … of `regexp`; nothing is added without a match."),
        Opt::new("insertafter", "Where a new line goes: a regular expression, or EOF."),
        Opt::new("insertbefore", "Where a new line goes: a regular expression, or BOF."),
        Opt::new("firstmatch", "The first match counts, not the last."),
        Opt::new("create", "Make the file when it does not exist."),
        write::BACKUP,
        write::VALIDATE,
        write::MODE,
        write::OWNER,
        write::GROUP,
    ];
    const REFUSED: &'static [Table] = &[write::REFUSED];
    const RETURNS: &'static [Table] = &[&[
        ("backup", "Where what was replaced is kept; empty without `backup`."),
        ("found", "With `state: absent`: how many lines matched."),
    ]];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        write::probes(&params.path)
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        params.check()?;
        // Known to be wrong before the file is.
        params.regexp.as_ref().map(|regexp| Pattern::new("regexp", &regexp.0, "")).transpose()?;
        let (path, text) = open(&params.path, seen)?;
        let create = params.create.is_some_and(|create| create.0);
        let new = match (params.state, text) {
            (Presence::Absent, None) => return Ok(vec![]),
            (Presence::Absent, Some(text)) => params.absent(&text)?.0,
            (Presence::Present, None) if !create => {
                return Err(edit::missing(format!("Destination {path} does not exist !")));
            }
            (Presence::Present, text) => params.present(&text.unwrap_or_default())?.0,
        };
        save(&path, new, params.wishes(), seen)
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
        let said = match (params.state, &text) {
            (Presence::Present, _) => {
                let text = text.as_deref().unwrap_or("");
                params.present(text).map_or("", |(_, message)| message).to_owned()
            }
            (Presence::Absent, None) => {
                out.insert("msg".into(), "file not present".into());
                return out;
            }
            (Presence::Absent, Some(text)) => {
                let removed = params.absent(text).map_or(0, |(_, removed)| removed);
                out.insert("found".into(), removed.into());
                format!("{removed} line(s) removed")
            }
        };
        out.insert("msg".into(), edit::message(&said, changes, before).into());
        out.insert("backup".into(), write::backup_of(changes).unwrap_or_default().into());
        out
    }
}
