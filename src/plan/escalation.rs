//! Whom a task becomes and how: its keywords, then the host's variables, which win.
use super::keywords::{flag, text, truth};
use crate::playbook::Keywords;
use crate::secret::Secret;
use crate::source::{Span, Spanned, nearest};
use crate::vars::{Engine, Scope, TemplateError};
use serde_json::Value;

/// How to become somebody else on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// What does it.
    pub method: Method,
    /// Whom to become.
    pub user: String,
    /// Our password for it (with `su`: the other's), told only to the one who asks for it.
    pub password: Option<Secret<String>>,
    /// The program, where it is not called like its method (`become_exe`); with options of its own.
    pub program: Vec<String>,
    /// `become_flags`, in place of those that we would give.
    pub flags: Option<Vec<String>>,
    /// How the program asks for a password, where it can't be told how (`ansible_su_prompt_l10n`).
    pub prompts: Vec<String>,
    /// Where it is started (`ansible_sudo_chdir`).
    pub folder: Option<String>,
}

impl Escalation {
    /// To a user, without a password, as most do.
    pub fn to(user: impl Into<String>, method: Method) -> Self {
        Self {
            method,
            user: user.into(),
            password: None,
            program: vec![method.name().into()],
            flags: None,
            prompts: vec![],
            folder: None,
        }
    }
}

/// Ways to become somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `sudo`, also the one in Rust.
    Sudo,
    /// `su`.
    Su,
    /// `doas`.
    Doas,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sudo, Self::Su, Self::Doas];

    /// As `become_method` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sudo => "sudo",
            Self::Su => "su",
            Self::Doas => "doas",
        }
    }

    /// # Errors
    /// What is wrong with the name, and what may be meant.
    pub fn named(name: &str) -> Result<Self, String> {
        let short = name.rsplit('.').next().unwrap_or(name);
        let named = Self::ALL.into_iter().find(|method| method.name() == short);
        named.ok_or_else(|| {
            let meant = nearest(name, Self::ALL.map(Self::name));
            let meant = meant.map_or(String::new(), |meant| format!(" (did you mean `{meant}`?)"));
            format!("become_method `{name}` is not supported; sudo, su and doas are{meant}")
        })
    }
}

/// Options that would ask elsewhere than where we answer, or run something else than our shell.
const NOT_OURS: [&str; 12] = [
    "-p",
    "--prompt",
    "-A",
    "--askpass",
    "-b",
    "--background",
    "-u",
    "--user",
    "-e",
    "-l",
    "-c",
    "-C",
];

/// What is wrong, and where that was written if it was no variable.
type Failed = (TemplateError, Option<Span>);

/// Whether and whom a task becomes; the second of the scopes holds for the host that it runs on.
///
/// # Errors
/// Templates that fail; a method that there is not, and options that it can't be given.
pub fn escalation(
    keywords: &Keywords,
    engine: &Engine,
    (scope, theirs): (&Scope, &Scope),
) -> Result<Option<Escalation>, Failed> {
    let wishes = Wishes { engine, scope, theirs };
    let wanted = match wishes.variable("ansible_become")? {
        Some(value) => truth(&value).unwrap_or(false),
        None => flag(keywords.escalate.as_ref(), false, engine, scope)?,
    };
    if !wanted {
        return Ok(None);
    }
    let method = wishes.of(&["ansible_become_method"], keywords.become_method.as_ref())?;
    let method = match method {
        Some((name, place)) => Method::named(&name).map_err(|why| broken(why, place))?,
        None => Method::Sudo,
    };
    let own = |what: &str| format!("ansible_{}_{what}", method.name());
    let of = |names: &[&str], keyword| wishes.of(names, keyword);
    let user = of(&["ansible_become_user", &own("user")], keywords.become_user.as_ref())?;
    let mut wanted = Escalation::to(user.map_or("root".into(), |(user, _)| user), method);
    let password = of(&["ansible_become_password", "ansible_become_pass", &own("pass")], None)?;
    wanted.password = password.map(|(password, _)| Secret::new(password));
    if let Some((program, place)) =
        of(&["ansible_become_exe", &own("exe")], keywords.become_exe.as_deref())?
    {
        wanted.program = words(&program, "become_exe", place)?;
    }
    if let Some((flags, place)) =
        of(&["ansible_become_flags", &own("flags")], keywords.become_flags.as_deref())?
    {
        let flags = words(&flags, "become_flags", place)?;
        if let Some(flag) = flags.iter().find(|flag| not_ours(method, flag)) {
            let why = format!("become_flags: {} can't be called with `{flag}`", method.name());
            return Err(broken(why, place));
        }
        wanted.flags = Some(flags);
    }
    wanted.folder = match method {
        Method::Sudo => of(&["ansible_sudo_chdir"], None)?.map(|(folder, _)| folder),
        _ => None,
    };
    wanted.prompts = wishes.list(&own("prompt_l10n"))?;
    Ok(Some(wanted))
}

fn not_ours(method: Method, flag: &str) -> bool {
    let bare = flag.split_once('=').map_or(flag, |(name, _)| name);
    // `su -l` is a login shell, `sudo -l` a list.
    NOT_OURS.contains(&bare) && !(method == Method::Su && ["-l", "-p"].contains(&bare))
}

fn words(text: &str, what: &str, place: Option<Span>) -> Result<Vec<String>, Failed> {
    let words = shlex::split(text);
    words.ok_or_else(|| broken(format!("{what}: has a quote that is not closed"), place))
}

fn broken(message: String, place: Option<Span>) -> Failed {
    (TemplateError::Broken { message, line: None }, place)
}

/// What variables and keywords say.
struct Wishes<'a> {
    engine: &'a Engine,
    scope: &'a Scope,
    theirs: &'a Scope,
}

impl Wishes<'_> {
    fn variable(&self, name: &str) -> Result<Option<Value>, Failed> {
        if self.theirs.get(name).is_none() {
            return Ok(None);
        }
        let value = self.engine.evaluate(name, self.theirs).map_err(|e| (e, None))?;
        Ok(Some(value).filter(|value| !value.is_null()))
    }

    /// The last of the variables that is set, as Ansible has it, or else the keyword, and where that is.
    fn of(
        &self,
        names: &[&str],
        keyword: Option<&Spanned<Value>>,
    ) -> Result<Option<(String, Option<Span>)>, Failed> {
        for name in names.iter().rev() {
            if let Some(value) = self.variable(name)? {
                return Ok(Some((plain(value), None)));
            }
        }
        let text = text(keyword, self.engine, self.scope)?;
        Ok(text.map(|text| (text, keyword.map(|keyword| keyword.span))))
    }

    /// A list of texts.
    fn list(&self, name: &str) -> Result<Vec<String>, Failed> {
        Ok(match self.variable(name)? {
            None => vec![],
            Some(Value::Array(list)) => list.into_iter().map(plain).collect(),
            Some(one) => vec![plain(one)],
        })
    }
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
