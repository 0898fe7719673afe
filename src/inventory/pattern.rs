//! Patterns that choose hosts: `a:b`, `a,b`, `!x`, `&x`, globs, `~regex`, `group[0:2]`.
use super::{Inventory, LOCALHOST};
use crate::source::{Diagnostic, nearest};
use regex::Regex;
use std::collections::{HashSet, VecDeque};

/// The hosts that a pattern chooses, in the order in which it names them.
pub(super) fn select(
    inventory: &Inventory,
    pattern: &str,
    expected: &dyn Fn(&str) -> bool,
) -> Result<Vec<String>, Diagnostic> {
    let mut parts = parts(pattern)?;
    let broken = |why: &str| Diagnostic::general(format!("the pattern `{pattern}` {why}"));
    if parts.is_empty() {
        return Err(broken("chooses nothing"));
    }
    if let Some(part) = parts.iter().find(|part| part.starts_with('@')) {
        return Err(broken(&format!("asks for the file `{}`", &part[1..]))
            .help("lists of hosts in files are not supported; name hosts or groups"));
    }
    // First what is added, then what must also hold, then what is taken away, however written.
    parts.sort_by_key(|part| match part.as_bytes()[0] {
        b'&' => 1,
        b'!' => 2,
        _ => 0,
    });
    if parts[0].starts_with(['&', '!']) {
        parts.insert(0, "all");
    }
    let (mut chosen, mut implicit): (Vec<usize>, _) = (vec![], None);
    for part in parts {
        let (sign, name) = match part.as_bytes()[0] {
            sign @ (b'&' | b'!') => (Some(sign), &part[1..]),
            _ => (None, part),
        };
        let found = match matches(inventory, name) {
            Err(_) if expected(split_subscript(name).0) => Ok(vec![]),
            found => found,
        };
        match (sign, found) {
            // This machine is known without an inventory.
            (sign, Err(_)) if LOCALHOST.contains(&name) => match sign {
                None => implicit = Some(name),
                Some(b'!') => implicit = implicit.filter(|local| *local != name),
                Some(_) => {
                    chosen.clear();
                    implicit = implicit.filter(|local| *local == name);
                }
            },
            (_, Err(error)) => return Err(error),
            (None, Ok(found)) => {
                let known: HashSet<_> = chosen.iter().copied().collect();
                chosen.extend(found.into_iter().filter(|host| !known.contains(host)));
            }
            (Some(sign), Ok(found)) => {
                let found: HashSet<_> = found.into_iter().collect();
                let stays = sign == b'&';
                chosen.retain(|host| found.contains(host) == stays);
                implicit = implicit.filter(|_| !stays);
            }
        }
    }
    let names = chosen.into_iter().map(|host| inventory.hosts[host].name.clone());
    Ok(names.chain(implicit.map(str::to_owned)).collect())
}

/// Splits at `,`, or else at every `:` outside of brackets; addresses stay whole.
fn parts(pattern: &str) -> Result<Vec<&str>, Diagnostic> {
    let bare = pattern.trim().trim_start_matches(['!', '&']);
    let whole = bare.starts_with('~') || bare.parse::<std::net::Ipv6Addr>().is_ok();
    let separator = if pattern.contains(',') { ',' } else { ':' };
    let (mut parts, mut start, mut depth) = (vec![], 0, 0_usize);
    for (at, c) in pattern.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if c == separator && depth == 0 && !(whole && c == ':') => {
                parts.push(pattern[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err(Diagnostic::general(format!(
            "the pattern `{pattern}` has a `[` that is never closed"
        )));
    }
    parts.push(pattern[start..].trim());
    parts.retain(|part| !part.is_empty());
    if parts.iter().any(|part| matches!(*part, "!" | "&")) {
        return Err(Diagnostic::general(format!("a sign in the pattern `{pattern}` stands alone")));
    }
    Ok(parts)
}

/// The numbers of the hosts that one part without its sign chooses.
fn matches(inventory: &Inventory, part: &str) -> Result<Vec<usize>, Diagnostic> {
    if let Some(regex) = part.strip_prefix('~') {
        return named(inventory, part, &compile(&format!("^(?:{regex})"), part)?);
    }
    let (name, subscript) = split_subscript(part);
    let found = if name.contains(['*', '?', '[']) {
        named(inventory, name, &compile(&glob(name), name)?)?
    } else if inventory.groups.contains_key(name) {
        members(inventory, name)
    } else if let Some(&host) = inventory.index.get(name) {
        vec![host]
    } else {
        return Err(unknown(inventory, name));
    };
    match subscript {
        None => Ok(found),
        Some(subscript) => subscript.of(&found, part),
    }
}

fn compile(regex: &str, part: &str) -> Result<Regex, Diagnostic> {
    regex::RegexBuilder::new(regex).size_limit(1 << 20).build().map_err(|error| {
        let why = match error {
            regex::Error::CompiledTooBig(_) => "is too large",
            _ => "is broken",
        };
        Diagnostic::general(format!("the expression `{part}` {why}"))
            .help("look-around and back references are not supported")
    })
}

/// Hosts of groups that match, and hosts that match.
fn named(inventory: &Inventory, part: &str, regex: &Regex) -> Result<Vec<usize>, Diagnostic> {
    let mut found = vec![];
    for name in inventory.groups.keys().filter(|name| regex.is_match(name)) {
        found.extend(members(inventory, name));
    }
    let hosts = inventory.hosts.iter().enumerate();
    found.extend(hosts.filter(|(_, host)| regex.is_match(&host.name)).map(|(number, _)| number));
    if found.is_empty() && part != "*" {
        return Err(Diagnostic::general(format!("no host or group matches `{part}`")));
    }
    let mut seen = HashSet::new();
    found.retain(|host| seen.insert(*host));
    Ok(found)
}

/// A glob as an expression over the whole name.
fn glob(glob: &str) -> String {
    let mut regex = String::from("^(?s:");
    let mut rest = glob;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => match rest.char_indices().skip(1).find(|(_, c)| *c == ']') {
                None => regex.push_str("\\["),
                Some((close, _)) => {
                    let inner = &rest[..close];
                    let (not, inner) =
                        inner.strip_prefix('!').map_or(("", inner), |inner| ("^", inner));
                    let escape = |c: char| {
                        if "\\[]^&~".contains(c) { format!("\\{c}") } else { c.to_string() }
                    };
                    let inner: String = inner.chars().map(escape).collect();
                    regex.extend(["[", not, &inner, "]"]);
                    rest = &rest[close + 1..];
                }
            },
            _ => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    regex + ")$"
}

/// Hosts of a group and of the groups below it, as written, nearest groups first.
pub(super) fn members(inventory: &Inventory, group: &str) -> Vec<usize> {
    let (mut queue, mut seen) = (VecDeque::from([group]), HashSet::from([group]));
    let (mut found, mut once) = (vec![], HashSet::new());
    while let Some(group) = queue.pop_front().and_then(|name| inventory.groups.get(name)) {
        let numbers = group.hosts.iter().filter_map(|name| inventory.index.get(name));
        found.extend(numbers.copied().filter(|host| once.insert(*host)));
        queue.extend(group.children.iter().map(String::as_str).filter(|child| seen.insert(child)));
    }
    found
}

fn unknown(inventory: &Inventory, name: &str) -> Diagnostic {
    let error = Diagnostic::general(format!("no host or group is called `{name}`"));
    let groups = inventory.groups.keys().map(String::as_str);
    let known = groups.chain(inventory.hosts.iter().map(|host| host.name.as_str()));
    match nearest(name, known) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// `[2]`, `[-1]`, `[0:2]`, `[1:]`: ends belong to the range.
#[derive(Debug, PartialEq)]
enum Subscript {
    One(isize),
    Range(usize, Option<usize>),
}

fn split_subscript(part: &str) -> (&str, Option<Subscript>) {
    let split = || {
        let (name, inner) = part.strip_suffix(']')?.rsplit_once('[')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if name.is_empty() {
            return None;
        }
        if digits(inner.strip_prefix('-').unwrap_or(inner)) {
            return Some((name, Subscript::One(inner.parse().ok()?)));
        }
        let (first, last) = inner.split_once([':', '-']).filter(|(first, _)| digits(first))?;
        let last = match last {
            "" => None,
            last => Some(last.parse().ok().filter(|_| digits(last))?),
        };
        Some((name, Subscript::Range(first.parse().ok()?, last)))
    };
    split().map_or((part, None), |(name, subscript)| (name, Some(subscript)))
}

impl Subscript {
    fn of(&self, hosts: &[usize], part: &str) -> Result<Vec<usize>, Diagnostic> {
        let count = hosts.len();
        let one = |at: Option<usize>| at.and_then(|at| hosts.get(at)).map(|host| vec![*host]);
        let found = match *self {
            Self::One(at) if at < 0 => one(count.checked_sub(at.unsigned_abs())),
            Self::One(at) => one(Some(at.unsigned_abs())),
            Self::Range(first, last) => {
                let end = last.map_or(count, |last| last.saturating_add(1).min(count));
                Some(hosts.get(first..end).unwrap_or_default().to_vec())
            }
        };
        found.ok_or_else(|| {
            Diagnostic::general(format!("`{part}` asks for one of {count} hosts that is not there"))
        })
    }
}
