//! Expressions with the results that ansible-core 2.19 gives them.
use crate::vars::{Engine, Layer, Scope, TemplateError, Trust, filters, lookups, tests};
use serde_json::{Value, json};

fn scope() -> Scope {
    let Value::Object(values) = json!({
        "n": 5, "f": 1.5, "s": "Hello", "empty": "", "none": null, "yes": "yes", "on": true,
        "l": [3, 1, 2], "d": {"b": 2, "a": 1}, "nested": [1, [2, [3, null]]],
        "users": [
            {"name": "ann", "uid": 2, "admin": true, "keys": ["k1", "k2"], "home": {"dir": "/a"}},
            {"name": "Bob", "uid": 1, "admin": false, "keys": [], "home": {"dir": "/b"}},
        ],
        "result": {"rc": 0, "changed": true, "stdout": "x y", "stdout_lines": ["x y"]},
        "results": {"results": [{"changed": false}, {"changed": true}]},
        "key": "a", "items_like": {"items": 1},
    }) else {
        panic!("variables are a mapping")
    };
    let places = std::collections::BTreeMap::default();
    Scope::default().with(Layer {
        origin: "test".to_owned(),
        trust: Trust::Template,
        values,
        places,
    })
}

fn check(table: &[(&str, Value)]) {
    let (engine, scope) = (Engine::default(), scope());
    for (expression, expected) in table {
        let found = engine.evaluate(expression, &scope);
        assert_eq!(
            found.as_ref().map(ToString::to_string),
            Ok(expected.to_string()),
            "{expression}"
        );
    }
}

#[test]
fn operators() {
    check(&[
        ("1 + 2 * 3", json!(7)),
        ("7 // 2", json!(3)),
        ("-7 // 2", json!(-4)),
        ("7 % 3", json!(1)),
        ("7 / 2", json!(3.5)),
        ("10 / 5", json!(2.0)),
        ("2 ** 10", json!(1024)),
        ("n > 3 and s == 'Hello'", json!(true)),
        ("1 < n < 10", json!(true)),
        ("not on", json!(false)),
        ("'a' in d", json!(true)),
        ("'z' in d", json!(false)),
        ("3 in l", json!(true)),
        ("9 not in l", json!(true)),
        ("'ell' in s", json!(true)),
        ("s ~ n ~ on ~ none ~ l ~ d", json!("Hello5TrueNone[3, 1, 2]{'b': 2, 'a': 1}")),
        ("'a' + 'b'", json!("ab")),
        ("[1] + [2]", json!([1, 2])),
        ("'ab' * 2", json!("abab")),
        ("'yes' if on else 'no'", json!("yes")),
        ("d.a", json!(1)),
        ("d['a']", json!(1)),
        ("d[key]", json!(1)),
        ("users[0].home.dir", json!("/a")),
        ("users.1.name", json!("Bob")),
        ("l[-1]", json!(2)),
        ("l[1:]", json!([1, 2])),
        ("s[1:3]", json!("el")),
        ("s[::-1]", json!("olleH")),
        ("{'x': n, 'y': [s]}", json!({"x": 5, "y": ["Hello"]})),
        ("(1, 2)", json!([1, 2])),
        ("none == none", json!(true)),
        ("d == {'a': 1, 'b': 2}", json!(true)),
        ("l == [3, 1, 2]", json!(true)),
        ("True", json!(true)),
        ("false", json!(false)),
        ("None", json!(null)),
        ("1.0", json!(1.0)),
        ("'5'", json!("5")),
        ("range(3)", json!([0, 1, 2])),
        ("dict(a=1)", json!({"a": 1})),
    ]);
}
#[test]
fn methods() {
    check(&[
        ("s.lower()", json!("hello")),
        ("s.startswith('He')", json!(true)),
        ("'a,b'.split(',')", json!(["a", "b"])),
        ("d.keys() | list", json!(["b", "a"])),
        ("d.items() | list", json!([["b", 2], ["a", 1]])),
        ("d.get('zz', 4)", json!(4)),
        ("d.get('a')", json!(1)),
        ("'a\\nb'.splitlines()", json!(["a", "b"])),
        ("' x '.strip()", json!("x")),
        ("', '.join(['a', 'b'])", json!("a, b")),
        ("'{}-{}'.format(1, 'b')", json!("1-b")),
        ("users[0].name.upper()", json!("ANN")),
        ("'abc'.find('c')", json!(2)),
    ]);
}
#[test]
fn filters_on_any_value() {
    check(&[
        ("nothing | default('x')", json!("x")),
        ("nothing | d", json!("")),
        ("empty | default('x')", json!("")),
        ("empty | default('x', true)", json!("x")),
        ("none | default('x')", json!(null)),
        ("s | mandatory", json!("Hello")),
        ("on | ternary('a', 'b')", json!("a")),
        ("false | ternary('a', 'b')", json!("b")),
        ("none | ternary('a', 'b', 'c')", json!("c")),
        ("'yes' | bool", json!(true)),
        ("'Off' | bool", json!(false)),
        ("1 | bool", json!(true)),
        ("'' | bool", json!(false)),
        ("'42' | int", json!(42)),
        ("'4.7' | int", json!(4)),
        ("'x' | int", json!(0)),
        ("'x' | int(-1)", json!(-1)),
        ("'ff' | int(base=16)", json!(255)),
        ("'0x1f' | int(0, 16)", json!(31)),
        ("f | int", json!(1)),
        ("true | int", json!(1)),
        ("'1.5' | float", json!(1.5)),
        ("'x' | float", json!(0.0)),
        ("n | float", json!(5.0)),
        ("n | string", json!("5")),
        ("l | string", json!("[3, 1, 2]")),
        ("on | string", json!("True")),
        ("\"it's\" | list | string", json!("['i', 't', \"'\", 's']")),
        ("[1.0, 1e20, none, 'a\\n'] | string", json!("[1.0, 1e+20, None, 'a\\n']")),
        ("n | type_debug", json!("int")),
        ("'5' | type_debug", json!("str")),
        ("none | type_debug", json!("NoneType")),
        ("d | type_debug", json!("dict")),
        ("-3 | abs", json!(3)),
        ("2.5 | round", json!(2.0)),
        ("2.71659 | round(2)", json!(2.72)),
        ("2.1 | round(method='ceil')", json!(3.0)),
        ("2.9 | round(0, 'floor') | int", json!(2)),
        ("1048576 | human_readable", json!("1.00 MB")),
        ("10 | human_readable", json!("10.00 Bytes")),
        ("1500 | human_readable(isbits=true)", json!("1.46 Kb")),
        ("123456789 | human_readable(unit='K')", json!("120563.27 KB")),
        ("'2 KB' | human_to_bytes", json!(2048)),
        ("'1.5G' | human_to_bytes", json!(1_610_612_736)),
        ("'10' | human_to_bytes('M')", json!(10_485_760)),
        ("2 | pow(3)", json!(8.0)),
    ]);
}
#[test]
fn filters_on_lists() {
    check(&[
        ("l | length", json!(3)),
        ("d | count", json!(2)),
        ("'äö' | length", json!(2)),
        ("l | first", json!(3)),
        ("l | last", json!(2)),
        ("l | min", json!(1)),
        ("l | max", json!(3)),
        ("l | sum", json!(6)),
        ("users | sum(attribute='uid')", json!(3)),
        ("[[1], [2]] | sum(start=[])", json!([1, 2])),
        ("l | sort", json!([1, 2, 3])),
        ("l | sort(reverse=true)", json!([3, 2, 1])),
        ("['b', 'A', 'c'] | sort", json!(["A", "b", "c"])),
        ("['b', 'A', 'c'] | sort(case_sensitive=true)", json!(["A", "b", "c"])),
        ("users | sort(attribute='uid') | map(attribute='name') | list", json!(["Bob", "ann"])),
        ("l | reverse | list", json!([2, 1, 3])),
        ("'abc' | reverse", json!("cba")),
        ("l | unique | list", json!([3, 1, 2])),
        ("['a', 'A', 'a'] | unique", json!(["a"])),
        ("['a', 'A', 'a'] | unique(case_sensitive=true)", json!(["a", "A"])),
        ("[1, 1.0, 2] | unique", json!([1, 2])),
        ("l | union([9, 3])", json!([3, 1, 2, 9])),
        ("l | intersect([2, 3])", json!([3, 2])),
        ("l | difference([1])", json!([3, 2])),
        ("l | symmetric_difference([1, 7])", json!([3, 2, 7])),
        ("nested | flatten", json!([1, 2, 3])),
        ("nested | flatten(levels=1)", json!([1, 2, [3, null]])),
        ("nested | flatten(skip_nulls=false)", json!([1, 2, 3, null])),
        ("l | zip(['a', 'b', 'c']) | list", json!([[3, "a"], [1, "b"], [2, "c"]])),
        ("[1, 2] | zip_longest(['a'], fillvalue='-')", json!([[1, "a"], [2, "-"]])),
        ("[1, 2] | product(['a', 'b']) | list", json!([[1, "a"], [1, "b"], [2, "a"], [2, "b"]])),
        ("[1, 2, 3] | batch(2) | list", json!([[1, 2], [3]])),
        ("[1, 2, 3] | batch(2, 0) | list", json!([[1, 2], [3, 0]])),
        ("[1, 2, 3] | slice(2) | list", json!([[1, 2], [3]])),
        ("[0, 2] | map('extract', ['x', 'y', 'z']) | list", json!(["x", "z"])),
        ("['a'] | map('extract', {'a': {'b': 7}}, 'b') | list", json!([7])),
        ("l | join(', ')", json!("3, 1, 2")),
        ("users | join('/', attribute='name')", json!("ann/Bob")),
        ("users | map(attribute='home.dir') | list", json!(["/a", "/b"])),
        ("l | map('string') | list", json!(["3", "1", "2"])),
        ("['a'] | map('regex_replace', '^', 'x') | list", json!(["xa"])),
        ("['a', ''] | select | list", json!(["a"])),
        ("l | select('gt', 1) | list", json!([3, 2])),
        ("l | reject('odd') | list", json!([2])),
        ("['ab', 'cd'] | select('match', 'a') | list", json!(["ab"])),
        ("users | selectattr('admin') | map(attribute='name') | list", json!(["ann"])),
        ("users | rejectattr('admin') | map(attribute='name') | list", json!(["Bob"])),
        ("users | selectattr('uid', '>=', 2) | list | length", json!(1)),
        ("users | selectattr('name', 'in', ['ann']) | map(attribute='uid') | first", json!(2)),
        ("users | groupby('admin') | map(attribute=0) | list", json!([false, true])),
        (
            "users | groupby('uid') | map('last') | map('first') | map(attribute='name') | list",
            json!(["Bob", "ann"]),
        ),
        ("users | subelements('keys') | map('last') | list", json!(["k1", "k2"])),
    ]);
}
#[test]
fn filters_on_mappings() {
    check(&[
        ("d | combine({'c': 3})", json!({"b": 2, "a": 1, "c": 3})),
        ("{'a': {'x': 1}} | combine({'a': {'y': 2}})", json!({"a": {"y": 2}})),
        (
            "{'a': {'x': 1}} | combine({'a': {'y': 2}}, recursive=true)",
            json!({"a": {"x": 1, "y": 2}}),
        ),
        ("{'a': [1]} | combine({'a': [2]}, list_merge='append')", json!({"a": [1, 2]})),
        (
            "{'a': [1, 2]} | combine({'a': [2, 3]}, list_merge='prepend_rp')",
            json!({"a": [2, 3, 1]}),
        ),
        ("[{'a': 1}, {'b': 2}] | combine", json!({"a": 1, "b": 2})),
        ("d | dict2items", json!([{"key": "b", "value": 2}, {"key": "a", "value": 1}])),
        ("d | dict2items(key_name='k', value_name='v') | first", json!({"k": "b", "v": 2})),
        ("[{'key': 'a', 'value': 1}] | items2dict", json!({"a": 1})),
        ("dict(['a', 'b'] | zip([1, 2]))", json!({"a": 1, "b": 2})),
        ("dict({'a': 1}, b=2)", json!({"a": 1, "b": 2})),
        ("d | items | list", json!([["b", 2], ["a", 1]])),
        ("d | dictsort", json!([["a", 1], ["b", 2]])),
        ("d | dictsort(false, 'value', true)", json!([["b", 2], ["a", 1]])),
        ("d | list", json!(["b", "a"])),
    ]);
}
#[test]
fn filters_on_text() {
    check(&[
        ("s | upper", json!("HELLO")),
        ("s | lower", json!("hello")),
        ("'ab cd-ef' | title", json!("Ab Cd-Ef")),
        ("'aBC' | capitalize", json!("Abc")),
        ("' a ' | trim", json!("a")),
        ("s | replace('l', 'L')", json!("HeLLo")),
        ("'a\\nb\\n\\nc' | indent(2)", json!("a\n  b\n\n  c")),
        ("'a\\nb' | indent(2, true)", json!("  a\n  b")),
        ("'a,b,c' | split(',')", json!(["a", "b", "c"])),
        ("' a  b ' | split", json!(["a", "b"])),
        ("'a,b,c' | split(',', 1)", json!(["a", "b,c"])),
        ("'%s-%03d' | format('a', 7)", json!("a-007")),
        ("'a b' | quote", json!("'a b'")),
        ("'ab' | quote", json!("ab")),
        ("'' | quote", json!("''")),
        ("'x' | comment", json!("#\n# x\n#")),
        ("'x' | comment('cblock')", json!("/*\n *\n * x\n *\n */")),
        ("'/a/b.txt' | basename", json!("b.txt")),
        ("'/a/b.txt' | dirname", json!("/a")),
        ("'/b' | dirname", json!("/")),
        ("'/a.b/c.tar.gz' | splitext", json!(["/a.b/c.tar", ".gz"])),
        ("'.bashrc' | splitext", json!([".bashrc", ""])),
        ("'foobar' | regex_replace('^f(o+)(.*)$', '\\\\2\\\\1')", json!("baroo")),
        ("'foo' | regex_replace('(?P<x>o)', '<\\\\g<x>>', count=1)", json!("f<o>o")),
        ("'ab' | regex_replace('(?P<x>a)|(?P<y>b)', '[\\\\g<x>]')", json!("[a][]")),
        ("'AB' | regex_replace('a', 'x', ignorecase=true)", json!("xB")),
        ("'a$1' | regex_replace('a', '$1')", json!("$1$1")),
        ("'server-12' | regex_search('[0-9]+')", json!("12")),
        ("'a' | regex_search('b')", json!(null)),
        ("'k=v' | regex_search('(\\\\w)=(\\\\w)', '\\\\2', '\\\\1')", json!(["v", "k"])),
        ("'a1 b2' | regex_findall('[0-9]')", json!(["1", "2"])),
        ("'a1 b2' | regex_findall('([a-z])([0-9])')", json!([["a", "1"], ["b", "2"]])),
        ("'a.b-c' | regex_escape", json!("a\\.b\\-c")),
        ("'abc' | b64encode", json!("YWJj")),
        ("'YWJj' | b64decode", json!("abc")),
        ("'abc' | hash", json!("a9993e364706816aba3e25717850c26c9cd0d89d")),
        (
            "'abc' | hash('sha256')",
            json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ),
        ("'abc' | checksum", json!("a9993e364706816aba3e25717850c26c9cd0d89d")),
        ("'a b/c' | urlencode", json!("a%20b/c")),
        ("{'a': 'x y', 'b': 1} | urlencode", json!("a=x+y&b=1")),
        ("'https://u:p@h.org:8443/p?q=1#f' | urlsplit('port')", json!(8443)),
        ("'https://u:p@H.org:8443/p?q=1#f' | urlsplit('hostname')", json!("h.org")),
        ("'a b c' | wordcount", json!(3)),
        ("'ab' | center(6)", json!("  ab  ")),
    ]);
}
#[test]
fn filters_that_write_and_read() {
    check(&[
        ("d | to_json", json!("{\"b\": 2, \"a\": 1}")),
        ("[1, 1.5, none, true, 'ä\\n'] | to_json", json!("[1, 1.5, null, true, \"\\u00e4\\n\"]")),
        ("d | to_nice_json", json!("{\n    \"a\": 1,\n    \"b\": 2\n}")),
        ("[] | to_nice_json", json!("[]")),
        ("'{\"a\": [1]}' | from_json", json!({"a": [1]})),
        ("d | to_yaml", json!("{a: 1, b: 2}\n")),
        ("{'a': [1, 2], 'b': 'x'} | to_yaml", json!("a: [1, 2]\nb: x\n")),
        (
            "{'a': [1, {'b': 2, 'c': [3]}], 'z': {}} | to_nice_yaml",
            json!("a:\n- 1\n-   b: 2\n    c:\n    - 3\nz: {}\n"),
        ),
        ("[[1, 2], {'a': 'yes'}] | to_nice_yaml", json!("-   - 1\n    - 2\n-   a: 'yes'\n")),
        (
            "['1', 'true', 'a: b', 'x #y', '', '- a', \"it's\", ' a', '0644', '1.5', 'null', '@x'] | to_nice_yaml",
            json!(
                "- '1'\n- 'true'\n- 'a: b'\n- 'x #y'\n- ''\n- '- a'\n- it's\n- ' a'\n- '0644'\n- '1.5'\n- 'null'\n- '@x'\n"
            ),
        ),
        (
            "[\"x\\ty\", 'a\\nb', {'k\\nl': 1}] | to_nice_yaml(indent=2)",
            json!("- \"x\\ty\"\n- 'a\n\n  b'\n- \"k\\nl\": 1\n"),
        ),
        (
            "[1e20, 1e-7, 'http://x/y', 'a, b', '12:30'] | to_nice_yaml",
            json!("- 1.0e+20\n- 1.0e-07\n- http://x/y\n- a, b\n- '12:30'\n"),
        ),
        ("['a, b', 'c'] | to_yaml", json!("['a, b', c]\n")),
        ("{'a': 'x\\ny\\n'} | to_nice_yaml(indent=2)", json!("a: 'x\n\n  y\n\n  '\n")),
        ("'x' | to_yaml", json!("x\n...\n")),
        ("{'a': {'b': {'c': none}}} | to_nice_yaml(indent=2)", json!("a:\n  b:\n    c: null\n")),
        ("'a: [1, x]' | from_yaml", json!({"a": [1, "x"]})),
    ]);
}
#[test]
fn tests_of_values() {
    check(&[
        ("nothing is defined", json!(false)),
        ("s is defined", json!(true)),
        ("nothing is not defined", json!(true)),
        ("none is none", json!(true)),
        ("s is string", json!(true)),
        ("n is number", json!(true)),
        ("n is integer", json!(true)),
        ("true is integer", json!(false)),
        ("f is float", json!(true)),
        ("on is boolean", json!(true)),
        ("d is mapping", json!(true)),
        ("l is mapping", json!(false)),
        ("l is sequence", json!(true)),
        ("s is sequence", json!(true)),
        ("n is sequence", json!(false)),
        ("l is iterable", json!(true)),
        ("on is true", json!(true)),
        ("1 is true", json!(false)),
        ("empty is falsy", json!(true)),
        ("'no' is truthy", json!(true)),
        ("'no' is truthy(convert_bool=true)", json!(false)),
        ("s is match('ell')", json!(false)),
        ("s is match('He')", json!(true)),
        ("s is search('ELL', ignorecase=true)", json!(true)),
        ("'a\\nb' is search('^b', multiline=true)", json!(true)),
        ("s is regex('^H.*o$')", json!(true)),
        ("'1.10' is version('1.9', '>')", json!(true)),
        ("'1.2.3' is version('1.2', 'ge')", json!(true)),
        ("'24.04' is version_compare('24.04', '==')", json!(true)),
        ("'1.2.3-rc.1' is version('1.2.3', '<', version_type='semver')", json!(true)),
        ("'1.2b1' is version('1.2', '<', strict=true)", json!(true)),
        ("'3.5.6-1+deb11u1' is version('3.6', '<')", json!(true)),
        ("[1] is subset(l)", json!(true)),
        ("l is superset([1, 9])", json!(false)),
        ("l is contains(3)", json!(true)),
        ("1 is in l", json!(true)),
        ("[false, 1] is any", json!(true)),
        ("[true, 0] is all", json!(false)),
        ("result is changed", json!(true)),
        ("results is changed", json!(true)),
        ("result is failed", json!(false)),
        ("result is succeeded", json!(true)),
        ("result is success", json!(true)),
        ("result is skipped", json!(false)),
        ("{'skipped': true} is skip", json!(true)),
        ("{'unreachable': true} is unreachable", json!(true)),
        ("n is odd", json!(true)),
        ("n is divisibleby 5", json!(true)),
        ("n is eq 5", json!(true)),
        ("s is ansible.builtin.match('He')", json!(true)),
    ]);
}
#[test]
fn lists_of_lookups() {
    check(&[
        ("lookup('vars', 'n')", json!(5)),
        ("lookup('vars', 'nothing', default=1)", json!(1)),
        ("query('dict', d)", json!([{"key": "b", "value": 2}, {"key": "a", "value": 1}])),
        ("query('items', [1, [2]], 3)", json!([1, [2], 3])),
        ("lookup('list', ['a', 'b'])", json!(["a", "b"])),
        ("query('flattened', [1, [2, [3]]])", json!([1, 2, 3])),
        ("query('indexed_items', ['a', 'b'])", json!([[0, "a"], [1, "b"]])),
        ("query('nested', [1, 2], ['a'])", json!([[1, "a"], [2, "a"]])),
        ("query('together', [1, 2], ['a'])", json!([[1, "a"], [2, null]])),
        ("query('sequence', 'start=1 end=3 format=x%02d')", json!(["x01", "x02", "x03"])),
        ("q('sequence', start=5, end=1, stride=-2)", json!(["5", "3", "1"])),
        ("lookup('sequence', 'count=3')", json!("1,2,3")),
        ("query('subelements', users, 'keys') | map('last') | list", json!(["k1", "k2"])),
        ("lookup('ansible.builtin.vars', 'n', wantlist=true)", json!([5])),
    ]);
}
#[test]
fn what_cannot_be_is_an_error() {
    let (engine, scope) = (Engine::default(), scope());
    for expression in [
        "'maybe' | bool",
        "[1, 'a'] | sort",
        "n | length",
        "n is changed",
        "'1.a' is version('1.1', '<')",
        "'x' is version('1', '~')",
        "'x' | hash('md6')",
        "'x' | b64decode",
        "'{' | from_json",
        "d | combine([1])",
        "l | items2dict",
        "'5x' | human_to_bytes",
        "users | subelements('nope')",
        "lookup('vars', 1)",
        "l | map | list",
        "1 | upper(2)",
        "'a' is gt 1",
    ] {
        let found = engine.evaluate(expression, &scope);
        assert!(matches!(found, Err(TemplateError::Broken { .. })), "{expression}: {found:?}");
    }
}
#[test]
fn every_example_in_the_tables_works() {
    let files = |_: &str| Some(std::sync::Arc::from(b"text".as_slice()));
    let engine = Engine::new(
        std::collections::BTreeMap::default(),
        Box::new(files),
        crate::vault::Vault::default(),
    );
    let mut names = std::collections::BTreeSet::new();
    for (kind, it) in (filters().map(|it| ("filter", it)))
        .chain(tests().map(|it| ("test", it)))
        .chain(lookups().map(|it| ("lookup", it)))
    {
        let found = engine.evaluate(it.example, &Scope::default());
        assert!(found.is_ok(), "{kind} {}: {}: {found:?}", it.name, it.example);
        assert!(
            kind != "test" || found == Ok(json!(true)),
            "the example of a test holds: {}",
            it.example
        );
        assert!(!it.doc.is_empty() && !it.doc.ends_with('.'), "{kind} {}", it.name);
        assert!(names.insert((kind, it.name)), "{kind} {} is there twice", it.name);
    }
}
