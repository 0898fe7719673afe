//! How long a change may take (the keyword `timeout`).
use super::{Change, Ran};

impl Change {
    /// The same, ended after so many seconds: what runs, is asked or is waited for. Whatever else is done
    /// takes no time that is worth a limit, or must not be left half done.
    #[must_use]
    pub fn within(mut self, seconds: u32) -> Self {
        match &mut self {
            Self::Run(command) => command.limit = Some(seconds),
            Self::Request(request) => request.within(seconds),
            Self::Download(download) => download.request.within(seconds),
            Self::Wait(wait) => {
                wait.delay = wait.delay.min(seconds);
                wait.timeout = wait.timeout.min(seconds);
            }
            _ => {}
        }
        self
    }

    /// Whether that is what ended it.
    pub fn was_cut_short(&self, ran: &Ran, seconds: u32) -> bool {
        let bounded = matches!(
            self,
            Self::Run(_) | Self::Request(_) | Self::Download(_) | Self::Wait(_) | Self::Here(_)
        );
        let long = |start: i64, end: i64| end - start >= i64::from(seconds) * 1_000_000;
        bounded && ran.rc != 0 && ran.took.is_some_and(|took| long(took.start, took.end))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, Until, Wait};
    use super::*;
    use crate::facts::Took;

    #[test]
    fn what_may_take_its_time_gets_a_limit_and_is_told_when_it_meets_it() {
        let run = Change::Run(Command { argv: vec!["id".into()], ..Command::default() }).within(5);
        assert_eq!(run.words()[..3], ["run_within", "5", "run_command"]);
        let wait = Wait { until: Until::Time, delay: 9, sleep: 1, timeout: 300 };
        let wait = Change::Wait(wait).within(5);
        assert_eq!(wait.words()[1..4], ["5", "1", "5"]);
        let ended = |rc, seconds: i64| Ran {
            rc,
            took: Some(Took { start: 0, end: seconds * 1_000_000, offset: 0 }),
            ..Ran::default()
        };
        assert!(run.was_cut_short(&ended(124, 5), 5));
        assert!(!run.was_cut_short(&ended(124, 4), 5), "124 may be its own word");
        assert!(!run.was_cut_short(&ended(0, 6), 5));
        let remove = Change::Remove { path: "/x".into() };
        assert_eq!(remove.clone().within(1), remove);
    }
}
