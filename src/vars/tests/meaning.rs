//! Laziness, trust, what is undefined, and bounds.
use crate::vars::{Engine, Layer, Scope, TemplateError, Trust};
use serde_json::{Value, json};

pub(super) fn scope(trust: Trust, values: Value) -> Scope {
    Scope::default().with(layer(trust, values))
}

fn layer(trust: Trust, values: Value) -> Layer {
    let Value::Object(values) = values else { panic!("variables are a mapping") };
    Layer {
        origin: "test".to_owned(),
        trust,
        values,
        places: std::collections::BTreeMap::default(),
    }
}

pub(super) fn render(values: Value, text: &str) -> Result<Value, TemplateError> {
    Engine::default().render(&json!(text), &scope(Trust::Template, values))
}

fn undefined(name: &str) -> Result<Value, TemplateError> {
    Err(TemplateError::Undefined { name: name.to_owned() })
}

pub(super) fn broken(outcome: Result<impl std::fmt::Debug, TemplateError>) -> String {
    match outcome {
        Err(TemplateError::Broken { message, .. }) => message,
        other => panic!("expected an error, got {other:?}"),
    }
}

#[test]
fn variables_are_rendered_when_used_with_their_types() {
    let values = json!({"a": "{{ b }}", "b": "{{ c + 1 }}", "c": 1, "d": {"x": ["{{ a }}"]}});
    assert_eq!(render(values.clone(), "{{ a }}"), Ok(json!(2)));
    assert_eq!(render(values.clone(), "{{ d }}"), Ok(json!({"x": [2]})));
    assert_eq!(render(values.clone(), "{{ d.x[0] }}"), Ok(json!(2)));
    assert_eq!(
        render(values.clone(), "{{ d.x | first }} of {{ d }}"),
        Ok(json!("2 of {'x': [2]}"))
    );
    assert_eq!(render(values, "{{ 'x' in d and d == {'x': [2]} }}"), Ok(json!(true)));
}
#[test]
fn only_what_is_touched_is_rendered() {
    let values = json!({"a": {"good": "{{ 1 }}", "bad": "{{ 1 / }}", "gone": "{{ nowhere }}"}});
    assert_eq!(render(values.clone(), "{{ a.good }}"), Ok(json!(1)));
    assert_eq!(render(values.clone(), "{{ a.gone }}"), undefined("nowhere"));
    assert!(broken(render(values.clone(), "{{ a.bad }}")).starts_with("in `a.bad`: syntax error"));
    // A comparison would take what fails for unequal.
    assert!(
        broken(render(values, "{{ a == {'good': 1, 'bad': 2, 'gone': 3} }}")).contains("a.bad")
    );
}
#[test]
fn data_is_never_evaluated() {
    let project =
        layer(Trust::Template, json!({"shown": "{{ said }}", "inner": "{{ out.stdout }}"}));
    let server = layer(
        Trust::Data,
        json!({"said": "{{ secret }}", "out": {"stdout": "{{ 7 * 7 }}", "lines": ["{% x"]}}),
    );
    let scope = Scope::default().with(server).with(project);
    let engine = Engine::default();
    let check = |text: &str, expected: Value| {
        assert_eq!(engine.render(&json!(text), &scope), Ok(expected), "{text}");
    };
    check("{{ said }}", json!("{{ secret }}"));
    check("{{ shown }}", json!("{{ secret }}"));
    check("{{ inner }}!", json!("{{ 7 * 7 }}!"));
    check("{{ out }}", json!({"stdout": "{{ 7 * 7 }}", "lines": ["{% x"]}));
    check("{{ [said] | map('upper') | list }}", json!(["{{ SECRET }}"]));
    check("{{ '{{' ~ ' 1 }}' }}", json!("{{ 1 }}"));
    assert_eq!(engine.evaluate("lookup('vars', 'said')", &scope), Ok(json!("{{ secret }}")));
}
#[test]
fn what_is_undefined_is_named() {
    let values = json!({"a": {"b": {}}, "list": [], "nested": "{{ inner.x }}", "inner": {}});
    for (text, name) in [
        ("{{ nothing }}", "nothing"),
        ("x {{ nothing }}", "nothing"),
        ("{{ a.b.c }}", "a.b.c"),
        ("{{ a['z'].y }}", "a['z']"),
        ("{{ nothing.at.all }}", "nothing"),
        ("{{ nothing | upper }}", "nothing"),
        ("{{ nothing + 1 }}", "nothing"),
        ("{{ 1 + nothing }}", "nothing"),
        ("{{ nothing ~ 'x' }}", "nothing"),
        ("{{ nothing == 1 }}", "nothing"),
        ("{{ 1 in nothing }}", "nothing"),
        ("{{ not nothing }}", "nothing"),
        ("{{ 1 if nothing else 2 }}", "nothing"),
        ("{% for x in nothing %}{% endfor %}", "nothing"),
        ("{{ nothing.startswith('x') }}", "nothing"),
        ("{{ [nothing] }}", "nothing"),
        ("{{ {'a': nothing} }}", "nothing"),
        ("{{ nested }}", "inner.x"),
        ("{{ nested.y }}", "inner.x"),
        ("{{ list[0] }}", "list[0]"),
        ("{{ nothing == (other | default(1)) }}", "nothing"),
        ("{{ (other is defined) or nothing }}", "nothing"),
        ("{{ nothing | default(other) }}", "other"),
        ("{{ [{'x': 1}] | map(attribute='y') | list }}", "y"),
        ("{{ nothing[1:] }}", "nothing"),
        ("{{ 'x' | ternary(nothing, 1) }}", "nothing"),
    ] {
        assert_eq!(render(values.clone(), text), undefined(name), "{text}");
    }
}
#[test]
fn what_is_undefined_may_be_asked_for() {
    let values = json!({"a": {"b": {}}, "nested": "{{ inner.x }}", "inner": {}, "none": null});
    for (expression, expected) in [
        ("nothing is defined", json!(false)),
        ("nothing.at.all is defined", json!(false)),
        ("nothing['at'][0].all is undefined", json!(true)),
        ("a.b.c.d | default('x')", json!("x")),
        ("nothing.x | default(nothing.y | default(3))", json!(3)),
        ("nested is defined", json!(false)),
        ("nested | default('y')", json!("y")),
        ("none.x | d('z')", json!("z")),
        ("none is defined", json!(true)),
        ("(a.b.c | default({})).d | default(4)", json!(4)),
        ("[a, {}] | map(attribute='b', default=1) | list", json!([{}, 1])),
        ("[a, {}] | selectattr('b', 'defined') | list | length", json!(1)),
    ] {
        assert_eq!(
            render(values.clone(), &format!("{{{{ {expression} }}}}")),
            Ok(expected),
            "{expression}"
        );
    }
}
#[test]
fn omitted_entries_are_left_out() {
    let scope = scope(Trust::Template, json!({"mode": "{{ nothing | default(omit) }}"}));
    let engine = Engine::default();
    let params = json!({"path": "/x", "mode": "{{ mode }}", "in": [{"a": "{{ omit }}", "b": 1}, "{{ omit }}"]});
    assert_eq!(engine.render(&params, &scope), Ok(json!({"path": "/x", "in": [{"b": 1}]})));
    assert!(broken(engine.render(&json!("{{ omit }}"), &scope)).contains("omitted"));
    assert!(broken(engine.render(&json!("x{{ omit }}"), &scope)).contains("omitted"));
}
#[test]
fn loops_are_found() {
    let values = json!({"a": "{{ b }}", "b": "{{ c.x }}", "c": {"x": "{{ a }}"}, "self": "{{ self | default(1) }}"});
    assert!(broken(render(values.clone(), "{{ a }}")).starts_with("recursive loop in `a`"));
    assert!(broken(render(values, "{{ self }}")).starts_with("recursive loop in `self`"));
}
#[test]
fn large_numbers_keep_their_digits() {
    let values = json!({"n": u64::MAX, "m": i64::MIN, "f": 1.0, "s": "0644", "e": 1e300});
    for text in ["n", "m", "f", "s", "e"] {
        assert_eq!(
            render(values.clone(), &format!("{{{{ {text} }}}}")),
            Ok(values[text].clone()),
            "{text}"
        );
    }
    assert_eq!(render(values.clone(), "{{ s }}").unwrap(), json!("0644"));
    let all = render(values.clone(), "{{ [n, m, f, s] }}").unwrap();
    assert_eq!(all.to_string(), r#"[18446744073709551615,-9223372036854775808,1.0,"0644"]"#);
}
#[test]
fn conditions_must_be_boolean() {
    let scope = scope(
        Trust::Template,
        json!({"yes": "yes", "t": "{{ 1 == 1 }}", "n": 1, "l": [1], "z": null}),
    );
    let engine = Engine::default();
    for (condition, expected) in [
        (json!(true), true),
        (json!("t"), true),
        (json!("not t"), false),
        (json!("n == 1 and 'x' not in l"), true),
        (json!("yes | bool"), true),
        (json!("nothing is not defined or nothing.x"), true),
        (json!("l | length > 0"), true),
    ] {
        assert_eq!(engine.holds(&condition, &scope), Ok(expected), "{condition}");
    }
    for (condition, message) in [
        (
            json!("yes"),
            "conditional result was of type str, must be boolean; write `yes | bool`, or compare it",
        ),
        (
            json!("l"),
            "conditional result was of type list, must be boolean; write `l | length > 0`",
        ),
        (json!("n"), "conditional result was of type int, must be boolean; write `n != 0`"),
        (
            json!("z"),
            "conditional result was of type NoneType, must be boolean; write `z is not none`",
        ),
        (json!(1), "conditional result was of type int, must be boolean"),
        (json!("{{ t }}"), "a condition is an expression already; write `t` without the braces"),
        (
            json!("'{{ yes }}' == 'yes'"),
            "a condition is an expression already; name the variable without `{{ }}` (join texts with `~`)",
        ),
        (json!(""), "the condition is empty; write `true` or leave it out"),
    ] {
        assert_eq!(broken(engine.holds(&condition, &scope)), message, "{condition}");
        if !condition.as_str().is_some_and(|text| text.len() == 1 || text == "yes") {
            broken(engine.check_condition(&condition));
        }
    }
    assert_eq!(
        engine.holds(&json!("nothing"), &scope),
        Err(TemplateError::Undefined { name: "nothing".into() })
    );
}
#[test]
fn files_keep_their_shape() {
    let values = json!({"users": [{"name": "a", "n": 1}, {"name": "b", "n": null}], "on": true});
    let scope = scope(Trust::Template, values);
    let engine = Engine::default();
    let text = "{# note #}\n{% for u in users %}\n  {{ u.name }}={{ u.n }} {{ on }}\n{% endfor %}\n{% if users[0].x is defined %}\nx\n{% endif %}\nend\n";
    assert_eq!(engine.render_file(text, &scope), Ok("  a=1 True\n  b=None True\nend\n".to_owned()));
    assert_eq!(engine.render_file("{{ on }}\n", &scope), Ok("True\n".to_owned()));
    assert_eq!(engine.render_file("", &scope), Ok(String::new()));
    let calls = "{% macro m(u, n=2) %}{{ u.name }}{{ n }}{{ gone | default('-') }}{{ users[1].name }}{% endmacro %}{{ m(users[0]) }} {{ m(users[1], n=users | length) }}";
    assert_eq!(engine.render_file(calls, &scope), Ok("a2-b b2-b".to_owned()));
    let loops = "{% for u in users if u.n is none %}{{ loop.index }}{{ loop.last }}{% else %}no{% endfor %}{% set ns = namespace(c=0) %}{% for u in users %}{% set ns.c = ns.c + 1 %}{% endfor %}{{ ns.c }}";
    assert_eq!(engine.render_file(loops, &scope), Ok("1True2".to_owned()));
    let raw = "{% raw %}{{ users[0].x }}{% endraw %}{% filter upper %}a{% endfilter %}{%- set x %}b{% endset -%} {{ x }}";
    assert_eq!(engine.render_file(raw, &scope), Ok("{{ users[0].x }}Ab".to_owned()));
    let lines = "a\nb\n{{ 1 + }}\n";
    assert!(matches!(
        engine.render_file(lines, &scope),
        Err(TemplateError::Broken { line: Some(3), .. })
    ));
    assert!(matches!(
        engine.render_file("a\n{{ 'x' | int + [] }}", &scope),
        Err(TemplateError::Broken { line: Some(2), .. })
    ));
    let header = "#jinja2: trim_blocks: False, variable_start_string: '[%', variable_end_string: '%]'\n{% if on %}\n[% users[0].name %] {{ x }}\n{% endif %}\n";
    assert_eq!(engine.render_file(header, &scope), Ok("\na {{ x }}\n\n".to_owned()));
    assert!(broken(engine.render_file("#jinja2: nope: 1\n", &scope)).contains("nope"));
}
#[test]
fn a_single_output_keeps_its_type() {
    let values = json!({"on": true, "l": [1]});
    assert_eq!(render(values.clone(), "{% if on %}{{ l }}{% endif %}"), Ok(json!([1])));
    assert_eq!(render(values.clone(), "{% if not on %}x{% endif %}"), Ok(Value::Null));
    assert_eq!(render(values.clone(), "{{ l }}{{ on }}"), Ok(json!("[1]True")));
    assert_eq!(render(values, "{{ l }} "), Ok(json!("[1] ")));
}
#[test]
fn unknown_names_are_refused_before_anything_runs() {
    let engine = Engine::default();
    for (text, message) in [
        ("{{ a | defualt(1) }}", "there is no filter `defualt`; did you mean `default`?"),
        ("{{ a is definde }}", "there is no test `definde`; did you mean `defined`?"),
        ("{{ lookup('file_', 'x') }}", "there is no lookup `file_`; did you mean `file`?"),
        (
            "{% include 'x' %}",
            "`{% include %}` is not supported: a template must be whole by itself",
        ),
    ] {
        assert_eq!(broken(engine.check(&json!([{"x": text}]))), message);
    }
    assert!(engine.check(&json!("{{ a.b | ansible.builtin.default(1) }}")).is_ok());
    assert!(broken(render(json!({}), "{{ rnage(3) }}")).contains("did you mean `range`?"));
    assert_eq!(
        broken(render(json!({}), "{{ ['a'] | map('uper') | list }}")),
        "there is no filter `uper`; did you mean `upper`?"
    );
    assert!(
        broken(render(json!({}), "{{ 1 | default(1, nope=2) }}")).contains("no argument `nope`")
    );
}
#[test]
fn names_are_those_that_are_read() {
    let engine = Engine::default();
    let value = json!({"x": ["{{ a.b | default(c) }}", "{% for i in l %}{{ i.x }}{{ d }}{% endfor %}", "e"]});
    let names: Vec<_> = engine.names(&value).into_iter().collect();
    assert_eq!(names, ["a", "c", "d", "l"]);
    let names: Vec<_> = engine
        .names_of_expression("lookup('vars', x) and range(2) and y is defined")
        .into_iter()
        .collect();
    assert_eq!(names, ["x", "y"]);
}
#[test]
fn lookups_see_only_what_was_read_before() {
    let variables = [("HOME".to_owned(), "/home/x".to_owned())].into();
    let files = |name: &str| -> Option<std::sync::Arc<[u8]>> {
        match name {
            "motd" => Some(b"hi {{ a }}\n".to_vec().into()),
            "again" => Some(b"{{ lookup('template', 'again') }}".to_vec().into()),
            _ => None,
        }
    };
    let engine = Engine::new(variables, Box::new(files), crate::vault::Vault::default());
    let scope = scope(Trust::Template, json!({"a": 1, "l": [[1, 2], 3]}));
    assert_eq!(engine.evaluate("lookup('env', 'HOME')", &scope), Ok(json!("/home/x")));
    assert_eq!(engine.evaluate("lookup('env', 'NOPE')", &scope), Ok(json!("")));
    assert_eq!(engine.evaluate("lookup('file', 'motd')", &scope), Ok(json!("hi {{ a }}")));
    assert_eq!(engine.evaluate("lookup('template', 'motd')", &scope), Ok(json!("hi 1\n")));
    assert!(
        broken(engine.evaluate("lookup('template', 'again')", &scope)).contains("recursive loop")
    );
    assert!(broken(engine.evaluate("lookup('file', 'nope')", &scope)).contains("nope"));
    assert_eq!(
        engine.lookup("items", &[json!([1, [2]]), json!(3)], &scope),
        Ok(vec![json!(1), json!([2]), json!(3)])
    );
    assert!(broken(engine.lookup("itmes", &[], &scope)).contains("did you mean `items`?"));
}
#[test]
fn many_threads_share_one_engine() {
    let engine = Engine::default();
    let scope = scope(Trust::Template, json!({"a": "{{ b * 2 }}", "b": 21}));
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..200 {
                    assert_eq!(
                        engine.render(&json!({"x": "{{ a }}"}), &scope),
                        Ok(json!({"x": 42}))
                    );
                }
            });
        }
    });
}
