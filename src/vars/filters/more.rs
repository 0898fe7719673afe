//! Filters that few use: combinations, documents, sizes, markup, identifiers.
use super::digest::digest_of;
use crate::vars::call::{Call, Entry, entry};
use crate::vars::native::{self, from_json, text};
use crate::vars::yaml_text;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};

pub(super) static ENTRIES: [Entry; 15] = [
    entry(
        "combinations",
        &["size"],
        "every choice of so many items",
        "[1, 2, 3] | combinations(2)",
        |call| chosen(call, 0, false),
    ),
    entry(
        "permutations",
        &["size"],
        "every order of so many items",
        "[1, 2] | permutations",
        |call| chosen(call, 0, true),
    ),
    entry(
        "rekey_on_member",
        &["key", "duplicates"],
        "a mapping by a member of each item",
        "[{'n': 'a', 'v': 1}] | rekey_on_member('n')",
        rekey,
    ),
    entry(
        "from_yaml_all",
        &[],
        "every document of a YAML text",
        "'a: 1' | from_yaml_all",
        |call| {
            yaml_text::read_all(&call.text()?)
                .map(|all| Value::from(all.iter().map(from_json).collect::<Vec<_>>()))
                .map_err(|why| call.error(why))
        },
    ),
    entry("pprint", &[], "a value as Python shows it", "{'a': 1} | pprint", |call| {
        native::repr(&call.value).map(Value::from)
    }),
    entry("md5", &[], "the MD5 digest", "'abc' | md5", |call| digest_of(call, "md5")),
    entry("sha1", &[], "the SHA-1 digest", "'abc' | sha1", |call| digest_of(call, "sha1")),
    entry("log", &["base"], "the logarithm", "8 | log(2)", log),
    entry(
        "filesizeformat",
        &["binary"],
        "a number of bytes for people",
        "2048 | filesizeformat(true)",
        filesize,
    ),
    entry("escape", &[], "a text for HTML", "'<' | escape", |call| {
        let text = call.text()?.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        Ok(Value::from(text.replace('\'', "&#39;").replace('"', "&#34;")))
    })
    .also(&["e", "forceescape"]),
    entry("striptags", &[], "HTML without its tags", "'<p>a</p>' | striptags", striptags),
    entry(
        "wordwrap",
        &["width", "break_long_words", "wrapstring", "break_on_hyphens"],
        "lines of at most so many characters",
        "'a b c' | wordwrap(3)",
        wordwrap,
    ),
    entry("urldecode", &[], "text from a URL", "'a%20b+c' | urldecode", |call| {
        Ok(Value::from(unpercent(&call.text()?.replace('+', " "))))
    }),
    entry("to_uuid", &["namespace"], "a UUID made of a text (version 5)", "'abc' | to_uuid", uuid),
    entry(
        "attr",
        &["name"],
        "what stands under a name in a mapping's attributes: none",
        "{} | attr('x') | default(1)",
        |call| {
            call.need(0)?;
            Ok(Value::UNDEFINED)
        },
    ),
];

fn chosen(call: &Call, nth: usize, ordered: bool) -> Result<Value, Error> {
    let items = call.list()?;
    let size = call.size_arg(nth, items.len())?;
    let mut out = vec![];
    let mut taken = vec![];
    pick(call, &items, size, ordered, &mut taken, &mut out)?;
    Ok(Value::from(out))
}

fn pick(
    call: &Call,
    items: &[Value],
    size: usize,
    ordered: bool,
    taken: &mut Vec<usize>,
    out: &mut Vec<Value>,
) -> Result<(), Error> {
    if taken.len() == size {
        call.state.consume_fuel(size as u64 + 1)?;
        out.push(Value::from(taken.iter().map(|at| items[*at].clone()).collect::<Vec<_>>()));
        return Ok(());
    }
    let first = if ordered { 0 } else { taken.last().map_or(0, |last| last + 1) };
    for at in first..items.len() {
        if !taken.contains(&at) {
            taken.push(at);
            pick(call, items, size, ordered, taken, out)?;
            taken.pop();
        }
    }
    Ok(())
}

fn rekey(call: &mut Call) -> Result<Value, Error> {
    let key = call.need(0)?.clone();
    let overwrite = match call.text_arg(1)?.as_deref() {
        None | Some("error") => false,
        Some("overwrite") => true,
        Some(_) => return Err(call.error("takes `error` or `overwrite` as `duplicates`")),
    };
    let items = match call.value.kind() {
        ValueKind::Map => call.entries_of(&call.value)?.into_iter().map(|(_, item)| item).collect(),
        _ => call.list()?,
    };
    let mut out: Vec<(Value, Value)> = vec![];
    for item in items {
        if item.kind() != ValueKind::Map {
            return Err(call.error("needs a list of mappings"));
        }
        let name = native::entry(&item, &key)?;
        if name.is_undefined() {
            return Err(call.error(format!("finds no `{key}` in an item")));
        }
        match out.iter_mut().find(|(known, _)| *known == name) {
            Some(_) if !overwrite => return Err(call.error(format!("finds `{name}` twice"))),
            Some(known) => known.1 = item,
            None => out.push((name, item)),
        }
    }
    Ok(Value::from_pairs(out))
}

fn log(call: &mut Call) -> Result<Value, Error> {
    let number =
        |value: &Value| f64::try_from(value.clone()).map_err(|_| call.error("needs a number"));
    let value = number(&call.value)?;
    let base = call.arg(0).map(&number).transpose()?;
    if value <= 0.0 || base.is_some_and(|base| base <= 0.0) {
        return Err(call.error("needs numbers above 0"));
    }
    Ok(Value::from(match base {
        None => value.ln(),
        Some(10.0) => value.log10(),
        Some(2.0) => value.log2(),
        Some(base) => value.ln() / base.ln(),
    }))
}

fn filesize(call: &mut Call) -> Result<Value, Error> {
    let binary = call.flag(0, false);
    let bytes = match call.value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => f64::try_from(call.value.clone()).ok(),
    };
    let bytes: f64 = bytes.ok_or_else(|| call.error("needs a number"))?;
    let (base, i): (f64, &str) = if binary { (1024.0, "i") } else { (1000.0, "") };
    #[expect(clippy::float_cmp, reason = "exactly one byte is a byte")]
    if bytes == 1.0 {
        return Ok(Value::from("1 Byte"));
    }
    if bytes < base {
        return Ok(Value::from(format!("{} Bytes", bytes.trunc())));
    }
    let letters = if binary { "KMGTPEZY" } else { "kMGTPEZY" };
    let mut shown = bytes;
    let mut unit = ' ';
    for letter in letters.chars() {
        shown /= base;
        unit = letter;
        if shown < base {
            break;
        }
    }
    Ok(Value::from(format!("{shown:.1} {unit}{i}B")))
}

fn striptags(call: &mut Call) -> Result<Value, Error> {
    let mut rest = call.text()?;
    let mut out = String::new();
    while let Some(start) = rest.find('<') {
        let Some(end) = rest[start..].find('>') else { break };
        out.push_str(&rest[..start]);
        rest = rest.split_off(start + end + 1);
    }
    out.push_str(&rest);
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", "\u{a0}"),
        ("&amp;", "&"),
    ];
    Ok(Value::from(entities.iter().fold(out, |out, (name, c)| out.replace(name, c))))
}

fn wordwrap(call: &mut Call) -> Result<Value, Error> {
    let width = call.size_arg(0, 79)?.max(1);
    let breaks = call.flag(1, true);
    let glue = call.text_arg(2)?.unwrap_or_else(|| "\n".to_owned());
    let mut lines: Vec<String> = vec![];
    for paragraph in call.text()?.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let mut word: Vec<char> = word.chars().collect();
            let used = line.chars().count();
            if used > 0 && used + 1 + word.len() <= width {
                line.push(' ');
                line.extend(word);
                continue;
            }
            if used > 0 {
                lines.push(std::mem::take(&mut line));
            }
            while breaks && word.len() > width {
                let rest = word.split_off(width);
                lines.push(std::mem::replace(&mut word, rest).into_iter().collect());
            }
            line.extend(word);
        }
        lines.push(line);
    }
    Ok(Value::from(lines.join(&glue)))
}

fn unpercent(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..2).filter(|_| *first == b'%');
        let code =
            digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// RFC 9562, 5.5. The name space is Ansible's own unless given.
fn uuid(call: &mut Call) -> Result<Value, Error> {
    use sha1::Digest as _;
    let space =
        call.text_arg(0)?.unwrap_or_else(|| "361e6d51-faec-444a-9079-341386da8e2e".to_owned());
    let digits: String = space.chars().filter(|c| *c != '-').collect();
    let space = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32);
    let space = space.ok_or_else(|| call.error("needs a UUID as `namespace`"))?;
    let mut sha = sha1::Sha1::new();
    sha.update(space.to_be_bytes());
    sha.update(text(&call.value)?.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&sha.finalize()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(Value::from(parts.join("-")))
}
