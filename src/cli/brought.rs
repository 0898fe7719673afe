//! Names of hosts and groups that tasks bring while a playbook runs (`add_host`, `group_by`): patterns may
//! choose them though no inventory has them.
use crate::playbook::{Item, Play, could_be};
use crate::source::Node;

/// Such names, as they are written.
#[derive(Debug, Default)]
pub(super) struct Brought(Vec<String>);

impl Brought {
    /// All that the plays can bring.
    pub(super) fn of(plays: &[Play]) -> Self {
        let mut brought = Self::default();
        for play in plays {
            play.walk(&mut |item, _| {
                let Item::Task(task) = item else { return };
                let keys: &[&str] = match task.module.name {
                    "add_host" => &["name", "host", "hostname", "groups", "group", "groupname"],
                    "group_by" => &["key", "parents"],
                    _ => return,
                };
                let nodes = keys.iter().filter_map(|key| task.args.get(key));
                nodes.for_each(|node| brought.names(node));
            });
        }
        brought
    }

    fn names(&mut self, node: &Node) {
        if let Some(items) = node.sequence() {
            items.iter().for_each(|item| self.names(item));
        } else if let Some(text) = node.text() {
            // Commas inside of templates are theirs.
            let parts = if text.contains("{{") { vec![text] } else { text.split(',').collect() };
            self.0.extend(parts.into_iter().map(|part| part.trim().to_owned()));
        }
    }

    /// Whether a name is one that stands there.
    pub(super) fn surely(&self, name: &str) -> bool {
        // Blanks in the name of a group become `-`.
        self.0.iter().any(|known| known == name || known.replace(' ', "-") == name)
    }

    /// Whether a name may be what a template there comes to.
    pub(super) fn maybe(&self, name: &str) -> bool {
        self.surely(name) || self.0.iter().any(|known| could_be(known, name))
    }
}
