//! `cowhand trust`, and the question that stands before a run: which keys of new servers to trust. All
//! are collected first and shown in one table. It never asks without a terminal, and never adds a key
//! that nobody said yes to.
use super::args::{Color, TrustAction, TrustArgs, TrustHosts};
use super::connect::Dialer;
use super::{Exit, Wrong, limit, load};
use crate::report::{Palette, clean};
use crate::source::SourceMap;
use crate::transport::TransportError;
use crate::transport::ssh::{NewHost, add_known, known_lines, remove_known};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Hosts behind new bastions are seen when those are trusted.
const ROUNDS: usize = 4;

/// What came of looking at hosts' keys.
#[derive(Default)]
struct Scan {
    new: Vec<(String, NewHost)>,
    wrong: Vec<(String, TransportError)>,
}

/// `cowhand trust`.
pub(super) async fn trust(args: TrustArgs, color: Color) -> Result<Exit, Wrong> {
    let palette = Palette { color: color.on_stdout() };
    match &args.action {
        TrustAction::List(of) => list(of),
        TrustAction::Remove(of) => remove(of),
        TrustAction::Scan(of) => {
            let (_, scan) = look(of).await?;
            let mut out = io::stdout().lock();
            table(&mut out, &scan.new)?;
            let fine = if scan.new.is_empty() { Exit::Fine } else { Exit::Unreachable };
            Ok(wrong(&mut out, &scan, palette)?.unwrap_or(fine))
        }
        TrustAction::Add { hosts, fingerprint, all } => {
            let file = file(hosts)?;
            let (_, scan) = look(hosts).await?;
            let chosen: Vec<usize> = if *all {
                (0..scan.new.len()).collect()
            } else if fingerprint.is_empty() {
                choose(&scan.new)?
            } else {
                let is_named = |new: &NewHost| {
                    fingerprint.iter().any(|name| new.fingerprint.ends_with(&format!(" {name}")))
                };
                (0..scan.new.len()).filter(|&index| is_named(&scan.new[index].1)).collect()
            };
            let mut out = io::stdout().lock();
            for (host, new) in chosen.iter().map(|&index| &scan.new[index]) {
                add(&file, new)?;
                writeln!(out, "added {} ({}) to {}", host, new.fingerprint, file.display())?;
            }
            let left = chosen.len() < scan.new.len();
            let bad = wrong(&mut out, &scan, palette)?;
            Ok(bad.unwrap_or(if left { Exit::Unreachable } else { Exit::Fine }))
        }
    }
}

/// Before a run on a terminal: whether to trust servers that are new. Where nobody can be asked, their
/// refusal tells what to do.
pub(super) async fn ask(dialer: &Arc<Dialer>, hosts: &[String]) -> Result<(), Wrong> {
    let somebody = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !somebody || std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false") {
        return Ok(());
    }
    let mut hosts = hosts.to_vec();
    for _ in 0..ROUNDS {
        let Scan { mut new, wrong } = scan(dialer, &hosts).await;
        // Who is away is asked once.
        let is_away = |host: &String| wrong.iter().any(|(who, why)| who == host && why.may_pass());
        hosts.retain(|host| !is_away(host));
        new.retain(|(_, new)| new.may_ask);
        // A bastion is asked about once, however many stand behind it.
        new.dedup_by(|a, b| a.1.line == b.1.line);
        let chosen = choose(&new)?;
        for &index in &chosen {
            let (host, new) = &new[index];
            let Some(file) = dialer.first_known_hosts(host) else { continue };
            add(&file, new)?;
            writeln!(io::stderr(), "added {} to {}", clean(&new.address), file.display())?;
        }
        if chosen.is_empty() {
            return Ok(());
        }
    }
    Ok(())
}

async fn look(of: &TrustHosts) -> Result<(Arc<Dialer>, Scan), Wrong> {
    let fleet = load::fleet(&of.hosts.hosts, None, SourceMap::default())?;
    let hosts = limit::chosen(&fleet, &of.hosts.pattern, of.hosts.hosts.limit.as_deref())?;
    let dialer = Arc::new(Dialer::for_fleet(&fleet, &of.hosts.login)?);
    let scan = scan(&dialer, &hosts).await;
    Ok((dialer, scan))
}

/// Shakes hands with the hosts of whose keys nothing is known; others are not contacted.
async fn scan(dialer: &Arc<Dialer>, hosts: &[String]) -> Scan {
    let mut at_work = JoinSet::new();
    let mut new = 0;
    for host in hosts {
        let ssh = dialer.ssh(host);
        let known = ssh.and_then(|ssh| ssh.map(|ssh| Ok((ssh.knows_host_key()?, ssh))).transpose());
        new += usize::from(matches!(known, Ok(Some((false, _)))));
        let host = host.clone();
        at_work.spawn(async move {
            let checked = match known {
                Ok(Some((false, ssh))) => ssh.check_host_key().await,
                known => known.map(drop),
            };
            (host, checked)
        });
    }
    if new > 0 && io::stderr().is_terminal() {
        let noun = if new == 1 { "server" } else { "servers" };
        // Whoever waits is told what for; nothing depends on it.
        let _ = writeln!(io::stderr(), "asking {new} new {noun} for the key …");
    }
    let mut ends = at_work.join_all().await;
    ends.sort_by(|a, b| a.0.cmp(&b.0));
    let mut scan = Scan::default();
    for (host, checked) in ends {
        match checked {
            Ok(()) => {}
            Err(TransportError::NewHost(new)) => scan.new.push((host, *new)),
            Err(error) => scan.wrong.push((host, error)),
        }
    }
    scan
}

fn table(out: &mut impl Write, new: &[(String, NewHost)]) -> io::Result<()> {
    let width = |of: fn(&(String, NewHost)) -> usize| new.iter().map(of).max().unwrap_or(0);
    let host = width(|(host, _)| host.chars().count());
    let address = width(|(_, new)| new.address.chars().count());
    let print = width(|(_, new)| new.fingerprint.chars().count());
    for (index, (name, new)) in new.iter().enumerate() {
        let elsewhere = match &new.elsewhere {
            Some(place) => format!("the same key is known in {}", clean(place)),
            None => "nobody else vouches for it".to_owned(),
        };
        writeln!(
            out,
            "{:>3}  {:<host$}  {:<address$}  {:<print$}  {elsewhere}",
            index + 1,
            clean(name),
            clean(&new.address),
            new.fingerprint,
        )?;
    }
    Ok(())
}

/// Tells what is wrong with hosts; the exit code, if anything is.
fn wrong(out: &mut impl Write, scan: &Scan, palette: Palette) -> io::Result<Option<Exit>> {
    for (host, error) in &scan.wrong {
        let (word, error_text) = (palette.bad("wrong"), error.to_string());
        writeln!(out, "{word}  {}: {}", clean(host), clean(&error_text))?;
        if let Some(help) = error.help() {
            writeln!(out, "    help: {}", clean(help))?;
        }
    }
    Ok((!scan.wrong.is_empty()).then_some(Exit::Unreachable))
}

/// Shows the table and asks; whoever is not there says no.
fn choose(new: &[(String, NewHost)]) -> Result<Vec<usize>, Wrong> {
    if new.is_empty() {
        return Ok(vec![]);
    }
    let mut err = io::stderr().lock();
    if !io::stdin().is_terminal() {
        table(&mut err, new)?;
        let help = "compare them with the servers' own, then say --fingerprint SHA256:… for each";
        let message = "there is no terminal on which to ask which of these keys to trust";
        return Err(Wrong::Usage(message.into(), Some(help.into())));
    }
    writeln!(err, "Nothing is known of these servers' keys. Compare them with the servers' own:")?;
    table(&mut err, new)?;
    loop {
        write!(err, "Trust which? [all, none, or numbers as in 1,3-5] (none): ")?;
        err.flush()?;
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer)?;
        match numbers(&answer, new.len()) {
            Some(chosen) => return Ok(chosen),
            None if read == 0 => return Ok(vec![]),
            None => writeln!(err, "that is none of these")?,
        }
    }
}

/// What an answer chooses, from 0; `None`: it is no answer.
fn numbers(answer: &str, count: usize) -> Option<Vec<usize>> {
    let answer = answer.trim().to_lowercase();
    match answer.as_str() {
        "" | "none" | "no" | "n" => return Some(vec![]),
        "all" => return Some((0..count).collect()),
        _ => {}
    }
    let mut chosen = vec![];
    for part in answer.split(',').map(str::trim) {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (usize, usize) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        if from == 0 || to > count || from > to {
            return None;
        }
        chosen.extend(from - 1..to);
    }
    chosen.sort_unstable();
    chosen.dedup();
    Some(chosen)
}

fn add(file: &Path, new: &NewHost) -> Result<(), Wrong> {
    let added = add_known(file, &new.line);
    added.map_err(|error| Wrong::usage(format!("can't write {}: {error}", file.display())))
}

fn list(of: &TrustHosts) -> Result<Exit, Wrong> {
    let file = file(of)?;
    let lines = known_lines(&file)
        .map_err(|error| Wrong::usage(format!("can't read {}: {error}", file.display())))?;
    let mut out = io::stdout().lock();
    for line in lines {
        let marker = if line.marker.is_empty() { "" } else { " " };
        writeln!(
            out,
            "{}:{}  {}{marker}{}  {}",
            file.display(),
            line.number,
            clean(&line.marker),
            clean(&line.names),
            line.fingerprint.as_deref().unwrap_or("no key that can be read"),
        )?;
    }
    Ok(Exit::Fine)
}

fn remove(of: &TrustHosts) -> Result<Exit, Wrong> {
    let file = file(of)?;
    let fleet = load::fleet(&of.hosts.hosts, None, SourceMap::default())?;
    let hosts = limit::chosen(&fleet, &of.hosts.pattern, of.hosts.hosts.limit.as_deref())?;
    let dialer = Dialer::for_fleet(&fleet, &of.hosts.login)?;
    let mut out = io::stdout().lock();
    for host in &hosts {
        let Ok(Some(ssh)) = dialer.ssh(host) else { continue };
        let (name, port) = ssh.known_as();
        let removed = remove_known(&file, &name, port)
            .map_err(|error| Wrong::usage(format!("can't write {}: {error}", file.display())))?;
        for line in removed {
            let print = line.fingerprint.as_deref().unwrap_or("a line without a key");
            writeln!(out, "removed {} ({print}) from {}", clean(host), file.display())?;
        }
    }
    Ok(Exit::Fine)
}

/// `--file`, or `known_hosts` beside the inventory.
fn file(of: &TrustHosts) -> Result<PathBuf, Wrong> {
    let beside = of.file.clone().or_else(|| beside(&of.hosts.hosts.inventory));
    beside.ok_or_else(|| {
        let message = "the inventory is no file beside which known_hosts could be".to_owned();
        Wrong::Usage(message, Some("name one with --file".into()))
    })
}

/// `known_hosts` beside the first inventory that is a file or a folder.
pub(super) fn beside(inventories: &[String]) -> Option<PathBuf> {
    let on_disk = inventories.iter().map(Path::new).find(|path| path.exists())?;
    Some(on_disk.parent().unwrap_or(Path::new("")).join("known_hosts"))
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn an_answer_chooses_all_some_or_none() {
        let cases: &[(&str, Option<&[usize]>)] = &[
            ("", Some(&[])),
            ("none\n", Some(&[])),
            ("ALL", Some(&[0, 1, 2])),
            ("2", Some(&[1])),
            ("3, 1-2,2", Some(&[0, 1, 2])),
            ("yes", None),
            ("0", None),
            ("4", None),
            ("3-2", None),
            ("1,", None),
        ];
        for (answer, expected) in cases {
            assert_eq!(numbers(answer, 3).as_deref(), *expected, "{answer:?}");
        }
    }
}
