//! What is told of changes that can lock us out, as a word and a sentence.
use crate::event::Event;

/// The word and the sentence, for an event that is about that.
pub(super) fn told(event: &Event) -> Option<(&'static str, String)> {
    Some(match event {
        Event::AtRisk { task, seconds, until, survives_reboot, .. } => {
            let (word, how) = match until {
                None => (
                    "at risk",
                    format!(
                        "is confirmed over a new connection within {seconds} s, or the server takes it back"
                    ),
                ),
                Some(until) => ("armed", format!("waits to be confirmed until {}", clock(*until))),
            };
            let reboot = if *survives_reboot {
                ""
            } else {
                "; no systemd or cron there, so it would not be taken back if the server reboots meanwhile"
            };
            (word, format!("{task} can lock us out: {how}{reboot}"))
        }
        Event::Confirmed { .. } => ("confirmed", "a new connection came in".to_owned()),
        Event::Unconfirmed { why: Some(why), left, .. } => {
            let end =
                if left.is_empty() { "the server has taken it back" } else { "look at it now" };
            ("unconfirmed", format!("no new connection came in ({why}): {end}"))
        }
        Event::Unconfirmed { why: None, run, .. } => (
            "unconfirmed",
            format!(
                "run {run} was not confirmed, so the server took it back; `cowhand history` has more"
            ),
        ),
        Event::Waits { run, until, .. } => (
            "waits",
            format!(
                "run {run} waits to be confirmed until {}, and nobody will: whoever changes something next takes it back first",
                clock(*until)
            ),
        ),
        _ => return None,
    })
}

/// Seconds since 1970 as the time of that day.
pub(crate) fn clock(seconds: i64) -> String {
    let moment = jiff::Timestamp::from_second(seconds);
    moment.map_or_else(|_| seconds.to_string(), |at| at.strftime("%H:%M:%S UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_risk_says_until_when_it_waits_and_whether_a_reboot_matters() {
        let risk = |until, survives_reboot| {
            let (host, task) = ("a".into(), "harden".into());
            told(&Event::AtRisk { host, task, seconds: 60, until, survives_reboot }).unwrap()
        };
        let (word, text) = risk(Some(1_795_839_049), true);
        assert_eq!(
            (word, text.as_str()),
            ("armed", "harden can lock us out: waits to be confirmed until 04:10:49 UTC",)
        );
        let (word, text) = risk(None, false);
        assert_eq!(word, "at risk");
        assert!(text.contains("within 60 s") && text.contains("if the server reboots"), "{text}");
        assert_eq!(told(&Event::Stopping), None);
    }
}
