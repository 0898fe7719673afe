//! `risk`: whether a change can lock us out of a server.
use super::keywords::{Fields, suggest};
use super::load::Reader;
use crate::source::Diagnostic;

/// What can come of a change, as `risk` says it. Where nothing is said, the paths that it touches decide
/// ([`crate::change::Change::can_lock_out`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// Nobody may be able to log in behind it: the play is confirmed over a new connection, or taken back.
    Lockout,
    /// It can't lock us out, whatever it touches.
    None,
}

impl Reader<'_> {
    /// The keyword `risk`. It is known before the run, so it is no template.
    pub(super) fn risk(&mut self, fields: &mut Fields<'_>) -> Option<Risk> {
        let node = fields.take("risk")?;
        let word = node.text().unwrap_or_default();
        match word {
            "lockout" => return Some(Risk::Lockout),
            "none" => return Some(Risk::None),
            _ => {}
        }
        let finding = Diagnostic::error(node.span, format!("`{word}` is not a risk"));
        let finding = finding.label("risks are `lockout` and `none`");
        self.found(suggest(finding, word, ["lockout", "none"]));
        None
    }
}
