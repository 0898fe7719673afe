//! Files of ours that somebody else changed since our last run: named by check and apply as what they are,
//! and mended.
#![expect(clippy::disallowed_methods, reason = "the role is files")]
use crate::contract::write;
use crate::stage::{Told, apply, apply_plan, host, job, plan, project};
use cowhand::change::{Back, Call, Change, Deed, Reach};
use cowhand::event::{Damage, Edit, Event};
use cowhand::facts::{Era, Fact, Mailcow, Probe};
use cowhand::report::{Palette, Reporter as _, Text};
use cowhand::run::Job;
use cowhand::transport::Transport as _;
use cowhand::transport::fake::Fake;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Somebody who is not cowhand does something there.
fn by_hand(host: &Fake, change: Change) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ran = runtime.block_on(host.apply(&[change])).unwrap();
    assert_eq!(ran[0].rc, 0, "{ran:?}");
}

fn read(host: &Fake, path: &str) -> String {
    let facts = host.facts();
    facts.content(path).unwrap().map(|content| content.text().into_owned()).unwrap_or_default()
}

fn edit(host: &Fake, path: &str, from: &str, to: &str) {
    let was = read(host, path);
    assert!(was.contains(from), "{was}");
    by_hand(host, write(path, was.replace(from, to).as_str(), Some(&was)));
}

fn remove(host: &Fake, path: &str) {
    by_hand(host, Change::Remove { path: path.into() });
}

fn edits(told: &Told) -> Vec<Edit> {
    let edits = told.events.iter().filter_map(|event| match event {
        Event::Edited { edit, .. } => Some(edit.clone()),
        _ => None,
    });
    edits.collect()
}

fn damages(told: &Told) -> Vec<(String, Damage)> {
    edits(told).into_iter().map(|edit| (edit.path, edit.damage)).collect()
}

fn one(path: &str, damage: Damage) -> Vec<(String, Damage)> {
    vec![(path.into(), damage)]
}

/// As people see it.
fn seen(told: &Told) -> String {
    let mut out = vec![];
    let mut text = Text::new(&mut out, Palette { color: false }, 0);
    told.events.iter().for_each(|event| text.event(event).unwrap());
    drop(text);
    String::from_utf8(out).unwrap()
}

const BLOCK: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: block, blockinfile: {path: /etc/f, block: \"a = 1\\nb = 2\"}}\n";
const WHOLE: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: whole, copy: {dest: /etc/w, content: \"ours\\n\"}}\n";

fn told(host: &Fake, playbook: &str, check: bool) -> Told {
    let mut job = job(playbook, "a,", check);
    Arc::make_mut(&mut job).options.diff = true;
    apply(job, |_| host.clone())
}

/// A check names it, apply names and mends it, and then there is nothing more to say.
fn is_named_and_mended(host: &Fake, run: impl Fn(bool) -> Told, expected: &[(String, Damage)]) {
    let before = host.facts();
    let checked = run(true);
    assert_eq!(damages(&checked), expected, "{}", checked.text());
    assert_eq!(host.facts(), before);
    let applied = run(false);
    assert_eq!(damages(&applied), expected, "{}", applied.text());
    assert_eq!((applied.recap["a"].failed, applied.recap["a"].owed), (0, 0), "{}", applied.text());
    for again in [run(true), run(false)] {
        assert_eq!(damages(&again), [], "{}", again.text());
        assert_eq!((again.recap["a"].changed, again.recap["a"].would_change), (0, 0));
    }
}

#[test]
fn a_block_that_somebody_changed_is_named_with_our_lines_and_theirs() {
    let host = host(&[("/etc/f", "x = 1\n")]);
    told(&host, BLOCK, false);
    let hardened = read(&host, "/etc/f");
    edit(&host, "/etc/f", "x = 1\n", "# administrators' own\n");
    let own = told(&host, BLOCK, true);
    assert_eq!((damages(&own), own.recap["a"].would_change), (vec![], 0), "own lines are theirs");
    edit(&host, "/etc/f", "b = 2", "b = 3");
    let checked = told(&host, BLOCK, true);
    let Edit { ours, theirs, run, .. } = edits(&checked).remove(0);
    assert_eq!((ours, theirs), (vec!["b = 2".into()], vec!["b = 3".into()]));
    let text = seen(&checked);
    let line = format!(
        "edited        a  /etc/f: what run {run} (1970-01-01 00:00:00 UTC) wrote there was changed since\n    -b = 2\n    +b = 3\n"
    );
    assert!(text.contains(&line), "{text}");
    assert_eq!(checked.recap["a"].batches, 2, "what was left then is fetched where it matters");
    let expected = one("/etc/f", Damage::Changed);
    is_named_and_mended(&host, |check| told(&host, BLOCK, check), &expected);
    assert_eq!(read(&host, "/etc/f"), hardened.replace("x = 1\n", "# administrators' own\n"));
}

#[test]
fn lost_lines_a_lost_file_and_a_changed_one_are_told_apart() {
    let f = host(&[("/etc/f", "x = 1\n")]);
    told(&f, BLOCK, false);
    edit(&f, "/etc/f", "a = 1\n", "");
    is_named_and_mended(&f, |check| told(&f, BLOCK, check), &one("/etc/f", Damage::LinesLost));
    let w = host(&[]);
    told(&w, WHOLE, false);
    edit(&w, "/etc/w", "ours", "theirs");
    is_named_and_mended(&w, |check| told(&w, WHOLE, check), &one("/etc/w", Damage::Changed));
    remove(&w, "/etc/w");
    is_named_and_mended(&w, |check| told(&w, WHOLE, check), &one("/etc/w", Damage::FileLost));
}

#[test]
fn what_is_wanted_otherwise_now_and_what_nobody_of_us_wrote_is_no_edit() {
    let host = host(&[("/etc/f", "x = 1\n"), ("/etc/w", "before us\n")]);
    assert_eq!(damages(&told(&host, WHOLE, false)), []);
    told(&host, BLOCK, false);
    edit(&host, "/etc/f", "x = 1\n", "x = 2\n");
    for (playbook, now) in [(BLOCK, "b = 9"), (WHOLE, "ours anew")] {
        let (was, file) = if now == "b = 9" { ("b = 2", "/etc/f") } else { ("ours", "/etc/w") };
        let changed = told(&host, &playbook.replace(was, now), false);
        assert_eq!((damages(&changed), changed.recap["a"].changed), (vec![], 1));
        assert!(read(&host, file).contains(now));
    }
}

#[test]
fn two_tasks_that_write_one_file_in_turn_accuse_nobody() {
    let both = format!("{WHOLE}    - {{name: line, lineinfile: {{path: /etc/w, line: more}}}}\n");
    let host = host(&[]);
    for check in [false, true, false, true] {
        assert_eq!(damages(&told(&host, &both, check)), []);
    }
    edit(&host, "/etc/w", "ours", "theirs");
    for check in [true, false] {
        let told = told(&host, &both, check);
        assert_eq!(
            damages(&told),
            one("/etc/w", Damage::Changed),
            "the line was as it had been left"
        );
    }
}

#[test]
fn what_was_rolled_back_was_never_written() {
    let host = host(&[]);
    told(&host, WHOLE, false);
    let failing = WHOLE.replace("ours", "newer") + "    - fail: msg=no\n";
    let failed = told(&host, &failing, false);
    assert!(failed.recap["a"].rolled_back, "{}", failed.text());
    assert_eq!(damages(&told(&host, WHOLE, true)), []);
    edit(&host, "/etc/w", "ours", "theirs");
    assert_eq!(edits(&told(&host, WHOLE, true))[0].damage, Damage::Changed);
}

#[test]
fn no_log_tells_that_something_was_edited_and_not_what() {
    let quiet = BLOCK.replace("{name: block,", "{name: block, no_log: true,");
    let host = host(&[("/etc/f", "x = 1\n")]);
    told(&host, &quiet, false);
    edit(&host, "/etc/f", "b = 2", "b = hunter2");
    let checked = told(&host, &quiet, true);
    assert_eq!(edits(&checked).len(), 1);
    assert!(!checked.text().contains("hunter2") && !checked.text().contains("/etc/f"));
}

#[test]
fn a_saved_plan_names_what_was_edited_and_is_followed() {
    let host = host(&[("/etc/f", "x = 1\n")]);
    told(&host, BLOCK, false);
    edit(&host, "/etc/f", "b = 2\n", "");
    let hosts = BTreeMap::from([("a".to_owned(), host.clone())]);
    let (checked, saved) = plan(job(BLOCK, "a,", true), &hosts);
    let expected = BTreeMap::from([("/etc/f".to_owned(), Damage::LinesLost)]);
    assert_eq!(saved.hosts["a"].tasks[0].edited, expected, "{}", checked.text());
    let told = apply_plan(job(BLOCK, "a,", false), &saved, &hosts);
    assert_eq!((told.recap["a"].failed, told.recap["a"].changed), (0, 1), "{}", told.text());
    assert_eq!(damages(&told), one("/etc/f", Damage::LinesLost));
    assert!(read(&host, "/etc/f").contains("b = 2\n"));
}

// --- the role on a Mailcow server, and what its `update.sh` does ------------------------------------

const DIR: &str = "/opt/mailcow-dockerized";
const SITE: &str = "server {\n  listen 443;\n  ssl_prefer_server_ciphers on;\n  ssl_ciphers HIGH;\n  add_header X-XSS-Protection \"1; mode=block\";\n  gzip on;\n}\n";

fn era(era: Era) -> (String, Mailcow) {
    let name = match era {
        Era::A => "includes/site-defaults.conf",
        Era::B => "templates/sites-default.conf.j2",
    };
    let nginx_file = format!("{DIR}/data/conf/nginx/{name}");
    let mailcow = Mailcow {
        dir: DIR.into(),
        era,
        nginx_file: nginx_file.clone(),
        postfix_file: format!("{DIR}/data/conf/postfix/extra.cf"),
        compose: vec!["docker".into(), "compose".into()],
        hostname: "mail.example.org".into(),
        https_port: 443,
        https_bind: "127.0.0.1".into(),
        smtp_port: 25,
        smtp_bind: "127.0.0.1".into(),
        proxy_protocol: false,
        nginx_version: Some("1.29.4".into()),
        postfix_version: Some("3.7.11".into()),
        postfix_seclevel_zero: false,
        dead_files: vec![],
    };
    (nginx_file, mailcow)
}

/// The server becomes what an update makes of it, as far as no file says it.
fn becomes(host: &Fake, facts: Vec<(Probe, Fact)>) {
    by_hand(
        host,
        Change::Deed(Box::new(Deed {
            subject: "mailcow".into(),
            effect: String::new(),
            call: Call::Program(vec![]),
            back: Back::Nothing,
            makes: facts,
            reach: Reach::Itself,
        })),
    );
}

/// The role on a server of an era.
struct Server {
    host: Fake,
    nginx: String,
    extra: String,
}

impl Server {
    fn hardened(of: Era) -> Self {
        let (nginx, mailcow) = era(of);
        let extra = mailcow.postfix_file.clone();
        let host = host(&[(&nginx, SITE), (&extra, "myhostname = mail.example.org\n")]);
        let keys = [
            "smtp_tls_ciphers",
            "smtp_tls_mandatory_ciphers",
            "smtp_tls_protocols",
            "smtpd_tls_ciphers",
            "smtpd_tls_mandatory_ciphers",
            "smtpd_tls_protocols",
            "tls_high_cipherlist",
            "tls_preempt_cipherlist",
        ];
        let stock = keys.map(|key| (key.to_owned(), "stock".to_owned())).into();
        let running = Probe::Postconf { dir: DIR.into(), keys: keys.map(str::to_owned).into() };
        let look = Probe::Mailcow { dir: DIR.into() };
        becomes(
            &host,
            vec![(look, Fact::Mailcow(Ok(mailcow))), (running, Fact::Postconf(Some(stock)))],
        );
        let server = Self { host, nginx, extra };
        let told = server.run(false);
        assert_eq!((told.recap["a"].failed, damages(&told)), (0, vec![]), "{}", told.text());
        assert!(read(&server.host, &server.nginx).contains("gzip off;"));
        server
    }

    fn run(&self, check: bool) -> Told {
        apply(harden(check), |_| self.host.clone())
    }
}

/// The role's own files.
fn harden(check: bool) -> Arc<Job> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = BTreeMap::new();
    let mut folders = vec![root.join("roles/mailcow_hardening")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name: PathBuf = path.strip_prefix(root).unwrap().into();
            files.insert(name, Arc::from(std::fs::read_to_string(path).unwrap()));
        }
    }
    let playbook = "- hosts: all\n  gather_facts: false\n  roles: [mailcow_hardening]\n";
    project(files, playbook, "a,", check)
}

#[test]
fn an_update_that_drops_a_line_has_lost_it_and_the_role_sets_it_again() {
    let server = Server::hardened(Era::B);
    let Server { host, nginx, extra } = &server;
    let hardened = read(host, nginx);
    let xss = hardened.lines().find(|line| line.contains("X-XSS")).unwrap().to_owned() + "\n";
    edit(host, nginx, &xss, "");
    is_named_and_mended(host, |check| server.run(check), &one(nginx, Damage::LinesLost));
    let block = read(host, extra);
    let begin = block.find("# BEGIN").unwrap();
    edit(host, extra, &block[begin..], "");
    is_named_and_mended(host, |check| server.run(check), &one(extra, Damage::LinesLost));
}

#[test]
fn a_branch_that_brings_stock_back_has_changed_what_was_ours() {
    let server = Server::hardened(Era::A);
    let hardened = read(&server.host, &server.nginx);
    edit(&server.host, &server.nginx, &hardened, SITE);
    let expected = one(&server.nginx, Damage::Changed);
    is_named_and_mended(&server.host, |check| server.run(check), &expected);
    assert_eq!(read(&server.host, &server.nginx), hardened);
}

#[test]
fn a_file_that_an_update_removed_is_gone_and_made_again() {
    let server = Server::hardened(Era::A);
    remove(&server.host, &server.extra);
    let expected = one(&server.extra, Damage::FileLost);
    is_named_and_mended(&server.host, |check| server.run(check), &expected);
}

#[test]
fn an_update_to_another_era_is_told_with_the_file_that_counted_before() {
    let server = Server::hardened(Era::A);
    let (template, mailcow) = era(Era::B);
    by_hand(&server.host, write(&template, SITE, None));
    remove(&server.host, &server.nginx);
    let look = Probe::Mailcow { dir: DIR.into() };
    becomes(&server.host, vec![(look, Fact::Mailcow(Ok(mailcow)))]);
    let checked = server.run(true);
    assert_eq!(edits(&checked)[0].instead_of.as_deref(), Some(server.nginx.as_str()));
    let expected = one(&template, Damage::Switched);
    is_named_and_mended(&server.host, |check| server.run(check), &expected);
    assert!(read(&server.host, &template).contains("gzip off"));
}
