//! `cowhand inventory vars explain HOST NAME`: every place that gives a variable a value for a host, the one
//! that wins first.
use super::args::{ExplainArgs, HostArgs, PlayArgs};
use super::limit;
use super::load::{self, fleet, sources};
use super::{Exit, Wrong};
use crate::plan::{self, Context, batch, layer};
use crate::secret::Secrets;
use crate::source::{SourceMap, nearest, sealed_in};
use crate::vars::{Engine, Scope, Trust};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{self, Write};

/// A play by its name, and what holds in it for the host.
struct View {
    play: Option<String>,
    scope: Scope,
}

/// Tells the chain for the inventory alone, or for each play of a playbook that has the host.
pub(super) fn explain(args: &ExplainArgs) -> Result<Exit, Wrong> {
    let (views, engine, sources) = views(args)?;
    let mut out = io::stdout().lock();
    let mut found = false;
    for View { play, scope } in &views {
        if scope.get(&args.name).is_none() {
            continue;
        }
        found = true;
        if let Some(play) = play {
            writeln!(out, "play {play}")?;
        }
        chain(&mut out, args, scope, &engine, &sources)?;
    }
    if found {
        return Ok(Exit::Fine);
    }
    let names: BTreeSet<&str> = (views.iter().flat_map(|view| view.scope.layers()))
        .flat_map(|layer| layer.values.keys().map(String::as_str))
        .collect();
    let help = nearest(&args.name, names).map(|near| format!("did you mean `{near}`?"));
    let message = format!("nothing gives `{}` a value for {}", args.name, args.host);
    Err(Wrong::Usage(message, help))
}

fn views(args: &ExplainArgs) -> Result<(Vec<View>, Engine, SourceMap), Wrong> {
    let hosts: &HostArgs = &args.hosts;
    let Some(playbook) = &args.playbook else {
        let fleet = fleet(hosts, None, sources(hosts)?)?;
        if fleet.inventory.host(&args.host).is_none() {
            limit::chosen(&fleet, &args.host, None)?;
        }
        let layers = fleet.inventory.layers(&args.host).into_iter();
        let scope = layers
            .map(|(origin, vars)| layer(&origin, Trust::Template, vars))
            .fold(Scope::default(), |scope, layer| scope.with(layer))
            .with(fleet.extra.clone());
        let engine = Engine::new([].into(), Box::new(|_| None), fleet.sources.vault().clone());
        return Ok((vec![View { play: None, scope }], engine, fleet.sources));
    };
    let play = PlayArgs { playbook: playbook.clone(), hosts: hosts.clone(), ..PlayArgs::default() };
    let (job, _) = load::job(&play, true)?;
    let mut views = vec![];
    for play in job.plays.iter().filter(|play| play.hosts.contains(&args.host)) {
        let brought = plan::Play::new(&play.play, &play.vars_files);
        let context = Context::default();
        let batch = batch(&play.hosts, &play.hosts, &BTreeSet::new());
        let shared = job.roster.now();
        let own = shared.host_vars(&args.host);
        let scope = shared.scope(&brought, &own, &context, &batch);
        let name = play.play.keywords.name.as_ref().map_or(&play.play.hosts.value, |it| &it.value);
        views.push(View { play: Some(name.clone()), scope });
    }
    if views.is_empty() {
        return Err(Wrong::usage(format!("no play of {} has {}", playbook.display(), args.host)));
    }
    Ok((views, job.engine, job.sources))
}

/// The value that holds, then each level that has one: what it is, where, and as it is written there.
fn chain(
    out: &mut impl Write,
    args: &ExplainArgs,
    scope: &Scope,
    engine: &Engine,
    sources: &SourceMap,
) -> Result<(), Wrong> {
    let secrets = sources.vault().secrets();
    let reference = Value::from(format!("{{{{ {} }}}}", args.name));
    match engine.render(&reference, scope) {
        Ok(value) => {
            writeln!(out, "{} = {}", args.name, secrets.censor_value(value))?;
        }
        Err(error) => writeln!(out, "{} can't be told yet: {error}", args.name)?,
    }
    let layers = scope.layers().iter().rev();
    let mut shadowed = false;
    for layer in layers.filter(|layer| layer.values.contains_key(&args.name)) {
        let value = written(&layer.values[&args.name], secrets);
        let verb = if shadowed { "shadows" } else { "holds  " };
        let place = layer.places.get(&args.name).map(|span| sources.locate(*span));
        let (level, place) = (level(&layer.origin), place.unwrap_or_default());
        writeln!(out, "  {verb}  {value}  {level}  {place}").map_err(Wrong::from)?;
        shadowed = true;
    }
    Ok(())
}

/// A value as it is written, without what must not be told.
fn written(value: &Value, secrets: &Secrets) -> Value {
    match value.as_str().and_then(sealed_in) {
        Some(_) => "(encrypted)".into(),
        None => secrets.censor_value(value.clone()),
    }
}

/// What a level is called: a file of `group_vars/` or `host_vars/` by that folder, others as they are.
fn level(origin: &str) -> &str {
    ["group_vars", "host_vars"]
        .into_iter()
        .find(|folder| origin.split('/').any(|part| part == *folder))
        .unwrap_or(origin)
}
