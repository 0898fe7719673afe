//! Becoming somebody else on this machine, with the programs that are there: `cargo xtask test` counts what needs
//! one that is not as not run. On servers: `e2e/logins.rs`.
use crate::ssh::{says, whoami};
use cowhand::transport::local::Local;
use cowhand::transport::{Connect as _, Escalation, Method};
use std::time::Duration;

/// What `id` says as nobody, or why that may not be: root may, others are asked for a password that they don't give.
async fn as_nobody(escalation: Escalation) {
    let entered = Local::new(Duration::from_secs(20)).shell(Some(&escalation)).await;
    if whoami() == "root" {
        let shell = entered.unwrap_or_else(|error| panic!("{error}: {:?}", error.help()));
        assert_eq!(says(&shell, &["id", "-un"]).await, "nobody");
        let answer = says(&shell, &["sh", "-c", "printf '%s' \"$LC_ALL\"; cat /etc/shadow 2>&1"]);
        assert!(answer.await.ends_with("denied"));
        return;
    }
    if let Err(error) = entered {
        let told = error.to_string();
        assert!(told.starts_with("can't become nobody: "), "{told}");
        assert!(error.help().is_some(), "{told}");
    }
}

mod sudo {
    use super::*;

    #[tokio::test]
    #[ignore = "needs sudo: cargo xtask test"]
    async fn sudo_makes_somebody_else_of_us() {
        as_nobody(Escalation::to("nobody", Method::Sudo)).await;
    }

    #[tokio::test]
    #[ignore = "needs sudo: cargo xtask test"]
    async fn somebody_whom_sudo_does_not_know_is_told() {
        let escalation = Escalation::to("no-such-user", Method::Sudo);
        let entered = Local::new(Duration::from_secs(20)).shell(Some(&escalation)).await;
        let told = entered.map(drop).unwrap_err().to_string();
        assert!(told.starts_with("can't become no-such-user: "), "{told}");
    }
}

mod su {
    use super::*;

    #[tokio::test]
    #[ignore = "needs su: cargo xtask test"]
    async fn su_makes_somebody_else_of_us() {
        let flags = Some(vec!["-s".into(), "/bin/sh".into()]);
        as_nobody(Escalation { flags, ..Escalation::to("nobody", Method::Su) }).await;
    }

    #[tokio::test]
    #[ignore = "needs su: cargo xtask test"]
    async fn somebody_whom_su_does_not_know_is_told_with_what_to_do() {
        let escalation = Escalation::to("no-such-user", Method::Su);
        let entered = Local::new(Duration::from_secs(20)).shell(Some(&escalation)).await;
        let error = entered.map(drop).unwrap_err();
        assert!(error.to_string().starts_with("can't become no-such-user: "), "{error}");
        assert_eq!(error.help(), Some("is become_user right?"));
    }
}

mod doas {
    use super::*;

    #[tokio::test]
    #[ignore = "needs doas: cargo xtask test"]
    async fn doas_makes_somebody_else_of_us_or_says_what_it_needs() {
        let entered = Local::new(Duration::from_secs(20));
        match entered.shell(Some(&Escalation::to("nobody", Method::Doas))).await {
            Ok(shell) => assert_eq!(says(&shell, &["id", "-un"]).await, "nobody"),
            Err(error) => assert!(error.help().is_some(), "{error}"),
        }
    }
}
