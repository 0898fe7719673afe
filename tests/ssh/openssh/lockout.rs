//! The lock-out drill: a play that shuts everybody out of a real `sshd` undoes itself within the window;
//! one behind which one can still log in stays.
use super::*;
use crate::stage::{Told, apply, job};
use cowhand::event::Event;

/// Puts a line at the top of the server's configuration and reloads it.
fn drill(sshd: &Sshd, line: &str, seconds: u32) -> (Arc<cowhand::run::Job>, Options) {
    let (config, pid) = (sshd.path("config").display().to_string(), sshd.pid());
    let playbook = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: harden\n      \
         lineinfile: {{path: {config}, line: \"{line}\", insertbefore: BOF}}\n      \
         risk: lockout\n      notify: reload\n  handlers:\n    - name: reload\n      \
         command: kill -HUP {pid}\n"
    );
    let mut job = job(&playbook, "a,", false);
    Arc::make_mut(&mut job).options.confirm_timeout = seconds;
    (job, sshd.options("ed25519", "ed25519"))
}

async fn run(sshd: &Sshd, line: &str, seconds: u32) -> Told {
    let (job, options) = drill(sshd, line, seconds);
    tokio::task::spawn_blocking(move || apply(job, |_| SshConnect::new(options.clone())))
        .await
        .unwrap()
}

/// Whether somebody who knocks now is let in.
async fn lets_in(sshd: &Sshd) -> bool {
    SshConnect::new(sshd.options("ed25519", "ed25519")).shell(None).await.is_ok()
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn a_play_that_locks_everybody_out_undoes_itself_within_the_window() {
    let sshd =
        Sshd::setup().at("127.0.0.31").with("SetEnv COWHAND_STATE={dir}/state").start().await;
    let before = fs::read_to_string(sshd.path("config")).unwrap();
    let told = run(&sshd, "AllowUsers nobody", 6).await;
    let recap = &told.recap["a"];
    assert_eq!((recap.failed, recap.rolled_back, recap.left), (1, true, 0), "{}", told.text());
    let back = |event: &Event| matches!(event, Event::Unconfirmed { why: Some(_), again, .. } if again == &["reload"]);
    assert!(told.events.iter().any(back), "{}", told.text());
    assert!(sshd.log().contains("not allowed because not listed in AllowUsers"), "{}", sshd.log());
    assert_eq!(fs::read_to_string(sshd.path("config")).unwrap(), before);
    assert!(lets_in(&sshd).await, "{}", sshd.log());
}

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn a_play_behind_which_one_can_log_in_stays() {
    let sshd =
        Sshd::setup().at("127.0.0.32").with("SetEnv COWHAND_STATE={dir}/state").start().await;
    let told = run(&sshd, "MaxAuthTries 3", 60).await;
    assert_eq!(told.recap["a"].failed, 0, "{}", told.text());
    assert!(told.events.contains(&Event::Confirmed { host: "a".into() }), "{}", told.text());
    assert!(fs::read_to_string(sshd.path("config")).unwrap().starts_with("MaxAuthTries 3\n"));
    assert!(lets_in(&sshd).await, "{}", sshd.log());
    let again = run(&sshd, "MaxAuthTries 3", 60).await;
    assert_eq!((again.recap["a"].changed, again.recap["a"].failed), (0, 0), "{}", again.text());
}
