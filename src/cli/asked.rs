//! What was asked for on the command line: as variables, and whether the playbook has it.
use super::Wrong;
use super::args::PlayArgs;
use crate::plan::{Context, play_steps, start_at, task_names};
use crate::playbook::{Item, Play};
use crate::run::Job;
use crate::source::{Diagnostic, nearest};
use serde_json::Value;
use std::collections::BTreeSet;

/// What was asked for on the command line, as variables.
pub(super) fn asked(args: &PlayArgs) -> Vec<(String, Value)> {
    let all = || vec!["all".to_owned()];
    let tags = if args.tags.is_empty() { all() } else { args.tags.clone() };
    let sources = args.hosts.inventory.iter().map(|source| {
        // A list of hosts is no path.
        let path = (!source.contains(',')).then(|| std::path::absolute(source).ok()).flatten();
        path.map_or_else(|| source.clone(), |path| path.display().to_string())
    });
    let mut asked = vec![
        ("ansible_forks".to_owned(), args.login.forks.into()),
        ("ansible_inventory_sources".to_owned(), sources.collect::<Vec<_>>().into()),
        ("ansible_run_tags".to_owned(), tags.into()),
        ("ansible_skip_tags".to_owned(), args.skip_tags.clone().into()),
        ("ansible_verbosity".to_owned(), 0.into()),
    ];
    asked.extend(
        args.hosts.limit.iter().map(|only| ("ansible_limit".to_owned(), only.clone().into())),
    );
    asked
}

/// Tags that were asked for and that nothing has.
pub(super) fn idle_tags(args: &PlayArgs, plays: &[Play]) -> Vec<Diagnostic> {
    const WORDS: [&str; 5] = ["all", "always", "never", "tagged", "untagged"];
    let mut known = BTreeSet::new();
    for play in plays {
        play.walk(&mut |item, here| {
            let own = match item {
                Item::Task(task) => &task.keywords,
                Item::Block(block) => &block.keywords,
                Item::Include(include) => &include.keywords,
                Item::Meta(meta) => &meta.keywords,
            };
            for keywords in here.around.iter().copied().chain([own]) {
                known.extend(Context::default().enter(keywords, "").tags());
            }
        });
    }
    if known.iter().any(|tag| tag.contains("{{")) {
        return vec![];
    }
    let asked = args.tags.iter().chain(&args.skip_tags);
    let idle = asked.filter(|tag| !WORDS.contains(&tag.as_str()) && !known.contains(*tag));
    idle.map(|tag| {
        let finding = Diagnostic::general(format!("nothing has the tag `{tag}`")).warning();
        match nearest(tag, known.iter().map(String::as_str)) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding,
        }
    })
    .collect()
}

/// Refuses to begin at a task that is not there: everything else would be left out.
pub(super) fn startable(job: &Job) -> Result<(), Wrong> {
    let Some(name) = &job.options.start_at else { return Ok(()) };
    let steps: Vec<_> = (job.plays.iter())
        .flat_map(|play| play_steps(&play.play, &job.options.chosen, &job.sources))
        .collect();
    if start_at(&steps, name).is_some() {
        return Ok(());
    }
    let near = nearest(name, task_names(&steps)).map(|near| format!("did you mean `{near}`?"));
    Err(Wrong::Usage(format!("--start-at-task: there is no task `{name}`"), near))
}
