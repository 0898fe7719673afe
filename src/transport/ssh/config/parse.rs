//! From texts to lines that are known to be right, includes resolved: everything that can be said
//! against a configuration without knowing a host is said here, with file, line and column. Files are
//! read through [`Files`] alone.
use super::criteria::{self, Criterion};
use super::keywords::{self, KEYWORDS, Keyword, Kind};
use super::pattern::list_matches;
use super::values::Check;
use super::words::{self, Split, Word};
use super::{Files, Scope};
use crate::source::{Diagnostic, FileId, Position, SourceMap, Span, nearest};
use std::io;
use std::path::{Path, PathBuf};

/// As many files may stand in each other, as with OpenSSH.
const MAX_DEPTH: usize = 16;

/// A line that says something.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) span: Span,
    pub(super) what: What,
}

/// What it says.
#[derive(Debug)]
pub(super) enum What {
    Host(Vec<String>),
    Match(Vec<Criterion>),
    /// The lines of each file.
    Include(Vec<Vec<Line>>),
    IgnoreUnknown(String),
    Set(&'static Keyword, Vec<String>),
    /// A keyword that only some hosts' `IgnoreUnknown` lets pass.
    Unknown(String),
}

/// Reads files, and keeps what is wrong with them.
pub(super) struct Loader<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) sources: &'a mut SourceMap,
    pub(super) home: &'a Path,
    pub(super) found: Vec<Diagnostic>,
    /// Every `IgnoreUnknown` so far, whichever host it is for.
    ignored: Vec<String>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(files: &'a dyn Files, sources: &'a mut SourceMap, home: &'a Path) -> Self {
        Self { files, sources, home, found: vec![], ignored: vec![] }
    }

    /// The lines of a file and of those it includes.
    pub(super) fn text(
        &mut self,
        path: &Path,
        text: &str,
        scope: Scope,
        depth: usize,
    ) -> Vec<Line> {
        let file = self.sources.add(path, text);
        let mut lines = vec![];
        for (index, text) in text.split('\n').enumerate() {
            let Some(split) = words::line(text) else { continue };
            let line = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let end = u32::try_from(text.trim_end().chars().count() + 1).unwrap_or(u32::MAX);
            let at = Row { file, line, end };
            match self.line(&split, at, scope, depth) {
                Ok(Some(what)) => lines.push(Line { span: at.span(split.columns), what }),
                Ok(None) => {}
                Err(found) => self.found.push(found),
            }
        }
        lines
    }

    fn line(
        &mut self,
        split: &Split,
        at: Row,
        scope: Scope,
        depth: usize,
    ) -> Result<Option<What>, Diagnostic> {
        let Some(keyword) = keywords::find(&split.keyword) else {
            return self.unknown(split, at).map(Some);
        };
        if matches!(keyword.kind, Kind::Match) {
            let read = criteria::read(&split.rest);
            return read.map(|found| Some(What::Match(found))).map_err(|why| at.rest(split, why));
        }
        let words = words::split(&split.rest, split.rest_column).map_err(|open| {
            Diagnostic::error(at.span((open, at.end)), "this quote is never closed")
        })?;
        if words.first().is_none_or(|word| word.text.is_empty()) {
            let message = format!("`{}` needs an argument", split.keyword);
            return Err(Diagnostic::error(at.span(split.columns), message));
        }
        let texts: Vec<String> = words.iter().map(|word| word.text.clone()).collect();
        Ok(Some(match keyword.kind {
            Kind::Host => What::Host(texts),
            Kind::Include => What::Include(self.includes(&words, at, scope, depth)?),
            Kind::IgnoreUnknown => {
                let [list] = texts.as_slice() else {
                    return Err(at.rest(split, "`IgnoreUnknown` takes one list with commas".into()));
                };
                self.ignored.push(list.clone());
                What::IgnoreUnknown(list.clone())
            }
            Kind::Quiet | Kind::Match => return Ok(None),
            Kind::First(Check::Line) | Kind::Refused(Check::Line, _) => {
                What::Set(keyword, vec![split.rest.clone()])
            }
            Kind::Each => {
                let [one] = texts.as_slice() else {
                    return Err(at.rest(split, format!("`{}` takes one file", split.keyword)));
                };
                What::Set(keyword, vec![one.clone()])
            }
            Kind::First(check) | Kind::Refused(check, _) => {
                let read = check.read(&texts);
                let read = read.map_err(|why| at.rest(split, format!("`{}` {why}", split.keyword)));
                What::Set(keyword, read?)
            }
        }))
    }

    fn unknown(&self, split: &Split, at: Row) -> Result<What, Diagnostic> {
        let name = split.keyword.to_ascii_lowercase();
        if self.ignored.iter().any(|list| list_matches(list, &name, true)) {
            return Ok(What::Unknown(name));
        }
        let message = format!("`{}` is no keyword of ssh_config", split.keyword);
        let near = nearest(&name, KEYWORDS.iter().map(|keyword| keyword.name));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`IgnoreUnknown {}` before it lets it pass", split.keyword),
        };
        Err(Diagnostic::error(at.span(split.columns), message).help(help))
    }

    fn includes(
        &mut self,
        words: &[Word],
        at: Row,
        scope: Scope,
        depth: usize,
    ) -> Result<Vec<Vec<Line>>, Diagnostic> {
        let mut included = vec![];
        for word in words {
            let wrong = |message: String| Diagnostic::error(at.span(word.columns), message);
            let pattern = self.place(&word.text, scope).map_err(wrong)?;
            let paths = self.files.glob(&pattern);
            for path in paths.map_err(|error| wrong(format!("can't look for this: {error}")))? {
                if depth == MAX_DEPTH {
                    let help = "does a file include itself?";
                    let message = format!("more than {MAX_DEPTH} files include each other");
                    return Err(wrong(message).help(help));
                }
                match self.files.read(&path, true) {
                    Ok(text) => included.push(self.text(&path, &text, scope, depth + 1)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => {
                        return Err(wrong(format!("can't read {}: {error}", path.display())));
                    }
                }
            }
        }
        Ok(included)
    }

    /// Where an included file is: a relative one is beside the file that everything begins with.
    fn place(&self, text: &str, scope: Scope) -> Result<PathBuf, String> {
        if let Some(rest) = text.strip_prefix('~') {
            return match (scope, rest.strip_prefix('/')) {
                (Scope::System, _) => Err("`~` means nothing in the system's file".into()),
                (Scope::User, Some(rest)) => Ok(self.home.join(rest)),
                (Scope::User, None) => Err("only `~/` is supported, not others' homes".into()),
            };
        }
        Ok(match scope {
            Scope::User => self.home.join(".ssh").join(text),
            Scope::System => Path::new("/etc/ssh").join(text),
        })
    }
}

/// A row of a file.
#[derive(Clone, Copy)]
struct Row {
    file: FileId,
    line: u32,
    /// The first column behind its text.
    end: u32,
}

impl Row {
    fn span(self, (start, end): (u32, u32)) -> Span {
        let at = |column| Position { line: self.line, column };
        Span { file: self.file, start: at(start), end: at(end.max(start + 1)) }
    }

    /// Something is wrong with what stands behind the keyword.
    fn rest(self, split: &Split, message: String) -> Diagnostic {
        Diagnostic::error(self.span((split.rest_column, self.end)), message)
    }
}
