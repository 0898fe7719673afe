//! The managed block of `extra.cf`: found although a marker is lost or doubled, put in place, and every
//! line outside it left byte for byte. Mailcow rewrites the file at each start; the block is such that
//! it comes out as it went in.
use std::collections::BTreeMap;
use std::ops::Range;

/// A block as it should be: two comment lines, and between them a line for each parameter.
pub(super) struct Block<'a> {
    /// What stands behind `# BEGIN ` and `# END `.
    pub(super) marker: &'a str,
    /// Names and values; none: no block at all.
    pub(super) values: &'a BTreeMap<String, String>,
}

/// A line of the user that wins over the block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Override {
    /// Parameter.
    pub(super) name: String,
    /// From 1.
    pub(super) line: usize,
    /// What wins.
    pub(super) value: String,
}

impl Block<'_> {
    /// The text with the block in place: where its last copy is, else at the end.
    pub(super) fn put(&self, text: &[u8]) -> Vec<u8> {
        let lines = lines(text);
        let copies = self.copies(&lines);
        if let [copy] = copies.as_slice()
            && lines[copy.clone()].iter().map(|line| bare(line)).eq(self.lines().iter().map(String::as_bytes))
        {
            return text.to_vec();
        }
        let mut put = Vec::new();
        let place = copies.last().map_or(lines.len(), |copy| copy.start);
        for (at, line) in lines.iter().chain([&&b""[..]]).enumerate() {
            if at == place {
                self.append(&mut put);
            }
            if !copies.iter().any(|copy| copy.contains(&at)) {
                put.extend_from_slice(line);
            }
        }
        put
    }

    /// The user's lines below the block that assign one of its parameters anew.
    pub(super) fn overrides(&self, text: &[u8]) -> Vec<Override> {
        let lines = lines(text);
        let Some(end) = self.copies(&lines).last().map(|copy| copy.end) else { return vec![] };
        // What is indented continues the last line that is neither blank nor a comment.
        let mut current = self.values.last_key_value().map(|(name, _)| name.clone());
        let mut found: Vec<Override> = vec![];
        for (line, text) in lines.iter().enumerate().skip(end) {
            let (text, line) = (String::from_utf8_lossy(bare(text)), line + 1);
            if text.trim().is_empty() || text.trim_start().starts_with('#') {
                continue;
            }
            if text.starts_with(char::is_whitespace) {
                let Some(name) = &current else { continue };
                if let Some(last) = found.last_mut().filter(|last| last.name == *name) {
                    last.value = format!("{} {}", last.value, text.trim());
                } else {
                    let value = format!("{} {}", self.values[name], text.trim());
                    found.push(Override { name: name.clone(), line, value });
                }
                continue;
            }
            let (name, value) = text.split_once('=').unwrap_or((&text, ""));
            let name = name.trim();
            current = self.values.contains_key(name).then(|| name.to_owned());
            if current.is_some() {
                let value = value.trim().to_owned();
                found.push(Override { name: name.to_owned(), line, value });
            }
        }
        found
    }

    /// Lines outside the block, from 1, that make Mailcow's entry script weaken OpenSSL: the old syntax
    /// of protocol lists, even in a comment, or an old protocol as the lowest.
    pub(super) fn trips(&self, text: &[u8]) -> Vec<usize> {
        let lines = lines(text);
        let copies = self.copies(&lines);
        let trips = |line: &[u8]| {
            let line = String::from_utf8_lossy(bare(line));
            line.contains("!SSLv")
                || [">=TLSv1", ">=TLSv1.0", ">=TLSv1.1"].iter().any(|old| line.ends_with(old))
        };
        let outside = (0..lines.len()).filter(|at| !copies.iter().any(|copy| copy.contains(at)));
        outside.filter(|at| trips(lines[*at])).map(|at| at + 1).collect()
    }

    /// The lines of the block.
    fn lines(&self) -> Vec<String> {
        if self.values.is_empty() {
            return vec![];
        }
        let begin = format!("# BEGIN {}", self.marker);
        let end = format!("# END {}", self.marker);
        let settings = self.values.iter().map(|(name, value)| format!("{name} = {value}"));
        [begin].into_iter().chain(settings.map(|line| line.trim_end().to_owned())).chain([end]).collect()
    }

    fn append(&self, to: &mut Vec<u8>) {
        for line in self.lines() {
            if to.last().is_some_and(|last| *last != b'\n') {
                to.push(b'\n');
            }
            to.extend_from_slice(line.as_bytes());
            to.push(b'\n');
        }
    }

    /// Where copies of the block are, whole ones and those that lost a marker. Lines that we would not
    /// have written are the user's, whatever stands around them.
    fn copies(&self, lines: &[&[u8]]) -> Vec<Range<usize>> {
        let (begin, end) = (format!("# BEGIN {}", self.marker), format!("# END {}", self.marker));
        let is = |at: usize, marker: &str| {
            lines.get(at).is_some_and(|line| line.trim_ascii() == marker.as_bytes())
        };
        let mut copies = vec![];
        let mut at = 0;
        while at < lines.len() {
            if is(at, &begin) {
                let whole = at + 1 + run(&lines[at + 1..], |_| true);
                let until = if is(whole, &end) {
                    whole + 1
                } else {
                    at + 1 + run(&lines[at + 1..], |name| self.values.contains_key(name))
                };
                copies.push(at..until);
                at = until;
            } else if is(at, &end) {
                let after = copies.last().map_or(0, |copy| copy.end);
                let start = (after..=at).find(|start| {
                    run(&lines[*start..at], |name| self.values.contains_key(name)) == at - start
                });
                copies.push(start.unwrap_or(at)..at + 1);
                at += 1;
            } else {
                at += 1;
            }
        }
        copies
    }
}

/// How many lines at the beginning look like ours: `name = value`, the names ascending and accepted.
/// What is indented below such a line belongs to it.
fn run(lines: &[&[u8]], accept: impl Fn(&str) -> bool) -> usize {
    let mut last = String::new();
    let ours = |line: &&&[u8]| {
        let text = String::from_utf8_lossy(bare(line));
        if text.starts_with([' ', '\t']) && !text.trim().is_empty() {
            return !last.is_empty();
        }
        let name = text.split_once(" =").map_or("", |(name, _)| name).to_owned();
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let ours = plain && name > last && accept(&name);
        if ours {
            last = name;
        }
        ours
    };
    lines.iter().take_while(ours).count()
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Without its line feed.
fn bare(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> BTreeMap<String, String> {
        [("a_ciphers", "high"), ("b_list", "X:Y")].map(|(n, v)| (n.into(), v.into())).into()
    }

    fn put(text: &str) -> String {
        let values = values();
        String::from_utf8(Block { marker: "us", values: &values }.put(text.as_bytes())).unwrap()
    }

    const OURS: &str = "# BEGIN us\na_ciphers = high\nb_list = X:Y\n# END us\n";

    #[test]
    fn a_new_block_comes_last_and_own_lines_stay() {
        assert_eq!(put(""), OURS);
        assert_eq!(put("myhostname = h\n# mine\n"), format!("myhostname = h\n# mine\n{OURS}"));
        assert_eq!(put("no newline"), format!("no newline\n{OURS}"));
        assert_eq!(put("a_ciphers = low\n"), format!("a_ciphers = low\n{OURS}"));
    }

    #[test]
    fn a_block_in_order_is_left_alone_wherever_it_is() {
        for text in [
            OURS.to_owned(),
            OURS.trim_end().to_owned(),
            format!("x = 1\n\n{OURS}\n# later\ny = 2"),
        ] {
            assert_eq!(put(&text), text);
        }
    }

    #[test]
    fn lost_and_doubled_markers_are_mended() {
        for (broken, mended) in [
            ("x = 1\n# BEGIN us\na_ciphers = low\nb_list = X:Y\n# mine\n", format!("x = 1\n{OURS}# mine\n")),
            ("x = 1\na_ciphers = low\nb_list = X:Y\n# END us\ny = 2\n", format!("x = 1\n{OURS}y = 2\n")),
            ("# BEGIN us\n", OURS.to_owned()),
            ("# END us\ny = 2\n", format!("{OURS}y = 2\n")),
            (
                "# BEGIN us\na_ciphers = high\n# END us\nx = 1\n# BEGIN us\nold_one = 1\n# END us\n",
                format!("x = 1\n{OURS}"),
            ),
            (
                "# BEGIN us\na_ciphers = high\n# mine, moved inside\nb_list = X:Y\n# END us\n",
                format!("# mine, moved inside\n{OURS}"),
            ),
            ("# BEGIN us\na_ciphers = high\n  low\nb_list = X\n# END us\n", OURS.to_owned()),
        ] {
            assert_eq!(put(broken), mended, "{broken}");
            assert_eq!(put(&mended), mended);
        }
    }

    #[test]
    fn a_value_that_is_no_longer_wanted_goes_and_with_the_last_one_the_block() {
        let text = "# BEGIN us\na_ciphers = high\nb_list = X:Y\nc = 1\n# END us\n";
        assert_eq!(put(text), OURS);
        let none = BTreeMap::new();
        let block = Block { marker: "us", values: &none };
        assert_eq!(block.put(format!("x = 1\n{text}y = 2\n").as_bytes()), b"x = 1\ny = 2\n");
    }

    #[test]
    fn bytes_that_are_no_text_survive() {
        let values = values();
        let put = Block { marker: "us", values: &values }.put(b"# caf\xe9\r\n");
        assert_eq!(put, [b"# caf\xe9\r\n", OURS.as_bytes()].concat());
    }

    #[test]
    fn later_assignments_and_continuations_are_overrides() {
        let values = values();
        let block = Block { marker: "us", values: &values };
        let text = format!(
            "a_ciphers = before\n{OURS}\n# comment\n  Z\nother = 1\n  2\na_ciphers=low,\n# between\n\tnull\n"
        );
        let of = |name: &str, line, value: &str| Override { name: name.into(), line, value: value.into() };
        assert_eq!(
            block.overrides(text.as_bytes()),
            [of("b_list", 8, "X:Y Z"), of("a_ciphers", 11, "low, null")]
        );
        assert_eq!(block.overrides(b"a_ciphers = low\n"), []);
    }

    #[test]
    fn lines_that_trip_mailcows_switch_are_found_outside_the_block_alone() {
        let values = [("p".to_owned(), "!SSLv2, !SSLv3".to_owned())].into();
        let block = Block { marker: "us", values: &values };
        let text = "# no !SSLv3 here\nx = >=TLSv1.2\n# BEGIN us\np = !SSLv2, !SSLv3\n# END us\ny = >=TLSv1\n";
        assert_eq!(block.trips(text.as_bytes()), [1, 6]);
    }
}
