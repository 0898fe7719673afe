//! Playbooks and plays.
use super::keywords::{Fields, Place, suggest};
use super::load::{Around, Read, Reader, clean, places};
use super::shape::{is_template, kind, text, texts, value, values};
use super::task::plain;
use super::{Item, Keywords, Play, RoleUse, Strategy};
use crate::source::{Diagnostic, Node, Span, Spanned};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// In which order hosts can be taken.
const ORDERS: &[&str] = &["inventory", "reverse_inventory", "reverse_sorted", "shuffle", "sorted"];

impl Reader<'_> {
    /// The plays of a playbook with those that it imports; `span` is where it is imported.
    pub(super) fn playbook(&mut self, path: &Path, span: Option<Span>) -> Vec<Play> {
        let path = clean(path);
        match span {
            Some(span) if !self.enter(&path, span) => return vec![],
            Some(_) => {}
            None => self.open.push(path.clone()),
        }
        let mut plays = vec![];
        match self.read(&path) {
            Read::Node(node) => match node.sequence() {
                Some([]) => self.error(node.span, "this playbook has no plays"),
                Some(entries) => {
                    for entry in entries {
                        plays.extend(self.entry(entry, &path));
                    }
                }
                None => {
                    let finding = Diagnostic::error(node.span, "a playbook is a list of plays");
                    self.found(finding.label(kind(&node)));
                }
            },
            Read::Missing => {
                let message = format!("no such playbook: `{}`", path.display());
                self.found(Diagnostic::general(message));
            }
            Read::Empty => {
                let message = format!("`{}` is empty: it has no plays", path.display());
                self.found(span.map_or_else(
                    || Diagnostic::general(message.clone()),
                    |span| Diagnostic::error(span, message.clone()),
                ));
            }
            Read::Broken => {}
        }
        self.leave();
        plays
    }

    fn entry(&mut self, node: &Node, path: &Path) -> Vec<Play> {
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        let Some(pairs) = node.mapping() else {
            let finding = Diagnostic::error(node.span, "expected a play").label(kind(node));
            self.found(finding.help("a play is a mapping with `hosts` and `tasks`"));
            return vec![];
        };
        let is_import = |key: &Node| key.text().is_some_and(|key| plain(key) == "import_playbook");
        match pairs.iter().find(|(key, _)| is_import(key)) {
            Some((_, file)) => {
                let rest = pairs.iter().filter(|(key, _)| !is_import(key));
                let mut fields = Fields::sort(rest, Place::Playbook, self);
                fields.refuse_others(&[], self);
                let keywords = self.keywords(&mut fields);
                fields.done();
                self.import_playbook(file, &keywords, &base)
            }
            None => vec![self.play(node, pairs, base)],
        }
    }

    fn import_playbook(&mut self, file: &Node, keywords: &Keywords, base: &Path) -> Vec<Play> {
        let Some(name) = file.str().filter(|name| !is_template(name)) else {
            let message = "`import_playbook` takes the name of a file, without templates";
            self.found(Diagnostic::error(file.span, message).label(kind(file)));
            return vec![];
        };
        let path = clean(&base.join(name));
        if matches!(self.read(&path), Read::Missing) {
            self.missing(file.span, name, &[path]);
            return vec![];
        }
        let mut plays = self.playbook(&path, Some(file.span));
        for play in &mut plays {
            let own = &mut play.keywords;
            own.when.splice(0..0, keywords.when.iter().cloned());
            own.tags.extend(keywords.tags.iter().cloned());
            // Variables of the import win over those of the play.
            own.vars.retain(|(name, _)| keywords.vars.iter().all(|(n, _)| n.value != name.value));
            own.vars.extend(keywords.vars.iter().cloned());
        }
        plays
    }

    fn play(&mut self, node: &Node, pairs: &[(Node, Node)], base: PathBuf) -> Play {
        let mut fields = Fields::sort(pairs, Place::Play, self);
        fields.refuse_others(&["import_playbook"], self);
        let keywords = self.keywords(&mut fields);
        let hosts = fields.take("hosts");
        if let Some(hosts) = hosts.filter(|node| node.sequence().is_some_and(<[_]>::is_empty)) {
            self.error(hosts.span, "this play names no hosts");
        }
        if hosts.is_none() && node.get("hosts").is_none() {
            let finding = Diagnostic::error(node.span, "this play says no `hosts`");
            self.found(finding.help("add e.g. `hosts: all`"));
        }
        let strategy = self.strategy(&mut fields);
        let order = fields.take("order").map(text);
        if let Some(order) = &order {
            self.order(order);
        }
        let around =
            Around { handlers: false, folder: base.clone(), role: None, base: base.clone() };
        let as_handlers = Around { handlers: true, ..around.clone() };
        let vars_files = fields.take("vars_files").map(values).unwrap_or_default();
        for file in &vars_files {
            self.vars_file(file, &base);
        }
        let prompts = fields.take("vars_prompt").map(|node| self.prompts(node)).unwrap_or_default();
        let mut part = |name: &str, around: &Around| -> Vec<Item> {
            fields.take(name).map_or(vec![], |node| self.items(node, around))
        };
        let (pre_tasks, tasks) = (part("pre_tasks", &around), part("tasks", &around));
        let (post_tasks, handlers) = (part("post_tasks", &around), part("handlers", &as_handlers));
        let roles = fields.take("roles");
        let roles: Vec<RoleUse> = roles.map_or(vec![], |node| self.role_list(node, &around));
        let play = Play {
            span: node.span,
            folder: base,
            name: keywords.name.as_ref().map(|name| name.value.clone()),
            hosts: hosts.map_or_else(|| Spanned::new(String::new(), node.span), pattern),
            keywords,
            vars_files,
            prompts,
            gather_facts: fields.take("gather_facts").map(value),
            gather_subset: fields.take("gather_subset").map(values).unwrap_or_default(),
            gather_timeout: fields.take("gather_timeout").map(value),
            fact_path: fields.take("fact_path").map(value),
            serial: fields.take("serial").map(values).unwrap_or_default(),
            max_fail_percentage: fields.take("max_fail_percentage").map(value),
            force_handlers: fields.take("force_handlers").map(value),
            rollback: fields.take("rollback").map(value),
            order,
            strategy,
            pre_tasks,
            roles,
            tasks,
            post_tasks,
            handlers,
        };
        fields.done();
        play
    }

    fn strategy(&mut self, fields: &mut Fields<'_>) -> Strategy {
        let Some(node) = fields.take("strategy") else { return Strategy::Linear };
        let word = node.text().unwrap_or_default();
        match plain(word) {
            "linear" => Strategy::Linear,
            "free" => Strategy::Free,
            _ => {
                let message = format!("strategy `{word}` is not supported");
                let help = "there are `linear` (all hosts task by task) and `free`";
                self.found(Diagnostic::error(node.span, message).help(help));
                Strategy::Linear
            }
        }
    }

    fn order(&mut self, order: &Spanned<String>) {
        if !ORDERS.contains(&order.value.as_str()) && !is_template(&order.value) {
            let message = format!("`{}` is not an order of hosts", order.value);
            let finding = Diagnostic::error(order.span, message);
            let finding = finding.label(format!("orders are {}", ORDERS.join(", ")));
            self.found(suggest(finding, &order.value, ORDERS.iter().copied()));
        }
    }

    /// A file of `vars_files` whose name can be known must be there; of a list, one must be.
    fn vars_file(&mut self, file: &Spanned<Value>, base: &Path) {
        let names: Vec<&str> = match &file.value {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => vec![],
        };
        if names.is_empty() {
            self.error(file.span, "expected the name of a file with variables");
        }
        if names.is_empty() || names.iter().any(|name| is_template(name)) {
            return;
        }
        let folders = [base.join("vars"), base.to_owned()];
        let tried: Vec<_> = names.iter().flat_map(|name| places(&folders, name)).collect();
        match self.first(&tried) {
            Some((_, read)) => drop(self.vars(&read)),
            None => self.missing(file.span, &names.join("`, `"), &tried),
        }
    }
}

fn pattern(node: &Node) -> Spanned<String> {
    let parts: Vec<_> = texts(node).into_iter().map(|text| text.value).collect();
    Spanned::new(parts.join(","), node.span)
}
