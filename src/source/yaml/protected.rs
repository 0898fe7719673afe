//! How `!vault` and `!unsafe` travel in plain values: as a template that is one lone expression. It
//! yields the text itself when it is rendered, which nothing evaluates again.

/// The function that opens what is encrypted.
pub const VAULT: &str = "__vault__";

/// The function that gives back a text as it is.
pub const TEXT: &str = "__text__";

/// An encrypted text, to be opened when it is used.
pub(super) fn sealed(text: &str) -> String {
    let lines: Vec<&str> = text.split_whitespace().collect();
    format!("{{{{ {VAULT}({}) }}}}", quoted(&lines.join("\n")))
}

/// The encrypted text in a value that stands for one.
pub fn sealed_in(value: &str) -> Option<String> {
    let inside = value.strip_prefix("{{ ")?.strip_suffix(") }}")?.strip_prefix(VAULT)?;
    let text = inside.strip_prefix("('")?.strip_suffix('\'')?;
    Some(text.replace("\\n", "\n"))
}

/// A text that is never evaluated.
pub fn inert(text: &str) -> String {
    let is_template = ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark));
    if is_template { format!("{{{{ {TEXT}({}) }}}}", quoted(text)) } else { text.to_owned() }
}

/// A text as templates write it.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', r"\\").replace('\'', r"\'");
    format!("'{}'", text.replace('\n', r"\n").replace('\r', r"\r").replace('\t', r"\t"))
}
