//! Blocks: `block`, `rescue`, `always`.
use super::keywords::{Fields, Place};
use super::load::{Around, Reader};
use super::{Block, Include, Included, Item, Keywords};
use crate::source::{Diagnostic, Node};
use std::sync::Arc;

impl Reader<'_> {
    /// A mapping that has one of a block's keys. With a loop it is an include of itself: what is in it
    /// runs once for each item.
    pub(super) fn block(&mut self, node: &Node, around: &Around) -> Item {
        let mut fields = Fields::sort(node.mapping().unwrap_or_default(), Place::Block, self);
        let repeat = self.repeat(&mut fields, Place::Block);
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
        let bearable = self.bearable(node.span);
        self.blocks += 1;
        let parts = parts.map(|part| part.filter(|_| bearable));
        let [items, rescue, always] =
            parts.map(|part| part.map_or(vec![], |(_, items)| self.items(items, around)));
        self.blocks -= 1;
        if items.is_empty() && has_block && node.get("block").is_some_and(super::shape::is_null) {
            let finding = Diagnostic::error(node.span, "this block is empty");
            self.found(finding.help("write `block: []` if it is meant to be"));
        }
        let span = node.span;
        let block = Block { span, keywords, items, rescue, always, role: None, public: false };
        let block = Item::Block(Arc::new(block));
        if repeat.is_none() {
            return block;
        }
        Item::Include(Arc::new(Include {
            span,
            statement: "block",
            keywords: Keywords::default(),
            what: Included::Tasks(Arc::new(vec![block])),
            repeat,
            apply: Keywords::default(),
            register: None,
            listen: vec![],
        }))
    }
}
