//! From a configuration and wishes to the configuration that grants them, by cutting and pasting
//! bytes: what no wish is about stays as it is. A wish holds for every rendering of a template, so a
//! directive in a Jinja branch grants none, and one copy outside of all branches takes its place.
use super::fault::{EditError, Place};
use super::lexer::{Word, is_blank};
use super::tree::{Block, Context, Directive, Rest, Tree};
use super::values::{Wanted, family, write};
use std::ops::Range;

/// One setting of one block that is not as wished.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Drift {
    /// The setting, without its value.
    pub(super) setting: String,
    /// What is there, as written, without its `;`.
    pub(super) was: Vec<String>,
    /// What should be there, as it will be written; `None`: nothing.
    pub(super) now: Option<String>,
    /// The line of the first of `was`.
    pub(super) line: Option<usize>,
}

/// The edited text and what was not as wished; nothing was: the same bytes.
#[derive(Debug)]
pub(super) struct Edited {
    pub(super) text: Vec<u8>,
    pub(super) drifts: Vec<Drift>,
}

/// Some bytes in place of some others.
struct Splice {
    span: Range<usize>,
    with: Vec<u8>,
}

/// Grants `wishes`, none of which contradicts another, in every block that `context` means.
pub(super) fn edit(
    text: &[u8],
    jinja: bool,
    context: &Context,
    wishes: &[Wanted],
) -> Result<Edited, EditError> {
    let before = parse(text, jinja)?;
    let blocks = before.contexts(context);
    if blocks.is_empty() {
        return Err(EditError::NoContext(context.to_string()));
    }
    let mut now = text.to_vec();
    let mut drifts = vec![];
    for wish in wishes {
        let found = blocks.iter().map(|&id| Verdict::of(&before.blocks[id], wish));
        let drifted: Vec<_> = found.filter(|verdict| !verdict.granted()).collect();
        if drifted.is_empty() {
            continue;
        }
        drifts.extend(drifted.iter().map(|verdict| verdict.drift(&before, wish)));
        let tree = parse(&now, jinja)?;
        let mut splices = vec![];
        for id in tree.contexts(context) {
            let verdict = Verdict::of(&tree.blocks[id], wish);
            splices.extend(verdict.splices(&tree, &tree.blocks[id], wish)?);
        }
        now = apply(&now, splices);
    }
    prove(&before, &now, jinja, context, wishes)?;
    Ok(Edited { text: now, drifts })
}

fn parse(text: &[u8], jinja: bool) -> Result<Tree<'_>, EditError> {
    Tree::parse(text, jinja).map_err(|fault| EditError::broken(text, fault))
}

/// Reads the result again: every wish is granted, and all else is there, byte for byte.
fn prove(
    before: &Tree<'_>,
    now: &[u8],
    jinja: bool,
    context: &Context,
    wishes: &[Wanted],
) -> Result<(), EditError> {
    let unproven = |wish: &Wanted| EditError::Unproven(wish.text());
    let Some(last) = wishes.last() else { return Ok(()) };
    let after = parse(now, jinja).map_err(|_| unproven(last))?;
    for wish in wishes {
        let granted = |id| Verdict::of(&after.blocks[id], wish).granted();
        if !after.contexts(context).into_iter().all(granted) {
            return Err(unproven(wish));
        }
    }
    if others(before, context, wishes) == others(&after, context, wishes) {
        Ok(())
    } else {
        Err(unproven(last))
    }
}

/// The directives that no wish is about, as written, with the number of their block.
fn others<'t>(tree: &Tree<'t>, context: &Context, wishes: &[Wanted]) -> Vec<(usize, &'t [u8])> {
    let contexts = tree.contexts(context);
    let mut others = vec![];
    for (id, block) in tree.blocks.iter().enumerate() {
        let ours = contexts.binary_search(&id).is_ok();
        let other = |directive: &&Directive| {
            !ours || !wishes.iter().any(|wish| wish.is_setting_of(&directive.words))
        };
        let kept = block.directives.iter().filter(other);
        others.extend(kept.map(|directive| (id, &tree.text[directive.span.clone()])));
    }
    others
}

/// What one wish means for one block.
struct Verdict<'b> {
    /// The directive that grants the wish, or will.
    keep: Option<&'b Directive>,
    /// Whether it must change for that.
    change: bool,
    /// Whether one must be put in.
    insert: bool,
    /// Those that must go.
    remove: Vec<&'b Directive>,
}

impl<'b> Verdict<'b> {
    fn of(block: &'b Block, wish: &Wanted) -> Self {
        let found = block.directives.iter().filter(|it| wish.is_setting_of(&it.words));
        let mut found: Vec<&Directive> = found.collect();
        let right = |it: &Directive| !it.jinja && wish.is_value_of(&it.words);
        if !wish.present {
            found.retain(|it| !wish.names_value() || right(it));
            return Self { keep: None, change: false, insert: false, remove: found };
        }
        match found.iter().position(|it| it.branch == block.branch && !it.cut) {
            Some(first) => {
                let keep = found.remove(first);
                let remove = if wish.is_single() { found } else { vec![] };
                Self { keep: Some(keep), change: !right(keep), insert: false, remove }
            }
            None => Self { keep: None, change: false, insert: true, remove: found },
        }
    }

    fn granted(&self) -> bool {
        !self.change && !self.insert && self.remove.is_empty()
    }

    fn drift(&self, tree: &Tree<'_>, wish: &Wanted) -> Drift {
        let mut was: Vec<&Directive> = self.keep.into_iter().chain(self.remove.clone()).collect();
        was.sort_by_key(|directive| directive.span.start);
        Drift {
            setting: wish.setting(),
            line: was.first().map(|first| Place::of(tree.text, first.span.start).line),
            was: was.into_iter().map(|directive| shown(tree, directive)).collect(),
            now: wish.present.then(|| wish.text()),
        }
    }

    fn splices(
        &self,
        tree: &Tree<'_>,
        block: &Block,
        wish: &Wanted,
    ) -> Result<Vec<Splice>, EditError> {
        if let Some(cut) = self.remove.iter().find(|directive| directive.cut) {
            let place = Place::of(tree.text, cut.span.start);
            return Err(EditError::Cut { setting: wish.setting(), place });
        }
        let mut splices: Vec<Splice> =
            self.remove.iter().map(|directive| removal(tree, &directive.span)).collect();
        if let Some(keep) = self.keep.filter(|_| self.change) {
            splices.push(replacement(keep, wish));
        }
        if self.insert {
            splices.push(insertion(tree, block, wish));
        }
        Ok(splices)
    }
}

/// A directive as written, on one line, without its `;`, bounded.
fn shown(tree: &Tree<'_>, directive: &Directive) -> String {
    const MOST: usize = 2000;
    let written = &tree.text[directive.span.start..directive.span.end - 1];
    let text = String::from_utf8_lossy(written);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// New arguments in the place of the old ones, and only from the first to the last that differ.
fn replacement(keep: &Directive, wish: &Wanted) -> Splice {
    let written = |args: &[String]| args.iter().map(|arg| write(arg)).collect::<Vec<_>>().join(" ");
    let splice = |span, with: String| Splice { span, with: with.into_bytes() };
    let (old, new) = (&keep.words[1..], &wish.args[..]);
    let end = keep.span.end - 1;
    if keep.jinja {
        let lead = if new.is_empty() { "" } else { " " };
        return splice(keep.words[0].span.end..end, format!("{lead}{}", written(new)));
    }
    let same = |(old, new): (&Word, &String)| old.value == new.as_bytes();
    // The key is the same, though perhaps not in its case: it stays as it is.
    let keys = wish.keys();
    let front = keys + old[keys..].iter().zip(&new[keys..]).take_while(|it| same(*it)).count();
    let (old, new) = (&old[front..], &new[front..]);
    let back = old.iter().rev().zip(new.iter().rev()).take_while(|it| same(*it)).count();
    let (gone, come) = (&old[..old.len() - back], &new[..new.len() - back]);
    // The name is word 0, so this is the last word before what differs.
    let stays = keep.words[front].span.end;
    match (gone.first(), gone.last()) {
        (Some(first), Some(last)) if !come.is_empty() => {
            splice(first.span.start..last.span.end, written(come))
        }
        (_, Some(last)) => splice(stays..last.span.end, String::new()),
        _ => splice(stays..stays, format!(" {}", written(come))),
    }
}

/// Takes a directive away: with its line when it has one of its own, else with the space beside it.
fn removal(tree: &Tree<'_>, span: &Range<usize>) -> Splice {
    let text = tree.text;
    let rest = tree.rest(span.end);
    let alone = tree.begins_line(span.start);
    let blank = |byte: &&u8| matches!(**byte, b' ' | b'\t');
    let span = match (alone, rest) {
        (true, Rest::Blank(end)) => {
            let start = tree.line_start(span.start);
            if end < text.len() {
                start..end + 1
            } else {
                // The last line has no newline, so the one before it will have none either.
                let before = &text[..start];
                let before = before.strip_suffix(b"\n").unwrap_or(before);
                before.strip_suffix(b"\r").unwrap_or(before).len()..end
            }
        }
        (true, _) => span.start..span.end + text[span.end..].iter().take_while(blank).count(),
        (false, _) => {
            let before = &text[..span.start];
            span.start - before.iter().rev().take_while(blank).count()..span.end
        }
    };
    // Two characters that now meet must not become the beginning of a Jinja tag.
    let meets = text[..span.start].last() == Some(&b'{')
        && matches!(text.get(span.end), Some(b'{' | b'%' | b'#'));
    Splice { span, with: if meets { vec![b' '] } else { vec![] } }
}

/// Puts a directive behind its nearest kin, else at the end of the block.
fn insertion(tree: &Tree<'_>, block: &Block, wish: &Wanted) -> Splice {
    let written = format!("{};", wish.text()).into_bytes();
    let name = wish.name.as_bytes();
    let ours = || block.directives.iter().filter(|it| it.branch == block.branch && !it.cut);
    let called = |it: &&Directive| !it.words[0].jinja && it.words[0].value == name;
    let akin = |it: &&Directive| !it.words[0].jinja && family(&it.words[0].value) == family(name);
    match ours().rfind(called).or_else(|| ours().rfind(akin)) {
        Some(kin) => behind(tree, &kin.span, &written),
        None => at_end(tree, block, &written),
    }
}

fn behind(tree: &Tree<'_>, kin: &Range<usize>, written: &[u8]) -> Splice {
    let indent = tree.indent(kin.start);
    let newline = match tree.rest(kin.end) {
        Rest::Busy => {
            return Splice { span: kin.end..kin.end, with: [b" ", written].concat() };
        }
        Rest::Blank(newline) | Rest::Comment(newline) => newline,
    };
    if newline == tree.text.len() {
        let eol = tree.newline(newline).as_bytes();
        return Splice { span: newline..newline, with: [eol, indent, written].concat() };
    }
    let eol = tree.newline(newline + 1).as_bytes();
    Splice { span: newline + 1..newline + 1, with: [indent, written, eol].concat() }
}

fn at_end(tree: &Tree<'_>, block: &Block, written: &[u8]) -> Splice {
    let at = block.close;
    let sibling = block.directives.iter().rfind(|it| tree.begins_line(it.span.start));
    let sibling = sibling.map(|it| tree.indent(it.span.start));
    let eol = tree.newline(at).as_bytes();
    if block.words.is_empty() {
        let indent = sibling.unwrap_or_default();
        let with = if at == 0 || tree.text.ends_with(b"\n") {
            [indent, written, eol].concat()
        } else {
            [eol, indent, written].concat()
        };
        return Splice { span: at..at, with };
    }
    if !tree.begins_line(at) {
        let blank = tree.text[..at].iter().rev().take_while(|byte| is_blank(**byte)).count();
        let space: &[u8] = if blank == 0 { b" " } else { b"" };
        let behind = at - blank;
        return Splice { span: behind..behind, with: [b" ", written, space].concat() };
    }
    let deeper = [tree.indent(at), b"    "].concat();
    let start = tree.line_start(at);
    Splice { span: start..start, with: [sibling.unwrap_or(&deeper), written, eol].concat() }
}

/// Splices never cross but for two removals that share the space between them.
fn apply(text: &[u8], mut splices: Vec<Splice>) -> Vec<u8> {
    splices.sort_by_key(|splice| (splice.span.start, splice.span.end));
    let mut now = Vec::with_capacity(text.len());
    let mut at = 0;
    for splice in splices {
        now.extend(&text[at..splice.span.start.max(at)]);
        now.extend(splice.with);
        at = at.max(splice.span.end);
    }
    now.extend(&text[at..]);
    now
}
