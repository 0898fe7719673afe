//! The first look at a server travels with fewer functions than what follows, and is answered alike.
use super::journal::{begin, end, step};
use super::real::{Lab, labs};
use super::*;
use cowhand::change::Entry;
use cowhand::transport::wire;
use std::process::Stdio;

/// A server with a run that wrote a file and waits to be confirmed, and one that is over.
async fn remembering(lab: &Lab) -> Vec<Probe> {
    let shell = lab.door.shell(None).await.unwrap();
    let file = lab.path("remembered");
    let arm = Entry::Arm { run: "bob".into(), seconds: 600, from: 1 };
    make(
        &shell,
        &[
            begin("ada"),
            step("ada", 1, write(&file, "x", None)),
            end("ada"),
            Change::Owe { handler: "restart".into() },
            begin("bob"),
            Change::Journal(arm),
        ],
    )
    .await;
    let written = Probe::Written { path: file };
    vec![Probe::Owed, Probe::Journal, Probe::Runs, Probe::Keeper, written]
}

#[tokio::test]
async fn a_first_look_is_answered_as_any_other_without_the_functions_that_change_something() {
    for lab in labs() {
        let probes = remembering(&lab).await;
        let shell = lab.door.shell(None).await.unwrap();
        let usual = shell.observe(&probes).await.unwrap();
        let line = wire::asking("N", &wire::probes(&probes).unwrap().text()).unwrap();
        let looked = std::process::Command::new(&lab.program[0])
            .args(&lab.program[1..])
            .args(["-c", &line])
            .env("PATH", &lab.programs)
            .env("COWHAND_STATE", lab.state())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let answers = wire::Frames::new("N", probes.len(), true, false).push(&looked.stdout);
        let answers = answers.unwrap().unwrap();
        for ((probe, answer), usual) in probes.iter().zip(&answers).zip(&usual) {
            assert_eq!(answer.stderr, Bytes::default(), "{}: {probe:?}", lab.name);
            let (now, then) = (steady(probe.read(answer).unwrap()), steady(usual.clone()));
            assert_eq!(now, then, "{}: {probe:?}", lab.name);
        }
        let confirm = Entry::Confirm { run: "bob".into() };
        make(&shell, &[Change::Journal(confirm), end("bob")]).await;
    }
}

/// Without what goes on meanwhile: the age of the lock, the time at which the timer is up.
fn steady(mut fact: Fact) -> Fact {
    match &mut fact {
        Fact::Journal(journal) => {
            journal.lock.iter_mut().for_each(|lock| lock.age = 0);
            journal.waits.iter_mut().for_each(|(_, until)| *until = 0);
        }
        Fact::Runs(runs) => {
            let waits = runs.iter_mut().filter_map(|run| run.waits.as_mut());
            waits.for_each(|until| *until = 0);
        }
        _ => {}
    }
    fact
}
