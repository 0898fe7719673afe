//! What can only be told of a whole play: whether notified handlers are there, and whether arguments
//! without templates have the shape that their module wants.
use super::call::canonical;
use super::candidates::could_be;
use super::load::Reader;
use super::shape::{holds_template, is_template};
use super::walk::Here;
use super::{Item, Keywords, Play, Strategy, Task};
use crate::facts::Observed;
use crate::modules::{Bind, PlanError};
use crate::source::{Diagnostic, Span, Spanned, nearest};
use serde_json::{Map, Value, json};

impl Reader<'_> {
    /// Checks a play that was read without errors of its own.
    pub(super) fn check(&mut self, play: &Play) {
        let mut names: Vec<String> = vec![];
        let mut notified: Vec<&Spanned<String>> = vec![];
        let mut shapes = vec![];
        let mut delegated = vec![];
        play.walk(&mut |item, here| match item {
            Item::Task(task) => {
                delegated.extend(delegate_of(task, here));
                notified.extend(&task.notify);
                if here.handler {
                    let own = task.keywords.name.as_ref();
                    let own = own.map_or(task.module.name, |name| name.value.as_str());
                    handler_names(own, &task.listen, here, &mut names);
                }
                shapes.extend(shape(task, here).map(|finding| (task, finding)));
            }
            Item::Block(block) => notified.extend(&block.keywords.notify),
            Item::Include(include) => {
                notified.extend(&include.apply.notify);
                if here.handler {
                    let own = include.keywords.name.as_ref();
                    let own = own.map_or(include.statement, |name| name.value.as_str());
                    handler_names(own, &include.listen, here, &mut names);
                }
            }
            Item::Meta(_) => {}
        });
        if play.strategy == Strategy::Free {
            for span in delegated {
                let finding = Diagnostic::error(span, "`delegate_to` needs `strategy: linear`");
                self.found(finding.help("each host of this play goes its own way"));
            }
        }
        for (task, finding) in shapes {
            // What is wrong with the keys or the short form was told already.
            let pairs = task.args.mapping().unwrap_or_default().iter();
            let mut spans = pairs.map(|(key, _)| key.span).chain([task.args.span]);
            if !spans.any(|span| self.is_wrong(span)) {
                self.found(finding);
            }
        }
        let is_known = |name: &str| names.iter().any(|known| could_be(known, name));
        for notify in notified {
            let name = notify.value.as_str();
            if is_template(name) || is_known(name) {
                continue;
            }
            let finding = Diagnostic::error(notify.span, format!("no handler is called `{name}`"));
            let finding =
                finding.label("no handler of this play or its roles has or listens to it");
            self.found(match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None if names.is_empty() => finding.help("this play has no handlers"),
                None => finding.help(format!("handlers are `{}`", names.join("`, `"))),
            });
        }
    }
}

/// Where it is said that a task runs on another host.
fn delegate_of(task: &Task, here: &Here<'_>) -> Option<Span> {
    let mut keywords = here.around.iter().copied().chain([&task.keywords]).rev();
    keywords.find_map(|keywords| keywords.delegate_to.as_ref()).map(|delegate| delegate.span)
}

/// The names that a handler can be notified by.
fn handler_names(own: &str, listen: &[Spanned<String>], here: &Here<'_>, names: &mut Vec<String>) {
    let with_role = here.role.map(|role| format!("{} : {own}", role.name));
    let listen = listen.iter().map(|topic| topic.value.clone());
    for name in [own.to_owned()].into_iter().chain(listen).chain(with_role) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
}

/// What a module says of arguments that are known to the last letter.
fn shape(task: &Task, here: &Here<'_>) -> Option<Diagnostic> {
    let defaulted = |keywords: &Keywords| {
        (keywords.module_defaults.iter())
            .any(|(name, _)| crate::modules::find(name).is_some_and(|m| m.name == task.module.name))
    };
    let has_defaults = here.around.iter().copied().chain([&task.keywords]).any(defaulted);
    if holds_template(&task.args) || has_defaults {
        return None;
    }
    let params = as_bound(task);
    let error = (task.module.accepts)(&params).err().or_else(|| hopeless(task, here, &params))?;
    let name = task.module.name;
    let PlanError::Params { path, message } = error else {
        return Some(Diagnostic::error(task.args.span, format!("`{name}`: {error}")));
    };
    let steps: Vec<&str> = path.split(['.', '[', ']']).filter(|step| !step.is_empty()).collect();
    let written = steps.first().map(|first| {
        let keys = task.args.mapping().unwrap_or_default().iter();
        let mut keys = keys.filter_map(|(key, _)| key.text());
        keys.find(|key| canonical(task.module, key) == *first).unwrap_or(first)
    });
    let steps = written.into_iter().chain(steps.iter().skip(1).copied());
    let message = message.replace("missing field", "missing parameter");
    let place = if path.is_empty() { String::new() } else { format!("`{path}`: ") };
    // serde lists what would have been right, each between backticks, the wrong one first.
    let mut words = message.split('`').skip(1).step_by(2);
    let near = words.next().and_then(|wrong| nearest(wrong, words));
    let span = task.args.at(steps).span;
    let finding = Diagnostic::error(span, format!("`{name}`: {place}{message}"));
    Some(match near {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding,
    })
}

/// What a module says to arguments before it knows anything of a host. That a task fails is what it may
/// be for, unless it is certain to run and nothing forgives it.
fn hopeless(task: &Task, here: &Here<'_>, params: &Value) -> Option<PlanError> {
    let error = (task.module.plan)(params, &Observed::default()).err()?;
    let keywords = &task.keywords;
    let forgiven = here.maybe
        || here.handler
        || ["fail", "assert"].contains(&task.module.name)
        || !keywords.when.is_empty()
        || keywords.ignore_errors.is_some()
        || task.failed_when.is_some();
    (!forgiven && !matches!(error, PlanError::Unasked(_))).then_some(error)
}

/// Arguments as the binder will hand them over, files and conditions stood in for.
fn as_bound(task: &Task) -> Value {
    let mut params = Map::new();
    for (key, node) in task.args.mapping().unwrap_or_default() {
        let name = canonical(task.module, key.text().unwrap_or_default());
        let option = task.module.options.iter().find(|option| option.name == name);
        let value = node.to_value();
        let bound = match option.map_or(Bind::Value, |option| option.bind) {
            Bind::Value | Bind::Raw => value,
            Bind::Condition => match value {
                Value::Array(items) => items.into_iter().map(condition).collect(),
                one => vec![condition(one)].into(),
            },
            Bind::Expression => json!({"expression": value, "value": null}),
            Bind::File | Bind::Program | Bind::Template => {
                let is_remote = task
                    .args
                    .get("remote_src")
                    .is_some_and(|node| super::shape::literal_flag(node) == Some(true));
                if !is_remote {
                    params.insert("_source".into(), json!({"path": value, "content": ""}));
                }
                value
            }
        };
        params.insert(name.to_owned(), bound);
    }
    params.into()
}

fn condition(value: Value) -> Value {
    let text = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    json!({"expression": text, "holds": true})
}
