//! What the lab tells of itself: `inventory.yml` for `cowhand`, `lab.json` for the end-to-end tests. Both
//! are made of the same values, and list the servers that are up.

use crate::Outcome;
use crate::lab::docker::container;
use crate::lab::gifts::write;
use crate::lab::images::LOGINS;
use crate::lab::place::{LABEL, Place, SSH_PORT};
use crate::lab::server::{SERVERS, Server};
use serde_json::{Map, Value, json};

/// Writes both files.
pub(crate) fn describe(place: &Place) -> Outcome {
    let running = SERVERS.iter().filter_map(|server| {
        let container = container(&place.container(server), LABEL)?;
        container.running.then_some((server, container.id))
    });
    let running: Vec<(&Server, String)> = running.collect();
    let servers: Vec<&Server> = running.iter().map(|(server, _)| *server).collect();
    write(&place.inventory(), &inventory(place, &servers))?;
    let servers: Map<String, Value> = running
        .iter()
        .map(|(server, id)| (server.name.into(), describe_server(place, server, id)))
        .collect();
    let logins: Map<String, Value> = (LOGINS.iter())
        .map(|image| Ok((image.suite.into(), image.tag()?.into())))
        .collect::<Outcome<_>>()?;
    let lab = json!({
        "version": 1,
        "id": place.id,
        "label": place.label(),
        "state": place.state,
        "inventory": place.inventory(),
        "known_hosts": place.known_hosts(),
        "client_key": place.client_key(),
        "servers": servers,
        "logins": logins,
    });
    // A value of this shape can always be written.
    write(&place.description(), &format!("{lab:#}\n"))
}

fn describe_server(place: &Place, server: &Server, id: &str) -> Value {
    json!({
        "era": server.era,
        "address": place.address(server),
        "ssh_port": SSH_PORT,
        "ports": {
            "http": 80, "https": server.https_port, "smtp": 25, "submission": 587, "smtps": 465,
        },
        "hostname": server.hostname(),
        "mailcow_dir": place.mailcow(server),
        "nginx_file": if server.era == "A" {
            "data/conf/nginx/includes/site-defaults.conf"
        } else {
            "data/conf/nginx/templates/sites-default.conf.j2"
        },
        "dead_file": server.leftover.map(|(_, path)| path),
        "project": place.project(server),
        "container": place.container(server),
        "container_id": id,
        "users": {
            "root": { "login": "key", "sudo": null },
            "admin": { "login": "key", "sudo": "no password" },
            "keeper": { "login": "key or password", "password": "keeper of the lab", "sudo": "password" },
        },
        "start": ["docker", "exec", place.container(server), "lab-start"],
        "reset": ["docker", "exec", place.container(server), "lab-reset"],
    })
}

/// JSON strings are YAML strings.
fn inventory(place: &Place, servers: &[&Server]) -> String {
    let quoted = |text: String| Value::String(text).to_string();
    let key = quoted(place.client_key().display().to_string());
    let known_hosts = quoted(place.known_hosts().display().to_string());
    let mut text = String::from("# Written by `cargo xtask lab up`.\nmailcow:\n  hosts:\n");
    for server in servers {
        let address = place.address(server);
        let folder = quoted(place.mailcow(server).display().to_string());
        let lines = [
            format!("    {}:", server.name),
            format!("      ansible_host: {address}"),
            format!("      ansible_port: {SSH_PORT}"),
            "      ansible_user: root".into(),
            format!("      ansible_ssh_private_key_file: {key}"),
            format!("      cowhand_known_hosts: {known_hosts}"),
            format!("      mailcow_dir: {folder}"),
            "      mailcow_hardening_dir: \"{{ mailcow_dir }}\"\n".into(),
        ];
        text.push_str(&lines.join("\n"));
    }
    text
}
