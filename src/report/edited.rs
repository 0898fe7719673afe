//! What is told of files of ours that somebody else has changed, as a sentence.
use crate::event::{Damage, Edit};

/// A sentence that begins with the path.
pub(super) fn told(edit: &Edit) -> String {
    let Edit { path, run, at, .. } = edit;
    let when = jiff::Timestamp::from_second(*at);
    let when =
        when.map_or_else(|_| at.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    let run = format!("run {run} ({when})");
    match (edit.damage, &edit.instead_of) {
        (Damage::Changed, _) => format!("{path}: what {run} wrote there was changed since"),
        (Damage::LinesLost, _) => format!("{path}: lines that {run} wrote there are gone"),
        (Damage::FileLost, _) => format!("{path}: {run} wrote it, and it is gone"),
        (Damage::Switched, Some(other)) => {
            format!("{path}: this file counts now, and {run} wrote {other}")
        }
        (Damage::Switched, None) => {
            format!("{path}: this file counts now, and {run} wrote another")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_damage_has_its_sentence() {
        let edit = |damage| Edit {
            path: "/etc/f".into(),
            run: "9c7fac".into(),
            at: 1_795_839_049,
            damage,
            instead_of: (damage == Damage::Switched).then(|| "/etc/g".into()),
            ours: vec![],
            theirs: vec![],
        };
        let by = "run 9c7fac (2026-11-28 04:10:49 UTC)";
        for (damage, sentence) in [
            (Damage::Changed, format!("/etc/f: what {by} wrote there was changed since")),
            (Damage::LinesLost, format!("/etc/f: lines that {by} wrote there are gone")),
            (Damage::FileLost, format!("/etc/f: {by} wrote it, and it is gone")),
            (Damage::Switched, format!("/etc/f: this file counts now, and {by} wrote /etc/g")),
        ] {
            assert_eq!(told(&edit(damage)), sentence);
        }
    }
}
