//! A user's password: its hash, whether it is locked, and how long it lives.
use super::argv::{Edit, date};
use super::super::values::is;
use super::Params;
use crate::change::{Back, Call, Change, Deed, Reach};
use crate::facts::{Account, Bytes, Shadow, User};
use serde::Deserialize;

/// When a password is set.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Update {
    Always,
    OnCreate,
}

impl Params {
    /// Sets the password, where it is another. What is compared are digests: no hash leaves a server.
    pub(super) fn password(&self, is_new: bool, now: &mut Account) -> Option<Change> {
        let wanted = &self.password.as_ref()?.0;
        let sha256 = Bytes::from(wanted.trim_start_matches('!')).sha256();
        let user = now.user.as_mut()?;
        let known = user.shadow.as_ref().is_some_and(|shadow| shadow.sha256 == sha256);
        if !is_new && (known || self.update_password == Some(Update::OnCreate)) {
            return None;
        }
        let lock = is(self.password_lock) && !wanted.starts_with('!');
        let shadow = user.shadow.get_or_insert_with(Shadow::default);
        shadow.sha256 = sha256;
        shadow.locked = lock || wanted.starts_with('!');
        let mark = if lock { "!" } else { "" };
        Some(Change::Deed(Box::new(Deed {
            subject: self.subject(),
            effect: "another password\n".into(),
            call: Call::Password {
                user: self.name.clone(),
                line: format!("{}:{mark}{wanted}\n", self.name).into(),
            },
            // The server keeps the old one itself.
            back: Back::Programs(vec![]),
            makes: self.makes(now),
            reach: Reach::Accounts,
        })))
    }

    /// What `usermod` changes of a password.
    pub(super) fn edit_shadow(&self, user: &mut User, edit: &mut Edit) {
        let sets_password = self.password.as_ref().is_some_and(|wanted| {
            let sha256 = Bytes::from(wanted.0.trim_start_matches('!')).sha256();
            self.update_password != Some(Update::OnCreate)
                && user.shadow.as_ref().is_none_or(|shadow| shadow.sha256 != sha256)
        });
        let shadow = user.shadow.get_or_insert_with(Shadow::default);
        if self.expires.is_some() {
            let (old, new) = (shadow.expires.filter(|day| *day >= 0), self.last_day());
            if old != new {
                let told = |day: Option<i64>| day.map(date).unwrap_or_default();
                edit.option("-e", Some(told(old)), told(new));
                shadow.expires = new;
            }
        }
        if let Some(days) = self.password_expire_account_disable
            && days != shadow.inactive.unwrap_or(-1)
        {
            edit.option("-f", Some(shadow.inactive.unwrap_or(-1).to_string()), days.to_string());
            shadow.inactive = (days >= 0).then_some(days);
        }
        // A new password comes locked or not.
        match self.password_lock {
            Some(lock) if lock.0 != shadow.locked && !sets_password => {
                shadow.locked = lock.0;
                if lock.0 {
                    edit.flag("password open → locked", "-L", "-U");
                } else {
                    edit.flag("password locked → open", "-U", "-L");
                }
            }
            _ => {}
        }
    }

    /// What `chage` changes of a password.
    pub(super) fn aged(&self, now: &mut Account) -> Option<Change> {
        let mut edit = Edit::default();
        let user = now.user.as_mut()?;
        let shadow = user.shadow.get_or_insert_with(Shadow::default);
        let kinds = [
            ("-m", self.password_expire_min, &mut shadow.min),
            ("-M", self.password_expire_max, &mut shadow.max),
            ("-W", self.password_expire_warn, &mut shadow.warn),
        ];
        for (word, wanted, known) in kinds {
            if let Some(days) = wanted
                && days != known.unwrap_or(-1)
            {
                edit.option(word, Some(known.unwrap_or(-1).to_string()), days.to_string());
                *known = (days >= 0).then_some(days);
            }
        }
        edit.made("chage", self, now)
    }
}
