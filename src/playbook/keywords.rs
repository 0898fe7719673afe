//! The one table of keywords: parsing, suggestions and `cowhand doc` derive from it. A keyword of
//! Ansible that does not work here has a row as well: it is refused by name, never ignored.
use super::load::Reader;
use super::shape::Shape;
use crate::source::{Diagnostic, Node, nearest};

/// Where a keyword can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A play.
    Play,
    /// An entry of `roles:` or of a role's `dependencies:`.
    Role,
    /// A block.
    Block,
    /// A task.
    Task,
    /// A handler.
    Handler,
    /// `import_tasks`, `import_role`: what it says is inherited by what is imported.
    Import,
    /// `include_tasks`, `include_role`, `include_vars`.
    Include,
    /// `meta`.
    Meta,
    /// `import_playbook`.
    Playbook,
}

impl Place {
    /// As a person would say it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Play => "a play",
            Self::Role => "the use of a role",
            Self::Block => "a block",
            Self::Task => "a task",
            Self::Handler => "a handler",
            Self::Import => "an import",
            Self::Include => "an include",
            Self::Meta => "`meta`",
            Self::Playbook => "`import_playbook`",
        }
    }
}

/// Whether a keyword works here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Supported,
    /// It does not, and what to do instead.
    Refused(&'static str),
}

/// A keyword.
#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    /// As written.
    pub name: &'static str,
    /// Where it can stand; of a refused one: empty.
    pub places: &'static [Place],
    /// What its value looks like.
    pub shape: Shape,
    /// One line for `cowhand doc`.
    pub doc: &'static str,
    /// Whether it works.
    pub status: Status,
}

const fn row(
    name: &'static str,
    places: &'static [Place],
    shape: Shape,
    doc: &'static str,
) -> Keyword {
    Keyword { name, places, shape, doc, status: Status::Supported }
}

const fn refused(name: &'static str, doc: &'static str, instead: &'static str) -> Keyword {
    Keyword { name, places: &[], shape: Shape::Any, doc, status: Status::Refused(instead) }
}

const PLAY: &[Place] = &[Place::Play];
const BLOCK: &[Place] = &[Place::Block];
const TASKS: &[Place] = &[Place::Task, Place::Handler];
const LOOPS: &[Place] = &[Place::Task, Place::Handler, Place::Include, Place::Block];
const REGISTER: &[Place] = &[Place::Task, Place::Handler, Place::Include];
const LISTEN: &[Place] = &[Place::Handler, Place::Include];
const NOTIFY: &[Place] = &[Place::Block, Place::Task, Place::Handler, Place::Import];
/// What is inherited from anything around a task.
const INHERITED: &[Place] =
    &[Place::Play, Place::Role, Place::Block, Place::Task, Place::Handler, Place::Import];
const DELEGATED: &[Place] =
    &[Place::Role, Place::Block, Place::Task, Place::Handler, Place::Import];
const WHEN: &[Place] = &[
    Place::Role,
    Place::Block,
    Place::Task,
    Place::Handler,
    Place::Import,
    Place::Include,
    Place::Meta,
    Place::Playbook,
];
const EVERYWHERE: &[Place] = &[
    Place::Play,
    Place::Role,
    Place::Block,
    Place::Task,
    Place::Handler,
    Place::Import,
    Place::Include,
    Place::Meta,
    Place::Playbook,
];
const NAMED: &[Place] = &[
    Place::Play,
    Place::Block,
    Place::Task,
    Place::Handler,
    Place::Import,
    Place::Include,
    Place::Meta,
    Place::Playbook,
];

/// Every keyword of Ansible, in alphabetical order. (`with_*` are lookups, see
/// [`LOOKUPS`](super::repeat::LOOKUPS).)
pub static KEYWORDS: &[Keyword] = &[
    row("action", TASKS, Shape::Any, "The module as a value: `copy src=a dest=b`."),
    row("always", BLOCK, Shape::Items, "Tasks that run whatever became of the block."),
    row("any_errors_fatal", INHERITED, Shape::Flag, "A failure on one host ends the play for all."),
    row("args", TASKS, Shape::Mapping, "More arguments of the module."),
    refused("async", "Run in the background.", "tasks run in the foreground here: remove it"),
    row("become", INHERITED, Shape::Flag, "Run as another user."),
    row("become_exe", INHERITED, Shape::Text, "The program to become that user with."),
    row("become_flags", INHERITED, Shape::Text, "Options for that program."),
    row(
        "become_method",
        INHERITED,
        Shape::Text,
        "How to become that user: `sudo`, `su` or `doas`.",
    ),
    row("become_user", INHERITED, Shape::Text, "Which user (`root` unless told otherwise)."),
    row("block", BLOCK, Shape::Items, "Tasks that belong together."),
    row("changed_when", TASKS, Shape::Conditions, "When the task counts as changed."),
    row("check_mode", INHERITED, Shape::Flag, "Run in check mode, or in earnest in spite of it."),
    refused("collections", "Where to look for modules.", "remove it: modules are found by name"),
    row(
        "connection",
        INHERITED,
        Shape::Text,
        "How hosts are reached: `ssh`, or `local`: not at all.",
    ),
    refused("debugger", "Stop for a debugger.", "there is none: `-vv` shows what a task does"),
    row("delay", TASKS, Shape::Number, "Seconds between tries."),
    row("delegate_facts", DELEGATED, Shape::Flag, "Facts go to the host that the task runs on."),
    row("delegate_to", DELEGATED, Shape::Text, "Run on another host, with this host's variables."),
    row("diff", INHERITED, Shape::Flag, "Show differences of this task, or hide them."),
    row("environment", INHERITED, Shape::Mappings, "Environment variables of commands."),
    row("fact_path", PLAY, Shape::Text, "The servers' folder of local facts, `*.fact`."),
    row("failed_when", TASKS, Shape::Conditions, "When the task counts as failed."),
    row("force_handlers", PLAY, Shape::Flag, "Run notified handlers though a task failed."),
    row(
        "gather_facts",
        PLAY,
        Shape::Flag,
        "Gather facts first: those that the play may use; unless told otherwise, yes.",
    ),
    row("gather_subset", PLAY, Shape::Texts, "Which facts, as for the module `setup`."),
    row("gather_timeout", PLAY, Shape::Number, "Seconds that a file system may take to answer."),
    row("handlers", PLAY, Shape::Items, "Tasks that run when they are notified."),
    row("hosts", PLAY, Shape::Texts, "Which hosts: a pattern, or a list of them."),
    row("ignore_errors", INHERITED, Shape::Flag, "Go on when it fails."),
    row("ignore_unreachable", INHERITED, Shape::Flag, "Go on when the host can't be reached."),
    row("listen", LISTEN, Shape::Texts, "Topics that the handler runs for."),
    row("local_action", TASKS, Shape::Any, "As `action`, on this machine."),
    row("loop", LOOPS, Shape::List, "Run once for each item."),
    row(
        "loop_control",
        LOOPS,
        Shape::Mapping,
        "`loop_var`, `index_var`, `label`, `pause`, `extended`, `extended_allitems`, `break_when`.",
    ),
    row(
        "max_fail_percentage",
        PLAY,
        Shape::Number,
        "End the play when more hosts than this failed.",
    ),
    row(
        "module_defaults",
        INHERITED,
        Shape::Mapping,
        "Arguments of modules, unless a task says otherwise.",
    ),
    row("name", NAMED, Shape::Text, "What it is for."),
    row("no_log", INHERITED, Shape::Flag, "Show nothing of its arguments and results."),
    row("notify", NOTIFY, Shape::Texts, "Handlers (or topics) to run when something changed."),
    row(
        "order",
        PLAY,
        Shape::Text,
        "`inventory`, `reverse_inventory`, `sorted`, `reverse_sorted`, `shuffle`.",
    ),
    refused(
        "poll",
        "How often to look after a background task.",
        "tasks run in the foreground here",
    ),
    row("port", INHERITED, Shape::Number, "The SSH port."),
    row("post_tasks", PLAY, Shape::Items, "Tasks after `tasks`."),
    row("pre_tasks", PLAY, Shape::Items, "Tasks before `roles`."),
    row("register", REGISTER, Shape::Text, "The variable that takes the result."),
    row("remote_user", INHERITED, Shape::Text, "The user to log in as."),
    row("rescue", BLOCK, Shape::Items, "Tasks that run when the block failed."),
    row("retries", TASKS, Shape::Number, "How often to try again."),
    row(
        "risk",
        INHERITED,
        Shape::Text,
        "`lockout`: it may lock us out, so the play is confirmed or taken back; `none`: it can't.",
    ),
    row("roles", PLAY, Shape::Items, "Roles that run before `tasks`."),
    row(
        "rollback",
        PLAY,
        Shape::Flag,
        "Take back on a host what the play did, when it fails there.",
    ),
    row("run_once", INHERITED, Shape::Flag, "Run on the first host alone, for all."),
    row(
        "serial",
        PLAY,
        Shape::List,
        "How many hosts at a time: a number, a percentage, or a list.",
    ),
    row(
        "strategy",
        PLAY,
        Shape::Text,
        "`linear`: all hosts task by task; `free`: each on its own.",
    ),
    row("tags", EVERYWHERE, Shape::Texts, "Names for `--tags` and `--skip-tags`."),
    row("tasks", PLAY, Shape::Items, "What to do."),
    row(
        "throttle",
        INHERITED,
        Shape::Number,
        "How many hosts run it at once; 0: as many as others.",
    ),
    row(
        "timeout",
        INHERITED,
        Shape::Number,
        "Seconds that what a task runs, asks or waits for may take; 0: as long as it takes.",
    ),
    row("until", TASKS, Shape::Conditions, "Try again until this holds."),
    refused("user", "The old name of `remote_user`.", "write `remote_user`"),
    refused(
        "validate_argspec",
        "Check the play's variables.",
        "give the role a `meta/argument_specs.yml`",
    ),
    row("vars", EVERYWHERE, Shape::Variables, "Variables."),
    row("vars_files", PLAY, Shape::List, "Files with variables."),
    row("vars_prompt", PLAY, Shape::Items, "Variables to ask for, unless `--extra-vars` has them."),
    row("when", WHEN, Shape::Conditions, "Conditions, all of which must hold."),
];

/// The keyword of that name, supported or not.
pub fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

/// The names of the keywords that can stand at a place.
pub fn allowed<'a>(place: Place) -> impl Iterator<Item = &'a str> {
    let stands = move |keyword: &&Keyword| keyword.places.contains(&place);
    KEYWORDS.iter().filter(stands).map(|keyword| keyword.name)
}

/// The pairs of a mapping: keywords that stand where they may and have the right shape, and the rest.
pub(super) struct Fields<'n> {
    place: Place,
    known: Vec<(&'static str, &'n Node, &'n Node)>,
    /// Keys that are no keywords.
    pub(super) others: Vec<(&'n Node, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// Sorts the pairs; what is wrong goes to the reader's findings.
    pub(super) fn sort(
        pairs: impl IntoIterator<Item = &'n (Node, Node)>,
        place: Place,
        reader: &mut Reader<'_>,
    ) -> Self {
        let mut fields = Self { place, known: vec![], others: vec![] };
        for (key, value) in pairs {
            let Some(keyword) = key.text().and_then(find) else {
                fields.others.push((key, value));
                continue;
            };
            match misplaced(keyword, key, place)
                .map_or_else(|| keyword.shape.misfit(keyword.name, value), Some)
            {
                Some(finding) => reader.found(finding),
                None => fields.known.push((keyword.name, key, value)),
            }
        }
        fields
    }

    /// The value of a keyword, once.
    pub(super) fn take(&mut self, name: &str) -> Option<&'n Node> {
        self.pair(name).map(|(_, value)| value)
    }

    /// A keyword with its value, once.
    pub(super) fn pair(&mut self, name: &str) -> Option<(&'n Node, &'n Node)> {
        let at = self.known.iter().position(|(known, ..)| *known == name)?;
        let (_, key, value) = self.known.swap_remove(at);
        Some((key, value))
    }

    /// Tells of every key that is no keyword; `more` are words that would have been right as well.
    pub(super) fn refuse_others(&self, more: &[&str], reader: &mut Reader<'_>) {
        for (key, _) in &self.others {
            reader.found(unknown(key, self.place, more));
        }
    }

    /// Every keyword that was let in must have been taken by whoever asked for the fields.
    pub(super) fn done(self) {
        debug_assert!(self.known.is_empty(), "keywords that nobody took: {:?}", self.known);
    }
}

/// A key that nothing here is called by.
pub(super) fn unknown(key: &Node, place: Place, more: &[&str]) -> Diagnostic {
    let word = key.text().unwrap_or_default();
    let finding =
        Diagnostic::error(key.span, format!("`{word}` is not a keyword of {}", place.text()));
    if crate::modules::find(word).is_some() {
        return finding.help("it is a module: call it in a list of tasks");
    }
    suggest(finding, word, allowed(place).chain(more.iter().copied()))
}

/// Adds "did you mean", if something is near.
pub(super) fn suggest<'a>(
    finding: Diagnostic,
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    match nearest(word, candidates) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding,
    }
}

fn misplaced(keyword: &Keyword, key: &Node, place: Place) -> Option<Diagnostic> {
    let name = keyword.name;
    match keyword.status {
        Status::Refused(instead) => {
            Some(Diagnostic::error(key.span, format!("`{name}` is not supported")).help(instead))
        }
        Status::Supported if keyword.places.contains(&place) => None,
        Status::Supported if place == Place::Include && keyword.places.contains(&Place::Import) => {
            let message = format!("`{name}` is not a keyword of {}", place.text());
            let help = format!("give it to what is included: `apply: {{{name}: …}}`");
            Some(Diagnostic::error(key.span, message).help(help))
        }
        Status::Supported => {
            let places: Vec<_> = keyword.places.iter().map(|place| place.text()).collect();
            let message = format!("`{name}` is not a keyword of {}", place.text());
            Some(
                Diagnostic::error(key.span, message)
                    .help(format!("it belongs to {}", places.join(", "))),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_alphabetical_order_without_repeats() {
        assert!(KEYWORDS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn a_keyword_has_places_exactly_when_it_is_supported() {
        for keyword in KEYWORDS {
            assert_eq!(keyword.places.is_empty(), keyword.status != Status::Supported);
        }
    }

    #[test]
    fn no_keyword_hides_a_module() {
        let stands = |keyword: &&Keyword| !keyword.places.is_empty();
        let mut standing = KEYWORDS.iter().filter(stands);
        assert!(standing.all(|keyword| crate::modules::find(keyword.name).is_none()));
    }
}
