//! Goldens of what is sent, and hostile input to what is read.
use super::*;
use crate::change::{Attributes, Command};
use crate::facts::Answer;

fn path(path: &str) -> Probe {
    Probe::Path { path: path.into(), follow: false }
}

fn write(content: &[u8]) -> Change {
    Change::WriteFile {
        path: "/etc/it's".into(),
        content: Bytes(content.to_vec()),
        attributes: Attributes::default(),
        validate: None,
        backup: None,
        before: None,
        secret: false,
    }
}

#[test]
fn questions_are_one_brace_group_that_reads_nothing() {
    let text = probes(&[path("/etc/x"), path("/a b\n'c"), Probe::Owed]).unwrap().text();
    assert_eq!(
        text,
        "{\nanswer 0 probe_path /etc/x nofollow </dev/null\n\
         answer 1 probe_path '/a b\n'\\''c' nofollow </dev/null\n\
         answer 2 probe_owed </dev/null\n:\nclose_batch\n}\n"
    );
}

#[test]
fn changes_are_chained_and_read_base64_from_a_heredoc() {
    let run = Change::Run(Command { argv: vec!["id".into()], ..Command::default() });
    let text = changes(&[Change::Owe { handler: "a b".into() }, write(&[b'x'; 60]), run]).unwrap();
    let text = text.text();
    assert_eq!(
        text,
        format!(
            "{{\nanswer 0 owe_handler 'a b' </dev/null &&\n\
             answer 1 decoded write_file '/etc/it'\\''s' '' '' '' '' '' <<'.' &&\n\
             {}\neHh4\n.\nanswer 2 run_command '' '' 0 id </dev/null &&\n:\nclose_batch\n}}\n",
            "eHh4".repeat(19)
        )
    );
}

#[test]
fn an_empty_file_is_an_empty_heredoc() {
    assert!(changes(&[write(b"")]).unwrap().text().contains("<<'.' &&\n.\n:\n"));
}

#[test]
fn a_shell_that_is_to_die_does_so_between_two_changes() {
    let owe = |handler: &str| Change::Owe { handler: handler.into() };
    let batch = changes(&[owe("a"), owe("b")]).unwrap();
    assert_eq!(
        batch.dying_behind(1),
        "{\nanswer 0 owe_handler a </dev/null &&\nkill -KILL $$ &&\n\
         answer 1 owe_handler b </dev/null &&\n:\nclose_batch\n}\n"
    );
}

#[test]
fn a_nul_in_a_word_is_refused_before_anything_is_sent() {
    let error = probes(&[path("/etc/x"), path("/etc/\0")]).unwrap_err();
    assert!(error.to_string().contains("probe_path holds a NUL"), "{error}");
}

#[test]
fn the_opening_carries_no_comments_and_ends_with_the_nonce() {
    let text = opening("n0nce");
    assert!(text.ends_with("\nopen_session n0nce\n"));
    assert!(text.lines().all(|line| !line.trim_start().starts_with('#') && !line.is_empty()));
    assert!(text.contains("answer() {\n"));
}

#[test]
fn a_first_look_carries_what_it_needs_and_nothing_that_changes_the_journal() {
    let batch = probes(&[Probe::Journal]).unwrap().text();
    let line = asking("n0nce", &batch).unwrap();
    let words = shlex::split(&line).unwrap();
    let text = Bytes::from_base64(words[4].as_bytes()).unwrap();
    let text = text.text();
    assert!(text.ends_with(&("open_session n0nce\n".to_owned() + &batch)), "{text}");
    for (function, travels) in [("probe_journal", true), ("begin_run", false), ("arm_run", false)] {
        assert_eq!(text.contains(&format!("\n{function}() {{\n")), travels, "{function}");
        assert!(opening("n").contains(&format!("\n{function}() {{\n")), "{function}");
    }
}

fn read(text: &str, wanted: usize, may_stop: bool) -> Result<Option<Vec<Answer>>, TransportError> {
    Frames::new("N", wanted, true, may_stop).push(text.as_bytes())
}

fn why(text: &str, wanted: usize) -> String {
    read(text, wanted, false).unwrap_err().to_string()
}

const TWO: &str = "welcome\n\nN ready\nN begin 0\naGkK\nN err\n\nN end 0\nN begin 1\nN err\nb29w\ncw==\n\
                   N end 3\nN done\n";

#[test]
fn answers_are_read_however_they_are_cut_into_chunks() {
    for size in 1..TWO.len() {
        let mut frames = Frames::new("N", 2, true, false);
        let mut chunks = TWO.as_bytes().chunks(size);
        let answers = chunks.find_map(|chunk| frames.push(chunk).unwrap()).unwrap();
        let told: Vec<_> =
            answers.iter().map(|a| (a.rc, a.stdout.text(), a.stderr.text())).collect();
        assert_eq!(told, [(0, "hi\n".into(), "".into()), (3, "".into(), "oops".into())]);
    }
}

#[test]
fn every_proper_beginning_is_unfinished_and_nothing_else() {
    for end in 0..TWO.len() {
        assert_eq!(read(&TWO[..end], 2, false).unwrap(), None, "{end}");
    }
}

#[test]
fn fewer_answers_are_right_only_behind_a_change_that_failed() {
    let failed = "N ready\nN begin 0\nN err\nN end 1\nN done\n";
    assert_eq!(read(failed, 2, true).unwrap().unwrap().len(), 1);
    assert!(why(failed, 2).contains("1 answers to 2 requests"));
    let fine = failed.replace("end 1", "end 0");
    assert!(read(&fine, 2, true).is_err());
}

#[test]
fn noise_is_skipped_before_frames_and_between_them() {
    let text = "motd N ready\nN ready\nN begin 0\nN err\nN end 0\nWARNING\nN done\n";
    assert_eq!(read(text, 1, false).unwrap().unwrap().len(), 1);
}

#[test]
fn markers_out_of_turn_are_refused() {
    for text in [
        "N begin 0\n",
        "N done\n",
        "N ready\nN begin 1\n",
        "N ready\nN err\n",
        "N ready\nN ready\n",
        "N ready\nN begin 0\nN begin 0\n",
        "N ready\nN begin 0\nN end 0\n",
        "N ready\nN begin 0\nN err\nN err\n",
        "N ready\nN begin 0\nN err\nN done\n",
        "N ready\nN \u{1b}[31m\n",
    ] {
        assert!(why(text, 1).contains("out of turn"), "{text:?}");
    }
}

#[test]
fn what_is_no_base64_and_what_is_no_status_is_refused() {
    assert!(why("N ready\nN begin 0\n!!\nN err\nN end 0\n", 1).contains("not base64"));
    assert!(why("N ready\nN begin 0\naGk=\nsh: oops\nN err\nN end 0\n", 1).contains("not base64"));
    assert!(why("N ready\nN begin 0\nN err\nN end x\n", 1).contains("no number"));
    assert!(
        why("N ready\nN begin 0\nN err\nN end 0\nN begin 1\nN err\nN end 0\n", 1)
            .contains("more answers")
    );
}

#[test]
fn noise_and_answers_without_end_are_cut_off() {
    for unit in ["y\n", "y"] {
        let mut frames = Frames::new("N", 1, true, false);
        let noise = unit.repeat(MAX_NOISE + 1);
        assert!(frames.push(noise.as_bytes()).unwrap_err().to_string().contains("64 KiB"));
    }
    for unit in [format!("{}\n", "A".repeat(76)), "A".repeat(77)] {
        let mut frames = Frames::new("N", 1, true, false);
        frames.push(b"N ready\nN begin 0\n").unwrap();
        let chunk = unit.repeat(10_000);
        let mut pushes = (0..100).map(|_| frames.push(chunk.as_bytes()));
        let error = pushes.find_map(Result::err).unwrap();
        assert!(error.to_string().contains("64 MiB"), "{error}");
    }
}

#[test]
fn missing_tools_are_named() {
    let error = read("N lacks base64 stat\n", 1, false).unwrap_err();
    assert_eq!(error.to_string(), "the server lacks base64, stat");
}

#[test]
fn last_words_are_short_and_clean() {
    let mut frames = Frames::new("N", 1, true, false);
    frames.push(b"motd\n\n\x1b[1mone\ntwo\nsudo: a password is required").unwrap();
    assert_eq!(frames.last_words(), " [1mone; two; sudo: a password is required");
}
