//! Which directives are the same setting.
use super::{conf, wish};
use crate::modules::nginx_config::values::{Wanted, words, write};

#[test]
fn headers_are_told_apart_by_their_names() {
    conf(
        "add_header A 1;\nadd_header B 1;\n",
        &["add_header B 2"],
        "add_header A 1;\nadd_header B 2;\n",
    );
}

#[test]
fn commands_for_the_tls_library_are_told_apart_by_their_names_in_any_case() {
    conf(
        "ssl_conf_command options -SessionTicket;\nssl_conf_command Curves X25519;\n",
        &["ssl_conf_command Options PrioritizeChaCha"],
        "ssl_conf_command options PrioritizeChaCha;\nssl_conf_command Curves X25519;\n",
    );
}

#[test]
fn parameters_of_programs_are_told_apart_with_their_case() {
    conf(
        "fastcgi_param HTTPS on;\n",
        &["fastcgi_param https off"],
        "fastcgi_param HTTPS on;\nfastcgi_param https off;\n",
    );
    conf(
        "proxy_set_header host a;\n",
        &["proxy_set_header Host b"],
        "proxy_set_header host b;\n",
    );
}

#[test]
fn directives_that_may_be_repeated_are_added_beside_each_other() {
    for (there, wished) in [
        ("listen 80;", "listen 443 ssl"),
        ("server_name a;", "server_name b"),
        ("include a;", "include b"),
        ("deny 10.0.0.1;", "deny all"),
        ("error_page 404 /a;", "error_page 403 /b"),
        ("set $a 1;", "set $b 2"),
        ("access_log /a;", "access_log /b"),
        ("ssl_certificate rsa.pem;", "ssl_certificate ecdsa.pem"),
        ("rewrite ^/a /b;", "rewrite ^/b /c last"),
    ] {
        conf(&format!("{there}\n"), &[wished], &format!("{there}\n{wished};\n"));
    }
}

#[test]
fn repeats_of_what_may_be_repeated_stay() {
    conf("deny all;\nallow 1.1.1.1;\ndeny all;\n", &["deny all"], "deny all;\nallow 1.1.1.1;\ndeny all;\n");
}

#[test]
fn values_are_written_bare_where_nginx_reads_them_back_and_quoted_elsewhere() {
    for (value, written) in [
        ("off", "off"),
        ("a#b", "a#b"),
        ("$host", "$host"),
        ("max-age=1", "max-age=1"),
        (r"^/a\.b$", r"^/a\.b$"),
        ("interest-cohort=()", "interest-cohort=()"),
        ("", "\"\""),
        ("#b", "\"#b\""),
        ("a b", "\"a b\""),
        ("a;b", "\"a;b\""),
        ("${x}y", "\"${x}y\""),
        ("{", "\"{\""),
        ("}", "\"}\""),
        ("it's", "\"it's\""),
        ("say \"x\"", "\"say \\\"x\\\"\""),
        ("end\\", "\"end\\\\\""),
        (r"a\nb", r#""a\\nb""#),
        ("tab\there", "\"tab\\there\""),
        ("a\r\nb", "\"a\\r\\nb\""),
        ("käse", "käse"),
    ] {
        assert_eq!(write(value), written);
        assert_eq!(words(&write(value)).unwrap(), [value]);
    }
}

#[test]
fn wishes_are_read_with_the_quoting_of_nginx() {
    let wanted = wish("add_header  X-A \"a \\\"b\\\" 'c'\"   'always' ;");
    assert_eq!(wanted.name, "add_header");
    assert_eq!(wanted.args, ["X-A", "a \"b\" 'c'", "always"]);
}

#[test]
fn wishes_that_nginx_could_not_read_are_refused() {
    for (text, message) in [
        ("", "no directive is named"),
        ("  ;", "no directive is named"),
        ("gzip \"off", "unterminated quote"),
        ("gzip off; gzip on", "`;`, `{` and `}` must be quoted to be part of a value"),
        ("add_header A b;c", "`;`, `{` and `}` must be quoted to be part of a value"),
        ("location / { }", "`;`, `{` and `}` must be quoted to be part of a value"),
        ("gzip off # now", "a `#` or a backslash that hides its end"),
        ("# gzip off", "a `#` that hides the rest"),
        ("gzip off\\", "a `#` or a backslash that hides its end"),
        ("gzip \"a\"b", "text right behind a closing quote"),
        ("location /", "`location` opens a block; this module knows directives that end with `;`"),
        ("gz-ip off", "`gz-ip` is not the name of a directive"),
        ("add_header", "`add_header` needs the name of what it sets"),
        ("add_header X-A", "`add_header X-A` needs a value"),
        ("ssl_conf_command Options", "`ssl_conf_command Options` needs a value"),
        ("gzip a\0", "a NUL can't be in a configuration"),
    ] {
        assert_eq!(Wanted::parse(text, true).unwrap_err(), message, "{text}");
    }
    assert_eq!(
        Wanted::parse("listen", false).unwrap_err(),
        "`listen` may be repeated: name the arguments of the one to remove"
    );
}

#[test]
fn wishes_contradict_when_both_can_not_be_had() {
    for (one, other, expected) in [
        ("gzip on", "gzip off", true),
        ("gzip on", "gzip on", true),
        ("gzip on", "-gzip", true),
        ("gzip on", "-gzip on", true),
        ("gzip off", "-gzip on", false),
        ("-gzip off", "-gzip on", false),
        ("gzip on", "gzip_vary on", false),
        ("add_header A 1", "add_header a 2", true),
        ("add_header A 1", "add_header B 1", false),
        ("add_header A 1", "-add_header a", true),
        ("add_header A 1", "-add_header A 2", false),
        ("listen 80", "listen 443", false),
        ("listen 80", "listen 80", true),
        ("listen 80", "-listen 80", true),
    ] {
        assert_eq!(wish(one).contradicts(&wish(other)), expected, "{one}, {other}");
        assert_eq!(wish(other).contradicts(&wish(one)), expected, "{other}, {one}");
    }
}

#[test]
fn a_value_may_give_way_to_another_in_one_go() {
    conf("gzip on;\n", &["-gzip on", "gzip off"], "gzip off;\n");
    conf("gzip on;\n", &["gzip off", "-gzip on"], "gzip off;\n");
}
