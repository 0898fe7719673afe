//! What is read, where it stands, and what is refused.
use super::*;
use crate::source::{Diagnostic, SourceMap};
use serde_json::json;

fn read(text: &str) -> Result<(Option<Node>, Vec<Diagnostic>), (String, Option<String>)> {
    let mut sources = SourceMap::default();
    let file = sources.add("f.yml", text);
    parse_one(&sources, file).map_err(|found| {
        let place = found.span.map_or(String::new(), |span| sources.locate(span));
        (format!("{place}: {}", found.message), found.help)
    })
}

fn value(text: &str) -> Value {
    read(text).unwrap().0.map_or(Value::Null, |node| node.to_value())
}

#[test]
fn values_are_what_ansible_reads() {
    for (text, expected) in [
        (
            "a: yes\nb: 'yes'\nc: 0644\nd: \"0644\"",
            json!({"a": true, "b": "yes", "c": 420, "d": "0644"}),
        ),
        ("- 1\n- [a, {b: c}]\n- |\n  x\n  y\n", json!([1, ["a", {"b": "c"}], "x\ny\n"])),
        ("a: &x {k: 1}\nb: *x", json!({"a": {"k": 1}, "b": {"k": 1}})),
        (
            "a: &x {k: 1, m: 2}\nb:\n  <<: *x\n  k: 3",
            json!({"a": {"k": 1, "m": 2}, "b": {"k": 3, "m": 2}}),
        ),
        ("a: {<<: [{k: 1}, {k: 2, z: 3}]}", json!({"a": {"k": 1, "z": 3}})),
        ("a: !!str 5\nb: !!int '5'", json!({"a": "5", "b": 5})),
        ("\u{feff}a: 1\r\nb: 2\r\n", json!({"a": 1, "b": 2})),
        ("", Value::Null),
        ("---\n", Value::Null),
        ("# only a comment\n", Value::Null),
        ("~", Value::Null),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn places_are_lines_and_columns_in_characters() {
    let node = read("ä: x\nlist:\n  - {é: größe, b: 2}\n").unwrap().0.unwrap();
    let place = |node: &Node| (node.span.start.line, node.span.start.column, node.span.end.column);
    assert_eq!(place(node.at(["ä"])), (1, 4, 5));
    assert_eq!(place(node.at(["list", "0", "é"])), (3, 9, 14));
    assert_eq!(place(node.at(["list", "0", "b"])), (3, 19, 20));
    assert_eq!(place(node.at(["list", "7"])), (3, 3, 1), "the nearest that is there");
}

#[test]
fn what_is_broken_is_told_with_place_and_help() {
    let said = |text: &str| {
        let (message, help) = read(text).unwrap_err();
        help.map_or(message.clone(), |help| format!("{message} / {help}"))
    };
    let quoted = "a value that begins with `{{` is quoted: \"{{ … }}\"";
    assert_eq!(said("a: {{ x }}"), format!("f.yml:1:5: a key must be a single value / {quoted}"));
    assert_eq!(said("a: {{ x }} y"), format!("f.yml:1:5: a key must be a single value / {quoted}"));
    assert!(said("a:\n\tb: 1").ends_with("this line has a tab"), "{}", said("a:\n\tb: 1"));
    assert!(said("a: *x").starts_with("f.yml:1:4: there is no anchor `&x` before"));
    assert!(said("a: 1\n---\nb: 2").starts_with("f.yml:3:1: a second document"));
    assert!(said("a: !custom 1").starts_with("f.yml:1:4: the tag `!custom` is not known"));
    assert!(said("a: [1, 2").starts_with("f.yml:"));
    assert!(said(&"[".repeat(100_000)).ends_with("nested too deeply"));
    assert!(said(&"- ".repeat(5_000)).ends_with("nested too deeply"));
}

#[test]
fn aliases_that_unfold_without_measure_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let last = format!("*a{}", n - 1);
        text += &format!("a{n}: &a{n} [{}]\n", vec![last; 10].join(", "));
    }
    assert!(read(&text).unwrap_err().0.ends_with("its aliases unfold without measure"));
}

#[test]
fn a_key_that_stands_twice_is_warned_of_and_the_later_one_holds() {
    let (node, warnings) = read("a: 1\nb: 2\na: 3\n").unwrap();
    assert_eq!(node.unwrap().to_value(), json!({"b": 2, "a": 3}));
    assert_eq!(warnings[0].message, "`a` is here twice; the later one holds");
    assert_eq!(warnings[0].span.unwrap().start.line, 3);
}

#[test]
fn tags_of_ansible_stay_on_the_node() {
    let node = read("a: !vault |\n  $ANSIBLE_VAULT\nb: !unsafe '{{ x }}'\n").unwrap().0.unwrap();
    assert_eq!(node.at(["a"]).tag.as_deref(), Some("!vault"));
    assert_eq!(node.at(["b"]).tag.as_deref(), Some("!unsafe"));
}
