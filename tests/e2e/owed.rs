//! A run that dies between the write and the restart.
use super::lab::{NGINX, Server};
use super::watch::Watch;
use cowhand::event::Outcome;
use std::os::unix::process::ExitStatusExt as _;

/// A `docker` before the real one that stops at a restart: it says so through one pipe and waits at the
/// other, until it is told whether to go on.
const STOPS_AT_RESTART: &str = r#"#!/bin/sh
case " $* " in
*" restart "*)
  echo reached > /tmp/reached
  read -r answer < /tmp/gate
  [ "$answer" = go ] || exit 1
  ;;
esac
exec /usr/bin/docker "$@"
"#;

/// Takes that `docker` away, whatever comes of the test, and lets nobody wait for ever.
pub(super) struct StopsAtRestart<'a>(&'a Server);

impl<'a> StopsAtRestart<'a> {
    pub(super) fn at(server: &'a Server) -> Self {
        server.sh("rm -f /tmp/reached /tmp/gate; mkfifo /tmp/reached /tmp/gate");
        server.append("/usr/local/bin/docker", STOPS_AT_RESTART);
        server.sh("chmod +x /usr/local/bin/docker");
        Self(server)
    }
}

impl Drop for StopsAtRestart<'_> {
    fn drop(&mut self) {
        self.0.sh("rm -f /usr/local/bin/docker
            # Opened both ways it waits for nobody.
            echo no 1<> /tmp/gate
            rm -f /tmp/reached /tmp/gate");
    }
}

#[test]
#[ignore = "needs the lab: cargo xtask test --lab"]
fn killed_between_write_and_restart_the_next_run_restarts_what_is_owed() {
    let server = Server::fresh("b2");
    server.apply(&[]).exits(0);
    let hardened = server.read(&server.nginx_file());
    server.sh(&format!("sed -i 's/gzip off;/gzip on;/' '{}'", server.nginx_file()));
    let containers = server.containers();

    let stopper = StopsAtRestart::at(&server);
    let mut dying = server.start_apply();
    server.sh("timeout 60 cat /tmp/reached");
    dying.kill().unwrap();
    assert_eq!(dying.wait().unwrap().signal(), Some(9));
    drop(stopper);
    assert_eq!(server.read(&server.nginx_file()), hardened, "the file is written");
    assert_eq!(server.containers(), containers, "and nothing is restarted");
    assert_eq!(server.get("/css/lab.css").all("Content-Encoding"), Vec::<&str>::new());

    let files = server.snapshot();
    let checked = server.check(&[]).exits(3);
    assert_eq!(checked.owed("b2"), ["Restart nginx"]);
    assert_eq!(checked.recap("b2").owed, 1);
    server.snapshot().assert_is(&files);

    let refused = server.apply(&[]).exits(2);
    assert!(
        refused.locked("b2").who.contains("pid"),
        "the lock is still that of the run that died"
    );
    server.snapshot().assert_is(&files);
    server.lapse();

    let watch = Watch::over(&server);
    let applied = server.apply(&[]).exits(0);
    assert_eq!(watch.starts(), [1, 0]);
    assert_ne!(server.container(NGINX), containers[0]);
    assert_eq!(applied.owed("b2"), ["Restart nginx"]);
    assert_eq!(applied.tasks("b2", &Outcome::Changed), ["Restart nginx"]);
    assert_eq!(applied.recap("b2").owed, 0);

    let watch = Watch::over(&server);
    let again = server.apply(&[]).exits(0);
    assert_eq!((again.recap("b2").changed, again.owed("b2")), (0, vec![]));
    assert_eq!(watch.starts(), [0, 0]);
}
