//! What holds for every file and every wish, tried on thousands of random ones.
use super::super::edit::edit;
use super::super::tree::{Context, Tree};
use super::super::values::{Wanted, words, write};
use proptest::prelude::*;

fn space() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(" ".to_owned()),
        1 => Just("\t ".to_owned()),
        1 => Just("\n    ".to_owned()),
        1 => Just(" # note; {\n  ".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let any = "[a-z0-9$#;{}'\" \\\\=()ä.-]{0,12}";
    prop_oneof![
        Just("on".to_owned()),
        Just("off".to_owned()),
        any.prop_filter("a tag", |text| !text.contains("{{") && !text.contains("{#")),
    ]
}

/// A value in one of the ways to write it.
fn written() -> impl Strategy<Value = String> {
    (value(), 0..3).prop_map(|(value, style)| match style {
        0 => write(&value),
        1 => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        _ => format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
    })
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "gzip",
        "gzip_vary",
        "add_header A",
        "add_header b",
        "add_header 'B'",
        "ssl_conf_command Options",
        "ssl_ciphers",
        "deny",
        "root",
    ])
    .prop_map(str::to_owned)
}

fn directive() -> impl Strategy<Value = String> {
    (name(), space(), written(), "[ \t]{0,2}").prop_map(|(name, space, value, end)| {
        format!("{name}{space}{value}{end};")
    })
}

fn line() -> impl Strategy<Value = String> {
    let end = || prop::sample::select(vec!["\n", "\r\n", " # why }\n", "", " "]);
    prop_oneof![
        6 => ("[ \t]{0,4}", directive(), end()).prop_map(|(a, b, c)| format!("{a}{b}{c}")),
        1 => Just("# gzip on; { \" \n".to_owned()),
        1 => Just("\n".to_owned()),
        1 => (directive(), directive(), end())
            .prop_map(|(a, b, c)| format!("location / {{\n  {a}\n{b} }}{c}")),
    ]
}

/// Lines, some of them in branches.
fn template() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => line(),
        1 => (line(), line()).prop_map(|(a, b)| format!("{{% if A %}}\n{a}{{% else %}}{b}{{% endif %}}\n")),
        1 => line().prop_map(|a| format!("{{% for a in b %}}\n{a}\n{{% endfor %}}\n")),
        1 => Just("{# gzip on; #}\n".to_owned()),
        1 => Just("gzip {{ A }};\n".to_owned()),
        1 => Just("{{ SNIPPET }}\n".to_owned()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn fragment() -> impl Strategy<Value = String> {
    prop::collection::vec(line(), 0..8).prop_map(|lines| lines.concat())
}

/// Wishes that do not contradict each other.
fn wishes() -> impl Strategy<Value = Vec<Wanted>> {
    let wish = (name(), value(), any::<bool>()).prop_map(|(name, value, present)| {
        let mut all = words(&name).unwrap();
        let name = all.remove(0);
        all.push(value);
        Wanted::new(name, all, present).unwrap()
    });
    prop::collection::vec(wish, 0..5).prop_map(|all| {
        all.into_iter().fold(vec![], |mut kept: Vec<Wanted>, wish| {
            if !kept.iter().any(|other| wish.contradicts(other)) {
                kept.push(wish);
            }
            kept
        })
    })
}

/// Directives that no wish is about, as written.
fn others(text: &[u8], jinja: bool, wishes: &[Wanted]) -> Vec<Vec<u8>> {
    let tree = Tree::parse(text, jinja).unwrap();
    let mut others = vec![];
    for (id, block) in tree.blocks.iter().enumerate() {
        let ours = |it: &&super::super::tree::Directive| {
            id == 0 && wishes.iter().any(|wish| wish.is_setting_of(&it.words))
        };
        let kept = block.directives.iter().filter(|it| !ours(it));
        others.extend(kept.map(|it| text[it.span.clone()].to_vec()));
    }
    others
}

fn holds(before: &str, jinja: bool, wishes: &[Wanted]) -> Result<(), TestCaseError> {
    let first = edit(before.as_bytes(), jinja, &Context::Server, wishes).unwrap();
    let second = edit(&first.text, jinja, &Context::Server, wishes).unwrap();
    prop_assert_eq!(&second.text, &first.text);
    prop_assert!(second.drifts.is_empty());
    prop_assert_eq!(first.drifts.is_empty(), first.text == before.as_bytes());
    prop_assert_eq!(
        others(before.as_bytes(), jinja, wishes),
        others(&first.text, jinja, wishes)
    );
    let tree = Tree::parse(&first.text, jinja).unwrap();
    for wish in wishes {
        let same = tree.blocks[0].directives.iter().filter(|it| {
            wish.is_setting_of(&it.words) && (wish.present || wish.is_value_of(&it.words))
        });
        let same: Vec<_> = same.collect();
        if wish.present {
            prop_assert!(same.len() == 1 || !wish.is_single());
            prop_assert!(same.iter().any(|it| wish.is_value_of(&it.words) && it.branch == 0));
        } else {
            prop_assert!(same.is_empty());
        }
    }
    // Comments are nobody's to touch, unless they stand within a value that is replaced.
    let comments = |text: &str| text.matches("# why }").count();
    let now = String::from_utf8(first.text).unwrap();
    prop_assert_eq!(comments(before), comments(&now));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edited_file_says_what_was_wished_and_all_else_as_before(
        before in fragment(), wishes in wishes()
    ) {
        holds(&before, false, &wishes)?;
    }

    #[test]
    fn an_edited_template_says_what_was_wished_and_all_else_as_before(
        before in template(), wishes in wishes()
    ) {
        holds(&before, true, &wishes)?;
    }

    #[test]
    fn what_is_written_is_read_back(value in "[^\0]{0,20}") {
        prop_assert_eq!(words(&write(&value)).unwrap(), [value]);
    }

    #[test]
    fn no_bytes_make_the_reader_panic_or_edit_by_guess(
        text in "[a-z {}%#;'\"$\\\\\n-]{0,60}", jinja in any::<bool>()
    ) {
        let wishes = [super::wish("a 1")];
        if let Ok(edited) = edit(text.as_bytes(), jinja, &Context::Server, &wishes) {
            let again = edit(&edited.text, jinja, &Context::Server, &wishes).unwrap();
            prop_assert_eq!(again.text, edited.text);
        }
    }
}
