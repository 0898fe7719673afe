//! Every era of Mailcow, from stock to hardened and once more: what changes, what runs, and that a second
//! run leaves the server alone.
use super::lab::{NGINX, POSTFIX, Server};
use super::program::Ended;
use super::watch::Watch;
use super::wire::Handshake;
use cowhand::event::Outcome;

const SUITES: &str = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";

/// As clients see it.
const HEADERS: [(&str, &str); 7] = [
    ("Strict-Transport-Security", "max-age=63072000; includeSubDomains; preload"),
    ("X-XSS-Protection", "0"),
    (
        "Permissions-Policy",
        "accelerometer=(), ambient-light-sensor=(), autoplay=(), battery=(), browsing-topics=(), camera=(), clipboard-read=(), display-capture=(), document-domain=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), interest-cohort=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), screen-wake-lock=(), serial=(), usb=(), sync-xhr=(), xr-spatial-tracking=()",
    ),
    (
        "Content-Security-Policy",
        "default-src 'none'; connect-src 'self' https://api.github.com; font-src 'self' https://fonts.gstatic.com; img-src 'self' data:; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline' https://fonts.googleapis.com; frame-ancestors 'none'; upgrade-insecure-requests; block-all-mixed-content; base-uri 'none'",
    ),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
];

/// Stock headers that nobody asked to change.
const STOCK: [(&str, &str); 2] =
    [("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "SAMEORIGIN")];

/// Static files below locations that drop the server's headers.
const DROPPING: [&str; 2] = ["/css/lab.css", "/SOGo/so/view.html"];

const TLS_1_1: &str = "-tls1_1 -cipher ALL:@SECLEVEL=0";
const CBC: &str = "-tls1_2 -cipher ECDHE-RSA-AES256-SHA384";
const NO_FORWARD_SECRECY: &str = "-tls1_2 -cipher AES256-GCM-SHA384";
const GCM: &str = "-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384";

/// What sets an era apart.
struct Era {
    server: &'static str,
    /// How its Postfix is told that nothing below TLS 1.2 will do.
    protocols: &'static str,
    /// Stock Postfix speaks TLS 1.1 on port 25.
    speaks_tls_1_1: bool,
    /// nginx can pass headers on to locations that have their own.
    inherits: bool,
    /// A file of another era lies about.
    dead_file: Option<&'static str>,
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn mailcow_up_to_2024_04_is_hardened_and_then_left_alone() {
    harden(&Era {
        server: "a1",
        protocols: "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
        speaks_tls_1_1: true,
        inherits: false,
        dead_file: None,
    });
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn mailcow_2024_11_with_an_override_and_another_port_is_hardened_and_then_left_alone() {
    harden(&Era {
        server: "a3",
        protocols: ">=TLSv1.2",
        speaks_tls_1_1: false,
        inherits: false,
        dead_file: None,
    });
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn mailcow_2025_01_with_a_dead_file_is_hardened_and_then_left_alone() {
    harden(&Era {
        server: "b1",
        protocols: ">=TLSv1.2",
        speaks_tls_1_1: false,
        inherits: false,
        dead_file: Some("data/conf/nginx/includes/site-defaults.conf"),
    });
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn mailcow_2026_07_is_hardened_in_every_location_and_then_left_alone() {
    harden(&Era {
        server: "b2",
        protocols: ">=TLSv1.2",
        speaks_tls_1_1: false,
        inherits: true,
        dead_file: None,
    });
}

fn harden(era: &Era) {
    let server = Server::fresh(era.server);
    stock_is_weak(&server, era);

    let checked = leaves_alone(&server, || server.check(&[]).exits(3));
    assert_eq!(checked.recap(server.name).changed, 0);
    assert_eq!(checked.tasks(server.name, &Outcome::WouldChange), CHANGES);
    told_what_matters(&checked, era);

    let (watch, before) = (Watch::over(&server), server.containers());
    let applied = server.apply(&[]).exits(0);
    assert_eq!(watch.starts(), [1, 1], "each service is restarted exactly once");
    assert_eq!(server.containers().map(|now| now.id), before.map(|was| was.id));
    assert_eq!(applied.tasks(server.name, &Outcome::Changed), CHANGES);
    told_what_matters(&applied, era);
    let dead = era.dead_file.map(|file| server.read(&format!("{}/{file}", server.mailcow_dir())));
    assert!(dead.is_none_or(|text| text.contains("gzip on;")), "what is dead is not worth an edit");

    postfix_is_hardened(&server, era);
    nginx_is_hardened(&server, era);

    let again = leaves_alone(&server, || server.apply(&[]).exits(0));
    let recap = again.recap(server.name);
    assert_eq!((recap.changed, recap.owed, recap.failed), (0, 0, 0));
    assert_eq!((recap.batches, recap.channels), (1, 1), "one round trip over one channel");
    told_what_matters(&again, era);
    leaves_alone(&server, || server.check(&[]).exits(0));
}

const CHANGES: [&str; 4] = [
    "Set the TLS parameters of Postfix",
    "Set the TLS parameters and headers of nginx",
    "Restart Postfix",
    "Restart nginx",
];

/// A run after which every byte, mode and time is what it was, nothing was written elsewhere on the
/// server, and the services run on.
#[track_caller]
fn leaves_alone(server: &Server, doing: impl FnOnce() -> Ended) -> Ended {
    let (files, containers) = (server.snapshot(), server.containers());
    let moment = server.now();
    let ended = doing();
    assert_eq!(server.written_since(&moment), Vec::<String>::new());
    server.snapshot().assert_is(&files);
    assert_eq!(server.containers(), containers);
    ended
}

/// Without these, what is proved afterwards would prove nothing.
fn stock_is_weak(server: &Server, era: &Era) {
    for port in [25, 587] {
        assert_eq!(server.handshake(port, CBC), Handshake::with("ECDHE-RSA-AES256-SHA384"));
        assert_eq!(
            server.handshake(port, NO_FORWARD_SECRECY),
            Handshake::with("AES256-GCM-SHA384")
        );
    }
    let old = matches!(server.handshake(25, TLS_1_1), Handshake::Accepted(_));
    assert_eq!(old, era.speaks_tls_1_1);
    assert_eq!(server.get("/css/lab.css").all("Content-Encoding"), ["gzip"]);
    assert_eq!(server.get("/").all("Content-Security-Policy"), Vec::<&str>::new());
}

fn told_what_matters(ended: &Ended, era: &Era) {
    let told = ended.told(era.server);
    assert_eq!(told.contains("older than 1.29.3"), !era.inherits, "{told}");
    assert_eq!(told.contains("Nothing reads"), era.dead_file.is_some(), "{told}");
    assert!(told.contains(era.dead_file.unwrap_or_default()), "{told}");
    for told_always in ["plain text", "63072000 seconds", "preload"] {
        assert!(told.contains(told_always), "{told_always} in {told}");
    }
}

fn postfix_is_hardened(server: &Server, era: &Era) {
    let wanted = [
        ("tls_high_cipherlist", SUITES),
        ("tls_preempt_cipherlist", "yes"),
        ("smtp_tls_protocols", era.protocols),
        ("smtpd_tls_protocols", era.protocols),
        ("smtp_tls_ciphers", "high"),
        ("smtp_tls_mandatory_ciphers", "high"),
        ("smtpd_tls_ciphers", "high"),
        ("smtpd_tls_mandatory_ciphers", "high"),
    ];
    let words: Vec<&str> =
        ["postconf", "-h"].into_iter().chain(wanted.map(|(name, _)| name)).collect();
    let runs = server.inside(POSTFIX, &words);
    assert_eq!(runs.lines().collect::<Vec<_>>(), wanted.map(|(_, value)| value));

    for port in [25, 587] {
        assert_eq!(server.handshake(port, TLS_1_1), Handshake::Refused, "port {port}");
        assert_eq!(server.handshake(port, CBC), Handshake::Refused, "port {port}");
        assert_eq!(server.handshake(port, NO_FORWARD_SECRECY), Handshake::Refused, "port {port}");
        let accepted = Handshake::with("ECDHE-RSA-AES256-GCM-SHA384");
        assert_eq!(server.handshake(port, GCM), accepted, "port {port}");
    }
    for service in [NGINX, POSTFIX] {
        let weakened =
            server.inside(service, &["sh", "-c", "grep -r SECLEVEL=0 /etc/ssl || [ $? = 1 ]"]);
        assert_eq!(weakened, "", "{service}");
    }
}

fn nginx_is_hardened(server: &Server, era: &Era) {
    let pages =
        ["/", "/no-such-page"].into_iter().chain(DROPPING.into_iter().filter(|_| era.inherits));
    for page in pages {
        let answer = server.get(page);
        assert_eq!(answer.status, if page == "/no-such-page" { 404 } else { 200 }, "{page}");
        for (name, value) in HEADERS {
            answer.assert_once(name, value);
        }
    }
    for (name, value) in STOCK {
        server.get("/").assert_once(name, value);
    }
    for page in DROPPING {
        let answer = server.get(page);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.all("Content-Encoding"), Vec::<&str>::new());
    }

    let port = server.https_port();
    for refused in [TLS_1_1, CBC, NO_FORWARD_SECRECY] {
        assert_eq!(server.handshake(port, refused), Handshake::Refused, "{refused}");
    }
    assert_eq!(server.handshake(port, GCM), Handshake::with("ECDHE-RSA-AES256-GCM-SHA384"));
    let (aes, chacha) = ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305");
    for (first, second) in [(aes, chacha), (chacha, aes)] {
        let options = format!("-tls1_2 -cipher {first}:{second}");
        assert_eq!(server.handshake(port, &options), Handshake::with(first), "{options}");
    }
    nginx_shows_its_directives(server, era);
}

/// What runs has every directive once, and neither an old one beside it.
fn nginx_shows_its_directives(server: &Server, era: &Era) {
    let shown = server.inside(NGINX, &["nginx", "-T"]).replace('"', "");
    let lines: Vec<&str> = shown.lines().map(str::trim).collect();
    let starting = |start: &str| -> Vec<&str> {
        lines.iter().filter(|line| line.starts_with(&format!("{start} "))).copied().collect()
    };
    let suites = "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384;";
    assert_eq!(starting("ssl_ciphers"), [suites]);
    assert_eq!(starting("ssl_conf_command"), ["ssl_conf_command Options PrioritizeChaCha;"]);
    assert_eq!(starting("gzip"), ["gzip off;"]);
    let inherit: &[&str] = if era.inherits { &["add_header_inherit merge;"] } else { &[] };
    assert_eq!(starting("add_header_inherit"), inherit);
    for (name, value) in HEADERS {
        let directive = format!("add_header {name} {value} always;");
        assert_eq!(starting(&format!("add_header {name}")), [directive]);
    }
}
