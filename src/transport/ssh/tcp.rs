//! From a name to a TCP connection: resolve, choose among addresses, dial.
use super::Options;
use crate::source::printable;
use crate::transport::{Stage, TransportError};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use tokio::net::{TcpSocket, TcpStream};

/// Which addresses of a name are dialled (`AddressFamily`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Any.
    #[default]
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Family {
    fn takes(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// How a server is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialling {
    /// Which of its addresses.
    pub family: Family,
    /// From which address of ours (`BindAddress`).
    pub from: Option<IpAddr>,
    /// Whether the kernel looks for signs of life (`TCPKeepAlive`).
    pub keepalive: bool,
}

impl Default for Dialling {
    fn default() -> Self {
        Self { family: Family::Any, from: None, keepalive: true }
    }
}

/// Dials the server's addresses, one after the other.
pub(super) async fn connect(options: &Options) -> Result<TcpStream, TransportError> {
    let address = options.address();
    let found = tokio::net::lookup_host((options.host.as_str(), options.port)).await;
    let found = found.map_err(|error| {
        let (host, why) = (printable(&options.host), error.to_string());
        let why = why.trim_start_matches("failed to lookup address information: ");
        Stage::Name.error(
            format!("can't resolve `{host}`: {why}"),
            "set ansible_host to an address, or mend the name",
        )
    })?;
    let mut failed = None;
    for candidate in found.filter(|found| options.dialling.family.takes(found)) {
        match dial(options.dialling, candidate).await {
            Ok(stream) => {
                // Only speed depends on it.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => failed = Some(error),
        }
    }
    let Some(error) = failed else {
        let help = "set ansible_host, or AddressFamily";
        return Err(Stage::Name.error(format!("`{address}` has no address that we may use"), help));
    };
    Err(match error.kind() {
        ErrorKind::ConnectionRefused => Stage::Dial.error(
            format!("{address} refuses connections"),
            "is sshd running there, on that port? ansible_port says another one",
        ),
        _ => {
            Stage::Dial.error(format!("can't connect to {address}: {error}"), "is the network up?")
        }
    })
}

async fn dial(how: Dialling, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_keepalive(how.keepalive)?;
    if let Some(from) = how.from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(to).await
}
