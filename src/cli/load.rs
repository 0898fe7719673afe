//! From arguments to a job: reads the project, parses, chooses hosts, and refuses what is wrong
//! before anything is contacted.
use super::Wrong;
use super::args::{HostArgs, LintArgs, LoginArgs, PlayArgs};
use super::asked::{asked, idle_tags, startable};
use super::brought::Brought;
use super::limit::{limited, unfolded};
use super::prompt::prompted;
use super::vault::vault;
use crate::inventory::Inventory;
use crate::plan::{Selection, Shared, layer, magic, sealed, unheeded, unread, validate};
use crate::playbook::Library as _;
use crate::playbook::{self, Item, Play, Playbook, RoleUse};
use crate::project::{self, Disk, ThisMachine};
use crate::run::{Job, Options, PlayJob};
use crate::secret::Secret;
use crate::source::{Diagnostic, Severity, SourceMap, Spanned, Vars, nearest};
use crate::vars::{Engine, Layer, Scope, Trust};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Who, and what is known of them from files.
pub(super) struct Fleet {
    pub(super) sources: SourceMap,
    pub(super) inventory: Inventory,
    /// As they were named on the command line.
    pub(super) inventories: Vec<String>,
    pub(super) extra: Arc<Layer>,
    pub(super) warnings: Vec<Diagnostic>,
}

/// Reads inventories, the variables beside them and beside `playbook_dir`, and `-e`.
pub(super) fn fleet(
    hosts: &HostArgs,
    playbook_dir: Option<&Path>,
    mut sources: SourceMap,
) -> Result<Fleet, Wrong> {
    let failed =
        |sources: &SourceMap, found: Vec<Diagnostic>| Wrong::Project(sources.clone(), found);
    let one = |sources: &SourceMap, found: Diagnostic| failed(sources, vec![found]);
    let vault = sources.vault().clone();
    let (inputs, mut beside) =
        project::inventory(&hosts.inventory, &vault).map_err(|found| one(&sources, found))?;
    // What stands beside both is read once.
    let apart = |folder: &&Path| !hosts.inventory.iter().any(|arg| is_beside(arg, folder));
    if let Some(folder) = playbook_dir.filter(apart) {
        let vars = project::vars_beside(folder, &vault);
        let vars = vars.map_err(|found| one(&sources, found))?;
        beside.push(vars);
    }
    let read = Inventory::read(&inputs, &beside, &mut sources);
    let (inventory, warnings) = read.map_err(|found| failed(&sources, found))?;
    let found = unheeded(&inventory);
    if !found.is_empty() {
        return Err(failed(&sources, found));
    }
    let extra = project::extra_vars(&hosts.extra_vars, &mut sources);
    let extra = extra.map_err(|found| one(&sources, found))?;
    let extra = Arc::new(layer("extra vars", Trust::Template, &extra));
    let inventories = hosts.inventory.clone();
    Ok(Fleet { sources, inventory, inventories, extra, warnings })
}

/// Whether an inventory stands in a folder, or is it.
fn is_beside(inventory: &str, folder: &Path) -> bool {
    let path = Path::new(inventory);
    let own = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let whole = |path: &Path| std::path::absolute(Path::new(".").join(path)).ok();
    !inventory.contains(',') && whole(own) == whole(folder)
}

/// An empty map of sources, with the vault that the arguments open.
pub(super) fn sources(hosts: &HostArgs) -> Result<SourceMap, Wrong> {
    Ok(SourceMap::new(vault(&hosts.vault)?))
}

/// Everything for `apply` and `check`.
pub(super) fn job(args: &PlayArgs, check: bool) -> Result<(Job, Vec<Diagnostic>), Wrong> {
    let (job, warnings) = assemble(args, check)?;
    startable(&job)?;
    let found = sealed(&job.plays, &job.roster.now(), &job.engine, job.sources.vault());
    if !found.is_empty() {
        return Err(Wrong::Project(job.sources, found));
    }
    if job.plays.iter().all(|play| play.hosts.is_empty()) {
        let patterns: Vec<_> =
            job.plays.iter().map(|play| format!("`{}`", play.play.hosts.value)).collect();
        let message = format!("no host matches {}", patterns.join(", "));
        return Err(Wrong::Usage(message, Some("look at `cowhand inventory graph`".into())));
    }
    Ok((job, warnings))
}

/// What `lint` finds in one playbook: warnings, or what stops it.
pub(super) fn lint(
    playbook: &Path,
    args: &LintArgs,
) -> Result<(SourceMap, Vec<Diagnostic>), Wrong> {
    let args = PlayArgs {
        playbook: playbook.to_owned(),
        hosts: HostArgs {
            inventory: args.inventory.clone(),
            extra_vars: args.extra_vars.clone(),
            limit: None,
            vault: args.vault.clone(),
        },
        syntax_check: true,
        ..PlayArgs::default()
    };
    let (job, mut warnings) = assemble(&args, true)?;
    warnings.extend(unread(&job.plays, &job.roster.now()));
    Ok((job.sources, warnings))
}

fn assemble(args: &PlayArgs, check: bool) -> Result<(Job, Vec<Diagnostic>), Wrong> {
    let vault = vault(&args.hosts.vault)?;
    let disk = Disk::new(&args.playbook, &vault);
    let mut sources = SourceMap::new(vault.clone());
    let loaded = playbook::load(&args.playbook, &disk, &mut sources);
    // What is wrong with the inventory is told together with what is wrong with the playbook.
    let (playbook, mut warnings, mut found) = match loaded {
        Ok((playbook, warnings)) => (playbook, warnings, vec![]),
        Err(found) => (Playbook::default(), vec![], found),
    };
    let dir = folder_of(&args.playbook);
    let mut fleet = match fleet(&args.hosts, Some(&dir), sources) {
        Err(Wrong::Project(sources, more)) => {
            found.extend(more);
            return Err(Wrong::Project(sources, found));
        }
        fleet => fleet?,
    };
    let engine = Engine::on(Arc::new(ThisMachine::new(!check)), vault.clone());
    let brought = Brought::of(&playbook.plays);
    let limit = limited(&fleet, args.hosts.limit.as_deref(), &|name| brought.maybe(name))?;
    warnings.extend(idle_tags(args, &playbook.plays));
    let roles = role_folders(&playbook.plays);
    let files = project::assets(&roles, &dir, &vault)
        .map_err(|found| Wrong::Project(fleet.sources.clone(), vec![found]))?;
    let mut plays = vec![];
    for play in playbook.plays {
        match play_job(play, args, &mut fleet, &engine, &disk, (limit.as_ref(), &brought)) {
            Ok(play) => plays.push(play),
            Err(more) => found.extend(more),
        }
    }
    let Fleet { mut sources, inventory, extra, warnings: more, .. } = fleet;
    warnings.extend(more);
    if !found.is_empty() {
        return Err(Wrong::Project(sources, found));
    }
    let absolute = std::path::absolute(&dir).unwrap_or_else(|_| dir.clone());
    let mut magic = magic(&inventory, check, args.diff, &absolute.display().to_string());
    magic.values.extend(asked(args));
    let working_dir = std::path::absolute(".").unwrap_or_default();
    let shared = Shared::new(&plays, inventory, extra, magic, files, (dir, working_dir));
    let found = validate(&plays, &shared, &engine, &mut sources);
    if found.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Wrong::Project(sources, found));
    }
    warnings.extend(found);
    let job = Job {
        playbook: args.playbook.display().to_string(),
        plays,
        sources,
        engine,
        roster: shared.into(),
        options: options(args, check)?,
    };
    Ok((job, warnings))
}

fn folder_of(playbook: &Path) -> PathBuf {
    match playbook.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn options(args: &PlayArgs, check: bool) -> Result<Options, Wrong> {
    let limit = args.hosts.limit.as_deref();
    Ok(Options {
        check,
        limit: limit.map(unfolded).transpose()?,
        diff: args.diff,
        forks: args.login.forks,
        chosen: Selection { tags: args.tags.clone(), skip: args.skip_tags.clone() },
        start_at: args.start_at_task.clone(),
        force_handlers: args.force_handlers,
        no_rollback: args.no_rollback,
        confirm_timeout: args.confirm.confirm_timeout,
        by: super::identity::identity(args.lock.lock_lease),
        become_password: become_password(&args.login)?,
        interrupt: CancellationToken::new(),
    })
}

/// What `-K` asks for.
pub(super) fn become_password(login: &LoginArgs) -> Result<Option<Secret<String>>, Wrong> {
    Ok(if login.ask_become_pass { Some(Secret::new(ask("become password: ")?)) } else { None })
}

/// Asks on the terminal, without echo.
pub(super) fn ask(prompt: &str) -> Result<String, Wrong> {
    rpassword::prompt_password(prompt)
        .map_err(|error| Wrong::usage(format!("can't ask for a password: {error}")))
}

/// Whether nothing is run: nobody is asked for anything then.
const fn only_looks(args: &PlayArgs) -> bool {
    args.syntax_check || args.list_hosts || args.list_tasks || args.list_tags
}

/// A play with its hosts and its `vars_files`.
fn play_job(
    mut play: Play,
    args: &PlayArgs,
    fleet: &mut Fleet,
    engine: &Engine,
    disk: &Disk,
    (limit, brought): (Option<&BTreeSet<String>>, &Brought),
) -> Result<PlayJob, Vec<Diagnostic>> {
    let scope = Scope::default()
        .with(layer("play vars", Trust::Template, &play.keywords.vars))
        .with(fleet.extra.clone());
    let mut wrong = vec![];
    let render = |value: &serde_json::Value| engine.render(value, &scope);
    let span = play.hosts.span;
    let pattern = render(&play.hosts.value.clone().into())
        .map_err(|error| vec![Diagnostic::error(span, format!("hosts: {error}"))])?;
    pattern.as_str().unwrap_or_default().clone_into(&mut play.hosts.value);
    let hosts = if args.hosts.inventory.is_empty() {
        // `lint` without an inventory knows no hosts.
        vec![]
    } else {
        let select = |expected: &dyn Fn(&str) -> bool| {
            fleet.inventory.select_expecting(&play.hosts.value, expected)
        };
        let known = select(&|name| brought.surely(name));
        let hosts = known.or_else(|found| {
            let hosts = select(&|name| brought.maybe(name))?;
            let help = "this play does nothing unless `add_host` or `group_by` brings it";
            let warning = Diagnostic { span: Some(span), ..found }.warning();
            fleet.warnings.push(Diagnostic { help: None, ..warning }.help(help));
            Ok(hosts)
        });
        hosts.unwrap_or_else(|found: Diagnostic| {
            wrong.push(Diagnostic { span: Some(span), ..found });
            vec![]
        })
    };
    let hosts: Vec<String> =
        (hosts.into_iter()).filter(|host| limit.is_none_or(|limit| limit.contains(host))).collect();
    let mut vars_files = vec![prompted(&play, !only_looks(args), &fleet.extra, engine)?];
    for file in &play.vars_files {
        let rendered = render(&file.value)
            .map_err(|e| vec![Diagnostic::error(file.span, format!("vars_files: {e}"))]);
        let read = rendered.and_then(|it| vars_file(&it, file, &play.folder, fleet, disk));
        match read {
            Ok(vars) => vars_files.push(vars),
            Err(found) => wrong.extend(found),
        }
    }
    let login = &args.login;
    let user = login.become_user.clone().map(serde_json::Value::from);
    let method = login.become_method.clone().map(serde_json::Value::from);
    for (keyword, flag) in [
        (&mut play.keywords.escalate, login.escalate.then_some(true.into())),
        (&mut play.keywords.become_user, user),
        (&mut play.keywords.become_method, method),
    ] {
        *keyword = keyword.take().or(flag.map(|value| Spanned::new(value, play.span)));
    }
    if wrong.is_empty() { Ok(PlayJob { play, hosts, vars_files }) } else { Err(wrong) }
}

/// One entry of `vars_files`: a name, or a list of which the first that exists is taken.
fn vars_file(
    rendered: &serde_json::Value,
    written: &Spanned<serde_json::Value>,
    folder: &Path,
    fleet: &mut Fleet,
    disk: &Disk,
) -> Result<Vars, Vec<Diagnostic>> {
    let names: Vec<&str> = match rendered {
        serde_json::Value::Array(names) => names.iter().filter_map(|name| name.as_str()).collect(),
        other => other.as_str().into_iter().collect(),
    };
    // As Ansible looks for them: in `vars/` first.
    for path in names.iter().flat_map(|name| [folder.join("vars").join(name), folder.join(name)]) {
        let read = playbook::load_vars(&path, disk, &mut fleet.sources);
        if let Some(vars) = read? {
            return Ok(vars);
        }
    }
    let found = Diagnostic::error(written.span, format!("no such file: `{}`", names.join("`, `")));
    let beside = disk.files_below(folder);
    let beside = beside.iter().filter_map(|file| file.strip_prefix(folder).ok()?.to_str());
    let near = names.first().and_then(|name| nearest(name, beside));
    Err(vec![match near {
        Some(near) => found.help(format!("did you mean `{near}`?")),
        None => found.help("looked for it beside the playbook, in `vars/` first"),
    }])
}

/// The folders of every role that plays put to use.
fn role_folders(plays: &[Play]) -> Vec<PathBuf> {
    fn role(used: &RoleUse, out: &mut BTreeSet<PathBuf>) {
        out.insert(used.role.path.clone());
        used.role.dependencies.iter().for_each(|dependency| role(dependency, out));
        items(&used.tasks, out);
    }
    fn items(list: &[Item], out: &mut BTreeSet<PathBuf>) {
        for item in list {
            match item {
                Item::Block(block) => {
                    if let Some(role) = &block.role {
                        out.insert(role.path.clone());
                    }
                    for part in [&block.items, &block.rescue, &block.always] {
                        items(part, out);
                    }
                }
                Item::Include(include) => {
                    include.what.lists().into_iter().for_each(|list| items(list, out));
                    include.what.roles().into_iter().for_each(|used| role(used, out));
                }
                Item::Task(_) | Item::Meta(_) => {}
            }
        }
    }
    let mut out = BTreeSet::new();
    for play in plays {
        play.roles.iter().for_each(|used| role(used, &mut out));
        for list in [&play.pre_tasks, &play.tasks, &play.post_tasks, &play.handlers] {
            items(list, &mut out);
        }
    }
    out.into_iter().collect()
}
