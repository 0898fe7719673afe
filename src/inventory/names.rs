//! Names of hosts as inventories write them: `host:port`, `[addr]:port`, `web[01:20]`.

/// How many hosts one pattern may stand for.
const MOST: usize = 100_000;

/// The hosts that `written` stands for, and the port behind them.
///
/// # Errors
/// A lowercase fragment.
pub(super) fn expand(written: &str) -> Result<(Vec<String>, Option<u16>), String> {
    let (name, port) = split_port(written)?;
    let mut names = vec![];
    expand_ranges(name, String::new(), &mut names)?;
    for name in &names {
        check(name)?;
    }
    Ok((names, port))
}

/// The name and the port behind it, if there is one.
fn split_port(written: &str) -> Result<(&str, Option<u16>), String> {
    if written.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok((written, None));
    }
    let Some((name, port)) = written.rsplit_once(':').filter(|(_, port)| !port.contains(']'))
    else {
        return Ok((written, None));
    };
    let number = port.parse().ok().filter(|number| *number > 0);
    let number = number.ok_or_else(|| format!("`{port}` is not a port"))?;
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let address = inner.filter(|inner| inner.parse::<std::net::IpAddr>().is_ok());
    Ok((address.unwrap_or(name), Some(number)))
}

fn expand_ranges(rest: &str, done: String, names: &mut Vec<String>) -> Result<(), String> {
    let Some(open) = rest.find('[') else {
        if rest.contains(']') {
            return Err("`]` without `[`".to_owned());
        }
        names.push(done + rest);
        return if names.len() > MOST { Err(format!("more than {MOST} hosts")) } else { Ok(()) };
    };
    let (before, range) = rest.split_at(open);
    if before.contains(']') {
        return Err("`]` without `[`".to_owned());
    }
    let close = range.find(']').ok_or("`[` is never closed")?;
    for step in steps(&range[1..close])? {
        expand_ranges(&range[close + 1..], format!("{done}{before}{step}"), names)?;
    }
    Ok(())
}

/// What `first:last` or `first:last:step` counts through: numbers (leading zeros kept) or letters.
fn steps(range: &str) -> Result<Vec<String>, String> {
    let parts: Vec<&str> = range.split(':').collect();
    let (first, last, step) = match parts[..] {
        [first, last] => (first, last, "1"),
        [first, last, step] => (first, last, step),
        _ => return Err(format!("`[{range}]` is not a range")),
    };
    let step = step.parse().ok().filter(|step| *step > 0);
    let step: usize = step.ok_or_else(|| format!("`[{range}]` does not step forward"))?;
    let first = if first.is_empty() { "0" } else { first };
    let backwards = || format!("`[{range}]` ends before it begins");
    if let (Some(from), Some(to)) = (letter(first), letter(last)) {
        let letters = (b'a'..=b'z').chain(b'A'..=b'Z').map(|c| char::from(c).to_string());
        let count = (to + 1).checked_sub(from).filter(|count| *count > 0).ok_or_else(backwards)?;
        return Ok(letters.skip(from).take(count).step_by(step).collect());
    }
    let number =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?;
    let (Some(from), Some(to)) = (number(first), number(last)) else {
        return Err(format!("`[{range}]` is not a range"));
    };
    let (from, to): (usize, usize) = (from, to);
    let padded = first.len() > 1 && first.starts_with('0');
    if padded && first.len() != last.len() {
        return Err(format!("both ends of `[{range}]` must have the same length"));
    }
    if from > to {
        return Err(backwards());
    }
    if (to - from) / step >= MOST {
        return Err(format!("more than {MOST} hosts"));
    }
    let width = if padded { first.len() } else { 0 };
    Ok((from..=to).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

/// The place of a single letter in `a…zA…Z`.
fn letter(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [c @ b'a'..=b'z'] => Some(usize::from(c - b'a')),
        [c @ b'A'..=b'Z'] => Some(usize::from(c - b'A') + 26),
        _ => None,
    }
}

/// Whether a name can be that of a host.
///
/// # Errors
/// A lowercase fragment.
pub(super) fn check(name: &str) -> Result<(), String> {
    if group(name) || name.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok(());
    }
    Err(format!("`{name}` can't be the name of a host"))
}

/// Whether a name can be that of a group: names end up in paths, patterns and on terminals.
pub(super) fn group(name: &str) -> bool {
    let forbidden =
        |c: char| c.is_whitespace() || c.is_control() || "/\\,:!&~*?[]='\"{}".contains(c);
    !name.is_empty() && !name.starts_with(['-', '.', '@']) && !name.contains(forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_count_numbers_and_letters() {
        for (written, expected) in [
            ("web", "web"),
            ("web[1:3]", "web1 web2 web3"),
            ("web[01:03].x", "web01.x web02.x web03.x"),
            ("[a:c]", "a b c"),
            ("[a:e:2]", "a c e"),
            ("[y:B]", "y z A B"),
            ("n[8:11]", "n8 n9 n10 n11"),
            ("n[:2]", "n0 n1 n2"),
            ("n[1:9:4]", "n1 n5 n9"),
            ("[a:b][1:2]", "a1 a2 b1 b2"),
            ("n[2:2]", "n2"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(expand(written).unwrap().0.join(" "), expected, "{written}");
        }
    }

    #[test]
    fn ports_are_split_off() {
        for (written, name, port) in [
            ("a:22", "a", Some(22)),
            ("10.0.0.1:2222", "10.0.0.1", Some(2222)),
            ("[::1]:22", "::1", Some(22)),
            ("::1", "::1", None),
            ("a", "a", None),
        ] {
            assert_eq!(expand(written), Ok((vec![name.to_owned()], port)), "{written}");
        }
        assert_eq!(expand("a[1:2]:99"), Ok((vec!["a1".to_owned(), "a2".to_owned()], Some(99))));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (written, why) in [
            ("a:", "`` is not a port"),
            ("a:0", "`0` is not a port"),
            ("a:65536", "`65536` is not a port"),
            ("a:b", "`b` is not a port"),
            ("a[1", "`[` is never closed"),
            ("a1]", "`]` without `[`"),
            ("a][1:2]", "`]` without `[`"),
            ("a[1]", "`[1]` is not a range"),
            ("a[1:]", "`[1:]` is not a range"),
            ("a[1:2:0]", "`[1:2:0]` does not step forward"),
            ("a[3:1]", "`[3:1]` ends before it begins"),
            ("a[c:a]", "`[c:a]` ends before it begins"),
            ("a[01:100]", "both ends of `[01:100]` must have the same length"),
            ("a[1:a]", "`[1:a]` is not a range"),
            ("a[0:999999999]", "more than 100000 hosts"),
            ("a[0:999][0:999]", "more than 100000 hosts"),
            ("../x", "`../x` can't be the name of a host"),
            ("-oProxyCommand", "`-oProxyCommand` can't be the name of a host"),
            ("", "`` can't be the name of a host"),
            ("a{{b}}", "`a{{b}}` can't be the name of a host"),
        ] {
            assert_eq!(expand(written), Err(why.to_owned()), "{written}");
        }
    }
}
