//! `probe_content PATH`: the bytes of a regular file; `probe_written` answers alike. Nothing is printed when there is none; else a
//! line `file`, then the bytes.
use super::{Answer, Bytes, Garbled};

pub(super) const PROBE: &str = "probe_content";

pub(super) fn words(path: &str) -> Vec<String> {
    vec![PROBE.into(), path.into()]
}

pub(super) fn read(probe: &'static str, answer: &Answer) -> Result<Option<Bytes>, Garbled> {
    let stdout = answer.succeeded(probe)?;
    if stdout.is_empty() {
        return Ok(None);
    }
    match stdout.strip_prefix(b"file\n") {
        Some(bytes) => Ok(Some(Bytes(bytes.to_vec()))),
        None => Err(Garbled { probe, why: "no content in it".into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(rc: i32, stdout: &str) -> Result<Option<Bytes>, Garbled> {
        read(PROBE, &Answer { rc, stdout: stdout.into(), stderr: "no".into(), took: None })
    }

    #[test]
    fn an_empty_file_is_not_an_absent_one() {
        assert_eq!(read_text(0, "file\n"), Ok(Some(Bytes::default())));
        assert_eq!(read_text(0, ""), Ok(None));
    }

    #[test]
    fn what_is_neither_is_refused() {
        assert!(read_text(0, "fil").is_err());
        assert_eq!(read_text(1, "").unwrap_err().why, "no (exit status 1)");
    }
}
