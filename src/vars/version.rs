//! Compares versions: loosely (numbers as numbers, words as words), strictly, or semantically
//! (<https://semver.org>, 11).
use std::cmp::Ordering;

/// How versions are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Loose,
    Strict,
    Semantic,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Number(u64),
    Word(String),
}

/// The order of two versions, or what is wrong with them.
pub(super) fn compare(left: &str, right: &str, scheme: Scheme) -> Result<Ordering, String> {
    match scheme {
        Scheme::Loose => loosely(left, right),
        Scheme::Strict => Ok(strict(left)?.cmp(&strict(right)?)),
        Scheme::Semantic => semantically(left, right),
    }
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    if text.trim().is_empty() {
        return Err("an empty text is no version".to_owned());
    }
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while let Some(c) = rest.chars().next() {
        let same = |other: char| -> bool {
            if c.is_ascii_digit() {
                other.is_ascii_digit()
            } else {
                c.is_ascii_lowercase() && other.is_ascii_lowercase() || other == c && c != '.'
            }
        };
        let end = rest.find(|other| !same(other)).unwrap_or(rest.len()).max(c.len_utf8());
        let (part, after) = rest.split_at(end);
        if c.is_ascii_digit() {
            parts.push(Part::Number(
                part.parse().map_err(|_| format!("the version has too large a number: {part}"))?,
            ));
        } else if part != "." {
            parts.push(Part::Word(part.to_owned()));
        }
        rest = after;
    }
    Ok(parts)
}

fn loosely(left: &str, right: &str) -> Result<Ordering, String> {
    let (a, b) = (parts(left)?, parts(right)?);
    for pair in a.iter().zip(&b) {
        let order = match pair {
            (Part::Number(a), Part::Number(b)) => a.cmp(b),
            (Part::Word(a), Part::Word(b)) => a.cmp(b),
            _ => {
                return Err(format!(
                    "the versions {left} and {right} cannot be compared: a number meets a word"
                ));
            }
        };
        if order != Ordering::Equal {
            return Ok(order);
        }
    }
    Ok(a.len().cmp(&b.len()))
}

/// `1.2`, `1.2.3`, with `a1` or `b1` behind; a final version is later than its test versions.
fn strict(text: &str) -> Result<([u64; 3], bool, char, u64), String> {
    let fault = || format!("`{text}` is no strict version");
    let (numbers, stage) = match text.find(['a', 'b']) {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (text, None),
    };
    let numbers: Vec<u64> =
        numbers.split('.').map(|it| it.parse().map_err(|_| fault())).collect::<Result<_, _>>()?;
    let numbers = match numbers.as_slice() {
        [major, minor] => [*major, *minor, 0],
        [major, minor, patch] => [*major, *minor, *patch],
        _ => return Err(fault()),
    };
    match stage {
        None => Ok((numbers, true, 'c', 0)),
        Some(stage) => Ok((
            numbers,
            false,
            if stage.starts_with('a') { 'a' } else { 'b' },
            stage[1..].parse().map_err(|_| fault())?,
        )),
    }
}

fn semantically(left: &str, right: &str) -> Result<Ordering, String> {
    let read = |text: &str| -> Result<(Vec<u64>, Option<String>), String> {
        let fault = || format!("`{text}` is no semantic version");
        let core = text.split('+').next().unwrap_or_default();
        let (core, test) =
            core.split_once('-').map_or((core, None), |(core, test)| (core, Some(test.to_owned())));
        let numbers: Vec<u64> =
            core.split('.').map(|it| it.parse().map_err(|_| fault())).collect::<Result<_, _>>()?;
        if numbers.len() == 3 { Ok((numbers, test)) } else { Err(fault()) }
    };
    let ((a, a_test), (b, b_test)) = (read(left)?, read(right)?);
    let tests = || match (&a_test, &b_test) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => identifiers(a, b),
    };
    Ok(a.cmp(&b).then_with(tests))
}

fn identifiers(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split('.').collect(), b.split('.').collect());
    let pair = |(a, b): (&&str, &&str)| match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    };
    let first = a.iter().zip(&b).map(pair).find(|order| *order != Ordering::Equal);
    first.unwrap_or_else(|| a.len().cmp(&b.len()))
}
