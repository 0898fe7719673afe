//! Cut between any two frames of a run that changes something: the shell on this machine, and shell and
//! connection of a server over SSH. Whoever spoke to it notices at once.
use super::{LIMIT, Server};
use cowhand::transport::Connect;
use cowhand::transport::embedded::{self, ServerOptions, write_key};
use cowhand::transport::fault::{Blow, Fault};
use cowhand::transport::ssh::{Identities, Options, SshConnect};
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

/// What notices a cut late waits for something that will never come.
const SOON: Duration = Duration::from_secs(15);

impl Server {
    /// What a cut connection left at work has ended; the lock's renewal only sleeps.
    #[track_caller]
    fn wait_until_idle(&self, point: &str) {
        let state = format!("COWHAND_STATE={}\0", self.path("state").display());
        let has =
            |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
        let at_work = || {
            let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
            processes.into_iter().any(|process| {
                let read = |name| std::fs::read(process.join(name)).unwrap_or_default();
                has(&read("environ"), &state) && !has(&read("cmdline"), "sleep")
            })
        };
        let began = Instant::now();
        while at_work() {
            assert!(began.elapsed() < LIMIT, "{point}: something is still at work");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Cuts a run at every `stride`th of its steps, on a server of its own each time. `start` gives a
/// server's doors.
fn steps_are_survived<C, D>(blow: Blow, stride: usize, start: impl Fn(&Server) -> D)
where
    C: Connect + 'static,
    C::Shell: 'static,
    D: Fn(Fault) -> C,
{
    let count = Fault::new(Blow::None, 0);
    let server = Server::new();
    let door = start(&server);
    let whole = server.run(|| door(count.clone()));
    assert_eq!(whole.recap["a"].failed, 0, "{}", whole.text());
    let steps = count.steps();
    assert!(steps > 20, "{steps} steps are too few to be all");
    let points: Vec<usize> = (0..steps).step_by(stride).collect();
    let mut cut = 0;
    for &at in &points {
        let point = format!("{blow:?} cut at step {at} of {steps}");
        let server = Server::new();
        let (door, fault) = (start(&server), Fault::new(blow, at));
        let began = Instant::now();
        let told = server.run(|| door(fault.clone()));
        assert!(began.elapsed() < SOON, "{point}: noticed late: {}", told.text());
        cut += usize::from(told.text().contains("connection lost"));
        server.wait_until_idle(&point);
        server.is_old_or_new(&point);
        server.is_healed_by_the_next_run(&point);
    }
    // Behind the very last answer nobody listens any more.
    assert!(cut + 1 >= points.len(), "{blow:?}: {cut} cuts at {} steps", points.len());
}

#[test]
fn a_shell_here_that_is_killed_between_any_two_frames_is_made_good_by_the_next_run() {
    steps_are_survived(Blow::Shell, 1, |server| {
        let door = server.door();
        move |fault| door.clone().cut_by(Some(fault))
    });
}

/// Cuts what leads to a server over SSH.
fn steps_over_ssh_are_survived(blow: Blow, stride: usize) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    steps_are_survived(blow, stride, |server| {
        let key = server.path("id");
        let options = ServerOptions {
            authorized_key: Some(write_key(&key).unwrap()),
            env: vec![("COWHAND_STATE".into(), server.path("state").display().to_string())],
            ..ServerOptions::default()
        };
        let listening = runtime.block_on(embedded::Server::start(options)).unwrap();
        let known_hosts = server.path("known_hosts");
        std::fs::write(&known_hosts, listening.known_hosts_line()).unwrap();
        let mut options = Options::new(listening.addr.ip().to_string(), "root");
        options.identities = Identities::Given(vec![key]);
        options.known_hosts = vec![known_hosts];
        options.batch_timeout = LIMIT;
        options.port = listening.addr.port();
        move |fault| {
            // The server ends with this door.
            let _ = &listening;
            SshConnect::new(Options { fault: Some(fault), ..options.clone() })
        }
    });
}

#[test]
fn a_servers_shell_or_connection_that_is_cut_at_some_steps_is_made_good_by_the_next_run() {
    steps_over_ssh_are_survived(Blow::Shell, 4);
    steps_over_ssh_are_survived(Blow::Connection, 3);
}

#[test]
#[ignore = "every step: cargo xtask faults"]
fn a_servers_shell_or_connection_that_is_cut_at_any_step_is_made_good_by_the_next_run() {
    steps_over_ssh_are_survived(Blow::Shell, 1);
    steps_over_ssh_are_survived(Blow::Connection, 1);
}
