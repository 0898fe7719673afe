//! `cowhand` keeps fleets of Mailcow mail servers hardened: idempotent, push-based, over SSH.
//!
//! This page is the architecture. Users start at the README; `cowhand doc` is their reference.
//!
//! # One flow, five beats
//! ```text
//!  cli ─▶ inventory + playbook ─▶ plan ─▶ per host, per task:
//!
//!             pure         I/O         pure         I/O         pure
//!   Task ──▶  bind   ──▶  observe ──▶  plan   ──▶  apply  ──▶  settle ──▶ Event ──▶ reporters
//!          when, loop,   what is      wanted ×    writes,     register,
//!          templates     there        observed    commands    notify
//! ```
//! * **bind** ([`plan::bind`]): variables, `when`, `loop` and templates make a module and its parameters.
//! * **observe**: the module names the [`facts::Probe`]s it needs; the [`transport`] answers them in one
//!   round trip.
//! * **plan** ([`modules::Module::plan`]): wanted × observed → [`change::Change`]s; empty means already so.
//!   No clock, no randomness, no transport.
//! * **apply**: what is owed is marked, then files are written and commands run, in one round trip. In
//!   check mode it is replaced by [`change::Change::predict`] on what is known, so that later tasks see it.
//! * **settle** ([`plan::settle`]): outcome, `changed_when`, `failed_when`, `register`, `notify`.
//!
//! A task is planned at its turn. What makes it fast is prefetch ([`plan::prefetch`]): before the first
//! task, every task that can be bound with what is known is asked for its probes, and all of them travel
//! in the first round trip, with the facts ([`facts::Topic`]) that anything in the project may use
//! ([`plan::used`]). A change makes the runner forget what it may have made untrue.
//!
//! A saved plan ([`plan::saved`]) is what a check foresaw, as digests. [`run::follow`] rehearses the run
//! in check mode, leaves alone whoever does not agree with the plan, and then lets no task make a change
//! that the plan does not have.
//!
//! # The shapes
//! * [`modules::Module`]: two pure functions. A module can't reach a host: it has no type with which to
//!   say so. A new module is one file and one line in `modules/mod.rs`.
//! * [`change::Change`] and [`facts::Probe`] are closed sets; the compiler lists what to extend.
//! * [`facts::Observed::get`] on a fact that nobody asked for gives [`facts::Unasked`]; the runner
//!   fetches it and plans again. So `observe` is a hint for batching, and `plan` the truth.
//! * [`transport::Transport`] speaks meaning, not shell. `ssh` and `local` render through
//!   [`transport::wire`] and the functions of `remote.sh`; `fake` answers from a model; one contract
//!   suite holds all three. What tasks do where cowhand runs ([`change::Here`]) goes through
//!   [`transport::here`].
//! * [`event::Event`] is all that is told; reporters fold over events and know nothing else.
//!
//! # The layers
//! A file imports only layers above its own in this list; `tests/layers.rs` holds it. Only those marked
//! *edge* do I/O; `.clippy.toml` bans it elsewhere.
//!
//! | layer | what it is |
//! |---|---|
//! | [`source`], [`secret`], [`shell`], [`vault`] | where things were written; values that never print; the only quoting; what is encrypted |
//! | [`facts`] | what can be known of a host: a file per probe, its command and its parser side by side |
//! | [`change`] | what can be done to a host: predict, take back, diff |
//! | [`modules`] | how wishes become changes |
//! | [`inventory`] | who |
//! | [`playbook`] | what was asked |
//! | [`vars`] | precedence, templates, conditions |
//! | [`project`] | *edge*: reads project files once |
//! | [`event`] | the vocabulary between doing and telling |
//! | [`plan`] | steps, scopes, bind, prefetch, settle, validate |
//! | [`transport`] | *edge*: SSH, the local machine, a model |
//! | [`run`] | plays, hosts, tasks and handlers in time: the only async code beside `transport` |
//! | [`report`] | *edge*: text, JSON, progress |
//! | [`cli`] | *edge*: arguments in, exit code out |
//!
//! # Rules that hold everywhere
//! * What can't be predicted says so: a command in check mode is *unknown*, never a silent ok.
//! * Unknown keys, modules, handlers and variables stop the run before any server is contacted.
//! * Text from a server is data: never evaluated, bounded, its control characters never printed.
//! * Secrets are a type ([`secret::Secret`]). What templates and servers make of one is known by its text:
//!   [`secret::Secrets`] takes it out of every event and finding, whoever sends it.
//! * A restart can't be lost: the batch that writes a file first marks what it notifies as owed on the
//!   server; a handler takes its mark away when it has succeeded; whoever comes next runs what is marked.
//!
//! # Never half done
//! A play is a transaction on each host. Its journal is on the server, written by the functions that do
//! the work (`transport/journal.sh`, which opens with the layout), so old content never travels:
//! * The first batch that changes something begins with [`change::Entry::Begin`]: it takes the server's
//!   lock and opens the run's journal. Each change after it is a [`change::Change::Step`], which keeps what
//!   it replaces before it replaces it. A run that changes nothing writes nothing.
//! * [`change::Change::undo`] says of each change how it is taken back: by the image or the command that
//!   the server keeps, by doing it again, or not at all, and why.
//! * A play that fails on a host is taken back there (`run::rollback`): [`change::Entry::Undo`] takes its
//!   steps back, newest first, and doing so twice is doing it once; then the handlers that had run, run again.
//! * A host that never answered is called once more when the plays are over for the others (`run::chance`).
//! * A connection that is lost is made again below the run ([`transport::lasting`]): what was under way is sent
//!   again as it was, and a step that was made already is answered by the journal, not made twice.
//! * Before the first change of a play that can lock us out ([`change::Change::can_lock_out`], or the task's
//!   `risk`), [`change::Entry::Arm`] starts a timer on the server (`transport/confirm.sh`). Behind the play,
//!   a new connection ([`transport::Connect::anew`]) confirms; else the server takes the play back by itself
//!   and does again what [`change::Entry::Again`] told it. Whoever comes next is told.
//! * What a run leaves in a file is kept in mind (`transport/written.sh`). Where somebody else has changed it
//!   since, the task that mends it says so, and what became of it ([`plan::edited`]).
//! * A run that was cut off leaves each path old or new, what it owes marked, and a lock that lapses. The
//!   next run goes forward from there.
//!
//! # What is deliberately absent, and where it will go
//! Proof on the wire and report files are probes and reporters. Neither needs another shape.
pub mod change;
pub mod cli;
pub mod event;
pub mod facts;
pub mod inventory;
pub mod modules;
pub mod plan;
pub mod playbook;
pub mod project;
pub mod report;
pub mod run;
pub mod secret;
pub mod shell;
pub mod source;
pub mod transport;
pub mod vars;
pub mod vault;
