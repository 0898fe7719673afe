//! The talk with programs, as they were heard to talk.
use super::*;

fn to(method: Method, password: Option<&str>) -> Escalation {
    let password = password.map(|text| Secret::new(text.to_owned()));
    Escalation { password, ..Escalation::to("root", method) }
}

fn line(escalation: &Escalation, terminal: bool) -> String {
    shell::join(words(escalation, &["/bin/sh"], "n0", terminal).unwrap())
}

fn refusal(error: &TransportError) -> String {
    assert!(matches!(error, TransportError::Escalation { .. }), "{error:?}");
    format!("{error}: {}", error.help().unwrap_or("-"))
}

/// What becomes of a talk, in which a password is given where it is asked for.
fn ended(escalation: &Escalation, chunks: &[&str]) -> String {
    let mut talk = Talk::new(escalation, "n0");
    for chunk in chunks {
        match talk.hear(chunk.as_bytes()) {
            Err(error) => return refusal(&error),
            Ok(Step::Ready) => return "ready".into(),
            Ok(Step::Wait | Step::Doubt | Step::Answer(_)) => {}
        }
    }
    refusal(&talk.ended())
}

#[test]
fn a_password_is_in_no_command_line() {
    for (method, words) in [
        (
            Method::Sudo,
            "sudo -H -S -p n0-password: -u root -- /bin/sh -c 'echo n0-hello; exec /bin/sh'",
        ),
        (Method::Doas, "doas -u root /bin/sh -c 'echo n0-hello; exec /bin/sh'"),
    ] {
        let line = line(&to(method, Some("hunter2")), false);
        let start = "/bin/sh -c 'echo n0-started; exec \"$@\" 2>&1' sh ";
        assert_eq!(line, format!("{start}{words}"));
    }
    let line = line(&to(Method::Su, Some("hunter2")), true);
    assert!(!line.contains("hunter2"), "{line}");
    assert!(line.contains(" env LC_ALL=C su root -c "), "{line}");
    assert!(line.contains("unset LC_ALL; stty raw -echo && echo n0-hello && "), "{line}");
}

#[test]
fn without_a_password_nothing_must_ask() {
    let line = |method| line(&to(method, None), false);
    assert!(line(Method::Sudo).contains(" sudo -H -n -u root -- "));
    assert!(line(Method::Doas).contains(" doas -n -u root "));
}

#[test]
fn programs_flags_and_folders_are_as_wished() {
    let mut wish = to(Method::Sudo, None);
    wish.program = vec!["/opt/my sudo".into(), "-E".into()];
    wish.flags = Some(vec!["-i".into(), "-n".into()]);
    wish.folder = Some("/a b".into());
    let line = line(&wish, false);
    assert!(line.starts_with("/bin/sh -c 'cd -- \"$0\" || exit; echo n0-started; "), "{line}");
    assert!(line.contains("' '/a b' '/opt/my sudo' -E -i -n -u root -- "), "{line}");
    wish.user = "-x".into();
    assert!(words(&wish, &[], "n0", false).is_err());
}

#[test]
fn the_password_waits_for_our_own_prompt() {
    let wish = to(Method::Sudo, Some("s p$"));
    let mut talk = Talk::new(&wish, "n0");
    assert_eq!(talk.hear(b"n0-started\n").unwrap(), Step::Wait);
    assert_eq!(talk.hear(b"Password: [sudo] password for root: ").unwrap(), Step::Wait);
    assert_eq!(talk.hear(b"n0-passw").unwrap(), Step::Wait);
    let Step::Answer(line) = talk.hear(b"ord:").unwrap() else { panic!("no answer") };
    assert_eq!(line.expose(), "s p$\n");
    assert_eq!(talk.hear(b"\n").unwrap(), Step::Wait);
    assert_eq!(talk.hear(b"n0-hel").unwrap(), Step::Wait);
    assert_eq!(talk.hear(b"lo\n").unwrap(), Step::Ready);
}

#[test]
fn sudo_of_rust_asks_around_our_prompt() {
    let wish = to(Method::Sudo, Some("x"));
    let mut talk = Talk::new(&wish, "n0");
    let said = b"n0-started\n[sudo: n0-password:] Password: ";
    assert!(matches!(talk.hear(said).unwrap(), Step::Answer(_)));
    assert_eq!(talk.hear(b"\nn0-hello\n").unwrap(), Step::Ready);
}

#[test]
fn what_a_login_says_before_su_runs_gets_no_password() {
    for method in [Method::Su, Method::Doas] {
        let wish = to(method, Some("x"));
        let mut talk = Talk::new(&wish, "n0");
        assert_eq!(talk.hear(b"Password: ").unwrap(), Step::Wait);
        assert_eq!(talk.hear(b"\r\nn0-started\r\nYour password: is old\r\n").unwrap(), Step::Wait);
        assert_eq!(talk.hear(b"Verification code: ").unwrap(), Step::Wait);
        assert!(matches!(talk.hear(b"\r\nPassword: ").unwrap(), Step::Answer(_)));
        assert_eq!(talk.hear(b"\r\n").unwrap(), Step::Wait);
        assert_eq!(talk.hear(b"n0-hello\r\n").unwrap(), Step::Ready);
    }
    let mut wish = to(Method::Su, Some("x"));
    wish.prompts = vec!["Salasana".into(), "密码：".into()];
    for prompt in ["salasana :", "密码： "] {
        let mut talk = Talk::new(&wish, "n0");
        let said = format!("n0-started\n{prompt}");
        assert!(matches!(talk.hear(said.as_bytes()).unwrap(), Step::Answer(_)), "{prompt}");
    }
}

#[test]
fn whoever_seems_to_ask_for_what_nobody_gave_may_only_greet() {
    let wish = to(Method::Su, None);
    let mut talk = Talk::new(&wish, "n0");
    assert_eq!(talk.hear(b"n0-started\nPassword: ").unwrap(), Step::Doubt);
    assert!(refusal(&talk.unarmed()).ends_with(&format!("su asks for a password: {GIVE_ONE}")));
    assert_eq!(talk.hear(b"n0-hello\n").unwrap(), Step::Ready);
}

#[test]
fn a_shell_that_needs_no_password_gets_none() {
    for method in Method::ALL {
        let wish = to(method, Some("x"));
        let mut talk = Talk::new(&wish, "n0");
        let said = b"n0-started\na lecture\nn0-hello\n";
        assert_eq!(talk.hear(said).unwrap(), Step::Ready);
        assert!(talk.answered.is_none());
    }
}

#[test]
fn a_wrong_password_is_told_at_once_and_never_tried_twice() {
    let sudo = to(Method::Sudo, Some("x"));
    let again = ["n0-started\nn0-password:", "\nSorry, try again.\nn0-password:"];
    let told = "can't become root: sudo doesn't take the password: ";
    assert!(ended(&sudo, &again).starts_with(told));
    let once = ["n0-started\nn0-password:", "\nsudo: 1 incorrect password attempt\n"];
    assert!(ended(&sudo, &once).starts_with(told));
    let su = ["n0-started\nPassword: ", "\nsu: Authentication failure\n"];
    let told = ended(&to(Method::Su, Some("x")), &su);
    assert!(told.contains("su doesn't take the password: su wants"), "{told}");
    let doas = ["n0-started\ndoas (a@b) password: ", "\ndoas: Authentication failed\n"];
    let told = ended(&to(Method::Doas, Some("x")), &doas);
    assert!(told.contains("doas doesn't take the password"), "{told}");
}

#[test]
fn refusals_come_with_what_to_do() {
    let told = |method, password, said: &str| {
        ended(&to(method, password), &[&format!("n0-started\n{said}")])
    };
    for (method, said, help) in [
        (Method::Sudo, "sudo: a password is required\n", GIVE_ONE),
        (Method::Doas, "doas: Authentication required\n", GIVE_ONE),
        (Method::Sudo, "sh: 1: exec: sudo: not found\n", "it is not installed there"),
        (Method::Sudo, "sudo: unknown user ghost\n", NO_USER),
        (Method::Sudo, "sudo-rs: user `ghost' not found\n", NO_USER),
        (Method::Su, "su: user ghost does not exist or …\n", NO_USER),
        (Method::Doas, "doas: Operation not permitted\n", "add `permit LOGIN-USER`"),
        (Method::Su, "This account is currently not available.\n", "that user has no login"),
    ] {
        let told = told(method, None, said);
        assert!(told.contains(&format!(": {help}")), "{said}: {told}");
    }
    assert!(told(Method::Sudo, None, "").contains("sudo ended without a word"));
    let odd = told(Method::Sudo, None, "bob is not in the sudoers file.\x1b[2J\n");
    assert!(odd.contains("add the login user") && !odd.contains('\x1b'), "{odd:?}");
    let said = "n0-password:\nsudo: no password was provided\n";
    assert!(!told(Method::Sudo, Some("x"), said).contains("n0"));
}

#[test]
fn whoever_wants_a_terminal_is_known_by_what_it_says() {
    for said in ["sudo: sorry, you must have a tty to run sudo", "doas: a tty is required"] {
        let wish = to(Method::Sudo, None);
        let mut talk = Talk::new(&wish, "n0");
        talk.hear(said.as_bytes()).unwrap();
        assert!(!talk.wants_terminal(), "nothing was started yet");
        talk.hear(format!("\nn0-started\n{said}\n").as_bytes()).unwrap();
        assert!(talk.wants_terminal());
    }
    assert!(!wants_terminal(&to(Method::Sudo, Some("x"))));
    assert!(!wants_terminal(&to(Method::Su, None)));
    assert!(wants_terminal(&to(Method::Su, Some("x"))));
}

#[test]
fn a_login_that_runs_something_else_is_not_the_fault_of_sudo() {
    let wish = to(Method::Sudo, None);
    let mut talk = Talk::new(&wish, "n0");
    talk.hear(b"only backups here\n").unwrap();
    let error = talk.ended();
    assert!(matches!(error, TransportError::Unsuitable(_)), "{error:?}");
    assert!(error.to_string().ends_with("only backups here"));
}

#[test]
fn endless_talk_and_odd_passwords_are_refused() {
    let wish = to(Method::Sudo, None);
    let mut talk = Talk::new(&wish, "n0");
    refusal(&talk.hear(&vec![b'x'; MAX_HEARD + 1]).unwrap_err());
    for odd in ["a\nrm -rf /", "a\0", "a\r"] {
        let wish = to(Method::Sudo, Some(odd));
        let told = ended(&wish, &["n0-started\nn0-password:"]);
        assert!(told.contains("holds a line feed"), "{told}");
    }
}

#[test]
fn last_words_are_bounded() {
    let text = format!("first\n\n{}\nlast\n", "ä".repeat(1000));
    let words = last_words(&text);
    assert_eq!(words.chars().count(), 300);
    assert!(words.ends_with("ä; last"));
}
