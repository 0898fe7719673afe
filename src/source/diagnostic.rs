//! What is wrong with what was written, where, and what to do about it: data first, text at the end.
//! What a file holds is never printed with its control characters, and no secret at all.
use super::{SourceMap, Span, printable};
use crate::secret::REDACTED;
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
    /// The finding as people read it: `path:line:column`, excerpt, caret, label, help; ends with a
    /// line break. `color` adds ANSI styles.
    pub fn render(&self, sources: &SourceMap, color: bool) -> String {
        let level = match self.severity {
            Severity::Warning => Level::WARNING,
            Severity::Error => Level::ERROR,
        };
        let secrets = sources.vault().secrets();
        let message = secrets.censor(&self.message);
        let title = level.primary_title(printable(&message));
        let mut group = match self.span {
            Some(span) => title.element(self.snippet(sources, span)),
            None => Group::with_title(title),
        };
        if let Some(help) = &self.help {
            let help = secrets.censor(help);
            let lines: Vec<_> = help.lines().map(printable).collect();
            group = group.element(Level::HELP.message(lines.join("\n")));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group]) + "\n"
    }

    /// The line where the span begins, with the part of the span that lies in it.
    fn snippet<'a>(
        &self,
        sources: &SourceMap,
        span: Span,
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let secrets = sources.vault().secrets();
        let written = sources.line(span.file, span.start.line);
        let written =
            if sources.is_hidden(span.file) { REDACTED.into() } else { secrets.censor(written) };
        let line = printable(&written).into_owned();
        let columns = Self::columns(span, line.chars().count());
        let offset =
            |chars: usize| line.char_indices().nth(chars).map_or(line.len(), |(offset, _)| offset);
        let mut caret = AnnotationKind::Primary.span(offset(columns.start)..offset(columns.end));
        if !self.label.is_empty() {
            caret = caret.label(printable(&secrets.censor(&self.label)).into_owned());
        }
        let path = sources.path(span.file).display().to_string();
        Snippet::source(line)
            .path(printable(&path).into_owned())
            .line_start(span.start.line as usize)
            .annotation(caret)
    }

    /// Which characters of the first line a span covers, from 0.
    fn columns(span: Span, length: usize) -> Range<usize> {
        let start = (span.start.column as usize - 1).min(length);
        let end =
            if span.end.line == span.start.line { span.end.column as usize - 1 } else { length };
        start..end.clamp(start, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Position;

    fn shown(text: &str, places: [u32; 4], build: impl Fn(Diagnostic) -> Diagnostic) -> String {
        let mut sources = SourceMap::default();
        let file = sources.add("roles/x/tasks/main.yml", text);
        let [line, column, end_line, end_column] = places;
        let start = Position { line, column };
        let end = Position { line: end_line, column: end_column };
        build(Diagnostic::error(Span { file, start, end }, "unknown key `moed`"))
            .render(&sources, false)
    }

    #[test]
    fn a_finding_shows_place_excerpt_caret_label_and_help() {
        let text = "- copy:\n    moed: 1\n";
        let found =
            shown(text, [2, 5, 2, 9], |d| d.label("not known").help("did you mean `mode`?"));
        assert_eq!(
            found,
            "\
error: unknown key `moed`
 --> roles/x/tasks/main.yml:2:5
  |
2 |     moed: 1
  |     ^^^^ not known
  |
  = help: did you mean `mode`?
"
        );
    }

    #[test]
    fn a_finding_over_several_lines_marks_the_first() {
        let found = shown("- a\n- b: 1\n  c: 2\n", [2, 3, 3, 7], Diagnostic::warning);
        assert_eq!(
            found,
            "\
warning: unknown key `moed`
 --> roles/x/tasks/main.yml:2:3
  |
2 | - b: 1
  |   ^^^^
"
        );
    }

    #[test]
    fn carets_stand_under_wide_characters_tabs_and_line_ends() {
        let found = shown("\u{feff}Grüße,\t名: x\r\n", [1, 8, 1, 9], |d| d);
        assert_eq!(
            found,
            "\
error: unknown key `moed`
 --> roles/x/tasks/main.yml:1:8
  |
1 | Grüße,    名: x
  |           ^^
"
        );
        let found = shown("a:\n", [1, 3, 1, 3], |d| d);
        assert_eq!(
            found,
            "\
error: unknown key `moed`
 --> roles/x/tasks/main.yml:1:3
  |
1 | a:
  |   ^
"
        );
    }

    #[test]
    fn places_behind_the_end_of_the_file_are_bearable() {
        let found = shown("a: [\n", [7, 9, 7, 10], |d| d);
        assert_eq!(
            found,
            "\
error: unknown key `moed`
 --> roles/x/tasks/main.yml:7:1
  |
7 |
  | ^
"
        );
    }

    #[test]
    fn control_characters_and_direction_tricks_never_reach_the_terminal() {
        let evil = "a\u{1b}[31m\u{7}\u{9b}\u{202e}\u{7f}b";
        let mut sources = SourceMap::default();
        let file = sources.add(evil, evil);
        let start = Position { line: 1, column: 1 };
        let span = Span { file, start, end: Position { line: 1, column: 2 } };
        let found = Diagnostic::error(span, evil).label(evil).help(evil).render(&sources, false);
        assert_eq!(found.chars().find(|c| c.is_control() && *c != '\n'), None, "{found}");
        assert!(!found.contains('\u{202e}'));
        assert!(found.contains("a␛[31m␇��␡b"), "{found}");
        assert!(!sources.locate(span).contains('\u{1b}'));
    }

    #[test]
    fn a_finding_without_a_place_is_its_message_and_help() {
        let found = Diagnostic::general("no inventory").help("give one with -i");
        let plain = found.render(&SourceMap::default(), false);
        assert_eq!(plain, "error: no inventory\n |\n = help: give one with -i\n");
        let colored = found.render(&SourceMap::default(), true);
        assert!(colored.contains("\u{1b}["), "{colored}");
    }
}
