//! A run that changes both services, cut off at every step that it makes: by SIGKILL for cowhand, for the
//! connection, and for the server's shell. `cargo xtask faults` takes every step, the tests a sample.
//!
//! Nothing is reset between two points: each run goes from one configuration to the other, so the end of
//! one point is the beginning of the next.
use super::lab::{NGINX, POSTFIX, Server};
use super::program::command;
use super::watch::Watch;
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

/// Cuts at so many points, evenly taken from all, or at all; prints what it does.
fn cut(name: &'static str, sample: Option<usize>) {
    let drill = Drill::on(name);
    let steps = drill.steps(0);
    assert!(steps >= 12, "{steps} steps are too few to be all");
    let blows = ["cowhand", "connection", "shell"];
    let all = blows.iter().flat_map(|blow| (0..steps).map(move |at| (*blow, at)));
    let stride = sample.map_or(1, |sample| (blows.len() * steps).div_ceil(sample));
    let points: Vec<_> = all.step_by(stride).collect();
    let mut out = std::io::stderr();
    let mut say = |text: String| {
        use std::io::Write as _;
        writeln!(out, "{text}").unwrap();
    };
    say(format!("{steps} steps, cut in {} ways: {} points", blows.len(), points.len()));
    let began = Instant::now();
    for (number, (blow, at)) in points.iter().enumerate() {
        // The runs before left the server on side 0.
        drill.point(blow, *at, (number + 1) % 2);
        say(format!(
            "{}/{} {blow} cut at step {at}: made good, {} s",
            number + 1,
            points.len(),
            began.elapsed().as_secs()
        ));
    }
    say(format!("{} points: 0 lost, 0 left behind", points.len()));
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn cut_off_at_some_steps_in_every_way_the_next_run_makes_it_good() {
    cut("b2", Some(7));
}

#[test]
#[ignore = "every step takes long: cargo xtask faults"]
fn cut_off_at_every_step_in_every_way_the_next_run_makes_it_good() {
    cut("b2", None);
}
