//! Includes: what they are, and what they can bring in. All of it was read beforehand; which of it they
//! do bring in, the run decides. Here nothing is read and nothing rendered.
use super::{Item, Keywords, Loop, RoleUse};
use crate::source::{Span, Spanned, Vars};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An include whose contents are known only when it runs.
#[derive(Clone, Debug)]
pub struct Include {
    /// Where it begins.
    pub span: Span,
    /// The statement: `include_tasks`, `include_role`, `include_vars`.
    pub statement: &'static str,
    /// Of the include itself (`when`, `loop` …).
    pub keywords: Keywords,
    /// What is included.
    pub what: Included,
    /// `loop` and `with_*`.
    pub repeat: Option<Loop>,
    /// `apply:`, keywords for what is included.
    pub apply: Keywords,
    /// `register`.
    pub register: Option<Spanned<String>>,
    /// `listen`, of one that is a handler.
    pub listen: Vec<Spanned<String>>,
}

/// What an include brings in.
#[derive(Clone, Debug)]
pub enum Included {
    /// `include_tasks` of a file known beforehand.
    Tasks(Arc<Vec<Item>>),
    /// `include_role` of a role known beforehand.
    Role(Box<RoleUse>),
    /// `include_vars` of what is known beforehand.
    Vars(IncludedVars),
    /// `include_vars` whose name holds a template: which of the candidates, the run decides.
    TemplatedVars {
        /// As written.
        file: Spanned<String>,
        /// Each of one file.
        candidates: Vec<IncludedVars>,
    },
    /// `include_role` whose name holds a template: which of the candidates, the run decides.
    TemplatedRole {
        /// As written.
        name: Spanned<String>,
        /// Every role that it can name.
        candidates: Vec<RoleUse>,
    },
    /// A file name that holds a template: `file` is rendered, then looked up among `candidates`
    /// (path → items), which were all read beforehand from the folder that it must be in.
    Templated {
        /// As written.
        file: Spanned<String>,
        /// Every file that it can name.
        candidates: Vec<(String, Arc<Vec<Item>>)>,
    },
}

/// The variables of files.
#[derive(Clone, Debug)]
pub struct IncludedVars {
    /// What they say.
    pub vars: Vars,
    /// Which files.
    pub files: Vec<PathBuf>,
    /// Whether mappings are merged into those that are there (`hash_behaviour: merge`).
    pub merge: bool,
}

impl Included {
    /// Every list of tasks that it can bring in, those of roles left out.
    pub fn lists(&self) -> Vec<&Arc<Vec<Item>>> {
        match self {
            Self::Tasks(items) => vec![items],
            Self::Templated { candidates, .. } => candidates.iter().map(|(_, list)| list).collect(),
            _ => vec![],
        }
    }
    /// Every role that it can bring in.
    pub fn roles(&self) -> Vec<&RoleUse> {
        match self {
            Self::Role(used) => vec![&**used],
            Self::TemplatedRole { candidates, .. } => candidates.iter().collect(),
            _ => vec![],
        }
    }
    /// The role that it brings in under a rendered name.
    pub fn role(&self, name: Option<&str>) -> Option<&RoleUse> {
        let mut roles = self.roles().into_iter();
        match self {
            Self::Role(used) => Some(used),
            _ => roles.rfind(|used| Some(used.role.name.as_str()) == name),
        }
    }
    /// The variables that it brings in under a rendered name.
    pub fn vars_of(&self, name: Option<&str>) -> Option<&IncludedVars> {
        let Self::TemplatedVars { candidates, .. } = self else {
            return self.vars().into_iter().next();
        };
        let name = Path::new(name?.trim_start_matches("./"));
        // The nearest place comes first among the candidates.
        let is = |vars: &&IncludedVars| {
            vars.files.iter().any(|file| file.ends_with(name) || name.ends_with(file))
        };
        candidates.iter().find(is)
    }
    /// Whether what is under a rendered name is there.
    pub fn has(&self, name: Option<&str>) -> bool {
        match self {
            Self::Tasks(_) | Self::Role(_) | Self::Vars(_) => true,
            Self::Templated { candidates, .. } => {
                candidates.iter().any(|(path, _)| Some(path.as_str()) == name)
            }
            Self::TemplatedRole { .. } => self.role(name).is_some(),
            Self::TemplatedVars { .. } => self.vars_of(name).is_some(),
        }
    }
    /// The name to be rendered, where it holds a template.
    pub fn template(&self) -> Option<&Spanned<String>> {
        match self {
            Self::Tasks(_) | Self::Role(_) | Self::Vars(_) => None,
            Self::Templated { file: name, .. }
            | Self::TemplatedVars { file: name, .. }
            | Self::TemplatedRole { name, .. } => Some(name),
        }
    }
    /// All variables that it can bring in.
    pub fn vars(&self) -> Vec<&IncludedVars> {
        match self {
            Self::Vars(vars) => vec![vars],
            Self::TemplatedVars { candidates, .. } => candidates.iter().collect(),
            _ => vec![],
        }
    }
}
