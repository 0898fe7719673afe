//! `fetch`: brings a file of the host to where cowhand runs.
use super::values::Flag;
use super::{Module, Opt, PlanError, Table};
use crate::change::{Change, Here, Ran};
use crate::facts::{self, Fact, Observed, PathKind, Probe};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    src: String,
    dest: String,
    flat: Option<Flag>,
    fail_on_missing: Option<Flag>,
    validate_checksum: Option<Flag>,
    #[serde(rename = "_host")]
    host: Option<String>,
    #[serde(rename = "_folder")]
    folder: Option<String>,
}

impl Params {
    fn is_flat(&self) -> bool {
        self.flat.is_some_and(|flat| flat.0)
    }

    /// Where it goes. What a server calls its files never leads out of the folder that is meant for them.
    fn dest(&self) -> Result<String, PlanError> {
        let dest = if self.dest.starts_with('/') {
            self.dest.clone()
        } else {
            format!("{}/{}", self.folder.as_deref().unwrap_or("."), self.dest)
        };
        let name = match (self.is_flat(), self.dest.ends_with('/')) {
            (true, false) => return clean(&dest),
            (true, true) => self.src.rsplit('/').next().unwrap_or_default().to_owned(),
            (false, _) => {
                let host = self.host.as_deref().unwrap_or("localhost");
                format!("{}/{}", clean_name(host)?, self.src)
            }
        };
        let inside = clean(&format!("/{name}"))?;
        if name.split('/').any(|part| part == "..") || inside == "/" {
            let message = format!("src: `{}` would lead out of `{}`", self.src, self.dest);
            return Err(PlanError::failed(message));
        }
        Ok(format!("{}{inside}", clean(&dest)?.trim_end_matches('/')))
    }

    fn remote(&self) -> Probe {
        Probe::Path { path: self.src.clone(), follow: true }
    }

    /// A file that is not there is no failure, if the task says so.
    fn missing(&self, message: &str) -> Result<Vec<Change>, PlanError> {
        if self.fail_on_missing.is_some_and(|fail| !fail.0) {
            return Ok(vec![]);
        }
        Err(PlanError::failed(message))
    }
}

const MISSING: &str = "the remote file does not exist, not transferring, ignored";

/// The same path without `.`, `..` and doubled slashes.
fn clean(path: &str) -> Result<String, PlanError> {
    let mut parts = vec![];
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part if part.contains('\0') => {
                return Err(PlanError::failed("a path can't hold a NUL character"));
            }
            part => parts.push(part),
        }
    }
    Ok(format!("/{}", parts.join("/")))
}

/// A host's name as the name of a folder.
fn clean_name(host: &str) -> Result<&str, PlanError> {
    if host.contains('/') || matches!(host, "" | "." | "..") {
        return Err(PlanError::failed(format!("`{host}` can't be the name of a folder")));
    }
    Ok(host)
}

fn here<'a>(path: &str, seen: &'a Observed) -> Result<Option<&'a facts::Here>, PlanError> {
    let probe = Probe::Here { path: path.to_owned() };
    match seen.get(&probe)? {
        Fact::Here(here) => Ok(here.as_ref()),
        _ => Ok(None),
    }
}

impl Module for This {
    const NAME: &'static str = "fetch";
    const SUMMARY: &'static str = "bring a file of the host to where cowhand runs";
    const EXAMPLES: &'static [&'static str] =
        &["{src: /etc/hostname, dest: /tmp/fetched/}", "{src: /etc/hosts, dest: /tmp/hosts-of-one, flat: true}"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("src", "The file on the host."),
        Opt::new("dest", "A folder, relative to the playbook's; the file goes to HOST/SRC below it."),
        Opt::new("flat", "`dest` is the file itself or, with a slash at its end, the folder that it is in."),
        Opt::new("fail_on_missing", "Fail when there is no such file (default true)."),
        Opt::new(
            "validate_checksum",
            "Fail when the file changes while it is fetched (default true).",
        ),
        Opt::new("_host", "The host's name."),
        Opt::new("_folder", "The playbook's folder."),
    ];
    const RETURNS: &'static [Table] = &[&[
        ("dest", "Where it is."),
        ("file", "`src`, when nothing was fetched."),
        ("checksum", "SHA-1 of the file here."),
        ("remote_checksum", "SHA-1 of the file on the host."),
        ("md5sum", "MD5 of the file here."),
        ("remote_md5sum", "null, as in Ansible."),
    ]];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        let here = params.dest().map(|path| Probe::Here { path });
        here.into_iter().chain([params.remote()]).collect()
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let dest = params.dest()?;
        let Some(stat) = seen.stat(&params.src, true)? else { return params.missing(MISSING) };
        if stat.kind == PathKind::Directory {
            return Err(PlanError::failed("remote file is a directory, fetch cannot work on directories"));
        }
        match here(&dest, seen)? {
            Some(facts::Here::Folder) if params.is_flat() => {
                return Err(PlanError::failed(
                    "dest is an existing directory, use a trailing slash if you want to fetch src into that directory",
                ));
            }
            Some(facts::Here::Folder) => return Err(PlanError::failed(format!("{dest} is a folder"))),
            Some(facts::Here::Unreadable(why)) => return Err(PlanError::failed(format!("{dest}: {why}"))),
            Some(facts::Here::File { sha256, .. }) if stat.sha256.as_ref() == Some(sha256) => return Ok(vec![]),
            Some(facts::Here::File { .. }) | None => {}
        }
        let Some(content) = seen.content(&params.src)? else {
            return Err(PlanError::failed(format!("{} is not a regular file", params.src)));
        };
        let moved = stat.sha256.as_ref().is_some_and(|sum| *sum != content.sha256());
        if moved && params.validate_checksum.is_none_or(|validate| validate.0) {
            return Err(PlanError::failed("checksum mismatch: it changed while it was fetched"));
        }
        Ok(vec![Change::Here(Here::Keep { path: dest, content: content.clone() })])
    }

    fn result(params: &Params, seen: &Observed, changes: &[Change], _: &[Ran]) -> Map<String, Value> {
        let Ok(dest) = params.dest() else { return Map::new() };
        let src = &params.src;
        super::stat::json_map(match changes {
            [Change::Here(Here::Keep { content, .. })] => json!({
                "dest": dest,
                "checksum": content.sum("sha1"),
                "remote_checksum": content.sum("sha1"),
                "md5sum": content.sum("md5"),
                "remote_md5sum": null,
            }),
            _ => match here(&dest, seen) {
                Ok(Some(facts::Here::File { md5, sha1, .. })) if seen.stat(src, true).is_ok_and(|stat| stat.is_some()) => {
                    json!({"file": src, "dest": dest, "checksum": sha1, "md5sum": md5})
                }
                _ => json!({"file": src, "msg": MISSING}),
            },
        })
    }
}
