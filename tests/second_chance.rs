//! Hosts that do not answer when they are first called are called once more when the others are done.
use crate::stage::{Told, apply, apply_plan, host, job, plan};
use cowhand::change::Change;
use cowhand::event::{Event, Recap};
use cowhand::plan::saved::Saved;
use cowhand::transport::fake::Fake;
use cowhand::transport::{Connect, Escalation, Stage, TransportError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A host that refuses its first callers.
#[derive(Clone)]
struct Late {
    host: Fake,
    calls: Arc<AtomicUsize>,
    refuses: usize,
    why: Arc<dyn Fn() -> TransportError + Send + Sync>,
}

impl Late {
    fn new(refuses: usize) -> Self {
        Self::saying(refuses, || Stage::Dial.error("10.0.0.1 refuses connections", "is it up?"))
    }

    fn saying(refuses: usize, why: impl Fn() -> TransportError + Send + Sync + 'static) -> Self {
        Self { host: host(&[]), calls: Arc::default(), refuses, why: Arc::new(why) }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// How often it was told to write its file.
    fn writes(&self) -> usize {
        let is_write = |change: &&Change| matches!(change, Change::WriteFile { .. });
        self.host.made().iter().filter(is_write).count()
    }
}

impl Connect for Late {
    type Shell = Fake;

    fn anew(&self) -> Self {
        self.clone()
    }

    async fn shell(&self, _: Option<&Escalation>) -> Result<Fake, TransportError> {
        match self.calls.fetch_add(1, Ordering::Relaxed) {
            call if call < self.refuses => Err((self.why)()),
            _ => Ok(self.host.clone()),
        }
    }
}

/// One file, with further keywords of the play.
fn playbook(keywords: &str) -> String {
    format!(
        "- hosts: all\n  gather_facts: false\n{keywords}  tasks:\n    \
         - copy: {{dest: /etc/motd, content: hello}}\n"
    )
}

/// Hosts `a`, `b` …
fn fleet(hosts: &[&Late]) -> BTreeMap<String, Late> {
    let named = hosts.iter().zip('a'..).map(|(host, name)| (name.to_string(), (*host).clone()));
    named.collect()
}

fn names(hosts: &BTreeMap<String, Late>) -> String {
    hosts.keys().map(|name| name.clone() + ",").collect()
}

fn run(playbook: &str, hosts: &[&Late]) -> Told {
    let hosts = fleet(hosts);
    apply(job(playbook, &names(&hosts), false), |name| hosts[name].clone())
}

/// Who got a second chance.
fn chances(told: &Told) -> Vec<&str> {
    let chances = told.events.iter().filter_map(|event| match event {
        Event::SecondChance { hosts } => Some(hosts.iter().map(String::as_str)),
        _ => None,
    });
    chances.flatten().collect()
}

#[track_caller]
fn nobody_gets_one(told: &Told) {
    assert_eq!(chances(told), Vec::<&str>::new(), "{}", told.text());
}

#[test]
fn a_host_that_answers_the_second_call_is_served_as_the_others_were() {
    let (a, b, c) = (Late::new(0), Late::new(1), Late::new(0));
    let told = run(&playbook(""), &[&a, &b, &c]);
    assert_eq!(chances(&told), ["b"]);
    assert_eq!([&a, &b, &c].map(Late::writes), [1, 1, 1]);
    assert_eq!(told.recap["b"], told.recap["a"], "as if it had always been there");
    let about = |event: &Event| match event {
        Event::PlayStarted { hosts, .. } => Some(format!("play on {}", hosts.join("+"))),
        Event::Unreachable { host, .. } => Some(format!("{host} is away")),
        Event::SecondChance { .. } => Some("again".to_owned()),
        Event::TaskFinished { host, .. } => Some(host.clone()),
        _ => None,
    };
    let story: Vec<String> = told.events.iter().filter_map(about).collect();
    assert_eq!(story, ["play on a+b+c", "b is away", "a", "c", "again", "play on b", "b"]);
}

#[test]
fn a_host_that_stays_away_fares_as_if_it_had_been_called_once() {
    let (a, b) = (Late::new(0), Late::new(9));
    let told = run(&playbook(""), &[&a, &b]);
    assert_eq!((chances(&told), b.calls()), (vec!["b"], 2));
    assert_eq!(told.recap["b"], Recap { unreachable: true, ..Recap::default() });
    assert_eq!(told.recap["a"].changed, 1);
}

#[test]
fn all_that_may_pass_is_reason_for_another_call_and_nothing_else() {
    let because = |why: fn() -> TransportError| {
        let told = run(&playbook(""), &[&Late::new(0), &Late::saying(1, why)]);
        chances(&told).len() == 1
    };
    assert!(because(|| Stage::Name.error("can't resolve `b`", "mend it")));
    assert!(because(|| Stage::Dial.error("b doesn't answer", "is it up?")));
    assert!(because(|| Stage::Handshake.error("b hung up", "too many?")));
    assert!(because(|| TransportError::TimedOut { seconds: 10 }));
    assert!(!because(|| Stage::Setup.error("no such key", "mend it")));
    assert!(!because(|| Stage::HostKey.error("the host key of b has changed", "beware")));
    assert!(!because(|| Stage::Login.error("b refuses the login", "is the key there?")));
    assert!(!because(|| TransportError::Unsuitable("no shell".into())));
    assert!(!because(|| TransportError::Escalation {
        user: "root".into(),
        message: "sudo asks for a password".into(),
        help: None
    }));
}

#[test]
fn a_host_that_was_lost_in_the_middle_is_not_begun_again() {
    let (a, b) = (Late::new(0), Late::new(0));
    b.host.cut_at(1);
    let told = run(&playbook(""), &[&a, &b]);
    nobody_gets_one(&told);
    assert!(told.recap["b"].unreachable, "{}", told.text());
}

#[test]
fn where_nobody_answers_nobody_is_called_again() {
    let (a, b) = (Late::new(1), Late::new(1));
    nobody_gets_one(&run(&playbook(""), &[&a, &b]));
    assert_eq!((a.calls(), b.calls()), (1, 1));
}

#[test]
fn a_run_that_is_stopped_for_all_gives_nobody_a_second_chance() {
    let fails = "    - fail:\n      when: inventory_hostname == 'a'\n";
    for keyword in ["any_errors_fatal: true", "max_fail_percentage: 30"] {
        let playbook = playbook(&format!("  {keyword}\n")) + fails;
        nobody_gets_one(&run(&playbook, &[&Late::new(0), &Late::new(1), &Late::new(0)]));
    }
    // Who is away is an error as well.
    let told = run(&playbook("  any_errors_fatal: true\n"), &[&Late::new(0), &Late::new(1)]);
    nobody_gets_one(&told);
    assert!(told.recap["a"].stopped, "{}", told.text());
    // A batch that failed as a whole ends the run while others wait: hosts of the play, or of a later one.
    nobody_gets_one(&run(
        &playbook("  serial: [2, 1]\n"),
        &[&Late::new(1), &Late::new(1), &Late::new(0)],
    ));
    let later = playbook("").replace("hosts: all", "hosts: a,b") + fails + &playbook("");
    nobody_gets_one(&run(&later, &[&Late::new(0), &Late::new(1), &Late::new(0)]));
}

#[test]
fn a_host_is_called_again_although_all_others_failed() {
    let fails = "    - fail:\n      when: inventory_hostname == 'a'\n";
    let told = run(&(playbook("") + fails), &[&Late::new(0), &Late::new(1)]);
    assert_eq!(chances(&told), ["b"]);
    assert_eq!((told.recap["a"].failed, told.recap["b"].changed), (1, 1));
    // The last batch may be one that failed as a whole: nobody waits behind it.
    let told = run(&playbook("  serial: 1\n"), &[&Late::new(0), &Late::new(1)]);
    assert_eq!(chances(&told), ["b"]);
}

#[test]
fn an_interrupted_run_begins_nothing_new() {
    let playbook = playbook("");
    let job = job(&playbook, "a,b,", false);
    let interrupt = job.options.interrupt.clone();
    let late = Late::saying(1, move || {
        interrupt.cancel();
        Stage::Dial.error("b doesn't answer", "is it up?")
    });
    let told = apply(job, |name| if name == "a" { Late::new(0) } else { late.clone() });
    nobody_gets_one(&told);
    assert!(told.recap["b"].unreachable);
}

#[test]
fn where_it_does_not_matter_that_a_host_is_away_it_goes_on_and_is_not_called_again_later() {
    let keyword = "  ignore_unreachable: true\n";
    let later = "    - copy: {dest: /etc/issue, content: hello}\n";
    // Away for the first look and for the first task; there for the second.
    let (a, b) = (Late::new(0), Late::new(2));
    let told = run(&(playbook(keyword) + later), &[&a, &b]);
    nobody_gets_one(&told);
    assert_eq!((a.writes(), b.writes(), told.recap["b"].unreachable), (2, 1, false));
    assert_eq!(told.recap["b"].ignored, 1, "{}", told.text());
}

#[test]
fn every_play_that_has_the_host_runs_again_and_no_other() {
    let one = "- hosts: a\n  gather_facts: false\n  tasks:\n    - debug: msg=alone\n";
    let (a, b) = (Late::new(0), Late::new(1));
    let told = run(&[&playbook(""), one, &playbook("")].concat(), &[&a, &b]);
    let plays = told.events.iter().filter_map(|event| match event {
        Event::PlayStarted { hosts, .. } => Some(hosts.join("+")),
        _ => None,
    });
    assert_eq!(plays.collect::<Vec<_>>(), ["a+b", "a", "a+b", "b", "b"]);
    assert_eq!((told.recap["b"].changed, told.recap["b"].ok), (1, 1));
}

#[test]
fn what_runs_once_and_batches_are_those_of_the_hosts_that_are_called_again() {
    let once = "    - {debug: 'msg=once', run_once: true, register: said}\n    \
                - copy: {dest: /etc/issue, content: '{{ said.msg }} {{ ansible_play_batch }}'}\n";
    let (a, b, c) = (Late::new(0), Late::new(1), Late::new(1));
    let told = run(&(playbook("  serial: 3\n") + once), &[&a, &b, &c]);
    assert_eq!(chances(&told), ["b", "c"]);
    let content = |late: &Late| {
        let facts = late.host.facts();
        facts.content("/etc/issue").unwrap().unwrap().text().into_owned()
    };
    assert_eq!(content(&a), "once ['a']");
    assert_eq!((content(&b), content(&c)), ("once ['b', 'c']".into(), "once ['b', 'c']".into()));
}

#[test]
fn a_check_and_a_saved_plan_have_hosts_that_answer_the_second_call() {
    let text = playbook("");
    let late = || fleet(&[&Late::new(0), &Late::new(1)]);
    let hosts = late();
    let told = apply(job(&text, "a,b,", true), |name| hosts[name].clone());
    assert_eq!((chances(&told), told.recap["b"].would_change), (vec!["b"], 1));

    let (told, saved): (_, Saved) = plan(job(&text, "a,b,", true), &late());
    assert_eq!(chances(&told), ["b"]);
    assert!(saved.hosts["b"].complete && !saved.hosts["b"].tasks.is_empty());
    assert_eq!(saved.hosts["b"], saved.hosts["a"]);

    // The rehearsal calls again; what is done then is held to the plan.
    let hosts = late();
    let told = apply_plan(job(&text, "a,b,", false), &saved, &hosts);
    assert_eq!((chances(&told), hosts["b"].writes()), (vec!["b"], 1), "{}", told.text());
    let other = text.replace("hello", "bye");
    let hosts = late();
    let told = apply_plan(job(&other, "a,b,", false), &saved, &hosts);
    assert_eq!((told.recap["b"].failed, hosts["b"].writes()), (1, 0), "{}", told.text());
    // One that is away for the rehearsal is left alone.
    let hosts = fleet(&[&Late::new(0), &Late::new(2)]);
    let told = apply_plan(job(&text, "a,b,", false), &saved, &hosts);
    assert_eq!((told.recap["b"].unreachable, hosts["b"].calls()), (true, 2), "{}", told.text());
}
