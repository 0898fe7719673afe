//! The real program against real servers: every test here runs `cowhand` on the lab, which `cargo xtask
//! test` starts. What is asserted is what the servers do, never what the program says of itself alone.
#![expect(clippy::disallowed_methods, reason = "programs, files and servers are what is tested")]
mod candidate;
mod drift;
mod eras;
mod faults;
mod fleet;
mod lab;
mod logins;
mod owed;
mod program;
mod sudo;
mod transaction;
mod watch;
mod wire;
