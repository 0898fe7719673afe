//! Where things were written: files, spans, diagnostics, and YAML that remembers both.
//! Pure: it is handed text, it never opens a file.
mod diagnostic;
mod printable;
mod suggest;
mod yaml;

pub use diagnostic::{Diagnostic, Severity};
pub use printable::printable;
pub use suggest::nearest;
pub use yaml::{Kind, Node, Scalar, TEXT, VAULT, inert, parse, parse_one, sealed_in};

use crate::vault::Vault;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file in a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileId(u32);

/// A place in a file: line and column from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// A stretch of a file; `end` is the first position behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Which file.
    pub file: FileId,
    /// First position.
    pub start: Position,
    /// First position behind it.
    pub end: Position,
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Ties a value to its place.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// Variables as written, each with its place.
pub type Vars = Vec<(Spanned<String>, Spanned<serde_json::Value>)>;

/// Every text that can be pointed at.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<(PathBuf, Arc<str>)>,
    vault: Vault,
}

impl SourceMap {
    /// With what opens encrypted files, and knows what must not be shown.
    pub fn new(vault: Vault) -> Self {
        Self { files: vec![], vault }
    }
    /// Opens what is encrypted, and knows what must not be shown.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }
    /// Whether a file was encrypted: none of its lines is shown.
    pub fn is_hidden(&self, file: FileId) -> bool {
        self.vault.secrets().is_hidden(self.path(file))
    }
    /// Takes in a file; `path` is what users will see.
    ///
    /// # Panics
    /// With more than four thousand million files.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> FileId {
        let id = u32::try_from(self.files.len()).expect("fewer than 2^32 files fit in memory");
        self.files.push((path.into(), text.into()));
        FileId(id)
    }
    /// The path of a file, as users know it.
    pub fn path(&self, file: FileId) -> &Path {
        &self.files[file.0 as usize].0
    }
    /// The text of a file.
    pub fn text(&self, file: FileId) -> &Arc<str> {
        &self.files[file.0 as usize].1
    }
    /// A line of a file (from 1) without its end and without a byte order mark; empty when there
    /// is none.
    pub fn line(&self, file: FileId, line: u32) -> &str {
        let text = self.text(file);
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let line = text.split('\n').nth((line as usize).saturating_sub(1)).unwrap_or("");
        line.strip_suffix('\r').unwrap_or(line)
    }
    /// A file from its first character to its last.
    pub fn whole(&self, file: FileId) -> Span {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let text = self.text(file);
        let line = count(text.lines().count().max(1));
        let column = count(text.lines().last().unwrap_or("").chars().count() + 1);
        Span { file, start: Position { line: 1, column: 1 }, end: Position { line, column } }
    }
    /// `path:line:column`, fit for a terminal.
    pub fn locate(&self, span: Span) -> String {
        let path = self.path(span.file).display().to_string();
        format!("{}:{}:{}", printable(&path), span.start.line, span.start.column)
    }
}
