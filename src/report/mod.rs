//! Telling: folds over events, and nothing else. A reporter never decides anything about the run; a
//! run's events can be rendered again later by any of them.
mod confirmation;
mod edited;
mod json;
mod progress;
mod recap;
mod terminal;
mod text;

pub(crate) use confirmation::clock;
pub use json::Json;
pub use progress::Progress;
pub use recap::recap;
pub use terminal::{Palette, clean};
pub use text::Text;

use crate::event::Event;
use std::io;

/// Takes in events, in order.
pub trait Reporter: Send {
    /// One event.
    ///
    /// # Errors
    /// When the output can't be written.
    fn event(&mut self, event: &Event) -> io::Result<()>;
}

/// Sends each event to every reporter; one that fails does not silence the others.
#[derive(Default)]
pub struct Fanout(pub Vec<Box<dyn Reporter>>);

impl Reporter for Fanout {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let mut first = Ok(());
        for reporter in &mut self.0 {
            let told = reporter.event(event);
            first = first.and(told);
        }
        first
    }
}
