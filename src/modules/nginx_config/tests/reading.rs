//! nginx's way of reading, and what it could not read.
use super::{conf, refused};
use crate::modules::nginx_config::lexer::{TokenKind, lex};

/// Words as text, and the other tokens as they are.
fn tokens(text: &str) -> Vec<String> {
    let show = |kind| match kind {
        TokenKind::Word(word) => format!("<{}>", String::from_utf8(word.value).unwrap()),
        TokenKind::End => ";".into(),
        TokenKind::Open => "{".into(),
        TokenKind::Close => "}".into(),
    };
    lex(text.as_bytes(), false).unwrap().tokens.into_iter().map(|it| show(it.kind)).collect()
}

#[test]
fn words_end_where_nginx_ends_them() {
    for (text, expected) in [
        ("a b;", "<a> <b> ;"),
        ("a\tb\r\nc;", "<a> <b> <c> ;"),
        ("a 'b c' \"d e\";", "<a> <b c> <d e> ;"),
        ("a b\"c;", "<a> <b\"c> ;"),
        ("a b'c d;", "<a> <b'c> <d> ;"),
        ("a \"b'c\" 'd\"e';", "<a> <b'c> <d\"e> ;"),
        (r#"a "b\"c" 'd\'e' "\\";"#, r#"<a> <b"c> <d'e> <\> ;"#),
        (r"a b\;c;", r"<a> <b\;c> ;"),
        (r"a b\ c;", r"<a> <b\ c> ;"),
        (r"a ^\.\d+\{2\}$;", r"<a> <^\.\d+\{2\}$> ;"),
        (r#"a "\t\r\n\x";"#, "<a> <\t\r\n\\x> ;"),
        ("a ${b}c;", "<a> <${b}c> ;"),
        ("a x${b}/${c};", "<a> <x${b}/${c}> ;"),
        ("a $b{c}", "<a> <$b> { <c}>"),
        ("a b#c;", "<a> <b#c> ;"),
        ("a # b;\n c;", "<a> <c> ;"),
        ("a{b c;}", "<a> { <b> <c> ; }"),
        ("a }b;", "<a> } <b> ;"),
        ("a b};", "<a> <b}> ;"),
        ("if ($a = \"b\") { }", "<if> <($a> <=> <b> <)> { }"),
        ("a \"\" '';", "<a> <> <> ;"),
        ("a \"b\nc\";", "<a> <b\nc> ;"),
    ] {
        assert_eq!(tokens(text).join(" "), expected, "{text}");
    }
}

#[test]
fn braces_and_semicolons_in_quotes_and_comments_mean_nothing() {
    conf(
        "# } ; gzip on;\nadd_header A \"} gzip on; {\";\ngzip on;\n",
        &["gzip off"],
        "# } ; gzip on;\nadd_header A \"} gzip on; {\";\ngzip off;\n",
    );
}

#[test]
fn a_commented_directive_does_not_count() {
    conf("gzip_vary on;\n# gzip off;\n", &["gzip off"], "gzip_vary on;\ngzip off;\n# gzip off;\n");
}

#[test]
fn broken_files_are_refused_with_the_place() {
    for (text, message) in [
        ("a 1;\nb \"c;\n", "unterminated quote at line 2, column 3"),
        ("a 1;\n  ä 'c;\n", "unterminated quote at line 2, column 5"),
        ("a 1;\nb 2", "a directive without its `;` at line 2, column 1"),
        ("a 1;\nb 2\\", "a directive without its `;` at line 2, column 1"),
        ("server {\n  a 1\n}\n", "a directive without its `;` at line 2, column 3"),
        ("server {\n  a 1;\n", "a `{` that is never closed at line 1, column 8"),
        ("a 1;\n}\n", "a `}` that closes nothing at line 2, column 1"),
        ("a 1;;\n", "a `;` that ends no directive at line 1, column 5"),
        ("{ }\n", "a `{` that opens no block at line 1, column 1"),
        ("a \"b\"c;", "text right behind a closing quote at line 1, column 6"),
        (
            "content_by_lua_block { return \"}\" }",
            "a block of Lua, which only its module can read at line 1, column 1",
        ),
    ] {
        refused(text, false, &["gzip off"], message);
    }
}

#[test]
fn broken_templates_are_refused_with_the_place() {
    for (text, message) in [
        ("a 1;\n{% if x\n", "a Jinja tag that never ends at line 2, column 1"),
        ("a {{ \"}}\" ;", "a Jinja tag that never ends at line 1, column 3"),
        ("{# a", "a Jinja tag that never ends at line 1, column 1"),
        ("{% if x %}a 1;", "a Jinja `if` without its end at line 1, column 1"),
        ("a 1;\n{% endif %}", "a Jinja `endif` that ends nothing at line 2, column 1"),
        ("{% for a in b %}{% endif %}", "a Jinja `endif` that ends nothing at line 1, column 17"),
        ("{% else %}", "a Jinja `else` without an `if` at line 1, column 1"),
        ("{% if a %}b {{% endif %}", "a Jinja tag that never ends at line 1, column 13"),
        (
            "{% if a %}location / {\n{% endif %}}\n",
            "a block that ends in another Jinja branch at line 1, column 22",
        ),
        (
            "location {% if a %}/ {\n}{% endif %}\n",
            "a block whose head is cut by a Jinja branch at line 1, column 1",
        ),
    ] {
        refused(text, true, &["gzip off"], message);
    }
}

#[test]
fn deep_nesting_and_long_lists_are_no_trouble() {
    let deep = format!("{}{}", "a {\n".repeat(50_000), "}\n".repeat(50_000));
    conf(&deep, &["gzip off"], &format!("{deep}gzip off;\n"));
    conf(&"gzip on;\n".repeat(20_000), &["gzip off"], "gzip off;\n");
}
