//! The reader: takes files from the library, each once, keeps what it finds wrong, and knows which
//! files it is in the middle of. It never stops at the first finding.
use super::shape::{is_name, kind};
use super::{Item, Library, Role};
use crate::source::{Diagnostic, Node, Severity, SourceMap, Span, Spanned, Vars, parse_one};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Files, roles and blocks inside of each other, at most: whoever walks over them recurses.
pub(super) const NESTED: usize = 40;

/// What a file turned out to be.
#[derive(Clone)]
pub(super) enum Read {
    /// There is none.
    Missing,
    /// It says nothing.
    Empty,
    /// It is broken, which was told.
    Broken,
    /// What it says.
    Node(Arc<Node>),
}

/// A list of tasks that was read: file, whether handlers, the role's folder, the playbook's folder.
pub(super) type ListKey = (PathBuf, bool, Option<PathBuf>, PathBuf);

/// Reads a project.
pub(super) struct Reader<'a> {
    pub(super) library: &'a dyn Library,
    pub(super) sources: &'a mut SourceMap,
    findings: Vec<Diagnostic>,
    files: HashMap<PathBuf, Read>,
    /// Lists of tasks that were read already.
    pub(super) lists: HashMap<ListKey, Vec<Item>>,
    /// Roles that were read already.
    pub(super) roles: HashMap<super::role::RoleKey, Arc<Role>>,
    /// Files and roles that are being read, outermost first.
    pub(super) open: Vec<PathBuf>,
    /// Blocks that are being read.
    pub(super) blocks: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(library: &'a dyn Library, sources: &'a mut SourceMap) -> Self {
        Self {
            library,
            sources,
            findings: vec![],
            files: HashMap::new(),
            lists: HashMap::new(),
            roles: HashMap::new(),
            open: vec![],
            blocks: 0,
        }
    }

    /// Keeps a finding.
    pub(super) fn found(&mut self, finding: Diagnostic) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Whether something inside a stretch was found wrong already.
    pub(super) fn is_wrong(&self, stretch: Span) -> bool {
        self.findings.iter().any(|finding| {
            finding.severity == Severity::Error
                && finding.span.is_some_and(|span| {
                    span.file == stretch.file
                        && span.start >= stretch.start
                        && (span.end <= stretch.end || span.start == stretch.start)
                })
        })
    }

    /// Keeps an error.
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.found(Diagnostic::error(span, message));
    }

    /// Warnings if there is nothing worse, else everything; in the order of files and lines.
    pub(super) fn findings(mut self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        self.findings.sort_by_key(|finding| (finding.span.is_none(), finding.span));
        let is_bad = self.findings.iter().any(|finding| finding.severity == Severity::Error);
        if is_bad { Err(self.findings) } else { Ok(self.findings) }
    }

    /// What a file says. It is read and parsed once, so its findings are told once.
    pub(super) fn read(&mut self, path: &Path) -> Read {
        let path = clean(path);
        if let Some(read) = self.files.get(&path) {
            return read.clone();
        }
        let read = match self.library.text(&path) {
            Ok(None) => Read::Missing,
            Ok(Some(text)) => {
                let file = self.sources.add(&path, text);
                match parse_one(self.sources, file, &mut self.findings) {
                    Ok(Some(node)) => Read::Node(Arc::new(node)),
                    Ok(None) => Read::Empty,
                    Err(finding) => {
                        self.found(finding);
                        Read::Broken
                    }
                }
            }
            Err(finding) => {
                self.found(finding);
                Read::Broken
            }
        };
        self.files.insert(path, read.clone());
        read
    }

    /// What a file says, if it can be read at all: nothing is told of a file that nobody asked for.
    pub(super) fn peek(&mut self, path: &Path) -> Read {
        let before = self.findings.len();
        let path = clean(path);
        let known = self.files.contains_key(&path);
        let read = self.read(&path);
        if !known && matches!(read, Read::Broken) {
            self.findings.truncate(before);
            self.files.remove(&path);
        }
        read
    }

    /// The first of some files that is there.
    pub(super) fn first(&mut self, paths: &[PathBuf]) -> Option<(PathBuf, Read)> {
        paths.iter().find_map(|path| match self.read(path) {
            Read::Missing => None,
            read => Some((clean(path), read)),
        })
    }

    /// The variables of a file: a mapping, or nothing.
    pub(super) fn vars(&mut self, read: &Read) -> Vars {
        let Read::Node(node) = read else { return vec![] };
        node.vars().unwrap_or_else(|finding| {
            self.found(finding.label(kind(node)));
            vec![]
        })
    }

    /// The variables of a `vars:`, whose names must be names.
    pub(super) fn named_vars(&mut self, node: &Node) -> Vars {
        let vars = node.vars().unwrap_or_else(|finding| {
            self.found(finding);
            vec![]
        });
        for (name, _) in &vars {
            self.name(name, "a variable");
        }
        vars
    }

    /// Tells when a name can't be one.
    pub(super) fn name(&mut self, name: &Spanned<String>, what: &str) {
        if !is_name(&name.value) {
            let message = format!("`{}` can't be the name of {what}", name.value);
            let help = "letters, digits and `_`, not beginning with a digit";
            self.found(Diagnostic::error(name.span, message).help(help));
        }
    }

    /// Begins a file or a role; `false` (and a finding at `span`) when it is being read already.
    pub(super) fn enter(&mut self, path: &Path, span: Span) -> bool {
        let Some(at) = self.open.iter().position(|open| open == path) else {
            let bearable = self.bearable(span);
            if bearable {
                self.open.push(path.to_owned());
            }
            return bearable;
        };
        let way: Vec<_> = self.open[at..].iter().map(PathBuf::as_path).chain([path]).collect();
        let way: Vec<_> = way.iter().map(|path| path.display().to_string()).collect();
        let message = format!("`{}` includes itself", path.display());
        self.found(Diagnostic::error(span, message).label(way.join(" → ")));
        false
    }

    /// Whether one more file, role or block may begin inside of those that are being read.
    pub(super) fn bearable(&mut self, span: Span) -> bool {
        let bearable = self.open.len() + self.blocks < NESTED;
        if !bearable {
            let message = format!("files, roles and blocks are nested more than {NESTED} deep");
            self.error(span, message);
        }
        bearable
    }

    /// Ends it.
    pub(super) fn leave(&mut self) {
        self.open.pop();
    }

    /// Tells of a file that is nowhere, with the nearest name beside the first place.
    pub(super) fn missing(&mut self, span: Span, name: &str, tried: &[PathBuf]) {
        // A role's file may be named without its ending.
        let ending = Path::new(name).extension().is_some();
        let folders = tried.iter().filter_map(|path| path.parent());
        let beside: Vec<String> = folders
            .flat_map(|folder| {
                let files = self.library.files_below(folder).into_iter();
                files.filter_map(move |file| file.strip_prefix(folder).ok().map(Path::to_owned))
            })
            .filter_map(|file| {
                let file = if ending { file } else { file.with_extension("") };
                file.to_str().map(str::to_owned)
            })
            .collect();
        let mut help = format!("looked for {}", listed(tried));
        if let Some(near) = crate::source::nearest(name, beside.iter().map(String::as_str)) {
            help = format!("did you mean `{near}`? ({help})");
        }
        self.found(Diagnostic::error(span, format!("no such file: `{name}`")).help(help));
    }
}

/// A path without `.` and with `..` taken back where that is possible.
pub(super) fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(out.components().next_back(), Some(Component::Normal(_))) =>
            {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// Paths for people.
pub(super) fn listed(paths: &[PathBuf]) -> String {
    let shown = |path: &PathBuf| {
        let is_here = path.as_os_str().is_empty();
        if is_here { ".".to_owned() } else { path.display().to_string() }
    };
    paths.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// `name` in each of some folders, each place once.
pub(super) fn places(folders: &[PathBuf], name: &str) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = vec![];
    for folder in folders {
        let path = clean(&folder.join(name));
        if !out.contains(&path) {
            out.push(path);
        }
    }
    out
}

/// `main` or another file of a role, with the endings that Ansible knows.
pub(super) fn with_endings(folder: &Path, name: &str) -> Vec<PathBuf> {
    let named =
        Path::new(name).extension().is_some_and(|e| e == "yml" || e == "yaml" || e == "json");
    let endings: &[&str] = if named { &[""] } else { &[".yml", ".yaml", ".json"] };
    endings.iter().map(|ending| clean(&folder.join(format!("{name}{ending}")))).collect()
}

/// Where a list of tasks is being read.
#[derive(Clone, Debug)]
pub(super) struct Around {
    /// Whether they are handlers.
    pub(super) handlers: bool,
    /// The folder of the file that they are in.
    pub(super) folder: PathBuf,
    /// The folder of the role that they belong to.
    pub(super) role: Option<PathBuf>,
    /// The folder of the playbook.
    pub(super) base: PathBuf,
}

impl Around {
    /// Where a file named here is looked for; `kind`: `tasks`, `handlers`, `vars`.
    pub(super) fn folders(&self, kind: &str) -> Vec<PathBuf> {
        let mut out = vec![];
        let role = self.role.iter().flat_map(|role| [role.join(kind), role.clone()]);
        if kind == "vars" {
            out.extend(role);
            out.extend([self.folder.clone(), self.base.join(kind), self.base.clone()]);
        } else {
            out.push(self.folder.clone());
            out.extend(role);
            out.push(self.base.clone());
        }
        out
    }
}
