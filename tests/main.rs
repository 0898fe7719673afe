//! Every test that is not beside its code, in one binary: the folder tree is the test list.

mod broken;
mod cli;
mod confirm;
mod contract;
mod delegate;
mod e2e;
mod edited;
mod explain;
mod expressions;
mod faults;
mod filesystem;
mod fuzz;
mod lasting;
mod laws;
mod layers;
mod mailcow;
mod modules;
mod one_machine;
mod plans;
mod playbook;
mod role;
mod run;
mod second_chance;
mod secrets;
mod ssh;
mod stage;
