//! What an executable inventory prints for `--list`: JSON of groups, with `_meta.hostvars`.
use super::build::{Builder, stretch};
use super::names;
use crate::source::{Diagnostic, FileId, Span, Spanned};
use serde_json::{Map, Value};

/// Reads a whole inventory into `builder`.
pub(super) fn read(text: &str, file: FileId, builder: &mut Builder) {
    let whole = stretch(file, 1, 0, 1);
    match serde_json::from_str(text) {
        Err(error) => {
            let column = error.column().saturating_sub(1);
            let span = stretch(file, error.line().max(1), column, column + 1);
            builder.errors.push(Diagnostic::error(span, format!("not JSON: {error}")));
        }
        Ok(Value::Object(groups)) => Reader { builder, whole }.groups(&groups),
        Ok(_) => builder.errors.push(Diagnostic::error(whole, "expected a mapping of groups")),
    }
}

struct Reader<'a> {
    builder: &'a mut Builder,
    /// Values of a program's output have no better place.
    whole: Span,
}

impl Reader<'_> {
    fn groups(&mut self, groups: &Map<String, Value>) {
        for (name, body) in groups.iter().filter(|(name, _)| *name != "_meta") {
            if !names::group(name) {
                self.refuse(format!("`{name}` can't be the name of a group"));
                continue;
            }
            self.builder.group(name);
            match body {
                Value::Array(_) => self.hosts(name, body),
                Value::Object(sections) => self.sections(name, sections),
                _ => self.refuse(format!("expected a mapping or a list for group `{name}`")),
            }
        }
        let hostvars = groups.get("_meta").and_then(|meta| meta.get("hostvars"));
        match hostvars {
            Some(Value::Object(hosts)) => {
                hosts.iter().for_each(|(host, vars)| self.host_vars(host, vars));
            }
            None if !groups.contains_key("_meta") => {
                self.refuse("no `_meta.hostvars`: asking host by host is not supported".to_owned());
            }
            None => {}
            Some(_) => self.refuse("expected a mapping in `_meta.hostvars`".to_owned()),
        }
    }

    fn sections(&mut self, group: &str, sections: &Map<String, Value>) {
        for (section, content) in sections {
            match (section.as_str(), content) {
                ("hosts", _) => self.hosts(group, content),
                ("vars", Value::Object(vars)) => {
                    for (name, value) in vars {
                        let (name, value) = self.variable(name, value);
                        self.builder.group_var(group, name, value);
                    }
                }
                ("children", Value::Array(children)) => {
                    for child in children {
                        match child.as_str().filter(|child| names::group(child)) {
                            Some(child) => self.builder.child(group, child, self.whole),
                            None => self.refuse(format!("{child} can't be the name of a group")),
                        }
                    }
                }
                ("vars", _) => {
                    self.refuse(format!("expected a mapping in `vars` of group `{group}`"));
                }
                ("children", _) => {
                    self.refuse(format!("expected a list in `children` of group `{group}`"));
                }
                (other, _) => self.refuse(format!("unknown key `{other}` in group `{group}`")),
            }
        }
    }

    fn hosts(&mut self, group: &str, hosts: &Value) {
        let Some(hosts) = hosts.as_array() else {
            return self.refuse(format!("expected a list in `hosts` of group `{group}`"));
        };
        for host in hosts {
            match host.as_str() {
                Some(host) => drop(self.builder.hosts(group, host, self.whole)),
                None => self.refuse(format!("{host} can't be the name of a host")),
            }
        }
    }

    fn host_vars(&mut self, host: &str, vars: &Value) {
        let Some(vars) = vars.as_object() else {
            return self.refuse(format!("expected a mapping of variables for host `{host}`"));
        };
        for number in self.builder.hosts("all", host, self.whole) {
            for (name, value) in vars {
                let (name, value) = self.variable(name, value);
                self.builder.host_var(number, name, value);
            }
        }
    }

    fn variable(&self, name: &str, value: &Value) -> (Spanned<String>, Spanned<Value>) {
        (Spanned::new(name.to_owned(), self.whole), Spanned::new(value.clone(), self.whole))
    }

    fn refuse(&mut self, message: String) {
        self.builder.errors.push(Diagnostic::error(self.whole, message));
    }
}
