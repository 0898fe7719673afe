//! `user`: a user is there as wished, or is not there.
mod argv;
mod password;

use super::accounts::{deed, group, words};
use super::values::{is, PRESENCE, Flag, Number, Presence, Text, Texts};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Call, Change, Ran};
use crate::facts::{Account, Fact, Observed, Probe, Unasked};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    name: String,
    #[serde(default)]
    state: Presence,
    uid: Option<Number>,
    non_unique: Option<Flag>,
    group: Option<Text>,
    groups: Option<Texts>,
    append: Option<Flag>,
    comment: Option<Text>,
    home: Option<String>,
    shell: Option<String>,
    create_home: Option<Flag>,
    move_home: Option<Flag>,
    skeleton: Option<String>,
    umask: Option<Text>,
    system: Option<Flag>,
    uid_min: Option<Number>,
    uid_max: Option<Number>,
    password: Option<Text>,
    update_password: Option<password::Update>,
    password_lock: Option<Flag>,
    password_expire_min: Option<i64>,
    password_expire_max: Option<i64>,
    password_expire_warn: Option<i64>,
    password_expire_account_disable: Option<i64>,
    expires: Option<f64>,
    remove: Option<Flag>,
    force: Option<Flag>,
}

impl Params {
    fn probe(&self) -> Probe {
        Probe::Account { name: self.name.clone() }
    }

    fn account<'a>(&self, seen: &'a Observed) -> Result<&'a Account, Unasked> {
        match seen.get(&self.probe())? {
            Fact::Account(account) => Ok(account),
            _ => Err(Unasked(self.probe())),
        }
    }

    /// The groups that are wished for beside the first; `groups: ''` are none.
    fn wanted_groups(&self) -> Option<Vec<&str>> {
        let names = self.groups.as_ref()?.0.iter().map(|name| name.trim());
        Some(names.filter(|name| !name.is_empty()).collect())
    }

    /// Groups that are named, and the one that a new user may find under its own name.
    fn named_groups(&self) -> impl Iterator<Item = &str> {
        let first = self.group.as_ref().map(|group| group.0.as_str());
        let others = self.wanted_groups().unwrap_or_default();
        first.into_iter().chain(others).chain([self.name.as_str()])
    }

    fn creates_home(&self) -> bool {
        self.create_home.is_none_or(|create| create.0)
    }

    fn deed(
        &self,
        effect: &str,
        argv: Vec<String>,
        back: Option<Vec<Vec<String>>>,
        after: &Account,
    ) -> Change {
        let call = Call::Telling { argv, look: Box::new(self.probe()) };
        deed((self.subject(), effect), call, back, self.makes(after))
    }

    fn subject(&self) -> String {
        format!("user {}", self.name)
    }

    /// What is known of the user afterwards: itself, and where its home is.
    fn makes(&self, after: &Account) -> Vec<(Probe, Fact)> {
        let home = after.user.as_ref().map(|user| crate::facts::Home {
            dir: after.home.clone(),
            uid: user.uid.unwrap_or_default(),
            gid: user.gid.unwrap_or_default(),
            inside: vec![],
        });
        vec![
            (self.probe(), Fact::Account(after.clone())),
            (Probe::home(&self.name), Fact::Home(home)),
        ]
    }

    fn removed(&self, account: &Account) -> Change {
        let mut argv = words(["userdel"]);
        let flags = [(self.force, "-f"), (self.remove, "-r")];
        argv.extend(flags.iter().filter(|(flag, _)| is(*flag)).map(|(_, word)| (*word).to_owned()));
        argv.push(self.name.clone());
        let home_is_there = account.home_is_there && !is(self.remove);
        let after = Account { user: None, home_is_there, ..account.clone() };
        self.deed("present → absent", argv, None, &after)
    }
}

impl Module for This {
    const NAME: &'static str = "user";
    const SUMMARY: &'static str = "make, change or remove a user";
    const EXAMPLES: &'static [&'static str] = &[
        "{name: deploy, shell: /bin/bash, comment: Deploys}",
        "{name: backup-agent, uid: 4600, system: true, create_home: false, shell: /usr/sbin/nologin}",
        "{name: admin, groups: [], password: '!', update_password: on_create}",
        "{name: gone, state: absent, remove: true}",
    ];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("name", "The user.").aliases(&["user"]),
        PRESENCE,
        Opt::new("uid", "Its number."),
        Opt::new("non_unique", "Another user may have that number as well."),
        Opt::new("group", "Its first group, by name or number; it must be there."),
        Opt::new("groups", "The other groups that it is in; it leaves all others unless `append` is set."),
        Opt::new("append", "Leave it in the groups that it is in."),
        Opt::new("comment", "Its full name."),
        Opt::new("home", "Its home."),
        Opt::new("shell", "What runs when it logs in."),
        Opt::new("create_home", "Make its home, where there is none (default true).").aliases(&["createhome"]),
        Opt::new("move_home", "Move what is in the old home to the new one."),
        Opt::new("skeleton", "The folder that is copied into a new home."),
        Opt::new("umask", "What is held back from a new home."),
        Opt::new("system", "A system user gets a low number."),
        Opt::new("uid_min", "The lowest number for a new user."),
        Opt::new("uid_max", "The highest number for a new user."),
        Opt::new("password", "The hash of its password: `{{ secret | password_hash }}`."),
        Opt::new("update_password", "always (default), or on_create: only when the user is made."),
        Opt::new("password_lock", "Whether logging in with a password is shut off."),
        Opt::new("password_expire_min", "Days before the password may be changed."),
        Opt::new("password_expire_max", "Days after which it must be."),
        Opt::new("password_expire_warn", "Days of warning before that."),
        Opt::new("password_expire_account_disable", "Days behind that after which the account is closed."),
        Opt::new("expires", "When the account ends, seconds since 1970; negative: never."),
        Opt::new("remove", "With `absent`: remove its home and mail as well."),
        Opt::new("force", "With `absent`: although it is logged in."),
    ];
    const REFUSED: &'static [Table] = &[&[
        ("authorization", "it is for Solaris"),
        ("profile", "it is for Solaris"),
        ("role", "it is for Solaris"),
        ("hidden", "it is for macOS"),
        ("login_class", "it is for BSD"),
        ("seuser", "write `command: usermod -Z …`"),
        ("local", "leave it out: users are made on the server itself"),
        ("generate_ssh_key", KEYS),
        ("ssh_key_bits", KEYS),
        ("ssh_key_type", KEYS),
        ("ssh_key_file", KEYS),
        ("ssh_key_comment", KEYS),
        ("ssh_key_passphrase", KEYS),
    ]];
    const RETURNS: &'static [Table] = &[&[
        ("name", "As wished."),
        ("state", "As wished."),
        ("uid", "Its number."),
        ("group", "Its first group's number."),
        ("groups", "As wished, between commas."),
        ("comment", "Its full name."),
        ("home", "Its home."),
        ("shell", "What runs when it logs in."),
        ("password", "NOT_LOGGING_PASSWORD, when one was given."),
        ("create_home", "As wished, when it was made."),
        ("system", "As wished, when it was made."),
        ("append", "As wished, when it was there."),
        ("move_home", "As wished, when it was there."),
        ("remove", "As wished, when it was removed."),
        ("force", "As wished, when it was removed."),
    ]];
    const GUARDS: bool = true;
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        let groups = params.named_groups().map(|name| Probe::entry("group", name));
        let home = params.home.iter().map(|path| Probe::Path { path: path.clone(), follow: true });
        groups.chain([params.probe()]).chain(home).collect()
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        let account = params.account(seen)?;
        match (params.state, &account.user) {
            (Presence::Absent, None) => Ok(vec![]),
            (Presence::Absent, Some(_)) => Ok(vec![params.removed(account)]),
            (Presence::Present, _) => {
                let named = params.named_groups().filter(|name| *name != params.name);
                for name in named {
                    if group(name, seen)?.is_none() {
                        return Err(PlanError::failed(format!("Group {name} does not exist")));
                    }
                }
                let mut now = account.clone();
                let mut changes = vec![match &account.user {
                    None => Some(params.made(&mut now, seen)?),
                    Some(user) => params.changed(user, &mut now, seen)?,
                }];
                changes.push(params.home(account.user.is_some(), &mut now, seen)?);
                changes.push(params.password(account.user.is_none(), &mut now));
                changes.push(params.aged(&mut now));
                Ok(changes.into_iter().flatten().collect())
            }
        }
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        let mut out = super::stat::json_map(json!({"name": params.name, "state": params.state.name()}));
        let Ok(before) = params.account(seen) else { return out };
        let told = match (params.state, &before.user) {
            (Presence::Absent, None) => json!({}),
            (Presence::Absent, Some(_)) => {
                json!({"force": is(params.force), "remove": is(params.remove)})
            }
            (Presence::Present, None) => {
                json!({"system": is(params.system), "create_home": params.creates_home()})
            }
            (Presence::Present, Some(_)) => {
                json!({"append": is(params.append), "move_home": is(params.move_home)})
            }
        };
        out.extend(super::stat::json_map(told));
        if params.password.is_some() {
            out.insert("password".into(), "NOT_LOGGING_PASSWORD".into());
        }
        if params.state == Presence::Present {
            out.extend(params.told(&params.after(before, changes, ran)));
        }
        out
    }
}

const KEYS: &str = "write `command: ssh-keygen -N '' -f …` with `creates:` and `become_user:`";

impl Params {
    /// The user afterwards, as the server told it, else as it is foreseen.
    fn after(&self, before: &Account, changes: &[Change], ran: &[Ran]) -> Account {
        let said = changes.iter().zip(ran).rev().find_map(|(change, ran)| {
            let Change::Deed(deed) = change else { return None };
            let telling = matches!(deed.call, Call::Telling { .. }) && ran.rc == 0;
            match telling.then(|| self.probe().read(ran)) {
                Some(Ok(Fact::Account(account))) => Some(account),
                _ => None,
            }
        });
        let foreseen = || {
            let mut seen = Observed::default();
            seen.set(self.probe(), Fact::Account(before.clone()));
            changes.iter().for_each(|change| change.predict(&mut seen));
            self.account(&seen).cloned().unwrap_or_default()
        };
        said.unwrap_or_else(foreseen)
    }

    fn told(&self, account: &Account) -> Map<String, Value> {
        let Some(user) = &account.user else { return Map::new() };
        let mut out = super::stat::json_map(json!({
            "uid": user.uid,
            "group": user.gid,
            "comment": user.comment,
            "home": account.home,
            "shell": user.shell,
        }));
        if let Some(groups) = &self.groups {
            out.insert("groups".into(), groups.0.join(",").into());
        }
        out
    }
}
