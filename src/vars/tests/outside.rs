//! How templates are taken apart before they are compiled.
use crate::vars::syntax::*;

fn expression(text: &str) -> String {
    rewrite_expression(text).unwrap().0
}

#[test]
fn attributes_become_calls() {
    assert_eq!(expression("a.b"), "__get__(a, 'b', 'a.b')");
    assert_eq!(expression("a['b'].0"), r"__get__(__get__(a, 'b', 'a[\'b\']'), 0, 'a[\'b\'].0')");
    assert_eq!(expression("-a.b|f(c.d)"), "-__get__(a, 'b', 'a.b')|f(__get__(c, 'd', 'c.d'))");
    assert_eq!(expression("x is ansible.builtin.search 'y.z'"), "x is search 'y.z'");
}
#[test]
fn what_is_cut_out_of_something_is_seen() {
    assert_eq!(expression("a[1:2]"), "__cut__(a)[1:2]");
    assert_eq!(expression("a.b[:2][1:]|f"), "__cut__(__cut__(__get__(a, 'b', 'a.b'))[:2])[1:]|f");
}
#[test]
fn what_is_no_attribute_is_left_alone() {
    for text in
        ["a.lower()", "1.5 + x", "'a.b'", "a not in [1, 2]", "{'a': b}", "f(x=1)", ")", "a."]
    {
        assert_eq!(expression(text), text);
    }
    let raw = "{% raw %}{{ a.b }}{% endraw %}{# a.b #}{% set ns.x = 1 %}";
    assert_eq!(rewrite_template(raw, Marks::default()).unwrap().0, raw);
}
#[test]
fn a_lone_expression_is_recognised() {
    assert_eq!(lone_expression("{{ {'a': {}} }}"), Some("{'a': {}}"));
    assert_eq!(lone_expression("{{ '}}' }}"), Some("'}}'"));
    assert_eq!(lone_expression("{{ a }}{{ b }}"), None);
    assert_eq!(lone_expression("{{ a }} "), None);
}
#[test]
fn files_are_not_drawn_in() {
    let fault = rewrite_template("a\n{%- include 'x' %}", Marks::default()).unwrap_err();
    assert_eq!(fault.line, 2);
    assert!(fault.message.contains("include"));
}
