//! `group`: a group is there, or is not.
use super::accounts::{deed, group, made_group, words};
use super::values::{is, PRESENCE, Flag, Number, Presence};
use super::{Module, Opt, PlanError, Table};
use crate::change::{Call, Change, Ran};
use crate::facts::{Entries, Fact, Observed, Probe};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct This;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    name: String,
    #[serde(default)]
    state: Presence,
    gid: Option<Number>,
    non_unique: Option<Flag>,
    system: Option<Flag>,
    force: Option<Flag>,
    gid_min: Option<Number>,
    gid_max: Option<Number>,
}

impl Params {
    fn gid(&self) -> Option<u32> {
        self.gid.map(|gid| gid.0)
    }

    /// `-g GID`, as both programs take it.
    fn numbered(&self, mut argv: Vec<String>) -> Vec<String> {
        if let Some(gid) = self.gid() {
            argv.extend(["-g".to_owned(), gid.to_string()]);
            if is(self.non_unique) {
                argv.push("-o".into());
            }
        }
        argv
    }

    fn added(&self) -> Change {
        let mut argv = self.numbered(words(["groupadd"]));
        for (key, number) in [("GID_MIN", self.gid_min), ("GID_MAX", self.gid_max)] {
            if let Some(number) = number {
                argv.extend(["-K".to_owned(), format!("{key}={}", number.0)]);
            }
        }
        if is(self.system) {
            argv.push("-r".into());
        }
        argv.push(self.name.clone());
        let back = vec![words(["groupdel", &self.name])];
        self.deed("absent → present", argv, Some(back), made_group(&self.name, self.gid(), ""))
    }

    fn renumbered(&self, old: &str, members: &str) -> Change {
        let mut argv = self.numbered(words(["groupmod"]));
        argv.push(self.name.clone());
        let back = vec![words(["groupmod", "-o", "-g", old, &self.name])];
        let effect = format!("number {old} → {}", self.gid().unwrap_or_default());
        self.deed(&effect, argv, Some(back), made_group(&self.name, self.gid(), members))
    }

    fn removed(&self, gid: &str, members: &str) -> Change {
        let mut argv = words(["groupdel"]);
        if is(self.force) {
            argv.push("-f".into());
        }
        argv.push(self.name.clone());
        let mut back = vec![words(["groupadd", "-o", "-g", gid, &self.name])];
        if !members.is_empty() {
            back.push(words(["gpasswd", "-M", members, &self.name]));
        }
        let none = (Probe::entry("group", &self.name), Fact::Entries(Entries::none()));
        self.deed("present → absent", argv, Some(back), none)
    }

    fn deed(
        &self,
        effect: &str,
        argv: Vec<String>,
        back: Option<Vec<Vec<String>>>,
        makes: (Probe, Fact),
    ) -> Change {
        let look = Box::new(Probe::entry("group", &self.name));
        let subject = format!("group {}", self.name);
        deed((subject, effect), Call::Telling { argv, look }, back, vec![makes])
    }
}

impl Module for This {
    const NAME: &'static str = "group";
    const SUMMARY: &'static str = "make or remove a group";
    const EXAMPLES: &'static [&'static str] =
        &["name: deploy", "{name: mailers, gid: 4500, system: true}", "{name: old, state: absent}"];
    const OPTIONS: &'static [Opt] = &[
        Opt::new("name", "The group."),
        PRESENCE,
        Opt::new("gid", "Its number."),
        Opt::new("non_unique", "Another group may have that number as well."),
        Opt::new("system", "A system group gets a low number."),
        Opt::new("force", "Remove it although it is somebody's first group."),
        Opt::new("gid_min", "The lowest number for a new group."),
        Opt::new("gid_max", "The highest number for a new group."),
    ];
    const REFUSED: &'static [Table] = &[&[("local", "leave it out: groups are made on the server itself")]];
    const RETURNS: &'static [Table] = &[&[
        ("name", "As wished."),
        ("state", "As wished."),
        ("gid", "Its number, when it is there."),
        ("system", "As wished, when it is there."),
    ]];
    const GUARDS: bool = true;
    type Params = Params;

    fn observe(params: &Params) -> Vec<Probe> {
        vec![Probe::entry("group", &params.name)]
    }

    fn plan(params: &Params, seen: &Observed) -> Result<Vec<Change>, PlanError> {
        if is(params.non_unique) && params.gid.is_none() {
            let message = "non_unique is True but all of the following are missing: gid";
            return Err(PlanError::failed(message));
        }
        let now = group(&params.name, seen)?;
        let field = |at: usize| now.as_ref().and_then(|now| now.get(at)).copied().unwrap_or_default();
        let (gid, members) = (field(2), field(3));
        let differs = params.gid().is_some_and(|wanted| wanted.to_string() != gid);
        Ok(match (params.state, &now) {
            (Presence::Present, None) => vec![params.added()],
            (Presence::Present, Some(_)) if differs => vec![params.renumbered(gid, members)],
            (Presence::Absent, Some(_)) => vec![params.removed(gid, members)],
            _ => vec![],
        })
    }

    fn result(
        params: &Params,
        seen: &Observed,
        changes: &[Change],
        ran: &[Ran],
    ) -> Map<String, Value> {
        let mut out = super::stat::json_map(json!({"name": params.name, "state": params.state.name()}));
        let mut after = seen.clone();
        changes.iter().for_each(|change| change.predict(&mut after));
        let probe = Probe::entry("group", &params.name);
        if let Some(Ok(fact)) = ran.last().filter(|ran| ran.rc == 0).map(|ran| probe.read(ran)) {
            after.set(probe, fact);
        }
        if let (Presence::Present, Ok(Some(entry))) = (params.state, group(&params.name, &after)) {
            let gid = entry.get(2).and_then(|gid| gid.parse::<u32>().ok());
            out.insert("gid".into(), gid.into());
            out.insert("system".into(), is(params.system).into());
        }
        out
    }
}
