//! Parameters, plans and results, as the registry sees them.
use crate::change::{Attributes, Change};
use crate::facts::{Bytes, Fact, Observed, PathKind, Probe, Stat};
use crate::modules::{PlanError, find};
use serde_json::{Value, json};

const PATH: &str = "/srv/nginx/site.conf";

fn stat(kind: PathKind) -> Stat {
    Stat {
        kind,
        mode: 0o644,
        uid: 0,
        gid: 0,
        owner: "root".into(),
        group: "root".into(),
        size: 0,
        mtime: 0,
        sha256: None,
        target: None,
    }
}

fn host(content: &str) -> Observed {
    let mut seen = Observed::default();
    let path = || PATH.to_owned();
    let follow = false;
    seen.set(Probe::Path { path: path(), follow }, Fact::Path(Some(stat(PathKind::File))));
    seen.set(Probe::Content { path: path() }, Fact::Content(Some(content.into())));
    seen
}

fn args(more: Value) -> Value {
    let mut args = json!({"path": PATH});
    let more: serde_json::Map<String, Value> = serde_json::from_value(more).unwrap();
    args.as_object_mut().unwrap().extend(more);
    args
}

fn plan(more: Value, seen: &Observed) -> Result<Vec<Change>, PlanError> {
    (find("nginx_config").unwrap().plan)(&args(more), seen)
}

#[track_caller]
fn fails(more: Value, message: &str) {
    assert_eq!(plan(more, &host("gzip on;\n")).unwrap_err().to_string(), message);
}

#[test]
fn a_change_replaces_only_what_was_seen_and_keeps_attributes() {
    let changes = plan(
        json!({"directives": ["gzip off"], "validate": "nginx -t -c '%s'", "backup": true}),
        &host("gzip on;\n"),
    );
    let sum = Bytes::from("gzip on;\n").sha256();
    assert_eq!(
        changes.unwrap(),
        [Change::WriteFile {
            path: PATH.into(),
            content: "gzip off;\n".into(),
            attributes: Attributes::default(),
            validate: Some(["nginx", "-t", "-c", "%s"].map(String::from).to_vec()),
            backup: Some(format!("{PATH}.{}~", &sum[..12])),
            before: Some(sum),
            secret: false,
        }]
    );
}

#[test]
fn nothing_changes_when_all_is_as_wished() {
    let wishes = json!({"directives": ["gzip 'on'"], "mode": "0644", "owner": "0", "group": "root"});
    assert_eq!(plan(wishes, &host("gzip  on;\n")).unwrap(), []);
}

#[test]
fn attributes_alone_may_change() {
    let wishes = json!({"directives": [], "mode": 0o600, "owner": "www"});
    let attributes = Attributes { mode: Some(0o600), owner: Some("www".into()), group: None };
    let expected = Change::SetAttributes { path: PATH.into(), attributes, recurse: false };
    assert_eq!(plan(wishes, &host("")).unwrap(), [expected]);
}

#[test]
fn a_directive_is_text_or_a_mapping_with_text_or_a_list() {
    for directive in [
        json!("add_header A \"b c\""),
        json!({"name": "add_header", "args": "A \"b c\""}),
        json!({"name": "add_header", "args": ["A", "b c"], "state": "present"}),
    ] {
        let changes = plan(json!({"directives": [directive]}), &host("")).unwrap();
        let Change::WriteFile { content, .. } = &changes[0] else { panic!("{changes:?}") };
        assert_eq!(content.text(), "add_header A \"b c\";\n");
    }
    let number = json!({"directives": [{"name": "gzip_comp_level", "args": 6}]});
    let Change::WriteFile { content, .. } = &plan(number, &host("")).unwrap()[0] else { panic!() };
    assert_eq!(content.text(), "gzip_comp_level 6;\n");
}

#[test]
fn an_absent_directive_goes() {
    let wish = json!({"directives": [{"name": "gzip", "state": "absent"}]});
    let Change::WriteFile { content, .. } = &plan(wish, &host("gzip on;\na 1;\n")).unwrap()[0]
    else {
        panic!()
    };
    assert_eq!(content.text(), "a 1;\n");
}

#[test]
fn parameters_that_mean_nothing_are_refused_with_their_place() {
    for (wrong, message) in [
        (json!({}), "missing field `directives`"),
        (
            json!({"directives": [{"name": "gzip", "args": false}]}),
            "directives[0].args: invalid type: boolean `false`, expected arguments as text, or a list \
             of them (`on` and `off` in quotes)",
        ),
        (
            json!({"directives": ["gzip off", "gzip on"]}),
            "directives[1]: `gzip` is already in directives[0]",
        ),
        (json!({"directives": ["a 'b"]}), "directives[0]: unterminated quote"),
        (
            json!({"directives": [], "context": "servers"}),
            "context: `servers` is none of `server`, `http`, `main`, `location …`",
        ),
        (
            json!({"directives": [], "context": "location"}),
            "context: `location` is none of `server`, `http`, `main`, `location …`",
        ),
        (
            json!({"directives": ["gzip off"], "validate": "nginx -t"}),
            "validate: must contain %s, which stands for the file to validate",
        ),
        (
            json!({"directives": ["gzip off"], "validate": "nginx '%s"}),
            "validate: has a quote that is not closed",
        ),
        (json!({"directives": [], "mode": "rw"}), "mode: \"rw\" is not a mode (write \"0644\" or \"u=rw,g=r,o=\")"),
        (json!({"directives": [], "path": "site.conf"}), "path: `site.conf` is not absolute"),
    ] {
        fails(wrong, message);
    }
    let unknown = plan(json!({"directives": [{"nam": "gzip"}]}), &host("")).unwrap_err();
    assert!(unknown.to_string().starts_with("directives[0].nam: unknown field `nam`"), "{unknown}");
    let unknown = plan(json!({"directives": [], "contexts": ""}), &host("")).unwrap_err();
    assert!(unknown.to_string().starts_with("contexts: unknown field `contexts`"), "{unknown}");
}

#[test]
fn a_file_that_is_not_there_is_never_made() {
    let mut seen = Observed::default();
    seen.set(Probe::Path { path: PATH.into(), follow: false }, Fact::Path(None));
    let error = plan(json!({"directives": ["gzip off"]}), &seen).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/srv/nginx/site.conf does not exist, and is never made: nothing would load it"
    );
}

#[test]
fn a_folder_is_refused() {
    let mut seen = Observed::default();
    let folder = Fact::Path(Some(stat(PathKind::Directory)));
    seen.set(Probe::Path { path: PATH.into(), follow: false }, folder);
    let error = plan(json!({"directives": []}), &seen).unwrap_err();
    assert_eq!(error.to_string(), "/srv/nginx/site.conf is not a regular file");
}

#[test]
fn the_file_behind_a_link_is_edited_and_the_link_stays() {
    let mut seen = host("gzip on;\n");
    let link = Stat { target: Some("site.conf".into()), ..stat(PathKind::Link) };
    let path = "/srv/nginx/link.conf".to_owned();
    seen.set(Probe::Path { path: path.clone(), follow: false }, Fact::Path(Some(link)));
    let changes = plan(json!({"path": path, "directives": ["gzip off"]}), &seen).unwrap();
    assert!(matches!(&changes[..], [Change::WriteFile { path, .. }] if path == PATH), "{changes:?}");
}

#[test]
fn links_in_a_circle_are_refused() {
    let mut seen = Observed::default();
    let link = Stat { target: Some(PATH.into()), ..stat(PathKind::Link) };
    seen.set(Probe::Path { path: PATH.into(), follow: false }, Fact::Path(Some(link)));
    let error = plan(json!({"directives": []}), &seen).unwrap_err();
    assert_eq!(error.to_string(), "/srv/nginx/site.conf: too many levels of symbolic links");
}

#[test]
fn a_broken_file_fails_the_task_with_its_place() {
    let error = plan(json!({"directives": ["gzip off"]}), &host("a 1;\n b \"c\n")).unwrap_err();
    assert_eq!(error.to_string(), "/srv/nginx/site.conf: unterminated quote at line 2, column 4");
    assert!(matches!(error, PlanError::Failed { .. }));
}

#[test]
fn a_wish_that_a_template_engine_would_read_is_refused_for_templates_alone() {
    for tag in ["{{ x }}", "{% x %}", "{# x #}"] {
        let wish = json!({"directives": [{"name": "add_header", "args": ["A", tag]}]});
        assert!(plan(wish.clone(), &host("")).is_ok());
        let mut wish = args(wish);
        wish["path"] = "/srv/site.conf.j2".into();
        let error = (find("nginx_config").unwrap().plan)(&wish, &host("")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("directives[0]: `add_header A \"{tag}\"` would be a Jinja tag in this template")
        );
    }
}

#[test]
fn the_result_tells_each_setting_that_was_not_as_wished() {
    let module = find("nginx_config").unwrap();
    let seen = host("gzip on;\nadd_header A 1;\n");
    let args = args(json!({
        "directives": ["gzip off", {"name": "add_header", "args": "A", "state": "absent"}, "b 1"],
        "backup": true,
    }));
    let changes = (module.plan)(&args, &seen).unwrap();
    let sum = Bytes::from("gzip on;\nadd_header A 1;\n").sha256();
    assert_eq!(
        Value::Object((module.result)(&args, &seen, &changes, &[]).unwrap()),
        json!({
            "path": PATH,
            "msg": "not as wished: gzip, add_header A, b",
            "changes": [
                {"directive": "gzip", "was": ["gzip on"], "now": "gzip off", "line": 1},
                {"directive": "add_header A", "was": ["add_header A 1"], "now": null, "line": 2},
                {"directive": "b", "was": [], "now": "b 1", "line": null},
            ],
            "backup_file": format!("{PATH}.{}~", &sum[..12]),
        })
    );
}

#[test]
fn the_result_of_nothing_to_do_says_so() {
    let module = find("nginx_config").unwrap();
    let (args, seen) = (args(json!({"directives": ["gzip on"]})), host("gzip on;\n"));
    let result = (module.result)(&args, &seen, &[], &[]).unwrap();
    assert_eq!(result["msg"], "every directive is as wished");
    assert_eq!(result["changes"], json!([]));
}

#[test]
fn the_examples_are_what_the_module_takes() {
    let module = find("nginx_config").unwrap();
    for example in module.examples {
        let args: Value = serde_yaml::from_str(example).unwrap();
        (module.accepts)(&args).unwrap();
        let path = args["path"].as_str().unwrap().to_owned();
        let mut seen = Observed::default();
        let text = "http {\n  server {\n    location ^~ /SOGo { }\n  }\n}\n";
        let file = Fact::Path(Some(stat(PathKind::File)));
        seen.set(Probe::Path { path: path.clone(), follow: false }, file);
        seen.set(Probe::Content { path }, Fact::Content(Some(text.into())));
        let changes = (module.plan)(&args, &seen).unwrap();
        assert!(matches!(&changes[..], [Change::WriteFile { .. }]), "{example}");
    }
}

#[test]
fn every_parameter_is_documented() {
    let module = find("nginx_config").unwrap();
    let documented: Vec<_> = module.options.iter().map(|option| option.name).collect();
    assert_eq!(documented, (module.keys)());
}
