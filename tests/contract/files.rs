//! What modules ask about files and do to them, in every POSIX shell that this machine has.
use super::real::{labs, run};
use super::*;
use cowhand::change::{Command, Download, Request, When};
use std::io::{Read as _, Write as _};

async fn one(shell: &impl Transport, change: Change) -> Ran {
    shell.apply(&[change]).await.unwrap().remove(0)
}

async fn ask(shell: &impl Transport, probe: Probe) -> Fact {
    shell.observe(&[probe]).await.unwrap().remove(0)
}

#[tokio::test]
async fn what_is_seldom_wanted_of_a_path_is_told() {
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let (file, link) = (lab.path("two\nlines"), lab.path("link"));
        std::fs::write(&file, "hi2\n").unwrap();
        std::os::unix::fs::symlink("two\nlines", &link).unwrap();
        let details = |path: &str, follow| Probe::Details {
            path: path.into(),
            follow,
            sum: "sha1".into(),
            mime: true,
            flags: true,
        };
        let Fact::Details(Some(told)) = ask(&shell, details(&file, false)).await else { panic!() };
        assert_eq!(told.sum.as_deref(), Some("906faceaf874dd64e81de0048f36f4bab0f1f171"));
        assert_eq!((told.inode.size, told.inode.links), (4, 1), "{}", lab.name);
        assert!(told.access.0 && told.inode.atime > 0 && told.inode.inode > 0);
        let Fact::Details(Some(told)) = ask(&shell, details(&link, false)).await else { panic!() };
        assert_eq!((told.inode.kind(), told.sum), (PathKind::Link, None));
        let real = std::fs::canonicalize(&file).unwrap();
        assert_eq!(told.real, real.to_str().unwrap(), "{}", lab.name);
        assert_eq!(ask(&shell, details(&lab.path("none"), true)).await, Fact::Details(None));
    }
}

#[tokio::test]
async fn folders_are_listed_and_files_asked_about_side_by_side() {
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        std::fs::create_dir_all(lab.path("d/e")).unwrap();
        for (name, text) in [("d/odd\nname", "k=1\n"), ("d/e/deep", "x\n"), ("d/-f", "")] {
            std::fs::write(lab.path(name), text).unwrap();
        }
        let tree = |depth| Probe::Tree { path: lab.path("d"), depth, follow: false };
        let Fact::Tree(Some(all)) = ask(&shell, tree(None)).await else { panic!() };
        let mut names: Vec<_> = all.entries.iter().map(|(path, _)| path.clone()).collect();
        names.sort();
        let wanted = ["d/-f", "d/e", "d/e/deep", "d/odd\nname"].map(|name| lab.path(name));
        assert_eq!(names, wanted, "{}", lab.name);
        assert!(all.now > 1_600_000_000);
        let Fact::Tree(Some(first)) = ask(&shell, tree(Some(1))).await else { panic!() };
        assert_eq!(first.entries.len(), 3, "{}", lab.name);
        let none = Probe::Tree { path: lab.path("none"), depth: None, follow: false };
        assert_eq!(ask(&shell, none).await, Fact::Tree(None));
        let glob = Probe::Glob { pattern: lab.path("d/*m?") };
        assert_eq!(ask(&shell, glob).await, Fact::Glob(vec![lab.path("d/odd\nname")]));
        let paths = vec![lab.path("d/odd\nname"), lab.path("d/none"), lab.path("d/e/deep")];
        let sums = Probe::Sums { algorithm: "md5".into(), paths: paths.clone() };
        let Fact::Sums(sums) = ask(&shell, sums).await else { panic!() };
        let md5 = |text: &str| Bytes::from(text).sum("md5").unwrap();
        assert_eq!(sums, [md5("k=1\n"), String::new(), md5("x\n")], "{}", lab.name);
        let matching =
            |pattern: &str| Probe::Matching { pattern: pattern.into(), paths: paths.clone() };
        let hits = Fact::Matching(vec![lab.path("d/odd\nname")]);
        assert_eq!(ask(&shell, matching("^k=[0-9]+$")).await, hits, "{}", lab.name);
        assert!(shell.observe(&[matching("(")]).await.is_err());
    }
}

#[tokio::test]
async fn what_was_changed_tells_of_itself() {
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let file = lab.path("f");
        for change in [
            write(&file, "hi", None),
            Change::SetAttributes { path: file.clone(), attributes: mode(0o640), recurse: false },
            Change::Touch { path: file.clone(), attributes: Attributes::default() },
            Change::SetTimes {
                path: file.clone(),
                access: Some(When::At(1000)),
                modification: Some(When::At(2000)),
            },
        ] {
            let told = Stat::told(&one(&shell, change.clone()).await).unwrap();
            assert_eq!(told.kind, PathKind::File, "{} {change:?}", lab.name);
        }
        let stat = stat(&shell, &file, false).await.unwrap();
        assert_eq!((stat.mode, stat.mtime), (0o640, 2000), "{}", lab.name);
        let kept =
            Change::SetTimes { path: file.clone(), access: Some(When::Now), modification: None };
        assert_eq!(Stat::told(&one(&shell, kept).await).unwrap().mtime, 2000);
    }
}

#[tokio::test]
async fn temporary_names_are_new_and_ours_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let make = |dir: String, directory| Change::MakeTemp {
            dir: Some(dir),
            prefix: "a b.".into(),
            suffix: ".x".into(),
            directory,
        };
        for (directory, wanted) in [(false, 0o600), (true, 0o700)] {
            let ran = one(&shell, make(lab.path(""), directory)).await;
            assert_eq!(ran.rc, 0, "{} {ran:?}", lab.name);
            let text = ran.stdout.text().into_owned();
            let (path, _) = text.split_once('\n').unwrap();
            let about = std::fs::metadata(path).unwrap();
            assert_eq!(about.permissions().mode() & 0o7777, wanted, "{}", lab.name);
            assert_eq!(about.is_dir(), directory);
            let name = path.rsplit('/').next().unwrap();
            assert!(name.starts_with("a b.") && name.len() == 4 + 8 + 2, "{name}");
        }
        assert_ne!(one(&shell, make(lab.path("none"), false)).await.rc, 0);
    }
}

#[tokio::test]
async fn scripts_run_from_a_file_that_vanishes_and_commands_fill_in_their_environment() {
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let script = "#!/bin/sh\nprintf '%s|' \"$@\" \"$GREETING\"; cat; echo no >&2; exit 3\n";
        let program = Command {
            program: Some(script.into()),
            environment: [("GREETING".to_owned(), "hi".to_owned())].into(),
            ..run(&["a b", "'"])
        };
        let before = listing(lab.folder.path());
        let ran = one(&shell, Change::Run(program)).await;
        assert_eq!((ran.rc, ran.stdout.text().as_ref()), (3, "a b|'|hi|"), "{} {ran:?}", lab.name);
        assert!(ran.took.is_some_and(|took| took.end >= took.start && took.start > 0));
        assert_eq!(listing(lab.folder.path()), before, "{}", lab.name);
        let expand = Command {
            expand: true,
            environment: [("A".to_owned(), "x y".to_owned())].into(),
            ..run(&["printf", "%s|", "$A", "${A}z", "$NOPE", "a$", "$1", "${A", "~/q", "$nonce"])
        };
        let ran = one(&shell, Change::Run(expand)).await;
        let home = std::env::var("HOME").unwrap();
        let wanted = format!("x y|x yz|$NOPE|a$|$1|${{A|{home}/q|$nonce|");
        assert_eq!(ran.stdout.text(), wanted, "{}", lab.name);
    }
}

/// A web server for some requests: whatever is asked, an answer by path.
fn serve() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap_or(0);
            let text = String::from_utf8_lossy(&head[..length]).into_owned();
            let (status, body) = match text.split(' ').nth(1) {
                Some("/found") => ("200 OK", "found\n"),
                Some("/since") if text.contains("If-Modified-Since") => ("304 Not Modified", ""),
                _ => ("404 Not Found", "nothing\n"),
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    port
}

#[tokio::test]
async fn what_a_web_server_answers_becomes_a_file_or_leaves_it_alone() {
    let port = serve();
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let file = lab.path("fetched");
        let request = |what: &str, more: &str| {
            let url = format!("http://127.0.0.1:{port}/{what}");
            let config = format!("url = \"{url}\"\nnoproxy = \"*\"\n{more}").into();
            Request { config, plain: more.is_empty().then_some(url), reads: true }
        };
        let ran = one(&shell, Change::Request(request("found", ""))).await;
        let text = ran.stdout.text().into_owned();
        assert!(text.starts_with("200 0 http://127.0.0.1:"), "{} {ran:?}", lab.name);
        assert!(text.ends_with("found\n"), "{} {text}", lab.name);
        let download = |what: &str, more: &str, before: Option<&str>, sum: Option<&str>| {
            Change::Download(Box::new(Download {
                path: file.clone(),
                request: request(what, more),
                attributes: mode(0o640),
                backup: None,
                before: before.map(|text| Bytes::from(text).sha256()),
                checksum: sum.map(|sum| ("sha1".to_owned(), sum.to_owned())),
            }))
        };
        let refused = one(&shell, download("found", "", None, Some("00"))).await;
        assert!(
            refused.rc != 0 && refused.stderr.text().contains("did not match 00"),
            "{refused:?}"
        );
        let missing = one(&shell, download("no", "", None, None)).await;
        assert!(missing.rc != 0 && missing.stderr.text().contains("404"), "{missing:?}");
        assert!(listing(&lab.root()).is_empty(), "{}: nothing is left", lab.name);
        let ran = one(&shell, download("found", "", None, None)).await;
        assert!(ran.stdout.text().starts_with("written 200 - "), "{} {ran:?}", lab.name);
        assert_eq!(content(&shell, &file).await, Some("found\n".into()));
        assert_eq!(stat(&shell, &file, false).await.unwrap().mode, 0o640);
        let ran = one(&shell, download("found", "", Some("found\n"), None)).await;
        assert!(ran.stdout.text().starts_with("set 200 "), "{} {ran:?}", lab.name);
        let since = "header = \"If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT\"\n";
        let ran = one(&shell, download("since", since, Some("found\n"), None)).await;
        assert!(ran.stdout.text().starts_with("set 304 "), "{} {ran:?}", lab.name);
        assert_eq!(listing(&lab.root()).len(), 1, "{}", lab.name);
    }
}
