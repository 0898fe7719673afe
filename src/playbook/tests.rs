//! Projects in memory.
use super::*;
use std::collections::BTreeMap;

/// A project: path → text.
#[derive(Default)]
pub(super) struct Files {
    files: BTreeMap<PathBuf, Arc<str>>,
    roles: Vec<PathBuf>,
}

impl Library for Files {
    fn text(&self, path: &Path) -> Result<Option<Arc<str>>, Diagnostic> {
        Ok(self.files.get(path).cloned())
    }
    fn role_paths(&self) -> &[PathBuf] {
        &self.roles
    }
    fn files_below(&self, folder: &Path) -> Vec<PathBuf> {
        let below = |path: &&PathBuf| path.starts_with(folder) && *path != folder;
        self.files.keys().filter(below).cloned().collect()
    }
}
