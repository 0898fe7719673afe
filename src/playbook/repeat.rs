//! `loop`, `with_*` and `loop_control`.
use super::Loop;
use super::keywords::{Fields, Place, suggest};
use super::load::Reader;
use super::shape::{Shape, is_null, is_template, literal_flag, text, value, values};
use crate::source::{Diagnostic, Kind, Node, Scalar};

/// Lookups that `with_…` can name.
pub const LOOKUPS: &[&str] = &[
    "cartesian",
    "csvfile",
    "dict",
    "env",
    "file",
    "fileglob",
    "first_found",
    "flattened",
    "indexed_items",
    "ini",
    "inventory_hostnames",
    "items",
    "lines",
    "list",
    "nested",
    "password",
    "pipe",
    "random_choice",
    "sequence",
    "subelements",
    "template",
    "together",
    "unvault",
    "varnames",
    "vars",
];

const CONTROLS: &[(&str, Shape)] = &[
    ("loop_var", Shape::Text),
    ("index_var", Shape::Text),
    ("label", Shape::Any),
    ("pause", Shape::Number),
    ("extended", Shape::Flag),
    ("extended_allitems", Shape::Flag),
    ("break_when", Shape::Conditions),
];

impl Reader<'_> {
    /// The loop of a task, taken out of its fields.
    pub(super) fn repeat(&mut self, fields: &mut Fields<'_>, place: Place) -> Option<Loop> {
        let is_with = |key: &Node| key.text().is_some_and(|key| key.starts_with("with_"));
        let (withs, others) = fields.others.drain(..).partition(|(key, _)| is_with(key));
        fields.others = others;
        let withs: Vec<(&Node, &Node)> = withs;
        if let (Some((key, _)), Place::Import | Place::Meta) = (withs.first(), place) {
            let message = format!("{} can't be looped", place.text());
            let mut finding = Diagnostic::error(key.span, message);
            if place == Place::Import {
                finding = finding.help("use `include_tasks` or `include_role`");
            }
            self.found(finding);
            return None;
        }
        let control = fields.pair("loop_control");
        let mut loops =
            fields.pair("loop").into_iter().map(|pair| (pair, None)).collect::<Vec<_>>();
        loops.extend(withs.into_iter().map(|pair| (pair, pair.0.text())));
        if let Some(((key, _), _)) = loops.get(1) {
            self.error(key.span, "a task has one loop, this one has two");
        }
        let Some(((key, over), with)) = loops.into_iter().next() else {
            if let Some((key, _)) = control {
                let message = "`loop_control` does nothing without a loop";
                self.found(Diagnostic::error(key.span, message).warning());
            }
            return None;
        };
        let lookup = with.map(|with| self.lookup(key, with));
        if lookup.is_none() && !is_list(over) {
            let message = "`loop` must be a list";
            let help = "write a list, or a template that gives one";
            self.found(Diagnostic::error(over.span, message).help(help));
        } else if is_null(over) {
            self.error(over.span, "there is nothing to loop over");
        }
        let mut repeat = Loop {
            lookup,
            over: value(over),
            variable: "item".to_owned(),
            index: None,
            label: None,
            pause: None,
            extended: false,
            all_items: true,
            break_when: vec![],
        };
        if let Some((_, control)) = control {
            self.control(control, &mut repeat);
        }
        Some(repeat)
    }

    fn lookup(&mut self, key: &Node, with: &str) -> String {
        let lookup = with.trim_start_matches("with_");
        if !LOOKUPS.contains(&lookup) {
            let message = format!("`{with}` is not supported");
            let finding = Diagnostic::error(key.span, message);
            let known: Vec<_> = LOOKUPS.iter().map(|name| format!("with_{name}")).collect();
            self.found(suggest(finding, with, known.iter().map(String::as_str)));
        }
        lookup.to_owned()
    }

    fn control(&mut self, node: &Node, repeat: &mut Loop) {
        for (key, value_node) in node.mapping().unwrap_or_default() {
            let name = key.text().unwrap_or_default();
            let Some((_, shape)) = CONTROLS.iter().find(|(control, _)| *control == name) else {
                let message = format!("`{name}` is not a part of `loop_control`");
                let known = CONTROLS.iter().map(|(control, _)| *control);
                self.found(suggest(Diagnostic::error(key.span, message), name, known));
                continue;
            };
            if let Some(finding) = shape.misfit(name, value_node) {
                self.found(finding);
                continue;
            }
            match name {
                "loop_var" | "index_var" => {
                    let variable = text(value_node);
                    self.name(&variable, "a variable");
                    match name {
                        "loop_var" => repeat.variable = variable.value,
                        _ => repeat.index = Some(variable.value),
                    }
                }
                "label" => repeat.label = Some(value(value_node)),
                "pause" => repeat.pause = Some(value(value_node)),
                "break_when" => repeat.break_when = values(value_node),
                _ => match (name, literal_flag(value_node)) {
                    ("extended", Some(extended)) => repeat.extended = extended,
                    (_, Some(all_items)) => repeat.all_items = all_items,
                    _ => self.error(value_node.span, format!("`{name}` can't hold a template")),
                },
            }
        }
    }
}

/// Whether a value is a list, or a template that can give one.
fn is_list(node: &Node) -> bool {
    match &node.kind {
        Kind::Sequence(_) => true,
        Kind::Scalar { value: Scalar::String(text), .. } => is_template(text),
        _ => false,
    }
}
