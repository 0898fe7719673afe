//! Filters with regular expressions, as Python writes them. One that would try for too long is an error.
use crate::vars::call::{Call, Entry, entry};
use crate::vars::native;
use fancy_regex::{Captures, Regex, RegexBuilder};
use minijinja::Error;
use minijinja::value::Value;

pub(super) static ENTRIES: [Entry; 4] = [
    entry(
        "regex_replace",
        &["pattern", "replacement", "ignorecase", "multiline", "count", "mandatory_count"],
        "the text with what matches replaced (`\\\\1` for a group)",
        "'foobar' | regex_replace('o+', '0')",
        replace,
    ),
    entry(
        "regex_search",
        &["regex", "*"],
        "the first match, or its groups",
        "'server-12' | regex_search('[0-9]+')",
        search,
    ),
    entry(
        "regex_findall",
        &["regex", "multiline", "ignorecase"],
        "every match",
        "'a1 b2' | regex_findall('[0-9]')",
        find_all,
    ),
    entry(
        "regex_escape",
        &["re_type"],
        "the text as a pattern that matches just it",
        "'a.b' | regex_escape",
        escape,
    ),
];

/// A Python pattern, compiled.
pub(in crate::vars) fn compile(
    pattern: &str,
    ignorecase: bool,
    multiline: bool,
) -> Result<Regex, Error> {
    let pattern = pattern.replace(r"\Z", r"\z");
    let built = RegexBuilder::new(&pattern)
        .case_insensitive(ignorecase)
        .multi_line(multiline)
        .backtrack_limit(1_000_000)
        .build();
    built.map_err(|error| {
        let text = error.to_string();
        let why =
            text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
        native::broken(format!("the regular expression cannot be used: {why}"))
    })
}

/// What looking for a pattern came to, if not to an end.
#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
pub(in crate::vars) fn too_long(error: fancy_regex::Error) -> Error {
    native::broken(format!("the regular expression cannot be used: {error}"))
}

/// What a replacement makes of a match: `\1`, `\g<1>`, `\g<name>` and a few escapes.
fn expand(replacement: &str, regex: &Regex, found: &Captures<str>) -> Result<String, Error> {
    let mut out = String::new();
    let mut rest = replacement;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else {
            return Err(native::broken("the replacement ends in a lone backslash"));
        };
        if let Some((name, after)) = rest.strip_prefix("g<").and_then(|rest| rest.split_once('>')) {
            out.push_str(group(regex, found, name)?);
            rest = after;
        } else if c.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()).min(2);
            out.push_str(group(regex, found, &rest[..end])?);
            rest = &rest[end..];
        } else {
            rest = &rest[c.len_utf8()..];
            match c {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                '\\' => out.push('\\'),
                _ if c.is_ascii_alphabetic() => {
                    return Err(native::broken(format!(
                        "the replacement has a bad escape `\\{c}`"
                    )));
                }
                _ => out.extend(['\\', c]),
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// A group by number or name; empty where it took no part.
fn group<'a>(regex: &Regex, found: &'a Captures<str>, name: &str) -> Result<&'a str, Error> {
    let number = name.parse().ok().filter(|number| *number < found.len());
    let number = number.or_else(|| regex.capture_names().position(|known| known == Some(name)));
    let number = number
        .ok_or_else(|| native::broken(format!("the regular expression has no group `{name}`")))?;
    Ok(found.get(number).map_or("", |it| it.as_str()))
}

fn replace(call: &mut Call) -> Result<Value, Error> {
    let text = call.text()?;
    let (pattern, replacement) =
        (call.text_arg(0)?.unwrap_or_default(), call.text_arg(1)?.unwrap_or_default());
    let regex = compile(&pattern, call.flag(2, false), call.flag(3, false))?;
    let most = usize::try_from(call.int_arg(4)?.unwrap_or(0)).unwrap_or(0);
    let needed = usize::try_from(call.int_arg(5)?.unwrap_or(0)).unwrap_or(0);
    let (mut out, mut last, mut count) = (String::new(), 0, 0);
    for found in regex.captures_iter(text.as_str()) {
        let found = found.map_err(too_long)?;
        if most > 0 && count == most {
            break;
        }
        let Some(whole) = found.get(0) else { break };
        out.push_str(&text[last..whole.start()]);
        out.push_str(&expand(&replacement, &regex, &found)?);
        call.state.consume_fuel(1)?;
        last = whole.end();
        count += 1;
        if out.len() > 32 << 20 {
            return Err(call.error("makes too long a text"));
        }
    }
    if needed > 0 && needed != count {
        return Err(call.error(format!("must match {needed} times, but matched {count} times")));
    }
    out.push_str(&text[last..]);
    Ok(Value::from(out))
}

fn search(call: &mut Call) -> Result<Value, Error> {
    call.only(&["multiline", "ignorecase"])?;
    let flag = |name: &str| call.named.get(name).is_some_and(Value::is_true);
    let regex = compile(&call.need_text(0)?, flag("ignorecase"), flag("multiline"))?;
    let text = call.text()?;
    let Some(found) = regex.captures(text.as_str()).map_err(too_long)? else {
        return Ok(Value::from(()));
    };
    if call.rest.is_empty() {
        return Ok(Value::from(found.get(0).map_or("", |it| it.as_str())));
    }
    let mut groups = Vec::new();
    for wanted in &call.rest {
        let wanted = native::text(wanted)?;
        let name = wanted.strip_prefix("\\g<").and_then(|name| name.strip_suffix('>'));
        let name = name.or_else(|| wanted.strip_prefix('\\'));
        let name = name.ok_or_else(|| call.error(r"takes groups as `\\1` or `\\g<name>`"))?;
        groups.push(group(&regex, &found, name)?.to_owned());
    }
    Ok(Value::from(groups))
}

fn find_all(call: &mut Call) -> Result<Value, Error> {
    let regex = compile(&call.need_text(0)?, call.flag(2, false), call.flag(1, false))?;
    let text = call.text()?;
    let mut all = Vec::new();
    for found in regex.captures_iter(text.as_str()) {
        let found = found.map_err(too_long)?;
        let groups: Vec<&str> = found.iter().map(|it| it.map_or("", |it| it.as_str())).collect();
        all.push(match groups.as_slice() {
            [whole] => Value::from(*whole),
            [_, only] => Value::from(*only),
            [_, groups @ ..] => {
                Value::from(groups.iter().map(|group| Value::from(*group)).collect::<Vec<_>>())
            }
            [] => Value::from(""),
        });
    }
    Ok(Value::from(all))
}

fn escape(call: &mut Call) -> Result<Value, Error> {
    let special = match call.text_arg(0)?.as_deref() {
        None | Some("python") => "()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c",
        Some("posix_basic") => "[].^$*\\",
        Some(_) => return Err(call.error("escapes for `python` or `posix_basic`")),
    };
    let mut out = String::new();
    for c in call.text()?.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(Value::from(out))
}
