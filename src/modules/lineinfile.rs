//! `lineinfile`: a line is in a file, or is not.
use super::edit::{self, lines, open, regex, replacement, save};
use super::values::{Flag, Mode, Text};
use super::write::{self, Wishes};
use super::{Module, Opt, PlanError};
use crate::change::{Change, Ran};
use crate::facts::{Observed, Probe};
use regex::Regex;
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
    state: State,
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

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Present,
    Absent,
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
        let present = self.state == State::Present;
        let message = if self.regexp.is_some() && self.search_string.is_some() {
            "`regexp` and `search_string` exclude each other"
        } else if self.insertafter.is_some() && self.insertbefore.is_some() {
            "`insertafter` and `insertbefore` exclude each other"
        } else if backrefs && self.regexp.is_none() {
            "`backrefs` needs `regexp`"
        } else if present && self.line.is_none() {
            "`line` is needed when `state` is present"
        } else if !present && self.line.is_none() && self.matcher_missing() {
            "`line`, `regexp` or `search_string` is needed when `state` is absent"
        } else {
            return Ok(());
        };
        Err(PlanError::failed(message))
    }

    fn matcher_missing(&self) -> bool {
        self.regexp.is_none() && self.search_string.is_none()
    }

    fn matcher(&self) -> Result<Option<Regex>, PlanError> {
        self.regexp.as_ref().map(|pattern| regex("regexp", &pattern.0, false)).transpose()
    }

    fn present(&self, text: &str) -> Result<(String, &'static str), PlanError> {
        let wanted = self.line.as_ref().map_or("", |line| line.0.as_str());
        let matcher = self.matcher()?;
        let mut all = lines(text);
        let body = |line: &str| line.trim_end_matches(['\n', '\r']).to_owned();
        let first = self.firstmatch.is_some_and(|first| first.0);
        let hits = |line: &str| match (&matcher, &self.search_string) {
            (Some(regex), _) => regex.is_match(line),
            (None, Some(search)) => line.contains(&search.0),
            (None, None) => line == wanted,
        };
        let found = all.iter().rposition(|line| hits(&body(line)));
        let found = if first { all.iter().position(|line| hits(&body(line))) } else { found };
        if let Some(at) = found {
            let old = body(&all[at]);
            let new = match &matcher {
                Some(regex) if self.backrefs.is_some_and(|backrefs| backrefs.0) => {
                    let captures = regex.captures(&old);
                    let mut new = String::new();
                    if let Some(captures) = captures {
                        captures.expand(&replacement(wanted), &mut new);
                    }
                    new
                }
                _ => wanted.to_owned(),
            };
            if old == new {
                return Ok((text.to_owned(), ""));
            }
            let end = all[at][old.len()..].to_owned();
            all[at] = format!("{new}{}", if end.is_empty() { "\n" } else { &end });
            return Ok((all.concat(), "line replaced"));
        }
        if self.backrefs.is_some_and(|backrefs| backrefs.0) {
            return Ok((text.to_owned(), ""));
        }
        // Without a match, a line that is there already is enough.
        if all.iter().any(|line| body(line) == wanted) && self.matcher_missing() {
            return Ok((text.to_owned(), ""));
        }
        let at = self.place(&all, first)?;
        if all.get(at).is_some_and(|line| body(line) == wanted)
            || at.checked_sub(1).and_then(|at| all.get(at)).is_some_and(|l| body(l) == wanted)
        {
            return Ok((text.to_owned(), ""));
        }
        if at == all.len()
            && let Some(last) = all.last_mut()
            && !last.ends_with('\n')
        {
            last.push('\n');
        }
        all.insert(at, format!("{wanted}\n"));
        Ok((all.concat(), "line added"))
    }

    /// Where a new line goes.
    fn place(&self, all: &[String], first: bool) -> Result<usize, PlanError> {
        let find = |name: &str, pattern: &str| -> Result<Option<usize>, PlanError> {
            let regex = regex(name, pattern, false)?;
            let matches = |line: &String| regex.is_match(line.trim_end_matches(['\n', '\r']));
            let found = if first {
                all.iter().position(matches)
            } else {
                all.iter().rposition(matches)
            };
            Ok(found)
        };
        Ok(match (&self.insertbefore, self.insertafter.as_deref()) {
            (Some(before), _) if before == "BOF" => 0,
            (Some(before), _) => find("insertbefore", before)?.unwrap_or(all.len()),
            (None, None | Some("EOF")) => all.len(),
            (None, Some(after)) => find("insertafter", after)?.map_or(all.len(), |at| at + 1),
        })
    }

    fn absent(&self, text: &str) -> Result<(String, usize), PlanError> {
        let matcher = self.matcher()?;
        let mut removed = 0;
        let kept: String = (text.split_inclusive('\n'))
            .filter(|line| {
                let body = line.trim_end_matches(['\n', '\r']);
                let hit = match (&matcher, &self.search_string, &self.line) {
                    (Some(regex), _, _) => regex.is_match(body),
                    (None, Some(search), _) => body.contains(&search.0),
                    (None, None, Some(line)) => body == line.0,
                    (None, None, None) => false,
                };
                removed += usize::from(hit);
                !hit
            })
            .collect();
        Ok((kept, removed))
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
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        write::probes(&params.path)
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        params.check()?;
        let (path, text) = open(&params.path, seen)?;
        let create = params.create.is_some_and(|create| create.0);
        let new = match (params.state, text) {
            (State::Absent, None) => return Ok(vec![]),
            (State::Absent, Some(text)) => params.absent(&text)?.0,
            (State::Present, None) if !create => {
                return Err(PlanError::failed(format!("destination {path} does not exist")));
            }
            (State::Present, text) => params.present(&text.unwrap_or_default())?.0,
        };
        save(&path, new, params.wishes(), seen)
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        let text = open(&params.path, seen).ok().and_then(|opened| opened.1).unwrap_or_default();
        match params.state {
            State::Present => {
                let message = params.present(&text).map_or("", |(_, message)| message);
                edit::result(message, changes)
            }
            State::Absent => {
                let removed = params.absent(&text).map_or(0, |(_, removed)| removed);
                let mut out = edit::result(&format!("{removed} line(s) removed"), changes);
                out.insert("found".into(), removed.into());
                out
            }
        }
    }
}
