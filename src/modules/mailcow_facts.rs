//! `mailcow_facts`: what a Mailcow folder is, what runs from it, and how its services are checked.
//! Only looks. No secret of `mailcow.conf` is among the facts.
pub(super) mod checks;

use super::{Module, Opt, PlanError};
use crate::change::{Change, Ran};
use crate::facts::{Mailcow, Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    #[serde(default = "default_folder")]
    project_src: String,
}

fn default_folder() -> String {
    "/opt/mailcow-dockerized".into()
}

impl Module for This {
    const NAME: &'static str = "mailcow_facts";
    const SUMMARY: &'static str = "tell what a Mailcow folder is and what runs from it";
    const EXAMPLES: &'static [&'static str] = &["project_src: /opt/mailcow-dockerized"];
    const OPTIONS: &'static [Opt] = &[Opt::new(
        "project_src",
        "The Mailcow folder, the one with `mailcow.conf`; `/opt/mailcow-dockerized` unless told otherwise.",
    )];
    const FACTS: &'static [&'static str] = &["mailcow"];
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        vec![Probe::Mailcow { dir: params.project_src.clone() }]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        match seen.mailcow(&params.project_src)? {
            Ok(_) => Ok(vec![]),
            Err(reason) => Err(PlanError::failed(reason.clone())),
        }
    }

    fn result(params: &Params, seen: &Observed, _: &[Change], _: &[Ran]) -> Map<String, Value> {
        let Ok(Ok(mailcow)) = seen.mailcow(&params.project_src) else {
            return Map::new();
        };
        let mut result = facts(mailcow);
        result.insert("ansible_facts".into(), json!({ "mailcow": result.clone() }));
        result
    }
}

fn facts(mailcow: &Mailcow) -> Map<String, Value> {
    let facts = json!({
        "dir": mailcow.dir,
        "era": mailcow.era,
        "nginx_file": mailcow.nginx_file,
        "postfix_file": mailcow.postfix_file,
        "compose": mailcow.compose,
        "compose_command": mailcow.compose.join(" "),
        "hostname": mailcow.hostname,
        "https_port": mailcow.https_port,
        "https_bind": mailcow.https_bind,
        "smtp_port": mailcow.smtp_port,
        "smtp_bind": mailcow.smtp_bind,
        "proxy_protocol": mailcow.proxy_protocol,
        "nginx_version": mailcow.nginx_version,
        "postfix_version": mailcow.postfix_version,
        "postfix_seclevel_zero": mailcow.postfix_seclevel_zero,
        "ssl_conf_command": mailcow.nginx_is(&[1, 19, 4]),
        "add_header_inherit": mailcow.nginx_is(&[1, 29, 3]),
        "dead_files": mailcow.dead_files,
        "answers": { "nginx": [mailcow.https_url()], "postfix": [mailcow.smtp_url()] },
        "nginx_validate": crate::shell::join(checks::nginx(mailcow)),
        "postfix_validate": crate::shell::join(checks::postfix(mailcow)),
    });
    match facts {
        Value::Object(facts) => facts,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Era, Fact};

    fn params() -> Params {
        Params { project_src: default_folder() }
    }

    fn seen(fact: Result<Mailcow, String>) -> Observed {
        let mut seen = Observed::default();
        seen.set(This::observe(&params()).remove(0), Fact::Mailcow(fact));
        seen
    }

    fn mailcow() -> Mailcow {
        Mailcow {
            dir: default_folder(),
            era: Era::B,
            nginx_file: "/opt/mailcow-dockerized/data/conf/nginx/templates/sites-default.conf.j2".into(),
            postfix_file: "/opt/mailcow-dockerized/data/conf/postfix/extra.cf".into(),
            compose: vec!["docker".into(), "compose".into()],
            hostname: "mail.example.org".into(),
            https_port: 443,
            https_bind: "127.0.0.1".into(),
            smtp_port: 25,
            smtp_bind: "127.0.0.1".into(),
            proxy_protocol: true,
            nginx_version: Some("1.29.3".into()),
            postfix_version: None,
            postfix_seclevel_zero: false,
            dead_files: vec![],
        }
    }

    #[test]
    fn a_folder_that_is_not_mailcows_fails_with_the_reason() {
        let error = This::plan(&params(), &seen(Err("/x is not a Mailcow folder: why".into())));
        assert_eq!(error.unwrap_err().to_string(), "/x is not a Mailcow folder: why");
    }

    #[test]
    fn facts_are_told_to_register_and_to_the_host_alike() {
        let seen = seen(Ok(mailcow()));
        assert_eq!(This::plan(&params(), &seen).unwrap(), []);
        let result = This::result(&params(), &seen, &[], &[]);
        assert_eq!(result["era"], "B");
        assert_eq!(result["compose"], json!(["docker", "compose"]));
        assert_eq!(result["compose_command"], "docker compose");
        assert_eq!(result["answers"]["nginx"], json!(["https+proxy://127.0.0.1:443"]));
        assert_eq!(result["add_header_inherit"], true);
        assert_eq!(result["postfix_version"], Value::Null);
        assert_eq!(result["ansible_facts"]["mailcow"]["era"], "B");
    }

    #[test]
    fn checks_name_the_candidate_once_and_only_as_a_word_of_its_own() {
        let result = This::result(&params(), &seen(Ok(mailcow())), &[], &[]);
        for key in ["nginx_validate", "postfix_validate"] {
            let words = shlex::split(result[key].as_str().unwrap()).unwrap();
            assert_eq!((words[0].as_str(), words[1].as_str()), ("sh", "-c"));
            assert_eq!(words[3..], ["sh", "%s"], "{key}");
            assert!(!words[2].contains("%s"), "{key}");
        }
    }
}
