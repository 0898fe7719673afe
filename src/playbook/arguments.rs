//! Whether values are what a role's argument specification says. Lenient where Ansible is: text
//! that reads as a number or as true or false is taken for one. Pure: values come rendered.
use super::shape::word;
use super::{ArgumentOption, ArgumentSpec};
use crate::source::{Diagnostic, Span, Spanned, nearest};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is wrong with `values`: the arguments of a role by name, rendered, with every other variable
/// that begins like them. Each finding comes with the name of the argument that it is about.
/// `places` says where values were written; without, a finding points at the specification.
pub fn check(
    spec: &ArgumentSpec,
    values: &Map<String, Value>,
    places: &BTreeMap<String, Span>,
) -> Vec<(String, Diagnostic)> {
    let mut found = vec![];
    let names: Vec<&str> = spec.options.iter().map(|(name, _)| name.value.as_str()).collect();
    let is_known = |name: &&String| names.contains(&name.as_str()) || spec.internal.contains(name);
    for name in values.keys().filter(|name| !is_known(name)) {
        let finding = at(places.get(name).copied(), format!("the role has no argument `{name}`"));
        let shared = prefix(&names);
        let own = |name: &str| name.get(shared..).map(str::to_owned);
        let near = own(name).and_then(|word| {
            let words: Vec<_> = names.iter().filter_map(|name| own(name)).collect();
            let near = nearest(&word, words.iter().map(String::as_str))?;
            names.iter().find(|name| name.get(shared..) == Some(near))
        });
        // Others are the role's own business, as in Ansible; this one was misspelt.
        let Some(near) = near else { continue };
        found.push((name.clone(), finding.help(format!("did you mean `{near}`?"))));
    }
    for (name, option) in &spec.options {
        let place = places.get(&name.value).copied().unwrap_or(name.span);
        let problems = check_one(&name.value, option, values.get(&name.value), place);
        found.extend(problems.into_iter().map(|finding| (name.value.clone(), finding)));
    }
    found
}

/// What is wrong with the value of one argument, told at `place`.
pub fn check_one(
    name: &str,
    option: &ArgumentOption,
    value: Option<&Value>,
    place: Span,
) -> Vec<Diagnostic> {
    let mut problems = vec![];
    argument(name, option, value, &mut problems);
    let told = |problem: Problem| Diagnostic {
        help: problem.help.or_else(|| described(option)),
        ..Diagnostic::error(place, problem.message)
    };
    problems.into_iter().map(told).collect()
}

struct Problem {
    message: String,
    help: Option<String>,
}

impl Problem {
    fn new(message: String) -> Self {
        Self { message, help: None }
    }
}

fn at(place: Option<Span>, message: String) -> Diagnostic {
    match place {
        Some(span) => Diagnostic::error(span, message),
        None => Diagnostic::general(message),
    }
}

/// How many bytes all names begin with alike, up to and with the last `_`.
fn prefix(names: &[&str]) -> usize {
    let Some((first, others)) = names.split_first() else { return 0 };
    let alike = |name: &&str| first.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    let shared = others.iter().map(alike).min().unwrap_or(0);
    // `_` is one byte, so the cut is between characters.
    first.as_bytes()[..shared].iter().rposition(|b| *b == b'_').map_or(0, |at| at + 1)
}

fn described(option: &ArgumentOption) -> Option<String> {
    option.description.first().map(|text| format!("it is for: {}", text.trim()))
}

fn argument(path: &str, option: &ArgumentOption, value: Option<&Value>, out: &mut Vec<Problem>) {
    let Some(value) = value else {
        if option.required {
            out.push(Problem::new(format!("`{path}` is required and not set")));
        }
        return;
    };
    if value.is_null() {
        if option.required {
            out.push(Problem::new(format!("`{path}` is required and has no value")));
        }
        return;
    }
    if !is(&option.kind, value) {
        let shown = shown(value, option.no_log);
        let kind = named(&option.kind);
        out.push(Problem::new(format!("`{path}` must be {kind}, not {shown}")));
        return;
    }
    let items = match (option.kind.as_str(), value) {
        ("list", Value::Array(items)) => items.clone(),
        ("list", Value::String(text)) => text.split(',').map(Value::from).collect(),
        ("list", one) => vec![one.clone()],
        _ => vec![],
    };
    if let Some(kind) = &option.elements {
        for (index, item) in items.iter().enumerate().filter(|(_, item)| !is(kind, item)) {
            let shown = shown(item, option.no_log);
            let kind = named(kind);
            out.push(Problem::new(format!("`{path}[{index}]` must be {kind}, not {shown}")));
        }
    }
    if !option.choices.is_empty() {
        let chosen = if option.kind == "list" { &items[..] } else { std::slice::from_ref(value) };
        let is_wrong = |item: &&Value| !option.choices.iter().any(|choice| same(choice, item));
        if let Some(wrong) = chosen.iter().find(is_wrong) {
            out.push(choice(path, option, wrong));
        }
    }
    if !option.options.is_empty() {
        match value {
            Value::Object(_) => nested(path, &option.options, value, out),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    nested(&format!("{path}[{index}]"), &option.options, item, out);
                }
            }
            _ => {}
        }
    }
}

fn nested(
    path: &str,
    options: &[(Spanned<String>, ArgumentOption)],
    value: &Value,
    out: &mut Vec<Problem>,
) {
    let Value::Object(values) = value else { return };
    let names = || options.iter().map(|(name, _)| name.value.as_str());
    for key in values.keys().filter(|key| !names().any(|name| name == key.as_str())) {
        let help = nearest(key, names()).map(|near| format!("did you mean `{near}`?"));
        out.push(Problem { message: format!("`{path}` has no key `{key}`"), help });
    }
    for (name, option) in options {
        let path = format!("{path}.{}", name.value);
        argument(&path, option, values.get(&name.value), out);
    }
}

fn choice(path: &str, option: &ArgumentOption, value: &Value) -> Problem {
    let known: Vec<_> = option.choices.iter().map(plain).collect();
    let near = value.as_str().and_then(|word| nearest(word, known.iter().map(String::as_str)));
    let help = near.map(|near| format!("did you mean `{near}`?"));
    let shown = shown(value, option.no_log);
    Problem { message: format!("`{path}` must be one of {}, not {shown}", known.join(", ")), help }
}

fn named(kind: &str) -> &'static str {
    match kind {
        "bool" => "true or false",
        "dict" => "a mapping",
        "float" => "a number",
        "int" => "a whole number",
        "list" => "a list",
        "path" => "a path",
        "raw" => "a value",
        _ => "text",
    }
}

/// Whether a value is of a type, or Ansible would make it one.
fn is(kind: &str, value: &Value) -> bool {
    match (kind, value) {
        ("raw", _)
        | ("str" | "path", Value::String(_))
        | ("str", Value::Number(_) | Value::Bool(_))
        | ("bool", Value::Bool(_))
        | ("float", Value::Number(_))
        | ("list", Value::Array(_) | Value::String(_) | Value::Number(_))
        | ("dict", Value::Object(_)) => true,
        ("bool", Value::String(text)) => word(text.trim()).is_some(),
        ("bool", Value::Number(n)) => matches!(n.as_f64(), Some(0.0 | 1.0)),
        ("int", Value::Number(n)) => n.is_i64() || n.is_u64() || n.as_f64().is_some_and(is_whole),
        ("int", Value::String(text)) => text.trim().parse::<i64>().is_ok(),
        ("float", Value::String(text)) => text.trim().parse::<f64>().is_ok(),
        ("dict", Value::String(text)) => serde_json::from_str::<Map<String, Value>>(text).is_ok(),
        _ => false,
    }
}

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0
}

/// Whether a value is a choice; types apart, as Ansible compares after conversion.
fn same(choice: &Value, value: &Value) -> bool {
    let truth = |value: &Value| match value {
        Value::Bool(b) => Some(*b),
        _ => None,
    };
    match (truth(choice), value) {
        (Some(choice), Value::String(text)) => word(text) == Some(choice),
        _ => choice == value || plain(choice) == plain(value),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value as a message may show it.
fn shown(value: &Value, secret: bool) -> String {
    const LONGEST: usize = 60;
    match value {
        Value::Object(_) => "a mapping".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        _ if secret => "what was given".to_owned(),
        other => {
            let text = other.to_string();
            let cut: String = text.chars().take(LONGEST).collect();
            if cut.len() < text.len() { format!("{cut}…") } else { cut }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;
    use serde_json::json;

    const SPEC: &str = "
argument_specs:
  main:
    short_description: hardens
    options:
      mail_port: {type: int, description: the port}
      mail_on: {type: bool, default: true}
      mail_grade: {choices: [high, medium]}
      mail_names: {type: list, elements: str}
      mail_key: {required: true, no_log: true, type: int}
      mail_deep:
        type: dict
        options:
          depth: {type: float, required: true}
";

    fn spec() -> ArgumentSpec {
        let mut sources = SourceMap::default();
        let file = sources.add("spec.yml", SPEC);
        let node = crate::source::parse_one(&sources, file, &mut vec![]).unwrap().unwrap();
        let library = super::super::tests::Files::default();
        let mut reader = super::super::load::Reader::new(&library, &mut sources);
        let mut spec = reader.argument_spec(node.get("argument_specs").unwrap(), "main").unwrap();
        spec.internal.push("mail_internal".into());
        assert_eq!(reader.findings(), Ok(vec![]));
        spec
    }

    fn problems(mut values: Value) -> Vec<String> {
        let values = values.as_object_mut().unwrap();
        values.entry("mail_key").or_insert(1.into());
        let found = check(&spec(), values, &BTreeMap::new());
        let text = |(_, finding): (String, Diagnostic)| {
            let help = finding.help.map(|help| format!(" ({help})")).unwrap_or_default();
            finding.message + &help
        };
        found.into_iter().map(text).collect()
    }

    #[test]
    fn text_that_reads_as_the_type_is_taken_for_it() {
        let values = json!({
            "mail_port": "25", "mail_on": "yes", "mail_grade": "high", "mail_names": "a,b",
            "mail_internal": 1, "mail_deep": {"depth": "1.5"},
        });
        assert_eq!(problems(values), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_read_as_the_type_is_told_with_what_it_is_for() {
        let found = problems(json!({"mail_port": "many", "mail_on": "maybe", "mail_names": {}}));
        assert_eq!(
            found,
            [
                "`mail_port` must be a whole number, not \"many\" (it is for: the port)",
                "`mail_on` must be true or false, not \"maybe\"",
                "`mail_names` must be a list, not a mapping",
            ]
        );
    }

    #[test]
    fn an_unknown_name_is_told_when_one_is_near_behind_the_shared_prefix() {
        let found = problems(json!({"mail_prot": 25, "mail_something": 1}));
        assert_eq!(found, ["the role has no argument `mail_prot` (did you mean `mail_port`?)"]);
    }

    #[test]
    fn a_choice_is_one_of_those_that_there_are() {
        let found = problems(json!({"mail_grade": "hihg"}));
        let wanted =
            "`mail_grade` must be one of high, medium, not \"hihg\" (did you mean `high`?)";
        assert_eq!(found, [wanted]);
    }

    #[test]
    fn keys_and_items_inside_are_checked_too() {
        let found = problems(json!({"mail_deep": {"dpeth": 1}, "mail_names": ["a", ["b"]]}));
        assert_eq!(
            found,
            [
                "`mail_names[1]` must be text, not a list",
                "`mail_deep` has no key `dpeth` (did you mean `depth`?)",
                "`mail_deep.depth` is required and not set",
            ]
        );
    }

    #[test]
    fn what_is_required_must_be_there_and_a_secret_is_not_shown() {
        assert_eq!(
            problems(json!({"mail_key": null})),
            ["`mail_key` is required and has no value"]
        );
        let found = problems(json!({"mail_key": "hunter2"}));
        assert_eq!(found, ["`mail_key` must be a whole number, not what was given"]);
    }

    #[test]
    fn what_is_wrong_is_told_where_it_was_written_or_where_it_is_described() {
        let spec = spec();
        let [place, other] = [0, 1].map(|index: usize| spec.options[index].0.span);
        let values = json!({"mail_on": 7}).as_object().unwrap().clone();
        let places = BTreeMap::from([("mail_on".to_owned(), place)]);
        let found = check(&spec, &values, &places);
        assert_eq!(found[0].1.span, Some(place));
        assert_ne!(place, other);
        assert_eq!(found[1].0, "mail_key");
        assert_eq!(found[1].1.span, Some(spec.options[4].0.span));
    }
}
