//! The format of ansible-vault, 1.1 and 1.2, as its manual describes it ("Format of files encrypted with
//! Ansible Vault"): a header line, then hexadecimal lines. Inside: salt, HMAC-SHA256 and ciphertext, each
//! hexadecimal again. Keys: PBKDF2-HMAC-SHA256, 10,000 rounds; cipher: AES-256-CTR, padded as PKCS #7.
use super::{DEFAULT_LABEL, VaultError};
use crate::secret::Secret;
use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt::Write as _;
use zeroize::Zeroizing;

const MAGIC: &str = "$ANSIBLE_VAULT";
const ROUNDS: u32 = 10_000;
/// Bytes of salt that we write.
pub const SALT: usize = 32;
const BLOCK: usize = 16;
/// Letters in a line of what we write.
const LINE: usize = 80;

/// Whether a text is one that ansible-vault wrote.
pub fn is_encrypted(text: &[u8]) -> bool {
    text.starts_with(MAGIC.as_bytes())
}

/// A vault text, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The label that format 1.2 carries.
    pub label: Option<String>,
    salt: Vec<u8>,
    mac: Vec<u8>,
    ciphertext: Vec<u8>,
}

struct Keys {
    cipher: Zeroizing<[u8; 32]>,
    mac: Zeroizing<[u8; 32]>,
    iv: [u8; BLOCK],
}

impl Envelope {
    /// Takes a vault text apart; white space around it and around its lines does not matter.
    ///
    /// # Errors
    /// [`VaultError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let mut lines = text.trim().lines().map(str::trim);
        let header: Vec<&str> = lines.next().unwrap_or("").split(';').map(str::trim).collect();
        let label = match header.as_slice() {
            [MAGIC, "1.1", "AES256"] => None,
            [MAGIC, "1.2", "AES256", label] => Some((*label).to_owned()),
            [MAGIC, "1.1" | "1.2", ..] => {
                return Err(VaultError::Malformed("its cipher is not AES256"));
            }
            [MAGIC, ..] => return Err(VaultError::Malformed("its version is not 1.1 or 1.2")),
            _ => return Err(VaultError::Malformed("it does not begin with $ANSIBLE_VAULT")),
        };
        let broken = VaultError::Malformed("its lines are not what ansible-vault writes");
        let parts = unhex(lines.flat_map(str::bytes)).ok_or_else(|| broken.clone())?;
        let mut parts =
            parts.splitn(3, |byte| *byte == b'\n').map(|part| unhex(part.iter().copied()));
        let mut part =
            || parts.next().flatten().filter(|part| !part.is_empty()).ok_or_else(|| broken.clone());
        Ok(Self { label, salt: part()?, mac: part()?, ciphertext: part()? })
    }
    /// What is inside, if this is the password.
    pub fn open(&self, password: &Secret<String>) -> Option<Vec<u8>> {
        let keys = Keys::derive(password, &self.salt);
        keys.signer(&self.ciphertext).verify_slice(&self.mac).ok()?;
        let mut plain = self.ciphertext.clone();
        keys.apply(&mut plain);
        let padding = usize::from(*plain.last()?);
        let length = plain.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding))?;
        plain.truncate(length);
        Some(plain)
    }
    /// Encrypts; the salt must be random. A label other than `default` makes it format 1.2.
    pub fn seal(plain: &[u8], password: &Secret<String>, label: &str, salt: [u8; SALT]) -> Self {
        let keys = Keys::derive(password, &salt);
        let padding = BLOCK - plain.len() % BLOCK;
        let mut ciphertext = plain.to_vec();
        ciphertext.extend(std::iter::repeat_n(u8::try_from(padding).unwrap_or(0), padding));
        keys.apply(&mut ciphertext);
        let mac = keys.signer(&ciphertext).finalize().into_bytes().to_vec();
        let label = Some(label.to_owned()).filter(|label| label != DEFAULT_LABEL);
        Self { label, salt: salt.to_vec(), mac, ciphertext }
    }
    /// The text, as a file holds it.
    pub fn to_text(&self) -> String {
        let parts = [&self.salt, &self.mac, &self.ciphertext].map(|part| hex(part)).join("\n");
        let mut out = match &self.label {
            Some(label) => format!("{MAGIC};1.2;AES256;{label}\n"),
            None => format!("{MAGIC};1.1;AES256\n"),
        };
        let digits = hex(parts.as_bytes());
        for at in (0..digits.len()).step_by(LINE) {
            out.push_str(&digits[at..digits.len().min(at + LINE)]);
            out.push('\n');
        }
        out
    }
}

impl Keys {
    fn derive(password: &Secret<String>, salt: &[u8]) -> Self {
        let mut all = Zeroizing::new([0; 32 + 32 + BLOCK]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password.expose().as_bytes(), salt, ROUNDS, &mut *all);
        let mut keys =
            Self { cipher: Zeroizing::default(), mac: Zeroizing::default(), iv: [0; BLOCK] };
        keys.cipher.copy_from_slice(&all[..32]);
        keys.mac.copy_from_slice(&all[32..64]);
        keys.iv.copy_from_slice(&all[64..]);
        keys
    }
    /// Encrypts or decrypts: with a counter both are the same.
    fn apply(&self, bytes: &mut [u8]) {
        Ctr128BE::<Aes256>::new((&*self.cipher).into(), &self.iv.into()).apply_keystream(bytes);
    }
    fn signer(&self, ciphertext: &[u8]) -> Hmac<Sha256> {
        // HMAC takes keys of any length.
        let mut signer = Hmac::<Sha256>::new_from_slice(&*self.mac).expect("a key of 32 bytes");
        signer.update(ciphertext);
        signer
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn unhex(digits: impl Iterator<Item = u8>) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = digits.map(digit).collect::<Option<_>>()?;
    (digits.len().is_multiple_of(2))
        .then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by ansible-vault of ansible-core 2.19: `x plain`, password `pw one`, label `dev`.
    const FOREIGN: &str = "$ANSIBLE_VAULT;1.2;AES256;dev
62353861396536333137653237306162656266326436383663346632386336333237613361323939
3763636332343266303738633063653134613039333537650a666364333363393631376136333138
64313230373063633230373265316231626565326539396536633036613930303266653062383136
6439363164613063380a613832666431656564383532663937346263326433333838313665366138
3633
";

    fn password(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_text_of_ansible_vault_is_opened_and_written_the_same() {
        let envelope = Envelope::parse(FOREIGN).unwrap();
        assert_eq!(envelope.label.as_deref(), Some("dev"));
        assert_eq!(envelope.open(&password("pw one")).unwrap(), b"x plain\n");
        assert_eq!(envelope.open(&password("pw two")), None);
        assert_eq!(envelope.to_text(), FOREIGN);
        let salt = <[u8; SALT]>::try_from(envelope.salt.as_slice()).unwrap();
        assert_eq!(Envelope::seal(b"x plain\n", &password("pw one"), "dev", salt), envelope);
    }

    #[test]
    fn indented_lines_are_read_as_they_stand_in_yaml() {
        let indented = FOREIGN.replace('\n', "\n          ");
        assert_eq!(Envelope::parse(&indented), Envelope::parse(FOREIGN));
    }

    #[test]
    fn every_length_survives_and_every_flipped_bit_is_noticed() {
        for length in [0, 1, 15, 16, 17, 200] {
            let plain = vec![b'x'; length];
            let sealed = Envelope::seal(&plain, &password("p"), DEFAULT_LABEL, [7; SALT]);
            let read = Envelope::parse(&sealed.to_text()).unwrap();
            assert_eq!((read.label.clone(), read.open(&password("p"))), (None, Some(plain)));
            let mut flipped = read.clone();
            flipped.ciphertext[0] ^= 1;
            assert_eq!(flipped.open(&password("p")), None);
        }
    }

    #[test]
    fn what_ansible_vault_does_not_write_is_refused_with_what_is_wrong() {
        for (text, expected) in [
            ("", "does not begin"),
            ("$ANSIBLE_VAULT;1.1;AES\n00", "cipher"),
            ("$ANSIBLE_VAULT;2.0;AES256\n00", "version"),
            ("$ANSIBLE_VAULT;1.1;AES256\n0g", "lines"),
            ("$ANSIBLE_VAULT;1.1;AES256\n", "lines"),
            ("$ANSIBLE_VAULT;1.1;AES256\n333", "lines"),
        ] {
            let error = Envelope::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
