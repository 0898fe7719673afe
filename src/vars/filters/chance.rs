//! Filters that draw: with a seed what Ansible draws with it.
use crate::vars::call::{Call, Entry, entry};
use crate::vars::session::Session;
use crate::vars::twister::Twister;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};

pub(super) static ENTRIES: [Entry; 2] = [
    entry(
        "random",
        &["start", "step", "seed"],
        "one of the items, or a whole number below this one",
        "59 | random(seed='mail.example.org')",
        random,
    ),
    entry(
        "shuffle",
        &["seed"],
        "the items in another order",
        "[1, 2, 3] | shuffle(seed='mail.example.org')",
        shuffle,
    ),
];

/// Draws by a seed, or else by chance.
fn twister(call: &Call, nth: usize) -> Result<Twister, Error> {
    match call.arg(nth).filter(|seed| !seed.is_none()) {
        Some(seed) if seed.is_integer() => Ok(Twister::of_number(
            seed.as_i64().ok_or_else(|| call.error("was given too large a seed"))?,
        )),
        Some(seed) if seed.kind() == ValueKind::String => {
            Ok(Twister::of_text(seed.as_str().unwrap_or_default()))
        }
        Some(_) => Err(call.error("takes a text or a whole number as `seed`")),
        None => Ok(Twister::new(&Session::of(call.state)?.chance()?)),
    }
}

fn random(call: &mut Call) -> Result<Value, Error> {
    let (start, step) = (call.int_arg(0)?, call.int_arg(1)?);
    let mut twister = twister(call, 2)?;
    if !call.value.is_integer() {
        if !matches!(call.value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::String) {
            return Err(call.error("needs a list or a whole number"));
        }
        if start.is_some() || step.is_some() {
            return Err(call.error("takes `start` and `step` only with a number"));
        }
        let items = call.list()?;
        let drawn = twister.choose(&items).cloned();
        return drawn.ok_or_else(|| call.error("has nothing to choose from"));
    }
    let (start, step) = (start.unwrap_or(0), step.unwrap_or(1));
    let width = i128::from(call.int_value()?) - i128::from(start);
    let step_wide = i128::from(step);
    let count = match step_wide {
        0 => 0,
        1.. => (width + step_wide - 1).div_euclid(step_wide),
        _ => (-width - step_wide - 1).div_euclid(-step_wide),
    };
    let count = u64::try_from(count).ok().filter(|count| *count > 0);
    let count = count.ok_or_else(|| call.error("has no number to choose from"))?;
    let drawn = i128::from(start) + step_wide * i128::from(twister.below(count));
    i64::try_from(drawn).map(Value::from).map_err(|_| call.error("drew too large a number"))
}

fn shuffle(call: &mut Call) -> Result<Value, Error> {
    let mut twister = twister(call, 0)?;
    let mut items = call.list()?;
    twister.shuffle(&mut items);
    Ok(Value::from(items))
}
