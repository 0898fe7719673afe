//! `vars_prompt`: asks for variables before anything is contacted; on anything but a terminal the default
//! holds, and where there is none the playbook is refused.
use super::Wrong;
use super::load::ask;
use crate::playbook::{Play, Prompt};
use crate::source::{Diagnostic, Spanned, Vars, inert};
use crate::vars::{Engine, Layer, Scope, Trust};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};

/// The variables that a play asks for, but for those that `-e` gives.
pub(super) fn prompted(
    play: &Play,
    asks: bool,
    extra: &Layer,
    engine: &Engine,
) -> Result<Vars, Vec<Diagnostic>> {
    let mut vars = vec![];
    for prompt in &play.prompts {
        let name = &prompt.name;
        if extra.values.contains_key(&name.value) {
            continue;
        }
        let answer = if asks && io::stdin().is_terminal() {
            answer(prompt).map_err(|_| vec![unheard(name)])?
        } else {
            None
        };
        let typed = answer.is_some();
        let unasked = (!asks).then(|| Value::from(""));
        let value = answer.map(Value::from).or_else(|| prompt.default.clone()).or(unasked);
        let Some(value) = value else {
            let message = format!("`{}` is asked for, and there is no terminal", name.value);
            let finding = Diagnostic::error(name.span, message);
            let finding = finding.help(format!("give it with `-e {}=…`", name.value));
            return Err(vec![finding]);
        };
        let value = encrypted(prompt, value, engine).map_err(|finding| vec![finding])?;
        // Nobody who types is a template's author.
        let value = match value {
            Value::String(text) if typed || prompt.is_unsafe => inert(&text).into(),
            other => other,
        };
        vars.push((name.clone(), Spanned::new(value, name.span)));
    }
    Ok(vars)
}

fn unheard(name: &Spanned<String>) -> Diagnostic {
    let message = format!("`{}` is asked for, and nobody can be heard", name.value);
    Diagnostic::error(name.span, message)
}

/// What somebody types; nothing at all: the default.
fn answer(prompt: &Prompt) -> Result<Option<String>, Wrong> {
    let default = prompt.default.as_ref().filter(|_| !prompt.private);
    let shown = default.map_or(String::new(), |default| match default {
        Value::String(text) => format!(" [{text}]"),
        other => format!(" [{other}]"),
    });
    loop {
        let text = once(prompt, &format!("{}{shown}: ", prompt.text))?;
        if !prompt.confirm || once(prompt, &format!("confirm {}: ", prompt.text))? == text {
            return Ok(Some(text).filter(|text| !text.is_empty()));
        }
        writeln!(io::stderr(), "the two are not the same")?;
    }
}

fn once(prompt: &Prompt, question: &str) -> Result<String, Wrong> {
    if prompt.private {
        return ask(question);
    }
    write!(io::stderr(), "{question}")?;
    io::stderr().flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// `encrypt`: the hash of a password stands for it.
fn encrypted(prompt: &Prompt, value: Value, engine: &Engine) -> Result<Value, Diagnostic> {
    let Some(scheme) = &prompt.encrypt else { return Ok(value) };
    let mut values = Map::new();
    values.insert("password".into(), value);
    values.insert("scheme".into(), scheme.value.clone().into());
    values.insert("salt".into(), prompt.salt.clone().into());
    let (origin, places) = ("vars_prompt".to_owned(), BTreeMap::new());
    let scope = Scope::default().with(Layer { origin, trust: Trust::Data, values, places });
    let salt = if prompt.salt.is_some() { ", salt" } else { "" };
    engine
        .evaluate(&format!("password | string | password_hash(scheme{salt})"), &scope)
        .map_err(|error| Diagnostic::error(scheme.span, format!("encrypt: {error}")))
}
