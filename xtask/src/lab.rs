//! The lab: real servers on this machine for the tests. Every server is a container with a real sshd that
//! drives the machine's engine; in its Mailcow folder stand look-alikes of the real services. A lab belongs
//! to its checkout. It must never touch a container, network or volume without this checkout's label.

mod describe;
mod docker;
mod gifts;
mod images;
mod place;
mod seed;
mod server;

use crate::process::ask;
use crate::{Outcome, checkout};
use docker::docker;
use place::{Place, SSH_PORT};
use server::{Server, chosen};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The label that says what a server's container was made from.
const SPEC: &str = "cowhand.lab.spec";

/// Starts servers, making whatever is missing. What was cut off is taken up; what runs is left alone.
pub(crate) fn up(names: &[&str]) -> Outcome {
    let began = Instant::now();
    let servers = chosen(names)?;
    let place = place()?;
    docker::answers()?;
    fs::create_dir_all(&place.state)
        .map_err(|error| format!("{}: {error}", place.state.display()))?;
    let _lock = lock(&place)?;
    images::make(&place.state.join("scratch"))?;
    gifts::client_key(&place)?;
    side_by_side(&servers, |server| start(&place, server))?;
    gifts::known_hosts(&place)?;
    describe::describe(&place)?;
    eprintln!("lab: up in {:.1} s: {}", began.elapsed().as_secs_f32(), place.inventory().display());
    Ok(())
}

/// Makes servers new: the Mailcow folder as seeded, its services recreated, cowhand's state gone.
pub(crate) fn reset(names: &[&str]) -> Outcome {
    let began = Instant::now();
    let place = place()?;
    let servers = chosen(names)?;
    side_by_side(&servers, |server| {
        ask(&mut docker(&["exec", &place.container(server), "lab-reset"])).map(drop)
    })?;
    eprintln!("lab: reset in {:.1} s", began.elapsed().as_secs_f32());
    Ok(())
}

/// Says what runs.
pub(crate) fn status(names: &[&str]) -> Outcome {
    let place = place()?;
    docker::answers()?;
    for server in chosen(names)? {
        let address = place.address(server);
        let state = match docker::container(&place.container(server), SPEC) {
            Some(container) if container.running => "up",
            Some(_) => "stopped",
            None => "absent",
        };
        println!("{} (era {}, {address}): {state}", server.name, server.era);
        if state == "up" {
            let project = format!("label=com.docker.compose.project={}", place.project(server));
            let format = "  {{.Label \"com.docker.compose.service\"}}: {{.Status}}";
            println!(
                "{}",
                ask(&mut docker(&["ps", "--all", "--filter", &project, "--format", format]))?
            );
            let (key, known) = (place.client_key(), place.known_hosts());
            println!(
                "  ssh -i {} -o UserKnownHostsFile={} -p {SSH_PORT} root@{address}",
                key.display(),
                known.display()
            );
        }
    }
    Ok(())
}

/// Removes what carries this checkout's label, and the lab's state; with `with_images` also the images that
/// the labs of all checkouts share.
pub(crate) fn down(with_images: bool) -> Outcome {
    let place = place()?;
    docker::answers()?;
    if place.state.exists() {
        let _lock = lock(&place)?;
        docker::remove_all(&place)?;
        remove_state(&place)?;
    } else {
        docker::remove_all(&place)?;
    }
    if with_images { images::remove_images() } else { Ok(()) }
}

/// Why no lab can be had on this machine; `None`: one can.
pub(crate) fn obstacle() -> Option<String> {
    let engine = docker::answers().and_then(|()| docker::socket()).err();
    engine.or_else(images::obstacle).or_else(|| place().err())
}

/// Where the end-to-end tests read what the lab is.
pub(crate) fn description() -> Outcome<PathBuf> {
    place().map(|place| place.description())
}

fn place() -> Outcome<Place> {
    let folder =
        checkout().canonicalize().map_err(|error| format!("{}: {error}", checkout().display()))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    match folder.to_str() {
        Some(path) if path.chars().all(plain) => Ok(Place::of(&folder)),
        _ => Err(format!(
            "the lab needs a checkout whose path has no spaces or signs: {}",
            folder.display()
        )),
    }
}

/// Only one command at a time works on a lab.
fn lock(place: &Place) -> Outcome<File> {
    let path = place.state.join(".lock");
    let file = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    file.lock().map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(file)
}

fn start(place: &Place, server: &Server) -> Outcome {
    let stamp = gifts::lay_out(place, server)?;
    let name = place.container(server);
    run_server(place, server, &name)?;
    let seeded = fs::read_to_string(place.folder(server).join("seeded")).unwrap_or_default();
    // One whose services do not come up was left broken by a test that was cut off.
    if seeded != stamp || ask(&mut docker(&["exec", &name, "lab-start"])).is_err() {
        ask(&mut docker(&["exec", &name, "lab-reset"]))?;
    }
    wait_for_ssh(&place.address(server))
}

/// The server's container, as it is defined now and running.
fn run_server(place: &Place, server: &Server, name: &str) -> Outcome {
    let image = images::SERVER.tag()?;
    match docker::container(name, SPEC) {
        Some(container) if container.label == image && container.running => return Ok(()),
        Some(container) if container.label == image => {
            return ask(&mut docker(&["start", name])).map(drop);
        }
        Some(_) => ask(&mut docker(&["rm", "--force", name])).map(drop)?,
        None => {}
    }
    let folder = place.folder(server);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut run = docker(&[
        "run",
        "--detach",
        "--pull",
        "never",
        "--network",
        "host",
        "--name",
        name,
        "--hostname",
        server.name,
    ]);
    run.args(["--add-host", &format!("{}:{}", server.name, place.address(server))]);
    run.args(["--label", &place.label(), "--label", &format!("{SPEC}={image}")]);
    run.args(["--volume", &format!("{}:/var/run/docker.sock", docker::socket()?)]);
    run.args(["--volume", &format!("{0}:{0}", folder.display())]);
    run.args(["--volume", &format!("{}:/lab:ro", place.gifts(server).display())]);
    ask(run.arg(&image)).map(drop)
}

fn wait_for_ssh(address: &str) -> Outcome {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        let mut banner = String::new();
        if let Ok(stream) = TcpStream::connect((address, SSH_PORT)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
            let _ = BufReader::new(stream).read_line(&mut banner);
        }
        if banner.starts_with("SSH-2.0-") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(format!("no sshd answers at {address}:{SSH_PORT}"))
}

/// What the servers wrote belongs to root: where we may not remove it, a container does.
fn remove_state(place: &Place) -> Outcome {
    if fs::remove_dir_all(&place.state).is_ok() {
        return Ok(());
    }
    let mount = format!("{}:/state", place.state.display());
    let image = images::SERVER.tag()?;
    let remove =
        ["run", "--rm", "--volume", &mount, &image, "find", "/state", "-mindepth", "1", "-delete"];
    ask(&mut docker(&remove)).map(drop)?;
    fs::remove_dir_all(&place.state).map_err(|error| format!("{}: {error}", place.state.display()))
}

/// Does the same with several servers at once; the error names each that failed.
fn side_by_side(servers: &[&'static Server], work: impl Fn(&Server) -> Outcome + Sync) -> Outcome {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            servers.iter().map(|server| (server.name, scope.spawn(|| work(server)))).collect();
        let outcomes = threads.into_iter().map(|(name, thread)| {
            let outcome = thread.join().unwrap_or_else(|_| Err("a thread panicked".into()));
            outcome.map_err(|why| format!("{name}: {why}"))
        });
        outcomes.filter_map(Result::err).collect()
    });
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}
