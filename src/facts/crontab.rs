//! `probe_crontab USER`: a user's crontab (empty: whoever we are). `missing` where there is no cron, `none`
//! where there is no crontab; else a line `crontab`, then its bytes.
use super::{Answer, Bytes, Garbled};

const PROBE: &str = "probe_crontab";

pub(super) fn words(user: &str) -> Vec<String> {
    vec![PROBE.into(), user.into()]
}

pub(super) fn read(answer: &Answer) -> Result<Option<Bytes>, Garbled> {
    let stdout = answer.succeeded(PROBE)?;
    match stdout.strip_prefix(b"crontab\n") {
        Some(bytes) => Ok(Some(Bytes(bytes.to_vec()))),
        None if stdout == b"none\n" => Ok(Some(Bytes::default())),
        None if stdout == b"missing\n" => Ok(None),
        None => Err(Garbled { probe: PROBE, why: "no crontab in it".into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_crontab_is_an_empty_one_and_no_cron_is_none() {
        let read = |stdout: &str| read(&Answer { stdout: stdout.into(), ..Answer::default() });
        assert_eq!(read("crontab\n@daily x\n"), Ok(Some("@daily x\n".into())));
        assert_eq!(read("none\n"), Ok(Some(Bytes::default())));
        assert_eq!(read("missing\n"), Ok(None));
        assert!(read("x").is_err());
    }
}
