//! Includes: decided per host when they are reached; hosts that include the same thing go through it
//! together.
use super::host::{HostRun, State};
use super::play::{Batch, PlayWorld};
use super::task::item_layer;
use super::{attempt, emit};
use crate::event::Event;
use crate::plan::{BindError, Context, included, loop_items, when_holds};
use crate::playbook::{Include, Included};
use crate::transport::Connect;
use std::collections::BTreeSet;
use std::sync::Arc;

impl<C> Batch<C>
where
    C: Connect + 'static,
    C::Shell: 'static,
{
    /// An include, decided per host: hosts that include the same thing go through it together.
    pub(super) async fn include(
        &mut self,
        include: &Arc<Include>,
        context: &Arc<Context>,
        on: &BTreeSet<String>,
        rescuable: bool,
    ) {
        let mut groups: Vec<(Bound, BTreeSet<String>)> = vec![];
        let mut broken = vec![];
        for host in self.hosts.iter().filter(|host| on.contains(&host.name)) {
            match bind_include(&self.world, host, include, context) {
                Ok(bounds) => {
                    for bound in bounds {
                        match groups.iter_mut().find(|(other, _)| *other == bound) {
                            Some((_, names)) => {
                                names.insert(host.name.clone());
                            }
                            None => groups.push((bound, [host.name.clone()].into())),
                        }
                    }
                }
                Err(error) => broken.push((host.name.clone(), error)),
            }
        }
        for (name, error) in broken {
            self.fail(&name, include, &error, rescuable);
        }
        for (bound, names) in groups {
            let mut inside = Context::clone(context);
            if let Some(item) = &bound.item {
                inside.params.push(Arc::new(item.clone()));
            }
            if let Included::Vars(vars) = &include.what {
                for host in self.hosts.iter_mut().filter(|host| names.contains(&host.name)) {
                    host.vars.include(vars);
                }
                continue;
            }
            let job = self.world.job.clone();
            let file = bound.file.as_deref();
            let chosen = &job.options.chosen;
            if let Some(steps) = included(include, &inside, file, chosen, &job.sources) {
                self.steps(&steps, &names, rescuable).await;
            } else {
                let what = file.unwrap_or("").to_owned();
                for name in &names {
                    let error = format!("no such file to include: `{what}`");
                    self.fail(name, include, &error, rescuable);
                }
            }
        }
    }

    /// An include that can't be decided fails like a task.
    fn fail(&mut self, name: &str, include: &Include, message: &str, rescuable: bool) {
        let Some(host) = self.hosts.iter_mut().find(|host| host.name == name) else { return };
        let outcome = crate::event::Outcome::Failed {
            message: message.to_owned(),
            ignored: false,
            rescued: rescuable,
        };
        host.state = State::Failed;
        host.count(&outcome);
        emit(
            &self.world.events,
            Event::TaskFinished {
                host: name.to_owned(),
                task: "include".to_owned(),
                place: self.world.job.sources.locate(include.span),
                handler: false,
                outcome,
                diffs: vec![],
                result: serde_json::Map::new(),
            },
        );
    }
}

/// What an include comes to on a host.
#[derive(Clone, Debug)]
struct Bound {
    file: Option<String>,
    item: Option<crate::vars::Layer>,
}

impl PartialEq for Bound {
    fn eq(&self, other: &Self) -> bool {
        let item = |bound: &Self| bound.item.as_ref().map(|layer| layer.values.clone());
        self.file == other.file && item(self) == item(other)
    }
}

fn bind_include<C: Connect>(
    world: &PlayWorld,
    host: &HostRun<C>,
    include: &Include,
    context: &Context,
) -> Result<Vec<Bound>, String> {
    let engine = &world.job.engine;
    let said =
        |error: BindError| format!("{}{error}", attempt::located(&world.job.sources, error.span));
    let scope = world.scope(host, context);
    let layers = match &include.repeat {
        None => vec![None],
        Some(repeat) => {
            let items = loop_items(repeat, engine, &scope)
                .map_err(|e| said(BindError::keyword("loop", (e, Some(repeat.over.span)))))?;
            (0..items.len()).map(|index| Some(item_layer(repeat, &items, index))).collect()
        }
    };
    let mut out = vec![];
    for item in layers {
        let scope = item.iter().fold(scope.clone(), |scope, layer| scope.with(layer.clone()));
        if when_holds(context, engine, &scope).map_err(said)?.is_err() {
            continue;
        }
        let file = match &include.what {
            Included::Templated { file, .. } => {
                let name = engine.render(&file.value.clone().into(), &scope);
                let span = Some(file.span);
                let name = name.map_err(|e| said(BindError::keyword("include", (e, span))))?;
                name.as_str().map(str::to_owned)
            }
            _ => None,
        };
        out.push(Bound { file, item });
    }
    Ok(out)
}
