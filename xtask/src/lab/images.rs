//! The lab's images: four Debian suites made with debootstrap (or pulled where that cannot run), and
//! what is built on them. A tag holds the digest of its definition, so all checkouts share images and a
//! changed definition makes a new one.

use crate::lab::docker::{docker, has_image, remove};
use crate::lab::place::hex;
use crate::process::{ask, command, exists};
use crate::{Outcome, checkout};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The label on every image; images belong to all checkouts together.
const LABEL: &str = "cowhand.lab.images=1";

/// An image that is built: a folder below `xtask/lab/` on a Debian suite.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// The folder with its `Dockerfile`.
    pub folder: &'static str,
    /// The Debian suite below it.
    pub suite: &'static str,
    /// `--build-arg`.
    pub arguments: &'static [&'static str],
}

/// The lab server itself.
pub(crate) const SERVER: Image = Image { folder: "server", suite: "trixie", arguments: &[] };
/// Postfix of Mailcow up to 2024-04: no security level switch, and TLS 1.0 is still spoken.
pub(crate) const POSTFIX_3_5: Image =
    Image { folder: "postfix", suite: "bullseye", arguments: &["SWITCH=no", "OLDEST=TLSv1"] };
/// Postfix of Mailcow since 2024-11.
pub(crate) const POSTFIX_3_7: Image =
    Image { folder: "postfix", suite: "bookworm", arguments: &["SWITCH=yes", "OLDEST=TLSv1.2"] };
/// Postfix of Mailcow since 2026-07.
pub(crate) const POSTFIX_3_10: Image =
    Image { folder: "postfix", suite: "trixie", arguments: &["SWITCH=yes", "OLDEST=TLSv1.2"] };
/// nginx of era A. It is newer than bullseye's, which no Mailcow of that time had any more.
pub(crate) const NGINX_A: Image =
    Image { folder: "nginx", suite: "bookworm", arguments: &["ERA=a"] };
/// nginx of era B without `add_header_inherit`.
pub(crate) const NGINX_B: Image =
    Image { folder: "nginx", suite: "bookworm", arguments: &["ERA=b"] };
/// nginx of era B with `add_header_inherit` (1.29.3 and later).
pub(crate) const NGINX_B_NEWEST: Image =
    Image { folder: "nginx", suite: "sid", arguments: &["ERA=b"] };

/// Servers of logins: sshd 8.4, 9.2, 10.0 and the newest.
pub(crate) const LOGINS: [Image; 4] = [
    Image { folder: "login", suite: "bullseye", arguments: &[] },
    Image { folder: "login", suite: "bookworm", arguments: &[] },
    Image { folder: "login", suite: "trixie", arguments: &[] },
    Image { folder: "login", suite: "sid", arguments: &[] },
];

const ALL: [&Image; 11] = [
    &SERVER,
    &POSTFIX_3_5,
    &POSTFIX_3_7,
    &POSTFIX_3_10,
    &NGINX_A,
    &NGINX_B,
    &NGINX_B_NEWEST,
    &LOGINS[0],
    &LOGINS[1],
    &LOGINS[2],
    &LOGINS[3],
];
/// What every Debian suite of the lab is told: the packages' disk is thrown away anyway, and nobody reads
/// translated descriptions.
const SETTINGS: [(&str, &str); 2] = [
    ("etc/dpkg/dpkg.cfg.d/lab", "force-unsafe-io\n"),
    ("etc/apt/apt.conf.d/98lab", "Acquire::Languages \"none\";\n"),
];
const SUITES: [&str; 4] = ["bullseye", "bookworm", "trixie", "sid"];

impl Image {
    fn context(&self) -> PathBuf {
        definitions().join(self.folder)
    }

    /// Its tag, from the digest of every file it is made of.
    pub(crate) fn tag(&self) -> Outcome<String> {
        let mut sum = Sha256::new();
        sum.update(base_tag(self.suite));
        for argument in self.arguments {
            sum.update(argument);
            sum.update([0]);
        }
        digest_folder(&self.context(), &mut sum)?;
        Ok(format!("cowhand-lab/{}-{}:{}", self.folder, self.suite, hex(&sum.finalize()[..6])))
    }

    fn build(&self) -> Outcome {
        let tag = self.tag()?;
        if has_image(&tag) {
            return Ok(());
        }
        eprintln!("lab: building {tag}");
        let context = self.context();
        let base = format!("BASE={}", base_tag(self.suite));
        let mut build = docker(&[
            "build",
            "--force-rm",
            "--network",
            "host",
            "--label",
            LABEL,
            "--tag",
            &tag,
            "--build-arg",
            &base,
        ]);
        for argument in self.arguments {
            build.args(["--build-arg", argument]);
        }
        ask(build.arg(&context)).map(drop)
    }
}

/// Makes whatever image is missing: the suites side by side, and on each what stands on it.
pub(crate) fn make(scratch: &Path) -> Outcome {
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let suites = SUITES.map(|suite| {
            scope.spawn(move || {
                let images: Vec<&Image> =
                    ALL.into_iter().filter(|image| image.suite == suite).collect();
                if !has_image(&base_tag(suite)) {
                    make_base(suite, &scratch.join(suite))?;
                }
                images.into_iter().try_for_each(Image::build)
            })
        });
        suites
            .into_iter()
            .map(|suite| suite.join().unwrap_or_else(|_| Err("a thread panicked".into())))
            .collect()
    });
    outcomes.into_iter().collect()
}

/// Removes the images of all labs.
pub(crate) fn remove_images() -> Outcome {
    let filter = format!("label={LABEL}");
    let tags = "{{.Repository}}:{{.Tag}}";
    remove(
        &["images", "--filter", &filter, "--filter", "dangling=false", "--format", tags],
        &["rmi"],
    )
}

/// Why images could not be made here if some were missing; `None`: they can.
pub(crate) fn obstacle() -> Option<String> {
    let missing = SUITES.iter().any(|suite| !has_image(&base_tag(suite)));
    (missing && !can_bootstrap() && !can_pull())
        .then(|| "the lab's images are missing, debootstrap needs root and a Debian machine, and no registry answers".into())
}

/// The image of a bare suite, for the neighbours that only have to be there.
pub(crate) fn base_tag(suite: &str) -> String {
    let mut sum = Sha256::new();
    for (path, text) in SETTINGS {
        sum.update(path);
        sum.update(text);
    }
    format!("cowhand-lab/base:{suite}-{}", hex(&sum.finalize()[..3]))
}

/// `xtask/lab`.
pub(crate) fn definitions() -> PathBuf {
    checkout().join("xtask/lab")
}

fn can_bootstrap() -> bool {
    exists("debootstrap") && ask(&mut command(&["id", "-u"])).is_ok_and(|user| user == "0")
}

fn can_pull() -> bool {
    ask(&mut docker(&["pull", "--quiet", "debian:trixie-slim"])).is_ok()
}

fn make_base(suite: &str, folder: &Path) -> Outcome {
    if can_bootstrap() {
        eprintln!("lab: making Debian {suite} with debootstrap");
        return bootstrap(suite, folder);
    }
    eprintln!("lab: pulling Debian {suite}");
    let definition = folder.with_extension("pulled");
    fs::create_dir_all(&definition)
        .map_err(|error| format!("{}: {error}", definition.display()))?;
    let text = format!("FROM debian:{suite}-slim\n");
    fs::write(definition.join("Dockerfile"), text).map_err(|error| error.to_string())?;
    let mut build = docker(&["build", "--force-rm", "--label", LABEL, "--tag", &base_tag(suite)]);
    ask(build.arg(&definition)).map(drop)
}

/// The suite as a folder, then as an image. The folder is removed whatever happens: a run that was cut
/// off leaves one, which the next run starts over.
fn bootstrap(suite: &str, folder: &Path) -> Outcome {
    clear(folder)?;
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let made = bootstrap_into(suite, folder).and_then(|()| import(suite, folder));
    made.and(clear(folder))
}

fn bootstrap_into(suite: &str, folder: &Path) -> Outcome {
    // In a mount namespace of its own: cut off, it leaves no /proc behind in the folder.
    let words = ["unshare", "--mount", "debootstrap", "--variant=minbase", suite];
    let mut debootstrap = command(&words);
    debootstrap.arg(folder).args(mirror());
    let settings = apt_settings()?;
    for line in settings.lines() {
        if let Some(proxy) =
            line.strip_prefix("Acquire::http::Proxy \"").and_then(|rest| rest.strip_suffix("\";"))
        {
            debootstrap.env("http_proxy", proxy);
        }
    }
    ask(&mut debootstrap)?;
    for (path, text) in
        SETTINGS.into_iter().chain([("etc/apt/apt.conf.d/99lab", settings.as_str())])
    {
        fs::write(folder.join(path), text).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

fn import(suite: &str, folder: &Path) -> Outcome {
    let mut tar = command(&["tar", "-C"]);
    let mut tar = tar
        .arg(folder)
        .args(["-c", "."])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut import =
        docker(&["import", "--change", &format!("LABEL {LABEL}"), "-", &base_tag(suite)]);
    if let Some(archive) = tar.stdout.take() {
        import.stdin(archive);
    }
    let imported = ask(&mut import);
    let packed = tar.wait().map_err(|error| error.to_string())?;
    imported?;
    if packed.success() { Ok(()) } else { Err(format!("tar of {suite} ended with {packed}")) }
}

fn clear(folder: &Path) -> Outcome {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Where this machine's apt gets Debian from; `None`: debootstrap's own default will do.
fn mirror() -> Option<String> {
    let sites = ask(&mut command(&[
        "apt-get",
        "indextargets",
        "--format",
        "$(SITE)",
        "Created-By: Packages",
    ]))
    .ok()?;
    let site = sites.lines().find(|site| site.trim_end_matches('/').ends_with("/debian"));
    site.filter(|site| site.starts_with("http://") || site.starts_with("https://"))
        .map(str::to_owned)
}

/// How this machine's apt reaches its archive: proxy and freshness settings, for the apt in the images.
fn apt_settings() -> Outcome<String> {
    let all = ask(&mut command(&["apt-config", "dump"]))?;
    let wanted =
        ["Acquire::http::Proxy ", "Acquire::https::Proxy ", "Acquire::Check-", "Acquire::Retries "];
    let lines = all.lines().filter(|line| wanted.iter().any(|start| line.starts_with(start)));
    Ok(lines.filter(|line| !line.ends_with(" \"\";")).flat_map(|line| [line, "\n"]).collect())
}

/// Every file below a folder, by sorted path, with its name and bytes.
pub(crate) fn digest_folder(folder: &Path, sum: &mut Sha256) -> Outcome {
    let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(problem)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(problem)?;
    paths.sort();
    for path in paths {
        sum.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        sum.update([0]);
        if path.is_dir() {
            digest_folder(&path, sum)?;
        } else {
            sum.update(fs::read(&path).map_err(problem)?);
            sum.update([0]);
        }
    }
    Ok(())
}
