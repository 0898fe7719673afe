//! What takes a change back: the before-image that the server's journal keeps, or nothing. A closed
//! match, so that whoever adds a change says how it is undone.
use super::{Back, Change, ComposeAction};

/// How a change is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// What was there is kept on the server as the change is made, and put back from there.
    BeforeImage,
    /// By a command that the server's journal keeps.
    Command,
    /// There is nothing to take back.
    Nothing,
    /// By doing it again, once the files that it reads are what they were.
    Again,
    /// There is no way back, and why (a lowercase fragment).
    Impossible(&'static str),
}

impl Change {
    /// What takes this change back.
    pub fn undo(&self) -> Undo {
        match self {
            Self::Step { change, .. } => change.undo(),
            Self::WriteFile { .. }
            | Self::SetAttributes { .. }
            | Self::MakeDir { .. }
            | Self::Link { .. }
            | Self::Touch { .. }
            | Self::Download(_)
            | Self::Remove { .. } => Undo::BeforeImage,
            Self::Request(request) if !request.reads => {
                Undo::Impossible("what a web server was asked to do can't be undone")
            }
            Self::Run(_) => Undo::Impossible("what a command did can't be undone"),
            Self::Deed(deed) => match deed.back {
                Back::Programs(_) => Undo::Command,
                Back::Again => Undo::Again,
                Back::Nothing => Undo::Nothing,
                Back::Never => Undo::Impossible("what was there before is not kept"),
            },
            Self::Compose(up) => match up.action {
                ComposeAction::Restart | ComposeAction::Up | ComposeAction::Recreate => Undo::Again,
                ComposeAction::Stop | ComposeAction::Down => {
                    Undo::Impossible("services that were stopped stay stopped")
                }
            },
            // Times, and what is temporary, are not what a run is taken back for. Marks are the runner's
            // own to set right: it knows which handlers have run.
            Self::SetTimes { .. }
            | Self::Request(_)
            | Self::MakeTemp { .. }
            | Self::Wait(_)
            | Self::Outdated { .. }
            // Nothing was done to the host.
            | Self::Here(_)
            | Self::Owe { .. }
            | Self::Settle { .. }
            | Self::Journal(_) => Undo::Nothing,
        }
    }
}
