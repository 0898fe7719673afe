//! Every test that is not beside its code, in one binary: the folder tree is the test list.

mod contract;
mod laws;
mod layers;
mod mailcow;
mod modules;
mod role;
mod ssh;
