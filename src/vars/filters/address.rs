//! Filters on IP addresses and networks, with the names and meanings of `ansible.utils`.
use crate::vars::call::{Call, Entry, entry};
use crate::vars::native;
use ipnet::IpNet;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use std::net::IpAddr;

pub(super) static ENTRIES: [Entry; 7] = [
    entry(
        "ipaddr",
        &["query"],
        "an address or network, or what is asked of it; false where it is none",
        "'192.0.2.5/24' | ipaddr('network')",
        |call| each(call, |_| true),
    ),
    entry("ipv4", &["query"], "as `ipaddr`, IPv4 alone", "'192.0.2.5' | ipv4", |call| {
        each(call, |net| net.addr().is_ipv4())
    }),
    entry("ipv6", &["query"], "as `ipaddr`, IPv6 alone", "'2001:db8::1' | ipv6", |call| {
        each(call, |net| net.addr().is_ipv6())
    }),
    entry("ipwrap", &[], "IPv6 addresses in brackets", "'2001:db8::1' | ipwrap", |call| {
        mapped(call, &call.value, &|_, value| {
            let text = native::text(value)?;
            let wrapped = match read(&text) {
                Some((net, prefix)) if net.addr().is_ipv6() => {
                    let rest =
                        if prefix { format!("/{}", net.prefix_len()) } else { String::new() };
                    format!("[{}]{rest}", net.addr())
                }
                _ => text,
            };
            Ok(Value::from(wrapped))
        })
    }),
    entry(
        "nthhost",
        &["n"],
        "the nth address of a network",
        "'192.0.2.0/24' | nthhost(5)",
        |call| {
            let net = network(call, &call.value)?;
            let nth = call.int_arg(0)?.ok_or_else(|| call.error("needs `n`"))?;
            Ok(nth_of(&net, nth)
                .map_or_else(|| Value::from(false), |it| Value::from(it.to_string())))
        },
    ),
    entry(
        "ipsubnet",
        &["query", "index"],
        "the network around an address, how many networks of a size, or one of them",
        "'192.0.2.0/24' | ipsubnet(26, 1)",
        subnet,
    ),
    entry(
        "network_in_network",
        &["test"],
        "whether an address or network lies in a network",
        "'192.0.2.0/24' | network_in_network('192.0.2.5')",
        |call| {
            let (outer, inner) = (network(call, &call.value)?, network(call, call.need(0)?)?);
            Ok(Value::from(outer.trunc().contains(&inner)))
        },
    ),
];

/// An address with its prefix, and whether the prefix was written.
fn read(text: &str) -> Option<(IpNet, bool)> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address.into(), false));
    }
    let (address, mask) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let net = match mask.parse::<u8>() {
        Ok(prefix) => IpNet::new(address, prefix).ok()?,
        Err(_) => IpNet::with_netmask(address, mask.parse().ok()?).ok()?,
    };
    Some((net, true))
}

fn network(call: &Call, value: &Value) -> Result<IpNet, Error> {
    let text = native::text(value)?;
    let read = read(&text).map(|(net, _)| net);
    read.ok_or_else(|| call.error(format!("finds that `{text}` is no address")))
}

/// A value, or each item of a list.
fn mapped(
    call: &Call,
    value: &Value,
    one: &dyn Fn(&Call, &Value) -> Result<Value, Error>,
) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            let items = call.list_of(value)?;
            let items = items.iter().map(|item| one(call, item)).collect::<Result<Vec<_>, _>>()?;
            Ok(Value::from(items.into_iter().filter(Value::is_true).collect::<Vec<_>>()))
        }
        _ => one(call, value),
    }
}

fn each(call: &mut Call, family: fn(&IpNet) -> bool) -> Result<Value, Error> {
    let query = call.text_arg(0)?.unwrap_or_default();
    let one = |call: &Call, value: &Value| {
        let text = match u32::try_from(value.clone()) {
            Ok(number) if value.is_integer() => std::net::Ipv4Addr::from(number).to_string(),
            _ if value.is_none() => String::new(),
            _ => native::text(value)?,
        };
        match read(&text).filter(|(net, _)| family(net)) {
            Some((net, prefix)) => asked(call, &text, net, prefix, &query),
            None => Ok(Value::from(false)),
        }
    };
    mapped(call, &call.value, &one)
}

fn size(net: &IpNet) -> u128 {
    let bits = u32::from(net.max_prefix_len() - net.prefix_len());
    1_u128.checked_shl(bits).unwrap_or(u128::MAX)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

fn nth_of(net: &IpNet, nth: i64) -> Option<IpAddr> {
    let size = size(net);
    let offset = if nth < 0 {
        size.checked_sub(nth.unsigned_abs().into())?
    } else {
        u128::try_from(nth).ok()?
    };
    let found = number(net.network()).checked_add(offset).filter(|_| offset < size)?;
    Some(match net {
        IpNet::V4(_) => IpAddr::V4(u32::try_from(found).ok()?.into()),
        IpNet::V6(_) => IpAddr::V6(found.into()),
    })
}

/// What is asked of an address.
fn asked(call: &Call, text: &str, net: IpNet, prefix: bool, query: &str) -> Result<Value, Error> {
    let no = || Value::from(());
    let text_of = |it: &dyn std::fmt::Display| Value::from(it.to_string());
    let address = net.addr();
    let is_network = prefix && net.network() == address && size(&net) > 1;
    let own = size(&net) == 1 || net.network() != address;
    let with_prefix = |address: IpAddr| Value::from(format!("{address}/{}", net.prefix_len()));
    Ok(match query {
        "bool" => Value::from(true),
        "" => Value::from(text),
        "address" | "ip" => {
            if own || !prefix {
                text_of(&address)
            } else {
                no()
            }
        }
        "host" | "address/prefix" | "ip/prefix" | "gateway" | "gw" | "host/prefix" => {
            if own || !prefix { with_prefix(address) } else { no() }
        }
        "net" => {
            if is_network {
                text_of(&net.trunc())
            } else {
                no()
            }
        }
        "network" | "network_id" => text_of(&net.network()),
        "subnet" | "network/prefix" => text_of(&net.trunc()),
        "cidr" => text_of(&net),
        "network_netmask" => Value::from(format!("{} {}", net.network(), net.netmask())),
        "netmask" => text_of(&net.netmask()),
        "hostmask" | "wildcard" => text_of(&net.hostmask()),
        "prefix" => Value::from(net.prefix_len()),
        "size" => Value::from(size(&net)),
        "broadcast" => {
            if size(&net) > 2 {
                text_of(&net.broadcast())
            } else {
                no()
            }
        }
        "version" => Value::from(if address.is_ipv4() { 4 } else { 6 }),
        "type" => Value::from(if is_network { "network" } else { "address" }),
        "int" | "integer" if prefix => {
            Value::from(format!("{}/{}", number(address), net.prefix_len()))
        }
        "int" | "integer" => Value::from(number(address)),
        "first_usable" => usable(&net, true),
        "last_usable" => usable(&net, false),
        "range_usable" => Value::from(format!("{}-{}", usable(&net, true), usable(&net, false))),
        "next_usable" => beside(&net, true),
        "previous_usable" => beside(&net, false),
        "private" => keep(is_private(address), text),
        "public" => {
            keep(!is_private(address) && !address.is_multicast() && !address.is_loopback(), text)
        }
        "multicast" => keep(address.is_multicast(), text),
        "loopback" | "lo" => keep(address.is_loopback(), text),
        "unicast" => keep(!address.is_multicast(), text),
        "link-local" => keep(is_link_local(address), text),
        "ipv4" => keep(address.is_ipv4(), text),
        "ipv6" => keep(address.is_ipv6(), text),
        "wrap" => {
            Value::from(if address.is_ipv6() { format!("[{address}]") } else { text.to_owned() })
        }
        "revdns" => Value::from(reverse(address)),
        _ => return nth_or_inside(call, text, &net, query),
    })
}

fn keep(is: bool, text: &str) -> Value {
    if is { Value::from(text) } else { Value::from(()) }
}

/// A number asks for the nth address, a network whether it holds this one.
fn nth_or_inside(call: &Call, text: &str, net: &IpNet, query: &str) -> Result<Value, Error> {
    if let Ok(nth) = query.parse::<i64>() {
        let found = nth_of(net, nth).map(|it| format!("{it}/{}", net.prefix_len()));
        return Ok(found.map_or_else(|| Value::from(()), Value::from));
    }
    match read(query) {
        Some((outer, _)) => Ok(keep(outer.trunc().contains(net), text)),
        None => Err(call.error(format!("knows no query `{query}`"))),
    }
}

fn usable(net: &IpNet, first: bool) -> Value {
    let size = i64::try_from(size(net)).unwrap_or(i64::MAX);
    let edge = i64::from(size > 2);
    let nth = if first { edge } else { -1 - edge };
    let found = nth_of(net, nth).filter(|_| size > 1);
    found.map_or_else(|| Value::from(()), |it| Value::from(it.to_string()))
}

fn beside(net: &IpNet, next: bool) -> Value {
    let own = number(net.addr()) - number(net.network());
    let size = size(net);
    let nth = if next { own.checked_add(1) } else { own.checked_sub(1) };
    let inside = nth.filter(|nth| size > 2 && *nth > 0 && *nth < size - 1);
    let found = inside.and_then(|nth| nth_of(net, i64::try_from(nth).ok()?));
    found.map_or_else(|| Value::from(()), |it| Value::from(it.to_string()))
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// RFC 1035 3.5 and RFC 3596 2.5.
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(v6) => {
            let digits = format!("{:032x}", u128::from(v6));
            let digits: Vec<String> = digits.chars().rev().map(|c| c.to_string()).collect();
            format!("{}.ip6.arpa.", digits.join("."))
        }
    }
}

fn subnet(call: &mut Call) -> Result<Value, Error> {
    let text = call.text()?;
    let Some((net, _)) = read(&text) else { return Ok(Value::from(false)) };
    let prefix = match call.arg(0) {
        None => return Ok(Value::from(net.trunc().to_string())),
        Some(query) => native::text(query)?.parse::<u8>().ok(),
    };
    let prefix = prefix.ok_or_else(|| call.error("takes the length of a prefix"))?;
    let index = call.int_arg(1)?;
    if size(&net) == 1 {
        // An address: the network around it.
        let around = IpNet::new(net.addr(), prefix)
            .map_err(|_| call.error("was given too long a prefix"))?;
        return Ok(Value::from(around.trunc().to_string()));
    }
    let Some(bits) =
        prefix.checked_sub(net.prefix_len()).filter(|_| prefix <= net.max_prefix_len())
    else {
        return Ok(Value::from(false));
    };
    let count = 1_u128.checked_shl(bits.into()).unwrap_or(u128::MAX);
    let Some(index) = index else { return Ok(Value::from(count.to_string())) };
    let nth = if index < 0 {
        count.checked_sub(index.unsigned_abs().into())
    } else {
        u128::try_from(index).ok()
    };
    let found = nth.filter(|nth| *nth < count).and_then(|nth| {
        let step = 1_u128.checked_shl(u32::from(net.max_prefix_len() - prefix))?;
        let start = number(net.network()).checked_add(nth.checked_mul(step)?)?;
        let address = match net {
            IpNet::V4(_) => IpAddr::V4(u32::try_from(start).ok()?.into()),
            IpNet::V6(_) => IpAddr::V6(start.into()),
        };
        IpNet::new(address, prefix).ok()
    });
    Ok(found.map_or_else(|| Value::from(false), |net| Value::from(net.to_string())))
}
