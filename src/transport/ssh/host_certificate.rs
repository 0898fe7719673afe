//! Whether a host certificate says what it must: a host's, for this name, now, signed as we allow by
//! whoever it names as its signer. Whether that signer is trusted is `host_keys`' question.
//!
//! Format and rules: `PROTOCOL.certkeys` of OpenSSH, and `ssh-keygen(1)`, section "CERTIFICATES".
use russh::keys::{Algorithm, Certificate, HashAlg};

/// Algorithms with which an authority may have signed (`CASignatureAlgorithms`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaAlgorithms(Vec<String>);

impl Default for CaAlgorithms {
    /// OpenSSH's: everything but DSA and RSA with SHA-1.
    fn default() -> Self {
        Self::of([
            "ssh-ed25519",
            "ecdsa-sha2-nistp256",
            "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp521",
            "sk-ssh-ed25519@openssh.com",
            "sk-ecdsa-sha2-nistp256@openssh.com",
            "rsa-sha2-512",
            "rsa-sha2-256",
        ])
    }
}

impl CaAlgorithms {
    /// These, by their names on the wire.
    pub fn of<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    fn allow(&self, algorithm: &Algorithm) -> bool {
        self.0.iter().any(|name| name == algorithm.as_str())
    }
}

/// # Errors
/// A fragment that says of the certificate's authority why its word doesn't hold here.
pub(super) fn check(
    shown: &Certificate,
    principal: &str,
    algorithms: &CaAlgorithms,
    now: u64,
) -> Result<(), &'static str> {
    if !shown.cert_type().is_host() {
        return Err("signed a certificate of a user, not of a host");
    }
    if now < shown.valid_after() {
        return Err("signed a certificate that is not valid yet");
    }
    if now >= shown.valid_before() {
        return Err("signed a certificate that has expired");
    }
    let principals = shown.valid_principals();
    // A certificate without names is valid for all of them, says its format; stars mean nothing.
    if !principals.is_empty() && !principals.iter().any(|name| name == principal) {
        return Err("signed a certificate for other names");
    }
    if !shown.critical_options().is_empty() {
        return Err("signed a certificate with critical options, of which hosts have none");
    }
    if !algorithms.allow(&shown.signature().algorithm()) {
        return Err("signed a certificate with an algorithm that is not allowed");
    }
    let signer = shown.signature_key().fingerprint(HashAlg::Sha256);
    shown.validate_at(now, [&signer]).map_err(|_| "has not signed the certificate that names it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::PrivateKey;
    use russh::keys::key::safe_rng;
    use russh::keys::ssh_key::certificate::{Builder, CertType};

    #[test]
    fn a_certificate_that_was_altered_vouches_for_nothing() {
        let key = || PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap();
        let (authority, host) = (key(), key());
        let mut builder =
            Builder::new_with_random_nonce(&mut safe_rng(), host.public_key(), 10, 20).unwrap();
        builder.cert_type(CertType::Host).unwrap();
        builder.valid_principal("mail").unwrap();
        let whole = builder.sign(&authority).unwrap();
        let check = |shown: &Certificate, now| check(shown, "mail", &CaAlgorithms::default(), now);
        assert_eq!(check(&whole, 10), Ok(()));
        assert_eq!(check(&whole, 19), Ok(()));
        assert!(check(&whole, 9).is_err() && check(&whole, 20).is_err());
        let mut bytes = whole.to_bytes().unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let altered = Certificate::from_bytes(&bytes).unwrap();
        assert_eq!(check(&altered, 10), Err("has not signed the certificate that names it"));
    }
}
