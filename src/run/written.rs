//! What earlier runs have written on a host, as it was when this run first looked. Whether somebody else has
//! changed it is `plan::edited`'s word; here is what that needs, and that it is told once.
use super::host::HostRun;
use crate::change::Change;
use crate::event::Edit;
use crate::facts::{self, Bytes, Fact, Journal, Observed, Probe, other_era};
use crate::plan::{Found, Invocation, edited, switched};
use crate::transport::{Connect, TransportError};
use std::collections::BTreeMap;

/// What earlier runs have written, by path.
#[derive(Debug, Default)]
pub(super) struct Written {
    files: BTreeMap<String, File>,
    told: Vec<Edit>,
}

/// A file that a run wrote, or that this one is about to write.
#[derive(Debug)]
enum File {
    /// A shell has told that a run wrote it.
    Noted(usize, facts::Written),
    /// When this run first came to write it, it was as it had been left, or nobody had written it.
    AsLeft,
    /// It was not: what had been left, where that is kept, and what was there.
    Changed(facts::Written, Option<Bytes>, Found),
}

impl Written {
    /// What the server's journal says, seen through a shell.
    pub(super) fn found(&mut self, eye: usize, own: &str, journal: &Journal) {
        for written in journal.written.iter().filter(|written| written.run != own) {
            match self.files.get(&written.path) {
                // Each user has a journal of their own on a server; who wrote last counts.
                Some(File::Noted(_, known)) if known.at > written.at => {}
                Some(File::Noted(..)) | None => {
                    let file = File::Noted(eye, written.clone());
                    self.files.insert(written.path.clone(), file);
                }
                Some(File::AsLeft | File::Changed(..)) => {}
            }
        }
    }

    /// What became of the task's part of a file.
    fn edit(&self, call: &Invocation, seen: &Observed, path: &str) -> Option<Edit> {
        match self.files.get(path) {
            Some(File::Changed(written, then, found)) => {
                edited(call, seen, written, then.as_ref(), found)
            }
            Some(File::Noted(..) | File::AsLeft) => None,
            None => match self.files.get(&other_era(path)?)? {
                File::Noted(_, written) => Some(switched(path, written)),
                File::AsLeft | File::Changed(..) => None,
            },
        }
    }
}

impl<C: Connect> HostRun<C> {
    /// What somebody else has changed of what a task is about to write, as far as it was not told yet.
    pub(super) async fn edits(
        &mut self,
        eye: usize,
        call: &Invocation,
        changes: &[Change],
    ) -> Result<Vec<Edit>, TransportError> {
        let mut edits = vec![];
        for change in changes {
            let Change::WriteFile { path, .. } = change else { continue };
            self.compare(eye, path).await?;
            let edit = self.written.edit(call, self.seen(eye), path);
            self.written.files.entry(path.clone()).or_insert(File::AsLeft);
            edits.extend(edit.filter(|edit| !self.written.told.contains(edit)));
        }
        self.written.told.extend(edits.iter().cloned());
        Ok(edits)
    }

    /// Looks at a file before this run first changes it.
    async fn compare(&mut self, eye: usize, path: &str) -> Result<(), TransportError> {
        let Some(File::Noted(of, written)) = self.written.files.get(path) else { return Ok(()) };
        let (of, written) = (*of, written.clone());
        let seen = self.seen(eye);
        let stat = [false, true].iter().find_map(|follow| seen.stat(path, *follow).ok());
        let (sum, found) = match (seen.content(path), stat) {
            (Ok(Some(content)), _) => (Some(content.sha256()), Found::File(content.clone())),
            (Ok(None), None | Some(None)) | (Err(_), Some(None)) => (None, Found::Nothing),
            (_, stat) => (stat.flatten().and_then(|stat| stat.sha256.clone()), Found::Other),
        };
        let file = if sum.as_ref() == Some(&written.sha256) {
            File::AsLeft
        } else {
            let probe = Probe::Written { path: path.to_owned() };
            let mut then = None;
            if matches!(found, Found::File(_)) {
                self.look(of, vec![probe.clone()]).await?;
                if let Ok(Fact::Written(content)) = self.seen(of).get(&probe) {
                    then.clone_from(content);
                }
            }
            File::Changed(written, then, found)
        };
        self.written.files.insert(path.to_owned(), file);
        Ok(())
    }
}
