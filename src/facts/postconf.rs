//! `probe_postconf DIR KEY…`: parameters as the running Postfix has them.
use super::{Answer, Garbled};
use std::collections::BTreeMap;

pub(super) fn words(dir: &str, keys: &[String]) -> Vec<String> {
    let head = ["probe_postconf".to_owned(), dir.to_owned()];
    head.into_iter().chain(keys.iter().cloned()).collect()
}

pub(super) fn read(
    keys: &[String],
    answer: &Answer,
) -> Result<Option<BTreeMap<String, String>>, Garbled> {
    let _ = (keys, answer);
    Ok(None)
}
