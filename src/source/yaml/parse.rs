//! From text to nodes, over libyaml's events: places, tags, aliases, merge keys, and every limit that
//! keeps a hostile file from hanging us.
use super::{Kind, Node, Scalar, scalar};
use crate::source::{Diagnostic, FileId, Position, SourceMap, Span};
use libyaml_safer::{Event, EventData, Mark, Parser, ScalarStyle};
use std::collections::BTreeMap;

/// Nesting beyond this is refused: libyaml's time is quadratic in it.
const DEPTH: usize = 100;
/// Nodes of a file with its aliases unfolded.
const NODES: usize = 2_000_000;
/// Bytes of a file.
const SIZE: usize = 16 << 20;

/// Every document of a file, and what is worth a warning.
///
/// # Errors
/// Broken YAML, too deep, too large, unknown tags and anchors.
pub fn parse(
    sources: &SourceMap,
    file: FileId,
) -> Result<(Vec<Node>, Vec<Diagnostic>), Diagnostic> {
    let text = sources.text(file).clone();
    if text.len() > SIZE {
        return Err(whole(file, format!("larger than {} MiB", SIZE >> 20)));
    }
    nesting(&text, file)?;
    let mut input = text.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut input);
    let mut reader =
        Reader { parser, file, text: &text, anchors: BTreeMap::new(), nodes: 0, warnings: vec![] };
    let mut documents = vec![];
    loop {
        let event = reader.next()?;
        match event.data {
            EventData::StreamEnd => return Ok((documents, reader.warnings)),
            EventData::StreamStart { .. }
            | EventData::DocumentStart { .. }
            | EventData::DocumentEnd { .. } => {}
            _ => documents.push(reader.node(event, 0)?),
        }
    }
}

/// The only document of a file, `None` when the file says nothing; and what is worth a warning.
///
/// # Errors
/// As [`parse`], and for a second document.
pub fn parse_one(
    sources: &SourceMap,
    file: FileId,
) -> Result<(Option<Node>, Vec<Diagnostic>), Diagnostic> {
    let (documents, warnings) = parse(sources, file)?;
    let mut documents = documents.into_iter();
    let first = documents.next();
    match documents.next() {
        Some(second) => Err(Diagnostic::error(second.span, "a second document in the same file")
            .help("a file holds one document: take the `---` line away, or make two files")),
        None => {
            let nothing = matches!(
                &first,
                Some(Node { kind: Kind::Scalar { value: Scalar::Null, text, .. }, .. })
                    if text.is_empty()
            );
            Ok((first.filter(|_| !nothing), warnings))
        }
    }
}

/// A finding about a file as a whole.
fn whole(file: FileId, message: impl Into<String>) -> Diagnostic {
    let start = Position { line: 1, column: 1 };
    Diagnostic::error(Span { file, start, end: start }, message)
}

/// Flow nesting is looked at before libyaml is: `[[[[…` costs it quadratic time.
fn nesting(text: &str, file: FileId) -> Result<(), Diagnostic> {
    let (mut depth, mut quote) = (0_usize, None);
    for (number, line) in text.lines().enumerate() {
        for (column, c) in line.chars().enumerate() {
            match (quote, c) {
                (None, '\'' | '"') if depth > 0 => quote = Some(c),
                (Some(open), c) if open == c => quote = None,
                (None, '[' | '{') => depth += 1,
                (None, ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > 4 * DEPTH {
                let at = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
                let start = Position { line: at(number), column: at(column) };
                let span = Span { file, start, end: start };
                return Err(Diagnostic::error(span, "nested too deeply"));
            }
        }
        // Brackets in plain text of blocks don't pair up; a line that closes nothing ends the count.
        if !line.starts_with(' ') && depth > 0 && line.contains(": ") {
            (depth, quote) = (0, None);
        }
    }
    Ok(())
}

struct Reader<'a> {
    parser: Parser<&'a mut &'a [u8]>,
    file: FileId,
    text: &'a str,
    anchors: BTreeMap<String, Node>,
    nodes: usize,
    warnings: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn position(mark: Mark) -> Position {
        let number = |n: u64| u32::try_from(n + 1).unwrap_or(u32::MAX);
        Position { line: number(mark.line), column: number(mark.column) }
    }

    fn span(&self, from: Mark, to: Mark) -> Span {
        Span { file: self.file, start: Self::position(from), end: Self::position(to) }
    }

    fn next(&mut self) -> Result<Event, Diagnostic> {
        self.parser.parse().map_err(|error| self.broken(&error))
    }

    /// What libyaml says, at its place, with the hint that people need most often.
    fn broken(&self, error: &libyaml_safer::Error) -> Diagnostic {
        let start = error.problem_mark().map_or(Position { line: 1, column: 1 }, Self::position);
        let span = Span { file: self.file, start, end: start };
        let lines: Vec<&str> = self.text.lines().collect();
        let near = (start.line as usize).saturating_sub(2)..=start.line as usize;
        let around: Vec<&str> = near.filter_map(|line| lines.get(line).copied()).collect();
        let here = lines.get(start.line as usize - 1).copied().unwrap_or("");
        let problem = match error.problem() {
            "" => "can't be read as YAML",
            problem => problem,
        };
        let found = Diagnostic::error(span, format!("broken YAML: {problem}"));
        let braces = |line: &&str| {
            let value = line.split_once(": ").map_or(line.trim_start(), |(_, value)| value);
            value.trim_start().trim_start_matches("- ").starts_with("{{")
        };
        if here.trim_start_matches(' ').starts_with('\t')
            || here.contains('\t') && problem.contains("token")
        {
            return found.help("YAML is indented with spaces; this line has a tab");
        }
        if around.iter().any(braces) {
            return found.help("a value that begins with `{{` is quoted: \"{{ … }}\"");
        }
        match error.context() {
            Some(context) if !context.is_empty() => found.label(context.to_owned()),
            _ => found,
        }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Diagnostic> {
        self.nodes += nodes;
        if self.nodes > NODES {
            return Err(Diagnostic::error(span, "too much: its aliases unfold without measure"));
        }
        Ok(())
    }

    fn node(&mut self, event: Event, depth: usize) -> Result<Node, Diagnostic> {
        let mut span = self.span(event.start_mark, event.end_mark);
        if depth > DEPTH {
            return Err(Diagnostic::error(span, "nested too deeply"));
        }
        self.count(1, span)?;
        let (anchor, tag, kind) = match event.data {
            EventData::Alias { anchor } => return self.alias(&anchor, span),
            EventData::Scalar { anchor, tag, value, style, .. } => {
                let plain = matches!(style, ScalarStyle::Plain);
                let value = Self::scalar(tag.as_deref(), value, plain, span)?;
                (anchor, tag, value)
            }
            EventData::SequenceStart { anchor, tag, .. } => {
                let mut items = vec![];
                loop {
                    let event = self.next()?;
                    if matches!(event.data, EventData::SequenceEnd) {
                        span.end = Self::position(event.end_mark);
                        break (anchor, tag, Kind::Sequence(items));
                    }
                    items.push(self.node(event, depth + 1)?);
                }
            }
            EventData::MappingStart { anchor, tag, .. } => {
                let mut pairs = vec![];
                loop {
                    let event = self.next()?;
                    if matches!(event.data, EventData::MappingEnd) {
                        span.end = Self::position(event.end_mark);
                        break;
                    }
                    let key = self.node(event, depth + 1)?;
                    let event = self.next()?;
                    let value = self.node(event, depth + 1)?;
                    pairs.push((key, value));
                }
                (anchor, tag, self.mapping(pairs)?)
            }
            other => {
                let message = format!("broken YAML: an event that has no place here ({other:?})");
                return Err(Diagnostic::error(span, message));
            }
        };
        let tag = Self::tag(tag, span)?;
        let node = Node { span, tag, kind };
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: &str, span: Span) -> Result<Node, Diagnostic> {
        let Some(node) = self.anchors.get(anchor).cloned() else {
            return Err(Diagnostic::error(span, format!("there is no anchor `&{anchor}` before")));
        };
        self.count(size(&node), span)?;
        Ok(node)
    }

    /// Tags that stay on the node; YAML's own are already in its value.
    fn tag(tag: Option<String>, span: Span) -> Result<Option<String>, Diagnostic> {
        let Some(tag) = tag else { return Ok(None) };
        match tag.as_str() {
            "!" => Ok(None),
            "!vault" | "!vault-encrypted" | "!unsafe" => Ok(Some(tag)),
            _ if tag.starts_with("tag:yaml.org,2002:") => Ok(None),
            _ => Err(Diagnostic::error(span, format!("the tag `{tag}` is not known"))
                .help("there are `!vault` and `!unsafe`, and YAML's own such as `!!str`")),
        }
    }

    fn scalar(
        tag: Option<&str>,
        text: String,
        plain: bool,
        span: Span,
    ) -> Result<Kind, Diagnostic> {
        let wrong = |what: &str| {
            Diagnostic::error(span, format!("`{}` is not {what}", text.escape_debug()))
        };
        let value = match tag.map(|tag| tag.trim_start_matches("tag:yaml.org,2002:")) {
            None if plain => scalar::resolve(&text),
            Some("int") => match scalar::resolve(&text) {
                value @ Scalar::Int(_) => value,
                _ => return Err(wrong("a whole number")),
            },
            Some("float") => match scalar::resolve(&text) {
                value @ Scalar::Float(_) => value,
                #[expect(clippy::cast_precision_loss, reason = "as Python's float() does")]
                Scalar::Int(int) => Scalar::Float(int as f64),
                _ => return Err(wrong("a number")),
            },
            Some("bool") => match scalar::resolve(&text) {
                value @ Scalar::Bool(_) => value,
                _ => return Err(wrong("a boolean")),
            },
            Some("null") => Scalar::Null,
            _ => Scalar::String(text.clone()),
        };
        Ok(Kind::Scalar { value, text, plain })
    }

    /// Merge keys are put in below the mapping's own; of a key that stands twice the later one holds.
    fn mapping(&mut self, pairs: Vec<(Node, Node)>) -> Result<Kind, Diagnostic> {
        let mut merged: Vec<(Node, Node)> = vec![];
        let mut own: Vec<(Node, Node)> = vec![];
        for (key, value) in pairs {
            let Kind::Scalar { text, plain, .. } = &key.kind else {
                let braces = matches!(&key.kind, Kind::Mapping(_) | Kind::Sequence(_));
                let found = Diagnostic::error(key.span, "a key must be a single value");
                return Err(if braces {
                    found.help("a value that begins with `{{` is quoted: \"{{ … }}\"")
                } else {
                    found
                });
            };
            if text == "<<" && *plain {
                self.merge(&mut merged, &value)?;
                continue;
            }
            if let Some(first) = own.iter().position(|(other, _)| other.text() == Some(text)) {
                let message =
                    format!("`{}` is here twice; the later one holds", text.escape_debug());
                self.warnings.push(Diagnostic::error(key.span, message).warning());
                own.remove(first);
            }
            own.push((key, value));
        }
        for pair in merged {
            if !own.iter().any(|(key, _)| key.text() == pair.0.text()) {
                own.push(pair);
            }
        }
        Ok(Kind::Mapping(own))
    }

    fn merge(&mut self, into: &mut Vec<(Node, Node)>, value: &Node) -> Result<(), Diagnostic> {
        match &value.kind {
            Kind::Mapping(pairs) => {
                self.count(pairs.len(), value.span)?;
                for pair in pairs {
                    if !into.iter().any(|(key, _)| key.text() == pair.0.text()) {
                        into.push(pair.clone());
                    }
                }
                Ok(())
            }
            Kind::Sequence(items) => items.iter().try_for_each(|item| self.merge(into, item)),
            Kind::Scalar { .. } => {
                Err(Diagnostic::error(value.span, "`<<` merges a mapping, or a list of them"))
            }
        }
    }
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar { .. } => 1,
        Kind::Sequence(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Mapping(pairs) => 1 + pairs.iter().map(|(k, v)| size(k) + size(v)).sum::<usize>(),
    }
}
