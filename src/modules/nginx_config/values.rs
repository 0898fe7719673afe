//! What is asked for, in nginx's own terms: which directives of a block are *the* one meant, when
//! two values are the same, and how a value is written. Knows names and words, no places.
use super::lexer::{TokenKind, Word, lex};

/// A directive that must, or must not, be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) name: String,
    /// As nginx holds them: without quotes.
    pub(super) args: Vec<String>,
    pub(super) present: bool,
}

/// What makes two directives of a block the same setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    /// The name: one per block.
    Name,
    /// The name and the first argument.
    Key(Case),
    /// Name and all arguments: the directive may be repeated.
    Whole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Matters,
    Ignored,
}

/// Directives whose first argument names the setting.
const KEYED: &[(&str, Case)] = &[
    ("add_header", Case::Ignored),
    ("add_trailer", Case::Ignored),
    ("auth_request_set", Case::Matters),
    ("fastcgi_hide_header", Case::Ignored),
    ("fastcgi_param", Case::Matters),
    ("fastcgi_pass_header", Case::Ignored),
    ("grpc_set_header", Case::Ignored),
    ("proxy_hide_header", Case::Ignored),
    ("proxy_pass_header", Case::Ignored),
    ("proxy_set_header", Case::Ignored),
    ("scgi_param", Case::Matters),
    ("ssl_conf_command", Case::Ignored),
    ("uwsgi_param", Case::Matters),
];

/// Keyed directives that mean nothing without a value.
const VALUED: &[&str] = &[
    "add_header",
    "add_trailer",
    "auth_request_set",
    "fastcgi_param",
    "grpc_set_header",
    "proxy_set_header",
    "scgi_param",
    "ssl_conf_command",
    "uwsgi_param",
];

/// Directives that one block may hold several times, each with a meaning of its own.
const REPEATED: &[&str] = &[
    "access_log",
    "allow",
    "break",
    "deny",
    "env",
    "error_log",
    "error_page",
    "fastcgi_cache_bypass",
    "fastcgi_cache_valid",
    "fastcgi_no_cache",
    "gzip_disable",
    "include",
    "index",
    "limit_conn",
    "limit_conn_zone",
    "limit_req",
    "limit_req_zone",
    "listen",
    "load_module",
    "log_format",
    "mirror",
    "more_clear_headers",
    "more_clear_input_headers",
    "more_set_headers",
    "more_set_input_headers",
    "proxy_cache_bypass",
    "proxy_cache_path",
    "proxy_cache_valid",
    "proxy_cookie_domain",
    "proxy_cookie_flags",
    "proxy_cookie_path",
    "proxy_no_cache",
    "proxy_redirect",
    "return",
    "rewrite",
    "server_name",
    "set",
    "set_real_ip_from",
    "ssl_certificate",
    "ssl_certificate_key",
    "ssl_session_ticket_key",
    "sub_filter",
    "valid_referers",
];

/// Names that open a block: none of this module's business.
const BLOCKS: &[&str] = &[
    "charset_map",
    "events",
    "geo",
    "http",
    "if",
    "limit_except",
    "location",
    "mail",
    "map",
    "server",
    "split_clients",
    "stream",
    "types",
    "upstream",
];

impl Wanted {
    /// Reads one directive as it would stand in the file, its `;` optional.
    pub(super) fn parse(text: &str, present: bool) -> Result<Self, String> {
        let mut words = words(text)?.into_iter();
        let name = words.next().ok_or("no directive is named")?;
        Self::new(name, words.collect(), present)
    }

    /// Checks what can be checked without nginx.
    pub(super) fn new(name: String, args: Vec<String>, present: bool) -> Result<Self, String> {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(letter) {
            return Err(format!("`{name}` is not the name of a directive"));
        }
        if BLOCKS.contains(&name.as_str()) {
            return Err(format!("`{name}` opens a block; this module knows directives that end with `;`"));
        }
        if args.iter().any(|arg| arg.contains('\0')) {
            return Err("a NUL can't be in a configuration".into());
        }
        let wanted = Self { name, args, present };
        let name = &wanted.name;
        match (wanted.identity(), wanted.args.len()) {
            (Identity::Key(_), 0) => Err(format!("`{name}` needs the name of what it sets")),
            (Identity::Key(_), 1) if present && VALUED.contains(&name.as_str()) => {
                Err(format!("`{}` needs a value", wanted.text()))
            }
            (Identity::Whole, 0) if !present => {
                Err(format!("`{name}` may be repeated: name the arguments of the one to remove"))
            }
            _ => Ok(wanted),
        }
    }

    fn identity(&self) -> Identity {
        let name = self.name.as_str();
        if let Some((_, case)) = KEYED.iter().find(|(keyed, _)| *keyed == name) {
            Identity::Key(*case)
        } else if REPEATED.contains(&name) {
            Identity::Whole
        } else {
            Identity::Name
        }
    }

    /// Whether each of the same setting but the first is one too many.
    pub(super) fn is_single(&self) -> bool {
        self.identity() != Identity::Whole
    }

    /// Whether `words` is this setting, whatever its value.
    pub(super) fn is_setting_of(&self, words: &[Word]) -> bool {
        let Some((name, args)) = words.split_first() else { return false };
        if name.jinja || name.value != self.name.as_bytes() {
            return false;
        }
        match self.identity() {
            Identity::Name => true,
            Identity::Key(case) => match (self.args.first(), args.first()) {
                (Some(key), Some(word)) => !word.jinja && case.same(key.as_bytes(), &word.value),
                _ => false,
            },
            Identity::Whole => self.is_value_of(words),
        }
    }

    /// Whether `words`, known to be this setting, has the value that is named.
    pub(super) fn is_value_of(&self, words: &[Word]) -> bool {
        let args = words.get(1..).unwrap_or_default();
        let case = |index: usize| match self.identity() {
            Identity::Key(case) if index == 0 => case,
            _ => Case::Matters,
        };
        let same = |(index, (wanted, word)): (usize, (&String, &Word))| {
            !word.jinja && case(index).same(wanted.as_bytes(), &word.value)
        };
        self.args.len() == args.len() && self.args.iter().zip(args).enumerate().all(same)
    }

    /// Whether a value is named, and not the setting alone.
    pub(super) fn names_value(&self) -> bool {
        self.args.len() > self.keys()
    }

    /// How many of the arguments belong to the setting's name.
    pub(super) fn keys(&self) -> usize {
        usize::from(matches!(self.identity(), Identity::Key(_)))
    }

    /// Whether both can't be had in one block, or would be one wish told twice.
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        let (words, others) = (self.as_words(), other.as_words());
        if !self.is_setting_of(&others) || !other.is_setting_of(&words) {
            return false;
        }
        let told_apart = self.names_value() && other.names_value() && !self.is_value_of(&others);
        !told_apart || (self.present && other.present)
    }

    fn as_words(&self) -> Vec<Word> {
        let word = |value: &String| Word {
            value: value.clone().into_bytes(),
            span: 0..0,
            jinja: false,
            expression: false,
        };
        std::iter::once(&self.name).chain(&self.args).map(word).collect()
    }

    /// The setting, without its value: `gzip`, `add_header Referrer-Policy`.
    pub(super) fn setting(&self) -> String {
        let shown = match self.identity() {
            Identity::Name => 0,
            Identity::Key(_) => 1,
            Identity::Whole => self.args.len(),
        };
        self.with_args(&self.args[..shown])
    }

    /// The whole, as it is written in a file, without its `;`.
    pub(super) fn text(&self) -> String {
        self.with_args(&self.args)
    }

    fn with_args(&self, args: &[String]) -> String {
        let written = args.iter().map(|arg| write(arg));
        std::iter::once(self.name.clone()).chain(written).collect::<Vec<_>>().join(" ")
    }

    /// Whether a template engine would see a tag in it.
    pub(super) fn looks_like_jinja(&self) -> bool {
        self.args.iter().any(|arg| ["{{", "{%", "{#"].iter().any(|tag| arg.contains(tag)))
    }
}

impl Case {
    fn same(self, a: &[u8], b: &[u8]) -> bool {
        match self {
            Self::Matters => a == b,
            Self::Ignored => a.eq_ignore_ascii_case(b),
        }
    }
}

/// The part of a name that kin share: `ssl`, `gzip`, `add`.
pub(super) fn family(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == b'_').next().unwrap_or(name)
}

/// The words of a directive or of arguments, as nginx reads them.
pub(super) fn words(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim_end_matches([' ', '\t', '\r', '\n']);
    let closed = format!("{};", text.strip_suffix(';').unwrap_or(text));
    let tokens = lex(closed.as_bytes(), false).map_err(|fault| fault.what)?.tokens;
    let (last, rest) = tokens.split_last().ok_or("a `#` that hides the rest")?;
    if !matches!(last.kind, TokenKind::End) {
        return Err("a `#` or a backslash that hides its end".into());
    }
    let word = |kind: &TokenKind| match kind {
        TokenKind::Word(word) => Ok(String::from_utf8_lossy(&word.value).into_owned()),
        _ => Err("`;`, `{` and `}` must be quoted to be part of a value".to_owned()),
    };
    rest.iter().map(|token| word(&token.kind)).collect()
}

/// A value as it is written in a file: bare where nginx reads it back as it is, else in quotes.
pub(super) fn write(value: &str) -> String {
    let special = [' ', '\t', '\r', '\n', ';', '{', '}', '\'', '"'];
    if !value.contains(special) && reads_as(value) {
        return value.to_owned();
    }
    let mut quoted = String::from('"');
    for char in value.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\n' => quoted.push_str("\\n"),
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether nginx reads these very characters, without quotes, as this value.
fn reads_as(value: &str) -> bool {
    let closed = format!("{value};");
    let tokens = lex(closed.as_bytes(), false).map(|lexed| lexed.tokens).unwrap_or_default();
    match &tokens[..] {
        [word, end] => {
            matches!(&word.kind, TokenKind::Word(word) if word.value == value.as_bytes())
                && matches!(end.kind, TokenKind::End)
        }
        _ => false,
    }
}
