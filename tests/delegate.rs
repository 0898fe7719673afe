//! Tasks that run on another host: where they change something, and where it is remembered.
use crate::stage::{Told, apply, host, job};
use cowhand::facts::{Fact, Probe};
use cowhand::transport::fake::Fake;

/// `a` writes a file on `b`, which is no host of the play, and notifies a handler.
fn playbook(handler: &str) -> String {
    format!(
        "- hosts: a
  gather_facts: false
  tasks:
    - copy: {{dest: /etc/f, content: '{{{{ inventory_hostname }}}}'}}
      delegate_to: b
      notify: tell
  handlers:
    - name: tell
      {handler}
"
    )
}

fn run(handler: &str, a: &Fake, b: &Fake) -> Told {
    let (a, b) = (a.clone(), b.clone());
    apply(
        job(&playbook(handler), "a,b,", false),
        move |name| {
            if name == "a" { a.clone() } else { b.clone() }
        },
    )
}

fn owed(host: &Fake) -> Vec<String> {
    match host.facts().get(&Probe::Owed) {
        Ok(Fact::Owed(owed)) => owed.iter().map(|owed| owed.handler.clone()).collect(),
        _ => vec![],
    }
}

#[test]
fn a_delegated_task_changes_the_other_host_and_counts_for_its_own() {
    let (a, b) = (host(&[]), host(&[]));
    let told = run("debug: {msg: told}", &a, &b);
    assert_eq!(b.facts().content("/etc/f").unwrap(), Some("a".into()).as_ref());
    assert!(a.facts().content("/etc/f").is_err(), "nothing was asked or written on a");
    assert_eq!(told.recap.keys().collect::<Vec<_>>(), ["a"], "b is no host of the play");
    assert_eq!(told.recap["a"].changed, 1);
}

#[test]
fn a_mark_on_another_host_stays_until_the_handler_of_who_made_it_succeeds() {
    let (a, b) = (host(&[]), host(&[]));
    let told = run("fail:", &a, &b);
    assert_eq!((owed(&a), owed(&b)), (vec![], vec!["tell".to_owned()]));
    assert!(told.text().contains("it was done on another host"), "{}", told.text());
    // The task has nothing to do any more, and whoever would have notified takes the mark up.
    let told = run("debug: {msg: told}", &a, &b);
    assert!(told.text().contains(r#""task":"tell""#), "{}", told.text());
    assert_eq!((owed(&a), owed(&b)), (vec![], vec![]));
}
