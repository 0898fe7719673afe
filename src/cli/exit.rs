//! Exit codes: disjoint, and the worst host wins.
use crate::event::Recap;
use std::collections::BTreeMap;
use std::process::{ExitCode, Termination};

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: every host is as wished (apply) or already was (check).
    Fine,
    /// 1: a bug in cowhand.
    Bug,
    /// 2: a task or handler failed on at least one host.
    Failed,
    /// 3: check found drift: something would change, or a handler is owed.
    Drift,
    /// 4: a host could not be reached, or its key or our login was refused.
    Unreachable,
    /// 5: usage, inventory, playbook, role or template is wrong: nothing was contacted.
    Usage,
    /// 6: failed, and a host could not be brought back fully.
    NotRolledBack,
    /// 99: interrupted.
    Interrupted,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Bug => 1,
            Self::Failed => 2,
            Self::Drift => 3,
            Self::Unreachable => 4,
            Self::Usage => 5,
            Self::NotRolledBack => 6,
            Self::Interrupted => 99,
        }
    }

    /// The code of a run: not brought back before failed before unreachable before drift. `strict` counts unknown as drift.
    pub fn of(recap: &BTreeMap<String, Recap>, check: bool, strict: bool) -> Self {
        let any = |is: fn(&Recap) -> bool| recap.values().any(is);
        if any(|host| host.left > 0) {
            Self::NotRolledBack
        } else if any(|host| host.failed > 0) {
            Self::Failed
        } else if any(|host| host.unreachable) {
            Self::Unreachable
        } else if check
            && (any(|host| host.would_change > 0 || host.owed > 0)
                || (strict && any(|host| host.unknown > 0)))
        {
            Self::Drift
        } else {
            Self::Fine
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hosts: &[Recap], check: bool, strict: bool) -> u8 {
        let named = hosts.iter().enumerate().map(|(n, host)| (n.to_string(), host.clone()));
        Exit::of(&named.collect(), check, strict).code()
    }

    #[test]
    fn the_worst_host_wins() {
        let fine = Recap { ok: 1, ..Recap::default() };
        let failed = Recap { failed: 1, ..Recap::default() };
        let gone = Recap { unreachable: true, ..Recap::default() };
        let drift = Recap { would_change: 1, ..Recap::default() };
        let owed = Recap { owed: 1, ..Recap::default() };
        let unknown = Recap { unknown: 1, ..Recap::default() };
        let half = Recap { failed: 1, left: 1, ..Recap::default() };
        assert_eq!(of(&[], false, false), 0);
        assert_eq!(of(&[failed.clone(), half, gone.clone()], false, false), 6);
        assert_eq!(of(&[fine.clone(), gone.clone(), failed], false, false), 2);
        assert_eq!(of(&[drift.clone(), gone], true, false), 4);
        assert_eq!(of(&[fine.clone(), drift], true, false), 3);
        assert_eq!(of(&[fine.clone(), owed.clone()], true, false), 3);
        assert_eq!(of(&[owed], false, false), 0);
        assert_eq!(of(std::slice::from_ref(&unknown), true, false), 0);
        assert_eq!(of(&[unknown], true, true), 3);
        assert_eq!(of(&[fine], true, true), 0);
    }
}
