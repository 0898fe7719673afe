//! What the role `mailcow_hardening` asks for, byte for byte, and that its documents agree.
#![expect(clippy::disallowed_methods, reason = "the role is files")]
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use serde_json::{Map, Value, json};
use std::path::Path;

const ROLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/roles/mailcow_hardening");
const OMIT: &str = "‹omit›";

fn yaml(file: &str) -> Value {
    let text = std::fs::read_to_string(Path::new(ROLE).join(file)).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

fn render(value: &Value, scope: &Map<String, Value>) -> Value {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    match value {
        Value::String(text) => match text.strip_prefix("{{").and_then(|t| t.strip_suffix("}}")) {
            Some(lone) if !lone.contains("{{") => {
                let expression = env.compile_expression(lone).unwrap();
                serde_json::to_value(expression.eval(Serde(scope)).unwrap()).unwrap()
            }
            _ => env.render_str(text, Serde(scope)).unwrap().into(),
        },
        Value::Array(items) => items.iter().map(|item| render(item, scope)).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), render(value, scope))).collect()
        }
        other => other.clone(),
    }
}

/// The role's variables with some set otherwise, on a server of which `mailcow` is known.
fn scope(set: Value, mailcow: Value) -> Map<String, Value> {
    let Value::Object(mut scope) = yaml("defaults/main.yml") else { panic!() };
    let Value::Object(set) = set else { panic!() };
    for (name, value) in set {
        assert!(scope.insert(name.clone(), value).is_some(), "{name}");
    }
    scope.insert("mailcow".into(), mailcow);
    scope.insert("omit".into(), OMIT.into());
    let Value::Object(vars) = yaml("vars/main.yml") else { panic!() };
    for (name, value) in vars {
        let value = render(&value, &scope);
        scope.insert(name, value);
    }
    scope
}

fn directives(set: Value, mailcow: Value) -> Vec<Value> {
    let task = &yaml("tasks/nginx.yml")[0]["nginx_config"]["directives"];
    let Value::Array(items) = render(task, &scope(set, mailcow)) else { panic!() };
    items.into_iter().filter(|item| item != OMIT).collect()
}

fn modern() -> Value {
    json!({"ssl_conf_command": true, "add_header_inherit": true})
}

#[test]
fn postfix_gets_every_parameter_of_the_list() {
    let expected = json!({
        "tls_high_cipherlist": "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
        "tls_preempt_cipherlist": "yes",
        "smtp_tls_protocols": "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
        "smtpd_tls_protocols": "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
        "smtp_tls_ciphers": "high",
        "smtp_tls_mandatory_ciphers": "high",
        "smtpd_tls_ciphers": "high",
        "smtpd_tls_mandatory_ciphers": "high",
    });
    let scope = scope(json!({}), modern());
    assert_eq!(scope["mailcow_hardening_postfix_parameters"], expected);
    let postfix_config = cowhand::modules::find("postfix_config").unwrap();
    (postfix_config.accepts)(&json!({"project_src": "/opt/m", "parameters": expected})).unwrap();
}

#[test]
fn an_empty_text_leaves_a_parameter_alone() {
    let scope = scope(json!({"mailcow_hardening_smtp_tls_protocols": ""}), modern());
    assert_eq!(scope["mailcow_hardening_postfix_parameters"]["smtp_tls_protocols"], Value::Null);
}

const CSP: &str = "default-src 'none'; connect-src 'self' https://api.github.com; font-src 'self' https://fonts.gstatic.com; img-src 'self' data:; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline' https://fonts.googleapis.com; frame-ancestors 'none'; upgrade-insecure-requests; block-all-mixed-content; base-uri 'none'";

#[test]
fn nginx_gets_every_directive_of_the_list() {
    let csp = format!("add_header Content-Security-Policy \"{CSP}\" always");
    assert_eq!(
        directives(json!({}), modern()),
        [
            "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384",
            "ssl_prefer_server_ciphers on",
            "ssl_conf_command Options PrioritizeChaCha",
            "add_header_inherit merge",
            "add_header Strict-Transport-Security \"max-age=63072000; includeSubDomains; preload\" always",
            "add_header X-XSS-Protection \"0\" always",
            "add_header Permissions-Policy \"accelerometer=(), ambient-light-sensor=(), autoplay=(), battery=(), browsing-topics=(), camera=(), clipboard-read=(), display-capture=(), document-domain=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), interest-cohort=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), screen-wake-lock=(), serial=(), usb=(), sync-xhr=(), xr-spatial-tracking=()\" always",
            csp.as_str(),
            "add_header Cross-Origin-Resource-Policy same-origin always",
            "add_header Cross-Origin-Opener-Policy same-origin always",
            "add_header Cross-Origin-Embedder-Policy require-corp always",
            "gzip off",
        ]
    );
}

#[test]
fn gravatar_chooses_both_policies() {
    let found = directives(json!({"mailcow_hardening_gravatar": true}), modern());
    let csp = CSP
        .replace("https://api.github.com;", "https://api.github.com https://www.gravatar.com;")
        .replace("data:;", "data: https://www.gravatar.com;");
    assert!(found.contains(&format!("add_header Content-Security-Policy \"{csp}\" always").into()));
    let coep = json!({
        "name": "add_header",
        "args": "Cross-Origin-Embedder-Policy",
        "state": "absent",
    });
    assert!(found.contains(&coep), "{found:?}");
    assert!(
        !found.iter().any(|item| item.as_str().is_some_and(|text| text.contains("require-corp")))
    );
}

#[test]
fn switches_take_out_what_they_name() {
    for (set, gone, instead) in [
        (
            json!({"mailcow_hardening_permissions_policy_usb": false}),
            "usb=()",
            "serial=(), sync-xhr=()",
        ),
        (
            json!({"mailcow_hardening_hsts_preload": false}),
            "preload",
            "63072000; includeSubDomains\" always",
        ),
        (
            json!({"mailcow_hardening_hsts_include_subdomains": false, "mailcow_hardening_hsts_preload": false}),
            "includeSub",
            "\"max-age=63072000\" always",
        ),
        (json!({"mailcow_hardening_hsts": false}), "Strict-Transport", ""),
        (json!({"mailcow_hardening_headers_always": false}), "always", "same-origin"),
        (json!({"mailcow_hardening_ssl_ciphers": ""}), "ssl_ciphers ", ""),
        (json!({"mailcow_hardening_prioritize_chacha": false}), "Prioritize", ""),
        (json!({"mailcow_hardening_gzip_off": false}), "gzip", ""),
        (json!({"mailcow_hardening_csp": false}), "Content-Security", ""),
        (json!({"mailcow_hardening_corp": false}), "Resource-Policy", ""),
        (json!({"mailcow_hardening_coop": false}), "Opener-Policy", ""),
        (json!({"mailcow_hardening_coep": false}), "Embedder-Policy", ""),
        (json!({"mailcow_hardening_x_xss_protection": ""}), "X-XSS", ""),
        (json!({"mailcow_hardening_permissions_policy": false}), "Permissions-Policy", ""),
        (json!({"mailcow_hardening_header_inheritance": false}), "inherit", ""),
        (
            json!({"mailcow_hardening_csp_extra": {"img-src": ["https://a.example"], "frame-ancestors": ["'self'"]}}),
            "frame-ancestors 'none'",
            "img-src 'self' data: https://a.example; script-src",
        ),
    ] {
        let text = Value::from(directives(set.clone(), modern())).to_string().replace("\\\"", "\"");
        assert!(!text.contains(gone) && text.contains(instead), "{set}: {text}");
    }
}

#[test]
fn an_old_nginx_is_not_given_what_would_break_it() {
    let found =
        directives(json!({}), json!({"ssl_conf_command": false, "add_header_inherit": false}));
    for unknown in ["ssl_conf_command Options PrioritizeChaCha", "add_header_inherit merge"] {
        assert!(!found.contains(&unknown.into()), "{unknown}");
    }
    assert_eq!(found.len(), 10);
}

#[test]
fn before_facts_are_known_the_file_is_known_and_nothing_would_pass_validation() {
    let task = &yaml("tasks/nginx.yml")[0]["nginx_config"];
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    let validate = env.render_str(task["validate"].as_str().unwrap(), context! {}).unwrap();
    assert_eq!(validate, "false %s");
    assert!(!task["path"].as_str().unwrap().contains("mailcow."));
}

#[test]
fn defaults_specification_and_readme_say_the_same() {
    let Value::Object(defaults) = yaml("defaults/main.yml") else { panic!() };
    let specification = yaml("meta/argument_specs.yml");
    let options = specification["argument_specs"]["main"]["options"].as_object().unwrap();
    assert!(defaults.keys().eq(options.keys()), "names, and their order");
    let readme = std::fs::read_to_string(Path::new(ROLE).join("README.md")).unwrap();
    for (name, option) in options {
        assert_eq!(option["default"], defaults[name], "{name}");
        let (kind, help) =
            (option["type"].as_str().unwrap(), option["description"].as_str().unwrap());
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}` | {kind} | ")));
        assert!(row.is_some_and(|row| row.ends_with(&format!(" | {help} |"))), "{name}");
    }
}
