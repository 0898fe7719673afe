//! Where this checkout's lab is: its id, addresses, networks, names and folders, all derived from the
//! checkout's path, so that the labs of two checkouts never meet. Pure.

use crate::lab::server::Server;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Where every lab server's sshd listens, each on its own address.
pub(crate) const SSH_PORT: u16 = 2222;

/// The label on every container, network and volume of a lab; its value is the lab's id.
pub(crate) const LABEL: &str = "cowhand.lab";

/// This checkout's lab.
#[derive(Debug)]
pub(crate) struct Place {
    /// Eight hexadecimal digits.
    pub id: String,
    /// `target/lab` of the checkout, absolute.
    pub state: PathBuf,
    digest: [u8; 3],
}

impl Place {
    /// Of the checkout in that folder (canonical).
    pub(crate) fn of(checkout: &Path) -> Self {
        let sum = Sha256::digest(checkout.as_os_str().as_encoded_bytes());
        let id = hex(&sum[..4]);
        Self { id, state: checkout.join("target/lab"), digest: [sum[0], sum[1], sum[2]] }
    }

    /// The loopback address of a server: everything of it listens there and nowhere else.
    pub(crate) fn address(&self, server: &Server) -> String {
        let [first, second, _] = self.digest;
        // 127.0.x and 127.1.x are where other programs like to be.
        format!("127.{}.{second}.{}", 2 + first % 252, 11 + server.place())
    }

    /// The server's own network inside the engine, 16 addresses of 198.18.0.0/15, which is set aside
    /// for tests: its prefix up to the last number, and that.
    fn network(&self, server: &Server) -> (String, u8) {
        let [first, second, third] = self.digest;
        let slot = (server.place() * 16) + 64 * (third % 4);
        (format!("198.{}.{second}", 18 + first % 2), slot)
    }

    /// That network, as compose wants it.
    pub(crate) fn subnet(&self, server: &Server) -> String {
        let (prefix, slot) = self.network(server);
        format!("{prefix}.{slot}/28")
    }

    /// The fixed address of Postfix in it, which Mailcow's Postfix has too.
    pub(crate) fn postfix_address(&self, server: &Server) -> String {
        let (prefix, slot) = self.network(server);
        format!("{prefix}.{}", slot + 13)
    }

    /// The compose project of a server.
    pub(crate) fn project(&self, server: &Server) -> String {
        format!("cowhand-{}-{}", self.id, server.name)
    }

    /// The container that is the server.
    pub(crate) fn container(&self, server: &Server) -> String {
        format!("cowhand-lab-{}-{}", self.id, server.name)
    }

    /// A server's folder, mounted at the same path inside.
    pub(crate) fn folder(&self, server: &Server) -> PathBuf {
        self.state.join(server.name)
    }

    /// Its Mailcow folder.
    pub(crate) fn mailcow(&self, server: &Server) -> PathBuf {
        self.folder(server).join("mailcow-dockerized")
    }

    /// What it gets from outside, mounted at `/lab`, read-only: keys, seed, settings.
    pub(crate) fn gifts(&self, server: &Server) -> PathBuf {
        self.state.join("gifts").join(server.name)
    }

    /// The key that logs in.
    pub(crate) fn client_key(&self) -> PathBuf {
        self.state.join("keys/client_ed25519")
    }

    /// The known host keys of all servers.
    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.state.join("known_hosts")
    }

    /// The inventory for `cowhand`.
    pub(crate) fn inventory(&self) -> PathBuf {
        self.state.join("inventory.yml")
    }

    /// The description for the end-to-end tests.
    pub(crate) fn description(&self) -> PathBuf {
        self.state.join("lab.json")
    }

    /// `cowhand.lab=ID`.
    pub(crate) fn label(&self) -> String {
        format!("{LABEL}={}", self.id)
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::server::SERVERS;
    use std::collections::BTreeSet;

    #[test]
    fn servers_of_two_checkouts_share_no_name_address_or_network() {
        let places = [Place::of(Path::new("/a/one")), Place::of(Path::new("/a/two"))];
        let mut seen = BTreeSet::new();
        for (place, server) in
            places.iter().flat_map(|place| SERVERS.iter().map(move |s| (place, s)))
        {
            for name in [
                place.address(server),
                place.subnet(server),
                place.container(server),
                place.project(server),
            ] {
                assert!(seen.insert(name.clone()), "{name} twice");
            }
        }
    }

    #[test]
    fn addresses_are_loopback_and_stay_the_same() {
        let place = Place::of(Path::new("/a/one"));
        for server in &SERVERS {
            assert!(place.address(server).starts_with("127."));
            assert_eq!(place.address(server), Place::of(Path::new("/a/one")).address(server));
        }
    }
}
