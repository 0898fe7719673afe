//! What a server keeps of runs is bounded: how many, and how much of each.
use super::journal::{begin, end, restored, runs, step, undo};
use super::real::{Lab, labs};
use super::*;
use cowhand::change::{Care, Ending, Entry, TakenBack, taken_back};
use cowhand::facts::Answer;

/// Runs that a server keeps.
const KEPT: usize = 10;

/// More runs than are kept, each of which changes a file; the oldest are forgotten, and with them what they
/// replaced.
pub(crate) async fn keeps_the_contract(shell: &impl Transport, root: &str) {
    let file = format!("{root}/often");
    make(shell, &[write(&file, "0", None)]).await;
    for number in 1..=KEPT + 2 {
        let (run, old) = (format!("no{number}"), (number - 1).to_string());
        let change = write(&file, number.to_string().as_str(), Some(&old));
        make(shell, &[begin(&run), step(&run, 1, change), end(&run)]).await;
    }
    let kept: Vec<String> = runs(shell).await.into_iter().map(|run| run.run).collect();
    let last: Vec<String> = (3..=KEPT + 2).map(|number| format!("no{number}")).collect();
    assert_eq!(kept, last);
    make(shell, &[begin("mo")]).await;
    let forgotten = shell.apply(&[undo("mo", "no1", 0, Care::Force)]).await.unwrap();
    assert_eq!(statuses(&forgotten), [1], "{forgotten:?}");
    for number in (3..=KEPT + 2).rev() {
        let of = format!("no{number}");
        let back = restored(shell, undo("mo", &of, 0, Care::Strict)).await;
        assert_eq!(back, std::slice::from_ref(&file));
    }
    assert_eq!(content(shell, &file).await, Some("2".into()));
    make(shell, &[end("mo")]).await;
}

/// A server's functions with bounds that a test can reach.
struct Bounded<'a> {
    lab: &'a Lab,
    bounds: &'a str,
}

impl Bounded<'_> {
    fn make(&self, changes: &[Change]) -> Vec<Answer> {
        let made = |change: &Change| {
            let payload = change.payload().cloned().unwrap_or_default();
            let ran = self.lab.call(self.bounds, &change.words(), &payload.0);
            assert_eq!(ran.rc, 0, "{}: {change:?}: {ran:?}", self.lab.name);
            ran
        };
        changes.iter().map(made).collect()
    }

    fn back(&self, run: &str) -> Vec<TakenBack> {
        let undo = Change::Journal(Entry::Undo {
            run: run.into(),
            of: run.into(),
            from: 0,
            care: Care::Careful,
        });
        taken_back(&self.make(&[undo])[0])
    }

    /// Names below the state folder.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.lab.state().join(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn what_is_too_large_to_be_kept_is_changed_all_the_same_and_named_when_it_should_come_back() {
    for lab in labs() {
        let server = Bounded { lab: &lab, bounds: "image_limit=90 below_limit=3" };
        let (small, large, folder) = (lab.path("small"), lab.path("large"), lab.path("folder"));
        std::fs::write(&small, "old").unwrap();
        let before = Bytes(vec![b'x'; 200 << 10]);
        std::fs::write(&large, &before.0).unwrap();
        for name in ["", "/a", "/b", "/c"] {
            std::fs::create_dir(format!("{folder}{name}")).unwrap();
        }
        let dressed =
            Change::SetAttributes { path: folder.clone(), attributes: mode(0o711), recurse: true };
        server.make(&[
            begin("ada"),
            step("ada", 1, write(&small, "new", Some("old"))),
            step("ada", 2, write(&large, "new", Some(&before.text()))),
            step("ada", 3, dressed),
        ]);
        let left = |path: &str, why: &str| TakenBack::Left { path: path.into(), why: why.into() };
        assert_eq!(
            server.back("ada"),
            [
                left(&folder, "more than 3 files are below it"),
                left(&large, "too large to be kept"),
                TakenBack::Restored(small.clone()),
            ],
            "{}",
            lab.name
        );
        assert_eq!(std::fs::read_to_string(&large).unwrap(), "new", "{}", lab.name);
        let how = Ending::NotRolledBack;
        server.make(&[Change::Journal(Entry::End { run: "ada".into(), how })]);
    }
}

#[test]
fn runs_go_when_they_are_too_large_together_but_for_the_last() {
    for lab in labs() {
        let server = Bounded { lab: &lab, bounds: "runs_limit=1600" };
        let file = lab.path("f");
        let text = |number: usize| number.to_string().repeat(600 << 10);
        std::fs::write(&file, text(0)).unwrap();
        for number in 1..=4 {
            let run = format!("no{number}");
            let change = write(&file, text(number).as_str(), Some(&text(number - 1)));
            server.make(&[begin(&run), step(&run, 1, change), end(&run)]);
        }
        assert_eq!(server.names("runs"), ["000003.no3", "000004.no4"], "{}", lab.name);
        let server = Bounded { lab: &lab, bounds: "runs_limit=1" };
        server.make(&[begin("no5"), end("no5")]);
        assert_eq!(server.names("runs"), ["000005.no5"], "{}", lab.name);
    }
}

#[test]
fn of_what_runs_wrote_the_last_files_are_kept_in_mind_and_no_large_content() {
    for lab in labs() {
        let server = Bounded { lab: &lab, bounds: "written_limit=3 written_kept=2" };
        let write = |name: &str, text: &str| write(&lab.path(name), text, None);
        server.make(&[begin("ada"), step("ada", 1, write("small", "abc")), end("ada")]);
        assert_eq!(server.names("written").len(), 1, "{}", lab.name);
        server.make(&[begin("bob"), step("bob", 1, write("large", "abcd"))]);
        let probe = |name: &str| {
            let probe = Probe::Written { path: lab.path(name) };
            probe.read(&lab.call(server.bounds, &probe.words(), b"")).unwrap()
        };
        assert_eq!(probe("small"), Fact::Written(Some("abc".into())), "{}", lab.name);
        assert_eq!(probe("large"), Fact::Written(None), "{}", lab.name);
        server.make(&[step("bob", 2, write("third", "")), end("bob")]);
        assert_eq!(server.names("written").len(), 2, "{}", lab.name);
    }
}
