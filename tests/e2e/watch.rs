//! Counts how often containers start, from the engine's own events.
use super::lab::{NGINX, POSTFIX, Server, run};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Listens since it was made.
pub(super) struct Watch {
    ids: [String; 2],
    listener: Child,
    events: BufReader<ChildStdout>,
}

impl Watch {
    /// Over nginx and Postfix of a server.
    pub(super) fn over(server: &Server) -> Self {
        let since = server.now();
        let ids = server.containers().map(|container| container.id);
        let mut docker = Command::new("docker");
        docker.args(["events", "--since", &since, "--format", "{{.Action}} {{.Actor.ID}}"]);
        docker.args(["--filter", "event=start", "--filter", "event=exec_create"]);
        docker.args(ids.iter().flat_map(|id| ["--filter".into(), format!("container={id}")]));
        let mut listener = docker.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let events = BufReader::new(listener.stdout.take().unwrap());
        Self { ids, listener, events }
    }

    /// How often each has started since: nginx, Postfix. An event of our own, which the engine tells after
    /// all that went before, ends the count.
    pub(super) fn starts(mut self) -> [usize; 2] {
        run(&["docker", "exec", &self.ids[0], "true", "end-of-watch"]);
        let mut starts = [0; 2];
        for line in self.events.by_ref().lines() {
            let line = line.unwrap();
            if line.contains("end-of-watch") {
                return starts;
            }
            for (id, count) in self.ids.iter().zip(&mut starts) {
                *count += usize::from(line == format!("start {id}"));
            }
        }
        panic!("docker events ended by itself, over {NGINX} and {POSTFIX}: {starts:?}")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.listener.kill();
        let _ = self.listener.wait();
    }
}
