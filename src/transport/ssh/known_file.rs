//! `known_hosts` files as people keep them: what stands in one, lines added, lines taken out. It changes
//! no other line, and replaces a file whole or not at all.
#![expect(clippy::disallowed_methods, reason = "the file is read and written here")]
use super::host_keys::{self, HostName, names_match};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLine {
    /// From 1.
    pub number: usize,
    /// `@cert-authority`, `@revoked`, or nothing.
    pub marker: String,
    /// The names as they stand there; hashed ones can't be read.
    pub names: String,
    /// `ED25519 SHA256:…`; `None`: it holds no key that can be read.
    pub fingerprint: Option<String>,
}

/// The lines of a file that say something; none when there is no file.
///
/// # Errors
/// The file is there and can't be read.
pub fn known_lines(file: &Path) -> io::Result<Vec<KnownLine>> {
    let text = text(file)?;
    Ok(text.lines().enumerate().filter_map(|(index, line)| read(index + 1, line)).collect())
}

/// Adds a line; made when there is no file. One write, so that hosts that come at the same time don't
/// mix.
///
/// # Errors
/// The file can't be written.
pub fn add_known(file: &Path, line: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let whole = std::fs::read(file).unwrap_or_default();
    let gap = if whole.is_empty() || whole.ends_with(b"\n") { "" } else { "\n" };
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file)?;
    file.write_all(format!("{gap}{line}\n").as_bytes())
}

/// Takes out the lines that are of a host alone, hashed or not. A line with patterns or with other
/// names as well stays. What is `@revoked` stays.
///
/// # Errors
/// The file can't be read or replaced.
pub fn remove_known(file: &Path, host: &str, port: u16) -> io::Result<Vec<KnownLine>> {
    let name = HostName::new(host, port).to_string();
    let text = text(file)?;
    let (mut kept, mut removed) = (String::new(), vec![]);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        match read(index + 1, line) {
            Some(known) if known.marker.is_empty() && known.is_of_alone(&name) => {
                removed.push(known);
            }
            _ => kept.push_str(line),
        }
    }
    if !removed.is_empty() {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut new = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        new.write_all(kept.as_bytes())?;
        new.as_file().set_permissions(std::fs::metadata(file)?.permissions())?;
        new.as_file().sync_all()?;
        new.persist(file)?;
    }
    Ok(removed)
}

impl KnownLine {
    fn is_of_alone(&self, name: &str) -> bool {
        let is_one = !self.names.contains([',', '*', '?', '!']);
        is_one && names_match(&self.names, name)
    }
}

fn text(file: &Path) -> io::Result<String> {
    match std::fs::read(file) {
        Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn read(number: usize, line: &str) -> Option<KnownLine> {
    let (marker, names, key) = host_keys::parts(line)?;
    Some(KnownLine {
        number,
        marker: marker.to_owned(),
        names: names.to_owned(),
        fingerprint: host_keys::public_key(key).map(|key| host_keys::fingerprint(&key)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFrUPH/kihOK5/Oi6T91lrNI1+2YwnRTo978IPdqdAJT";

    #[test]
    fn only_lines_of_that_host_alone_are_taken_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        assert!(known_lines(&file).unwrap().is_empty());
        let rest = format!(
            "# ours\n[mail]:2222 {KEY}\nmail,other {KEY}\n*ail {KEY}\n@revoked mail {KEY}\nodd\n"
        );
        for line in rest.lines().chain([format!("Mail {KEY} a comment").as_str()]) {
            add_known(&file, line).unwrap();
        }
        let hashed = host_keys::hashed_line(
            &HostName::new("mail", 22),
            &host_keys::public_key(KEY).unwrap(),
        );
        add_known(&file, &hashed).unwrap();
        let removed = remove_known(&file, "MAIL", 22).unwrap();
        assert_eq!(removed.iter().map(|line| line.number).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), rest);
        assert_eq!(remove_known(&file, "mail", 22).unwrap(), []);
        let lines = known_lines(&file).unwrap();
        assert_eq!((lines[0].number, lines[0].names.as_str()), (2, "[mail]:2222"));
        assert_eq!((lines[3].marker.as_str(), &lines[4].fingerprint), ("@revoked", &None));
    }
}
