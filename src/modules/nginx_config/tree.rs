//! Directives and blocks of a configuration, each with its place in the text, and the blocks that
//! a context means. Nothing is interpreted beyond that, and nothing is changed here.
use super::jinja::{Branch, Kind as TagKind, Tag};
use super::lexer::{TokenKind, Word, is_blank, lex};
use super::fault::Fault;
use super::values::write;
use std::fmt;
use std::ops::Range;

/// Which blocks of a file are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Context {
    /// Every `server` of the web server; in a fragment of one, the file itself.
    Server,
    /// The `http` block.
    Http,
    /// The file itself, whatever it is included in.
    Main,
    /// Every location written with these arguments.
    Location(Vec<String>),
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Http => f.write_str("http"),
            Self::Main => f.write_str("main"),
            Self::Location(args) => {
                f.write_str("location")?;
                args.iter().try_for_each(|arg| write!(f, " {}", write(arg)))
            }
        }
    }
}

/// A configuration taken apart. Block 0 is the file itself.
#[derive(Debug)]
pub(super) struct Tree<'t> {
    pub(super) text: &'t [u8],
    pub(super) blocks: Vec<Block>,
    comments: Vec<Range<usize>>,
    tags: Vec<Tag>,
}

/// `words { … }`, or the file itself.
#[derive(Debug)]
pub(super) struct Block {
    /// Name and arguments; none for the file itself.
    pub(super) words: Vec<Word>,
    parent: usize,
    pub(super) branch: Branch,
    /// Where its `}` is; the end of the text for the file itself.
    pub(super) close: usize,
    /// Its own directives that end with `;`, in order.
    pub(super) directives: Vec<Directive>,
}

/// `words;`
#[derive(Debug)]
pub(super) struct Directive {
    /// Name and arguments, at least one.
    pub(super) words: Vec<Word>,
    pub(super) branch: Branch,
    /// From the first letter of the name to behind the `;`.
    pub(super) span: Range<usize>,
    /// Holds Jinja that leaves text.
    pub(super) jinja: bool,
    /// A branch of the template begins or ends within it.
    pub(super) cut: bool,
}

/// What else is on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing, up to this newline or the end of the text.
    Blank(usize),
    /// A comment, up to this newline or the end of the text.
    Comment(usize),
    /// Something that means something.
    Busy,
}

/// Blocks that only stand where `server` blocks may, so a file with them is no fragment of one.
const ABOVE_SERVER: &[&str] =
    &["http", "events", "stream", "mail", "upstream", "map", "geo", "split_clients"];

impl<'t> Tree<'t> {
    /// Takes `text` apart; `jinja` says that it is a template.
    pub(super) fn parse(text: &'t [u8], jinja: bool) -> Result<Self, Fault> {
        let lexed = lex(text, jinja)?;
        let mut builder = Builder::new(text, &lexed.tags);
        for token in lexed.tokens {
            let (span, branch) = (token.span, token.branch);
            match token.kind {
                TokenKind::Word(word) => builder.word(word, branch),
                TokenKind::End => builder.end(span, branch)?,
                TokenKind::Open => builder.open(span.start, branch)?,
                TokenKind::Close => builder.close(span.start, branch)?,
            }
        }
        let blocks = builder.finish()?;
        Ok(Self { text, blocks, comments: lexed.comments, tags: lexed.tags })
    }

    /// The blocks that `context` means, as indices.
    pub(super) fn contexts(&self, context: &Context) -> Vec<usize> {
        let named = |name: &str| -> Vec<usize> {
            let all = 1..self.blocks.len();
            all.filter(|&id| self.blocks[id].is(name) && self.is_web(id)).collect()
        };
        match context {
            Context::Main => vec![0],
            Context::Http => named("http"),
            Context::Server => match named("server") {
                none if none.is_empty() && self.is_server_fragment() => vec![0],
                blocks => blocks,
            },
            Context::Location(args) => {
                let mut blocks = named("location");
                blocks.retain(|&id| {
                    let words = &self.blocks[id].words[1..];
                    words.iter().map(|word| &word.value[..]).eq(args.iter().map(String::as_bytes))
                        && words.iter().all(|word| !word.jinja)
                });
                blocks
            }
        }
    }

    /// Whether a block belongs to the web server, and not to `stream`, `mail` or an `upstream`.
    fn is_web(&self, id: usize) -> bool {
        let mut id = self.blocks[id].parent;
        while id != 0 {
            if ["stream", "mail", "upstream"].iter().any(|name| self.blocks[id].is(name)) {
                return false;
            }
            id = self.blocks[id].parent;
        }
        true
    }

    fn is_server_fragment(&self) -> bool {
        let top = self.blocks.iter().skip(1).filter(|block| block.parent == 0);
        !top.into_iter().any(|block| ABOVE_SERVER.iter().any(|name| block.is(name)))
    }

    /// What else is on the line behind `from`.
    pub(super) fn rest(&self, from: usize) -> Rest {
        let blank = |byte: &&u8| is_blank(**byte) && **byte != b'\n';
        let at = from + self.text[from..].iter().take_while(blank).count();
        let first = self.tags.partition_point(|tag| tag.span.start < from);
        if self.tags.get(first).is_some_and(|tag| tag.span.start <= at) {
            return Rest::Busy;
        }
        match self.text.get(at) {
            None | Some(b'\n') => Rest::Blank(at),
            Some(b'#') => {
                let next = self.comments.partition_point(|comment| comment.start < at);
                self.comments.get(next).map_or(Rest::Busy, |comment| Rest::Comment(comment.end))
            }
            Some(_) => Rest::Busy,
        }
    }

    /// Where the line that holds `at` begins.
    pub(super) fn line_start(&self, at: usize) -> usize {
        self.text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1)
    }

    /// Whether nothing but white space is before `at` on its line.
    pub(super) fn begins_line(&self, at: usize) -> bool {
        self.text[self.line_start(at)..at].iter().all(|byte| is_blank(*byte))
    }

    /// The white space that the line of `at` begins with.
    pub(super) fn indent(&self, at: usize) -> &'t [u8] {
        let line = &self.text[self.line_start(at)..at];
        &line[..line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()]
    }

    /// How lines end around `at`: as the line before it, else as the first line of the text.
    pub(super) fn newline(&self, at: usize) -> &'static str {
        let before = self.text[..at].iter().rposition(|byte| *byte == b'\n');
        let found = before.or_else(|| self.text.iter().position(|byte| *byte == b'\n'));
        match found {
            Some(newline) if newline > 0 && self.text[newline - 1] == b'\r' => "\r\n",
            _ => "\n",
        }
    }
}

impl Block {
    /// Whether it is called `name`.
    fn is(&self, name: &str) -> bool {
        self.words.first().is_some_and(|word| !word.jinja && word.value == name.as_bytes())
    }
}

/// Puts tokens together.
struct Builder<'a> {
    text: &'a [u8],
    tags: &'a [Tag],
    blocks: Vec<Block>,
    /// The innermost open block and where it opened.
    current: usize,
    opened: Vec<usize>,
    words: Vec<Word>,
    /// The branch that the first word of `words` is in.
    branch: Branch,
}

impl<'a> Builder<'a> {
    fn new(text: &'a [u8], tags: &'a [Tag]) -> Self {
        let file =
            Block { words: vec![], parent: 0, branch: 0, close: text.len(), directives: vec![] };
        Self { text, tags, blocks: vec![file], current: 0, opened: vec![], words: vec![], branch: 0 }
    }

    fn word(&mut self, word: Word, branch: Branch) {
        if self.words.len() == 1 && self.text[self.words[0].span.end..word.span.start].contains(&b'\n')
        {
            self.forget_expression();
        }
        if self.words.is_empty() {
            self.branch = branch;
        }
        self.words.push(word);
    }

    /// A `{{ … }}` on a line of its own stands for whole directives, not for the name of the next.
    fn forget_expression(&mut self) {
        if self.words.len() == 1 && self.words[0].expression {
            self.words.clear();
        }
    }

    fn end(&mut self, span: Range<usize>, branch: Branch) -> Result<(), Fault> {
        let words = std::mem::take(&mut self.words);
        let Some(first) = words.first() else {
            return Err(Fault::new(span.start, "a `;` that ends no directive"));
        };
        let start = first.span.start;
        let from = self.tags.partition_point(|tag| tag.span.start < start);
        let within = self.tags[from..].iter().take_while(|tag| tag.span.start < span.start);
        let jinja = within.into_iter().any(|tag| tag.kind != TagKind::Comment);
        let cut = self.branch != branch;
        let span = start..span.end;
        let directive = Directive { words, branch: self.branch, span, jinja, cut };
        self.blocks[self.current].directives.push(directive);
        Ok(())
    }

    fn open(&mut self, at: usize, branch: Branch) -> Result<(), Fault> {
        let words = std::mem::take(&mut self.words);
        let Some(first) = words.first() else {
            return Err(Fault::new(at, "a `{` that opens no block"));
        };
        let start = first.span.start;
        if branch != self.branch {
            return Err(Fault::new(start, "a block whose head is cut by a Jinja branch"));
        }
        if !first.jinja && first.value.ends_with(b"_by_lua_block") {
            return Err(Fault::new(start, "a block of Lua, which only its module can read"));
        }
        let parent = std::mem::replace(&mut self.current, self.blocks.len());
        self.blocks.push(Block { words, parent, branch, close: at, directives: vec![] });
        self.opened.push(at);
        Ok(())
    }

    fn close(&mut self, at: usize, branch: Branch) -> Result<(), Fault> {
        self.forget_expression();
        if let Some(first) = self.words.first() {
            return Err(Fault::new(first.span.start, "a directive without its `;`"));
        }
        let Some(opened) = self.opened.pop() else {
            return Err(Fault::new(at, "a `}` that closes nothing"));
        };
        let block = &mut self.blocks[self.current];
        if block.branch != branch {
            return Err(Fault::new(opened, "a block that ends in another Jinja branch"));
        }
        block.close = at;
        self.current = block.parent;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Block>, Fault> {
        self.forget_expression();
        if let Some(first) = self.words.first() {
            return Err(Fault::new(first.span.start, "a directive without its `;`"));
        }
        match self.opened.last() {
            Some(&opened) => Err(Fault::new(opened, "a `{` that is never closed")),
            None => Ok(self.blocks),
        }
    }
}
