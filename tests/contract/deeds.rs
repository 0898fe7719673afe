//! Commands whose effect is known, and the questions that go with them, in every shell of this machine.
//! Users, crontabs and services are played by programs of the tests: this machine's stay as they are.
use super::journal::{begin, restored, step, undo};
use super::real::{Lab, labs};
use super::{look, make, statuses};
use cowhand::change::{Back, Call, Care, Change, Deed, Reach};
use cowhand::facts::{Bytes, Entries, Fact, Manager, Probe, Reign, Shadow};
use cowhand::transport::local::Local;
use cowhand::transport::{Connect as _, Transport, here};
use std::os::unix::fs::PermissionsExt as _;

fn deed(call: Call, back: Back) -> Change {
    let (subject, effect) = ("thing".to_owned(), String::new());
    Change::Deed(Box::new(Deed {
        subject,
        effect,
        call,
        back,
        makes: vec![],
        reach: Reach::Itself,
    }))
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

async fn ask(shell: &impl Transport, probe: &Probe) -> Fact {
    look(shell, std::slice::from_ref(probe)).await.get(probe).unwrap().clone()
}

/// A door behind which programs of ours come first.
fn door(lab: &Lab, programs: &[(&str, &str)]) -> Local {
    let bin = lab.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    for (name, text) in programs {
        let path = format!("{bin}/{name}");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    lab.door
        .clone()
        .env("PATH", format!("{bin}:{}:{path}", lab.folder.path().join("bin").display()))
        .env("PLACE", lab.path(""))
}

#[tokio::test]
async fn what_a_command_did_is_taken_back_by_the_command_that_was_kept_for_it() {
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let odd = lab.path("it's $(odd)");
        let there = || std::path::Path::new(&odd).exists();
        let made = deed(
            Call::Telling {
                argv: vec!["mkdir".into(), odd.clone()],
                look: Box::new(Probe::Path { path: odd.clone(), follow: false }),
            },
            Back::Programs(vec![
                vec!["test".into(), "-d".into(), odd.clone()],
                vec!["rmdir".into(), odd.clone()],
            ]),
        );
        let fails = deed(Call::Program(words("false")), Back::Programs(vec![words("false")]));
        make(&shell, &[begin("law")]).await;
        let ran = shell.apply(&[step("law", 1, made)]).await.unwrap();
        assert_eq!(statuses(&ran), [0], "{}: {ran:?}", lab.name);
        assert!(there(), "{}", lab.name);
        let told = Probe::Path { path: odd.clone(), follow: false }.read(&ran[0]).unwrap();
        assert!(matches!(told, Fact::Path(Some(_))), "{}: {told:?}", lab.name);
        let ran = shell.apply(&[step("law", 2, fails)]).await.unwrap();
        assert_eq!(statuses(&ran), [1], "{}", lab.name);
        assert_eq!(
            restored(&shell, undo("law", "law", 1, Care::Strict)).await,
            ["thing"],
            "{}",
            lab.name
        );
        assert!(!there(), "{}", lab.name);
        let again = restored(&shell, undo("law", "law", 1, Care::Strict)).await;
        assert!(again.is_empty(), "{}: {again:?}", lab.name);
    }
}

#[tokio::test]
async fn names_and_homes_are_found_on_the_way() {
    for lab in labs() {
        let home = lab.path("home");
        std::fs::create_dir_all(format!("{home}/.ssh")).unwrap();
        std::fs::write(format!("{home}/.ssh/keys"), "a\0b\n").unwrap();
        let shell = door(&lab, &[]).env("HOME", &home).shell(None).await.unwrap();
        let probe =
            Probe::Home { user: String::new(), files: vec![".ssh/keys".into(), "none".into()] };
        let seen = look(&shell, &[probe]).await;
        let (keys, none) = (format!("{home}/.ssh/keys"), format!("{home}/none"));
        assert_eq!(seen.content(&keys), Ok(Some(&"a\0b\n".into())), "{}", lab.name);
        assert_eq!(seen.stat(&keys, false).unwrap().unwrap().size, 4, "{}", lab.name);
        assert_eq!(seen.stat(&none, true), Ok(None), "{}", lab.name);
        let Ok(Fact::Home(Some(bare))) = seen.get(&Probe::home("")) else { panic!("{seen:?}") };
        assert_eq!(bare.dir, home, "{}", lab.name);
        assert_eq!(ask(&shell, &Probe::home("nobody-of-that-name")).await, Fact::Home(None));
        let root = ask(&shell, &Probe::entry("passwd", "root")).await;
        let Fact::Entries(Entries { rc: 0, lines }) = &root else {
            panic!("{}: {root:?}", lab.name)
        };
        assert!(lines[0].starts_with("root:"), "{}: {lines:?}", lab.name);
        let none = ask(&shell, &Probe::entry("group", "nobody-of-that-name")).await;
        assert_eq!(none, Fact::Entries(Entries::none()), "{}", lab.name);
        let Fact::Account(root) = ask(&shell, &Probe::Account { name: "root".into() }).await else {
            panic!()
        };
        let user = root.user.unwrap();
        assert_eq!((user.uid, user.gid, user.primary.as_str()), (Some(0), Some(0), "root"));
        assert_eq!((root.home.as_str(), root.home_is_there), ("/root", true), "{}", lab.name);
        let nobody = Probe::Account { name: "nobody-of-that-name".into() };
        let Fact::Account(nobody) = ask(&shell, &nobody).await else { panic!() };
        assert_eq!((nobody.user, nobody.home.as_str()), (None, "/home/nobody-of-that-name"));
    }
}

#[tokio::test]
async fn a_users_groups_and_password_are_told_and_no_hash_of_it() {
    let getent = "case $1.$2 in\npasswd.ann) echo 'ann:x:7:8:Ann:/home/ann:/bin/sh' ;;\ngroup.8) echo 'eight:x:8:' ;;\n\
                  group.) printf 'adm:x:4:bob,ann\\nan:x:5:an\\nsys:x:6:ann\\n' ;;\nesac";
    for lab in labs() {
        let shell = door(&lab, &[("getent", getent)]).shell(None).await.unwrap();
        let Fact::Account(ann) = ask(&shell, &Probe::Account { name: "ann".into() }).await else {
            panic!()
        };
        let user = ann.user.unwrap();
        assert_eq!(
            (user.primary.as_str(), user.comment.as_str()),
            ("eight", "Ann"),
            "{}",
            lab.name
        );
        assert_eq!(user.groups.into_iter().collect::<Vec<_>>(), ["adm", "sys"], "{}", lab.name);
        // She is in no shadow file of this machine.
        assert!(user.shadow.is_none_or(|shadow| shadow == Shadow::default()), "{}", lab.name);
    }
}

#[tokio::test]
async fn crontabs_are_read_written_and_given_back() {
    let crontab = "[ \"$1\" != -u ] || { tab=$PLACE/tab.$2; shift 2; }\ntab=${tab:-$PLACE/tab}\ncase $1 in\n\
                   -l) cat \"$tab\" ;;\n-r) rm \"$tab\" ;;\n-) cat >\"$tab\" ;;\nesac";
    for lab in labs() {
        let shell = door(&lab, &[("crontab", crontab)]).shell(None).await.unwrap();
        for user in ["", "deploy"] {
            let probe = Probe::Crontab { user: user.into() };
            let tab = |text: &str| Fact::Crontab(Some(text.into()));
            let set = |text: &str| {
                let content = Bytes::from(text);
                deed(Call::Crontab { user: user.into(), content }, Back::Programs(vec![]))
            };
            assert_eq!(ask(&shell, &probe).await, tab(""), "{}", lab.name);
            make(&shell, &[begin("tabs"), step("tabs", 1, set("@daily a 'b'\n"))]).await;
            make(&shell, &[step("tabs", 2, set("@daily c\n"))]).await;
            assert_eq!(ask(&shell, &probe).await, tab("@daily c\n"), "{}", lab.name);
            restored(&shell, undo("tabs", "tabs", 2, Care::Careful)).await;
            assert_eq!(ask(&shell, &probe).await, tab("@daily a 'b'\n"), "{}", lab.name);
            restored(&shell, undo("tabs", "tabs", 1, Care::Careful)).await;
            assert_eq!(ask(&shell, &probe).await, tab(""), "{}", lab.name);
            make(&shell, &[super::journal::end("tabs")]).await;
            std::fs::remove_dir_all(lab.state()).unwrap();
        }
    }
}

#[tokio::test]
async fn services_are_known_as_whatever_starts_them_knows_them() {
    let systemctl = "case $2 in\nis-enabled) echo static ;;\nis-active) echo failed; exit 3 ;;\n\
                     show) printf 'Id=x.service\\nLoadState=loaded\\nExecStart={ a\\nb }\\n' ;;\nesac\n\
                     echo \"$*\" >>\"$PLACE/asked\"";
    for lab in labs() {
        let script = "[ \"$2\" = status ] && [ \"$1\" = up ]";
        let door = door(&lab, &[("systemctl", systemctl), ("service", script)]);
        let shell = door.shell(None).await.unwrap();
        let unit = |name: &str, manager| Probe::Unit {
            name: name.into(),
            reign: Reign::User,
            only: Some(manager),
            pattern: String::new(),
        };
        let Fact::Unit(told) = ask(&shell, &unit("x", Manager::Systemd)).await else { panic!() };
        assert_eq!(told.manager, Some(Manager::Systemd));
        assert_eq!(
            (told.enabled.as_str(), told.active.as_str()),
            ("static", "failed"),
            "{}",
            lab.name
        );
        assert_eq!(told.properties["ExecStart"], "{ a\nb }");
        let asked = std::fs::read_to_string(lab.path("asked")).unwrap();
        assert_eq!(asked, "--user is-enabled -- x\n--user show -- x\n", "{}", lab.name);
        for (name, active) in [("up", "active"), ("down", "inactive")] {
            let Fact::Unit(told) = ask(&shell, &unit(name, Manager::Sysv)).await else { panic!() };
            assert_eq!((told.active.as_str(), told.enabled.as_str()), (active, ""), "{}", lab.name);
        }
        let Fact::Hostname(names) = ask(&shell, &Probe::Hostname).await else { panic!() };
        assert!(!names.now.is_empty(), "{}", lab.name);
    }
}

#[tokio::test]
async fn a_file_that_was_fetched_is_known_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/file").display().to_string();
    let keep = cowhand::change::Here::Keep { path: path.clone(), content: "x\n".into() };
    let probe = Probe::Here { path: path.clone() };
    assert_eq!(here::look(&probe), Some(Fact::Here(None)));
    let ran = here::make(&[Change::Here(keep)]).await;
    assert_eq!(statuses(&ran), [0], "{ran:?}");
    let kept = cowhand::facts::Here::file(&"x\n".into());
    assert_eq!(here::look(&probe), Some(Fact::Here(Some(kept))));
    let over = cowhand::change::Here::Keep {
        path: folder.path().display().to_string(),
        content: Bytes::default(),
    };
    assert_eq!(statuses(&here::make(&[Change::Here(over)]).await), [1]);
    assert_eq!(here::look(&super::path(&path, true)), None);
}
