//! A server's Mailcow folder as it is when new: the layers of `xtask/lab/mailcow/` over one another, with
//! this checkout's names filled in.

use crate::Outcome;
use crate::lab::images::{self, base_tag};
use crate::lab::place::{Place, hex};
use crate::lab::server::Server;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a server by their path below the Mailcow folder.
pub(crate) type Seed = BTreeMap<PathBuf, String>;

/// What a server is seeded with.
pub(crate) fn seed(place: &Place, server: &Server) -> Outcome<Seed> {
    let layers = images::definitions().join("mailcow");
    let mut files = Seed::new();
    for layer in server.layers {
        collect(&layers.join(layer), Path::new(""), &mut files)?;
    }
    if let Some((layer, path)) = server.leftover {
        files.insert(path.into(), read(&layers.join(layer).join(path))?);
    }
    let names = names(place, server)?;
    for (path, text) in &mut files {
        *text = fill(text, &names);
        if let Some(name) = unfilled(text) {
            return Err(format!("{}: nothing fills in {name}", path.display()));
        }
    }
    Ok(files)
}

/// A digest of the seed: a server that was seeded with another is made new.
pub(crate) fn stamp(seed: &Seed) -> String {
    let mut sum = Sha256::new();
    for (path, text) in seed {
        sum.update(path.as_os_str().as_encoded_bytes());
        sum.update([0]);
        sum.update(text);
        sum.update([0]);
    }
    hex(&sum.finalize()[..8])
}

fn names(place: &Place, server: &Server) -> Outcome<Vec<(&'static str, String)>> {
    let xss = if server.xss_line { "add_header X-XSS-Protection \"1; mode=block\";" } else { "" };
    Ok(vec![
        ("@LAB@", place.id.clone()),
        ("@STUB_IMAGE@", base_tag("trixie")),
        ("@NGINX_IMAGE@", server.nginx.tag()?),
        ("@POSTFIX_IMAGE@", server.postfix.tag()?),
        ("@POSTFIX_ADDRESS@", place.postfix_address(server)),
        ("@SUBNET@", place.subnet(server)),
        ("@ADDRESS@", place.address(server)),
        ("@HOSTNAME@", server.hostname()),
        ("@HTTPS_PORT@", server.https_port.to_string()),
        ("@PROJECT@", place.project(server)),
        ("@COMPOSE_VERSION@", server.compose_line.into()),
        ("@POSTFIX_PROTOCOLS@", server.protocols.into()),
        ("@POSTFIX_MANDATORY@", server.mandatory_protocols.into()),
        ("@XSS_LINE@", xss.into()),
    ])
}

/// Fills names in; a line that is nothing but a name filled in with nothing goes.
fn fill(text: &str, names: &[(&str, String)]) -> String {
    let mut filled = text.to_owned();
    for (name, value) in names {
        if value.is_empty() {
            filled = filled.replace(&format!("{name}\n"), "");
        }
        filled = filled.replace(name, value);
    }
    filled
}

fn unfilled(text: &str) -> Option<&str> {
    text.split('@')
        .skip(1)
        .find(|name| name.len() > 2 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}

fn collect(folder: &Path, below: &Path, files: &mut Seed) -> Outcome {
    let here = folder.join(below);
    for entry in fs::read_dir(&here).map_err(|error| format!("{}: {error}", here.display()))? {
        let entry = entry.map_err(|error| error.to_string())?;
        let path = below.join(entry.file_name());
        if entry.path().is_dir() {
            collect(folder, &path, files)?;
        } else {
            files.insert(path, read(&entry.path())?);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::server::SERVERS;

    fn of(name: &str) -> Seed {
        let server = SERVERS.iter().find(|server| server.name == name).unwrap();
        seed(&Place::of(Path::new("/a/one")), server).unwrap()
    }

    #[test]
    fn every_server_has_the_nginx_file_of_its_era_and_every_name_is_filled_in() {
        for server in &SERVERS {
            let files = of(server.name);
            let template =
                files.contains_key(Path::new("data/conf/nginx/templates/sites-default.conf.j2"));
            assert_eq!(template, server.era == "B", "{}", server.name);
        }
    }

    #[test]
    fn only_the_newest_era_lacks_the_xss_line() {
        let has = |name: &str| of(name).values().any(|text| text.contains("X-XSS-Protection"));
        assert_eq!(["a1", "a3", "b1", "b2"].map(has), [true, true, true, false]);
    }

    #[test]
    fn a_name_that_nothing_fills_in_is_found() {
        assert_eq!(unfilled("port @HTTP_PORT@;"), Some("HTTP_PORT"));
        assert_eq!(unfilled("location @awaitingupstream {"), None);
    }

    #[test]
    fn a_line_filled_in_with_nothing_goes_whole() {
        assert_eq!(fill("one\n@X@\ntwo\n", &[("@X@", String::new())]), "one\ntwo\n");
    }
}
