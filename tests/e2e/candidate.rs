//! A candidate that the service itself refuses.
use super::lab::Server;
use super::watch::Watch;
use cowhand::event::Outcome;

/// Both are well-formed directives that only nginx can tell to be wrong.
const BROKEN: [&str; 2] = [
    r#"{"mailcow_hardening_ssl_ciphers": "ECDHE-RSA-AES256-GCM-SHA384:!!NO-SUCH-SUITE"}"#,
    r#"{"mailcow_hardening_csp_extra": {"img-src": ["$no_such_variable"]}}"#,
];

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn a_candidate_that_nginx_refuses_never_becomes_live_and_the_service_never_stops() {
    let server = Server::fresh("b1");
    // Of Postfix's file too: it was written before nginx refused its own, and is as it was.
    let files = || {
        server.sh(&format!(
            "cd '{}/data/conf' && find . -type f -exec sha256sum {{}} +",
            server.mailcow_dir()
        ))
    };
    let (before, containers) = (files(), server.containers());
    for broken in BROKEN {
        let watch = Watch::over(&server);
        let failed = server.apply(&["-e", broken]).exits(2);
        let failures = failed.failures("b1");
        let [(task, message)] = failures[..] else { panic!("one failure: {failures:?}") };
        assert!(task.ends_with("Set the TLS parameters and headers of nginx"), "{task}");
        assert!(message.contains("failed its validation"), "{message}");
        assert_eq!(failed.tasks("b1", &Outcome::Changed), ["Set the TLS parameters of Postfix"]);
        let extra_cf = server.extra_cf();
        assert_eq!(failed.rolled_back("b1"), (vec![extra_cf.as_str()], vec![], 0));
        assert_eq!(failed.recap("b1").owed, 0, "nothing has to notice that nothing changed");
        assert_eq!(files(), before);
        assert_eq!(watch.starts(), [0, 0]);
        assert_eq!(server.containers(), containers);
        assert_eq!(server.get("/").status, 200);
    }
    let watch = Watch::over(&server);
    let applied = server.apply(&[]).exits(0);
    assert_eq!(applied.tasks("b1", &Outcome::Changed).len(), 4);
    assert_eq!((watch.starts(), applied.recap("b1").owed), ([1, 1], 0));
}
