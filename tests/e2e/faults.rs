//! A run that changes both services, cut off at every step that it makes: by SIGKILL for cowhand, for the
//! connection, and for the server's shell. `cargo xtask faults` takes every step, the tests a sample.
//!
//! Nothing is reset between two points: each run goes from one configuration to the other, so the end of
//! one point is the beginning of the next. Servers side by side share the points among them.
use super::lab::{NGINX, POSTFIX, Server};
use super::program::command;
use super::watch::Watch;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Output;
use std::time::{Duration, Instant};

const SERVICES: [&str; 2] = [NGINX, POSTFIX];
/// Two configurations that differ in both services: the switches, the header, the parameter.
const SIDES: [Side; 2] =
    [Side { age: "63072000", ciphers: "high" }, Side { age: "31536000", ciphers: "medium" }];

#[derive(Clone, Copy)]
struct Side {
    age: &'static str,
    ciphers: &'static str,
}

impl Side {
    fn switches(self) -> [String; 4] {
        let age = format!("mailcow_hardening_hsts_max_age={}", self.age);
        let ciphers = format!("mailcow_hardening_smtp_tls_ciphers={}", self.ciphers);
        ["-e".into(), age, "-e".into(), ciphers]
    }
}

/// A server and what its two files hold under either configuration.
struct Drill {
    server: Server,
    contents: [[String; 2]; 2],
}

impl Drill {
    fn on(name: &'static str) -> Self {
        let server = Server::fresh(name);
        let mut drill = Self { server, contents: Default::default() };
        for side in [0, 1] {
            let ended = drill.apply(side, None);
            assert_eq!(ended.status.code(), Some(0), "{ended:?}");
            drill.contents[side] = drill.live();
        }
        drill
    }

    fn apply(&self, side: usize, fault: Option<&str>) -> Output {
        let switches = SIDES[side].switches();
        let mut words = vec!["-l", self.server.name];
        words.extend(switches.iter().map(String::as_str));
        let mut apply = command("apply", &self.server.inventory(), &words);
        if let Some(fault) = fault {
            apply.env("COWHAND_FAULT", fault);
        }
        apply.output().unwrap()
    }

    /// The steps of a run from the other side to this one.
    fn steps(&self, side: usize) -> usize {
        let ended = self.apply(side, Some("count"));
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        let said = String::from_utf8(ended.stderr).unwrap();
        let steps = said.lines().find_map(|line| line.strip_prefix("steps: "));
        steps.unwrap_or_else(|| panic!("{said}")).parse().unwrap()
    }

    /// Both files as they are. Mailcow itself strips line ends at a file's end.
    fn live(&self) -> [String; 2] {
        [self.server.nginx_file(), self.server.extra_cf()]
            .map(|path| self.server.read(&path).trim_end().to_owned())
    }

    /// What a cut leaves the server's own processes to finish is finished, and the lease is over.
    fn wait(&self, point: &str) {
        let deadline = Instant::now() + Duration::from_secs(240);
        let ours = "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null; echo; done | grep -c '^sshd.*@notty' || true";
        while self.server.sh(ours).trim() != "0" {
            assert!(Instant::now() < deadline, "{point}: a shell is still at work");
            std::thread::sleep(Duration::from_millis(100));
        }
        self.server
            .sh("[ ! -e /var/lib/cowhand/lock ] || touch -d '1 hour ago' /var/lib/cowhand/lock");
    }

    /// Cuts one run and lets the next one make it good.
    fn point(&self, blow: &str, at: usize, to: usize) {
        let point = format!("{blow} cut at step {at} on the way to {to}");
        let watch = Watch::over(&self.server);
        let cut = self.apply(to, Some(&format!("{blow}@{at}")));
        self.wait(&point);
        let first = watch.starts();
        let live = self.live();
        for (service, live) in live.iter().enumerate() {
            let known = self.contents.iter().any(|contents| contents[service] == *live);
            assert!(known, "{point}: {} is neither old nor new:\n{live}", SERVICES[service]);
        }
        self.services_take_their_files(&point);
        let owed = self.server.sh("cat /var/lib/cowhand/owed/* 2>/dev/null || true");
        let needed = [("Restart nginx", 0), ("Restart Postfix", 1)].map(|(handler, service)| {
            usize::from(owed.contains(handler) || live[service] != self.contents[to][service])
        });

        let watch = Watch::over(&self.server);
        let next = self.apply(to, None);
        assert_eq!(next.status.code(), Some(0), "{point}: {cut:?}\nthen {next:?}");
        let second = watch.starts();
        assert_eq!(second, needed, "{point}: restarts of the run after it; owed were {owed:?}");
        for service in [0, 1] {
            assert!(first[service] + second[service] >= 1, "{point}: a restart was lost");
        }
        assert_eq!(self.live(), self.contents[to], "{point}");
        self.services_take_their_files(&point);
        self.services_run(SIDES[to], &point);
        self.nothing_is_left(&point);
    }

    fn services_take_their_files(&self, point: &str) {
        // A container may be about to come up.
        let deadline = Instant::now() + Duration::from_secs(60);
        let project = self.server.mailcow_dir();
        let tried = format!(
            "cd '{project}' && docker compose exec -T {NGINX} nginx -t 2>&1 && docker compose exec -T {POSTFIX} postconf >/dev/null 2>&1 && echo both || true"
        );
        loop {
            let said = self.server.sh(&tried);
            if said.trim_end().ends_with("both") {
                return;
            }
            assert!(Instant::now() < deadline, "{point}: {said}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn services_run(&self, side: Side, point: &str) {
        let answer = self.server.get("/");
        let header = answer.all("strict-transport-security");
        assert!(header.iter().all(|header| header.contains(side.age)), "{point}: {header:?}");
        assert!(!header.is_empty(), "{point}: {answer:?}");
        let ciphers = self.server.inside(POSTFIX, &["postconf", "-h", "smtp_tls_ciphers"]);
        assert_eq!(ciphers.trim(), side.ciphers, "{point}");
    }

    fn nothing_is_left(&self, point: &str) {
        let stray = self.server.sh(&format!(
            "find '{0}' -name '.*.cowhand.*'
            cd /var/lib/cowhand && find . -name 'lock*' -o -path './owed/*' -o -path './runs/.new*' -o -name '.??????'
            docker ps --all --quiet --filter label=com.docker.compose.oneoff=True --filter label=com.docker.compose.project={1}",
            self.server.mailcow_dir(),
            self.server.project(),
        ));
        assert_eq!(stray, "", "{point}: left behind");
    }
}

/// What became of points.
#[derive(Default)]
struct Tally {
    /// Of a run there.
    steps: usize,
    tried: usize,
    /// What was not as it should be, and where.
    wrong: Vec<String>,
}

const BLOWS: [&str; 3] = ["cowhand", "connection", "shell"];

/// Cuts at every `stride`th point, each server taking its share; prints what it does.
fn cut(names: &[&'static str], stride: usize) {
    let began = Instant::now();
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let shares = (0..names.len())
            .map(|share| scope.spawn(move || share_of(names, share, stride)))
            .collect::<Vec<_>>();
        shares.into_iter().map(|share| share.join().unwrap()).collect()
    });
    // Else a step could be nobody's share.
    assert!(tallies.iter().all(|tally| tally.steps == tallies[0].steps));
    let tried: usize = tallies.iter().map(|tally| tally.tried).sum();
    let wrong: Vec<String> = tallies.into_iter().flat_map(|tally| tally.wrong).collect();
    let left = wrong.iter().filter(|wrong| wrong.contains("left behind")).count();
    let (lost, seconds) = (wrong.len() - left, began.elapsed().as_secs());
    say(&format!("{tried} points: {lost} lost, {left} left behind, {seconds} s"));
    assert!(tried > 0 && wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A server's share. One that something goes wrong on is made new before its next point.
fn share_of(names: &[&'static str], share: usize, stride: usize) -> Tally {
    let name = names[share];
    let mut drill = Drill::on(name);
    let steps = drill.steps(0);
    assert!(steps >= 12, "{steps} steps are too few to be all");
    let all = BLOWS.iter().flat_map(|blow| (0..steps).map(move |at| (*blow, at)));
    let points: Vec<_> = all.step_by(stride).skip(share).step_by(names.len()).collect();
    say(&format!(
        "{name}: {steps} steps, to be cut in {} ways: {} points",
        BLOWS.len(),
        points.len()
    ));
    // To count the steps, it went to side 0.
    let (mut tally, mut side) = (Tally { steps, ..Tally::default() }, 0);
    for (blow, at) in points {
        let began = Instant::now();
        let tried = catch_unwind(AssertUnwindSafe(|| drill.point(blow, at, 1 - side)));
        tally.tried += 1;
        let became = match tried {
            Ok(()) => {
                side = 1 - side;
                "made good"
            }
            Err(why) => {
                let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
                tally.wrong.push(format!("{name}: {blow} cut at step {at}: {why}"));
                // The server is locked by the drill.
                drop(drill);
                (drill, side) = (Drill::on(name), 1);
                "NOT MADE GOOD"
            }
        };
        let seconds = began.elapsed().as_secs_f32();
        say(&format!("{name}: {blow} cut at step {at}: {became}, {seconds:.1} s"));
    }
    tally
}

fn say(text: &str) {
    let mut err = std::io::stderr();
    writeln!(err, "{text}").unwrap();
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn cut_off_at_some_steps_in_every_way_the_next_run_makes_it_good() {
    cut(&["b2"], 17);
}

/// `COWHAND_EVERY=N`: only every Nth.
#[test]
#[ignore = "every step takes long: cargo xtask faults"]
fn cut_off_at_every_step_in_every_way_the_next_run_makes_it_good() {
    let every = std::env::var("COWHAND_EVERY").map_or(1, |every| every.parse().unwrap());
    cut(&["a3", "b1", "b2"], every);
}
