//! What administrators do by hand: undone is what cowhand set, kept is what is theirs.
use super::lab::{POSTFIX, Server};
use super::watch::Watch;
use cowhand::event::{Damage, Outcome};

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn one_nginx_line_undone_by_hand_is_set_again_and_restarts_nginx_alone() {
    let server = Server::fresh("a3");
    server.apply(&[]).exits(0);
    let (file, hardened) = (server.nginx_file(), server.read(&server.nginx_file()));
    server.sh(&format!("sed -i 's/gzip off;/gzip   \"on\";/' '{file}'"));
    assert_ne!(server.read(&file), hardened);

    let checked = server.check(&[]).exits(3);
    let expected = ["Set the TLS parameters and headers of nginx", "Restart nginx"];
    assert_eq!(checked.tasks("a3", &Outcome::WouldChange), expected);
    assert_eq!(checked.edits("a3"), [(file.as_str(), Damage::Changed)]);

    let (watch, postfix) = (Watch::over(&server), server.container(POSTFIX));
    let applied = server.apply(&[]).exits(0);
    assert_eq!(watch.starts(), [1, 0]);
    assert_eq!(server.container(POSTFIX), postfix);
    assert_eq!(applied.tasks("a3", &Outcome::Changed), expected);
    let mended = server.read(&file);
    let differing = mended.lines().zip(hardened.lines()).filter(|(mended, was)| mended != was);
    let differing: Vec<(&str, &str)> = differing.collect();
    let [(mended_line, was)] = differing[..] else { panic!("one line: {differing:?}") };
    let words = |line: &str| line.replace('"', "").split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(mended_line), words(was));
    assert_eq!(mended.lines().count(), hardened.lines().count());
    assert_eq!(server.get("/css/lab.css").all("Content-Encoding"), Vec::<&str>::new());
    server.check(&[]).exits(0);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn own_lines_of_extra_cf_survive_byte_for_byte_and_those_that_win_over_ours_are_told() {
    let server = Server::fresh("a1");
    let file = server.extra_cf();
    let own = "\n#   ours:\tdo not touch, ümläut\nmessage_size_limit   =\t1048576\n# a list\nsmtpd_tls_exclude_ciphers =\n\taNULL,\n   eNULL\n";
    server.append(&file, own);
    let before = server.read(&file);
    server.apply(&[]).exits(0);
    let (above, block, below) = around_the_block(&server.read(&file));
    // Mailcow itself strips line ends at the file's end, at every start.
    assert_eq!((above.trim_end(), below.as_str()), (before.trim_end(), ""));
    assert!(block.contains("\nsmtp_tls_ciphers = high\n"), "{block}");

    let winning = "# below, and stronger\nsmtp_tls_ciphers = medium\n";
    server.append(&file, winning);
    let before = server.read(&file);
    let line = before.lines().count();
    let watch = Watch::over(&server);
    for run in [server.check(&[]).exits(0), server.apply(&[]).exits(0)] {
        let warnings = run.warnings();
        let place = format!("{file}:{line}: ");
        let about = |warning: &&&str| {
            warning.starts_with(&place) && warning.contains("smtp_tls_ciphers = medium")
        };
        assert_eq!(warnings.iter().filter(about).count(), 1, "{warnings:?}");
    }
    assert_eq!(server.read(&file), before);
    assert_eq!(watch.starts(), [0, 0]);
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn a_postfix_container_that_an_old_protocol_list_has_weakened_is_replaced_once_the_list_is_gone() {
    let server = Server::fresh("b1");
    let weakened = || server.inside(POSTFIX, &["grep", "-c", "SECLEVEL=0", "/etc/ssl/openssl.cnf"]);
    let comment = "# as it was: smtpd_tls_protocols = !SSLv2, !SSLv3\n";
    server.append(&server.extra_cf(), comment);
    server.sh(&format!("cd '{}' && docker compose restart {POSTFIX}", server.mailcow_dir()));
    assert_eq!(weakened().trim(), "1", "Mailcow's switch is tripped");

    let container = server.container(POSTFIX).id;
    let applied = server.apply(&[]).exits(0);
    let warnings = applied.warnings();
    assert!(warnings.iter().any(|warning| warning.contains("SECLEVEL=0")), "{warnings:?}");
    assert!(server.read(&server.extra_cf()).contains(comment), "it is the administrator's line");
    assert_eq!(server.container(POSTFIX).id, container, "a new one would be weakened again");

    server.sh(&format!("sed -i '/^# as it was/d' '{}'", server.extra_cf()));
    let replaced = server.apply(&[]).exits(0);
    let expected = ["Replace a Postfix container with weakened OpenSSL"];
    assert_eq!(replaced.tasks("b1", &Outcome::Changed), expected);
    assert_ne!(server.container(POSTFIX).id, container);
    assert_eq!(
        server.inside(POSTFIX, &["sh", "-c", "grep -r SECLEVEL=0 /etc/ssl || [ $? = 1 ]"]),
        ""
    );
    let again = server.apply(&[]).exits(0);
    assert_eq!((again.recap("b1").changed, again.recap("b1").batches), (0, 1));
}

/// The text before, of and behind the managed block.
fn around_the_block(text: &str) -> (String, String, String) {
    let begin = text.find("# BEGIN ").unwrap_or_else(|| panic!("no block in {text}"));
    let end = text.find("# END ").unwrap();
    let end = text[end..].find('\n').map_or(text.len(), |length| end + length + 1);
    (text[..begin].into(), text[begin..end].into(), text[end..].into())
}
