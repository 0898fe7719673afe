//! Which paths are wished for: names, kinds, ages, sizes, modes.
use super::{Kind, Params, PlanError, Stamp};
use crate::facts::{Inode, PathKind, fnmatch};
use crate::modules::edit::Pattern;
use crate::modules::values::{Mode, Text, Texts};

/// A pattern of names.
enum Name {
    Shell(String),
    Expression(Pattern),
}

/// At least so much, or (`most`) at most.
#[derive(Clone, Copy)]
struct Bound {
    amount: i64,
    most: bool,
}

/// What is wished of each path.
pub(super) struct Wishes<'a> {
    params: &'a Params,
    names: Vec<Name>,
    left_out: Vec<Name>,
    age: Option<Bound>,
    size: Option<Bound>,
}

impl<'a> Wishes<'a> {
    pub(super) fn new(params: &'a Params) -> Result<Self, PlanError> {
        const AGES: &[(&str, i64)] = &[("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("w", 604_800)];
        const SIZES: &[(&str, i64)] =
            &[("b", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("t", 1 << 40)];
        let regex = params.use_regex.is_some_and(|regex| regex.0);
        let names = |name: &'static str, texts: &Option<Texts>| {
            let texts = texts.iter().flat_map(|texts| &texts.0);
            let one = |text: &String| {
                Ok(if regex {
                    // Ansible takes them to be at the begin of a name.
                    Name::Expression(Pattern::new(name, &format!("^(?:{text})"), "")?)
                } else {
                    Name::Shell(text.clone())
                })
            };
            texts.map(one).collect::<Result<Vec<_>, PlanError>>()
        };
        Ok(Self {
            params,
            names: names("patterns", &params.patterns)?,
            left_out: names("excludes", &params.excludes)?,
            age: bound("age", params.age.as_ref(), AGES)?,
            size: bound("size", params.size.as_ref(), SIZES)?,
        })
    }

    pub(super) fn are_met(&self, path: &str, inode: &Inode, now: i64) -> Result<bool, PlanError> {
        let params = self.params;
        let name = path.rsplit('/').next().unwrap_or(path);
        let kind = match params.kind() {
            Kind::Any => true,
            Kind::Directory => inode.kind() == PathKind::Directory,
            Kind::File => inode.kind() == PathKind::File,
            Kind::Link => inode.kind() == PathKind::Link,
        };
        let hidden = name.starts_with('.') && !params.hidden.is_some_and(|hidden| hidden.0);
        let stamp = match params.age_stamp {
            Some(Stamp::Atime) => inode.atime,
            Some(Stamp::Ctime) => inode.ctime,
            _ => inode.mtime,
        };
        let size = i64::try_from(inode.size).unwrap_or(i64::MAX);
        // A size is asked of files alone.
        let sized = params.kind() != Kind::File || within(self.size, size);
        Ok(kind
            && !hidden
            && within(self.age, now.saturating_sub(stamp))
            && sized
            && self.has_mode(inode)
            && (self.names.is_empty() || any(&self.names, name)?)
            && !any(&self.left_out, name)?)
    }

    fn has_mode(&self, inode: &Inode) -> bool {
        let Some(mode) = &self.params.mode else { return true };
        let wanted = match mode {
            Mode::Bits(bits) => *bits,
            symbols => symbols.bits(0, inode.kind() == PathKind::Directory),
        };
        if self.params.exact_mode.is_none_or(|exact| exact.0) {
            inode.mode() == wanted
        } else {
            inode.mode() & wanted != 0
        }
    }
}

fn any(names: &[Name], name: &str) -> Result<bool, PlanError> {
    for pattern in names {
        let hit = match pattern {
            Name::Shell(pattern) => fnmatch(pattern, name),
            Name::Expression(pattern) => pattern.is_match(name)?,
        };
        if hit {
            return Ok(true);
        }
    }
    Ok(false)
}

fn within(bound: Option<Bound>, amount: i64) -> bool {
    bound.is_none_or(|bound| {
        if bound.most { amount <= bound.amount } else { amount >= bound.amount }
    })
}

/// A number with a letter for its unit, perhaps negative.
fn bound(
    name: &str,
    written: Option<&Text>,
    units: &[(&str, i64)],
) -> Result<Option<Bound>, PlanError> {
    let Some(Text(text)) = written else { return Ok(None) };
    let lower = text.to_lowercase();
    let digits = lower.trim_start_matches('-').trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &lower[lower.len() - lower.trim_start_matches('-').len() + digits.len()..];
    let factor = units.iter().find(|(letter, _)| *letter == unit).map(|(_, factor)| *factor);
    let factor = if unit.is_empty() { Some(1) } else { factor };
    let amount = digits.parse::<i64>().ok().zip(factor);
    let Some(amount) = amount.and_then(|(amount, factor)| amount.checked_mul(factor)) else {
        let letters: Vec<_> = units.iter().map(|(letter, _)| *letter).collect();
        let message = format!("`{text}` is no number with one of {}", letters.join(", "));
        return Err(PlanError::Params { path: name.to_owned(), message });
    };
    Ok(Some(Bound { amount, most: lower.starts_with('-') }))
}
