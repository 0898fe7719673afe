//! Connections as `/proc/net/tcp` and `tcp6` of Linux list them (proc(5)): addresses in hex, four
//! bytes at a time in the machine's order, ports in hex, states by number.
use super::PlanError;
use crate::change::Until;
use serde::Deserialize;
use std::fmt::Write as _;
use std::net::IpAddr;

/// The states of TCP that may count as a connection, with the kernel's number
/// (`include/net/tcp_states.h`).
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum State {
    Established = 1,
    SynSent = 2,
    SynRecv = 3,
    #[serde(rename = "FIN_WAIT1")]
    FinWait1 = 4,
    #[serde(rename = "FIN_WAIT2")]
    FinWait2 = 5,
    TimeWait = 6,
}

const ALL: [State; 6] = [
    State::Established,
    State::SynSent,
    State::SynRecv,
    State::FinWait1,
    State::FinWait2,
    State::TimeWait,
];

/// Until nobody is connected to a port of an address.
pub(super) fn until(
    host: &str,
    port: u16,
    states: Option<&[State]>,
    excluded: &[String],
) -> Result<Until, PlanError> {
    let address = |text: &String| {
        text.parse::<IpAddr>().map_err(|_| {
            let message = format!("state=drained needs addresses, and `{text}` is none");
            PlanError::failed(message)
        })
    };
    let local = address(&host.to_owned())?;
    let local = if local.is_unspecified() { vec![] } else { hex(local).into() };
    let excluded = excluded.iter().map(address).collect::<Result<Vec<_>, _>>()?;
    Ok(Until::Drained {
        port: format!("{port:04X}"),
        states: states.unwrap_or(&ALL).iter().map(|state| format!("{:02X}", *state as u8)).collect(),
        local,
        excluded: excluded.into_iter().flat_map(hex).collect(),
    })
}

/// How an address is listed: in `tcp`, and in `tcp6`.
fn hex(address: IpAddr) -> [String; 2] {
    let words = |bytes: &[u8]| {
        let turned = bytes.chunks(4).flat_map(|word| word.iter().rev());
        turned.fold(String::new(), |mut hex, byte| {
            // Writing to a String can't fail.
            let _ = write!(hex, "{byte:02X}");
            hex
        })
    };
    match address {
        IpAddr::V4(address) => {
            [words(&address.octets()), words(&address.to_ipv6_mapped().octets())]
        }
        IpAddr::V6(address) => [words(&address.octets()), words(&address.octets())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_linux_lists_them() {
        let [four, six] = hex("127.0.0.1".parse().unwrap());
        assert_eq!(four, "0100007F");
        assert_eq!(six, "0000000000000000FFFF00000100007F");
        assert_eq!(hex("::1".parse().unwrap())[0], "00000000000000000000000001000000");
    }
}
