//! `stat`: what a path is.
use super::values::Flag;
use super::{Module, Opt, PlanError};
use crate::change::{Change, Ran};
use crate::facts::{Observed, PathKind, Probe, Stat};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    path: String,
    follow: Option<Flag>,
    get_checksum: Option<Flag>,
    checksum_algorithm: Option<Algorithm>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Algorithm {
    Sha256,
}

fn probe(params: &Params) -> Probe {
    let follow = params.follow.is_some_and(|follow| follow.0);
    Probe::Path { path: params.path.clone(), follow }
}

impl Module for This {
    const NAME: &'static str = "stat";
    const SUMMARY: &'static str = "tell what a path is";
    const EXAMPLES: &'static [&'static str] =
        &["path: /etc/hostname\nchecksum_algorithm: sha256", "path: /etc/hostname"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("path", "The path.").aliases(&["dest", "name"]),
        Opt::new("follow", "Look through symbolic links."),
        Opt::new("get_checksum", "Tell the checksum of a file; the default when `checksum_algorithm` is given."),
        Opt::new("checksum_algorithm", "sha256.").aliases(&["checksum", "checksum_algo"]),
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        vec![probe(params)]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let asked = params.get_checksum.is_some_and(|wanted| wanted.0);
        if asked && params.checksum_algorithm.is_none() {
            return Err(PlanError::Params {
                path: "get_checksum".into(),
                message: "say `checksum_algorithm: sha256` too; SHA-1, the default, is not supported"
                    .into(),
            });
        }
        seen.get(&probe(params))?;
        Ok(vec![])
    }

    fn result(
        params: &Params,
        seen: &Observed,
        _: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        let follow = params.follow.is_some_and(|follow| follow.0);
        let stat = seen.stat(&params.path, follow).ok().flatten();
        let sums = params.checksum_algorithm.is_some()
            && params.get_checksum.is_none_or(|wanted| wanted.0);
        let mut out = Map::new();
        let stat = stat.map_or_else(|| json!({"exists": false}), |stat| told(params, stat, sums));
        out.insert("stat".into(), stat);
        out
    }
}

fn told(params: &Params, stat: &Stat, sums: bool) -> Value {
    let bit = |mask: u32| stat.mode & mask != 0;
    let mut out = json!({
        "exists": true,
        "path": params.path,
        "mode": format!("{:04o}", stat.mode),
        "isreg": stat.kind == PathKind::File,
        "isdir": stat.kind == PathKind::Directory,
        "islnk": stat.kind == PathKind::Link,
        "uid": stat.uid,
        "gid": stat.gid,
        "pw_name": stat.owner,
        "gr_name": stat.group,
        "size": stat.size,
        "mtime": stat.mtime,
        "isuid": bit(0o4000),
        "isgid": bit(0o2000),
        "rusr": bit(0o400), "wusr": bit(0o200), "xusr": bit(0o100),
        "rgrp": bit(0o040), "wgrp": bit(0o020), "xgrp": bit(0o010),
        "roth": bit(0o004), "woth": bit(0o002), "xoth": bit(0o001),
    });
    if let (Some(sum), true) = (&stat.sha256, sums) {
        out["checksum"] = sum.clone().into();
    }
    if let Some(target) = &stat.target {
        out["lnk_target"] = target.clone().into();
    }
    out
}
