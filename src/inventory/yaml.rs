//! Inventories as YAML: groups of `hosts`, `vars` and `children`.
use super::build::Builder;
use super::names;
use crate::source::{Diagnostic, FileId, Kind, Node, Scalar, SourceMap, nearest, parse_one};

const SECTIONS: [&str; 3] = ["hosts", "vars", "children"];

/// Reads a whole inventory into `builder`.
pub(super) fn read(sources: &SourceMap, file: FileId, builder: &mut Builder) {
    let mut warnings = vec![];
    let found = parse_one(sources, file, &mut warnings);
    builder.warnings.append(&mut warnings);
    match found {
        Err(error) => builder.errors.push(error),
        Ok(None) => {}
        Ok(Some(root)) => match root.mapping() {
            None => {
                builder.errors.push(Diagnostic::error(root.span, "expected a mapping of groups"));
            }
            Some(_) if root.get("plugin").is_some() => {
                let error = Diagnostic::error(root.span, "inventory plugins are not supported");
                builder.errors.push(
                    error.help("write the inventory as INI or YAML, or print it from a program"),
                );
            }
            Some(pairs) => {
                for (name, body) in pairs {
                    group(None, name, body, builder);
                }
            }
        },
    }
}

/// One group, below `parent` if there is one.
fn group(parent: Option<&str>, name: &Node, body: &Node, builder: &mut Builder) {
    let text = name.text().filter(|text| names::group(text));
    let Some(text) = text else {
        let error = Diagnostic::error(name.span, "not the name of a group");
        builder.errors.push(error.help("names have neither blanks nor characters of patterns"));
        return;
    };
    match parent {
        Some(parent) => builder.child(parent, text, name.span),
        None => {
            builder.group(text);
        }
    }
    for (section, content) in pairs(body, builder).unwrap_or_default() {
        match section.text() {
            Some("hosts") => hosts(text, content, builder),
            Some("vars") => vars(text, content, builder),
            Some("children") => {
                for (child, body) in pairs(content, builder).unwrap_or_default() {
                    group(Some(text), child, body, builder);
                }
            }
            other => {
                let other = other.unwrap_or_default();
                let message = format!("unknown key `{other}` in group `{text}`");
                let help = match nearest(other, SECTIONS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "a group has `hosts`, `vars` and `children`".to_owned(),
                };
                builder.errors.push(Diagnostic::error(section.span, message).help(help));
            }
        }
    }
}

fn hosts(group: &str, content: &Node, builder: &mut Builder) {
    // A lone name is a host without variables.
    if let Some(name) = content.str() {
        builder.hosts(group, name, content.span);
        return;
    }
    for (name, body) in pairs(content, builder).unwrap_or_default() {
        let vars = body.vars().map_err(|error| builder.errors.push(error)).unwrap_or_default();
        for host in builder.hosts(group, name.text().unwrap_or_default(), name.span) {
            for (key, value) in &vars {
                builder.host_var(host, key.clone(), value.clone());
            }
        }
    }
}

fn vars(group: &str, content: &Node, builder: &mut Builder) {
    match content.vars() {
        Ok(vars) => {
            for (name, value) in vars {
                builder.group_var(group, name, value);
            }
        }
        Err(error) => builder.errors.push(error),
    }
}

/// The pairs of a mapping; nothing at all is an empty one.
fn pairs<'a>(node: &'a Node, builder: &mut Builder) -> Option<&'a [(Node, Node)]> {
    if node.mapping().is_none() && !matches!(node.kind, Kind::Scalar { value: Scalar::Null, .. }) {
        builder.errors.push(
            Diagnostic::error(node.span, "expected a mapping")
                .help("names of hosts and groups end with `:`, also when nothing follows"),
        );
    }
    node.mapping()
}
