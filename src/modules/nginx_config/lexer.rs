//! The words, semicolons and braces of an nginx configuration, by the rules of nginx's own reader
//! (`ngx_conf_read_token`): quotes only at the start of a word, `#` too, `${name}` inside words,
//! and a backslash that hides the next character from the reader. In a template, Jinja's tags are
//! opaque wherever they stand. Pure, and never a guess: what nginx could not read is a [`Fault`].
use super::fault::Fault;
use super::jinja::{Branch, Kind as TagKind, Tag, Template};
use std::ops::Range;

/// A piece that means something to nginx.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
    /// The branch of the template that it starts in.
    pub(super) branch: Branch,
}

/// What a token is.
#[derive(Clone, Debug)]
pub(super) enum TokenKind {
    Word(Word),
    /// `;`
    End,
    /// `{`
    Open,
    /// `}`
    Close,
}

/// A word of a directive.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// Quotes removed, escapes resolved; of no use when `jinja`.
    pub(super) value: Vec<u8>,
    pub(super) span: Range<usize>,
    /// Holds a tag, so its value is known only when rendered.
    pub(super) jinja: bool,
    /// Is one `{{ … }}` and nothing else.
    pub(super) expression: bool,
}

/// A text taken apart; all lists are in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    /// From `#` up to the end of the line.
    pub(super) comments: Vec<Range<usize>>,
    /// Every Jinja tag, those in words and comments too.
    pub(super) tags: Vec<Tag>,
}

/// Takes `text` apart; `jinja` says that it is a template.
pub(super) fn lex(text: &[u8], jinja: bool) -> Result<Lexed, Fault> {
    let template = jinja.then(|| Template::new(text));
    let mut lexer = Lexer { text, at: 0, template, lexed: Lexed::default() };
    while lexer.skip_blank()? {
        lexer.token()?;
    }
    lexer.template.as_ref().map_or(Ok(()), Template::finish)?;
    Ok(lexer.lexed)
}

struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    template: Option<Template<'t>>,
    lexed: Lexed,
}

impl Lexer<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn branch(&self) -> Branch {
        self.template.as_ref().map_or(0, Template::branch)
    }

    fn peek_tag(&self) -> Option<TagKind> {
        self.template.as_ref()?.peek(self.at)
    }

    /// Steps over the tag that begins here, if one does.
    fn tag(&mut self) -> Result<Option<TagKind>, Fault> {
        let Some(template) = &mut self.template else { return Ok(None) };
        let Some(tag) = template.tag(self.at)? else { return Ok(None) };
        let kind = tag.kind;
        self.at = tag.span.end;
        self.lexed.tags.push(tag);
        Ok(Some(kind))
    }

    /// Steps over white space and the tags that leave no text; `false` at the end.
    fn skip_blank(&mut self) -> Result<bool, Fault> {
        loop {
            match (self.peek_tag(), self.byte()) {
                (Some(TagKind::Expression), _) => return Ok(true),
                (Some(_), _) => {
                    self.tag()?;
                }
                (None, Some(byte)) if is_blank(byte) => self.at += 1,
                (None, byte) => return Ok(byte.is_some()),
            }
        }
    }

    fn token(&mut self) -> Result<(), Fault> {
        let kind = match self.byte() {
            _ if self.peek_tag().is_some() => return self.word(),
            Some(b';') => TokenKind::End,
            Some(b'{') => TokenKind::Open,
            Some(b'}') => TokenKind::Close,
            Some(b'#') => return self.comment(),
            _ => return self.word(),
        };
        let span = self.at..self.at + 1;
        self.at += 1;
        self.lexed.tokens.push(Token { kind, span, branch: self.branch() });
        Ok(())
    }

    fn comment(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(byte) = self.byte() {
            // A tag may swallow the end of the line, and then the comment goes on.
            if self.tag()?.is_some() {
                continue;
            }
            if byte == b'\n' {
                break;
            }
            self.at += 1;
        }
        self.lexed.comments.push(start..self.at);
        Ok(())
    }

    fn word(&mut self) -> Result<(), Fault> {
        let (start, branch, first_tag) = (self.at, self.branch(), self.lexed.tags.len());
        let quote = self.byte().filter(|byte| matches!(byte, b'"' | b'\''));
        self.at += usize::from(quote.is_some());
        let mut value = vec![];
        // Whether a `{` belongs to a `${name}`.
        let mut variable = false;
        loop {
            if self.tag()?.is_some() {
                variable = false;
                continue;
            }
            match self.byte() {
                None if quote.is_some() => return Err(Fault::new(start, "unterminated quote")),
                None => break,
                Some(b'{') if variable => value.push(b'{'),
                Some(b'\\') => {
                    self.escape(&mut value);
                    variable = false;
                    continue;
                }
                byte if byte == quote => break,
                Some(byte) if quote.is_none() && (is_blank(byte) || matches!(byte, b';' | b'{')) => {
                    break;
                }
                Some(byte) => {
                    variable = byte == b'$';
                    value.push(byte);
                }
            }
            self.at += 1;
        }
        if quote.is_some() {
            self.at += 1;
            self.after_quote()?;
        }
        let span = start..self.at;
        let tags = &self.lexed.tags[first_tag..];
        let jinja = tags.iter().any(|tag| tag.kind != TagKind::Comment);
        let expression = tags.len() == 1 && tags[0].span == span && jinja;
        let word = Word { value, span: span.clone(), jinja, expression };
        self.lexed.tokens.push(Token { kind: TokenKind::Word(word), span, branch });
        Ok(())
    }

    /// Resolves the backslash that stands here.
    fn escape(&mut self, value: &mut Vec<u8>) {
        self.at += 1;
        if self.peek_tag().is_some() {
            value.push(b'\\');
            return;
        }
        match self.byte() {
            Some(byte @ (b'"' | b'\'' | b'\\')) => value.push(byte),
            Some(b't') => value.push(b'\t'),
            Some(b'r') => value.push(b'\r'),
            Some(b'n') => value.push(b'\n'),
            Some(byte) => value.extend([b'\\', byte]),
            None => value.push(b'\\'),
        }
        self.at = (self.at + 1).min(self.text.len());
    }

    /// nginx wants the word to end with its closing quote.
    fn after_quote(&self) -> Result<(), Fault> {
        match self.byte() {
            Some(byte) if !is_blank(byte) && !matches!(byte, b';' | b'{' | b')') => {
                Err(Fault::new(self.at, "text right behind a closing quote"))
            }
            _ => Ok(()),
        }
    }
}

/// What nginx takes for white space.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
