//! Every place where a run can be cut off: of the frames on the wire on a real server, and of the remote
//! functions' commands on this machine. The ordinary tests take a sample of both. It must never count a
//! point as survived that was not tried: the tests themselves count and print.

use crate::process::{command, show};
use crate::{Outcome, lab};

/// The server of the lab that is cut.
const SERVER: &str = "b2";
/// The tests that try every point. They take too long for the ordinary tests, which try a sample.
pub(crate) const TESTS: [&str; 3] = [
    "e2e::faults::cut_off_at_every_step_in_every_way_the_next_run_makes_it_good",
    "faults::a_server_that_dies_at_any_command_is_made_good_by_the_next_run",
    "faults::frames::a_servers_shell_or_connection_that_is_cut_at_any_step_is_made_good_by_the_next_run",
];

/// Cuts runs at every step.
pub(crate) fn faults() -> Outcome {
    lab::obstacle().map_or(Ok(()), Err)?;
    lab::up(&[SERVER])?;
    let description = lab::description()?.display().to_string();
    let mut tests = command(&["cargo", "test", "--test", "tests", "--"]);
    tests.args(["--include-ignored", "--exact", "--nocapture", "--test-threads=1"]).args(TESTS);
    show(tests.env("COWHAND_LAB", description))
}
