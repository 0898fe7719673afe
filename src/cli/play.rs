//! `apply` and `check`: load everything, refuse what is wrong, then run and report.
use super::args::{ApplyArgs, CheckArgs, Color, Format, PlayArgs};
use super::connect::Dialer;
use super::{Exit, Wrong, load, saved, trust};
use crate::event::Event;
use crate::plan::saved::Saved;
use crate::plan::{Step, play_steps};
use crate::report::{Fanout, Json, Palette, Progress, Reporter, Text};
use crate::run::{Job, follow, foresee, run};
use crate::source::Severity;
use crate::vars::Scope;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// `cowhand apply`.
pub(super) async fn apply(args: ApplyArgs, verbose: u8, color: Color) -> Result<Exit, Wrong> {
    let plan = args.plan.as_deref().map(saved::read).transpose()?;
    let way = match plan {
        Some(plan) => Way::Follow(Box::new(plan)),
        None => Way::Plain,
    };
    let check = args.play.check;
    play(args.play, check, way, verbose, color).await
}

/// `cowhand check`.
pub(super) async fn check(args: CheckArgs, verbose: u8, color: Color) -> Result<Exit, Wrong> {
    let way = args.out.map_or(Way::Plain, Way::Save);
    play(args.play, true, way, verbose, color).await
}

/// What a run has to do with a saved plan.
enum Way {
    Plain,
    Save(PathBuf),
    Follow(Box<Saved>),
}

async fn play(
    args: PlayArgs,
    check: bool,
    way: Way,
    verbose: u8,
    color: Color,
) -> Result<Exit, Wrong> {
    let (job, warnings) = load::job(&args, check)?;
    job.roster.begin_with(|shared| {
        let magic = &mut Arc::make_mut(&mut shared.magic).values;
        magic.insert("ansible_verbosity".into(), verbose.into());
    });
    for warning in warnings.iter().filter(|finding| finding.severity == Severity::Warning) {
        let text = warning.render(&job.sources, color.on_stderr());
        writeln!(io::stderr(), "{}", text.trim_end())?;
    }
    if let Some(exit) = listed(&args, &job)? {
        return Ok(exit);
    }
    let dialer = Arc::new(Dialer::new(&job, &args.login, &args.hosts.inventory)?);
    let hosts: BTreeSet<String> = job.plays.iter().flat_map(|play| play.hosts.clone()).collect();
    trust::ask(&dialer, &hosts.into_iter().collect::<Vec<_>>()).await?;
    let job = Arc::new(job);
    let (sender, receiver) = unbounded_channel();
    let reporter = reporter(&args, verbose, color);
    let telling = std::thread::spawn(move || tell(reporter, receiver));
    let listener = tokio::spawn(listen(job.options.interrupt.clone(), sender.clone()));
    let dial = {
        let dialer = dialer.clone();
        move |host: &str, scope: &Scope| dialer.dial_by(host, scope.clone())
    };
    let (recap, plan) = match &way {
        Way::Plain => (run(job.clone(), dial, sender).await, None),
        Way::Follow(plan) => (follow(job.clone(), plan, dial, sender).await, None),
        Way::Save(path) => {
            let (recap, plan) = foresee(job.clone(), dial, sender).await;
            (recap, Some((path, plan)))
        }
    };
    listener.abort();
    if let Some(steps) = dialer.steps() {
        writeln!(io::stderr(), "steps: {steps}")?;
    }
    // A reporter that panicked is a bug, told apart from one whose output was closed.
    let told = tokio::task::spawn_blocking(move || telling.join()).await;
    if !matches!(told, Ok(Ok(()))) {
        return Ok(Exit::Bug);
    }
    if job.options.interrupt.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    if let Some((path, plan)) = plan {
        saved::write(path, &plan)?;
        saved::tell(path, &plan)?;
    }
    Ok(Exit::of(&recap, check, args.strict))
}

/// The first ctrl-C (or SIGTERM) lets the change in hand end and begins nothing new; the second
/// leaves at once: what is owed is marked on the servers.
async fn listen(interrupt: CancellationToken, events: UnboundedSender<Event>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    for first in [true, false] {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        if first {
            interrupt.cancel();
            // A reporter that is gone is no reason to stop listening.
            let _ = events.send(Event::Stopping);
        } else {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    }
}

/// Passes events on until the run is over. Output that was closed does not stop the run.
fn tell(mut reporter: Fanout, mut events: UnboundedReceiver<Event>) {
    while let Some(event) = events.blocking_recv() {
        if let Err(error) = reporter.event(&event) {
            tracing::debug!("can't report: {error}");
        }
    }
}

/// The reporters that the arguments ask for.
fn reporter(args: &PlayArgs, verbose: u8, color: Color) -> Fanout {
    if args.format == Format::Json {
        return Fanout(vec![Box::new(Json(io::stdout()))]);
    }
    let palette = Palette { color: color.on_stdout() };
    let live = io::stderr().is_terminal() && io::stdout().is_terminal() && !args.no_progress;
    if live {
        let progress = Progress::new();
        let text = Text::new(progress.writer(), palette, verbose);
        return Fanout(vec![Box::new(progress) as Box<dyn Reporter>, Box::new(text)]);
    }
    Fanout(vec![Box::new(Text::new(io::stdout(), palette, verbose))])
}

/// `--list-hosts`, `--list-tasks`, `--list-tags`, `--syntax-check`.
fn listed(args: &PlayArgs, job: &Job) -> Result<Option<Exit>, Wrong> {
    if !(args.list_hosts || args.list_tasks || args.list_tags || args.syntax_check) {
        return Ok(None);
    }
    let mut out = io::stdout().lock();
    writeln!(out, "playbook: {}", job.playbook)?;
    for (number, play) in job.plays.iter().enumerate() {
        let name = play.play.name.as_deref().unwrap_or(&play.play.hosts.value);
        writeln!(out, "\n  play #{} ({}): {name}", number + 1, play.play.hosts.value)?;
        if args.list_hosts {
            writeln!(out, "    hosts ({}):", play.hosts.len())?;
            for host in &play.hosts {
                writeln!(out, "      {host}")?;
            }
        }
        let steps = play_steps(&play.play, &job.options.chosen, &job.sources);
        if args.list_tasks {
            writeln!(out, "    tasks:")?;
            list_tasks(&mut out, &steps)?;
        }
        if args.list_tags {
            let mut tags = BTreeSet::new();
            collect_tags(&steps, &mut tags);
            let tags: Vec<_> = tags.into_iter().collect();
            writeln!(out, "    tags: [{}]", tags.join(", "))?;
        }
    }
    Ok(Some(Exit::Fine))
}

fn list_tasks(out: &mut impl Write, steps: &[Step]) -> io::Result<()> {
    for step in steps {
        match step {
            Step::Task(task) => {
                let tags: Vec<_> = task.context.tags().into_iter().collect();
                writeln!(out, "      {}\ttags: [{}]", task.name, tags.join(", "))?;
            }
            Step::Block { items, rescue, always } => {
                for part in [items, rescue, always] {
                    list_tasks(out, part)?;
                }
            }
            Step::Include(_, context) => {
                let name = context.keywords.name.as_ref().map_or("include", |name| &name.value);
                writeln!(out, "      {name}")?;
            }
            Step::Meta(..) | Step::Flush { .. } => {}
        }
    }
    Ok(())
}

fn collect_tags(steps: &[Step], out: &mut BTreeSet<String>) {
    for step in steps {
        match step {
            Step::Task(task) => out.extend(task.context.tags()),
            Step::Block { items, rescue, always } => {
                [items, rescue, always].into_iter().for_each(|part| collect_tags(part, out));
            }
            Step::Include(_, context) => out.extend(context.tags()),
            Step::Meta(..) | Step::Flush { .. } => {}
        }
    }
}
