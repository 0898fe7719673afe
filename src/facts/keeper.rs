//! `probe_keeper`: what would start a timer on the server again behind a reboot, in one word.
use super::{Answer, Garbled};
use serde::{Deserialize, Serialize};

/// What starts a timer again behind a reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keeper {
    /// A unit of systemd.
    Systemd,
    /// A line of cron with `@reboot`.
    Cron,
    /// Nothing does.
    Nothing,
}

impl Keeper {
    /// Reads its word.
    pub fn read(word: &str) -> Option<Self> {
        Some(match word {
            "systemd" => Self::Systemd,
            "cron" => Self::Cron,
            "nothing" => Self::Nothing,
            _ => return None,
        })
    }
}

pub(super) fn words() -> Vec<String> {
    vec!["probe_keeper".into()]
}

pub(super) fn read(answer: &Answer) -> Result<Keeper, Garbled> {
    let said = String::from_utf8_lossy(answer.succeeded("probe_keeper")?).into_owned();
    let garbled = || Garbled {
        probe: "probe_keeper",
        why: format!(
            "`{}` keeps nothing",
            said.chars().take(80).collect::<String>().escape_debug()
        ),
    };
    Keeper::read(said.trim()).ok_or_else(garbled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keeper_is_one_word_and_anything_else_is_garbled() {
        let said = |stdout: &str| read(&Answer { stdout: stdout.into(), ..Answer::default() });
        assert_eq!(said("systemd\n"), Ok(Keeper::Systemd));
        assert_eq!(said("cron\n"), Ok(Keeper::Cron));
        assert_eq!(said("nothing\n"), Ok(Keeper::Nothing));
        assert!(said("").is_err() && said("upstart\n").is_err());
    }
}
