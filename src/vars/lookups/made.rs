//! Lookups that make something: what a command prints, passwords, a choice.
use super::{Options, option_text};
use crate::vars::native::{self, broken};
use crate::vars::session::Session;
use crate::vars::twister::Twister;
use minijinja::Error;
use minijinja::value::Value;
use std::path::PathBuf;
use std::sync::Arc;

type Found = Result<Vec<Value>, Error>;

fn said(session: &Session, name: &str, term: &Value) -> Result<String, Error> {
    let command = native::text(term)?;
    let said = session.machine()?.run(&command);
    said.map_err(|why| broken(format!("lookup `{name}`: `{command}` {why}")))
}

pub(super) fn pipe(session: &Arc<Session>, terms: &[Value], _: &Options) -> Found {
    let one = |term: &Value| Ok(Value::from(said(session, "pipe", term)?.trim_end()));
    terms.iter().map(one).collect()
}

pub(super) fn lines(session: &Arc<Session>, terms: &[Value], _: &Options) -> Found {
    let mut out = vec![];
    for term in terms {
        out.extend(said(session, "lines", term)?.lines().map(Value::from));
    }
    Ok(out)
}

pub(super) fn random_choice(session: &Arc<Session>, terms: &[Value], _: &Options) -> Found {
    let mut twister = Twister::new(&session.chance()?);
    Ok(twister.choose(terms).cloned().into_iter().collect())
}

/// A password that is kept in a file, or made and put there.
pub(super) fn password(session: &Arc<Session>, terms: &[Value], options: &Options) -> Found {
    terms.iter().map(|term| one_password(session, &native::text(term)?, options)).collect()
}

fn one_password(session: &Arc<Session>, term: &str, options: &Options) -> Result<Value, Error> {
    let mut given = options.clone();
    let mut path = vec![];
    for word in term.split(' ') {
        match word.split_once('=') {
            Some((key, value))
                if ["length", "chars", "encrypt", "seed", "ident"].contains(&key) =>
            {
                given.insert(key.to_owned(), Value::from(value));
            }
            _ => path.push(word),
        }
    }
    for refused in ["encrypt", "ident"] {
        if given.contains_key(refused) {
            let message = format!("lookup `password` has no `{refused}`; use `| password_hash(…)`");
            return Err(broken(message));
        }
    }
    let path = path.join(" ");
    let place = match super::files::places(session, &path, "files").pop() {
        Some(place) if !path.starts_with('/') => place,
        _ => PathBuf::from(&path),
    };
    let machine = session.machine()?;
    if place != std::path::Path::new("/dev/null")
        && let Some(bytes) = machine.read(&place).map_err(broken)?
    {
        let text = String::from_utf8_lossy(&session.opened(&place, bytes)?).into_owned();
        let line = text.lines().next().unwrap_or_default();
        let kept = line.split(" salt=").next().unwrap_or_default().to_owned();
        session.secrets().keep(&kept);
        return Ok(Value::from(kept));
    }
    let length = option_text(&given, "length")?.map_or(Ok(20), |text| text.parse::<usize>());
    let length = length.ok().filter(|length| *length <= 10_000);
    let length = length.ok_or_else(|| broken("lookup `password` needs a number as `length`"))?;
    let letters = letters(given.get("chars"))?;
    let mut twister = match option_text(&given, "seed")? {
        Some(seed) => Twister::of_text(&seed),
        None => Twister::new(&session.chance()?),
    };
    let made: String = (0..length).filter_map(|_| twister.choose(&letters)).collect();
    session.secrets().keep(&made);
    machine.keep(&place, &format!("{made}\n")).map_err(broken)?;
    Ok(Value::from(made))
}

/// The characters of a password: names of Python's `string`, or characters themselves.
fn letters(chars: Option<&Value>) -> Result<Vec<char>, Error> {
    let parts: Vec<String> = match chars {
        None => ["ascii_letters", "digits", ".,:-_"].map(str::to_owned).to_vec(),
        Some(chars) => match chars.as_str() {
            Some(text) => {
                let comma = text.contains(",,");
                let text = text.replace(",,", "");
                let parts = text.split(',').filter(|part| !part.is_empty()).map(str::to_owned);
                parts.chain(comma.then(|| ",".to_owned())).collect()
            }
            None => chars.try_iter()?.map(|part| native::text(&part)).collect::<Result<_, _>>()?,
        },
    };
    let (lower, upper) = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    let named = |part: &str| match part {
        "ascii_letters" | "letters" => format!("{lower}{upper}"),
        "ascii_lowercase" => lower.to_owned(),
        "ascii_uppercase" => upper.to_owned(),
        "digits" => "0123456789".to_owned(),
        "hexdigits" => "0123456789abcdefABCDEF".to_owned(),
        "octdigits" => "01234567".to_owned(),
        "punctuation" => "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".to_owned(),
        other => other.to_owned(),
    };
    Ok(parts.iter().flat_map(|part| named(part).chars().collect::<Vec<_>>()).collect())
}
