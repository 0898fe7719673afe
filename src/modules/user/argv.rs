//! The command lines of `useradd` and `usermod`, and what takes each of them back.
use super::super::PlanError;
use super::super::values::is;
use super::super::accounts::{deed, group, words};
use super::Params;
use crate::change::{Call, Change};
use crate::facts::{Account, Observed, Shadow, User};
use jiff::ToSpan as _;
use std::collections::BTreeSet;

impl Params {
    /// Makes the user; `now` becomes what it is then.
    pub(super) fn made(&self, now: &mut Account, seen: &Observed) -> Result<Change, PlanError> {
        let mut argv = words(["useradd"]);
        let mut option = |word: &str, value: Option<String>| {
            argv.extend(value.into_iter().flat_map(|value| [word.to_owned(), value]));
        };
        option("-u", self.uid.map(|uid| uid.0.to_string()));
        option("-g", self.group.as_ref().map(|group| group.0.clone()));
        let groups = self.wanted_groups().filter(|groups| !groups.is_empty());
        option("-G", groups.map(|groups| groups.join(",")));
        option("-c", self.comment.as_ref().map(|comment| comment.0.clone()));
        option("-d", self.home.clone());
        option("-s", self.shell.clone());
        option("-e", self.expires.map(|_| self.last_day().map(date).unwrap_or_default()));
        option("-f", self.password_expire_account_disable.map(|days| days.to_string()));
        option("-k", self.skeleton.clone().filter(|_| self.creates_home()));
        let umask = self.umask.as_ref().filter(|_| self.creates_home());
        option("-K", umask.map(|umask| format!("UMASK={}", umask.0)));
        option("-K", self.uid_min.map(|least| format!("UID_MIN={}", least.0)));
        option("-K", self.uid_max.map(|most| format!("UID_MAX={}", most.0)));
        // A group of its own name is not made again.
        let own = self.group.is_none() && group(&self.name, seen)?.is_some();
        let flags = [
            (is(self.non_unique) && self.uid.is_some(), "-o"),
            (own, "-N"),
            (is(self.system), "-r"),
            (true, if self.creates_home() { "-m" } else { "-M" }),
        ];
        argv.extend(flags.iter().filter(|(on, _)| *on).map(|(_, word)| (*word).to_owned()));
        argv.push(self.name.clone());
        if let Some(home) = &self.home {
            home.clone_into(&mut now.home);
            now.home_is_there = seen.stat(home, true)?.is_some();
        }
        let mut back = words(["userdel"]);
        if self.creates_home() && !now.home_is_there {
            back.push("-r".into());
        }
        back.push(self.name.clone());
        now.home_is_there |= self.creates_home();
        now.user = Some(User {
            uid: self.uid.map(|uid| uid.0),
            gid: None,
            primary: self.group.as_ref().map_or_else(|| self.name.clone(), |group| group.0.clone()),
            comment: self.comment.clone().unwrap_or_default().0,
            shell: self.shell.clone().unwrap_or_else(|| "/bin/sh".into()),
            groups: self.names_of_groups(seen)?.unwrap_or_default(),
            shadow: Some(Shadow {
                expires: self.last_day(),
                inactive: self.password_expire_account_disable.filter(|days| *days >= 0),
                ..Shadow::default()
            }),
        });
        Ok(self.deed("absent → present", argv, Some(vec![back]), now))
    }

    /// Changes the user where it is not as wished; `now` becomes what it is then.
    pub(super) fn changed(
        &self,
        user: &User,
        now: &mut Account,
        seen: &Observed,
    ) -> Result<Option<Change>, PlanError> {
        let mut edit = Edit::default();
        let mut after = user.clone();
        if let Some(uid) = self.uid.filter(|uid| Some(uid.0) != user.uid) {
            edit.option("-u", user.uid.map(|uid| uid.to_string()), uid.0.to_string());
            edit.both.extend(is(self.non_unique).then_some("-o"));
            after.uid = Some(uid.0);
        }
        if let Some(wanted) = &self.group
            && let Some(entry) = group(&wanted.0, seen)?
        {
            let gid: Option<u32> = entry.get(2).and_then(|gid| gid.parse().ok());
            let same = if gid.is_some() { gid == user.gid } else { entry.first() == Some(&user.primary.as_str()) };
            if !same {
                edit.option("-g", user.gid.map(|gid| gid.to_string()), wanted.0.clone());
                (after.gid, after.primary) = (gid, entry[0].to_owned());
            }
        }
        if let Some(mut wanted) = self.names_of_groups(seen)? {
            if is(self.append) {
                wanted.extend(user.groups.iter().cloned());
            }
            if wanted != user.groups {
                let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(",");
                edit.option("-G", Some(list(&user.groups)), list(&wanted));
                after.groups = wanted;
            }
        }
        if let Some(comment) = self.comment.as_ref().filter(|comment| comment.0 != user.comment) {
            edit.option("-c", Some(user.comment.clone()), comment.0.clone());
            after.comment.clone_from(&comment.0);
        }
        if let Some(home) = self.home.as_ref().filter(|home| **home != now.home) {
            edit.option("-d", Some(now.home.clone()), home.clone());
            edit.both.extend(is(self.move_home).then_some("-m"));
            home.clone_into(&mut now.home);
            now.home_is_there = is(self.move_home) && now.home_is_there || seen.stat(home, true)?.is_some();
        }
        if let Some(shell) = self.shell.as_ref().filter(|shell| **shell != user.shell) {
            edit.option("-s", Some(user.shell.clone()), shell.clone());
            after.shell.clone_from(shell);
        }
        self.edit_shadow(&mut after, &mut edit);
        now.user = Some(after);
        Ok(edit.made("usermod", self, now))
    }

    /// The names of the groups that it is to be in.
    fn names_of_groups(&self, seen: &Observed) -> Result<Option<BTreeSet<String>>, PlanError> {
        let Some(wanted) = self.wanted_groups() else { return Ok(None) };
        let name = |wanted: &str| {
            let entry = group(wanted, seen)?;
            Ok(entry.and_then(|entry| entry.first().copied()).unwrap_or(wanted).to_owned())
        };
        wanted.into_iter().map(name).collect::<Result<_, PlanError>>().map(Some)
    }

    /// A home that is not there although the user was.
    pub(super) fn home(
        &self,
        was_there: bool,
        now: &mut Account,
        seen: &Observed,
    ) -> Result<Option<Change>, PlanError> {
        if !was_there || !self.creates_home() || now.home_is_there {
            return Ok(None);
        }
        let dir = now.home.clone();
        if seen.stat(&dir, true)?.is_some() {
            return Ok(None);
        }
        now.home_is_there = true;
        let call = Call::Home {
            user: self.name.clone(),
            dir: dir.clone(),
            skeleton: self.skeleton.clone(),
        };
        let back = vec![words(["rm", "-rf", "--", &dir])];
        let effect = format!("home {dir}: absent → folder");
        Ok(Some(deed((self.subject(), &effect), call, Some(back), self.makes(now))))
    }

    /// The last day that the account is open, counted from 1970; `None`: it never ends.
    #[expect(clippy::cast_possible_truncation, reason = "days fit, absurd ones saturate")]
    pub(super) fn last_day(&self) -> Option<i64> {
        self.expires.filter(|seconds| *seconds >= 0.0).map(|seconds| (seconds / 86400.0).floor() as i64)
    }
}

/// `YYYY-MM-DD` of a day counted from 1970.
pub(super) fn date(day: i64) -> String {
    let epoch = jiff::civil::Date::constant(1970, 1, 1);
    epoch.checked_add(day.clamp(0, 2_000_000).days()).map(|date| date.to_string()).unwrap_or_default()
}

/// Options of a command line, and those that take it back.
#[derive(Default)]
pub(super) struct Edit {
    argv: Vec<String>,
    back: Vec<String>,
    effect: Vec<String>,
    /// Flags of both.
    both: Vec<&'static str>,
}

impl Edit {
    pub(super) fn option(&mut self, word: &str, old: Option<String>, new: String) {
        let name = EFFECTS.iter().find(|(known, _)| *known == word).map_or(word, |(_, name)| name);
        self.effect.push(format!("{name} {} → {new}", old.as_deref().unwrap_or("unknown")));
        self.back.extend(old.into_iter().flat_map(|old| [word.to_owned(), old]));
        self.argv.extend([word.to_owned(), new]);
    }

    pub(super) fn flag(&mut self, effect: &str, word: &str, back: &str) {
        self.effect.push(effect.to_owned());
        self.argv.push(word.to_owned());
        self.back.push(back.to_owned());
    }

    pub(super) fn made(self, program: &str, params: &Params, after: &Account) -> Option<Change> {
        let Self { argv, back, effect, both } = self;
        if argv.is_empty() {
            return None;
        }
        let line = |options: Vec<String>| {
            let flags = both.iter().map(|flag| (*flag).to_owned());
            let words = [program.to_owned()].into_iter().chain(options).chain(flags);
            words.chain([params.name.clone()]).collect::<Vec<String>>()
        };
        let back = vec![line(back)];
        Some(params.deed(&effect.join("\n"), line(argv), Some(back), after))
    }
}

/// What options are about, for people.
const EFFECTS: &[(&str, &str)] = &[
    ("-u", "number"),
    ("-g", "first group"),
    ("-G", "groups"),
    ("-c", "comment"),
    ("-d", "home"),
    ("-s", "shell"),
    ("-e", "account ends"),
    ("-f", "account closes behind"),
    ("-m", "days before the password may be changed"),
    ("-M", "days after which the password must be changed"),
    ("-W", "days of warning"),
];

#[cfg(test)]
mod tests {
    #[test]
    fn days_are_dates() {
        assert_eq!(super::date(0), "1970-01-01");
        assert_eq!(super::date(20_000), "2024-10-04");
    }
}
