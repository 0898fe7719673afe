//! The parameters of `nginx_config`, and what they mean: a context, wishes that agree.
use super::super::PlanError;
use super::super::values::{Flag, Mode, Text};
use super::super::write::Wishes;
use super::tree::Context;
use super::values::{Wanted, words};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use std::fmt;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Params {
    pub(super) path: String,
    #[serde(default = "server")]
    pub(super) context: String,
    pub(super) directives: Vec<Spec>,
    validate: Option<String>,
    backup: Option<Flag>,
    mode: Option<Mode>,
    owner: Option<Text>,
    group: Option<Text>,
}

fn server() -> String {
    "server".into()
}

impl Params {
    /// Attributes, `validate` and `backup`.
    pub(super) fn written(&self) -> Wishes<'_> {
        Wishes {
            mode: self.mode.as_ref(),
            owner: self.owner.as_ref(),
            group: self.group.as_ref(),
            validate: self.validate.as_deref(),
            backup: self.backup.is_some_and(|backup| backup.0),
        }
    }

    /// Whether the file is a Jinja template.
    pub(super) fn jinja(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "j2")
    }

    /// The blocks that are meant.
    pub(super) fn context(&self) -> Result<Context, PlanError> {
        let wrong = |message: String| params("context", message);
        let mut words = words(&self.context).map_err(wrong)?;
        let name = if words.is_empty() { String::new() } else { words.remove(0) };
        match (name.as_str(), words.is_empty()) {
            ("server", true) => Ok(Context::Server),
            ("http", true) => Ok(Context::Http),
            ("main", true) => Ok(Context::Main),
            ("location", false) => Ok(Context::Location(words)),
            _ => Err(wrong(format!(
                "`{}` is none of `server`, `http`, `main`, `location …`",
                self.context
            ))),
        }
    }

    /// What is asked for; no two of them contradict each other.
    pub(super) fn wishes(&self) -> Result<Vec<Wanted>, PlanError> {
        let mut wishes: Vec<Wanted> = vec![];
        for (index, spec) in self.directives.iter().enumerate() {
            let wrong = |message| params(&format!("directives[{index}]"), message);
            let wish = spec.wish().map_err(wrong)?;
            if self.jinja() && wish.looks_like_jinja() {
                let text = wish.text();
                return Err(wrong(format!("`{text}` would be a Jinja tag in this template")));
            }
            if let Some(other) = wishes.iter().position(|other| wish.contradicts(other)) {
                let setting = wish.setting();
                return Err(wrong(format!("`{setting}` is already in directives[{other}]")));
            }
            wishes.push(wish);
        }
        Ok(wishes)
    }
}

pub(super) fn params(path: &str, message: impl Into<String>) -> PlanError {
    PlanError::Params { path: path.to_owned(), message: message.into() }
}

/// One item of `directives`: text as in the file, or a mapping.
pub(super) enum Spec {
    Text(String),
    Parts(Parts),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parts {
    name: String,
    args: Option<Args>,
    #[serde(default)]
    state: State,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Present,
    Absent,
}

/// Arguments as nginx would read them, or as a list of the values themselves.
enum Args {
    Text(String),
    Values(Vec<String>),
}

impl Spec {
    fn wish(&self) -> Result<Wanted, String> {
        let parts = match self {
            Self::Text(text) => return Wanted::parse(text, true),
            Self::Parts(parts) => parts,
        };
        let args = match &parts.args {
            None => vec![],
            Some(Args::Text(text)) => words(text)?,
            Some(Args::Values(values)) => values.clone(),
        };
        Wanted::new(parts.name.clone(), args, parts.state == State::Present)
    }
}

impl<'de> Deserialize<'de> for Spec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Spec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a directive as text, or a mapping with `name`, `args` and `state`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Spec, E> {
                Ok(Spec::Text(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Spec, A::Error> {
                Parts::deserialize(MapAccessDeserializer::new(map)).map(Spec::Parts)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for Args {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Args;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("arguments as text, or a list of them (`on` and `off` in quotes)")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Args, E> {
                Ok(Args::Text(text.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Args, E> {
                Ok(Args::Text(number.to_string()))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Args, E> {
                Ok(Args::Text(number.to_string()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Args, A::Error> {
                let mut values = vec![];
                while let Some(value) = seq.next_element::<Self::Value>()? {
                    match value {
                        Args::Text(text) => values.push(text),
                        Args::Values(_) => return Err(A::Error::custom("a list in a list")),
                    }
                }
                Ok(Args::Values(values))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
