//! `find`: paths below folders that are as wished.
mod wishes;

use super::ere::ere;
use super::stat::{Algorithm, inode_numbers, json_map, mode_bits};
use super::values::{Flag, Mode, Number, Text, Texts};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Change, Ran};
use crate::facts::{Fact, Inode, Observed, PathKind, Probe, Tree};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    paths: Texts,
    patterns: Option<Texts>,
    excludes: Option<Texts>,
    use_regex: Option<Flag>,
    contains: Option<String>,
    file_type: Option<Kind>,
    hidden: Option<Flag>,
    recurse: Option<Flag>,
    depth: Option<Number>,
    follow: Option<Flag>,
    age: Option<Text>,
    age_stamp: Option<Stamp>,
    size: Option<Text>,
    mode: Option<Mode>,
    exact_mode: Option<Flag>,
    limit: Option<Number>,
    get_checksum: Option<Flag>,
    checksum_algorithm: Option<Algorithm>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Any,
    Directory,
    File,
    Link,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stamp {
    Atime,
    Ctime,
    Mtime,
}

/// What was found, and where nothing could be.
struct Found<'a> {
    entries: Vec<(&'a str, &'a Inode)>,
    examined: usize,
    missing: Vec<&'a str>,
}

impl Params {
    fn probe(&self, path: &str) -> Probe {
        let recurse = self.recurse.is_some_and(|recurse| recurse.0);
        let depth = self.depth.map(|depth| depth.0).filter(|depth| *depth > 0);
        let depth = if recurse { depth } else { Some(1) };
        let follow = self.follow.is_some_and(|follow| follow.0);
        Probe::Tree { path: path.to_owned(), depth, follow }
    }

    fn found<'a>(&'a self, seen: &'a Observed) -> Result<Found<'a>, PlanError> {
        let mut found = Found { entries: vec![], examined: 0, missing: vec![] };
        for path in &self.paths.0 {
            match seen.get(&self.probe(path))? {
                Fact::Tree(Some(tree)) => {
                    found.examined += tree.entries.len();
                    found.entries.extend(self.chosen(tree)?);
                }
                _ => found.missing.push(path),
            }
        }
        if let Some(probe) = self.matching(&found)? {
            let Fact::Matching(paths) = seen.get(&probe)? else { return Ok(found) };
            found.entries.retain(|(path, _)| paths.iter().any(|matches| matches == path));
        }
        if let Some(Number(limit)) = self.limit {
            found.entries.truncate(limit as usize);
        }
        Ok(found)
    }

    /// The question which files have a line that `contains` means.
    fn matching(&self, found: &Found<'_>) -> Result<Option<Probe>, PlanError> {
        let Some(pattern) = &self.contains else { return Ok(None) };
        if self.kind() != Kind::File {
            let message = "is for `file_type: file`".to_owned();
            return Err(PlanError::Params { path: "contains".into(), message });
        }
        // Ansible takes it to be at the begin of a line.
        let pattern = ere("contains", &format!("^(?:{pattern})"))?;
        let paths = found.entries.iter().map(|(path, _)| (*path).to_owned()).collect();
        Ok(Some(Probe::Matching { pattern, paths }))
    }

    fn sums(&self, found: &Found<'_>) -> Option<Probe> {
        let wanted = self.get_checksum.is_some_and(|wanted| wanted.0);
        let algorithm = self.checksum_algorithm.unwrap_or_default().name().to_owned();
        let files = found.entries.iter().filter(|(_, inode)| inode.kind() == PathKind::File);
        let paths: Vec<_> = files.map(|(path, _)| (*path).to_owned()).collect();
        (wanted && !paths.is_empty()).then_some(Probe::Sums { algorithm, paths })
    }

    fn kind(&self) -> Kind {
        self.file_type.unwrap_or(Kind::File)
    }

    fn chosen<'a>(&self, tree: &'a Tree) -> Result<Vec<(&'a str, &'a Inode)>, PlanError> {
        let wishes = wishes::Wishes::new(self)?;
        let mut out = vec![];
        for (path, inode) in &tree.entries {
            if wishes.are_met(path, inode, tree.now)? {
                out.push((path.as_str(), inode));
            }
        }
        Ok(out)
    }
}

impl Module for This {
    const NAME: &'static str = "find";
    const SUMMARY: &'static str = "list paths below folders";
    const EXAMPLES: &'static [&'static str] = &[
        "paths: /etc\npatterns: '*.conf'\nrecurse: true\ndepth: 2",
        "paths: [/var/log]\nage: 4w\nsize: 10m\nexcludes: '*.gz'\nget_checksum: true",
        "paths: /etc\npatterns: '^host'\nuse_regex: true\ncontains: 'mail'\nhidden: true",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("paths", "Folders.").aliases(&["name", "path"]),
        Opt::new("patterns", "Patterns of names; one is enough (default: all).")
            .aliases(&["pattern"]),
        Opt::new("excludes", "Patterns of names that are left out.").aliases(&["exclude"]),
        Opt::new("use_regex", "Patterns are regular expressions, not a shell's."),
        Opt::new("contains", "Files alone that have a line that begins like this."),
        Opt::new("file_type", "file (default), directory, link or any."),
        Opt::new("hidden", "Also names that begin with a dot."),
        Opt::new("recurse", "Also what is in folders below."),
        Opt::new("depth", "With `recurse`: levels, 1 for what is in the folder itself."),
        Opt::new("follow", "Look into folders that links lead to."),
        Opt::new("age", "At least that old, at most with a minus: seconds, or 2m, 3h, 4d, 5w."),
        Opt::new("age_stamp", "Which time counts: mtime (default), atime or ctime."),
        Opt::new("size", "At least that large, at most with a minus: bytes, or 2k, 3m, 4g, 5t."),
        Opt::new("mode", "Permission bits."),
        Opt::new("exact_mode", "All bits of `mode` and no others (default true), or one of them."),
        Opt::new("limit", "No more than this."),
        Opt::new("get_checksum", "Tell the checksums of files."),
        Opt::new("checksum_algorithm", "md5, sha1 (default), sha224, sha256, sha384 or sha512.")
            .aliases(&["checksum", "checksum_algo"]),
    ];
    const REFUSED: &'static [Table] =
        &[&[("read_whole_file", "`contains` looks at one line at a time; write `shell: grep -z`")]];
    const RETURNS: &'static [Table] = &[&[
        ("files", "What was found: path, size, mode, uid, mtime, isreg … as `stat` tells them."),
        ("matched", "How many."),
        ("examined", "How many paths were looked at."),
        ("skipped_paths", "Folders that are not there, and why they were left out."),
    ]];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        params.paths.0.iter().map(|path| params.probe(path)).collect()
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        if let Some(wrong) = params.paths.0.iter().find(|path| !path.starts_with('/')) {
            let message = format!("must be absolute, not `{wrong}`");
            return Err(PlanError::Params { path: "paths".into(), message });
        }
        let found = params.found(seen)?;
        if let Some(probe) = params.sums(&found) {
            seen.get(&probe)?;
        }
        Ok(vec![])
    }

    fn result(
        params: &Params,
        seen: &Observed,
        _: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        let Ok(found) = params.found(seen) else { return Map::new() };
        let sums = params.sums(&found);
        let sum = |path: &str| match (&sums, sums.as_ref().map(|probe| seen.get(probe))) {
            (Some(Probe::Sums { paths, .. }), Some(Ok(Fact::Sums(sums)))) => {
                let at = paths.iter().position(|other| other == path)?;
                sums.get(at).filter(|sum| !sum.is_empty()).cloned()
            }
            _ => None,
        };
        let files: Vec<_> = found.entries.iter().map(|(path, inode)| told(path, inode, sum(path))).collect();
        let why = |path: &&str| ((*path).to_owned(), format!("'{path}' is not a directory").into());
        let skipped: Map<String, Value> = found.missing.iter().map(why).collect();
        let msg = if skipped.is_empty() {
            "All paths examined"
        } else {
            "Not all paths examined, check warnings for details"
        };
        json_map(json!({
            "files": files, "matched": found.entries.len(), "examined": found.examined,
            "skipped_paths": skipped, "msg": msg,
        }))
    }
}

fn told(path: &str, inode: &Inode, sum: Option<String>) -> Value {
    let mut out = mode_bits(inode.raw);
    out.extend(inode_numbers(inode));
    out.retain(|key, _| !matches!(key.as_str(), "blocks" | "block_size" | "device_type"));
    out.extend(json_map(json!({
        "path": path, "uid": inode.uid, "gid": inode.gid, "size": inode.size,
        "mtime": inode.mtime, "pw_name": inode.owner, "gr_name": inode.group,
    })));
    if let Some(sum) = sum {
        out.insert("checksum".into(), sum.into());
    }
    out.into()
}
