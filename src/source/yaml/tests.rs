//! Cases of what is read, where it stands, and what is refused.
use super::*;
use serde_json::json;
use std::iter;

fn read(text: &str) -> Result<(Vec<Node>, Vec<Diagnostic>), Diagnostic> {
    let mut sources = SourceMap::default();
    let file = sources.add("x.yml", text);
    let mut warnings = vec![];
    parse(&sources, file, &mut warnings).map(|nodes| (nodes, warnings))
}

fn one(text: &str) -> Node {
    read(text).unwrap().0.remove(0)
}

fn value(text: &str) -> Value {
    one(text).to_value()
}

/// `line:column-line:column: message`, and help if any.
fn refusal(text: &str) -> String {
    shown(&read(text).unwrap_err())
}

fn shown(found: &Diagnostic) -> String {
    let help = found.help.as_ref().map_or(String::new(), |help| format!(" | {help}"));
    format!("{}: {}{help}", place(found.span.unwrap()), found.message)
}

fn place(span: Span) -> String {
    let Span { start, end, .. } = span;
    format!("{}:{}-{}:{}", start.line, start.column, end.line, end.column)
}

#[test]
fn plain_scalars_mean_what_they_mean_to_ansible() {
    for (text, expected) in [
        ("yes", json!(true)),
        ("Yes", json!(true)),
        ("YES", json!(true)),
        ("yEs", json!("yEs")),
        ("on", json!(true)),
        ("Off", json!(false)),
        ("no", json!(false)),
        ("y", json!("y")),
        ("n", json!("n")),
        ("TRUE", json!(true)),
        ("False", json!(false)),
        ("~", json!(null)),
        ("null", json!(null)),
        ("Null", json!(null)),
        ("nULL", json!("nULL")),
        ("none", json!("none")),
        ("0", json!(0)),
        ("-0", json!(0)),
        ("12", json!(12)),
        ("+12", json!(12)),
        ("-7", json!(-7)),
        ("1_000", json!(1000)),
        ("0644", json!(420)),
        ("0755", json!(493)),
        ("0o644", json!("0o644")),
        ("0899", json!("0899")),
        ("00", json!(0)),
        ("0_", json!(0)),
        ("-010", json!(-8)),
        ("0x1F", json!(31)),
        ("0X1F", json!("0X1F")),
        ("0b101", json!(5)),
        ("0b102", json!("0b102")),
        ("190:20:30", json!(685_230)),
        ("22:22", json!(1342)),
        ("22:60", json!("22:60")),
        ("0:30", json!("0:30")),
        ("12:30:45.5", json!(45045.5)),
        ("1:30.", json!(90.0)),
        ("9223372036854775807", json!(i64::MAX)),
        ("9223372036854775808", json!("9223372036854775808")),
        ("-9223372036854775808", json!(i64::MIN)),
        ("1.5", json!(1.5)),
        ("1.", json!(1.0)),
        (".5", json!(0.5)),
        ("-.5", json!("-.5")),
        ("-1.5", json!(-1.5)),
        ("1_0.5_0", json!(10.5)),
        ("1e3", json!("1e3")),
        ("1.0e3", json!("1.0e3")),
        ("1.0e+3", json!(1000.0)),
        ("1.0E-1", json!(0.1)),
        ("1.0e+", json!("1.0e+")),
        ("._5", json!("._5")),
        (".inf", json!(".inf")),
        ("-.INF", json!("-.INF")),
        (".nan", json!(".nan")),
        (".", json!(".")),
        ("1.2.3", json!("1.2.3")),
        ("2001-12-14", json!("2001-12-14")),
        ("2001-12-14 21:59:43", json!("2001-12-14 21:59:43")),
        ("=", json!("=")),
        ("a b", json!("a b")),
        ("192.168.0.1", json!("192.168.0.1")),
        ("+", json!("+")),
        ("_1", json!("_1")),
        ("0x_", json!("0x_")),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn infinities_are_floats_though_json_can_not_say_so() {
    let scalar = |text| match one(text).kind {
        Kind::Scalar { value, .. } => value,
        _ => unreachable!(),
    };
    assert_eq!(scalar("-.Inf"), Scalar::Float(f64::NEG_INFINITY));
    assert!(matches!(scalar(".NaN"), Scalar::Float(f) if f.is_nan()));
}

#[test]
fn quoted_and_block_scalars_are_text() {
    for (text, expected) in [
        ("'yes'", "yes"),
        ("\"0644\"", "0644"),
        ("''", ""),
        ("|\n 1\n", "1\n"),
        (">-\n 1\n 2\n", "1 2"),
        ("\"\\e[0m\\x07\"", "\u{1b}[0m\u{7}"),
        ("! 12", "12"),
    ] {
        assert_eq!(one(text).str(), Some(expected), "{text}");
    }
    assert!(matches!(one("'a'").kind, Kind::Scalar { plain: false, .. }));
    assert!(matches!(one("a").kind, Kind::Scalar { plain: true, .. }));
}

#[test]
fn every_node_knows_its_place_in_characters() {
    let tree =
        one("- näme: ü x\n  list: [a, 'b c']\n  nothing:\n  text: |\n    one\n    two\n- z\n");
    for (path, expected) in [
        ("", "1:1-7:4"),
        ("0", "1:3-7:1"),
        ("0/näme", "1:9-1:12"),
        ("0/list", "2:9-2:19"),
        ("0/list/1", "2:13-2:18"),
        ("0/nothing", "3:11-3:11"),
        ("1", "7:3-7:4"),
    ] {
        let node = tree.at(path.split('/').filter(|step| !step.is_empty()));
        assert_eq!(place(node.span), expected, "{path}");
    }
    assert_eq!(place(tree.at(["0"]).mapping().unwrap()[1].0.span), "2:3-2:7");
}

#[test]
fn byte_order_marks_and_windows_line_ends_do_not_move_places() {
    let tree = one("\u{feff}a: 1\r\nb: 2\r\n");
    assert_eq!(tree.to_value(), json!({"a": 1, "b": 2}));
    assert_eq!(place(tree.get("a").unwrap().span), "1:4-1:5");
    assert_eq!(place(tree.get("b").unwrap().span), "2:4-2:5");
}

#[test]
fn tags_are_honoured_or_kept_or_refused() {
    assert_eq!(
        value("[!!str 1, !!int '0x10', !!float 2, !!bool 'on', !!null '']"),
        json!(["1", 16, 2.0, true, null])
    );
    let tree = one(
        "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  30300a30300a3030\nb: !unsafe '{{ x }}'\nc: !unsafe [1]",
    );
    assert_eq!(tree.get("a").unwrap().tag.as_deref(), Some("!vault"));
    assert_eq!(tree.get("b").unwrap().tag.as_deref(), Some("!unsafe"));
    assert_eq!(tree.get("c").unwrap().tag.as_deref(), Some("!unsafe"));
    assert_eq!(
        one("!vault-encrypted |\n  $ANSIBLE_VAULT;1.1;AES256\n  30300a30300a3030").tag.as_deref(),
        Some("!vault")
    );
    let known = "known tags: !unsafe, !vault, !!str, !!int, !!float, !!bool, !!null, !!seq, !!map";
    assert_eq!(refusal("a: !vualt x"), format!("1:4-1:12: unknown tag `!vualt` here | {known}"));
    assert_eq!(refusal("a: !!set {x}"), format!("1:4-1:11: unknown tag `!!set` here | {known}"));
    assert_eq!(
        refusal("a: !!python/name:os.system x").split(" | ").next().unwrap(),
        "1:4-1:29: unknown tag `!!python/name:os.system` here"
    );
    assert_eq!(refusal("!!int x"), "1:1-1:8: not what `!!int` promises");
}

#[test]
fn a_file_may_end_without_a_line_break() {
    assert_eq!(value("a: |\n  text"), json!({"a": "text"}));
    assert_eq!(value("|\n  text"), json!("text"));
    assert_eq!(value("a: >\n  t\n  u"), json!({"a": "t u"}));
    assert_eq!(value("a: |+\n  text"), json!({"a": "text"}));
    assert_eq!(value("a: |\n  t\n   "), json!({"a": "t\n "}));
    assert_eq!(value("- |\n x"), json!(["x"]));
    assert_eq!(value("a: |\n  text\nb: 'x'"), json!({"a": "text\n", "b": "x"}));
    assert_eq!(value("a"), json!("a"));
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    assert_eq!(
        value("a: &x {b: 1, c: 2}\nd: *x"),
        json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 2}})
    );
    assert_eq!(value("a: &x {b: 1, c: 2}\nd: {c: 3, <<: *x}")["d"], json!({"b": 1, "c": 3}));
    assert_eq!(value("- &x {b: 1}\n- &y {b: 2, c: 2}\n- <<: [*x, *y]")[2], json!({"b": 1, "c": 2}));
    assert_eq!(value("'<<': 1"), json!({"<<": 1}));
    assert_eq!(refusal("<<: 1"), "1:5-1:6: `<<` takes a mapping or a list of mappings");
    assert_eq!(refusal("<<: [1]"), "1:6-1:7: `<<` takes a mapping or a list of mappings");
    assert_eq!(
        refusal("a: &xy 1\nb: *xz"),
        "2:4-2:7: no anchor `&xz` stands before this | did you mean `*xy`?"
    );
    assert_eq!(refusal("a: &x [*x]"), "1:8-1:10: `*x` stands inside of what it names");
}

#[test]
fn a_key_given_twice_is_told_and_the_second_one_counts() {
    let (nodes, warnings) = read("a: 1\nb: 2\na: 3\n").unwrap();
    assert_eq!(nodes[0].to_value(), json!({"a": 3, "b": 2}));
    assert_eq!(
        warnings.iter().map(shown).collect::<Vec<_>>(),
        ["3:1-3:2: `a` is given twice; the second one counts"]
    );
    assert_eq!(warnings[0].severity, crate::source::Severity::Warning);
    assert_eq!(warnings[0].label, "the first one is in line 1");
}

#[test]
fn a_template_without_quotes_is_named() {
    let help = "a value can't begin with `{{` without quotes | put quotes around the whole value: \"{{ … }}\"";
    assert_eq!(refusal("a: {{ x }}"), format!("1:4-1:6: {help}"));
    assert_eq!(refusal("a: {{ x }}/b\nc: 1\n"), format!("1:4-1:6: {help}"));
    assert_eq!(refusal("- {{ x }}-{{ y }}\n"), format!("1:3-1:5: {help}"));
    assert_eq!(refusal("{[1]: 2}"), "1:2-1:5: a key must be a single value");
}

#[test]
fn broken_yaml_says_where_and_why() {
    for (text, expected) in [
        (
            "a: b: c",
            "1:5-1:6: mapping values are not allowed in this context | put quotes around a value that holds `: `",
        ),
        ("a:\n\tb: 1", "2:1-2:2: a tab can't be used for indentation | use spaces"),
        (
            "a: @b",
            "1:4-1:5: found character that cannot start any token | put quotes around a value that begins with `@`",
        ),
        ("a: 'b", "1:4-1:5: this quote is never closed | the text goes on to the end of the file"),
        ("a: [1", "2:1-2:2: did not find expected ',' or ']'"),
        (
            "a: \u{7}",
            "1:4-1:5: character U+0007 can't be written in YAML | write it as an escape in double quotes, e.g. \"\\e\" or \"\\x07\"",
        ),
        ("- a\nb: 1", "2:1-2:2: did not find expected '-' indicator"),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
    }
}

#[test]
fn depth_size_and_aliases_are_bounded() {
    assert!(read(&format!("{}{}", "[".repeat(128), "]".repeat(128))).is_ok());
    assert_eq!(refusal(&"[".repeat(100_000)), "1:129-1:130: nested more than 128 levels deep");
    assert_eq!(refusal(&"- ".repeat(100_000)), "1:257-1:257: nested more than 128 levels deep");
    let first = "a0: &a0 [x, x, x, x, x, x, x, x, x]".to_owned();
    let nine = |i| format!("a{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 9].join(", "));
    let bomb = iter::once(first).chain((1..20).map(nine)).collect::<Vec<_>>().join(
        "
",
    );
    assert!(refusal(&bomb).ends_with("aliases expand to too much"));
    let (open, close) = ("[".repeat(100), "]".repeat(100));
    let tower = format!(
        "a0: &a0 {open}x{close}
a1: {open}*a0{close}
"
    );
    assert!(refusal(&tower).ends_with("nested more than 128 levels deep"));
    assert_eq!(refusal(&"#".repeat((8 << 20) + 1)), "1:1-1:2: larger than 8 MiB");
}

#[test]
fn a_file_is_one_document_or_none() {
    let only = |text: &str| {
        let mut sources = SourceMap::default();
        let file = sources.add("x.yml", text);
        parse_one(&sources, file, &mut vec![])
    };
    for nothing in ["", "# only words\n", "---\n", "---\n...\n", "\n\n"] {
        assert_eq!(only(nothing), Ok(None), "{nothing:?}");
    }
    assert!(only("~").unwrap().is_some());
    assert_eq!(
        shown(&only("a: 1\n---\nb: 1\n").unwrap_err()),
        "3:1-3:5: a second document begins here | one file holds one document: remove the `---` between them"
    );
}

#[test]
fn variables_keep_their_places_and_what_is_encrypted_or_unsafe_is_never_evaluated() {
    let vars = one("a: 1\nb: [x]\n").vars().unwrap();
    assert_eq!((vars[1].0.value.as_str(), place(vars[1].0.span)), ("b", "2:1-2:2".to_owned()));
    assert_eq!((&vars[1].1.value, place(vars[1].1.span)), (&json!(["x"]), "2:4-2:7".to_owned()));
    assert_eq!(
        one("a: [!unsafe '{{ y }}', !unsafe z]").vars().unwrap()[0].1.value,
        json!(["{{ __text__('{{ y }}') }}", "z"])
    );
    let sealed = "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  30300a30300a3030\n";
    assert_eq!(
        one(sealed).to_value(),
        "{{ __vault__('$ANSIBLE_VAULT;1.1;AES256\\n30300a30300a3030') }}"
    );
    assert_eq!(
        shown(&read("!vault x").unwrap_err()),
        "1:1-1:9: `!vault`: not a vault text: it does not begin with $ANSIBLE_VAULT | encrypt it \
         again with `cowhand vault encrypt`"
    );
    assert_eq!(shown(&one("- a").vars().unwrap_err()), "1:1-1:4: expected a mapping of variables");
    assert_eq!(one("~").vars(), Ok(vec![]));
}
