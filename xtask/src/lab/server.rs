//! Which servers the lab has and which of Mailcow's eras each stands for. Data, and names derived from
//! it; nothing here touches a disk or an engine.

use crate::Outcome;
use crate::lab::images::{
    Image, NGINX_A, NGINX_B, NGINX_B_NEWEST, POSTFIX_3_5, POSTFIX_3_7, POSTFIX_3_10,
};

/// A lab server: what makes it unlike the others.
#[derive(Debug)]
pub(crate) struct Server {
    /// Its name in the inventory.
    pub name: &'static str,
    /// `A` or `B`: which nginx file counts.
    pub era: &'static str,
    /// Its nginx.
    pub nginx: &'static Image,
    /// Its Postfix.
    pub postfix: &'static Image,
    /// Folders below `xtask/lab/mailcow/`, later ones over earlier ones.
    pub layers: &'static [&'static str],
    /// A file of another era that lies about and does nothing: from that layer, below the folder.
    pub leftover: Option<(&'static str, &'static str)>,
    /// Whether the stock nginx file has an X-XSS-Protection line.
    pub xss_line: bool,
    /// Stock `smtp_tls_protocols` and `smtpd_tls_protocols`.
    pub protocols: &'static str,
    /// Stock `smtp[d]_tls_mandatory_protocols`.
    pub mandatory_protocols: &'static str,
    /// The line of `mailcow.conf` that tells the compose command; empty: an old install without one.
    pub compose_line: &'static str,
    /// `HTTPS_PORT`.
    pub https_port: u16,
}

/// All of them, in the order of the inventory. The place in this list is a part of the address.
pub(crate) const SERVERS: [Server; 4] = [
    Server {
        name: "a1",
        era: "A",
        nginx: &NGINX_A,
        postfix: &POSTFIX_3_5,
        layers: &["all", "a"],
        leftover: None,
        xss_line: true,
        protocols: "!SSLv2, !SSLv3",
        mandatory_protocols: "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
        compose_line: "",
        https_port: 443,
    },
    Server {
        name: "a3",
        era: "A",
        nginx: &NGINX_A,
        postfix: &POSTFIX_3_7,
        layers: &["all", "a", "a3"],
        leftover: None,
        xss_line: true,
        protocols: ">=TLSv1.2",
        mandatory_protocols: ">=TLSv1.2",
        compose_line: "DOCKER_COMPOSE_VERSION=native",
        https_port: 8443,
    },
    Server {
        name: "b1",
        era: "B",
        nginx: &NGINX_B,
        postfix: &POSTFIX_3_7,
        layers: &["all", "b"],
        leftover: Some(("a", "data/conf/nginx/includes/site-defaults.conf")),
        xss_line: true,
        protocols: ">=TLSv1.2",
        mandatory_protocols: ">=TLSv1.2",
        compose_line: "DOCKER_COMPOSE_VERSION=standalone",
        https_port: 443,
    },
    Server {
        name: "b2",
        era: "B",
        nginx: &NGINX_B_NEWEST,
        postfix: &POSTFIX_3_10,
        layers: &["all", "b"],
        leftover: None,
        xss_line: false,
        protocols: ">=TLSv1.2",
        mandatory_protocols: ">=TLSv1.2",
        compose_line: "DOCKER_COMPOSE_VERSION=native",
        https_port: 443,
    },
];

impl Server {
    /// `MAILCOW_HOSTNAME`: a name that can never resolve.
    pub(crate) fn hostname(&self) -> String {
        format!("mail.{}.lab.invalid", self.name)
    }

    /// Its place in the list, from 0.
    pub(crate) fn place(&self) -> u8 {
        let place = SERVERS.iter().position(|other| other.name == self.name);
        place.and_then(|place| u8::try_from(place).ok()).unwrap_or_default()
    }
}

/// The servers of those names; no names means all.
pub(crate) fn chosen(names: &[&str]) -> Outcome<Vec<&'static Server>> {
    if names.is_empty() {
        return Ok(SERVERS.iter().collect());
    }
    names.iter().map(|name| one(name)).collect()
}

fn one(name: &str) -> Outcome<&'static Server> {
    let found = SERVERS.iter().find(|server| server.name == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = SERVERS.iter().map(|server| server.name).collect();
        format!("no lab server is called {name}: there are {}", known.join(", "))
    })
}
