//! Blocks: `block`, `rescue`, `always`.
use super::Block;
use super::keywords::{Fields, Place};
use super::load::{Around, Reader};
use crate::source::{Diagnostic, Node};

impl Reader<'_> {
    /// A mapping that has one of a block's keys.
    pub(super) fn block(&mut self, node: &Node, around: &Around) -> Block {
        let mut fields = Fields::sort(node.mapping().unwrap_or_default(), Place::Block, self);
        fields.refuse_others(&[], self);
        let keywords = self.keywords(&mut fields);
        let parts = ["block", "rescue", "always"].map(|part| fields.pair(part));
        fields.done();
        let has_block = node.get("block").is_some();
        for (key, _) in parts.iter().skip(1).flatten() {
            let part = key.text().unwrap_or_default();
            if !has_block {
                self.error(key.span, format!("`{part}` needs a `block` beside it"));
            } else if around.handlers {
                self.error(key.span, format!("`{part}` is not supported among handlers"));
            }
        }
        let [items, rescue, always] =
            parts.map(|part| part.map_or(vec![], |(_, items)| self.items(items, around)));
        if items.is_empty() && has_block && node.get("block").is_some_and(super::shape::is_null) {
            let finding = Diagnostic::error(node.span, "this block is empty");
            self.found(finding.help("write `block: []` if it is meant to be"));
        }
        Block { span: node.span, keywords, items, rescue, always, role: None, public: false }
    }
}
