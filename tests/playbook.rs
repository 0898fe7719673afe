//! Projects in memory, one a file of `cases/playbook/`: what is wrong with each, and where.
#![expect(clippy::disallowed_methods, reason = "cases are files")]
use cowhand::playbook::{Library, Playbook, load};
use cowhand::source::{Diagnostic, Severity, SourceMap};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/playbook");

/// A project in memory.
pub(crate) struct Files {
    files: BTreeMap<PathBuf, Arc<str>>,
    roles: [PathBuf; 1],
}

impl Files {
    pub(crate) fn new(files: BTreeMap<PathBuf, Arc<str>>) -> Self {
        Self { files, roles: ["roles".into()] }
    }
    /// As `copy` and `template` see them.
    pub(crate) fn bytes(&self) -> BTreeMap<PathBuf, Arc<[u8]>> {
        self.files.iter().map(|(path, text)| (path.clone(), text.as_bytes().into())).collect()
    }
}

impl Library for Files {
    fn text(&self, path: &Path) -> Result<Option<Arc<str>>, Diagnostic> {
        Ok(self.files.get(path).cloned())
    }
    fn role_paths(&self) -> &[PathBuf] {
        &self.roles
    }
    fn files_below(&self, folder: &Path) -> Vec<PathBuf> {
        let below = |path: &&PathBuf| path.starts_with(folder) && *path != folder;
        self.files.keys().filter(below).cloned().collect()
    }
}

/// Every file of a case is headed by `=== path`; the last, `expected`, is what will be said.
fn read(case: &str) -> (Files, String) {
    let mut files = sections(case);
    let expected = files.files.remove(Path::new("expected")).expect("a case says what is expected");
    (files, expected.trim_end().to_owned())
}

/// The files of a text, each headed by `=== path`.
pub(crate) fn sections(text: &str) -> Files {
    let parts = text.split("=== ").skip(1);
    let named = parts.map(|part| part.split_once('\n').unwrap_or((part, "")));
    Files::new(named.map(|(path, text)| (path.into(), text.into())).collect())
}

fn said(findings: &[Diagnostic], sources: &SourceMap) -> String {
    let one = |finding: &Diagnostic| {
        let place = finding.span.map_or("nowhere".to_owned(), |span| sources.locate(span));
        let severity = match finding.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        let help = finding.help.iter().map(|help| format!("\n  help: {help}"));
        format!("{place}: {severity}{}{}", finding.message, help.collect::<String>())
    };
    findings.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn outcome(files: &Files) -> (Option<Playbook>, String) {
    let mut sources = SourceMap::default();
    match load(Path::new("site.yml"), files, &mut sources) {
        Ok((playbook, warnings)) => (Some(playbook), said(&warnings, &sources)),
        Err(findings) => (None, said(&findings, &sources)),
    }
}

#[test]
fn every_case_is_told_as_it_says() {
    let mut wrong = vec![];
    let mut seen = 0;
    for entry in std::fs::read_dir(CASES).unwrap() {
        let path = entry.unwrap().path();
        let (files, expected) = read(&std::fs::read_to_string(&path).unwrap());
        let (_, said) = outcome(&files);
        seen += 1;
        if said != expected {
            wrong.push(format!("--- {}\n{said}", path.file_name().unwrap().display()));
        }
    }
    assert!(seen > 50, "only {seen} cases were found");
    assert!(wrong.is_empty(), "these say something else:\n{}", wrong.join("\n"));
}

mod good {
    use super::*;
    use cowhand::playbook::{Included, Item, MetaAction};
    use serde_json::json;

    fn playbook(files: &[(&str, &str)]) -> Playbook {
        let files = files.iter().map(|(path, text)| (PathBuf::from(path), Arc::from(*text)));
        let files = Files { files: files.collect(), roles: ["roles".into()] };
        let (playbook, said) = outcome(&files);
        assert_eq!(said, "");
        playbook.unwrap()
    }

    fn tasks(body: &str) -> Vec<Item> {
        let text = format!("- hosts: all\n  tasks:\n{body}");
        playbook(&[("site.yml", &text)]).plays.remove(0).tasks
    }

    fn args(item: &Item) -> serde_json::Value {
        let Item::Task(task) = item else { panic!("not a task: {item:?}") };
        task.args.to_value()
    }

    #[test]
    fn short_form_free_form_and_args_become_one_mapping() {
        let tasks = tasks(
            "    - command: make install PREFIX=/usr chdir=/src\n      args: {creates: /done}\n\
             \x20   - shell: |\n        set -e\n        echo a=b\n\
             \x20   - copy: src=a dest=\"/b c\"\n    - fail:\n    - ansible.builtin.fail: {msg: x}\n",
        );
        let wanted = [
            json!({"cmd": "make install PREFIX=/usr", "chdir": "/src", "creates": "/done"}),
            json!({"cmd": "set -e\necho a=b"}),
            json!({"src": "a", "dest": "/b c"}),
            json!({}),
            json!({"msg": "x"}),
        ];
        assert_eq!(tasks.iter().map(args).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn every_keyword_of_a_task_arrives_where_it_belongs() {
        let text = "
- hosts: [web, mail]
  name: all of it
  gather_facts: no
  serial: 50%
  max_fail_percentage: 10
  any_errors_fatal: true
  force_handlers: true
  order: sorted
  strategy: linear
  environment: {A: b}
  tasks:
    - name: try
      command: /bin/true
      become: yes
      become_user: vmail
      when: [a is defined, true]
      tags: one,two
      loop: [1, 2]
      loop_control: {loop_var: it, index_var: n, label: x, pause: 1, extended: true}
      register: out
      until: out is success
      retries: 3
      delay: 1
      changed_when: false
      failed_when: [out.rc != 0]
      notify: done
      vars: {x: 1}
      no_log: true
      ignore_errors: true
      run_once: true
      module_defaults: {command: {chdir: /}}
  handlers:
    - name: finish
      listen: [done]
      command: /bin/true
";
        let mut plays = playbook(&[("site.yml", text)]).plays;
        let play = plays.remove(0);
        assert_eq!((play.hosts.value.as_str(), play.serial.len()), ("web,mail", 1));
        assert_eq!(play.gather_facts.unwrap().value, json!(false));
        assert_eq!(play.order.unwrap().value, "sorted");
        assert!(play.force_handlers.is_some() && play.max_fail_percentage.is_some());
        assert_eq!(play.keywords.environment[0].value, json!({"A": "b"}));
        let Item::Task(task) = &play.tasks[0] else { panic!() };
        let keywords = &task.keywords;
        assert_eq!(keywords.when.len(), 2);
        assert_eq!(keywords.escalate.as_ref().unwrap().value, json!(true));
        assert_eq!(keywords.become_user.as_ref().unwrap().value, json!("vmail"));
        assert_eq!(keywords.tags[0].value, json!("one,two"));
        assert_eq!(keywords.vars[0].0.value, "x");
        assert!(keywords.no_log.is_some() && keywords.ignore_errors.is_some());
        assert!(keywords.run_once.is_some());
        assert_eq!(keywords.module_defaults[0].1["chdir"], "/");
        assert_eq!((task.span.start.line, task.span.start.column), (13, 7));
        let repeat = task.repeat.as_ref().unwrap();
        assert_eq!((repeat.variable.as_str(), repeat.index.as_deref()), ("it", Some("n")));
        assert!(repeat.extended && repeat.label.is_some() && repeat.pause.is_some());
        assert_eq!(task.register.as_ref().unwrap().value, "out");
        assert_eq!(task.changed_when.as_ref().unwrap()[0].value, json!(false));
        assert_eq!(task.failed_when.as_ref().unwrap().len(), 1);
        assert_eq!(task.until.as_ref().unwrap().len(), 1);
        assert!(task.retries.is_some() && task.delay.is_some());
        assert_eq!(task.notify[0].value, "done");
        let Item::Task(handler) = &play.handlers[0] else { panic!() };
        assert_eq!(handler.listen[0].value, "done");
    }

    #[test]
    fn blocks_and_meta_are_what_they_say() {
        let tasks = tasks(
            "    - name: b\n      block: [{fail: }]\n      rescue: [{fail: }, {fail: }]\n\
             \x20     always: [{meta: noop}]\n      when: x\n    - meta: flush_handlers\n",
        );
        let Item::Block(block) = &tasks[0] else { panic!() };
        let parts = (block.items.len(), block.rescue.len(), block.always.len());
        assert_eq!((parts, block.keywords.when.len()), ((1, 2, 1), 1));
        let Item::Meta(meta) = &tasks[1] else { panic!() };
        assert_eq!(meta.action, MetaAction::FlushHandlers);
    }

    #[test]
    fn imports_are_blocks_with_the_keywords_that_they_were_given() {
        let play = playbook(&[
            ("site.yml", "- hosts: all\n  tasks:\n    - import_tasks: sub/a.yml\n      tags: t\n"),
            (
                "sub/a.yml",
                "- import_tasks: b.yml\n- include_tasks: {file: b.yml, apply: {tags: u}}\n",
            ),
            ("sub/b.yml", "- fail:\n"),
        ]);
        let Item::Block(block) = &play.plays[0].tasks[0] else { panic!() };
        assert_eq!(block.keywords.tags[0].value, json!("t"));
        assert!(block.role.is_none());
        assert!(matches!(&block.items[0], Item::Block(inner) if inner.items.len() == 1));
        let Item::Include(include) = &block.items[1] else { panic!() };
        assert_eq!(include.apply.tags[0].value, json!("u"));
        assert!(matches!(&include.what, Included::Tasks(items) if items.len() == 1));
    }

    #[test]
    fn a_templated_include_knows_every_file_that_it_can_mean() {
        let play = playbook(&[
            ("site.yml", "- hosts: all\n  tasks:\n    - include_tasks: os/{{ os }}.yml\n"),
            ("os/a.yml", "- fail:\n"),
            ("os/b.yml", "- fail:\n- fail:\n"),
            ("os/vars.yml", "not: tasks\n"),
            ("c.yml", "- fail:\n"),
        ]);
        let Item::Include(include) = &play.plays[0].tasks[0] else { panic!() };
        let Included::Templated { candidates, .. } = &include.what else { panic!() };
        let found = candidates.iter().map(|(name, items)| (name.as_str(), items.len()));
        assert_eq!(found.collect::<Vec<_>>(), [("os/a.yml", 1), ("os/b.yml", 2)]);
    }

    #[test]
    fn a_templated_include_leaves_out_what_can_not_be_meant() {
        let play = playbook(&[
            ("site.yml", "- hosts: all\n  tasks:\n    - include_tasks: \"{{ file }}\"\n"),
            ("other.yml", "- hosts: all\n"),
            ("more.yml", "- ansible.builtin.import_playbook: other.yml\n"),
            ("group_vars/all.yml", "a: b\n"),
            ("roles/mail/handlers/main.yml", "- fail:\n"),
            ("tasks/a.yml", "- fail:\n"),
        ]);
        let Item::Include(include) = &play.plays[0].tasks[0] else { panic!() };
        let Included::Templated { candidates, .. } = &include.what else { panic!() };
        assert_eq!(candidates.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["tasks/a.yml"]);
    }

    #[test]
    fn playbooks_that_are_imported_get_tags_conditions_and_variables() {
        let import = "- import_playbook: sub/other.yml\n  tags: t\n  when: w\n  vars: {a: 1}\n";
        let other = "- hosts: all\n  vars: {a: 0, b: 0}\n  tags: [u]\n  tasks:\n    \
                     - import_tasks: x.yml\n";
        let play =
            playbook(&[("site.yml", import), ("sub/other.yml", other), ("sub/x.yml", "- fail:\n")]);
        let play = &play.plays[0];
        let vars: Vec<_> =
            play.keywords.vars.iter().map(|(n, v)| (n.value.as_str(), v.value.clone())).collect();
        assert_eq!(vars, [("b", json!(0)), ("a", json!(1))]);
        assert_eq!((play.keywords.when.len(), play.keywords.tags.len()), (1, 2));
        assert_eq!(play.folder, Path::new("sub"));
    }

    const ROLE: &[(&str, &str)] = &[
        ("roles/mail/tasks/main.yml", "- import_tasks: more.yml\n"),
        ("roles/mail/tasks/more.yml", "- fail:\n  notify: restart\n"),
        ("roles/mail/handlers/main.yml", "- name: restart\n  fail:\n"),
        ("roles/mail/defaults/main.yml", "mail_port: 25\n"),
        ("roles/mail/vars/main/a.yml", "mail_a: 1\n"),
        ("roles/mail/vars/main/b.yml", "mail_b: 1\n"),
        (
            "roles/mail/meta/main.yml",
            "dependencies: [{role: base, base_x: 1}]\ngalaxy_info: {author: me}\n",
        ),
        (
            "roles/mail/meta/argument_specs.yml",
            "argument_specs:\n  main:\n    short_description: mails\n    options:\n      \
             mail_port: {type: int, description: [the port]}\n",
        ),
        ("roles/base/handlers/main.yml", "- name: reload\n  fail:\n"),
        ("roles/base/tasks/main.yml", "- fail:\n"),
    ];

    fn with_role(site: &str) -> Playbook {
        playbook(&[&[("site.yml", site)], ROLE].concat())
    }

    #[test]
    fn a_role_brings_what_is_in_its_folders() {
        let play = with_role(
            "- hosts: all\n  roles:\n    - role: mail\n      mail_port: 26\n      vars: {x: 1}\n      \
             when: w\n      become: true\n",
        );
        let used = &play.plays[0].roles[0];
        let names = |vars: &cowhand::source::Vars| {
            vars.iter().map(|(name, _)| name.value.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&used.keywords.vars), ["x"]);
        assert_eq!(names(&used.params), ["mail_port"]);
        assert!(used.keywords.escalate.is_some() && used.keywords.when.len() == 1);
        let role = &used.role;
        assert_eq!((role.name.as_str(), role.path.as_path()), ("mail", Path::new("roles/mail")));
        assert_eq!(names(&role.defaults), ["mail_port"]);
        assert_eq!(names(&role.vars), ["mail_a", "mail_b"]);
        let spec = role.arguments.as_ref().unwrap();
        assert_eq!(spec.summary.as_deref(), Some("mails"));
        assert_eq!(spec.internal, ["mail_a", "mail_b"]);
        assert_eq!((spec.options[0].1.kind.as_str()), "int");
        assert_eq!(names(&role.dependencies[0].params), ["base_x"]);
        assert_eq!(role.dependencies[0].role.name, "base");
    }

    #[test]
    fn all_tasks_and_handlers_are_met_in_order_with_their_roles() {
        let play = with_role(
            "- hosts: all\n  tasks:\n    - import_role: name=mail\n    - block: [{fail: }]\n  \
             handlers:\n    - {name: own, fail: }\n",
        );
        let play = &play.plays[0];
        let roles: Vec<_> = (play.all_tasks().iter())
            .map(|(_, role)| role.map_or("", |role| role.name.as_str()))
            .collect();
        assert_eq!(roles, ["base", "mail", ""]);
        let handlers: Vec<_> = (play.all_handlers().iter())
            .filter_map(|(task, _)| task.keywords.name.as_ref().map(|name| name.value.as_str()))
            .collect();
        assert_eq!(handlers, ["reload", "restart", "own"]);
        let Item::Block(block) = &play.tasks[0] else { panic!() };
        assert_eq!(block.role.as_ref().unwrap().name, "mail");
    }

    #[test]
    fn a_role_can_call_other_files_of_its_own() {
        let play = playbook(&[
            ("site.yml", "- hosts: all\n  roles: [mail]\n"),
            ("roles/mail/tasks/main.yml", "- include_role: {name: mail, tasks_from: more}\n"),
            ("roles/mail/tasks/more.yml", "- fail:\n"),
        ]);
        assert_eq!(play.plays[0].all_tasks().len(), 1);
    }
}

/// The project that this house brings along.
struct Disk([PathBuf; 1]);

impl Library for Disk {
    fn text(&self, path: &Path) -> Result<Option<Arc<str>>, Diagnostic> {
        Ok(std::fs::read_to_string(path).ok().map(Arc::from))
    }
    fn role_paths(&self) -> &[PathBuf] {
        &self.0
    }
    fn files_below(&self, folder: &Path) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(folder) else { return vec![] };
        let mut out = vec![];
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() { out.extend(self.files_below(&path)) } else { out.push(path) }
        }
        out.sort();
        out
    }
}

#[test]
fn the_playbooks_of_this_house_have_nothing_wrong_with_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let disk = Disk([root.join("roles")]);
    let mut sources = SourceMap::default();
    let loaded = load(&root.join("playbooks/harden.yml"), &disk, &mut sources);
    let (playbook, warnings) = loaded.unwrap_or_else(|found| panic!("{}", said(&found, &sources)));
    assert_eq!(said(&warnings, &sources), "");
    assert!(playbook.plays.iter().any(|play| !play.all_tasks().is_empty()));
}
