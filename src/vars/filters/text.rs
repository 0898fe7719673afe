//! Filters on text.
use crate::vars::call::{Call, Entry, entry};
use crate::vars::native;
use minijinja::Error;
use minijinja::filters;
use minijinja::value::{Value, ValueKind};

pub(super) static ENTRIES: [Entry; 15] = [
    entry("upper", &[], "in capitals", "'a' | upper", |call| {
        Ok(Value::from(call.text()?.to_uppercase()))
    }),
    entry("lower", &[], "in small letters", "'A' | lower", |call| {
        Ok(Value::from(call.text()?.to_lowercase()))
    }),
    entry("title", &[], "every word with a capital", "'a b' | title", title),
    entry("capitalize", &[], "the first letter a capital", "'aB' | capitalize", capitalize),
    entry(
        "trim",
        &["chars"],
        "without space, or these characters, at the ends",
        "' a ' | trim",
        trim,
    ),
    entry(
        "replace",
        &["old", "new", "count"],
        "with one text put for another",
        "'aa' | replace('a', 'b')",
        replace,
    ),
    entry(
        "indent",
        &["width", "first", "blank"],
        "lines but the first moved in",
        "'a\\nb' | indent(2)",
        indent,
    ),
    entry(
        "split",
        &["sep", "maxsplit"],
        "the parts between separators",
        "'a,b' | split(',')",
        split,
    ),
    entry("wordcount", &[], "how many words", "'a b' | wordcount", wordcount),
    entry("center", &["width"], "in the middle of so many columns", "'a' | center(3)", center),
    entry(
        "truncate",
        &["length", "killwords", "end", "leeway"],
        "cut to a length",
        "'abcdefghijklmnop' | truncate(8, true, '')",
        truncate,
    ),
    entry("format", &["*"], "a format as `%s` filled in", "'%s-%d' | format('a', 1)", format),
    entry("quote", &[], "as one word of a shell", "'a b' | quote", |call| {
        Ok(Value::from(crate::shell::quote(&call.text()?)))
    }),
    entry(
        "comment",
        &["style", "decoration"],
        "as a comment (`plain`, `erlang`, `c`, `cblock`, `xml`)",
        "'a' | comment",
        comment,
    ),
    entry("safe", &[], "the text itself: nothing is escaped here", "'a' | safe", |call| {
        Ok(call.value.clone())
    }),
];

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    first + &chars.as_str().to_lowercase()
}

fn title(call: &mut Call) -> Result<Value, Error> {
    let text = call.text()?;
    let parts = text.split_inclusive(|c: char| c.is_whitespace() || "-({[<".contains(c));
    Ok(Value::from(parts.map(capital).collect::<String>()))
}

fn capitalize(call: &mut Call) -> Result<Value, Error> {
    Ok(Value::from(capital(&call.text()?)))
}

fn trim(call: &mut Call) -> Result<Value, Error> {
    let text = call.text()?;
    Ok(Value::from(match call.text_arg(0)? {
        Some(chars) => text.trim_matches(|c| chars.contains(c)),
        None => text.trim(),
    }))
}

fn replace(call: &mut Call) -> Result<Value, Error> {
    let (text, old, new) = (call.text()?, call.need_text(0)?, call.need_text(1)?);
    let count =
        call.int_arg(2)?.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
    let growth = text.len().checked_mul(new.len().max(1));
    if old.is_empty() || growth.is_none_or(|growth| growth > 32 << 20) {
        return Err(call.error(if old.is_empty() {
            "needs a text to replace"
        } else {
            "makes too long a text"
        }));
    }
    Ok(Value::from(text.replacen(&old, &new, count)))
}

fn indent(call: &mut Call) -> Result<Value, Error> {
    let margin = match call.arg(0) {
        Some(width) if width.kind() == ValueKind::String => native::text(width)?,
        _ => " ".repeat(call.size_arg(0, 4)?),
    };
    let (first, blank) = (call.flag(1, false), call.flag(2, false));
    let text = call.text()?;
    let mut lines = text.split('\n').enumerate().map(|(nth, line)| {
        let inward = if nth == 0 { first } else { blank || !line.is_empty() };
        if inward { format!("{margin}{line}") } else { line.to_owned() }
    });
    let mut out = lines.next().unwrap_or_default();
    for line in lines {
        out.push('\n');
        out.push_str(&line);
        if out.len() > 32 << 20 {
            return Err(call.error("makes too long a text"));
        }
    }
    Ok(Value::from(out))
}

fn split(call: &mut Call) -> Result<Value, Error> {
    let text = call.text()?;
    let most = call
        .int_arg(1)?
        .filter(|most| *most >= 0)
        .map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    let parts: Vec<Value> = match call.text_arg(0)? {
        Some(between) if between.is_empty() => {
            return Err(call.error("needs a separator that is not empty"));
        }
        Some(between) => text.splitn(most.saturating_add(1), &between).map(Value::from).collect(),
        None => {
            let mut rest = text.trim_start();
            let mut parts = Vec::new();
            while !rest.is_empty() && parts.len() < most {
                let (part, after) =
                    rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
                parts.push(Value::from(part));
                rest = after.trim_start();
            }
            parts.extend((!rest.is_empty()).then(|| Value::from(rest)));
            parts
        }
    };
    Ok(Value::from(parts))
}

fn wordcount(call: &mut Call) -> Result<Value, Error> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    Ok(Value::from(call.text()?.split(|c| !word(c)).filter(|part| !part.is_empty()).count()))
}

fn center(call: &mut Call) -> Result<Value, Error> {
    let (text, width) = (call.text()?, call.size_arg(0, 80)?);
    let space = width.saturating_sub(text.chars().count());
    let left = space / 2 + (space & width & 1);
    Ok(Value::from(format!("{}{text}{}", " ".repeat(left), " ".repeat(space - left))))
}

fn truncate(call: &mut Call) -> Result<Value, Error> {
    let (text, length, leeway) = (call.text()?, call.size_arg(0, 255)?, call.size_arg(3, 5)?);
    let end = call.text_arg(2)?.unwrap_or_else(|| "...".to_owned());
    if text.chars().count() <= length + leeway {
        return Ok(Value::from(text));
    }
    let Some(kept) = length.checked_sub(end.chars().count()) else {
        return Err(call.error("needs a length that its end fits in"));
    };
    let cut: String = text.chars().take(kept).collect();
    let cut = if call.flag(1, false) {
        cut.as_str()
    } else {
        cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words)
    };
    Ok(Value::from(format!("{cut}{end}")))
}

fn format(call: &mut Call) -> Result<Value, Error> {
    let mut args = vec![call.value.clone()];
    args.append(&mut call.rest);
    if !call.named.is_empty() {
        args.push(
            std::mem::take(&mut call.named)
                .into_iter()
                .collect::<minijinja::value::Kwargs>()
                .into(),
        );
    }
    Value::from_function(filters::format).call(call.state, &args)
}

fn comment(call: &mut Call) -> Result<Value, Error> {
    let style = call.text_arg(0)?.unwrap_or_else(|| "plain".to_owned());
    let (begin, decoration, end) = match style.as_str() {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*\n", " * ", "\n */"),
        "xml" => ("<!--\n", " - ", "\n-->"),
        _ => return Err(call.error("comments as `plain`, `erlang`, `c`, `cblock` or `xml`")),
    };
    let decoration = call.text_arg(1)?.unwrap_or_else(|| decoration.to_owned());
    let bare = decoration.trim_end();
    let text = call.text()?;
    let lines = text
        .split('\n')
        .map(|line| if line.is_empty() { bare.to_owned() } else { format!("{decoration}{line}") });
    let lines = lines.collect::<Vec<_>>().join("\n");
    Ok(Value::from(format!("{begin}{bare}\n{lines}\n{bare}{end}")))
}
