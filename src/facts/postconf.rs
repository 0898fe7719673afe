//! `probe_postconf DIR KEY…`: parameters as the running Postfix has them. Answers with the line
//! `running` and a line `NAME = VALUE` for each that this version knows, or with the line `stopped`.
use super::compose::{garbled, lines, shown};
use super::{Answer, Garbled};
use std::collections::BTreeMap;

const PROBE: &str = "probe_postconf";

pub(super) fn words(dir: &str, keys: &[String]) -> Vec<String> {
    let head = [PROBE.to_owned(), dir.to_owned()];
    head.into_iter().chain(keys.iter().cloned()).collect()
}

pub(super) fn read(
    keys: &[String],
    answer: &Answer,
) -> Result<Option<BTreeMap<String, String>>, Garbled> {
    let lines = lines(PROBE, answer)?;
    let (state, values) = lines.split_first().ok_or_else(|| garbled(PROBE, "it is empty"))?;
    match state.as_str() {
        "stopped" if values.is_empty() => return Ok(None),
        "running" => {}
        other => return Err(garbled(PROBE, format!("unexpected line {}", shown(other)))),
    }
    let mut read = BTreeMap::new();
    for line in values {
        let (name, value) = line
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()))
            .filter(|(name, _)| keys.iter().any(|key| key == name))
            .ok_or_else(|| garbled(PROBE, format!("unexpected line {}", shown(line))))?;
        read.insert(name.to_owned(), value.to_owned());
    }
    Ok(Some(read))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(stdout: &str) -> Result<Option<BTreeMap<String, String>>, Garbled> {
        let keys = ["smtp_tls_ciphers".to_owned(), "tls_high_cipherlist".to_owned()];
        read(
            &keys,
            &Answer {
                stdout: stdout.into(),
                stderr: "postconf: warning".into(),
                ..Answer::default()
            },
        )
    }

    #[test]
    fn values_are_read_by_name_so_that_an_unknown_parameter_shifts_nothing() {
        let values = asked("running\ntls_high_cipherlist = a:b = c\n").unwrap().unwrap();
        assert_eq!(values["tls_high_cipherlist"], "a:b = c");
        assert_eq!(values.len(), 1);
        let values = asked("running\nsmtp_tls_ciphers =\n").unwrap().unwrap();
        assert_eq!(values["smtp_tls_ciphers"], "");
    }

    #[test]
    fn stopped_is_none_and_anything_else_is_garbled() {
        assert_eq!(asked("stopped\n").unwrap(), None);
        for odd in [
            "",
            "up\n",
            "stopped\nsmtp_tls_ciphers = high\n",
            "running\nelse = 1\n",
            "running\nx\n",
        ] {
            assert!(asked(odd).is_err(), "{odd:?}");
        }
    }
}
