//! Reads the outside of templates: where expressions begin and end, and which filters, tests and
//! functions they name. Rewrites attribute access so that `a.b.c` on something undefined is undefined
//! (as Ansible has it) while every other use of it stays an error. Never evaluates anything.
use std::fmt::Write as _;

/// The function that attribute access becomes: `a.b` is `__get__(a, 'b', 'a.b')`.
pub(super) const GET: &str = "__get__";
/// The function around what a part is cut out of: `a[1:2]` is `__cut__(a)[1:2]`.
pub(super) const CUT: &str = "__cut__";
/// The function that takes one time from another: `(a - b)` is `(__minus__(a, b))`.
pub(super) const MINUS: &str = "__minus__";
/// Brackets within brackets and operators in a row, together, at most: the compiler recurses over both.
const DEEPEST: usize = 150;
/// Brackets within brackets alone: of these the compiler's stack bears less.
const NESTED: usize = 50;
/// Attributes in a row, at most.
const LONGEST: usize = 50;
/// Branches of a template, at most.
const BRANCHES: usize = 200;
/// Items within one pair of brackets, at most: the compiler counts arguments in 16 bits.
const ITEMS: usize = 50_000;
/// Words that are operators, not operands.
const WORDS: [&str; 8] = ["and", "or", "not", "in", "if", "else", "recursive", "elif"];
/// What makes times.
const TIMES: [&str; 2] = ["to_datetime", "now("];
/// Statements that read other files or change escaping: refused.
const REFUSED: [&str; 5] = ["include", "import", "from", "extends", "autoescape"];

/// The marks around expressions, statements and comments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks<'a> {
    pub(super) variable: (&'a str, &'a str),
    pub(super) block: (&'a str, &'a str),
    pub(super) comment: (&'a str, &'a str),
}

impl Default for Marks<'_> {
    fn default() -> Self {
        Self { variable: ("{{", "}}"), block: ("{%", "%}"), comment: ("{#", "#}") }
    }
}

/// What a template names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Uses {
    pub(super) filters: Vec<String>,
    pub(super) tests: Vec<String>,
    pub(super) functions: Vec<String>,
    /// First arguments of `lookup(…)` and `query(…)` that are written out.
    pub(super) lookups: Vec<String>,
}

/// What is wrong, and on which line (from 1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) line: u32,
}

/// Whether a text may hold a template at all.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// The expression of a text that is one lone `{{ … }}`.
pub(super) fn lone_expression(text: &str) -> Option<&str> {
    let body = text.strip_prefix("{{")?;
    let end = end_of(body, "}}")?;
    (end + 2 == body.len()).then(|| body[..end].trim_matches(['-', '+']).trim())
}

/// A whole template, rewritten.
pub(super) fn rewrite_template(text: &str, marks: Marks) -> Result<(String, Uses), Fault> {
    let mut uses = Uses::default();
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    let mut rest = text;
    let mut branches = 0;
    let (mut line, mut counted) = (1, 0);
    while let Some((at, kind)) = next_mark(rest, marks) {
        let here = text.len() - rest.len() + at;
        line += line_of(&text[counted..here], here - counted) - 1;
        counted = here;
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if kind == Kind::Comment {
            let end =
                rest.find(marks.comment.1).map_or(rest.len(), |end| end + marks.comment.1.len());
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let (open, close) = if kind == Kind::Variable { marks.variable } else { marks.block };
        let inside = &rest[open.len()..];
        let Some(end) = end_of(inside, close) else {
            return Err(Fault { message: format!("`{open}` is never closed"), line });
        };
        let (body, after) = (&inside[..end], &inside[end + close.len()..]);
        branches +=
            usize::from(body.trim_start_matches(['-', '+']).trim_start().starts_with("elif"));
        if branches > BRANCHES {
            return Err(Fault { message: "the template has too many branches".to_owned(), line });
        }
        out.push_str(open);
        let fault = |fault: Fault| Fault { line: fault.line + line - 1, ..fault };
        if kind == Kind::Variable {
            out.push_str(&rewrite(body, &mut uses).map_err(fault)?);
        } else {
            out.push_str(&statement(body, &mut uses).map_err(fault)?);
        }
        out.push_str(close);
        rest = after;
        if body.trim_matches(['-', '+']).trim() == "raw" {
            let end = rest.find("endraw").unwrap_or(rest.len());
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            let end = rest.find(close).map_or(rest.len(), |end| end + close.len());
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out.push_str(rest);
    Ok((out, uses))
}

/// One expression, rewritten.
pub(super) fn rewrite_expression(text: &str) -> Result<(String, Uses), Fault> {
    let mut uses = Uses::default();
    Ok((rewrite(text, &mut uses)?, uses))
}

/// What a mark opens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Variable,
    Block,
    Comment,
}

/// The first mark that opens something; the longest of those that begin there.
pub(super) fn next_mark(text: &str, marks: Marks) -> Option<(usize, Kind)> {
    let mut opening = [
        (marks.variable.0, Kind::Variable),
        (marks.block.0, Kind::Block),
        (marks.comment.0, Kind::Comment),
    ];
    opening.sort_by_key(|(mark, _)| std::cmp::Reverse(mark.len()));
    text.char_indices().find_map(|(at, _)| {
        let kind = opening.iter().find(|(mark, _)| text[at..].starts_with(mark));
        kind.map(|(_, kind)| (at, *kind))
    })
}

/// Where the closing mark is, strings and brackets respected.
pub(super) fn end_of(body: &str, close: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        if let Some(mark) = quote {
            if !escaped && c == mark {
                quote = None;
            }
            escaped = c == '\\' && !escaped;
            continue;
        }
        if depth == 0 && body[at..].starts_with(close) {
            return Some(at);
        }
        match c {
            '\'' | '"' => quote = Some(c),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn line_of(text: &str, at: usize) -> u32 {
    u32::try_from(text[..at].matches('\n').count() + 1).unwrap_or(u32::MAX)
}

fn statement(body: &str, uses: &mut Uses) -> Result<String, Fault> {
    let lead = body.len() - body.trim_start_matches(['-', '+']).trim_start().len();
    let (lead, rest) = body.split_at(lead);
    let word_end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (word, rest) = rest.split_at(word_end);
    if REFUSED.contains(&word) {
        let message =
            format!("`{{% {word} %}}` is not supported: a template must be whole by itself");
        return Err(Fault { message, line: 1 });
    }
    // The target of `set` is written to, not read.
    let kept = if word == "set" { rest.find('=').unwrap_or(rest.len()) } else { 0 };
    let (kept, rest) = rest.split_at(kept);
    let mut out = format!("{lead}{word}{kept}");
    if word == "filter" {
        let mut reader = Reader { text: rest, at: 0, open: 0, minus: Minus::default(), uses };
        reader.space(&mut out);
        reader.named(&mut out, Named::Filter, 0)?;
        reader.sequence(&mut out, 0)?;
    } else {
        out.push_str(&rewrite(rest, uses)?);
    }
    Ok(out)
}

fn rewrite(text: &str, uses: &mut Uses) -> Result<String, Fault> {
    let mut reader = Reader { text, at: 0, open: 0, minus: Minus::default(), uses };
    let mut out = String::with_capacity(text.len() * 2);
    while reader.at < text.len() {
        reader.sequence(&mut out, 0)?;
        // A bracket that closes nothing: the compiler says so.
        if let Some(c) = reader.peek() {
            out.push(c);
            reader.at += c.len_utf8();
        }
    }
    Ok(out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Filter,
    Test,
}

/// The operators directly in a pair of brackets.
#[derive(Clone, Copy, Default)]
struct Minus {
    /// Where what was written so far has a lone `-`.
    at: Option<usize>,
    /// There are others.
    others: bool,
}

struct Reader<'a, 'u> {
    text: &'a str,
    at: usize,
    /// Brackets that are open.
    open: usize,
    minus: Minus,
    uses: &'u mut Uses,
}

impl<'a> Reader<'a, '_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
    fn space(&mut self, out: &mut String) {
        let space = self.take_while(char::is_whitespace);
        out.push_str(space);
    }
    fn word(&mut self) -> &'a str {
        self.take_while(|c| c.is_alphanumeric() || c == '_')
    }
    fn string(&mut self) -> &'a str {
        let start = self.at;
        let mut chars = self.text[self.at..].char_indices();
        let quote = chars.next().map(|(_, c)| c);
        let mut escaped = false;
        let end = chars.find(|(_, c)| {
            let ends = !escaped && Some(*c) == quote;
            escaped = *c == '\\' && !escaped;
            ends
        });
        self.at = end.map_or(self.text.len(), |(at, c)| start + at + c.len_utf8());
        &self.text[start..self.at]
    }
    fn fault(&self, message: &str) -> Fault {
        Fault { message: message.to_owned(), line: line_of(self.text, self.at) }
    }

    /// Operands and operators up to a closing bracket or the end; whether a colon was among them.
    fn sequence(&mut self, out: &mut String, outer: usize) -> Result<bool, Fault> {
        let mut colon = false;
        let (mut depth, mut items) = (outer, 0);
        loop {
            if depth > DEEPEST || items > ITEMS {
                return Err(self.fault("the expression is nested too deep, or too long"));
            }
            self.space(out);
            let Some(c) = self.peek() else { return Ok(colon) };
            let start = self.at;
            match c {
                ')' | ']' | '}' => return Ok(colon),
                '\'' | '"' => {
                    let base = self.string().to_owned();
                    self.chain(out, base, start, depth)?;
                }
                '0'..='9' => {
                    let number = self.take_while(|c| c.is_alphanumeric() || c == '_' || c == '.');
                    out.push_str(number);
                }
                '(' | '[' | '{' => {
                    let mut base = String::new();
                    self.group(&mut base, depth)?;
                    self.chain(out, base, start, depth)?;
                }
                '|' => {
                    depth += 1;
                    out.push(c);
                    self.at += 1;
                    self.space(out);
                    self.named(out, Named::Filter, depth)?;
                }
                _ if c.is_alphabetic() || c == '_' => depth += usize::from(self.name(out, depth)?),
                _ => {
                    colon |= c == ':';
                    items += usize::from(c == ',');
                    depth = if c == ',' { outer } else { depth + 1 };
                    let is_sign = out.trim_end().ends_with(['(', '[', '{', ',']);
                    if c == '-' && self.minus.at.is_none() && !is_sign {
                        self.minus.at = Some(out.len());
                    } else {
                        self.minus.others = true;
                    }
                    out.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
    }

    /// A word; whether it is an operator.
    fn name(&mut self, out: &mut String, depth: usize) -> Result<bool, Fault> {
        let start = self.at;
        let word = self.word();
        if word == "is" {
            self.minus.others = true;
            out.push_str(word);
            self.space(out);
            if self.text[self.at..]
                .strip_prefix("not")
                .is_some_and(|rest| rest.starts_with([' ', '\n', '\t']))
            {
                out.push_str(self.word());
                self.space(out);
            }
            return self.named(out, Named::Test, depth).map(|()| true);
        }
        if WORDS.contains(&word) {
            self.minus.others = true;
            out.push_str(word);
            return Ok(true);
        }
        if self.text[self.at..].trim_start().starts_with('(') {
            self.uses.functions.push(word.to_owned());
            if ["lookup", "query", "q"].contains(&word) {
                let inside = self.text[self.at..].trim_start()[1..].trim_start();
                if inside.starts_with(['\'', '"']) {
                    let minus = Minus::default();
                    let mut inner = Reader { text: inside, at: 0, open: 0, minus, uses: self.uses };
                    let quoted = inner.string();
                    self.uses.lookups.push(quoted.trim_matches(['\'', '"']).to_owned());
                }
            }
        }
        self.chain(out, word.to_owned(), start, depth).map(|()| false)
    }

    /// The name of a filter or test, without Ansible's own namespace, and its arguments.
    fn named(&mut self, out: &mut String, kind: Named, depth: usize) -> Result<(), Fault> {
        let name = self.take_while(|c| c.is_alphanumeric() || c == '_' || c == '.');
        let name = plain_name(name);
        out.push_str(name);
        if !name.is_empty() {
            let list =
                if kind == Named::Filter { &mut self.uses.filters } else { &mut self.uses.tests };
            list.push(name.to_owned());
        }
        if self.peek() == Some('(') {
            self.group(out, depth)?;
        }
        Ok(())
    }

    /// A bracketed part with its brackets; whether a colon was directly inside.
    fn group(&mut self, out: &mut String, depth: usize) -> Result<bool, Fault> {
        let (begin, first) = (out.len(), self.at);
        let around = std::mem::take(&mut self.minus);
        out.extend(self.peek());
        self.at += 1;
        self.open += 1;
        if self.open > NESTED {
            return Err(self.fault("the expression is nested too deep, or too long"));
        }
        let mut colon = self.sequence(out, depth + 1)?;
        self.open -= 1;
        let inside = std::mem::replace(&mut self.minus, around);
        // Times alone need it: numbers are the template engine's own.
        if let (Some(at), false) = (inside.at, inside.others)
            && out[begin..].starts_with('(')
            && TIMES.iter().any(|word| self.text[first..self.at].contains(word))
        {
            let right = out.split_off(at + 1);
            let left = out.split_off(begin + 1);
            let _ = write!(out, "{MINUS}({}, {right})", &left[..left.len() - 1]);
        }
        // Commas and the like are part of the sequence, so what stopped it is a bracket or the end.
        if let Some(close) = self.peek() {
            out.push(close);
            self.at += 1;
        } else {
            colon = false;
        }
        Ok(colon)
    }

    /// What follows an operand: attributes, subscripts and calls.
    fn chain(
        &mut self,
        out: &mut String,
        mut base: String,
        start: usize,
        depth: usize,
    ) -> Result<(), Fault> {
        for length in 0.. {
            if length > LONGEST {
                return Err(self.fault("too many attributes in a row"));
            }
            let before = self.at;
            let space = self.take_while(char::is_whitespace);
            match self.peek() {
                Some('.') => {
                    self.at += 1;
                    self.take_while(char::is_whitespace);
                    let name = self.word();
                    if self.text[self.at..].trim_start().starts_with('(') || name.is_empty() {
                        let _ = write!(base, "{space}.{name}");
                        continue;
                    }
                    let key = if name.starts_with(|c: char| c.is_ascii_digit()) {
                        name.to_owned()
                    } else {
                        format!("'{name}'")
                    };
                    self.wrap(&mut base, space, &key, start);
                }
                Some('[') => {
                    let mut inner = String::new();
                    let slice = self.group(&mut inner, depth)?;
                    if slice && inner.ends_with(']') {
                        base = format!("{CUT}({base}{space}){inner}");
                    } else if !inner.ends_with(']') {
                        let _ = write!(base, "{space}{inner}");
                    } else {
                        self.wrap(&mut base, space, &inner[1..inner.len() - 1], start);
                    }
                }
                Some('(') => {
                    base.push_str(space);
                    self.group(&mut base, depth)?;
                }
                _ => {
                    self.at = before;
                    break;
                }
            }
        }
        out.push_str(&base);
        Ok(())
    }

    fn wrap(&self, base: &mut String, space: &str, key: &str, start: usize) {
        let written = &self.text[start..self.at];
        let mut shown = String::new();
        for c in written.chars().filter(|c| !c.is_whitespace()).take(80) {
            if matches!(c, '\'' | '\\') {
                shown.push('\\');
            }
            shown.push(c);
        }
        *base = format!("{GET}({base}{space}, {key}, '{shown}')");
    }
}

/// Without `ansible.builtin.` and its older spelling.
pub(super) fn plain_name(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.")
        .or_else(|| name.strip_prefix("ansible.utils."))
        .or_else(|| name.strip_prefix("ansible.netcommon."))
        .or_else(|| name.strip_prefix("ansible.legacy."))
        .unwrap_or(name)
}
