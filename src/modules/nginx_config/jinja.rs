//! Jinja tags in a template of a configuration: where each ends, and which branch the text between
//! them belongs to. Tags are opaque; nothing here evaluates one.
//! Facts: Jinja's template designer documentation (comments, whitespace control, raw).
use super::fault::Fault;
use std::ops::Range;

/// A branch of a template. Text outside of every conditional is in branch 0; every branch of every
/// conditional has a number of its own, so equal numbers mean: rendered together or not at all.
pub(super) type Branch = usize;

/// What a tag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `{# … #}`: leaves nothing.
    Comment,
    /// `{{ … }}`: becomes text.
    Expression,
    /// `{% … %}`: decides about text.
    Statement,
}

/// A tag, with the white space that its `-` strips.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// Follows the tags of one template from front to back.
pub(super) struct Template<'t> {
    text: &'t [u8],
    raw: bool,
    open: Vec<Open>,
    branches: usize,
}

struct Open {
    keyword: &'static str,
    at: usize,
    branch: Branch,
}

/// Statements with an end of their own, and whether what they hold is always rendered, once.
const NESTING: &[(&str, &str, bool)] = &[
    ("if", "endif", false),
    ("for", "endfor", false),
    ("macro", "endmacro", false),
    ("call", "endcall", false),
    ("filter", "endfilter", false),
    ("set", "endset", false),
    ("trans", "endtrans", false),
    ("block", "endblock", true),
    ("with", "endwith", true),
    ("autoescape", "endautoescape", true),
    ("raw", "endraw", true),
];

impl<'t> Template<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, raw: false, open: vec![], branches: 0 }
    }

    /// The branch of the text behind the last tag.
    pub(super) fn branch(&self) -> Branch {
        self.open.last().map_or(0, |open| open.branch)
    }

    /// What kind of tag begins at `at`, if one does.
    pub(super) fn peek(&self, at: usize) -> Option<Kind> {
        self.opener(at).map(|(kind, _)| kind)
    }

    /// Takes in the tag that begins at `at`, if one does.
    pub(super) fn tag(&mut self, at: usize) -> Result<Option<Tag>, Fault> {
        let Some((kind, start)) = self.opener(at) else { return Ok(None) };
        let Some(close) = self.close(kind, start) else {
            return Err(Fault::new(start, "a Jinja tag that never ends"));
        };
        if kind == Kind::Statement {
            self.statement(start, close)?;
        }
        let mut end = close + 2;
        if self.text[close - 1] == b'-' && close > start + 3 {
            end += blank_run(&self.text[end..]);
        }
        Ok(Some(Tag { kind, span: at..end }))
    }

    /// What is wrong when the text ends here.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        self.open.last().map_or(Ok(()), |open| {
            Err(Fault::new(open.at, format!("a Jinja `{}` without its end", open.keyword)))
        })
    }

    /// Kind and first brace of a tag at `at`; `{%-` reaches back over the white space before it.
    fn opener(&self, at: usize) -> Option<(Kind, usize)> {
        let text = self.text;
        let run_starts = at == 0 || !text[at - 1].is_ascii_whitespace();
        let run = if run_starts { blank_run(text.get(at..)?) } else { 0 };
        let start = at + run;
        let kind = match text.get(start..start + 2)? {
            b"{#" => Kind::Comment,
            b"{{" => Kind::Expression,
            b"{%" => Kind::Statement,
            _ => return None,
        };
        if self.raw && (kind != Kind::Statement || self.keyword(start) != "endraw") {
            return None;
        }
        (run == 0 || text.get(start + 2) == Some(&b'-')).then_some((kind, start))
    }

    /// Where the closing two characters of the tag at `start` are.
    fn close(&self, kind: Kind, start: usize) -> Option<usize> {
        let text = self.text;
        let end: &[u8; 2] = match kind {
            Kind::Comment => b"#}",
            Kind::Expression => b"}}",
            Kind::Statement => b"%}",
        };
        let (mut at, mut depth, mut quote) = (start + 2, 0_u32, None);
        while let Some(&byte) = text.get(at) {
            if kind == Kind::Comment || (quote.is_none() && depth == 0) {
                if text[at..].starts_with(end) {
                    return Some(at);
                }
                if kind == Kind::Comment {
                    at += 1;
                    continue;
                }
            }
            match (byte, quote) {
                (b'\\', Some(_)) => at += 1,
                (_, Some(open)) if byte == open => quote = None,
                (b'"' | b'\'', None) => quote = Some(byte),
                (b'(' | b'[' | b'{', None) => depth += 1,
                (b')' | b']' | b'}', None) => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// The first word of the statement at `start`.
    fn keyword(&self, start: usize) -> &'t str {
        let inner = &self.text[start + 2..];
        let inner = inner.strip_prefix(b"-").or(inner.strip_prefix(b"+")).unwrap_or(inner);
        let inner = &inner[blank_run(inner)..];
        let length = inner.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        // Nothing but ASCII was counted.
        std::str::from_utf8(&inner[..length]).unwrap_or("")
    }

    fn statement(&mut self, start: usize, close: usize) -> Result<(), Fault> {
        let keyword = self.keyword(start);
        if keyword == "set" && self.text[start..close].contains(&b'=') {
            return Ok(());
        }
        if let Some(&(keyword, _, always)) = NESTING.iter().find(|row| row.0 == keyword) {
            let branch = if always { self.branch() } else { self.next() };
            self.open.push(Open { keyword, at: start, branch });
            self.raw = keyword == "raw";
        } else if matches!(keyword, "elif" | "else") {
            let branch = self.next();
            match self.open.last_mut() {
                Some(open) if matches!(open.keyword, "if" | "for") => open.branch = branch,
                _ => return Err(Fault::new(start, format!("a Jinja `{keyword}` without an `if`"))),
            }
        } else if keyword.starts_with("end") {
            let ended = self.open.pop().map(|open| open.keyword);
            if !NESTING.iter().any(|row| row.1 == keyword && Some(row.0) == ended) {
                return Err(Fault::new(start, format!("a Jinja `{keyword}` that ends nothing")));
            }
            self.raw = false;
        }
        Ok(())
    }

    fn next(&mut self) -> Branch {
        self.branches += 1;
        self.branches
    }
}

fn blank_run(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}
