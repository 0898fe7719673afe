//! Whatever a template says, rendering ends soon and without a panic.
use super::meaning::{broken, render, scope};
use crate::vars::{Engine, Trust};
use serde_json::{Value, json};

#[test]
fn long_chains_of_variables_end_in_an_error_not_in_a_crash() {
    let mut values = serde_json::Map::new();
    for nth in 0..200 {
        values.insert(
            format!("v{nth}"),
            json!(format!("{{{{ [v{}] | map('string') | list }}}}", nth + 1)),
        );
    }
    assert!(broken(render(Value::Object(values), "{{ v0 }}")).contains("too many variables"));
}
#[test]
fn variables_may_be_as_deep_as_expressions_allow() {
    let mut values = serde_json::Map::new();
    for nth in 0..23 {
        values.insert(
            format!("v{nth}"),
            json!(format!("{{{{ {}v{}{} }}}}", "(".repeat(49), nth + 1, ")".repeat(49))),
        );
    }
    values.insert("v23".to_owned(), json!(format!("{{{{ [1{}] }}}}", " + 1".repeat(70))));
    assert_eq!(render(Value::Object(values), "{{ v0 }}"), Ok(json!([71])));
}
#[test]
fn doubling_text_ends_in_an_error() {
    let mut values = serde_json::Map::new();
    for nth in 0..20 {
        let next = format!("{{{{ v{0} }}}}", nth + 1);
        values.insert(format!("v{nth}"), json!(next.repeat(8)));
    }
    values.insert("v20".to_owned(), json!("x".repeat(64)));
    assert!(broken(render(Value::Object(values), "{{ v0 }}")).contains("too much work"));
}
#[test]
fn work_is_bounded() {
    for text in [
        "{{ 'x' * 10 ** 9 }}",
        "{{ [1] * 10 ** 9 }}",
        "{{ range(10 ** 9) | list }}",
        "{% for a in range(90000) %}{% for b in range(90000) %}x{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 2 ** 10000 }}",
        "{{ 1 / 0 }}",
        "{{ 1 // 0 }}",
        "{{ '%999999999d' | format(1) }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ 'a' | center(99999999) }}",
        "{{ 'a\nb' | indent(99999999) }}",
        "{{ range(1000) | product(range(1000)) | list }}",
        "{{ 'a' | regex_search('(') }}",
        "{{ 'a' | regex_search('(a{1000}){1000}{1000}') }}",
        "{{ lookup('sequence', 'end=99999999') }}",
        "{{ lookup('sequence', 'end=3 format=%999999999d') }}",
        "{{ [[1], ['a'], [2]] | sort }}",
        "{{ 1e308 * 10 }}",
        "{{ 18446744073709551615 + 1 }}",
    ] {
        broken(render(json!({}), text));
    }
}
#[test]
fn deep_and_long_templates_end_in_an_error_not_in_a_crash() {
    for text in [
        "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}".to_owned(),
        format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}".repeat(5000)),
        "{% if 1 %}".repeat(5000),
        format!("{{{{ 1{} }}}}", " + 1".repeat(5000)),
        format!("{{{{ 1{} }}}}", " if 1 else 1".repeat(5000)),
        format!("{{{{ 1{} }}}}", " | int".repeat(5000)),
        format!("{{{{ x{} }}}}", "()".repeat(5000)),
        format!("{{{{ 1{} }}}}", " is odd".repeat(5000)),
        format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)),
        format!("{{{{ {}1{} }}}}", "[".repeat(5000), "]".repeat(5000)),
        format!("{{{{ x{} }}}}", ".a".repeat(5000)),
        format!("{{{{ {}1 }}}}", "-".repeat(5000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(5000)),
    ] {
        broken(render(json!({}), &text));
    }
}
proptest::proptest! {
    #[test]
    fn no_template_makes_it_panic(words in proptest::collection::vec(proptest::sample::select(WORDS.to_vec()), 0..14)) {
        let text = words.concat();
        let scope = scope(Trust::Template, json!({"a": {"b": [1, "x", null]}, "l": "{{ a.b }}", "n": -1, "s": "ä'\n"}));
        let engine = Engine::default();
        let _ = engine.evaluate(&text, &scope);
        let _ = engine.holds(&json!(text), &scope);
        let _ = engine.render(&json!(format!("{{{{ {text} }}}}")), &scope);
        let _ = engine.render_file(&text, &scope);
        let _ = engine.render_file(&format!("{{% {text} %}}{{% endif %}}"), &scope);
        let _ = engine.names(&json!(text));
    }
}

const WORDS: [&str; 62] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    " if ",
    " for ",
    " in ",
    " is ",
    " not ",
    " else ",
    "endif",
    "raw",
    "set ",
    "a",
    ".b",
    "[0]",
    "[-1]",
    "[1:]",
    "l",
    "n",
    "s",
    "x",
    "'",
    "\"",
    "\\",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "|",
    "|join",
    "|int",
    "|sort",
    "|batch(n)",
    "|indent(n)",
    "|truncate(n)",
    "|regex_replace(s,s)",
    "|human_to_bytes",
    "|splitext",
    "|to_nice_yaml",
    "|round(n)",
    "|slice(9)",
    " is version(s,'<')",
    " is divisibleby(0)",
    "|map('abs')",
    "|groupby(0)",
    "|dictsort",
    "|center(9)",
    "+",
    "-",
    "~",
    "==",
    "<",
    "1e999",
    "0",
    "\n",
];
