//! Files of revoked host keys (`RevokedHostKeys`): lists of public keys, or key revocation lists as
//! `ssh-keygen -k` makes them. One that can't be read in full revokes everything: it never lets a
//! key pass of which it can't tell.
//!
//! Format: `PROTOCOL.krl` of OpenSSH.
use super::host_keys::public_key;
use russh::keys::ssh_key::encoding::Encode as _;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Certificate, PublicKey};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

const MAGIC: &[u8] = b"SSHKRL\n\0";

/// What one file revokes.
#[derive(Debug, Default)]
pub(super) struct Revoked {
    keys: Vec<Vec<u8>>,
    sha1: Vec<Vec<u8>>,
    sha256: Vec<Vec<u8>>,
    certificates: Vec<Certificates>,
}

/// Certificates of one authority (`None`: of any), by serial numbers or key ids.
#[derive(Debug)]
struct Certificates {
    authority: Option<Vec<u8>>,
    serials: Vec<(u64, u64)>,
    bitmaps: Vec<(u64, Vec<u8>)>,
    ids: Vec<String>,
}

impl Revoked {
    /// # Errors
    /// A fragment that says why the file can't be used.
    pub(super) fn read(file: &[u8]) -> Result<Self, String> {
        match file.strip_prefix(MAGIC) {
            Some(rest) => Self::list(&mut Reader(rest)).ok_or_else(|| {
                "is a key revocation list that is cut off, or newer than we can read".into()
            }),
            None => Self::lines(&String::from_utf8_lossy(file)),
        }
    }

    fn lines(text: &str) -> Result<Self, String> {
        let mut revoked = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = public_key(line).and_then(|key| blob(key.key_data()));
            revoked.keys.push(key.ok_or_else(|| format!("line {} is no public key", index + 1))?);
        }
        Ok(revoked)
    }

    fn list(file: &mut Reader<'_>) -> Option<Self> {
        let mut revoked = Self::default();
        let version = file.u32()?;
        // The list's own version, when it was made, and flags of which none is defined.
        let (_, _, _) = (file.u64()?, file.u64()?, file.u64()?);
        let (_reserved, _comment) = (file.string()?, file.string()?);
        if version != 1 {
            return None;
        }
        while !file.0.is_empty() {
            let kind = file.byte()?;
            let mut section = Reader(file.string()?);
            match kind {
                1 => revoked.certificates.push(Certificates::read(&mut section)?),
                2 => revoked.keys.extend(section.strings()?),
                3 => revoked.sha1.extend(section.strings()?),
                5 => revoked.sha256.extend(section.strings()?),
                // A signature; OpenSSH checks none either.
                4 => {}
                _ => return None,
            }
        }
        Some(revoked)
    }

    /// Whether a plain key is revoked.
    pub(super) fn has_key(&self, key: &PublicKey) -> bool {
        self.has(key.key_data())
    }

    /// Whether a certificate, the key in it, or its authority is revoked.
    pub(super) fn has_certificate(&self, shown: &Certificate) -> bool {
        self.has(shown.public_key())
            || self.has(shown.signature_key())
            || self.certificates.iter().any(|list| list.has(shown))
    }

    fn has(&self, key: &KeyData) -> bool {
        // A key that came over the wire can be written again; one that can't is not to be trusted.
        let Some(blob) = blob(key) else { return true };
        self.keys.contains(&blob)
            || self.sha1.contains(&Sha1::digest(&blob).to_vec())
            || self.sha256.contains(&Sha256::digest(&blob).to_vec())
    }
}

impl Certificates {
    fn read(section: &mut Reader<'_>) -> Option<Self> {
        let authority = section.string()?;
        let _reserved = section.string()?;
        let mut list = Self {
            authority: (!authority.is_empty()).then(|| authority.to_vec()),
            serials: vec![],
            bitmaps: vec![],
            ids: vec![],
        };
        while !section.0.is_empty() {
            let kind = section.byte()?;
            let mut part = Reader(section.string()?);
            match kind {
                0x20 => {
                    while !part.0.is_empty() {
                        let serial = part.u64()?;
                        list.serials.push((serial, serial));
                    }
                }
                0x21 => list.serials.push((part.u64()?, part.u64()?)),
                0x22 => list.bitmaps.push((part.u64()?, part.string()?.to_vec())),
                0x23 => {
                    let ids = part.strings()?.into_iter();
                    list.ids.extend(ids.map(|id| String::from_utf8_lossy(&id).into_owned()));
                }
                _ => return None,
            }
        }
        Some(list)
    }

    fn has(&self, shown: &Certificate) -> bool {
        let is_signer =
            |authority: &Vec<u8>| blob(shown.signature_key()).as_ref() == Some(authority);
        if !self.authority.as_ref().is_none_or(is_signer) {
            return false;
        }
        if self.ids.iter().any(|id| id == shown.key_id()) {
            return true;
        }
        // Zero is what certificates without a serial number have.
        let serial = shown.serial();
        serial != 0
            && (self.serials.iter().any(|(from, to)| (*from..=*to).contains(&serial))
                || self.bitmaps.iter().any(|(offset, bits)| is_set(bits, *offset, serial)))
    }
}

/// A bitmap is one number, big-endian: its bit N stands for the serial number `offset` + N.
fn is_set(bits: &[u8], offset: u64, serial: u64) -> bool {
    let Some(bit) = serial.checked_sub(offset).and_then(|bit| usize::try_from(bit).ok()) else {
        return false;
    };
    let byte = bits.iter().rev().nth(bit / 8);
    byte.is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
}

/// A key as it travels.
fn blob(key: &KeyData) -> Option<Vec<u8>> {
    key.encode_vec().ok()
}

/// What is left of a list; `None` from each of these: it ends too early.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }
    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }
    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }
    fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(usize::try_from(length).ok()?)
    }
    fn strings(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut all = vec![];
        while !self.0.is_empty() {
            all.push(self.string()?.to_vec());
        }
        Some(all)
    }
}
