//! Criteria of `Match`: read once, tried for every host. Pure; a command of `Match exec` is handed out
//! to be run, and never run here.

/// One criterion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Criterion {
    pub(super) negated: bool,
    pub(super) test: Test,
}

/// What is compared with what. Lists are those of [`super::pattern::list_matches`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    All,
    /// `final` and `canonical`: true when the configuration is read the second time. Only `final`
    /// asks for a second time.
    Again {
        asks: bool,
    },
    Host(String),
    OriginalHost(String),
    User(String),
    LocalUser(String),
    Tagged(String),
    Exec(String),
}

/// The criteria of a line.
///
/// # Errors
/// A fragment.
pub(super) fn read(text: &str) -> Result<Vec<Criterion>, String> {
    let mut words = Words(text);
    let mut criteria: Vec<Criterion> = vec![];
    while let Some(word) = words.next()? {
        if word.starts_with('#') {
            break;
        }
        let (negated, name) = match word.strip_prefix('!') {
            Some(name) => (true, name),
            None => (false, word.as_str()),
        };
        let name = name.to_ascii_lowercase();
        let test = match name.as_str() {
            "all" => {
                let last = words.next()?.is_none_or(|word| word.starts_with('#'));
                if criteria.len() > 1 || !last {
                    return Err("`all` stands alone, or behind `final` or `canonical`".into());
                }
                criteria.push(Criterion { negated, test: Test::All });
                return Ok(criteria);
            }
            "final" => Test::Again { asks: true },
            "canonical" => Test::Again { asks: false },
            _ => {
                let known = with_argument(&name)?;
                let argument =
                    words.next()?.filter(|word| !word.is_empty() && !word.starts_with('#'));
                known(argument.ok_or_else(|| format!("`{name}` needs an argument"))?)
            }
        };
        criteria.push(Criterion { negated, test });
    }
    if criteria.is_empty() {
        return Err("`Match` needs a criterion".into());
    }
    Ok(criteria)
}

fn with_argument(name: &str) -> Result<fn(String) -> Test, String> {
    Ok(match name {
        "host" => Test::Host,
        "originalhost" => Test::OriginalHost,
        "user" => Test::User,
        "localuser" => Test::LocalUser,
        "tagged" => Test::Tagged,
        "exec" => Test::Exec,
        "localnetwork" | "version" | "sessiontype" | "command" => {
            return Err(format!("the criterion `{name}` is not supported"));
        }
        _ => return Err(format!("`{name}` is no criterion of `Match`")),
    })
}

/// Words as `Match` has them: between blanks or one `=`; quotes group, and nothing escapes.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn next(&mut self) -> Result<Option<String>, String> {
        let mut rest = self.0.trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            return Ok(None);
        }
        let stop = rest.find([' ', '\t', '=', '"']).unwrap_or(rest.len());
        let mut word = rest[..stop].to_owned();
        rest = &rest[stop..];
        if let Some(quoted) = rest.strip_prefix('"') {
            let (inner, behind) = quoted.split_once('"').ok_or("a quote is never closed")?;
            word.push_str(inner);
            rest = behind;
        }
        rest = rest.trim_start_matches([' ', '\t']);
        rest = rest.strip_prefix('=').unwrap_or(rest);
        self.0 = rest;
        Ok(Some(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criteria_have_arguments_negations_and_quotes() {
        let read = |text: &str| read(text).unwrap();
        let plain = |test| Criterion { negated: false, test };
        assert_eq!(read("all # x"), [plain(Test::All)]);
        assert_eq!(read("final all"), [plain(Test::Again { asks: true }), plain(Test::All)]);
        assert_eq!(
            read("!host=a,b USER \"c d\" exec \"test %h = x\"#"),
            [
                Criterion { negated: true, test: Test::Host("a,b".into()) },
                plain(Test::User("c d".into())),
                plain(Test::Exec("test %h = x".into())),
            ]
        );
    }

    #[test]
    fn what_is_no_criterion_is_told() {
        for (text, why) in [
            ("", "`Match` needs a criterion"),
            ("host", "`host` needs an argument"),
            ("hots x", "`hots` is no criterion of `Match`"),
            ("localnetwork 10.0.0.0/8", "the criterion `localnetwork` is not supported"),
            ("all host x", "`all` stands alone, or behind `final` or `canonical`"),
            ("exec \"x", "a quote is never closed"),
        ] {
            assert_eq!(read(text), Err(why.into()), "{text}");
        }
    }
}
