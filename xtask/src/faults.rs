//! Every place where a run can be cut off: of the frames on the wire on a real server, and of the remote
//! functions' commands on this machine. The ordinary tests take a sample of both. It must never count a
//! point as survived that was not tried: the tests themselves count and print.

use crate::process::{command, show};
use crate::{Outcome, lab};

/// The servers of the lab that are cut, side by side: each is mostly waited for.
const SERVERS: [&str; 3] = ["a3", "b1", "b2"];
/// The tests that try every point. They take too long for the ordinary tests, which try a sample.
pub(crate) const TESTS: [&str; 4] = [
    "e2e::faults::cut_off_at_every_step_in_every_way_the_next_run_makes_it_good",
    "ssh::openssh::lasting::a_connection_that_is_cut_before_and_behind_any_packet_is_as_one_that_is_not",
    "faults::a_server_that_dies_at_any_command_is_made_good_by_the_next_run",
    "faults::frames::a_servers_shell_or_connection_that_is_cut_at_any_step_is_made_good_by_the_next_run",
];

/// Cuts runs at every step, or on the servers only at every `every`th.
pub(crate) fn faults(every: &str) -> Outcome {
    if every.parse::<usize>().is_ok_and(|every| every > 0) {
        lab::obstacle().map_or(Ok(()), Err)?;
        lab::up(&SERVERS)?;
        let description = lab::description()?.display().to_string();
        let mut tests = command(&["cargo", "test", "--test", "tests", "--"]);
        tests.args(["--include-ignored", "--exact", "--nocapture", "--test-threads=3"]).args(TESTS);
        show(tests.env("COWHAND_LAB", description).env("COWHAND_EVERY", every))
    } else {
        Err(format!("{every} is no number of steps"))
    }
}
