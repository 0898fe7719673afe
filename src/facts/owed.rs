//! `probe_owed`: handlers that were notified and have not succeeded since. Printed are marks, each
//! ended by a NUL: a line with the time, then the handler's name and a line feed.
use super::{Answer, Garbled};
use serde::{Deserialize, Serialize};

/// A handler that some run still owes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// The handler's name.
    pub handler: String,
    /// When it was notified, seconds since 1970 by the server's clock.
    pub since: i64,
}

pub(super) fn words() -> Vec<String> {
    vec!["probe_owed".into()]
}

pub(super) fn read(answer: &Answer) -> Result<Vec<Owed>, Garbled> {
    let stdout = answer.succeeded("probe_owed")?;
    let Some(marks) = stdout.strip_suffix(b"\0") else {
        return if stdout.is_empty() { Ok(vec![]) } else { Err(garbled(stdout)) };
    };
    let mut owed = marks
        .split(|&byte| byte == 0)
        .map(|bytes| mark(bytes).ok_or_else(|| garbled(bytes)))
        .collect::<Result<Vec<_>, _>>()?;
    owed.sort_by(|a, b| (a.since, &a.handler).cmp(&(b.since, &b.handler)));
    Ok(owed)
}

fn mark(bytes: &[u8]) -> Option<Owed> {
    let (since, handler) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
    let handler = handler.strip_suffix('\n').filter(|name| !name.is_empty())?;
    Some(Owed { handler: handler.to_owned(), since: since.parse().ok()? })
}

fn garbled(bytes: &[u8]) -> Garbled {
    let text: String = String::from_utf8_lossy(bytes).chars().take(80).collect();
    Garbled { probe: "probe_owed", why: format!("no mark: {}", text.escape_debug()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(stdout: &str) -> Result<Vec<Owed>, Garbled> {
        read(&Answer { rc: 0, stdout: stdout.into(), ..Answer::default() })
    }

    #[test]
    fn marks_are_read_oldest_first_whatever_their_names_hold() {
        let owed = read_text("20\nrestart nginx\n\u{0}10\nodd\nname\n\u{0}").unwrap();
        let told: Vec<_> = owed.iter().map(|o| (o.since, o.handler.as_str())).collect();
        assert_eq!(told, [(10, "odd\nname"), (20, "restart nginx")]);
        assert_eq!(read_text(""), Ok(vec![]));
    }

    #[test]
    fn half_a_mark_is_refused() {
        for text in ["20\nrestart nginx\n", "20\u{0}", "x\nname\n\u{0}", "20\n\n\u{0}", "\u{0}"] {
            assert!(read_text(text).is_err(), "{text:?}");
        }
    }
}
