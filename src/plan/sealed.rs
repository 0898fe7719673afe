//! Opens what is encrypted and will be needed, before any host is contacted: a password that is missing or
//! wrong is told at once, and not in the middle of a run.
use super::PlayJob;
use super::names::{Names, sealed_inside};
use super::scope::Shared;
use crate::source::{Diagnostic, Span};
use crate::vars::Engine;
use crate::vault::{Vault, VaultError, is_encrypted};
use std::collections::BTreeSet;
use std::path::Path;

/// What is encrypted, is used by a play for one of its hosts, and can't be opened.
pub fn sealed(
    plays: &[PlayJob],
    shared: &Shared,
    engine: &Engine,
    vault: &Vault,
) -> Vec<Diagnostic> {
    let names = Names::of(plays, shared);
    let used = names.used(engine);
    // Connections read these, whatever tasks read.
    let needed = |name: &str| name.starts_with("ansible_") || used.contains(name);
    let mut texts: BTreeSet<(Span, String)> = (names.sealed.iter())
        .filter(|(name, ..)| name.is_none_or(needed))
        .map(|(_, span, text)| (*span, text.clone()))
        .collect();
    let hosts: BTreeSet<&String> = plays.iter().flat_map(|play| &play.hosts).collect();
    for host in hosts {
        for (_, vars) in shared.inventory.layers(host) {
            for (_, value) in vars.iter().filter(|(name, _)| needed(&name.value)) {
                texts.extend(sealed_inside(&value.value).map(|text| (value.span, text)));
            }
        }
    }
    let failed = |(span, text): (Span, String)| {
        let error = vault.open(&text).err()?;
        Some(Diagnostic::error(span, error.to_string()).help(error.help()))
    };
    let files = shared.files.iter().filter(|(_, bytes)| is_encrypted(bytes));
    let locked = |path: &Path| {
        let error = VaultError::Locked;
        Diagnostic::general(format!("{}: {error}", path.display())).help(error.help())
    };
    let files = files.map(|(path, _)| locked(path));
    texts.into_iter().filter_map(failed).chain(files).collect()
}
