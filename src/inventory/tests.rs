//! Cases of inventories: what they mean, and what is refused.
use super::*;
use serde_json::{Map, Value, json};

type Read = Result<(Inventory, Vec<Diagnostic>), Vec<Diagnostic>>;

fn read_files(files: &[(&str, &str)], beside: &[VarsFiles]) -> (Read, SourceMap) {
    let mut sources = SourceMap::default();
    let file = |(path, text): &(&str, &str)| Input::File(Path::new(path).into(), (*text).into());
    let inputs: Vec<_> = files.iter().map(file).collect();
    (Inventory::read(&inputs, beside, &mut sources), sources)
}

fn ini(text: &str) -> Inventory {
    read_files(&[("hosts", text)], &[]).0.unwrap().0
}

fn yaml(text: &str) -> Inventory {
    read_files(&[("hosts.yml", text)], &[]).0.unwrap().0
}

/// Every error as `path:line:column-column: message | help`.
fn refusals(path: &str, text: &str) -> Vec<String> {
    let (read, sources) = read_files(&[(path, text)], &[]);
    read.unwrap_err().iter().map(|error| shown(error, &sources)).collect()
}

fn shown(error: &Diagnostic, sources: &SourceMap) -> String {
    let place = error
        .span
        .map_or(String::new(), |span| format!("{}-{}: ", sources.locate(span), span.end.column));
    let help = error.help.as_ref().map_or(String::new(), |help| format!(" | {help}"));
    format!("{place}{}{help}", error.message)
}

fn names(inventory: &Inventory) -> Vec<&str> {
    inventory.hosts.iter().map(|host| host.name.as_str()).collect()
}

fn values(vars: &Vars) -> Value {
    Value::Object(
        vars.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect(),
    )
}

fn vars_of(inventory: &Inventory, host: &str) -> Value {
    values(&inventory.host(host).unwrap().vars)
}

fn groups_of<'a>(inventory: &'a Inventory, host: &str) -> Vec<&'a str> {
    inventory.groups_of(host).into_iter().map(|group| group.name.as_str()).collect()
}

fn beside(groups: &[(&str, &str)], hosts: &[(&str, &str)], folder: &str) -> VarsFiles {
    let texts = |kind: &str, list: &[(&str, &str)]| {
        let mut all: BTreeMap<String, Vec<Text>> = BTreeMap::new();
        for (name, text) in list {
            let path = format!("{folder}/{kind}/{name}.yml");
            all.entry((*name).to_owned())
                .or_default()
                .push((Path::new(&path).into(), (*text).into()));
        }
        all
    };
    VarsFiles { groups: texts("group_vars", groups), hosts: texts("host_vars", hosts) }
}

const FLEET: &str = "\
# a fleet
lone ansible_port=2200 ; x
";

#[test]
fn ini_lines_become_hosts_groups_and_variables() {
    let inventory = ini("\
; comment
lone.example.org

[web] # the front
web[01:03].example.org:2222 tier=1 note='a # b'   # three of them
10.0.0.1 opts=\"['x', 'y']\" on=True text=yes mode=0644

[mail:children]
web
[mail:vars]
port = 25
path = /srv/x y # all of it
[all:vars]
shared=1
");
    assert_eq!(
        names(&inventory),
        [
            "lone.example.org",
            "web01.example.org",
            "web02.example.org",
            "web03.example.org",
            "10.0.0.1"
        ]
    );
    assert_eq!(
        vars_of(&inventory, "web02.example.org"),
        json!({"ansible_port": 2222, "tier": 1, "note": "a # b"})
    );
    assert_eq!(
        vars_of(&inventory, "10.0.0.1"),
        json!({"opts": ["x", "y"], "on": true, "text": "yes", "mode": "0644"})
    );
    assert_eq!(
        values(&inventory.groups["mail"].vars),
        json!({"port": 25, "path": "/srv/x y # all of it"})
    );
    assert_eq!(values(&inventory.groups["all"].vars), json!({"shared": 1}));
    assert_eq!(groups_of(&inventory, "10.0.0.1"), ["all", "mail", "web"]);
    assert_eq!(groups_of(&inventory, "lone.example.org"), ["all", "ungrouped"]);
    assert_eq!(inventory.groups["ungrouped"].hosts, ["lone.example.org"]);
    assert!(inventory.host("web04.example.org").is_none());
}

#[test]
fn a_semicolon_begins_a_comment_only_at_the_start_of_a_line() {
    assert_eq!(
        refusals("hosts", FLEET),
        [
            "hosts:2:24-25: expected `key=value`, found `;` | one host a line; put quotes around values that hold blanks",
            "hosts:2:26-27: expected `key=value`, found `x` | one host a line; put quotes around values that hold blanks",
        ][..1]
    );
}

#[test]
fn variables_of_ini_know_their_places() {
    let inventory = ini("[web]\na  k='v w' n=1\n[web:vars]\n  key =  värde\n");
    let place = |span: crate::source::Span| (span.start.line, span.start.column, span.end.column);
    let vars = &inventory.host("a").unwrap().vars;
    assert_eq!((place(vars[0].0.span), place(vars[1].1.span)), ((2, 4, 11), (2, 12, 15)));
    let vars = &inventory.groups["web"].vars;
    assert_eq!((place(vars[0].0.span), place(vars[0].1.span)), ((4, 3, 6), (4, 10, 15)));
}

#[test]
fn a_host_named_again_keeps_its_place_and_its_variables_are_merged() {
    let inventory = ini("[a]\nx one=1 two=1\ny\n[b]\ny\nx two=2 three=3\n");
    assert_eq!(names(&inventory), ["x", "y"]);
    assert_eq!(vars_of(&inventory, "x"), json!({"one": 1, "two": 2, "three": 3}));
    assert_eq!(groups_of(&inventory, "x"), ["all", "a", "b"]);
}

#[test]
fn broken_ini_lines_are_refused_in_their_place() {
    for (text, expected) in [
        (
            "[web\na",
            "hosts:1:1-5: not a section | sections look like `[group]`, `[group:vars]` or `[group:children]`",
        ),
        ("[web] x", "hosts:1:1-8: not a section | nothing but a comment may stand behind `]`"),
        (
            "[we b]",
            "hosts:1:1-7: not a section | the name of a group has neither blanks nor characters of patterns",
        ),
        (
            "[]",
            "hosts:1:1-3: not a section | the name of a group has neither blanks nor characters of patterns",
        ),
        ("[web:vras]", "hosts:1:1-11: unknown kind of section `vras` | did you mean `[web:vars]`?"),
        (
            "[web]\n[wbe:vars]\n",
            "hosts:2:1-11: variables for `wbe`, a group that is declared nowhere | did you mean `web`?",
        ),
        (
            "[x:vars]",
            "hosts:1:1-9: variables for `x`, a group that is declared nowhere | declare it with a line `[x]`",
        ),
        (
            "[web:children]\n mial",
            "hosts:2:2-6: a child `mial`, a group that is declared nowhere | declare it with a line `[mial]`",
        ),
        ("[web:children]\nweb x", "hosts:2:5-6: one group a line, and nothing else"),
        (
            "[web]\n[web:vars]\nnonsense",
            "hosts:3:1-9: expected `key=value` | this line stands in `[web:vars]`",
        ),
        (
            "[all:vars]\na b = 1",
            "hosts:2:1-4: `a b` can't be the name of a variable | names have letters, digits and `_`, and begin with no digit",
        ),
        (
            "a x",
            "hosts:1:3-4: expected `key=value`, found `x` | one host a line; put quotes around values that hold blanks",
        ),
        (
            "a 1x=2",
            "hosts:1:3-7: `1x` can't be the name of a variable | names have letters, digits and `_`, and begin with no digit",
        ),
        ("a b='c", "hosts:1:5-6: this quote is never closed | put quotes around the whole value"),
        (
            "a p=x#y",
            "hosts:1:6-7: `#` begins a comment in the middle of a word | put quotes around the whole value",
        ),
        ("ä\n  web[3:1]", "hosts:2:3-11: `[3:1]` ends before it begins"),
        ("a:x", "hosts:1:1-4: `x` is not a port"),
        (
            "[web]\n[web:vars]\nansible_group_priority=high",
            "hosts:3:24-28: a priority is a whole number",
        ),
    ] {
        assert_eq!(refusals("hosts", text), [expected], "{text}");
    }
    assert_eq!(refusals("hosts", "a x\n[w\nb y\n").len(), 3);
}

#[test]
fn groups_that_go_in_circles_are_refused_at_the_line_that_closes_the_circle() {
    let text = "[a:children]\nb\n[b:children]\nc\n[c:children]\na\n";
    assert_eq!(
        refusals("hosts", text),
        ["hosts:6:1-2: `a` can't be below `c`, which is below `a`"]
    );
    assert_eq!(
        refusals("hosts", "[a:children]\na\n"),
        ["hosts:2:1-2: `a` can't be below `a`, which is below `a`"]
    );
    assert_eq!(
        refusals("hosts", "[a:children]\nall\n"),
        ["hosts:2:1-4: `all` can't be below `a`, which is below `all`"]
    );
}

#[test]
fn yaml_groups_become_the_same_as_ini_ones() {
    let inventory = yaml(
        "\
all:
  hosts:
    lone:
    other: {a: 1}
  vars:
    shared: yes
  children:
    mail:
      children:
        web:
          hosts:
            web[1:2]:2222:
              mode: 0644
              text: '0644'
          vars: {ansible_group_priority: 5, tier: 1}
    empty:
extra:
  hosts: single
",
    );
    assert_eq!(names(&inventory), ["lone", "other", "web1", "web2", "single"]);
    assert_eq!(
        vars_of(&inventory, "web2"),
        json!({"ansible_port": 2222, "mode": 420, "text": "0644"})
    );
    assert_eq!(values(&inventory.groups["web"].vars), json!({"tier": 1}));
    assert_eq!(inventory.groups["web"].priority, 5);
    assert_eq!(values(&inventory.groups["all"].vars), json!({"shared": true}));
    assert_eq!(groups_of(&inventory, "web1"), ["all", "mail", "web"]);
    assert_eq!(inventory.groups["ungrouped"].hosts, ["lone", "other"]);
    assert_eq!(inventory.groups["web"].depth, 2);
}

#[test]
fn broken_yaml_inventories_are_refused_in_their_place() {
    for (text, expected) in [
        ("- a", "h.yml:1:1-4: expected a mapping of groups"),
        (
            "all:\n  host:\n    a:",
            "h.yml:2:3-7: unknown key `host` in group `all` | did you mean `hosts`?",
        ),
        (
            "all:\n  hosts: [a]",
            "h.yml:2:10-13: expected a mapping | names of hosts and groups end with `:`, also when nothing follows",
        ),
        (
            "all: x",
            "h.yml:1:6-7: expected a mapping | names of hosts and groups end with `:`, also when nothing follows",
        ),
        ("all:\n  hosts:\n    a: x", "h.yml:3:8-9: expected a mapping of variables"),
        ("all:\n  vars: [x]", "h.yml:2:9-12: expected a mapping of variables"),
        (
            "a b: {}",
            "h.yml:1:1-4: not the name of a group | names have neither blanks nor characters of patterns",
        ),
        ("all: {hosts: {\"a[2:1]\": }}", "h.yml:1:15-23: `[2:1]` ends before it begins"),
        (
            "plugin: aws_ec2",
            "h.yml:1:1-16: inventory plugins are not supported | write the inventory as INI or YAML, or print it from a program",
        ),
        (
            "a: {children: {b: {children: {a: }}}}",
            "h.yml:1:31-32: `a` can't be below `b`, which is below `a`",
        ),
        (
            "all: {vars: {k: !vault x}}",
            "h.yml:1:17-25: `!vault`: not a vault text: it does not begin with $ANSIBLE_VAULT | encrypt it again with `cowhand vault encrypt`",
        ),
    ] {
        assert_eq!(refusals("h.yml", text), [expected], "{text}");
    }
}

#[test]
fn what_a_file_is_is_told_by_its_ending_and_else_by_its_look() {
    for (path, text) in [
        ("h.yml", "all: {hosts: {a: }}"),
        ("h.json", "{\"all\": {\"hosts\": {\"a\": {}}}}"),
        ("h", "---\nall: {hosts: {a: }}"),
        ("h", "# x\nall:\n  hosts:\n    a:\n"),
        ("h", "{all: {hosts: {a: }}}"),
        ("h", "a\n"),
        ("h.ini", "a\n"),
        ("h", "[web]\na\n"),
        ("h.example.org", "a x='b:'\n"),
    ] {
        let (read, _) = read_files(&[(path, text)], &[]);
        assert_eq!(names(&read.unwrap().0), ["a"], "{path} {text}");
    }
}

#[test]
fn lists_of_the_command_line_are_inventories() {
    let mut sources = SourceMap::default();
    let read = Inventory::read(&[Input::List("a, b:2222,c[1:2],".into())], &[], &mut sources);
    let inventory = read.unwrap().0;
    assert_eq!(names(&inventory), ["a", "b", "c1", "c2"]);
    assert_eq!(vars_of(&inventory, "b"), json!({"ansible_port": 2222}));
    assert_eq!(groups_of(&inventory, "a"), ["all", "ungrouped"]);
    let errors = Inventory::read(&[Input::List("a, b:x,".into())], &[], &mut sources).unwrap_err();
    assert_eq!(shown(&errors[0], &sources), "--inventory:1:4-7: `x` is not a port");
}

#[test]
fn programs_print_inventories_as_json() {
    let read = |text: &str| {
        let mut sources = SourceMap::default();
        let input = Input::Script(Path::new("inv.py").into(), text.into());
        let read = Inventory::read(&[input], &[], &mut sources);
        read.map_err(|errors| errors.iter().map(|error| shown(error, &sources)).collect::<Vec<_>>())
    };
    let inventory = read(r#"{"_meta": {"hostvars": {"b": {"x": [1]}, "lone": {}}},
        "web": {"hosts": ["a", "b"], "vars": {"t": 1}}, "top": {"children": ["web"]}, "old": ["a"]}"#).unwrap().0;
    assert_eq!(vars_of(&inventory, "b"), json!({"x": [1]}));
    assert_eq!(groups_of(&inventory, "a"), ["all", "old", "top", "web"]);
    assert_eq!(groups_of(&inventory, "lone"), ["all", "ungrouped"]);
    assert_eq!(values(&inventory.groups["web"].vars), json!({"t": 1}));
    for (text, expected) in [
        ("{", "inv.py:1:1-2: not JSON: EOF while parsing an object at line 1 column 1"),
        ("[]", "inv.py:1:1-2: expected a mapping of groups"),
        (
            "{\"web\": []}",
            "inv.py:1:1-2: no `_meta.hostvars`: asking host by host is not supported",
        ),
        (
            "{\"_meta\": {}, \"web\": {\"host\": []}}",
            "inv.py:1:1-2: unknown key `host` in group `web`",
        ),
    ] {
        assert_eq!(read(text).unwrap_err(), [expected], "{text}");
    }
}

#[test]
fn several_inventories_add_up() {
    let files = [("one", "[web]\na x=1\nb\n"), ("two.yml", "web: {hosts: {c: , a: {x: 2}}}")];
    let inventory = read_files(&files, &[]).0.unwrap().0;
    assert_eq!(names(&inventory), ["a", "b", "c"]);
    assert_eq!(vars_of(&inventory, "a"), json!({"x": 2}));
    assert_eq!(inventory.groups["web"].hosts, ["a", "b", "c"]);
}

#[test]
fn groups_merge_by_depth_then_priority_then_name() {
    let inventory = ini(
        "[z]\nh\n[a]\nh\n[m]\nh\n[m:vars]\nansible_group_priority=-1\n[deep]\nh\n[top:children]\ndeep\n",
    );
    assert_eq!(groups_of(&inventory, "h"), ["all", "m", "a", "top", "z", "deep"]);
    assert_eq!(groups_of(&inventory, "localhost"), ["all"]);
}

#[test]
fn layers_go_from_weak_to_strong_as_in_ansible() {
    let text = "[web]\nh level=host\n[web:vars]\nlevel=group\n[all:vars]\nlevel=all\n";
    let files = [
        beside(&[("all", "a: 1"), ("web", "b: 1")], &[("h", "c: 1")], "inv"),
        beside(
            &[("all", "a: 2"), ("web", "b: 2")],
            &[("h", "c: 2"), ("localhost", "d: 1")],
            "play",
        ),
    ];
    let inventory = read_files(&[("hosts", text)], &files).0.unwrap().0;
    let origins = |host: &str| -> Vec<String> {
        inventory.layers(host).into_iter().map(|(origin, _)| origin).collect()
    };
    assert_eq!(
        origins("h"),
        [
            "group all of the inventory",
            "group web of the inventory",
            "inv/group_vars/all.yml",
            "play/group_vars/all.yml",
            "inv/group_vars/web.yml",
            "play/group_vars/web.yml",
            "host h of the inventory",
            "inv/host_vars/h.yml",
            "play/host_vars/h.yml",
        ]
    );
    let mut merged = Map::new();
    for (_, vars) in inventory.layers("h") {
        merged.extend(vars.iter().map(|(name, value)| (name.value.clone(), value.value.clone())));
    }
    assert_eq!(Value::Object(merged), json!({"level": "host", "a": 2, "b": 2, "c": 2}));
    assert_eq!(
        origins("localhost"),
        [
            "group all of the inventory",
            "inv/group_vars/all.yml",
            "play/group_vars/all.yml",
            "play/host_vars/localhost.yml"
        ]
    );
}

#[test]
fn files_of_no_group_or_host_are_told_and_broken_ones_refused() {
    let files = [beside(&[("wbe", "a: 1")], &[("x", "a: 1\na: 2")], "inv")];
    let (read, sources) = read_files(&[("hosts", "[web]\nh\n")], &files);
    let warnings: Vec<_> = read.unwrap().1.iter().map(|warning| shown(warning, &sources)).collect();
    assert_eq!(
        warnings,
        [
            "inv/group_vars/wbe.yml is for no group of the inventory | did you mean `web`?",
            "inv/host_vars/x.yml:2:1-2: `a` is given twice; the second one counts",
            "inv/host_vars/x.yml is for no host of the inventory | did you mean `h`?",
        ]
    );
    let files = [beside(&[("web", "- 1")], &[("h", "a: [")], "inv")];
    let (read, sources) = read_files(&[("hosts", "[web]\nh\n")], &files);
    let errors: Vec<_> = read.unwrap_err().iter().map(|error| shown(error, &sources)).collect();
    assert_eq!(
        errors,
        [
            "inv/group_vars/web.yml:1:1-4: expected a mapping of variables",
            "inv/host_vars/h.yml:2:1-2: did not find expected node content",
        ]
    );
}

#[test]
fn a_name_of_both_a_host_and_a_group_is_told() {
    let warnings = read_files(&[("hosts", "[web]\nweb\n")], &[]).0.unwrap().1;
    assert_eq!(warnings[0].message, "`web` is the name of both a host and a group");
}

const PATTERNS: &str = "[web]\nw1\nw2\nw3\n[db]\nd1\nw3\n[all_of:children]\nweb\ndb\n[none]\n[six]\n2001:db8::1\nx.example.org\n";

#[test]
fn patterns_choose_hosts_in_the_order_in_which_they_name_them() {
    let inventory = ini(PATTERNS);
    for (pattern, expected) in [
        ("all", "2001:db8::1 x.example.org w1 w2 w3 d1"),
        ("*", "2001:db8::1 x.example.org w1 w2 w3 d1"),
        ("web", "w1 w2 w3"),
        ("db:web", "d1 w3 w1 w2"),
        ("db,web", "d1 w3 w1 w2"),
        ("d1, w1", "d1 w1"),
        ("web:!w2", "w1 w3"),
        ("!w2:web", "w1 w3"),
        ("web:&db", "w3"),
        ("&db:web", "w3"),
        ("web:&db:!w3", ""),
        ("!web", "2001:db8::1 x.example.org d1"),
        ("all_of", "w1 w2 w3 d1"),
        ("none", ""),
        ("w*", "w1 w2 w3"),
        ("?1", "w1 d1"),
        ("w[12]*", "w1 w2"),
        ("w[!12]", "w3"),
        ("*.example.org", "x.example.org"),
        ("~w[12]$", "w1 w2"),
        ("~(w|d)1", "w1 d1"),
        ("~w(?:1|2)", "w1 w2"),
        ("web[0]", "w1"),
        ("web[-1]", "w3"),
        ("web[0:1]", "w1 w2"),
        ("web[1:]", "w2 w3"),
        ("web[0-1]", "w1 w2"),
        ("web[1:99]", "w2 w3"),
        ("db[1]", "w3"),
        ("all_of[0]", "w1"),
        ("w*[-1]", "w3"),
        ("2001:db8::1", "2001:db8::1"),
        ("!2001:db8::1,six", "x.example.org"),
        ("localhost", "localhost"),
        ("w1:localhost", "w1 localhost"),
        ("localhost:!localhost", ""),
        ("db:!localhost", "d1 w3"),
        ("web:&localhost", ""),
        ("localhost:&localhost", "localhost"),
        ("ungrouped", ""),
    ] {
        assert_eq!(
            inventory.select(pattern).map(|hosts| hosts.join(" ")),
            Ok(expected.to_owned()),
            "{pattern}"
        );
    }
    assert_eq!(ini("").select("all"), Ok(vec![]));
    assert_eq!(ini("[web]\nlocalhost\n").select("localhost,web"), Ok(vec!["localhost".to_owned()]));
}

#[test]
fn patterns_that_can_not_be_meant_are_refused_without_a_place() {
    let inventory = ini(PATTERNS);
    for (pattern, expected) in [
        ("wbe", "no host or group is called `wbe` | did you mean `web`?"),
        ("web:!nothing_like_it", "no host or group is called `nothing_like_it`"),
        ("", "the pattern `` chooses nothing"),
        (",", "the pattern `,` chooses nothing"),
        ("web:!", "a sign in the pattern `web:!` stands alone"),
        ("q*", "no host or group matches `q*`"),
        ("~q", "no host or group matches `~q`"),
        ("~(", "the expression `~(` is broken | look-around and back references are not supported"),
        ("web[3]", "`web[3]` asks for one of 3 hosts that is not there"),
        ("web[-4]", "`web[-4]` asks for one of 3 hosts that is not there"),
        ("web[0", "the pattern `web[0` has a `[` that is never closed"),
        (
            "@retry",
            "the pattern `@retry` asks for the file `retry` | lists of hosts in files are not supported; name hosts or groups",
        ),
    ] {
        let error = inventory.select(pattern).unwrap_err();
        assert_eq!(shown(&error, &SourceMap::default()), expected, "{pattern}");
        assert_eq!(error.span, None);
    }
}

#[test]
fn a_fleet_of_five_thousand_is_read_at_once() {
    let inventory = ini("[web]\nw[0001:5000] a=1 b=2\n[mail:children]\nweb\n");
    assert_eq!(inventory.hosts.len(), 5000);
    assert_eq!(inventory.select("mail:!w0001").unwrap().len(), 4999);
    // Were a look-up linear, this would take minutes in a debug build.
    let found = (0..20).flat_map(|_| &inventory.hosts).filter(|host| {
        inventory.host(&host.name).is_some() && inventory.layers(&host.name).len() == 1
    });
    assert_eq!(found.count(), 100_000);
}
