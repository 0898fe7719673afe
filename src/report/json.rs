//! JSON lines: one event a line, versioned, and nothing else.
use super::Reporter;
use crate::event::{Event, Line, VERSION};
use std::io::{self, Write};

/// Writes events as JSON lines.
pub struct Json<W>(pub W);

impl<W: Write + Send> Reporter for Json<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let line = Line { v: VERSION, event: event.clone() };
        serde_json::to_writer(&mut self.0, &line)?;
        writeln!(self.0)?;
        self.0.flush()
    }
}
