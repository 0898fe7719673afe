//! `stat`: what a path is.
use super::values::Flag;
use super::{Module, Opt, PlanError, Table};
use crate::change::{Change, Ran};
use crate::facts::{Details, Fact, Inode, Observed, PathKind, Probe, Stat};
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
    get_mime: Option<Flag>,
    get_attributes: Option<Flag>,
}

/// The checksums that the coreutils know.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Algorithm {
    Md5,
    #[default]
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

impl Params {
    fn probes(&self) -> [Probe; 2] {
        let follow = self.follow.is_some_and(|follow| follow.0);
        let path = self.path.clone();
        let wanted = |flag: Option<Flag>| flag.is_none_or(|flag| flag.0);
        let sum = if wanted(self.get_checksum) { self.algorithm() } else { "" }.to_owned();
        let (mime, flags) = (wanted(self.get_mime), wanted(self.get_attributes));
        [
            Probe::Path { path: path.clone(), follow },
            Probe::Details { path, follow, sum, mime, flags },
        ]
    }

    fn algorithm(&self) -> &'static str {
        self.checksum_algorithm.unwrap_or_default().name()
    }
}

impl Module for This {
    const NAME: &'static str = "stat";
    const SUMMARY: &'static str = "tell what a path is";
    const EXAMPLES: &'static [&'static str] = &[
        "path: /etc/hostname",
        "path: /etc/hostname\nchecksum_algorithm: sha256\nget_mime: false\nfollow: true",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("path", "The path.").aliases(&["dest", "name"]),
        Opt::new("follow", "Look through symbolic links (default false)."),
        Opt::new("get_checksum", "Tell the checksum of a file (default true)."),
        Opt::new("checksum_algorithm", "md5, sha1 (default), sha224, sha256, sha384 or sha512.")
            .aliases(&["checksum", "checksum_algo"]),
        Opt::new("get_mime", "Tell what `file` takes it for (default true).").aliases(&[
            "mime",
            "mime_type",
            "mime-type",
        ]),
        Opt::new("get_attributes", "Tell the flags that `lsattr` shows (default true).")
            .aliases(&["attr", "attributes"]),
    ];
    const RETURNS: &'static [Table] = &[&[
        ("stat.exists", "Whether something is there; the keys below are told if so."),
        ("stat.path", "The path."),
        ("stat.mode", "Permission bits, four octal digits as text."),
        ("stat.isreg, isdir, islnk, ischr, isblk, isfifo, issock", "Its kind."),
        ("stat.uid, gid, pw_name, gr_name", "Owner and group."),
        ("stat.size, blocks, block_size, nlink, inode, dev, device_type", "Numbers of the inode."),
        ("stat.atime, mtime, ctime", "Seconds since 1970."),
        ("stat.isuid, isgid, rusr, wusr, xusr, rgrp … xoth", "Single permission bits."),
        ("stat.readable, writeable, executable", "What we may do."),
        ("stat.checksum", "Of a regular file."),
        ("stat.mimetype, charset", "What `file` takes it for; unknown where there is no `file`."),
        ("stat.attr_flags, attributes, version", "What `lsattr` shows."),
        ("stat.lnk_source, lnk_target", "Where a link leads, and what is written in it."),
    ]];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        params.probes().into()
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        for probe in &params.probes() {
            seen.get(probe)?;
        }
        Ok(vec![])
    }

    fn result(
        params: &Params,
        seen: &Observed,
        _: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        let [path, details] = &params.probes();
        let stat = match seen.get(path) {
            Ok(Fact::Path(Some(stat))) => {
                let details = match seen.get(details) {
                    Ok(Fact::Details(Some(details))) => Some(details),
                    _ => None,
                };
                told(params, stat, details, seen)
            }
            _ => json!({"exists": false}),
        };
        [("stat".to_owned(), stat)].into_iter().collect()
    }
}

/// What is known of a path; in check mode `details` may be missing or of before.
fn told(params: &Params, stat: &Stat, details: Option<&Details>, seen: &Observed) -> Value {
    let bits = match stat.kind {
        PathKind::File => 0o100_000,
        PathKind::Directory => 0o040_000,
        PathKind::Link => 0o120_000,
        PathKind::Other => details.map_or(0, |details| details.inode.raw & 0o170_000),
    };
    let raw = bits | stat.mode;
    let mut out = mode_bits(raw);
    out.extend(json_map(json!({
        "exists": true,
        "path": params.path,
        "uid": stat.uid,
        "gid": stat.gid,
        "pw_name": stat.owner,
        "gr_name": stat.group,
        "size": stat.size,
        "mtime": stat.mtime,
    })));
    if let Some(details) = details {
        out.extend(inode_numbers(&details.inode));
        out.extend(looked(details));
    }
    let known = seen.content(&params.path).ok().flatten().filter(|_| stat.sha256.is_some());
    let sum = match known {
        Some(content) => content.sum(params.algorithm()),
        None => details.and_then(|details| details.sum.clone()),
    };
    if let (Some(sum), true) = (sum, params.get_checksum.is_none_or(|wanted| wanted.0)) {
        out.insert("checksum".into(), sum.into());
    }
    if let Some(target) = &stat.target {
        out.insert("lnk_target".into(), target.clone().into());
        let real = details.map(|details| details.real.clone()).filter(|real| !real.is_empty());
        out.insert("lnk_source".into(), real.unwrap_or_else(|| target.clone()).into());
    }
    let shown = |wanted: Option<Flag>| wanted.is_none_or(|wanted| wanted.0);
    for (wanted, names) in [
        (shown(params.get_mime), ["mimetype", "charset"].as_slice()),
        (shown(params.get_attributes), &["attr_flags", "attributes", "version"]),
    ] {
        out.retain(|key, _| wanted || !names.contains(&key.as_str()));
    }
    out.into()
}

/// What the details tell beside the numbers.
fn looked(details: &Details) -> Map<String, Value> {
    let unknown = || ("unknown".to_owned(), "unknown".to_owned());
    let (mimetype, charset) = details.mime.clone().unwrap_or_else(unknown);
    let (version, flags) = details.flags.clone().unzip();
    let flags = flags.unwrap_or_default();
    let (read, write, execute) = details.access;
    json_map(json!({
        "readable": read, "writeable": write, "executable": execute,
        "mimetype": mimetype, "charset": charset,
        "attributes": flags.chars().filter_map(flag).collect::<Vec<_>>(),
        "attr_flags": flags,
        "version": version,
    }))
}

/// What a letter of `lsattr` stands for (chattr(1)), as Ansible names it.
fn flag(letter: char) -> Option<&'static str> {
    Some(match letter {
        'A' => "noatime",
        'a' => "append",
        'c' => "compressed",
        'C' => "nocow",
        'd' => "nodump",
        'D' => "dirsync",
        'e' => "extents",
        'E' => "encrypted",
        'h' => "blocksize",
        'i' => "immutable",
        'I' => "indexed",
        'j' => "journalled",
        'N' => "inline",
        's' => "zero",
        'S' => "synchronous",
        't' => "notail",
        'T' => "blockroot",
        'u' => "undelete",
        'X' => "compressedraw",
        'Z' => "compresseddirty",
        _ => return None,
    })
}

/// Numbers that an inode alone knows.
pub(super) fn inode_numbers(inode: &Inode) -> Map<String, Value> {
    json_map(json!({
        "atime": inode.atime,
        "ctime": inode.ctime,
        "inode": inode.inode,
        "dev": inode.dev,
        "nlink": inode.links,
        "blocks": inode.blocks,
        "block_size": inode.block_size,
        "device_type": inode.rdev,
    }))
}

/// The kind of a path and its permission bits, each on its own.
pub(super) fn mode_bits(raw: u32) -> Map<String, Value> {
    let bit = |mask: u32| raw & mask != 0;
    let kind = |bits: u32| raw & 0o170_000 == bits;
    json_map(json!({
        "mode": format!("{:04o}", raw & 0o7777),
        "isreg": kind(0o100_000), "isdir": kind(0o040_000), "islnk": kind(0o120_000),
        "ischr": kind(0o020_000), "isblk": kind(0o060_000), "isfifo": kind(0o010_000),
        "issock": kind(0o140_000),
        "isuid": bit(0o4000), "isgid": bit(0o2000),
        "rusr": bit(0o400), "wusr": bit(0o200), "xusr": bit(0o100),
        "rgrp": bit(0o040), "wgrp": bit(0o020), "xgrp": bit(0o010),
        "roth": bit(0o004), "woth": bit(0o002), "xoth": bit(0o001),
    }))
}

pub(super) fn json_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
