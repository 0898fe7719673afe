//! `become_method`: what makes somebody else of the user who logs in.
use super::keywords::suggest;
use super::load::Reader;
use super::shape::is_template;
use crate::source::{Diagnostic, Spanned};
use serde_json::Value;

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
    /// What is wrong with the name.
    pub fn named(name: &str) -> Result<Self, String> {
        let short = name.rsplit('.').next().unwrap_or(name);
        let named = Self::ALL.into_iter().find(|method| method.name() == short);
        named.ok_or_else(|| {
            format!("become_method `{name}` is not supported; sudo, su and doas are")
        })
    }
}

impl Reader<'_> {
    /// A method that there is, where it is no template.
    pub(super) fn method(&mut self, method: &Spanned<Value>) {
        // What is no text is refused for that.
        let word = method.value.as_str().unwrap_or_default();
        if word.is_empty() || is_template(word) {
            return;
        }
        if let Err(why) = Method::named(word) {
            let finding = Diagnostic::error(method.span, why);
            self.found(suggest(finding, word, Method::ALL.map(Method::name)));
        }
    }
}
