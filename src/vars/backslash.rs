//! Backslashes in texts of YAML: what stands between quotes in a `{{ … }}` there is taken as it is written, so
//! that an expression's `'\1'` is those two characters. Files of templates and conditions are read as Jinja
//! reads them, where `'\n'` is a line feed.
use super::syntax::{Kind, Marks, end_of, next_mark};
use crate::source::{TEXT, VAULT};
use std::borrow::Cow;

/// A text of YAML as a template that means the same.
pub(super) fn literal(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') || !text.contains("{{") {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some((at, kind)) = next_mark(rest, Marks::default()) {
        let close = match kind {
            Kind::Variable => "}}",
            Kind::Block => "%}",
            Kind::Comment => "#}",
        };
        let inside = at + 2;
        let end = if kind == Kind::Comment {
            rest[inside..].find(close)
        } else {
            end_of(&rest[inside..], close)
        };
        let Some(end) = end else { break };
        let (head, body) = (&rest[..inside], &rest[inside..inside + end]);
        out.push_str(head);
        rest = &rest[inside + end..];
        // Values that are no templates travel in functions of ours, and are written as Jinja reads them.
        let is_ours = [TEXT, VAULT].iter().any(|name| body.trim_start().starts_with(name));
        if kind == Kind::Variable && !is_ours {
            double(body, &mut out);
        } else {
            out.push_str(body);
        }
        if kind == Kind::Block && body.trim_matches(['-', '+']).trim() == "raw" {
            let end = rest.find("endraw").unwrap_or(rest.len());
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    (out + rest).into()
}

/// An expression, every backslash between quotes written twice.
fn double(body: &str, out: &mut String) {
    let mut quote = None;
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        match quote {
            None => {
                quote = Some(c).filter(|c| matches!(c, '\'' | '"'));
                out.push(c);
            }
            Some(_) if c == '\\' => {
                out.push_str("\\\\");
                let next = chars.next();
                // A quote behind a backslash does not end the text; it keeps the backslash.
                if matches!(next, Some('\'' | '"' | '\\')) {
                    out.push('\\');
                }
                out.extend(next);
            }
            Some(open) => {
                if c == open {
                    quote = None;
                }
                out.push(c);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn backslashes_between_quotes_are_doubled_and_no_others() {
        for (text, meant) in [
            (r"{{ x | regex_replace('\d', '\\1') }}", r"{{ x | regex_replace('\\d', '\\\\1') }}"),
            (r"C:\x {{ 'a\nb' }} \n", r"C:\x {{ 'a\\nb' }} \n"),
            (r"{{ 'it\'s' }}", r"{{ 'it\\\'s' }}"),
            (r"{% if '\d' %}{{ 1 }}{% endif %}", r"{% if '\d' %}{{ 1 }}{% endif %}"),
            (r"{# {{ '\d' #}{{ '\d' }}", r"{# {{ '\d' #}{{ '\\d' }}"),
            (r"{% raw %}{{ '\d' }}{% endraw %}", r"{% raw %}{{ '\d' }}{% endraw %}"),
            (r"{{ __text__('\n') }}", r"{{ __text__('\n') }}"),
            (r"{{ __own | split('\n') }}", r"{{ __own | split('\\n') }}"),
            (r"no template \d", r"no template \d"),
        ] {
            assert_eq!(literal(text), meant);
        }
    }
}
