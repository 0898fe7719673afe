//! `action` and `local_action`: the module as a value. They become what they mean: the module as a key,
//! and for the local one `delegate_to: localhost` beside it.
use super::call::{part, scalar};
use super::load::Reader;
use super::shape::kind;
use crate::source::{Diagnostic, Kind, Node};

impl Reader<'_> {
    /// A task without them; `None` when it has neither, or none that can be read.
    pub(super) fn without_action(&mut self, node: &Node) -> Option<Node> {
        let pairs = node.mapping()?;
        let is_action = |key: &Node| matches!(key.text(), Some("action" | "local_action"));
        let (key, value) = pairs.iter().find(|(key, _)| is_action(key))?;
        let call = called(value);
        if call.is_none() {
            let message = format!("`{}` names no module", key.text().unwrap_or_default());
            let finding = Diagnostic::error(value.span, message).label(kind(value));
            self.found(finding.help("write the module's name as a key: `copy: …`"));
        }
        let mut rest: Vec<_> = pairs.iter().filter(|(other, _)| other != key).cloned().collect();
        rest.extend(call);
        let delegated = rest.iter().any(|(key, _)| key.text() == Some("delegate_to"));
        if key.text() == Some("local_action") && !delegated {
            let word = |word: &str| scalar(word.to_owned(), key.span);
            rest.push((word("delegate_to"), word("localhost")));
        }
        Some(Node { span: node.span, tag: None, kind: Kind::Mapping(rest) })
    }
}

/// The module and its arguments: `debug msg=hi`, or a mapping with `module`.
fn called(value: &Node) -> Option<(Node, Node)> {
    if let Some(pairs) = value.mapping() {
        let (_, module) = pairs.iter().find(|(key, _)| key.text() == Some("module"))?;
        let rest = pairs.iter().filter(|(key, _)| key.text() != Some("module")).cloned();
        let kind = Kind::Mapping(rest.collect());
        return Some((module.clone(), Node { span: value.span, tag: None, kind }));
    }
    let text = value.str()?;
    let begin = text.len() - text.trim_start().len();
    let name = text[begin..].split_whitespace().next()?;
    let behind = begin + name.len();
    let rest = behind + text[behind..].len() - text[behind..].trim_start().len();
    let module = scalar(name.to_owned(), part(value, text, &(begin..behind)));
    let args = scalar(text[rest..].to_owned(), part(value, text, &(rest..text.len())));
    Some((module, args))
}
