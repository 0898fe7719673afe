//! The recap: a line per host, with what there is to say and no zeros.
use super::Palette;
use crate::event::Recap;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A line per host.
pub fn recap(hosts: &BTreeMap<String, Recap>, palette: Palette) -> String {
    let width = hosts.keys().map(|host| host.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (host, counts) in hosts {
        // Writing to a String can't fail.
        let _ = writeln!(out, "  {host:<width$}  {}", line(counts, palette));
    }
    out
}

fn line(counts: &Recap, palette: Palette) -> String {
    let mut said = vec![];
    let mut say = |count: usize, what: &str, paint: fn(Palette, &str) -> String| {
        if count > 0 {
            said.push(paint(palette, &format!("{count} {what}")));
        }
    };
    say(counts.failed, "failed", Palette::bad);
    say(counts.left, "not back", Palette::bad);
    say(counts.changed, "changed", Palette::changed);
    say(counts.would_change, "would change", Palette::changed);
    say(counts.owed, "owed", Palette::changed);
    say(counts.unknown, "unknown", Palette::changed);
    say(counts.rescued, "rescued", Palette::changed);
    say(counts.ignored, "ignored", Palette::changed);
    say(counts.skipped, "skipped", Palette::faint);
    if counts.stopped {
        said.push(palette.changed("stopped"));
    }
    if counts.rolled_back {
        said.push(palette.changed("rolled back"));
    }
    let mut first = vec![palette.good(&format!("{} ok", counts.ok))];
    if counts.unreachable {
        first.insert(0, palette.bad("unreachable"));
    } else if counts.changed == 0 && counts.would_change == 0 {
        first.push(palette.faint("0 changed"));
    }
    first.append(&mut said);
    first.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recap_names_what_there_is_and_no_zeros() {
        let hosts = BTreeMap::from([
            ("mx1".to_owned(), Recap { ok: 3, changed: 2, ..Recap::default() }),
            ("mx22".to_owned(), Recap { unreachable: true, ..Recap::default() }),
            ("mx3".to_owned(), Recap { ok: 5, skipped: 1, ..Recap::default() }),
        ]);
        assert_eq!(
            recap(&hosts, Palette { color: false }),
            "  mx1   3 ok, 2 changed\n  mx22  unreachable, 0 ok\n  mx3   5 ok, 0 changed, 1 skipped\n"
        );
    }
}
