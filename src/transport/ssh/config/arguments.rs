//! Wishes that win over the files: inventory variables, flags, and the arguments that inventories give
//! to `ssh` (`ansible_ssh_common_args`). Pure. What it does not know it refuses by name.
use super::Which;
use super::keywords::{self, Kind};
use super::values::Check;
use super::words;
use std::path::Path;

/// Settings in the order in which they were wished for; the first of a keyword wins.
#[derive(Clone, Debug, Default)]
pub struct Arguments(pub(super) Vec<Wish>, Option<Which>);

/// One setting.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) keyword: String,
    pub(super) words: Vec<String>,
    /// Whose wish it was, for messages.
    pub(super) whose: String,
}

/// Flags of `ssh(1)` without a value that change nothing here.
const HARMLESS: &str = "aAgknNqtTvxXyYKM";

impl Arguments {
    /// `-F`, if it was given.
    pub fn file(&self) -> Option<&Which> {
        self.1.as_ref()
    }

    /// Sets a keyword to a value that may hold blanks.
    ///
    /// # Errors
    /// A fragment that says what would have been right.
    pub fn set(&mut self, keyword: &str, value: &str, whose: &str) -> Result<(), String> {
        let name = keyword.to_ascii_lowercase();
        let found = keywords::find(&name);
        let found = found.ok_or_else(|| format!("`{keyword}` is no keyword of ssh_config"))?;
        let value = value.to_owned();
        let words = match found.kind {
            Kind::Host | Kind::Match | Kind::Include | Kind::IgnoreUnknown => {
                return Err(format!("`{keyword}` stands in files alone"));
            }
            Kind::Quiet => return Ok(()),
            Kind::Each => vec![value],
            Kind::First(check) | Kind::Refused(check, _) => {
                let read = check.read(&[value]);
                read.map_err(|why| format!("`{keyword}` {why}"))?
            }
        };
        self.0.push(Wish { keyword: name, words, whose: whose.to_owned() });
        Ok(())
    }

    /// Adds the arguments in a text, split as a shell would.
    ///
    /// # Errors
    /// A fragment that names what is not supported.
    pub fn add(&mut self, text: &str, whose: &str) -> Result<(), String> {
        let mut words = shlex::split(text).ok_or("a quote is never closed")?.into_iter();
        while let Some(word) = words.next() {
            let Some(flags) = word.strip_prefix('-').filter(|flags| !flags.is_empty()) else {
                return Err(format!("`{word}` is no option of ssh"));
            };
            let mut letters = flags.chars();
            while let Some(flag) = letters.next() {
                if self.simple(flag, whose)? {
                    continue;
                }
                let attached = letters.as_str();
                let value = match attached {
                    "" => words.next().ok_or_else(|| format!("`-{flag}` needs a value"))?,
                    attached => attached.to_owned(),
                };
                self.valued(flag, &value, whose)?;
                break;
            }
        }
        Ok(())
    }

    /// A flag without a value; `false`: it is another one.
    fn simple(&mut self, flag: char, whose: &str) -> Result<bool, String> {
        match flag {
            '4' => self.set("AddressFamily", "inet", whose)?,
            '6' => self.set("AddressFamily", "inet6", whose)?,
            'C' => self.set("Compression", "yes", whose)?,
            _ => return Ok(HARMLESS.contains(flag)),
        }
        Ok(true)
    }

    fn valued(&mut self, flag: char, value: &str, whose: &str) -> Result<(), String> {
        let keyword = match flag {
            'o' => return self.line(value, whose),
            'F' => {
                self.1.get_or_insert(Which::from(Path::new(value)));
                return Ok(());
            }
            'b' => "BindAddress",
            'B' => "BindInterface",
            'c' => "Ciphers",
            'i' => "IdentityFile",
            'I' => "PKCS11Provider",
            'J' => "ProxyJump",
            'l' => "User",
            'm' => "MACs",
            'p' => "Port",
            other => return Err(format!("`-{other}` is not supported")),
        };
        self.set(keyword, value, whose)
    }

    /// `-o`: a line of a file.
    fn line(&mut self, text: &str, whose: &str) -> Result<(), String> {
        let split = words::line(text).ok_or("`-o` needs a keyword and a value")?;
        let found = keywords::find(&split.keyword);
        if let Some(Kind::First(Check::Line) | Kind::Refused(Check::Line, _)) =
            found.map(|found| found.kind)
        {
            return self.set(&split.keyword, &split.rest, whose);
        }
        let words = words::split(&split.rest, 1).map_err(|_| "a quote is never closed")?;
        let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
        match (words.as_slice(), found.map(|found| found.kind)) {
            ([], _) => Err(format!("`{}` needs an argument", split.keyword)),
            (words, Some(Kind::First(check))) if words.len() > 1 => {
                let words =
                    check.read(words).map_err(|why| format!("`{}` {why}", split.keyword))?;
                let keyword = split.keyword.to_ascii_lowercase();
                self.0.push(Wish { keyword, words, whose: whose.to_owned() });
                Ok(())
            }
            ([one], _) => self.set(&split.keyword, one, whose),
            _ => Err(format!("`{}` takes one argument", split.keyword)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let mut arguments = Arguments::default();
        arguments.add(text, "x")?;
        let wishes = arguments.0.iter().map(|w| format!("{} {}", w.keyword, w.words.join(" ")));
        Ok(wishes.chain(arguments.1.iter().map(|which| format!("{which:?}"))).collect())
    }

    #[test]
    fn options_of_ssh_become_settings() {
        let text = "-C -o ControlMaster=auto -oPort=23 -o 'ProxyCommand ssh -W %h:%p \"b c\" # d' -J a,b \
                    -p24 -qi '/k 1' -F none -6 -o UserKnownHostsFile=\"/a /b\"";
        assert_eq!(
            read(text).unwrap(),
            [
                "compression yes",
                "port 23",
                "proxycommand ssh -W %h:%p \"b c\" # d",
                "proxyjump a,b",
                "port 24",
                "identityfile /k 1",
                "addressfamily inet6",
                "userknownhostsfile /a /b",
                "None",
            ]
        );
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (text, why) in [
            ("-L 1:a:2", "`-L` is not supported"),
            ("host", "`host` is no option of ssh"),
            ("-o Prot=22", "`Prot` is no keyword of ssh_config"),
            ("-o Port=x", "`Port` takes a port, from 1 to 65535"),
            ("-o Port", "`Port` needs an argument"),
            ("-o Match=all", "`Match` stands in files alone"),
            ("-p", "`-p` needs a value"),
            ("-i 'x", "a quote is never closed"),
        ] {
            assert_eq!(read(text), Err(why.into()), "{text}");
        }
    }
}
