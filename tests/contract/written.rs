//! What runs wrote is kept in mind as long as it is theirs.
use super::journal::{begin, end, restored, step, undo, whole_journal};
use super::*;
use cowhand::change::Care;
use cowhand::facts::Written;

/// The record of a path.
async fn record(shell: &impl Transport, path: &str) -> Option<Written> {
    let written = whole_journal(shell).await.written;
    let mut of_path = written.into_iter().filter(|written| written.path == path);
    let record = of_path.next();
    assert_eq!(of_path.next(), None, "one for each path");
    record
}

/// The run that wrote a path last, and what.
async fn last(shell: &impl Transport, path: &str) -> Option<(String, Bytes)> {
    let probe = Probe::Written { path: path.into() };
    let content = match shell.observe(&[probe]).await.unwrap().remove(0) {
        Fact::Written(content) => content,
        other => panic!("{other:?}"),
    };
    let record = record(shell, path).await;
    assert_eq!(record.as_ref().map(|it| it.sha256.clone()), content.as_ref().map(Bytes::sha256));
    record.zip(content).map(|(record, content)| (record.run, content))
}

pub(crate) async fn keeps_the_contract(shell: &impl Transport, root: &str) {
    let at = |name: &str| format!("{root}/written/{name}");
    let (file, odd) = (at("file"), at("dir/odd\nname 'x'"));
    let by = |run: &str, text: &str| Some((run.to_owned(), Bytes::from(text)));
    let folder = |name: &str| Change::MakeDir { path: at(name), attributes: mode(0o755) };
    make(shell, &[folder(""), folder("dir"), write(&file, "theirs", None)]).await;
    assert_eq!(last(shell, &file).await, None, "what is no step of a run is nobody's");
    make(
        shell,
        &[
            begin("ida"),
            step("ida", 1, write(&file, "one", Some("theirs"))),
            step("ida", 2, write(&odd, "odd", None)),
            end("ida"),
        ],
    )
    .await;
    assert_eq!(last(shell, &file).await, by("ida", "one"));
    assert_eq!(last(shell, &odd).await, by("ida", "odd"));

    let attributes = mode(0o600);
    let set = Change::SetAttributes { path: file.clone(), attributes, recurse: false };
    make(
        shell,
        &[begin("jo"), step("jo", 1, write(&file, "two", Some("one"))), step("jo", 2, set)],
    )
    .await;
    assert_eq!(last(shell, &file).await, by("jo", "two"));
    make(shell, &[step("jo", 3, write(&file, "three", Some("two")))]).await;
    restored(shell, undo("jo", "jo", 3, Care::Careful)).await;
    assert_eq!(last(shell, &file).await, by("jo", "two"));
    restored(shell, undo("jo", "jo", 0, Care::Careful)).await;
    assert_eq!(last(shell, &file).await, by("ida", "one"), "what was taken back was never written");
    make(shell, &[end("jo")]).await;

    let remove = |path: &str| Change::Remove { path: path.into() };
    make(shell, &[begin("kai"), step("kai", 1, remove(&file)), step("kai", 2, remove(&at("dir")))])
        .await;
    assert_eq!((last(shell, &file).await, last(shell, &odd).await), (None, None));
    restored(shell, undo("kai", "kai", 0, Care::Careful)).await;
    assert_eq!(last(shell, &file).await, by("ida", "one"));
    make(shell, &[end("kai")]).await;
}
