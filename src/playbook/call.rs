//! The arguments of a module as a task gives them: mapping, short form, free form and `args:`
//! become one mapping, whose keys the module must know.
use super::keywords::suggest;
use super::load::Reader;
use super::shape::{is_null, kind};
use super::short;
use crate::modules::ModuleDef;
use crate::source::{Diagnostic, Kind, Node, Position, Scalar, Span};
use std::ops::Range;

impl Reader<'_> {
    /// The arguments of a call of `module`, one mapping.
    pub(super) fn arguments(
        &mut self,
        module: &'static ModuleDef,
        value: &Node,
        more: Option<&Node>,
    ) -> Node {
        let mut pairs = self.pairs(module, value);
        if let Some(more) = more {
            for (key, value) in self.pairs(module, more) {
                if pairs.iter().any(|(other, _)| other.text() == key.text()) {
                    let message = format!("`{}` is given twice", key.text().unwrap_or_default());
                    let label = "this one does nothing";
                    self.found(Diagnostic::error(key.span, message).label(label).warning());
                } else {
                    pairs.push((key, value));
                }
            }
        }
        self.keys(module, pairs.iter().map(|(key, _)| key));
        Node { span: value.span, tag: None, kind: Kind::Mapping(pairs) }
    }

    /// Tells of arguments that a module does not know, or that are given under two names.
    pub(super) fn keys<'n>(
        &mut self,
        module: &'static ModuleDef,
        given: impl Iterator<Item = &'n Node>,
    ) {
        let names = (module.keys)();
        // A module whose parameters have no fixed names takes any.
        if names.is_empty() {
            return;
        }
        let aliases = module.options.iter().flat_map(|option| option.aliases);
        let known: Vec<&str> =
            names.iter().chain(aliases).copied().filter(|name| !name.starts_with('_')).collect();
        let mut seen: Vec<(&str, &str)> = vec![];
        for key in given {
            let written = key.text().unwrap_or_default();
            let name = canonical(module, written);
            let refused = module.refused.iter().copied().flatten();
            if let Some((_, why)) = refused.clone().find(|(refused, _)| *refused == written) {
                let message = format!("`{written}` of `{}` is not supported", module.name);
                self.found(Diagnostic::error(key.span, message).help(*why));
            } else if !known.contains(&written) {
                let message = format!("`{}` has no parameter `{written}`", module.name);
                let finding = Diagnostic::error(key.span, message)
                    .label(format!("it has {}", listed(&known)));
                self.found(suggest(finding, written, known.iter().copied()));
            } else if let Some((_, other)) = seen.iter().find(|(other, _)| *other == name) {
                let message = format!("`{other}` and `{written}` are the same parameter");
                self.error(key.span, message);
            }
            seen.push((name, written));
        }
    }

    /// What a mapping or a text gives.
    fn pairs(&mut self, module: &'static ModuleDef, node: &Node) -> Vec<(Node, Node)> {
        match &node.kind {
            Kind::Mapping(pairs) => pairs.clone(),
            _ if is_null(node) => vec![],
            Kind::Scalar { text, .. } => self.short(module, node, text),
            Kind::Sequence(_) => {
                let message = format!("`{}` takes a mapping of arguments", module.name);
                self.found(Diagnostic::error(node.span, message).label(kind(node)));
                vec![]
            }
        }
    }

    fn short(&mut self, module: &'static ModuleDef, node: &Node, text: &str) -> Vec<(Node, Node)> {
        let short =
            match short::parse(text, module.free_form.is_some()) {
                Ok(short) => short,
                Err(message) => {
                    self.found(Diagnostic::error(node.span, message).help(
                        "quotes must come in pairs here; a mapping (`cmd: …`) has no such rule",
                    ));
                    return vec![];
                }
            };
        let mut pairs: Vec<_> = (short.pairs.into_iter())
            .map(|pair| {
                let span = part(node, text, &pair.range);
                (scalar(pair.key, span), scalar(pair.value, span))
            })
            .collect();
        match (short.free, module.free_form) {
            (None, _) => {}
            (Some((free, range)), Some(name)) => {
                let span = part(node, text, &range);
                pairs.insert(0, (scalar(name.to_owned(), span), scalar(free, span)));
            }
            (Some((free, range)), None) => {
                let message = format!("`{}` takes no free text", module.name);
                let help = "write a mapping of arguments, or `name=value`";
                let finding = Diagnostic::error(part(node, text, &range), message);
                self.found(finding.label(format!("`{free}` is not `name=value`")).help(help));
            }
        }
        pairs
    }
}

/// `name=mail tasks_from=install` as a mapping; `None` when a node is not of that kind.
pub(super) fn short_options(node: &Node) -> Option<Node> {
    let text = node.str()?;
    let short = short::parse(text, false).ok()?;
    if short.free.is_some() || short.pairs.is_empty() {
        return None;
    }
    let pairs = short.pairs.into_iter().map(|pair| {
        let span = part(node, text, &pair.range);
        (scalar(pair.key, span), scalar(pair.value, span))
    });
    Some(Node { span: node.span, tag: None, kind: Kind::Mapping(pairs.collect()) })
}

/// The name by which a module knows a parameter that may be given under another one.
pub(super) fn canonical<'a>(module: &'static ModuleDef, written: &'a str) -> &'a str {
    (module.options.iter())
        .find(|option| option.aliases.contains(&written))
        .map_or(written, |option| option.name)
}

fn listed(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// A scalar that was made from a part of another one.
pub(super) fn scalar(text: String, span: Span) -> Node {
    let value = Scalar::String(text.clone());
    Node { span, tag: None, kind: Kind::Scalar { value, text, plain: false } }
}

/// Where a part of a scalar's text was written: exact when it stands on one line without escapes,
/// else the whole scalar.
pub(super) fn part(node: &Node, text: &str, range: &Range<usize>) -> Span {
    let span = node.span;
    let length = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let written = span.end.column.saturating_sub(span.start.column);
    let quotes = written.saturating_sub(length(text));
    if span.start.line != span.end.line || ![0, 2].contains(&quotes) {
        return span;
    }
    let at = |byte: usize| Position {
        line: span.start.line,
        column: span.start.column + quotes / 2 + length(&text[..byte]),
    };
    Span { file: span.file, start: at(range.start), end: at(range.end) }
}
