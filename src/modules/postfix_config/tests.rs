//! Plans of `postfix_config`, and what survives Mailcow's own rewrite of the file.
use super::*;
use crate::change::Attributes;
use crate::facts::{Era, Mailcow, PathKind, Stat};
use proptest::prelude::*;

const EXTRA: &str = "/opt/m/data/conf/postfix/extra.cf";

fn params(yaml: &str) -> Params {
    serde_yaml::from_str(&format!("{{project_src: /opt/m, {yaml}}}")).unwrap()
}

fn hardened() -> Params {
    params("parameters: {smtp_tls_ciphers: high, smtpd_tls_protocols: '>=TLSv1.2', tls_preempt_cipherlist: true}")
}

/// A server with this `extra.cf`, this Postfix, and (`NAME=VALUE;…`) these running values.
fn server(params: &Params, extra: Option<&[u8]>, version: Option<&str>, running: &str) -> Observed {
    let mut seen = Observed::default();
    let mailcow = Mailcow {
        dir: "/opt/m".into(),
        era: Era::A,
        nginx_file: "/opt/m/data/conf/nginx/includes/site-defaults.conf".into(),
        postfix_file: EXTRA.into(),
        compose: vec!["docker-compose".into()],
        hostname: "mail.example.org".into(),
        https_port: 443,
        https_bind: "127.0.0.1".into(),
        smtp_port: 25,
        smtp_bind: "127.0.0.1".into(),
        proxy_protocol: false,
        nginx_version: None,
        postfix_version: version.map(str::to_owned),
        postfix_seclevel_zero: false,
        dead_files: vec![],
    };
    let stat = extra.map(|bytes| Stat {
        kind: PathKind::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        owner: "root".into(),
        group: "root".into(),
        size: bytes.len() as u64,
        mtime: 0,
        sha256: Some(Bytes(bytes.to_vec()).sha256()),
        target: None,
    });
    seen.set(Probe::Mailcow { dir: "/opt/m".into() }, Fact::Mailcow(Ok(mailcow)));
    seen.set(Probe::Path { path: EXTRA.into(), follow: false }, Fact::Path(stat));
    let content = extra.map(|bytes| Bytes(bytes.to_vec()));
    seen.set(Probe::Content { path: EXTRA.into() }, Fact::Content(content));
    let running = version.map(|_| {
        running.split_terminator(';').map(|pair| pair.split_once('=').unwrap()).map(|(n, v)| (n.into(), v.into()))
    });
    if let Some(probe) = running_probe(params) {
        seen.set(probe, Fact::Postconf(running.map(Iterator::collect)));
    }
    seen
}

const LIVE: &str = "smtp_tls_ciphers=high;smtpd_tls_protocols=>=TLSv1.2;tls_preempt_cipherlist=yes;";
const STOCK: &str = "smtp_tls_ciphers=medium;smtpd_tls_protocols=>=TLSv1.2;tls_preempt_cipherlist=yes;";

fn written(params: &Params, seen: &Observed) -> Vec<u8> {
    match This::plan(params, seen).unwrap().remove(0) {
        Change::WriteFile { content, .. } => content.0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_looked_at_is_known_from_the_parameters_alone() {
    let params = hardened();
    let seen = server(&params, None, Some("3.7.11"), LIVE);
    for probe in This::observe(&params) {
        assert!(seen.knows(&probe), "{probe:?}");
    }
    assert_eq!(This::observe(&params).len(), 4);
}

#[test]
fn a_missing_file_is_made_readable_and_checked_in_the_container() {
    let params = hardened();
    let changes = This::plan(&params, &server(&params, None, Some("3.7.11"), STOCK)).unwrap();
    let [Change::WriteFile { path, content, attributes, validate, before, backup, .. }, outdated] =
        changes.as_slice()
    else {
        panic!("{changes:?}")
    };
    assert_eq!((path.as_str(), attributes.mode), (EXTRA, Some(0o644)));
    assert_eq!((before, backup), (&None, &None));
    assert_eq!(
        content.text(),
        "# BEGIN cowhand: managed settings, put your own outside\n\
         smtp_tls_ciphers = high\nsmtpd_tls_protocols = >=TLSv1.2\ntls_preempt_cipherlist = yes\n\
         # END cowhand: managed settings, put your own outside\n"
    );
    assert!(validate.as_ref().unwrap()[2].contains("docker-compose exec -T postfix-mailcow"));
    let values = [("smtp_tls_ciphers".to_owned(), ("medium".to_owned(), "high".to_owned()))].into();
    assert_eq!(outdated, &Change::Outdated { dir: "/opt/m".into(), values });
}

#[test]
fn the_same_wish_is_written_as_each_version_takes_it() {
    let params = hardened();
    let text = written(&params, &server(&params, Some(b""), Some("3.5.25"), LIVE));
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("\nsmtpd_tls_protocols = !SSLv2, !SSLv3, !TLSv1, !TLSv1.1\n"), "{text}");
    let error = This::plan(&params, &server(&params, Some(b""), None, "")).unwrap_err();
    assert!(error.to_string().contains("can't tell the Postfix version"));
}

#[test]
fn a_right_file_is_not_enough_while_old_values_run() {
    let params = hardened();
    let right = written(&params, &server(&params, None, Some("3.7.11"), LIVE));
    let plan = |running| This::plan(&params, &server(&params, Some(&right), Some("3.7.11"), running)).unwrap();
    assert_eq!(plan(LIVE), []);
    assert!(matches!(plan(STOCK).as_slice(), [Change::Outdated { .. }]));
    let spaced = "smtp_tls_ciphers= high ;smtpd_tls_protocols=>=TLSv1.2;tls_preempt_cipherlist=yes;";
    assert_eq!(plan(spaced), []);
    let told_not_to = self::params("running: false, parameters: {smtp_tls_ciphers: high, smtpd_tls_protocols: '>=TLSv1.2', tls_preempt_cipherlist: true}");
    assert_eq!(This::plan(&told_not_to, &server(&told_not_to, Some(&right), Some("3.7.11"), STOCK)).unwrap(), []);
}

#[test]
fn a_users_later_line_wins_is_told_and_does_not_flap() {
    let params = hardened();
    let right = written(&params, &server(&params, None, Some("3.7.11"), LIVE));
    let mut text = right.clone();
    text.extend_from_slice(b"smtp_tls_ciphers = medium\n");
    let seen = server(&params, Some(&text), Some("3.7.11"), STOCK);
    assert_eq!(This::plan(&params, &seen).unwrap(), []);
    let result = This::result(&params, &seen, &[], &[]);
    assert_eq!(result["overridden"], json!([{"name": "smtp_tls_ciphers", "line": 6, "value": "medium"}]));
    assert_eq!(
        result["warnings"][0],
        format!("{EXTRA}:6: the line `smtp_tls_ciphers = medium` below our block wins over it")
    );
}

#[test]
fn lines_that_trip_the_switch_are_told_where_there_is_one() {
    let params = hardened();
    let warnings = |version| {
        let seen = server(&params, Some(b"# was !SSLv3\n"), Some(version), LIVE);
        This::result(&params, &seen, &[], &[])["warnings"].as_array().unwrap().len()
    };
    assert_eq!((warnings("3.7.11"), warnings("3.5.25")), (1, 0));
}

#[test]
fn attributes_are_set_when_told_and_a_backup_stays_outside_the_mailcow_folder() {
    let params = self::params("mode: '0600', owner: 0, backup: true, parameters: {smtp_tls_ciphers: high}");
    let seen = server(&params, Some(b""), Some("3.7.11"), "smtp_tls_ciphers=high;");
    let changes = This::plan(&params, &seen).unwrap();
    let Change::WriteFile { backup, attributes, content, .. } = &changes[0] else { panic!() };
    assert!(backup.as_ref().unwrap().starts_with("/var/lib/cowhand/backups/opt/m/"));
    assert_eq!(attributes.mode, Some(0o600));
    assert!(This::result(&params, &seen, &changes, &[]).contains_key("backup_file"));
    let seen = server(&params, Some(&content.0), Some("3.7.11"), "smtp_tls_ciphers=high;");
    let wanted = Attributes { mode: Some(0o600), owner: None, group: None };
    assert_eq!(
        This::plan(&params, &seen).unwrap(),
        [Change::SetAttributes { path: EXTRA.into(), attributes: wanted, recurse: false }]
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (yaml, why) in [
        ("path: /x, parameters: {}", "give one of project_src and path"),
        ("marker: about myhostname, parameters: {}", "marker: must stay"),
        ("marker: 'a\\b', parameters: {}", "marker: must stay"),
        ("validate: 'postconf -c', parameters: {smtp_tls_ciphers: high}", "validate: must contain %s"),
    ] {
        let params = params(yaml);
        let seen = server(&params, Some(b""), Some("3.7.11"), "");
        assert_eq!(This::plan(&params, &seen).unwrap_err().to_string().find(why), Some(0), "{yaml}");
    }
    assert!(serde_yaml::from_str::<Params>("{path: /x, parameters: {}, mode: '9'}").is_err());
}

/// What Mailcow's Postfix container does to the file at each start.
fn rewritten(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let kept: Vec<&str> = (text.lines())
        .filter(|line| line.contains("$myhostname") || !line.contains("myhostname"))
        .collect();
    let text = kept.join("\n");
    let text = text.trim_end_matches('\n').replace("\\t", "\t").replace("\\\\", "\\");
    format!("myhostname = mail.example.org\n{text}\n").into_bytes()
}

fn user_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,12} = [ -~&&[^\\\\]]{0,20}",
        "#[ -~&&[^\\\\]]{0,20}",
        Just(String::new()),
        Just("  indented, more".into()),
        Just("myhostname = old.example.org".into()),
        Just("smtp_helo_name = $myhostname".into()),
        Just("# tab \\t and \\\\ slash".into()),
        Just("smtp_tls_ciphers = medium".into()),
        Just("# BEGIN cowhand: managed settings, put your own outside".into()),
        Just("# END cowhand: managed settings, put your own outside".into()),
    ]
}

proptest! {
    #[test]
    fn no_drift_after_mailcows_own_rewrite(
        lines in proptest::collection::vec(user_line(), 0..8),
        newlines in 0_usize..3,
        version in prop_oneof![Just("3.5.25"), Just("3.10.13")],
    ) {
        let params = self::params("running: false, parameters: {smtp_tls_ciphers: high, smtpd_tls_protocols: '>=TLSv1.2'}");
        let mut text = format!("{}{}", lines.join("\n"), "\n".repeat(newlines)).into_bytes();
        let plan = |text: &[u8]| {
            This::plan(&params, &server(&params, Some(text), Some(version), "")).unwrap()
        };
        if let Some(Change::WriteFile { content, .. }) = plan(&text).first() {
            text.clone_from(&content.0);
        }
        prop_assert_eq!(plan(&text), []);
        for _start in 0..2 {
            text = rewritten(&text);
            prop_assert_eq!(plan(&text), [], "{}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn lines_outside_the_block_stay_byte_for_byte(
        above in proptest::collection::vec("[ -~]{0,20}", 0..5),
        below in proptest::collection::vec("[ -~]{0,20}", 0..5),
        old in "[a-z]{0,5}",
    ) {
        let params = self::params("running: false, parameters: {smtp_tls_ciphers: high}");
        let [above, below] = [above, below].map(|lines| lines.iter().flat_map(|line| [line.as_str(), "
"]).collect::<String>());
        let block = |value: &str| {
            let marker = default_marker();
            format!("# BEGIN {marker}\nsmtp_tls_ciphers = {value}\n# END {marker}\n")
        };
        let before = format!("{above}{}{below}", block(&format!("not {old}")));
        let after = written(&params, &server(&params, Some(before.as_bytes()), Some("3.7.11"), ""));
        prop_assert_eq!(String::from_utf8(after).unwrap(), format!("{above}{}{below}", block("high")));
    }
}
