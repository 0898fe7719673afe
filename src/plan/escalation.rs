//! Whom a task becomes and how: its keywords, then the host's variables, which win.
use super::keywords::{flag, text, truth};
use crate::inventory::Inventory;
use crate::playbook::{Keywords, Method};
use crate::secret::Secret;
use crate::source::{Diagnostic, Span, Spanned, nearest};
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

/// Variables of the inventory that mean to say how to become somebody, and that nobody reads or obeys.
pub fn unheeded(inventory: &Inventory) -> Vec<Diagnostic> {
    let heeded = heeded();
    let mut found = vec![];
    for host in inventory.select("all").unwrap_or_default() {
        for (name, value) in inventory.layers(&host).into_iter().flat_map(|(_, vars)| vars) {
            let finding = match (name.value.as_str(), value.value.as_str()) {
                ("ansible_become_method", Some(method)) if !method.contains('{') => {
                    Method::named(method).err().map(|why| Diagnostic::error(value.span, why))
                }
                (written, _) if !is_about_becoming(written) => None,
                (written, _) if heeded.iter().any(|known| known == written) => None,
                (written, _) => {
                    let message = format!("`{written}` says nothing about how to become somebody");
                    let meant = nearest(written, heeded.iter().map(String::as_str));
                    let finding = Diagnostic::error(name.span, message);
                    Some(match meant {
                        Some(meant) => finding.help(format!("did you mean `{meant}`?")),
                        None => finding.help("remove it"),
                    })
                }
            };
            found.extend(finding.filter(|finding| !found.contains(finding)));
        }
    }
    found
}

fn is_about_becoming(name: &str) -> bool {
    ["ansible_become", "ansible_sudo_", "ansible_su_", "ansible_doas_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// The variables that [`escalation`] reads.
fn heeded() -> Vec<String> {
    let common = ["", "_method", "_user", "_exe", "_flags", "_password", "_pass"];
    let common = common.map(|what| format!("ansible_become{what}"));
    let own = Method::ALL.into_iter().flat_map(|method| {
        ["user", "exe", "flags", "pass"].map(|what| format!("ansible_{}_{what}", method.name()))
    });
    let rest = ["ansible_sudo_chdir", "ansible_su_prompt_l10n", "ansible_doas_prompt_l10n"];
    common.into_iter().chain(own).chain(rest.map(Into::into)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Input;
    use crate::source::SourceMap;
    use crate::vault::Vault;
    use serde_json::json;

    fn wish(vars: Value) -> Result<Escalation, String> {
        let Value::Object(mut values) = vars else { panic!("a mapping") };
        values.insert("ansible_become".into(), true.into());
        let layer = crate::vars::Layer {
            origin: "test".into(),
            trust: crate::vars::Trust::Template,
            values,
            places: std::collections::BTreeMap::new(),
        };
        let scope = Scope::default().with(layer);
        let wish = escalation(&Keywords::default(), &Engine::default(), (&scope, &scope));
        wish.map(|wish| wish.unwrap()).map_err(|(error, _)| error.to_string())
    }

    #[test]
    fn variables_of_the_method_win_over_those_for_all() {
        let found = wish(json!({
            "ansible_become_method": "community.general.doas",
            "ansible_become_user": "a",
            "ansible_doas_user": "b",
            "ansible_su_user": "c",
            "ansible_become_password": "p",
            "ansible_become_pass": "q",
            "ansible_become_exe": "'/opt/my doas' -C",
            "ansible_doas_flags": "-n -s",
            "ansible_doas_prompt_l10n": ["Salasana"],
        }));
        let found = found.unwrap();
        assert_eq!((found.method, found.user.as_str()), (Method::Doas, "b"));
        assert_eq!(found.password.unwrap().expose(), "q");
        assert_eq!(found.program, ["/opt/my doas", "-C"]);
        assert_eq!(found.flags.unwrap(), ["-n", "-s"]);
        assert_eq!(found.prompts, ["Salasana"]);
    }

    #[test]
    fn methods_and_options_that_there_are_not_are_refused() {
        let refused = |vars| wish(vars).unwrap_err();
        let told = refused(json!({ "ansible_become_method": "sodu" }));
        assert!(told.contains("`sodu` is not supported; sudo, su and doas are"), "{told}");
        let told = refused(json!({ "ansible_become_flags": "-H --prompt=x" }));
        assert!(told.contains("can't be called with `--prompt=x`"), "{told}");
        refused(json!({ "ansible_become_exe": "'open" }));
        wish(json!({ "ansible_become_method": "su", "ansible_su_flags": "-l" })).unwrap();
    }

    #[test]
    fn variables_that_nobody_heeds_are_found_where_they_were_written() {
        let text = "a ansible_become_passwd=x\nb\n[all:vars]\nansible_become_method=runas\n\
                    ansible_sudo_chdir=/\nansible_su_executable=y\n";
        let mut sources = SourceMap::new(Vault::default());
        let input = Input::File(std::path::Path::new("hosts").into(), text.into());
        let (inventory, _) = Inventory::read(&[input], &[], &mut sources).unwrap();
        let found = unheeded(&inventory);
        let told: Vec<String> = (found.iter())
            .map(|found| format!("{}: {}", sources.locate(found.span.unwrap()), found.message))
            .collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].starts_with("hosts:4:") && told[0].contains("`runas`"), "{told:?}");
        assert!(told[1].starts_with("hosts:6:"), "{told:?}");
        assert!(told[2].starts_with("hosts:1:"), "{told:?}");
        assert_eq!(found[2].help.as_deref(), Some("did you mean `ansible_become_password`?"));
    }
}
