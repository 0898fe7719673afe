//! Where a change is made, and what stays.
use super::{FRAGMENT, HARDENING, becomes, conf, edited, location, refused};
use crate::modules::nginx_config::tree::Context;

#[test]
fn a_value_is_replaced_where_it_stands() {
    conf("  gzip on;\n  root /web;\n", &["gzip off"], "  gzip off;\n  root /web;\n");
}

#[test]
fn spacing_around_a_value_stays() {
    conf("\tgzip\t  on ;  # why\n", &["gzip off"], "\tgzip\t  off ;  # why\n");
}

#[test]
fn a_value_on_another_line_is_replaced_there() {
    conf("gzip\n    on\n;\n", &["gzip off"], "gzip\n    off\n;\n");
}

#[test]
fn a_longer_name_is_another_directive() {
    conf(
        "gzip on;\ngzip_vary on;\ngzip_disable \"msie6\";\n",
        &["gzip off"],
        "gzip off;\ngzip_vary on;\ngzip_disable \"msie6\";\n",
    );
}

#[test]
fn what_is_already_so_under_any_quoting_is_left_alone() {
    for same in [
        "gzip off;\n",
        "gzip  'off' ;",
        "gzip \"off\";",
        "gzip\n\toff;",
        "'gzip' off;",
        "gzip # now\n off;",
    ] {
        conf(same, &["gzip off"], same);
    }
}

#[test]
fn a_header_is_the_same_under_any_quoting() {
    for same in [
        "add_header X-XSS-Protection 0;",
        "add_header X-XSS-Protection \"0\";",
        "add_header 'X-XSS-Protection' '0';",
        "add_header x-xss-protection 0;",
    ] {
        conf(same, &["add_header X-XSS-Protection \"0\""], same);
    }
}

#[test]
fn a_stray_semicolon_in_a_value_is_another_value() {
    conf(
        "add_header Strict-Transport-Security \"max-age=15768000;\";\n",
        &["add_header Strict-Transport-Security max-age=15768000"],
        "add_header Strict-Transport-Security max-age=15768000;\n",
    );
}

#[test]
fn only_the_arguments_that_differ_are_replaced() {
    conf(
        "add_header  X-Frame-Options  \"DENY\"  always;\n",
        &["add_header X-Frame-Options SAMEORIGIN always"],
        "add_header  X-Frame-Options  SAMEORIGIN  always;\n",
    );
}

#[test]
fn always_is_part_of_the_value() {
    conf(
        "add_header Referrer-Policy 'no-referrer';\n",
        &["add_header Referrer-Policy no-referrer always"],
        "add_header Referrer-Policy 'no-referrer' always;\n",
    );
    conf(
        "add_header Referrer-Policy 'no-referrer'  always;\n",
        &["add_header Referrer-Policy no-referrer"],
        "add_header Referrer-Policy 'no-referrer';\n",
    );
}

#[test]
fn the_case_of_a_header_that_is_there_stays() {
    conf(
        "add_header x-xss-protection \"1; mode=block\";\n",
        &["add_header X-XSS-Protection \"0\""],
        "add_header x-xss-protection 0;\n",
    );
}

#[test]
fn a_value_with_spaces_and_quotes_is_put_in_double_quotes() {
    conf(
        "add_header Content-Security-Policy x;\n",
        &["add_header Content-Security-Policy \"default-src 'none'; base-uri 'none'\""],
        "add_header Content-Security-Policy \"default-src 'none'; base-uri 'none'\";\n",
    );
}

#[test]
fn repeats_of_a_setting_collapse_into_the_first() {
    conf(
        "gzip on;\nroot /web;\n  gzip off;\ngzip on;\n",
        &["gzip off"],
        "gzip off;\nroot /web;\n",
    );
}

#[test]
fn repeats_of_a_right_setting_collapse_too() {
    conf(
        "ssl_conf_command Options PrioritizeChaCha;\nssl_conf_command Options PrioritizeChaCha;\n",
        &["ssl_conf_command Options PrioritizeChaCha"],
        "ssl_conf_command Options PrioritizeChaCha;\n",
    );
}

#[test]
fn the_comment_behind_a_directive_that_goes_stays() {
    conf(
        "gzip off;\n    gzip on; # for old browsers\nroot /web;\n",
        &["gzip off"],
        "gzip off;\n    # for old browsers\nroot /web;\n",
    );
}

#[test]
fn repeats_on_one_line_collapse() {
    conf("gzip on; gzip on; root /web; gzip on;\n", &["gzip off"], "gzip off; root /web;\n");
}

#[test]
fn everything_that_shares_a_line_may_go() {
    conf("root /a;\n  gzip on; gzip off;\nindex a;\n", &["-gzip"], "root /a;\n  \nindex a;\n");
}

#[test]
fn a_directive_over_several_lines_goes_as_a_whole() {
    conf("a 1;\n  gzip\n    on\n  ;\nb 2;\n", &["-gzip"], "a 1;\nb 2;\n");
}

#[test]
fn the_last_line_may_go_without_leaving_a_newline_that_was_not_there() {
    conf("a 1;\ngzip on;", &["-gzip"], "a 1;");
    conf("a 1;\r\ngzip on;", &["-gzip"], "a 1;");
    conf("gzip on;", &["-gzip"], "");
}

#[test]
fn absence_of_a_name_takes_every_value() {
    conf("gzip on;\nb 2;\ngzip off;\n", &["-gzip"], "b 2;\n");
}

#[test]
fn absence_of_a_value_leaves_other_values() {
    conf("gzip on;\n", &["-gzip off"], "gzip on;\n");
    conf("gzip off;\nb 2;\n", &["-gzip off"], "b 2;\n");
    conf("deny 1.2.3.4;\ndeny all;\n", &["-deny all"], "deny 1.2.3.4;\n");
}

#[test]
fn absence_of_a_header_takes_it_whatever_its_value_and_leaves_the_others() {
    conf(
        "add_header A 1;\nadd_header b \"2 3\" always;\nadd_header C 4;\n",
        &["-add_header B"],
        "add_header A 1;\nadd_header C 4;\n",
    );
}

#[test]
fn what_is_absent_already_is_left_alone() {
    conf("gzip_vary on;\n", &["-gzip", "-add_header A"], "gzip_vary on;\n");
}

#[test]
fn a_new_directive_goes_behind_the_last_of_its_name() {
    conf(
        "  add_header A 1;\n  add_header B 2;\n\n  root /web;\n",
        &["add_header C 3"],
        "  add_header A 1;\n  add_header B 2;\n  add_header C 3;\n\n  root /web;\n",
    );
}

#[test]
fn a_new_directive_goes_behind_its_family_when_its_name_is_new() {
    conf(
        "  ssl_ciphers A;\n  ssl_session_tickets off;\n  root /web;\n",
        &["ssl_conf_command Options PrioritizeChaCha"],
        "  ssl_ciphers A;\n  ssl_session_tickets off;\n  \
         ssl_conf_command Options PrioritizeChaCha;\n  root /web;\n",
    );
    conf("gzip_vary on;\nroot /w;\n", &["gzip off"], "gzip_vary on;\ngzip off;\nroot /w;\n");
}

#[test]
fn a_new_directive_without_kin_goes_to_the_end() {
    conf("  root /web;\n", &["gzip off"], "  root /web;\n  gzip off;\n");
    conf("  root /web;", &["gzip off"], "  root /web;\n  gzip off;");
    conf("", &["gzip off"], "gzip off;\n");
    conf("# nothing yet", &["gzip off"], "# nothing yet\ngzip off;");
}

#[test]
fn new_directives_keep_the_order_of_the_wishes() {
    conf(
        "add_header A 1;\n",
        &["add_header B 2", "add_header C 3"],
        "add_header A 1;\nadd_header B 2;\nadd_header C 3;\n",
    );
}

#[test]
fn a_new_directive_goes_behind_the_comment_of_its_kin() {
    conf(
        "add_header A 1; # one\nroot /w;\n",
        &["add_header B 2"],
        "add_header A 1; # one\nadd_header B 2;\nroot /w;\n",
    );
    conf("gzip_vary on; # one", &["gzip off"], "gzip_vary on; # one\ngzip off;");
}

#[test]
fn a_new_directive_joins_kin_that_shares_its_line() {
    conf(
        "server { add_header A 1; root /w; }\n",
        &["add_header B 2"],
        "server { add_header A 1; add_header B 2; root /w; }\n",
    );
}

#[test]
fn windows_line_ends_stay() {
    conf(
        "  gzip on;\r\n  gzip on;\r\n  add_header A 1;\r\n  root /w;\r\n",
        &["gzip off", "add_header B 2"],
        "  gzip off;\r\n  add_header A 1;\r\n  add_header B 2;\r\n  root /w;\r\n",
    );
    conf("root /w;\r\n", &["gzip off"], "root /w;\r\ngzip off;\r\n");
}

#[test]
fn tabs_are_copied_as_indentation() {
    conf("\t\tadd_header A 1;\n", &["add_header B 2"], "\t\tadd_header A 1;\n\t\tadd_header B 2;\n");
}

#[test]
fn every_server_block_is_edited() {
    conf(
        "http {\n  server {\n    gzip on;\n  }\n  server {\n    listen 443;\n  }\n}\n",
        &["gzip off"],
        "http {\n  server {\n    gzip off;\n  }\n  server {\n    listen 443;\n    gzip off;\n  }\n}\n",
    );
}

#[test]
fn outside_of_server_blocks_nothing_is_edited() {
    conf(
        "gzip on;\nserver {\n  location / {\n    gzip on;\n  }\n  gzip on;\n}\n",
        &["gzip off"],
        "gzip on;\nserver {\n  location / {\n    gzip on;\n  }\n  gzip off;\n}\n",
    );
}

#[test]
fn servers_of_mail_of_streams_and_of_upstreams_are_not_the_web_servers() {
    conf(
        "stream {\n  server { listen 1; }\n}\nhttp {\n  upstream a { server b:80; }\n  server { }\n}\n",
        &["gzip off"],
        "stream {\n  server { listen 1; }\n}\nhttp {\n  upstream a { server b:80; }\n  \
         server { gzip off; }\n}\n",
    );
}

#[test]
fn an_empty_block_is_filled() {
    conf("server {}\n", &["gzip off"], "server { gzip off; }\n");
    conf("server {\n}\n", &["gzip off"], "server {\n    gzip off;\n}\n");
    conf("  server\n  {\n  }\n", &["gzip off"], "  server\n  {\n      gzip off;\n  }\n");
}

#[test]
fn a_file_for_the_level_above_is_no_fragment_of_a_server() {
    for above in ["http { }", "events { }", "map $a $b { x y; }", "upstream a { server b; }"] {
        refused(above, false, &["gzip off"], "there is no `server` block in it");
    }
}

#[test]
fn the_http_block_can_be_meant() {
    becomes(
        &Context::Http,
        false,
        "events { }\nhttp {\n    server { gzip on; }\n}\n",
        &["server_tokens off"],
        "events { }\nhttp {\n    server { gzip on; }\n    server_tokens off;\n}\n",
    );
}

#[test]
fn the_file_itself_can_be_meant() {
    becomes(
        &Context::Main,
        false,
        "user www;\nserver { gzip on; }\n",
        &["gzip off"],
        "user www;\nserver { gzip on; }\ngzip off;\n",
    );
}

#[test]
fn a_location_can_be_meant_wherever_it_is() {
    becomes(
        &location("~ ^/(fonts|js|css)/"),
        false,
        FRAGMENT,
        &["gzip off"],
        &FRAGMENT.replace("    gzip on;", "    gzip off;"),
    );
    becomes(
        &location(r"~* ^/groupware/so/.*\.(xml|js)$"),
        false,
        FRAGMENT,
        &["-add_header Content-Type"],
        &FRAGMENT.replace("      add_header Content-Type text/plain;\n", ""),
    );
}

#[test]
fn a_location_that_is_not_there_is_an_error() {
    let error = super::edit(b"a 1;", false, &location("/b c"), &[]).unwrap_err();
    assert_eq!(error.to_string(), "there is no `location /b c` block in it");
}

#[test]
fn bytes_that_are_no_text_stay() {
    let wishes = [super::wish("gzip off")];
    let before = b"# caf\xe9 \xff\ngzip on;\nroot \"/\xe9\";\n";
    let after = b"# caf\xe9 \xff\ngzip off;\nroot \"/\xe9\";\n";
    let edited = super::edit(before, false, &Context::Server, &wishes).unwrap();
    assert_eq!(edited.text, after);
}

#[test]
fn a_whole_installation_of_the_older_kind_is_hardened() {
    let after = FRAGMENT
        .replace(
            "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA",
            "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
        )
        .replace(
            "  ssl_session_tickets off;\n",
            "  ssl_session_tickets off;\n  ssl_conf_command Options PrioritizeChaCha;\n",
        )
        .replace("max-age=15768000;", "max-age=63072000; includeSubDomains; preload")
        .replace("\"1; mode=block\"", "0")
        .replace(
            "  add_header Referrer-Policy strict-origin;\n",
            "  add_header Referrer-Policy strict-origin;\n  \
             add_header Permissions-Policy \"camera=(), usb=()\";\n  \
             add_header Content-Security-Policy \"default-src 'none'; base-uri 'none'\";\n  \
             add_header Cross-Origin-Resource-Policy same-origin;\n",
        )
        .replace("\n  gzip on;", "\n  gzip off;");
    conf(FRAGMENT, HARDENING, &after);
}

#[test]
fn what_was_not_as_wished_is_told() {
    let before = "gzip  on;\nroot /w;\ngzip 'off';\nadd_header A \"1\n 2\";\n";
    let drifts =
        edited(before, false, &["gzip off", "-add_header a", "deny all"]).unwrap().drifts;
    let told: Vec<_> = drifts
        .iter()
        .map(|it| (it.setting.as_str(), it.was.join("|"), it.now.as_deref(), it.line))
        .collect();
    assert_eq!(
        told,
        [
            ("gzip", "gzip on|gzip 'off'".to_owned(), Some("gzip off"), Some(1)),
            ("add_header a", "add_header A \"1 2\"".to_owned(), None, Some(4)),
            ("deny all", String::new(), Some("deny all"), None),
        ]
    );
}

#[test]
fn lines_that_are_told_are_those_of_the_file_as_it_is() {
    let before = "gzip on;\ngzip on;\nadd_header A 1;\n";
    let drifts = edited(before, false, &["-gzip", "add_header A 2"]).unwrap().drifts;
    assert_eq!(drifts[1].line, Some(3));
}
