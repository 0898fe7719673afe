//! What a name with templates can come out as: every file that it fits is read beforehand, so that it is
//! checked too.
use super::Included;
use super::Item;
use super::load::{Around, Read, Reader, clean, listed};
use super::shape::is_template;
use super::task::plain;
use crate::source::{Diagnostic, Node, Spanned};
use std::path::Path;
use std::sync::Arc;

impl Reader<'_> {
    /// What an `include_tasks` brings in; of a name with templates every file that it can be.
    pub(super) fn included_tasks(
        &mut self,
        file: &Spanned<String>,
        around: &Around,
    ) -> Option<Included> {
        if !is_template(&file.value) {
            return Some(Included::Tasks(Arc::new(self.list_named(file, around)?)));
        }
        let mut candidates: Vec<(String, Arc<Vec<Item>>)> = vec![];
        let mut folders = vec![around.folder.clone()];
        let kind = if around.handlers { "handlers" } else { "tasks" };
        folders.extend(around.role.iter().map(|role| role.join(kind)));
        folders.dedup();
        for folder in &folders {
            for path in self.library.files_below(folder) {
                let Some(name) = path.strip_prefix(folder).ok().and_then(Path::to_str) else {
                    continue;
                };
                let is_new = candidates.iter().all(|(other, _)| other != name);
                if is_new
                    && could_be(&file.value, name)
                    && self.is_tasks_file(&path, around)
                    && let Some(items) = self.list(&path, file.span, around)
                {
                    candidates.push((name.to_owned(), Arc::new(items)));
                }
            }
        }
        if candidates.is_empty() {
            let message = format!("no file that `{}` can name", file.value);
            let help = format!("looked below {}", listed(&folders));
            self.found(Diagnostic::error(file.span, message).help(help));
            return None;
        }
        Some(Included::Templated { file: file.clone(), candidates })
    }

    /// Whether a file whose name just happens to fit can hold tasks: not what is being read, nor
    /// what belongs to a role (when no role asks), nor variables or plays.
    fn is_tasks_file(&mut self, path: &Path, around: &Around) -> bool {
        let is_yaml = path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml");
        let of_roles = around.role.is_none()
            && (self.library.role_paths().iter().any(|roles| path.starts_with(roles))
                || path.starts_with(around.base.join("roles")));
        if !is_yaml || of_roles || self.open.contains(&clean(path)) {
            return false;
        }
        let Read::Node(node) = self.read(path) else { return false };
        let is_play =
            |entry: &Node| {
                entry.get("hosts").is_some()
                    || entry.mapping().into_iter().flatten().any(|(key, _)| {
                        key.text().is_some_and(|key| plain(key) == "import_playbook")
                    })
            };
        node.sequence().is_some_and(|entries| !entries.iter().any(is_play))
    }
}

/// Whether a name with templates can come out as `name`: its literal parts are there, in order.
pub fn could_be(template: &str, name: &str) -> bool {
    let mut literals = vec![];
    let mut rest = template;
    while let Some(open) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        literals.push(&rest[..open]);
        let behind = &rest[open..];
        let close = behind.find("}}").into_iter().chain(behind.find("%}")).min();
        rest = close.map_or("", |close| &behind[close + 2..]);
    }
    let Some((first, middle)) = literals.split_first() else { return template == name };
    let Some(mut left) = name.strip_prefix(first).and_then(|left| left.strip_suffix(rest)) else {
        return false;
    };
    middle.iter().all(|literal| match left.find(literal) {
        Some(at) => {
            left = &left[at + literal.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::could_be;

    #[test]
    fn a_template_can_be_what_has_its_literal_parts_in_order() {
        assert!(could_be("setup-{{ os }}.yml", "setup-debian.yml"));
        assert!(could_be("{{ a }}/x-{{ b }}.yml", "deep/x-1.yml"));
        assert!(could_be("{{ file }}", "any.yml"));
        assert!(!could_be("setup-{{ os }}.yml", "main.yml"));
        assert!(!could_be("setup-{{ os }}.yml", "setup-debian.yaml"));
        assert!(!could_be("a{{ b }}a", "a"));
    }
}
