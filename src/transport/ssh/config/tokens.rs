//! `%h`, `${NAME}` and `~`: expanded where the keyword says so, and nowhere else. Pure.
//!
//! Source: `ssh_config(5)`, "TOKENS" and "ENVIRONMENT VARIABLES".
use super::Client;
use sha1::{Digest as _, Sha1};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Tokens of files, and of `Match exec`.
pub(super) const FILES: &str = "%CdhijkLlnpru";
/// Tokens of `ProxyCommand`.
pub(super) const PROXY: &str = "%hnpr";
/// Tokens of `HostName`.
pub(super) const HOSTNAME: &str = "%h";

/// What tokens stand for.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    pub(super) client: &'a Client,
    /// `%h`
    pub(super) host: &'a str,
    /// `%n`
    pub(super) original: &'a str,
    /// `%p`
    pub(super) port: u16,
    /// `%r`
    pub(super) user: &'a str,
    /// `%k`
    pub(super) alias: &'a str,
    /// `%j`
    pub(super) jump: &'a str,
}

impl Tokens<'_> {
    /// Replaces `%` tokens out of `allowed`.
    ///
    /// # Errors
    /// A fragment that names the token.
    pub(super) fn expand(&self, text: &str, allowed: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                out.push(letter);
                continue;
            }
            let token = letters.next().ok_or("nothing follows `%`; `%%` is a percent sign")?;
            if !allowed.contains(token) {
                return Err(format!("`%{token}` means nothing here"));
            }
            self.push(token, &mut out);
        }
        Ok(out)
    }

    fn push(&self, token: char, out: &mut String) {
        let client = self.client;
        match token {
            'C' => out.push_str(&self.digest()),
            'd' => out.push_str(&client.home.display().to_string()),
            'h' => out.push_str(self.host),
            'i' => out.push_str(&client.uid.to_string()),
            'j' => out.push_str(self.jump),
            'k' => out.push_str(self.alias),
            'L' => out.push_str(client.hostname.split('.').next().unwrap_or_default()),
            'l' => out.push_str(&client.hostname),
            'n' => out.push_str(self.original),
            'p' => out.push_str(&self.port.to_string()),
            'r' => out.push_str(self.user),
            'u' => out.push_str(&client.user),
            other => out.push(other),
        }
    }

    /// `%C`: SHA-1 of `%l%h%p%r%j`, in hexadecimal.
    fn digest(&self) -> String {
        let all =
            format!("{}{}{}{}{}", self.client.hostname, self.host, self.port, self.user, self.jump);
        Sha1::digest(all).iter().fold(String::new(), |mut hex, byte| {
            // Writing to a text can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// A file's name: `~`, variables and tokens.
    ///
    /// # Errors
    /// A fragment.
    pub(super) fn file(&self, text: &str) -> Result<PathBuf, String> {
        let text = environment(text, self.client)?;
        let text = self.expand(&text, FILES)?;
        home(&text, self.client)
    }

    /// A command for a shell. Names that could be more than a word to a shell are refused: they may
    /// come from elsewhere.
    ///
    /// # Errors
    /// A fragment.
    pub(super) fn command(&self, text: &str, allowed: &str) -> Result<String, String> {
        let names =
            [("%h", self.host), ("%n", self.original), ("%r", self.user), ("%k", self.alias)];
        for (token, name) in names {
            let is_bad =
                |c: char| c.is_control() || c.is_whitespace() || "'`\"$\\;&<>|(){}".contains(c);
            if text.contains(token) && (name.starts_with('-') || name.contains(is_bad)) {
                return Err(format!("what `{token}` stands for holds what a shell would obey"));
            }
        }
        self.expand(text, allowed)
    }
}

/// `~` is our home.
pub(super) fn home(text: &str, client: &Client) -> Result<PathBuf, String> {
    match text.strip_prefix('~') {
        None => Ok(PathBuf::from(text)),
        Some("") => Ok(client.home.clone()),
        Some(rest) => match rest.strip_prefix('/') {
            Some(rest) => Ok(client.home.join(rest)),
            None => Err("only `~/` is supported, not others' homes".into()),
        },
    }
}

fn environment(text: &str, client: &Client) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once("${") {
        let (name, behind) = behind.split_once('}').ok_or("`${` is never closed")?;
        let value = client.environment.get(name);
        out.push_str(before);
        out.push_str(value.ok_or_else(|| format!("${{{name}}} is not in the environment"))?);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(test: impl FnOnce(&Tokens<'_>) -> T) -> T {
        let client = Client {
            home: "/home/me".into(),
            user: "me".into(),
            uid: 7,
            hostname: "desk.example".into(),
            environment: [("X".to_owned(), "y%".to_owned())].into(),
            exec: None,
        };
        test(&Tokens {
            client: &client,
            host: "h.example",
            original: "h",
            port: 22,
            user: "root",
            alias: "k",
            jump: "",
        })
    }

    #[test]
    fn every_token_of_files_stands_for_something() {
        let text = with(|tokens| tokens.expand("%%,%d,%h,%i,%j,%k,%L,%l,%n,%p,%r,%u", FILES));
        assert_eq!(text.unwrap(), "%,/home/me,h.example,7,,k,desk,desk.example,h,22,root,me");
        // `printf %s desk.exampleh.example22root | sha1sum`
        let digest = with(|tokens| tokens.expand("%C", FILES)).unwrap();
        assert_eq!(digest, "60c12c86972961fd28371263f437b26dfd7797fe");
    }

    #[test]
    fn what_can_not_be_expanded_is_told() {
        assert_eq!(with(|t| t.expand("%n", HOSTNAME)), Err("`%n` means nothing here".into()));
        assert!(with(|t| t.expand("100%", FILES)).is_err());
        assert_eq!(with(|t| t.file("${NOPE}/x")), Err("${NOPE} is not in the environment".into()));
        assert_eq!(with(|t| t.file("~/%r")), Ok("/home/me/root".into()));
        assert!(with(|t| t.file("~other/x")).is_err());
    }

    #[test]
    fn a_name_that_a_shell_would_obey_reaches_none() {
        with(|tokens| {
            assert!(tokens.command("nc %h %p", PROXY).is_ok());
            for name in ["$(id)", "a;b", "-oProxyCommand=x", "a b", "`id`"] {
                let bad = Tokens { host: name, ..tokens.clone() };
                assert!(bad.command("nc %h %p", PROXY).is_err(), "{name}");
            }
        });
    }
}
