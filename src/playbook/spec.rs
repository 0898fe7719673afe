//! `meta/argument_specs.yml`: what a role takes, read strictly.
use super::keywords::suggest;
use super::load::Reader;
use super::shape::{Shape, is_null, kind, literal_flag, text, texts};
use super::{ArgumentOption, ArgumentSpec};
use crate::source::{Diagnostic, Node, Spanned};

/// Types that an argument can have.
pub const TYPES: &[&str] = &["bool", "dict", "float", "int", "list", "path", "raw", "str"];

const ENTRY: &[(&str, Shape)] = &[
    ("author", Shape::Texts),
    ("description", Shape::Texts),
    ("options", Shape::Any),
    ("short_description", Shape::Text),
    ("version_added", Shape::Text),
];

const OPTION: &[(&str, Shape)] = &[
    ("choices", Shape::Any),
    ("default", Shape::Any),
    ("description", Shape::Texts),
    ("elements", Shape::Text),
    ("no_log", Shape::Flag),
    ("options", Shape::Any),
    ("required", Shape::Flag),
    ("type", Shape::Text),
    ("version_added", Shape::Text),
];

/// The entry point that belongs to a file of tasks: its name without its ending.
pub(super) fn entry_point(tasks: &str) -> &str {
    tasks.rsplit_once('.').map_or(tasks, |(stem, _)| stem)
}

impl Reader<'_> {
    /// The entry point `entry`, if there is one; all others are read too, for what is wrong in them.
    pub(super) fn argument_spec(&mut self, node: &Node, entry: &str) -> Option<ArgumentSpec> {
        let Some(entries) = node.mapping() else {
            let message = "`argument_specs` must be a mapping of entry points";
            self.found(Diagnostic::error(node.span, message).label(kind(node)));
            return None;
        };
        let mut found = None;
        for (key, value) in entries {
            let spec = self.spec_entry(value);
            if key.text() == Some(entry) {
                found = Some(spec);
            }
        }
        found
    }

    fn spec_entry(&mut self, node: &Node) -> ArgumentSpec {
        let mut spec = ArgumentSpec::default();
        for (key, value) in self.spec_keys(node, "an entry point", ENTRY) {
            match key {
                "short_description" => spec.summary = Some(text(value).value),
                "description" => spec.description = plain(value),
                "options" => {
                    spec.options = self.spec_options(value);
                    // Arguments are variables; keys of a dict below may have any name.
                    for (name, _) in &spec.options {
                        self.name(name, "an argument");
                    }
                }
                _ => {}
            }
        }
        // Those at the top are variables; inside a dict any key may stand.
        spec.options.iter().for_each(|(name, _)| self.name(name, "an argument"));
        spec
    }

    fn spec_options(&mut self, node: &Node) -> Vec<(Spanned<String>, ArgumentOption)> {
        let Some(pairs) = node.mapping() else {
            if !is_null(node) {
                let finding = Diagnostic::error(node.span, "`options` must be a mapping");
                self.found(finding.label(kind(node)));
            }
            return vec![];
        };
        pairs.iter().map(|(key, value)| (text(key), self.spec_option(value))).collect()
    }

    fn spec_option(&mut self, node: &Node) -> ArgumentOption {
        let mut option = ArgumentOption { kind: "str".to_owned(), ..ArgumentOption::default() };
        for (key, value) in self.spec_keys(node, "an argument", OPTION) {
            match key {
                "type" => option.kind = self.spec_type(value),
                "elements" => option.elements = Some(self.spec_type(value)),
                "required" => option.required = self.spec_flag(key, value),
                "no_log" => option.no_log = self.spec_flag(key, value),
                "default" => option.default = Some(value.to_value()),
                "description" => option.description = plain(value),
                "options" => option.options = self.spec_options(value),
                "choices" => match value.sequence() {
                    Some(choices) => option.choices = choices.iter().map(Node::to_value).collect(),
                    None => self.error(value.span, "`choices` must be a list"),
                },
                _ => {}
            }
        }
        if let (true, Some(default)) = (option.required, node.get("default")) {
            let message = "an argument that is required needs no default";
            self.found(Diagnostic::error(default.span, message).help("remove one of the two"));
        }
        for (key, kind) in [("elements", "list"), ("options", "dict")] {
            let fits = option.kind == kind
                || (key == "options" && option.elements.as_deref() == Some("dict"));
            if let (Some(value), false) = (node.get(key), fits) {
                let message = format!("`{key}` needs `type: {kind}`");
                self.error(value.span, message);
            }
        }
        option
    }

    fn spec_type(&mut self, node: &Node) -> String {
        let word = text(node).value;
        if !TYPES.contains(&word.as_str()) {
            let finding = Diagnostic::error(node.span, format!("`{word}` is not a type"));
            let finding = finding.label(format!("types are {}", TYPES.join(", ")));
            self.found(suggest(finding, &word, TYPES.iter().copied()));
            return "raw".to_owned();
        }
        word
    }

    fn spec_flag(&mut self, name: &str, node: &Node) -> bool {
        literal_flag(node).unwrap_or_else(|| {
            self.error(node.span, format!("`{name}` must be `true` or `false`"));
            false
        })
    }

    /// The pairs of a mapping whose keys are known and whose values have the right shape.
    fn spec_keys<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[(&str, Shape)],
    ) -> Vec<(&'n str, &'n Node)> {
        let Some(pairs) = node.mapping() else {
            if !is_null(node) {
                let finding = Diagnostic::error(node.span, format!("{what} must be a mapping"));
                self.found(finding.label(kind(node)));
            }
            return vec![];
        };
        let mut out = vec![];
        for (key, value) in pairs {
            let word = key.text().unwrap_or_default();
            match known.iter().find(|(name, _)| *name == word) {
                None => {
                    let message = format!("`{word}` is not supported in {what}");
                    let finding = Diagnostic::error(key.span, message);
                    self.found(suggest(finding, word, known.iter().map(|(name, _)| *name)));
                }
                Some((_, shape)) => match shape.misfit(word, value) {
                    Some(finding) => self.found(finding),
                    None => out.push((word, value)),
                },
            }
        }
        out
    }
}

fn plain(node: &Node) -> Vec<String> {
    texts(node).into_iter().map(|text| text.value).collect()
}
