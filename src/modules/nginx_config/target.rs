//! The file that is edited: what it is behind its links, and the change that replaces it.
use super::super::PlanError;
use super::params::{Params, params};
use crate::change::{Attributes, Change};
use crate::facts::{Bytes, Observed, PathKind, Stat};

/// An existing regular file.
pub(super) struct Target<'a> {
    /// Absolute, links resolved.
    pub(super) path: String,
    pub(super) stat: &'a Stat,
    pub(super) content: &'a Bytes,
}

impl<'a> Target<'a> {
    /// Finds it. What is not there is never made: a file that nothing loads hardens nothing.
    pub(super) fn find(path: &str, seen: &'a Observed) -> Result<Self, PlanError> {
        if !path.starts_with('/') {
            return Err(params("path", format!("`{path}` is not absolute")));
        }
        let failed = |what: &str| Err(PlanError::failed(format!("{path} {what}")));
        let mut at = path.to_owned();
        for _ in 0..16 {
            let Some(stat) = seen.stat(&at, false)? else {
                return failed("does not exist, and is never made: nothing would load it");
            };
            match (stat.kind, &stat.target) {
                (PathKind::Link, Some(target)) => at = join(&at, target),
                (PathKind::File, _) => {
                    return match seen.content(&at)? {
                        Some(content) => Ok(Self { path: at, stat, content }),
                        None => failed("can't be read"),
                    };
                }
                _ => return failed("is not a regular file"),
            }
        }
        failed("leads through too many symbolic links")
    }

    /// Nothing, new attributes, or the new text with them.
    pub(super) fn become_text(
        &self,
        text: Vec<u8>,
        wished: &Params,
    ) -> Result<Option<Change>, PlanError> {
        let validate = validation(wished.validate.as_deref())?;
        let attributes = self.attributes(wished);
        if text == self.content.0 {
            let path = self.path.clone();
            let differ = attributes != Attributes::default();
            return Ok(differ.then_some(Change::SetAttributes { path, attributes, recurse: false }));
        }
        Ok(Some(Change::WriteFile {
            path: self.path.clone(),
            content: Bytes(text),
            attributes,
            validate,
            backup: wished.backup.then(|| self.backup()),
            before: Some(self.content.sha256()),
            secret: false,
        }))
    }

    /// Where `backup: true` keeps what was there. A plan knows no clock, so the name tells the content
    /// and not the time; the `~` keeps nginx's globs (`*.conf`, `site.*.custom`) from loading it.
    fn backup(&self) -> String {
        format!("{}.{}~", self.path, &self.content.sha256()[..12])
    }

    /// The wished attributes that differ from what is there.
    fn attributes(&self, wished: &Params) -> Attributes {
        let differs = |wished: &Option<String>, name: &str, id: u32| {
            wished.clone().filter(|wished| wished != name && *wished != id.to_string())
        };
        let stat = self.stat;
        Attributes {
            mode: wished.mode.map(|mode| mode.0).filter(|mode| *mode != stat.mode),
            owner: differs(&wished.owner, &stat.owner, stat.uid),
            group: differs(&wished.group, &stat.group, stat.gid),
        }
    }
}

/// Where a link at `path` leads.
fn join(path: &str, target: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) if !target.starts_with('/') => format!("{folder}/{target}"),
        _ => target.to_owned(),
    }
}

/// The words of a `validate:` command, which must name the candidate.
fn validation(validate: Option<&str>) -> Result<Option<Vec<String>>, PlanError> {
    let Some(text) = validate else { return Ok(None) };
    if !text.contains("%s") {
        return Err(params("validate", "must contain %s, which stands for the file to validate"));
    }
    let words = shlex::split(text).filter(|words| !words.is_empty());
    words.map(Some).ok_or_else(|| params("validate", "has a quote that is not closed"))
}
