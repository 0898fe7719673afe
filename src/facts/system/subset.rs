//! `gather_subset`: which topics its words choose.
use super::Topic;
use crate::source::nearest;
use std::collections::BTreeSet;

/// Subsets that Ansible has and that are never gathered here: to leave them out is to agree.
const ABSENT: &[&str] = &["facter", "ohai", "python", "iscsi", "nvme", "fibre_channel_wwn", "caps"];

/// The topics that the words of `gather_subset` choose: a word takes in, with `!` it leaves out; what
/// is in `min` stays unless `!min` says otherwise, and without a word that takes in it is `all`.
///
/// # Errors
/// A word that is no subset.
pub fn chosen(words: &[&str]) -> Result<BTreeSet<Topic>, String> {
    let (mut named, mut taken, mut left) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut all, mut min) = (words.is_empty(), true);
    let mut positive = false;
    for word in words.iter().map(|word| word.trim()) {
        let (out, name) = word.strip_prefix('!').map_or((false, word), |name| (true, name));
        positive |= !out;
        match (name, out) {
            ("all", out) => all = !out,
            ("min", out) => min = !out,
            (name, true) if ABSENT.contains(&name) => {}
            (name, out) => {
                let topics = topics(name)?;
                if out {
                    left.extend(topics);
                } else {
                    named.extend(topics);
                }
            }
        }
    }
    all |= !positive && !words.contains(&"!all");
    taken.extend(Topic::all().filter(|topic| all || min && topic.is_minimal()));
    if !min {
        taken.retain(|topic| !topic.is_minimal());
    }
    taken.retain(|topic| !left.contains(topic));
    taken.extend(named);
    Ok(taken)
}

/// The topics of a subset, or of one fact.
fn topics(name: &str) -> Result<Vec<Topic>, String> {
    let has = |topic: &Topic| topic.subsets().contains(&name) || topic.facts().contains(&name);
    let topics: Vec<Topic> = Topic::all().filter(has).collect();
    if !topics.is_empty() {
        return Ok(topics);
    }
    if ABSENT.contains(&name) {
        return Err(format!(
            "facts of `{name}` are not gathered: nothing of it runs on a server here"
        ));
    }
    let names = Topic::all().flat_map(|topic| topic.subsets().iter().copied());
    let near = nearest(name, names.chain(["all", "min"]));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Err(format!("there is no subset `{name}`{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_take_in_and_leave_out_as_ansible_reads_them() {
        let count = |words: &[&str]| chosen(words).unwrap().len();
        let all = Topic::all().count();
        let min = Topic::all().filter(|topic| topic.is_minimal()).count();
        assert_eq!(count(&[]), all);
        assert_eq!(count(&["all"]), all);
        assert_eq!(count(&["!all"]), min);
        assert_eq!(count(&["!all", "!min"]), 0);
        assert_eq!(count(&["network"]), min + 1);
        assert_eq!(count(&["!all", "!min", "mounts"]), 1);
        assert_eq!(count(&["!hardware"]), all - 3);
        assert_eq!(count(&["!hardware", "mounts"]), min + 1);
        assert_eq!(count(&["!facter", "!ohai"]), all);
        assert!(chosen(&["networks"]).unwrap_err().contains("did you mean `network`?"));
        assert!(chosen(&["facter"]).is_err());
    }
}
