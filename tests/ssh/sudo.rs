//! Becoming somebody else, with a stand-in for `sudo` that asks as the real one does.
use super::*;

/// A `sudo` that asks as the real one does: twice more after a wrong password. It writes its words
/// and what it read to files beside it.
const SUDO: &str = r#"#!/bin/sh
here=$(dirname "$0")
printf '%s\n' "$*" >>"$here/argv"
ask= prompt=
while [ $# -gt 0 ]; do
    case $1 in
        -S) ask=1; shift ;;
        -n | -H) shift ;;
        -p) prompt=$2; shift 2 ;;
        -u) user=$2; shift 2 ;;
        --) shift; break ;;
    esac
done
[ "$user" = ghost ] && { echo "sudo: unknown user ghost" >&2; exit 1; }
if [ ! -e "$here/nopasswd" ]; then
    [ "$ask" ] || { echo "sudo: a password is required" >&2; exit 1; }
    for try in 1 2 3; do
        [ $try = 1 ] && printf 'We trust you have received the usual Lecture. Password: ' >&2
        printf %s "$prompt" >&2
        IFS= read -r password || exit 1
        printf '%s\n' "$password" >>"$here/read"
        [ "$password" = 'right one' ] && break
        echo 'Sorry, try again.' >&2
        [ $try = 3 ] && exit 1
    done
fi
SUDO_FOR=$user; export SUDO_FOR
exec "$@"
"#;

pub(super) async fn sudo_lab() -> Lab {
    Lab::with(|lab| ServerOptions {
        env: vec![lab.path_with("sudo", SUDO)],
        ..ServerOptions::default()
    })
    .await
}

pub(super) fn become_user(user: &str, password: Option<&str>) -> Escalation {
    let password = password.map(|text| Secret::new(text.to_owned()));
    Escalation { password, ..Escalation::to(user, Method::Sudo) }
}

pub(super) fn as_admin(options: &mut Options) {
    options.user = "admin".into();
}

#[tokio::test]
async fn sudo_gets_the_password_at_its_prompt_and_nowhere_else() {
    let lab = sudo_lab().await;
    let door = lab.connect(as_admin);
    let shell = door.shell(Some(&become_user("mail", Some("right one")))).await.unwrap();
    assert_eq!(says(&shell, &["sh", "-c", "echo $SUDO_FOR"]).await, "mail");
    assert_eq!(fs::read_to_string(lab.path("bin/read")).unwrap(), "right one\n");
    assert!(!fs::read_to_string(lab.path("bin/argv")).unwrap().contains("right one"));
    assert!(!says(&shell, &["env"]).await.contains("right one"));
    assert_eq!((door.channels(), shell.batches()), (1, 2));
}

#[tokio::test]
async fn sudo_that_wants_no_password_gets_none() {
    let lab = sudo_lab().await;
    fs::write(lab.path("bin/nopasswd"), "").unwrap();
    let door = lab.connect(as_admin);
    for password in [None, Some("unneeded")] {
        let shell = door.shell(Some(&become_user("root", password))).await.unwrap();
        assert_eq!(says(&shell, &["sh", "-c", "echo $SUDO_FOR"]).await, "root");
    }
    assert!(!lab.path("bin/read").exists());
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let lab = sudo_lab().await;
    let error = lab.connect(as_admin).shell(Some(&become_user("root", Some("wrong")))).await;
    let error = error.map(drop).unwrap_err();
    assert!(matches!(error, TransportError::Escalation { .. }), "{error:?}");
    assert_eq!(error.to_string(), "can't become root: sudo doesn't take the password");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(fs::read_to_string(lab.path("bin/read")).unwrap(), "wrong\n");
}

#[tokio::test]
async fn what_sudo_says_is_told_with_what_to_do() {
    let lab = sudo_lab().await;
    let door = lab.connect(as_admin);
    let error = door.shell(Some(&become_user("root", None))).await.map(drop).unwrap_err();
    assert!(matches!(error, TransportError::Escalation { .. }), "{error:?}");
    assert_eq!(error.to_string(), "can't become root: sudo: a password is required");
    assert!(error.help().unwrap().contains("-K"));
    let error = door.shell(Some(&become_user("ghost", Some("x")))).await.map(drop).unwrap_err();
    assert_eq!(error.to_string(), "can't become ghost: sudo: unknown user ghost");
}

#[tokio::test]
async fn whoever_is_root_already_needs_no_sudo() {
    let lab = sudo_lab().await;
    let shell = lab.connect(|_| ()).shell(Some(&become_user("root", Some("x")))).await.unwrap();
    assert_eq!(says(&shell, &["echo", "in"]).await, "in");
    assert!(!lab.path("bin/argv").exists());
}
