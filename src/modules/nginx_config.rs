//! `nginx_config`: directives are, or are not, in a context of an nginx configuration. It changes
//! settings in a file that is there; it never makes one, and never touches what it was not asked for.
mod edit;
mod fault;
mod jinja;
mod lexer;
mod params;
mod tree;
mod values;

#[cfg(test)]
mod tests;

use super::write::{self, resolve};
use super::{Module, Opt, PlanError};
use crate::change::{Change, Ran};
use crate::facts::{Bytes, Observed, PathKind, Probe};
use edit::{Drift, Edited, edit};
use params::Params;
use serde_json::{Map, Value, json};

pub(super) struct This;

impl Module for This {
    const NAME: &'static str = "nginx_config";
    const SUMMARY: &'static str = "directives are, or are not, in a context of an nginx configuration";
    const EXAMPLES: &'static [&'static str] = &[
        "path: /opt/mailcow-dockerized/data/conf/nginx/includes/site-defaults.conf\n\
         directives:\n\
         - gzip off\n\
         - add_header X-XSS-Protection \"0\"\n\
         - ssl_conf_command Options PrioritizeChaCha",
        "path: /opt/mailcow-dockerized/data/conf/nginx/templates/sites-default.conf.j2\n\
         directives:\n\
         - name: add_header\n  \
           args: [Content-Security-Policy, \"default-src 'none'; base-uri 'none'\"]\n\
         - name: add_header\n  \
           args: X-Download-Options\n  \
           state: absent\n\
         mode: \"0644\"",
        "path: /etc/nginx/nginx.conf\n\
         context: http\n\
         directives: [server_tokens off]\n\
         validate: nginx -t -c %s\n\
         backup: true",
        "path: /etc/nginx/sites-enabled/mail.conf\n\
         context: location ^~ /SOGo\n\
         directives:\n\
         - proxy_set_header X-Forwarded-Proto https",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new(
            "path",
            "The file, absolute; it must exist. A name that ends in `.j2` is a Jinja template: its tags \
             are opaque, and a directive in a branch does not count as there.",
        )
        .aliases(&["dest", "file"]),
        Opt::new(
            "context",
            "Which blocks: `server` (the default: every server block; in a file that is included in \
             one, the file itself), `http`, `main` (the file itself), or `location` with its arguments.",
        ),
        Opt::new(
            "directives",
            "Each as it stands in the file, or `name`, `args` (text in nginx's quoting, or a list of \
             values) and `state` (`present`, `absent`). Values are compared as nginx reads them. \
             Directives like `add_header` and `ssl_conf_command` are told apart by their first argument, \
             those that may be repeated (`listen`, `include`, `deny` …) by all arguments, others by name.",
        ),
        write::VALIDATE,
        write::BACKUP,
        write::MODE,
        write::OWNER,
        write::GROUP,
    ];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        write::probes(&params.path)
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let (path, edited) = edited(params, seen)?;
        write::write(&path, Bytes(edited.text), params.written(), seen)
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        _: &[Ran],
    ) -> Map<String, Value> {
        // A plan was made from the same facts, so this can't fail where it is asked for.
        let drifts = edited(params, seen).map(|(_, edited)| edited.drifts).unwrap_or_default();
        let mut result = Map::new();
        result.insert("path".into(), params.path.clone().into());
        result.insert("msg".into(), summary(&drifts).into());
        result.insert("changes".into(), drifts.iter().map(told).collect());
        if let Some(backup) = write::backup_of(changes) {
            result.insert("backup_file".into(), backup.into());
        }
        result
    }
}

/// The file behind links, and what becomes of it. What is not there is never made: a file that nothing
/// loads hardens nothing.
fn edited(params: &Params, seen: &Observed) -> Result<(String, Edited), PlanError> {
    let (context, wishes) = (params.context()?, params.wishes()?);
    if !params.path.starts_with('/') {
        return Err(params::params("path", format!("`{}` is not absolute", params.path)));
    }
    let path = resolve(&params.path, seen)?;
    let failed = |what: &str| Err(PlanError::failed(format!("{} {what}", params.path)));
    match seen.stat(&path, false)? {
        None => return failed("does not exist, and is never made: nothing would load it"),
        Some(stat) if stat.kind != PathKind::File => return failed("is not a regular file"),
        Some(_) => {}
    }
    let Some(content) = seen.content(&path)? else { return failed("can't be read") };
    let edited = edit(&content.0, params.jinja(), &context, &wishes)
        .map_err(|error| PlanError::failed(format!("{path}: {error}")))?;
    Ok((path, edited))
}

fn summary(drifts: &[Drift]) -> String {
    if drifts.is_empty() {
        return "every directive is as wished".into();
    }
    let mut settings: Vec<&str> = drifts.iter().map(|drift| drift.setting.as_str()).collect();
    settings.dedup();
    format!("not as wished: {}", settings.join(", "))
}

fn told(drift: &Drift) -> Value {
    json!({
        "directive": drift.setting,
        "was": drift.was,
        "now": drift.now,
        "line": drift.line,
    })
}
