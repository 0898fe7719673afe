//! `probe_account NAME`: a user, in lines: `passwd=` its entry, `primary=` the name of its group, `member=` the
//! names of other groups that list it, `shadow=SUM:LOCKED:` and the rest of its entry (where it may be
//! read), `home=PATH`, `there=yes|no`. Of a user that is not there only the last two: the home it would get.
use super::{Answer, Garbled};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A user, or the room for one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// `None`: there is no such user.
    pub user: Option<User>,
    /// Its home, or the one that it would get.
    pub home: String,
    /// Something is at that path.
    pub home_is_there: bool,
}

/// What is known of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Number; `None`: the server will choose it.
    pub uid: Option<u32>,
    /// Its group's number; `None`: the server will choose it.
    pub gid: Option<u32>,
    /// Its group's name.
    pub primary: String,
    /// Name, room, phone …
    pub comment: String,
    /// What runs when it logs in.
    pub shell: String,
    /// Other groups that it is in.
    pub groups: BTreeSet<String>,
    /// `None`: not for us to read.
    pub shadow: Option<Shadow>,
}

/// What is known of a user's password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    /// SHA-256 of its hash, without exclamation marks in front.
    pub sha256: String,
    /// It begins with an exclamation mark.
    pub locked: bool,
    /// Days before it may be changed.
    pub min: Option<i64>,
    /// Days after which it must be changed.
    pub max: Option<i64>,
    /// Days before that, from which on it is warned.
    pub warn: Option<i64>,
    /// Days after that, when the account is closed.
    pub inactive: Option<i64>,
    /// The day that the account ends, counted from 1970.
    pub expires: Option<i64>,
}

const PROBE: &str = "probe_account";

pub(super) fn words(name: &str) -> Vec<String> {
    vec![PROBE.into(), name.into()]
}

pub(super) fn read(answer: &Answer) -> Result<Account, Garbled> {
    let text = String::from_utf8_lossy(answer.succeeded(PROBE)?);
    account(&text).ok_or_else(|| {
        let text: String = text.chars().take(120).collect();
        Garbled { probe: PROBE, why: format!("no account: {}", text.escape_debug()) }
    })
}

fn account(text: &str) -> Option<Account> {
    let mut out = Account::default();
    let mut told = false;
    for line in text.lines() {
        let (name, value) = line.split_once('=')?;
        if name == "passwd" {
            let [_, _, uid, gid, comment, _, shell] = fields(value)?;
            out.user = Some(User {
                uid: Some(uid.parse().ok()?),
                gid: Some(gid.parse().ok()?),
                comment: comment.to_owned(),
                shell: shell.to_owned(),
                ..User::default()
            });
            continue;
        }
        match (name, &mut out.user) {
            ("home", _) => value.clone_into(&mut out.home),
            ("there", _) => {
                told = true;
                out.home_is_there = value == "yes";
            }
            ("primary", Some(user)) => value.clone_into(&mut user.primary),
            ("member", Some(user)) => {
                user.groups.insert(value.to_owned());
            }
            ("shadow", Some(user)) => user.shadow = shadow(value),
            _ => return None,
        }
    }
    told.then_some(out)
}

fn shadow(text: &str) -> Option<Shadow> {
    let [sum, locked, _, min, max, warn, inactive, expires, _] = fields(text)?;
    let days = |text: &str| text.parse().ok();
    Some(Shadow {
        sha256: sum.to_owned(),
        locked: locked == "yes",
        min: days(min),
        max: days(max),
        warn: days(warn),
        inactive: days(inactive),
        expires: days(expires),
    })
}

fn fields<const N: usize>(line: &str) -> Option<[&str; N]> {
    line.split(':').collect::<Vec<_>>().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_line_by_line() {
        let text = "passwd=deploy:x:1000:1001:De Ploy,,,:/home/deploy:/bin/sh\nprimary=staff\nmember=adm\n\
                    shadow=ab12:yes:20000:0:99999:7:::\nhome=/home/deploy\nthere=no\n";
        let account = account(text).unwrap();
        let user = account.user.unwrap();
        assert_eq!((user.uid, user.gid, user.primary.as_str()), (Some(1000), Some(1001), "staff"));
        assert_eq!((user.comment.as_str(), user.shell.as_str()), ("De Ploy,,,", "/bin/sh"));
        assert_eq!(user.groups, BTreeSet::from(["adm".to_owned()]));
        let shadow = user.shadow.unwrap();
        assert_eq!((shadow.sha256.as_str(), shadow.locked), ("ab12", true));
        assert_eq!((shadow.max, shadow.inactive, shadow.expires), (Some(99999), None, None));
        assert_eq!((account.home.as_str(), account.home_is_there), ("/home/deploy", false));
    }

    #[test]
    fn of_a_user_that_is_not_there_the_home_is_known() {
        let account = account("home=/srv/x\nthere=yes\n").unwrap();
        assert_eq!((account.user, account.home_is_there), (None, true));
        for wrong in ["", "passwd=x\nthere=yes\n", "member=x\nthere=yes\n", "odd"] {
            assert!(super::account(wrong).is_none(), "{wrong:?}");
        }
    }
}
