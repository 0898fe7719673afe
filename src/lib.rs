//! `cowhand` keeps fleets of Mailcow mail servers hardened.
//!
//! # One flow, five beats
//! ```text
//!  cli ─▶ inventory + playbook ─▶ plan ─▶ per host, per task:
//!
//!             pure         I/O         pure         I/O         pure
//!   Task ──▶  bind   ──▶  observe ──▶  plan   ──▶  apply  ──▶  settle ──▶ Event ──▶ reporters
//! ```
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
