//! From libyaml's events to nodes: places, tags, anchors, merge keys, and bounds on all of them.
use super::{DEPTH, Kind, Node, Scalar, resolve};
use crate::source::{Diagnostic, FileId, Position, Span};
use crate::vault::Envelope;
use libyaml_safer::{Event, EventData, MappingStyle, Mark, Parser, ScalarStyle, SequenceStyle};
use std::collections::HashMap;

/// What all aliases of a file together may expand to, in bytes of text and 64 for every node.
const ALIAS_BUDGET: usize = 64 << 20;
const STANDARD: &str = "tag:yaml.org,2002:";

/// Builds the nodes of one file.
pub(super) struct Composer<'a, 'r> {
    file: FileId,
    text: &'a str,
    /// The last line break was not written.
    unended: bool,
    parser: Parser<&'a [u8]>,
    anchors: HashMap<String, Anchored>,
    /// Anchors of nodes that are still being built.
    open: Vec<String>,
    budget: usize,
    warnings: &'r mut Vec<Diagnostic>,
}

struct Anchored {
    node: Node,
    weight: usize,
    depth: usize,
}

/// A node with what it weighs and how deep it goes.
struct Built {
    node: Node,
    weight: usize,
    depth: usize,
}

impl<'a, 'r> Composer<'a, 'r> {
    /// Over a text without a byte order mark.
    pub(super) fn new(
        file: FileId,
        text: &'a str,
        unended: bool,
        warnings: &'r mut Vec<Diagnostic>,
    ) -> Self {
        let mut parser = Parser::new();
        parser.set_input(text.as_bytes());
        let (anchors, open) = (HashMap::new(), vec![]);
        Self { file, text, unended, parser, anchors, open, budget: ALIAS_BUDGET, warnings }
    }

    /// Every document.
    pub(super) fn documents(&mut self) -> Result<Vec<Node>, Diagnostic> {
        let mut documents = vec![];
        loop {
            let event = self.event()?;
            match event.data {
                EventData::StreamEnd => return Ok(documents),
                EventData::StreamStart { .. } | EventData::DocumentEnd { .. } => {}
                EventData::DocumentStart { .. } => self.anchors.clear(),
                _ => documents.push(self.node(event, 0)?.node),
            }
        }
    }

    fn event(&mut self) -> Result<Event, Diagnostic> {
        self.parser.parse().map_err(|error| self.broken(&error))
    }

    fn node(&mut self, event: Event, depth: usize) -> Result<Built, Diagnostic> {
        let span = self.span(event.start_mark, event.end_mark);
        if depth >= DEPTH {
            return Err(Diagnostic::error(span, format!("nested more than {DEPTH} levels deep")));
        }
        let (anchor, built) = match event.data {
            EventData::Alias { anchor } => return self.alias(&anchor, span, depth),
            EventData::Scalar { anchor, tag, mut value, style, .. } => {
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                if block && self.unended && event.end_mark.index >= self.text.len() as u64 {
                    value.pop();
                }
                (anchor, scalar(tag.as_deref(), value, style, span)?)
            }
            EventData::SequenceStart { anchor, tag, style, .. } => {
                self.open.extend(anchor.clone());
                let tag = collection_tag(tag.as_deref(), "seq", span)?;
                let mut built = self.sequence(span, style == SequenceStyle::Flow, depth)?;
                built.node.tag = tag;
                (anchor, built)
            }
            EventData::MappingStart { anchor, tag, style, .. } => {
                self.open.extend(anchor.clone());
                let tag = collection_tag(tag.as_deref(), "map", span)?;
                let mut built = self.mapping(span, style == MappingStyle::Flow, depth)?;
                built.node.tag = tag;
                (anchor, built)
            }
            _ => return Err(Diagnostic::error(span, "expected a value")),
        };
        if let Some(anchor) = anchor {
            self.open.retain(|open| *open != anchor);
            let (node, weight, depth) = (built.node.clone(), built.weight, built.depth);
            self.anchors.insert(anchor, Anchored { node, weight, depth });
        }
        Ok(built)
    }

    fn alias(&mut self, name: &str, span: Span, depth: usize) -> Result<Built, Diagnostic> {
        if self.open.iter().any(|open| open == name) {
            let message = format!("`*{name}` stands inside of what it names");
            return Err(Diagnostic::error(span, message));
        }
        let Some(anchored) = self.anchors.get(name) else {
            let message = format!("no anchor `&{name}` stands before this");
            let near = super::super::nearest(name, self.anchors.keys().map(String::as_str));
            let found = Diagnostic::error(span, message);
            return Err(match near {
                Some(near) => found.help(format!("did you mean `*{near}`?")),
                None => found,
            });
        };
        if depth + anchored.depth > DEPTH {
            return Err(Diagnostic::error(span, format!("nested more than {DEPTH} levels deep")));
        }
        let Some(rest) = self.budget.checked_sub(anchored.weight) else {
            return Err(Diagnostic::error(span, "aliases expand to too much"));
        };
        self.budget = rest;
        // The place of an alias is where the value was written: that is what has to be changed.
        let Anchored { node, weight, depth } = anchored;
        Ok(Built { node: node.clone(), weight: *weight, depth: *depth })
    }

    fn sequence(&mut self, mut span: Span, flow: bool, depth: usize) -> Result<Built, Diagnostic> {
        let (mut items, mut weight, mut deepest) = (vec![], 64, 0);
        loop {
            let event = self.event()?;
            if event.data == EventData::SequenceEnd {
                if flow {
                    span.end = position(event.end_mark);
                }
                let kind = Kind::Sequence(items);
                return Ok(Built {
                    node: Node { span, tag: None, kind },
                    weight,
                    depth: deepest + 1,
                });
            }
            let end = position(event.end_mark);
            let item = self.node(event, depth + 1)?;
            span.end = within(item.node.span, end, span);
            weight += item.weight;
            deepest = deepest.max(item.depth);
            items.push(item.node);
        }
    }

    fn mapping(&mut self, mut span: Span, flow: bool, depth: usize) -> Result<Built, Diagnostic> {
        let (mut pairs, mut weight, mut deepest) = (Pairs::default(), 64, 0);
        let mut merged = vec![];
        loop {
            let event = self.event()?;
            if event.data == EventData::MappingEnd {
                if flow {
                    span.end = position(event.end_mark);
                }
                let kind = Kind::Mapping(pairs.over(merged));
                return Ok(Built {
                    node: Node { span, tag: None, kind },
                    weight,
                    depth: deepest + 1,
                });
            }
            let key = self.node(event, depth + 1)?;
            self.check_key(&key.node, span)?;
            let event = self.event()?;
            let end = position(event.end_mark);
            let value = self.node(event, depth + 1)?;
            span.end = within(value.node.span, end, span);
            weight += key.weight + value.weight;
            deepest = deepest.max(key.depth).max(value.depth);
            if key.node.text() == Some("<<") && is_plain(&key.node) {
                merge(value.node, &mut merged)?;
            } else if let Some((first, text)) = pairs.set(key.node, value.node) {
                let line = first.start.line;
                let message = format!("`{text}` is given twice; the second one counts");
                let label = format!("the first one is in line {line}");
                let again = pairs.place(&text).unwrap_or(first);
                self.warnings.push(Diagnostic::error(again, message).label(label).warning());
            }
        }
    }

    fn check_key(&self, key: &Node, mapping: Span) -> Result<(), Diagnostic> {
        if key.text().is_some() {
            return Ok(());
        }
        if self.begins_template(mapping.start) {
            let start = mapping.start;
            let end = Position { column: start.column + 2, ..start };
            return Err(template_hint(Span { end, ..mapping }));
        }
        Err(Diagnostic::error(key.span, "a key must be a single value"))
    }

    /// Whether `{{` stands at a position.
    fn begins_template(&self, at: Position) -> bool {
        let skip = at.column as usize - 1;
        let line = self.text.split('\n').nth(at.line as usize - 1).unwrap_or("");
        line.chars().skip(skip).take(2).eq("{{".chars())
    }

    fn span(&self, start: Mark, end: Mark) -> Span {
        Span { file: self.file, start: position(start), end: position(end) }
    }

    /// A complaint of libyaml's, with what most likely caused it.
    fn broken(&self, error: &libyaml_safer::Error) -> Diagnostic {
        let mut start = position(error.problem_mark().unwrap_or_default());
        if self.unended && error.problem().ends_with("end of stream") && start.line > 1 {
            // Behind the line break that was not written.
            let last = self.line(start.line - 1).unwrap_or("").chars().count();
            let column = u32::try_from(last + 1).unwrap_or(u32::MAX);
            start = Position { line: start.line - 1, column };
        }
        let end = Position { line: start.line, column: start.column + 1 };
        let span = Span { file: self.file, start, end };
        // What is wrong stands in the line of the complaint or, when it was noticed only at the
        // next token, in the one where the value began.
        let context = error.context_mark().map_or(start, position);
        for at in [start, context] {
            if let Some(column) = self.line(at.line).and_then(template_value) {
                let start = Position { line: at.line, column };
                let end = Position { line: at.line, column: column + 2 };
                return template_hint(Span { file: self.file, start, end });
            }
        }
        let line = self.line(start.line).unwrap_or("");
        let found = line.chars().nth(start.column as usize - 1);
        let diagnostic = Diagnostic::error(span, error.problem());
        if line.chars().take(start.column as usize).all(|c| matches!(c, ' ' | '\t'))
            && found == Some('\t')
        {
            return Diagnostic::error(span, "a tab can't be used for indentation")
                .help("use spaces");
        }
        match (error.problem(), found) {
            ("mapping values are not allowed in this context", _) => {
                let key = line.chars().skip(start.column as usize).all(char::is_whitespace);
                diagnostic.help(if key {
                    "a key stands below the one before it, with as many spaces"
                } else {
                    "put quotes around a value that holds `: `"
                })
            }
            (_, Some(c @ ('@' | '`' | '%'))) => {
                diagnostic.help(format!("put quotes around a value that begins with `{c}`"))
            }
            ("found unexpected end of stream", _)
                if error.context().is_some_and(|what| what.ends_with("quoted scalar")) =>
            {
                let end = Position { column: context.column + 1, ..context };
                let begun = Span { file: self.file, start: context, end };
                Diagnostic::error(begun, "this quote is never closed")
                    .help("the text goes on to the end of the file")
            }
            _ => match error.context() {
                Some(what) => diagnostic.label(format!("{what} from line {}", context.line)),
                None => diagnostic,
            },
        }
    }

    fn line(&self, line: u32) -> Option<&'a str> {
        self.text.split('\n').nth(line as usize - 1)
    }
}

fn scalar(
    tag: Option<&str>,
    text: String,
    style: ScalarStyle,
    span: Span,
) -> Result<Built, Diagnostic> {
    let plain = style == ScalarStyle::Plain;
    let string = || Scalar::String(text.clone());
    let (tag, value) = match tag {
        None if plain => (None, resolve::plain(&text)),
        None | Some("!") => (None, string()),
        Some("!vault" | "!vault-encrypted") => {
            Envelope::parse(&text).map_err(|error| {
                Diagnostic::error(span, format!("`!vault`: {error}")).help(error.help())
            })?;
            (Some("!vault".to_owned()), string())
        }
        Some("!unsafe") => (Some("!unsafe".to_owned()), string()),
        Some(tag) => {
            let value = match tag.strip_prefix(STANDARD) {
                Some("str") => Some(string()),
                Some("null") => resolve::null(&text),
                Some("bool") => resolve::boolean(&text),
                Some("int") => resolve::int(&text),
                Some("float") => resolve::float(&text).or_else(|| match resolve::int(&text)? {
                    #[expect(clippy::cast_precision_loss, reason = "`!!float` asks for it")]
                    Scalar::Int(whole) => Some(Scalar::Float(whole as f64)),
                    _ => None,
                }),
                _ => return Err(unknown_tag(tag, span)),
            };
            let shown = shown_tag(tag);
            let wrong = || Diagnostic::error(span, format!("not what `{shown}` promises"));
            (None, value.ok_or_else(wrong)?)
        }
    };
    let weight = text.len() + 64;
    Ok(Built {
        node: Node { span, tag, kind: Kind::Scalar { value, text, plain } },
        weight,
        depth: 1,
    })
}

/// The column of an unquoted `{{` at the start of a value, if a line holds one.
fn template_value(line: &str) -> Option<u32> {
    let at = line.find("{{")?;
    let before = line[..at].trim_end_matches(' ');
    let begins = before.ends_with(':') && before.len() < at || before.trim_start().ends_with('-');
    begins.then(|| u32::try_from(line[..at].chars().count() + 1).unwrap_or(u32::MAX))
}

fn template_hint(span: Span) -> Diagnostic {
    Diagnostic::error(span, "a value can't begin with `{{` without quotes")
        .help("put quotes around the whole value: \"{{ … }}\"")
}

/// Pairs with unique keys, in the order in which each key came first.
#[derive(Default)]
struct Pairs {
    list: Vec<(Node, Node)>,
    index: HashMap<String, usize>,
}

impl Pairs {
    /// Sets a pair; a key that was there gives back its earlier place and its text.
    fn set(&mut self, key: Node, value: Node) -> Option<(Span, String)> {
        let text = key.text().unwrap_or("").to_owned();
        if let Some(&at) = self.index.get(&text) {
            let first = self.list[at].0.span;
            self.list[at] = (key, value);
            return Some((first, text));
        }
        self.index.insert(text, self.list.len());
        self.list.push((key, value));
        None
    }

    /// Where a key was written last.
    fn place(&self, text: &str) -> Option<Span> {
        self.index.get(text).map(|&at| self.list[at].0.span)
    }

    /// With `merged` pairs below: what is written here wins, later merged pairs win over earlier.
    fn over(self, merged: Vec<(Node, Node)>) -> Vec<(Node, Node)> {
        if merged.is_empty() {
            return self.list;
        }
        let mut all = Self::default();
        for (key, value) in merged.into_iter().chain(self.list) {
            all.set(key, value);
        }
        all.list
    }
}

/// Adds what a `<<` brings in; of a list the first mapping wins.
fn merge(value: Node, merged: &mut Vec<(Node, Node)>) -> Result<(), Diagnostic> {
    let span = value.span;
    let wrong = |span| Diagnostic::error(span, "`<<` takes a mapping or a list of mappings");
    match value.kind {
        Kind::Mapping(pairs) => merged.extend(pairs),
        Kind::Sequence(items) => {
            for item in items.into_iter().rev() {
                match item.kind {
                    Kind::Mapping(pairs) => merged.extend(pairs),
                    _ => return Err(wrong(item.span)),
                }
            }
        }
        Kind::Scalar { .. } => return Err(wrong(span)),
    }
    Ok(())
}

fn is_plain(node: &Node) -> bool {
    matches!(node.kind, Kind::Scalar { plain: true, .. })
}

fn collection_tag(tag: Option<&str>, own: &str, span: Span) -> Result<Option<String>, Diagnostic> {
    match tag {
        None | Some("!") => Ok(None),
        Some("!unsafe") => Ok(Some("!unsafe".to_owned())),
        Some(tag) if tag.strip_prefix(STANDARD) == Some(own) => Ok(None),
        Some(tag) => Err(unknown_tag(tag, span)),
    }
}

fn unknown_tag(tag: &str, span: Span) -> Diagnostic {
    Diagnostic::error(span, format!("unknown tag `{}` here", shown_tag(tag)))
        .help("known tags: !unsafe, !vault, !!str, !!int, !!float, !!bool, !!null, !!seq, !!map")
}

fn shown_tag(tag: &str) -> String {
    tag.strip_prefix(STANDARD).map_or_else(|| tag.to_owned(), |short| format!("!!{short}"))
}

/// The end of a collection that closes with its last child. A child that was an alias was written
/// elsewhere: then it is the end of the alias.
fn within(child: Span, event_end: Position, parent: Span) -> Position {
    let (later, own) = (child.end.max(event_end), child.start >= parent.start);
    if own && child.end >= event_end { later } else { event_end }
}

fn position(mark: Mark) -> Position {
    let from_one = |n: u64| u32::try_from(n + 1).unwrap_or(u32::MAX);
    Position { line: from_one(mark.line), column: from_one(mark.column) }
}
