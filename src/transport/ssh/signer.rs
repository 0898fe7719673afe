//! Whoever signs for a key: the agent that has it, or the file that it is in. A file is decrypted, and
//! its passphrase asked for, only when a server has said that it would take the key.
use super::keyring::{KeyFile, Keyring};
use russh::SendError;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_key::encoding::Encode as _;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{HashAlg, PrivateKey, PublicKey};
use russh::{AgentAuthError, Signer};
use std::path::PathBuf;
use tokio::net::UnixStream;

/// A connection to an agent.
pub(super) type Agent = AgentClient<UnixStream>;

/// Who signs.
pub(super) enum Hand<'a> {
    /// The agent. It may have a certificate's plain key alone, and is then asked by that.
    Agent { agent: &'a mut Agent, plain: Option<PublicKey> },
    /// A file.
    File { keyring: &'a Keyring, file: &'a KeyFile },
}

/// Why nobody signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsigned {
    /// The connection is gone.
    #[error(transparent)]
    Gone(#[from] SendError),
    /// The agent didn't.
    #[error(transparent)]
    Agent(#[from] AgentAuthError),
    /// The file can't.
    #[error("{} {why}", .path.display())]
    File {
        path: PathBuf,
        /// A fragment.
        why: String,
    },
}

impl Signer for Hand<'_> {
    type Error = Unsigned;

    async fn auth_sign(
        &mut self,
        key: &AgentIdentity,
        hash: Option<HashAlg>,
        mut to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, Unsigned> {
        match self {
            Self::Agent { agent, plain: None } => Ok(agent.auth_sign(key, hash, to_sign).await?),
            Self::Agent { agent, plain: Some(plain) } => {
                Ok(agent.auth_sign(&plain.clone().into(), hash, to_sign).await?)
            }
            Self::File { keyring, file } => {
                let refused = |why| Unsigned::File { path: file.path.clone(), why };
                let private = keyring.open(file).await.map_err(refused)?;
                let signature = signature(&private, hash, &to_sign)
                    .ok_or_else(|| refused("is a key that can't sign".into()))?;
                // Appending to a vector can't fail.
                let _ = signature.encode(&mut to_sign);
                Ok(to_sign)
            }
        }
    }
}

/// A signature as it travels.
fn signature(key: &PrivateKey, hash: Option<HashAlg>, message: &[u8]) -> Option<Vec<u8>> {
    let signed = match key.key_data() {
        KeypairData::Rsa(pair) => (pair, hash).try_sign(message),
        _ => key.try_sign(message),
    };
    signed.ok()?.encode_vec().ok()
}
