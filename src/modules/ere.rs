//! Python's regular expressions as POSIX extended ones, for what a server's `grep -E` has to match.
//! What can't be said there is refused.
use super::PlanError;
use regex_syntax::ast::{
    Assertion, AssertionKind, Ast, ClassPerlKind, ClassSet, ClassSetItem, GroupKind,
    RepetitionKind, RepetitionRange, parse::Parser,
};
use std::fmt::Write as _;

/// The pattern for `grep -E`. `name`: the parameter that it was written in.
pub(super) fn ere(name: &str, pattern: &str) -> Result<String, PlanError> {
    let wrong = |why: String| PlanError::Params {
        path: name.to_owned(),
        message: format!("the server's grep can't match this: {why}"),
    };
    let ast = Parser::new().parse(pattern).map_err(|error| {
        let why = error.to_string();
        wrong(why.lines().last().unwrap_or_default().to_owned())
    })?;
    let mut out = String::new();
    posix(&ast, &mut out).map_err(|why| wrong(why.to_owned()))?;
    Ok(out)
}

fn posix(ast: &Ast, out: &mut String) -> Result<(), &'static str> {
    match ast {
        Ast::Empty(_) => {}
        Ast::Flags(_) => return Err("flags inside of a pattern"),
        Ast::Literal(literal) => push(literal.c, out),
        Ast::Dot(_) => out.push('.'),
        Ast::Assertion(assertion) => out.push(anchor(assertion)?),
        Ast::ClassUnicode(_) => return Err("a class of Unicode"),
        Ast::ClassPerl(class) => {
            out.push_str(if class.negated { "[^" } else { "[" });
            out.push_str(members(&class.kind));
            out.push(']');
        }
        Ast::ClassBracketed(class) => {
            out.push_str(if class.negated { "[^" } else { "[" });
            let mut items = vec![];
            flatten(&class.kind, &mut items)?;
            bracket(&items, out)?;
            out.push(']');
        }
        Ast::Repetition(repetition) => {
            posix(&repetition.ast, out)?;
            match &repetition.op.kind {
                RepetitionKind::ZeroOrOne => out.push('?'),
                RepetitionKind::ZeroOrMore => out.push('*'),
                RepetitionKind::OneOrMore => out.push('+'),
                RepetitionKind::Range(range) => {
                    // Writing to a String can't fail.
                    let _ = match range {
                        RepetitionRange::Exactly(n) => write!(out, "{{{n}}}"),
                        RepetitionRange::AtLeast(n) => write!(out, "{{{n},}}"),
                        RepetitionRange::Bounded(from, to) => write!(out, "{{{from},{to}}}"),
                    };
                }
            }
        }
        Ast::Group(group) => {
            if let GroupKind::NonCapturing(flags) = &group.kind
                && !flags.items.is_empty()
            {
                return Err("flags inside of a pattern");
            }
            out.push('(');
            posix(&group.ast, out)?;
            out.push(')');
        }
        Ast::Alternation(alternation) => {
            for (index, ast) in alternation.asts.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "|" });
                posix(ast, out)?;
            }
        }
        Ast::Concat(concat) => concat.asts.iter().try_for_each(|ast| posix(ast, out))?,
    }
    Ok(())
}

fn anchor(assertion: &Assertion) -> Result<char, &'static str> {
    match assertion.kind {
        AssertionKind::StartLine | AssertionKind::StartText => Ok('^'),
        AssertionKind::EndLine | AssertionKind::EndText => Ok('$'),
        _ => Err("the edges of words"),
    }
}

fn push(c: char, out: &mut String) {
    if ".^$*+?()[]{}|\\".contains(c) {
        out.push('\\');
    }
    out.push(c);
}

/// What the classes of Perl are made of, for use between brackets.
fn members(kind: &ClassPerlKind) -> &'static str {
    match kind {
        ClassPerlKind::Digit => "0-9",
        ClassPerlKind::Space => "[:space:]",
        ClassPerlKind::Word => "[:alnum:]_",
    }
}

fn flatten<'a>(set: &'a ClassSet, out: &mut Vec<&'a ClassSetItem>) -> Result<(), &'static str> {
    match set {
        ClassSet::Item(ClassSetItem::Union(union)) => out.extend(&union.items),
        ClassSet::Item(item) => out.push(item),
        ClassSet::BinaryOp(_) => return Err("the difference of classes"),
    }
    Ok(())
}

/// Between brackets nothing is escaped: what would close or span stands where it does neither.
fn bracket(items: &[&ClassSetItem], out: &mut String) -> Result<(), &'static str> {
    let (mut first, mut middle, mut last) = (String::new(), String::new(), String::new());
    for item in items {
        match item {
            ClassSetItem::Empty(_) => {}
            ClassSetItem::Literal(literal) => match literal.c {
                ']' => first.push(']'),
                '-' => last.push('-'),
                '^' => last.insert(0, '^'),
                c => middle.push(c),
            },
            ClassSetItem::Range(range) => {
                middle.extend([range.start.c, '-', range.end.c]);
            }
            ClassSetItem::Perl(class) if !class.negated => middle.push_str(members(&class.kind)),
            ClassSetItem::Ascii(class) if !class.negated => return Err("a named class"),
            _ => return Err("a class inside of a class"),
        }
    }
    // A lone `^` may not come first.
    if first.is_empty() && middle.is_empty() && last.starts_with('^') {
        last = last.chars().rev().collect();
    }
    out.extend([first, middle, last]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grep_can_match_is_said_in_its_own_words() {
        for (python, posix) in [
            (r"^ready\s+\d{2,}$", "^ready[[:space:]]+[0-9]{2,}$"),
            (r"(?:a|b)+?c\.", r"(a|b)+c\."),
            (r"[^\w\]-]", "[^][:alnum:]_-]"),
            (r"(?P<name>x)?", "(x)?"),
            (r"\Aa\Z", "^a$"),
        ] {
            assert_eq!(ere("r", &python.replace("\\Z", "\\z")).unwrap(), posix, "{python}");
        }
        for python in [r"a(?=b)", r"(?i)a", r"\bword\b", r"(a)\1", "("] {
            let error = ere("search_regex", python).unwrap_err().to_string();
            assert!(error.starts_with("search_regex: the server's grep"), "{python}: {error}");
        }
    }
}
