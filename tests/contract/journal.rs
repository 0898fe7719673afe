//! The journal: one run at a time, what it replaced, and back.
use super::*;
use cowhand::change::{
    Care, Ending, Entry, Identity, LOCKED, TOO_LATE, TakenBack, armed, taken_back,
};
use cowhand::facts::{Journal, Lock, PastRun};

pub(crate) fn by(run: &str) -> Identity {
    Identity { run: run.into(), who: format!("{run}@ws, pid 7"), lease: 60 }
}

pub(crate) fn begin(run: &str) -> Change {
    Change::Journal(Entry::Begin { by: by(run), manifest: "{\"playbook\":\"site.yml\"}".into() })
}

pub(crate) fn end(run: &str) -> Change {
    Change::Journal(Entry::End { run: run.into(), how: Ending::Applied })
}

pub(crate) fn step(run: &str, number: u32, change: Change) -> Change {
    Change::Step { run: run.into(), number, change: Box::new(change) }
}

pub(crate) fn undo(run: &str, of: &str, from: u32, care: Care) -> Change {
    Change::Journal(Entry::Undo { run: run.into(), of: of.into(), from, care })
}

/// What was restored; nothing may be left.
pub(crate) async fn restored(shell: &impl Transport, undo: Change) -> Vec<String> {
    let ran = shell.apply(&[undo]).await.unwrap();
    assert_eq!(statuses(&ran), [0], "{ran:?}");
    let paths = taken_back(&ran[0]).into_iter().map(|became| match became {
        TakenBack::Restored(path) => path,
        TakenBack::Left { .. } => panic!("{became:?}: {:?}", ran[0].stderr),
    });
    paths.collect()
}

/// Without what runs have written.
pub(crate) async fn journal(shell: &impl Transport) -> Journal {
    Journal { written: vec![], ..whole_journal(shell).await }
}

pub(crate) async fn whole_journal(shell: &impl Transport) -> Journal {
    match shell.observe(&[Probe::Journal]).await.unwrap().remove(0) {
        Fact::Journal(journal) => journal,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn runs(shell: &impl Transport) -> Vec<PastRun> {
    match shell.observe(&[Probe::Runs]).await.unwrap().remove(0) {
        Fact::Runs(runs) => runs,
        other => panic!("{other:?}"),
    }
}

/// What every door does alike.
pub(crate) async fn keeps_the_contract(door: &impl Connect, root: &str) {
    let shell = &door.shell(None).await.unwrap();
    one_run_at_a_time(shell, door).await;
    what_a_run_replaced_comes_back(shell, root).await;
    a_run_that_was_cut_off_is_closed_by_the_next(shell, root).await;
    what_is_confirmed_stays(shell, door, root).await;
    what_nobody_confirms_is_taken_back_by_the_server(shell, root).await;
}

async fn one_run_at_a_time(shell: &impl Transport, door: &impl Connect) {
    assert_eq!(journal(shell).await, Journal::default());
    make(shell, &[begin("ada")]).await;
    let lock = journal(shell).await.lock.unwrap();
    assert_eq!((lock.run.as_str(), lock.who.as_str()), ("ada", "ada@ws, pid 7"));
    assert!(!lock.lapsed());
    let other = &door.shell(None).await.unwrap();
    let ran = other.apply(&[begin("bob"), Change::Owe { handler: "h".into() }]).await.unwrap();
    assert_eq!(statuses(&ran), [LOCKED], "nothing behind it is done");
    let told = Lock::read(&ran[0].stdout.text()).unwrap();
    assert_eq!((told.run, told.who, told.since), (lock.run, lock.who, lock.since));
    make(other, &[begin("ada")]).await;
    make(other, &[end("ada"), begin("bob"), end("bob")]).await;
    assert_eq!(journal(shell).await, Journal::default());
    let told: Vec<_> = runs(shell).await.into_iter().map(|run| (run.run, run.ended)).collect();
    let how = |told: &Option<(i64, String)>| told.as_ref().map(|(_, how)| how.clone());
    assert_eq!(told.iter().map(|(run, _)| run.as_str()).collect::<Vec<_>>(), ["ada", "bob"]);
    assert!(told.iter().all(|(_, ended)| how(ended).as_deref() == Some("applied")));
    assert_eq!(runs(shell).await[0].manifest, "{\"playbook\":\"site.yml\"}".into());
    let late = step("ada", 1, Change::MakeDir { path: "/nowhere".into(), attributes: mode(0o700) });
    let ran = shell.apply(&[late]).await.unwrap();
    assert_eq!(statuses(&ran), [1]);
    assert!(ran[0].stderr.text().contains("no longer holds the lock"), "{ran:?}");
}

async fn what_a_run_replaced_comes_back(shell: &impl Transport, root: &str) {
    let at = |name: &str| format!("{root}/{name}");
    make(shell, &[write(&at("kept"), "old", None)]).await;
    let names = ["kept", "made", "new"];
    let mut probes = vec![];
    for name in names {
        probes.extend([path(&at(name), false), Probe::Content { path: at(name) }]);
    }
    let strip = |seen: Observed| -> Vec<Fact> {
        let facts = seen.iter().map(|(_, fact)| match fact.clone() {
            Fact::Path(Some(stat)) => Fact::Path(Some(Stat { mtime: 0, ..stat })),
            other => other,
        });
        facts.collect()
    };
    let before = strip(look(shell, &probes).await);
    let handler = Change::Journal(Entry::Handler {
        run: "cy".into(),
        number: 5,
        handler: "restart".into(),
        changes: "[]".into(),
    });
    make(
        shell,
        &[
            begin("cy"),
            step("cy", 1, write(&at("kept"), "new", Some("old"))),
            step("cy", 2, Change::MakeDir { path: at("made"), attributes: mode(0o750) }),
            step("cy", 3, write(&at("made/inner"), "in", None)),
            step("cy", 4, write(&at("new"), "new", None)),
            handler,
            step("cy", 6, write(&at("kept"), "newer", Some("new"))),
        ],
    )
    .await;
    let told = runs(shell).await.pop().unwrap();
    assert_eq!(told.steps.len(), 5);
    assert!(told.steps.iter().all(|step| step.done && !step.undone), "{told:?}");
    assert_eq!(told.handlers[0].handler, "restart");
    let back = restored(shell, undo("cy", "cy", 6, Care::Careful)).await;
    assert_eq!(back, [at("kept")]);
    assert_eq!(content(shell, &at("kept")).await, Some("new".into()));
    let back = restored(shell, undo("cy", "cy", 0, Care::Careful)).await;
    assert_eq!(back, [at("new"), at("made/inner"), at("made"), at("kept")], "newest first");
    assert_eq!(strip(look(shell, &probes).await), before);
    assert!(restored(shell, undo("cy", "cy", 0, Care::Careful)).await.is_empty());
    make(shell, &[end("cy")]).await;
    assert!(runs(shell).await.pop().unwrap().steps.iter().all(|step| step.undone));
}

async fn a_run_that_was_cut_off_is_closed_by_the_next(shell: &impl Transport, root: &str) {
    let file = format!("{root}/cut");
    make(shell, &[begin("dan"), step("dan", 1, write(&file, "x", None))]).await;
    assert_eq!(journal(shell).await.open, ["dan"]);
    make(shell, &[Change::Journal(Entry::End { run: "dan".into(), how: Ending::Interrupted })])
        .await;
    make(shell, &[Change::Journal(Entry::Tidy { by: by("eve") })]).await;
    assert_eq!(journal(shell).await, Journal::default());
}

fn arm(run: &str, seconds: u32, from: u32) -> Change {
    Change::Journal(Entry::Arm { run: run.into(), seconds, from })
}

fn confirm(run: &str) -> Change {
    Change::Journal(Entry::Confirm { run: run.into() })
}

async fn what_is_confirmed_stays(shell: &impl Transport, door: &impl Connect, root: &str) {
    let file = format!("{root}/confirmed");
    let batch = [begin("fay"), arm("fay", 600, 1), step("fay", 1, write(&file, "x", None))];
    let ran = shell.apply(&batch).await.unwrap();
    assert_eq!(statuses(&ran), [0, 0, 0], "{ran:?}");
    assert!(armed(&ran[1]).is_some(), "{ran:?}");
    let (run, _) = journal(shell).await.waits.unwrap();
    assert_eq!(run, "fay");
    assert!(runs(shell).await.pop().unwrap().waits.is_some());
    make(shell, &[Change::Journal(Entry::Stay { run: "fay".into() })]).await;
    let anew = &door.anew();
    let other = &anew.shell(None).await.unwrap();
    make(other, &[confirm("fay"), confirm("fay")]).await;
    assert_eq!(journal(shell).await.waits, None);
    make(shell, &[end("fay")]).await;
    assert_eq!(content(shell, &file).await, Some("x".into()));
    let told = runs(shell).await.pop().unwrap();
    assert_eq!(
        (told.waits, told.unconfirmed, told.ended.unwrap().1),
        (None, None, "applied".into())
    );
}

async fn what_nobody_confirms_is_taken_back_by_the_server(shell: &impl Transport, root: &str) {
    let (before, behind) = (format!("{root}/before"), format!("{root}/behind"));
    let handler = Entry::Handler {
        run: "gil".into(),
        number: 3,
        handler: "reload 'it'".into(),
        changes: "{}".into(),
    };
    let changes = vec![Change::Wait(cowhand::change::Wait {
        until: cowhand::change::Until::Time,
        delay: 0,
        sleep: 0,
        timeout: 0,
    })];
    make(
        shell,
        &[
            begin("gil"),
            step("gil", 1, write(&before, "x", None)),
            arm("gil", 1, 2),
            step("gil", 2, write(&behind, "y", None)),
            Change::Journal(handler),
            Change::Journal(Entry::Again { run: "gil".into(), number: 3, changes }),
        ],
    )
    .await;
    let mut told = PastRun::default();
    for _ in 0..200 {
        told = runs(shell).await.pop().unwrap();
        if told.ended.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let report = told.unconfirmed.unwrap_or_else(|| panic!("{:?}", told.ended));
    assert_eq!(told.ended.unwrap().1, "not confirmed, taken back");
    assert_eq!((&report.restored, &report.left), (&vec![behind.clone()], &vec![]));
    assert_eq!(report.again, ["reload 'it'"]);
    assert_eq!(stat(shell, &behind, false).await, None);
    assert_eq!(content(shell, &before).await, Some("x".into()), "older than what was armed");
    let late = [confirm("gil")];
    assert_eq!(statuses(&shell.apply(&late).await.unwrap()), [TOO_LATE]);
    let late = [step("gil", 4, write(&behind, "y", None))];
    assert_eq!(statuses(&shell.apply(&late).await.unwrap()), [TOO_LATE], "it does nothing more");
    make(shell, &[end("gil")]).await;
    let seen = journal(shell).await;
    assert_eq!((seen.lock, seen.unconfirmed.unwrap().0), (None, "gil".into()));
    assert_eq!(runs(shell).await.pop().unwrap().ended.unwrap().1, "not confirmed, taken back");
    make(shell, &[begin("hal"), end("hal")]).await;
    assert_eq!(journal(shell).await, Journal::default());
}
