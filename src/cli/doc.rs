//! `cowhand doc`: the reference, from the registries themselves.
use super::args::DocArgs;
use super::{Exit, Wrong};
use crate::modules::{MODULES, ModuleDef, Table};
use crate::playbook::keywords::KEYWORDS;
use crate::source::nearest;
use crate::vars::{self, Described};
use std::io::{self, Write};

/// One thing that can be looked up.
struct Entry {
    kind: &'static str,
    name: &'static str,
    summary: &'static str,
}

/// Everything that can be looked up.
fn entries() -> Vec<Entry> {
    let mut out: Vec<Entry> = (MODULES.iter())
        .map(|def| Entry { kind: "module", name: def.name, summary: def.summary })
        .collect();
    out.extend(KEYWORDS.iter().map(|it| Entry { kind: "keyword", name: it.name, summary: it.doc }));
    out.extend(expressions().map(|(kind, it)| Entry { kind, name: it.name, summary: it.doc }));
    out
}

/// Filters, tests and lookups.
fn expressions() -> impl Iterator<Item = (&'static str, Described)> {
    let filters = vars::filters().map(|it| ("filter", it));
    let tests = vars::tests().map(|it| ("test", it));
    filters.chain(tests).chain(vars::lookups().map(|it| ("lookup", it)))
}

/// `cowhand doc [NAME]`.
pub(super) fn doc(args: &DocArgs) -> Result<Exit, Wrong> {
    let mut out = io::stdout().lock();
    let entries = entries();
    let Some(name) = &args.name else {
        for entry in &entries {
            writeln!(out, "{:8} {:28} {}", entry.kind, entry.name, entry.summary)?;
        }
        return Ok(Exit::Fine);
    };
    if let Some(module) = crate::modules::find(name) {
        return module_page(&mut out, module).map(|()| Exit::Fine).map_err(Wrong::from);
    }
    let found: Vec<&Entry> = entries.iter().filter(|entry| entry.name == name).collect();
    if found.is_empty() {
        let near = nearest(name, entries.iter().map(|entry| entry.name));
        let help = near.map(|near| format!("did you mean `{near}`?"));
        return Err(Wrong::Usage(format!("nothing is called `{name}`"), help));
    }
    for entry in found {
        writeln!(out, "{} {}\n  {}", entry.kind, entry.name, entry.summary)?;
        let example = expressions()
            .find(|(kind, it)| *kind == entry.kind && it.name == entry.name)
            .map(|(_, it)| it.example);
        if let Some(example) = example {
            writeln!(out, "  {{{{ {example} }}}}")?;
        }
    }
    Ok(Exit::Fine)
}

fn listed(out: &mut impl Write, title: &str, tables: &[Table]) -> io::Result<()> {
    let mut rows = tables.iter().copied().flatten().peekable();
    if rows.peek().is_some() {
        writeln!(out, "\n{title}")?;
    }
    for (name, help) in rows {
        writeln!(out, "  {name}\n      {help}")?;
    }
    Ok(())
}

fn module_page(out: &mut impl Write, module: &ModuleDef) -> io::Result<()> {
    writeln!(out, "{}\n  {}\n\noptions", module.name, module.summary)?;
    for option in module.options {
        let aliases = match option.aliases {
            [] => String::new(),
            names => format!(" (also {})", names.join(", ")),
        };
        writeln!(out, "  {}{aliases}\n      {}", option.name, option.help)?;
    }
    listed(out, "refused", module.refused)?;
    listed(out, "returns", module.returns)?;
    writeln!(out, "\nexamples")?;
    for example in module.examples {
        writeln!(out, "  - {}:", module.name)?;
        for line in example.lines() {
            writeln!(out, "      {line}")?;
        }
    }
    Ok(())
}
