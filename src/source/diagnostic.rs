//! What is wrong with what was written, where, and what to do about it: data first, text at the end.
use super::{SourceMap, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::ops::Range;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; the run goes on.
    Warning,
    /// The run does not start.
    Error,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A lowercase fragment: what is wrong.
    pub message: String,
    /// Where, if it has a place.
    pub span: Option<Span>,
    /// What stands under the caret; may be empty.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: Some(span),
            label: String::new(),
            help: None,
        }
    }
    /// An error without a place in a file.
    pub fn general(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: None,
            label: String::new(),
            help: None,
        }
    }
    /// Makes it a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
    /// Adds what stands under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }
    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
    /// The finding as people read it: `path:line:column`, excerpt, caret, help.
    pub fn render(&self, sources: &SourceMap, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let message = printable(&self.message);
        let title = level.primary_title(message.as_str());
        let excerpt = self.span.map(|span| Excerpt::new(sources, span));
        let label = printable(&self.label);
        let help = self.help.as_deref().map(printable);
        let mut group = match &excerpt {
            Some(excerpt) => title.element(excerpt.snippet(&label)),
            None => Group::with_title(title),
        };
        if let Some(help) = &help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut text = renderer.render(&[group]);
        text.push('\n');
        text
    }
}

/// The lines that a span is in, at most four of them, cleaned.
struct Excerpt {
    text: String,
    path: String,
    first: usize,
    range: Range<usize>,
}

impl Excerpt {
    fn new(sources: &SourceMap, span: Span) -> Self {
        const LINES: u32 = 4;
        let last = span.end.line.min(span.start.line + LINES - 1);
        let all = sources.text(span.file);
        let lines = (all.lines())
            .skip(span.start.line as usize - 1)
            .take((last - span.start.line + 1) as usize);
        let text = lines.map(printable).collect::<Vec<_>>().join("\n");
        let offset = |line: u32, column: u32| {
            let start: usize = (text.split('\n'))
                .take((line - span.start.line) as usize)
                .map(|line| line.len() + 1)
                .sum();
            let line = text.get(start..).unwrap_or("").split('\n').next().unwrap_or("");
            let column = column as usize - 1;
            start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
        };
        let from = offset(span.start.line, span.start.column).min(text.len());
        // A span over many lines is pointed at where it begins.
        let one_line = span.end.line == span.start.line;
        let to =
            if one_line { offset(span.end.line, span.end.column) } else { line_end(&text, from) };
        let path = sources.path(span.file).display().to_string();
        Self {
            range: from..to.clamp(from, text.len()),
            text,
            path,
            first: span.start.line as usize,
        }
    }

    fn snippet<'a>(&'a self, label: &'a str) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let mark = AnnotationKind::Primary.span(self.range.clone());
        let mark = if label.is_empty() { mark } else { mark.label(label) };
        Snippet::source(self.text.as_str())
            .path(self.path.as_str())
            .line_start(self.first)
            .annotation(mark)
    }
}

fn line_end(text: &str, from: usize) -> usize {
    text[from..].find('\n').map_or(text.len(), |at| from + at)
}

/// Text of project files and of values in them, with nothing that steers a terminal. One character
/// stays one character, so that columns hold.
fn printable(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Position, SourceMap};
    use super::*;

    #[test]
    fn a_finding_shows_file_line_column_excerpt_caret_and_help() {
        let mut sources = SourceMap::default();
        let file = sources.add("play.yml", "- hosts: all\n  tasks:\n    - debgu: x\n");
        let at = |column| Position { line: 3, column };
        let span = Span { file, start: at(7), end: at(12) };
        let found = Diagnostic::error(span, "unknown module `debgu`")
            .label("no such module")
            .help("did you mean `debug`?");
        assert_eq!(
            found.render(&sources, false),
            "error: unknown module `debgu`\n \
             --> play.yml:3:7\n  \
               |\n\
             3 |     - debgu: x\n  \
               |       ^^^^^ no such module\n  \
               |\n  \
               = help: did you mean `debug`?\n"
        );
    }

    #[test]
    fn nothing_in_a_file_steers_the_terminal() {
        let mut sources = SourceMap::default();
        let file = sources.add("f.yml", "a: \x1b[31mred\u{202e}\n");
        let at = |column| Position { line: 1, column };
        let span = Span { file, start: at(4), end: at(9) };
        let text = Diagnostic::error(span, "bad \x07").render(&sources, false);
        assert!(!text.contains(['\x1b', '\x07', '\u{202e}']), "{text:?}");
    }

    #[test]
    fn a_finding_without_a_place_is_a_line() {
        let found = Diagnostic::general("no inventory").help("give one with -i");
        let text = found.render(&SourceMap::default(), false);
        assert!(text.starts_with("error: no inventory\n"), "{text}");
        assert!(text.contains("help: give one with -i"), "{text}");
    }
}
