//! Inventories as INI: `[group]`, `[group:vars]`, `[group:children]`, hosts with `key=value`.
use super::build::{Builder, stretch};
use super::words::{Word, split};
use super::{literal, names};
use crate::source::{Diagnostic, FileId, Span, Spanned, nearest};

/// What the lines of a section are.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Hosts,
    Vars,
    Children,
}

struct Reader<'a> {
    builder: &'a mut Builder,
    file: FileId,
    group: String,
    kind: Kind,
}

/// Reads a whole inventory into `builder`.
pub(super) fn read(text: &str, file: FileId, builder: &mut Builder) {
    let text = text.trim_start_matches('\u{feff}');
    // A group may be used above the line that declares it.
    for line in text.lines().map(str::trim).filter(|line| is_section(line)) {
        if let Ok((group, Kind::Hosts | Kind::Children)) = section(line) {
            builder.group(group);
        }
    }
    let mut reader = Reader { builder, file, group: "ungrouped".to_owned(), kind: Kind::Hosts };
    for (index, line) in text.lines().enumerate() {
        if let Err(error) = reader.line(index + 1, line) {
            reader.builder.errors.push(error);
        }
    }
}

/// `[web]` is a section, `[a:c].example.org` and `[::1]:22` are hosts.
fn is_section(content: &str) -> bool {
    content.starts_with('[')
        && content.split_once(']').is_none_or(|(_, rest)| {
            rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c == '#')
        })
}

/// Group and kind of a section line.
///
/// # Errors
/// What is wrong, and what to do.
fn section(content: &str) -> Result<(&str, Kind), (String, String)> {
    let broken = |help: &str| Err(("not a section".to_owned(), help.to_owned()));
    let Some((inner, rest)) = content[1..].split_once(']') else {
        return broken("sections look like `[group]`, `[group:vars]` or `[group:children]`");
    };
    if !matches!(rest.trim_start().chars().next(), None | Some('#')) {
        return broken("nothing but a comment may stand behind `]`");
    }
    let (group, kind) =
        inner.split_once(':').map_or((inner, "hosts"), |(group, kind)| (group, kind));
    if !names::group(group) {
        return broken("the name of a group has neither blanks nor characters of patterns");
    }
    match kind {
        "hosts" => Ok((group, Kind::Hosts)),
        "vars" => Ok((group, Kind::Vars)),
        "children" => Ok((group, Kind::Children)),
        other => {
            let word = nearest(other, ["vars", "children", "hosts"]);
            let help = word.map_or_else(
                || "sections look like `[group]`, `[group:vars]` or `[group:children]`".to_owned(),
                |word| format!("did you mean `[{group}:{word}]`?"),
            );
            Err((format!("unknown kind of section `{other}`"), help))
        }
    }
}

/// A key of `key=value`.
fn variable_name(name: &str, span: Span) -> Result<Spanned<String>, Diagnostic> {
    let letters = name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
    if !letters || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Diagnostic::error(span, format!("`{name}` can't be the name of a variable"))
            .help("names have letters, digits and `_`, and begin with no digit"));
    }
    Ok(Spanned::new(name.to_owned(), span))
}

impl Reader<'_> {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Diagnostic> {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            return Ok(());
        }
        let start = line.chars().take_while(|c| c.is_whitespace()).count();
        let span = stretch(self.file, number, start, start + content.chars().count());
        if is_section(content) {
            return self.section(content, span);
        }
        match self.kind {
            Kind::Hosts => self.host(number, line),
            Kind::Vars => self.variable(content, span),
            Kind::Children => self.child(number, line),
        }
    }

    fn section(&mut self, content: &str, span: Span) -> Result<(), Diagnostic> {
        let (group, kind) = section(content)
            .map_err(|(message, help)| Diagnostic::error(span, message).help(help))?;
        if kind == Kind::Vars {
            self.declared(group, "variables for", span)?;
        }
        group.clone_into(&mut self.group);
        self.kind = kind;
        Ok(())
    }

    /// Refuses a group that no `[group]` or `[group:children]` declares.
    fn declared(&self, group: &str, what: &str, span: Span) -> Result<(), Diagnostic> {
        if self.builder.has_group(group) {
            return Ok(());
        }
        let near = self.builder.nearest_group(group).map(|near| format!("did you mean `{near}`?"));
        let help = near.unwrap_or_else(|| format!("declare it with a line `[{group}]`"));
        let message = format!("{what} `{group}`, a group that is declared nowhere");
        Err(Diagnostic::error(span, message).help(help))
    }

    fn host(&mut self, number: usize, line: &str) -> Result<(), Diagnostic> {
        let words = self.words(number, line)?;
        let Some((name, vars)) = words.split_first() else { return Ok(()) };
        let place = |word: &Word| stretch(self.file, number, word.start, word.end);
        let mut pairs = vec![];
        for word in vars {
            let span = place(word);
            let Some((key, value)) = word.text.split_once('=') else {
                return Err(Diagnostic::error(
                    span,
                    format!("expected `key=value`, found `{}`", word.text),
                )
                .help("one host a line; put quotes around values that hold blanks"));
            };
            pairs.push((variable_name(key, span)?, Spanned::new(literal::value(value), span)));
        }
        let span = place(name);
        for host in self.builder.hosts(&self.group, &name.text, span) {
            for (key, value) in &pairs {
                self.builder.host_var(host, key.clone(), value.clone());
            }
        }
        Ok(())
    }

    fn variable(&mut self, content: &str, span: Span) -> Result<(), Diagnostic> {
        let Some((key, value)) = content.split_once('=') else {
            return Err(Diagnostic::error(span, "expected `key=value`")
                .help(format!("this line stands in `[{}:vars]`", self.group)));
        };
        let columns = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let (mut place, key) = (span, key.trim_end());
        place.end.column = span.start.column + columns(key);
        let key = variable_name(key, place)?;
        place = span;
        place.start.column = span.end.column - columns(value.trim_start());
        let value = Spanned::new(literal::value(value.trim_start()), place);
        self.builder.group_var(&self.group, key, value);
        Ok(())
    }

    fn child(&mut self, number: usize, line: &str) -> Result<(), Diagnostic> {
        let words = self.words(number, line)?;
        let Some(child) = words.first() else { return Ok(()) };
        if let Some(second) = words.get(1) {
            let span = stretch(self.file, number, second.start, second.end);
            return Err(Diagnostic::error(span, "one group a line, and nothing else"));
        }
        let span = stretch(self.file, number, child.start, child.end);
        self.declared(&child.text, "a child", span)?;
        self.builder.child(&self.group, &child.text, span);
        Ok(())
    }

    fn words(&self, number: usize, line: &str) -> Result<Vec<Word>, Diagnostic> {
        split(line).map_err(|(column, why)| {
            Diagnostic::error(stretch(self.file, number, column, column + 1), why)
                .help("put quotes around the whole value")
        })
    }
}
