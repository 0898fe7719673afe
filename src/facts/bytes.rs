//! Bytes of a file or of a stream: base64 in JSON, text for people where it is text.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::borrow::Cow;
use std::fmt;

/// Any bytes.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// As text, with � for what is not UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
    /// Lowercase hex of the SHA-256.
    pub fn sha256(&self) -> String {
        use sha2::Digest as _;
        hex(&sha2::Sha256::digest(&self.0))
    }
    /// Lowercase hex of the checksum that `algorithm` names; `None` for a name that is none.
    pub fn sum(&self, algorithm: &str) -> Option<String> {
        use sha2::Digest as _;
        Some(match algorithm {
            "md5" => hex(&md5::Md5::digest(&self.0)),
            "sha1" => hex(&sha1::Sha1::digest(&self.0)),
            "sha224" => hex(&sha2::Sha224::digest(&self.0)),
            "sha256" => hex(&sha2::Sha256::digest(&self.0)),
            "sha384" => hex(&sha2::Sha384::digest(&self.0)),
            "sha512" => hex(&sha2::Sha512::digest(&self.0)),
            _ => return None,
        })
    }
    /// Standard base64 without line breaks.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.0)
    }
    /// Reads base64, white space ignored; `None` when it is not base64.
    pub fn from_base64(text: &[u8]) -> Option<Self> {
        let dense: Vec<u8> = text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        STANDARD.decode(dense).ok().map(Self)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Bytes {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.base64())
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_base64(text.as_bytes()).ok_or_else(|| D::Error::custom("not base64"))
    }
}
