//! What `user` and `group` have in common.
use crate::change::{Back, Call, Change, Deed, Reach};
use crate::facts::{Entries, Fact, Observed, Probe, Unasked};

/// A program that changes an account, what it comes to, and how it is taken back.
pub(super) fn deed(
    (subject, effect): (String, &str),
    call: Call,
    back: Option<Vec<Vec<String>>>,
    makes: Vec<(Probe, Fact)>,
) -> Change {
    let back = back.map_or(Back::Never, Back::Programs);
    let effect = format!("{effect}\n");
    Change::Deed(Box::new(Deed { subject, effect, call, back, makes, reach: Reach::Accounts }))
}

/// Words of a command line.
pub(super) fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

/// The entry of a group, by name or number.
pub(super) fn group<'a>(name: &str, seen: &'a Observed) -> Result<Option<Vec<&'a str>>, Unasked> {
    let probe = Probe::entry("group", name);
    match seen.get(&probe)? {
        Fact::Entries(entries) => Ok(entries.first()),
        _ => Err(Unasked(probe)),
    }
}

/// What is known of a group that is there; without a number, of one that the server will give a number.
pub(super) fn made_group(name: &str, gid: Option<u32>, members: &str) -> (Probe, Fact) {
    let gid = gid.map(|gid| gid.to_string()).unwrap_or_default();
    let entry = Entries::one(format!("{name}:x:{gid}:{members}"));
    (Probe::entry("group", name), Fact::Entries(entry))
}
