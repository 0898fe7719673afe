//! Templates that are whole files, as the `template` module renders them.
use super::engine::{self, Engine};
use super::session::Session;
use super::syntax::{self, Marks};
use super::{Scope, TemplateError};
use minijinja::syntax::SyntaxConfig;
use std::sync::Arc;

/// The options of the `template` module that change how a file is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// The newline after a statement goes.
    pub trim_blocks: bool,
    /// The space before a statement goes, if it is the first on its line.
    pub lstrip_blocks: bool,
    /// What ends a line of the result: `\n`, `\r` or `\r\n`.
    pub newline_sequence: String,
    /// Opens and closes an expression.
    pub variable: (String, String),
    /// Opens and closes a statement.
    pub block: (String, String),
    /// Opens and closes a comment.
    pub comment: (String, String),
}

impl Default for FileOptions {
    fn default() -> Self {
        let pair = |open: &str, close: &str| (open.to_owned(), close.to_owned());
        Self {
            trim_blocks: true,
            lstrip_blocks: false,
            newline_sequence: "\n".to_owned(),
            variable: pair("{{", "}}"),
            block: pair("{%", "%}"),
            comment: pair("{#", "#}"),
        }
    }
}

impl Engine {
    /// Renders a file of the `template` module: `trim_blocks`, the trailing newline kept.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn render_file(&self, text: &str, scope: &Scope) -> Result<String, TemplateError> {
        self.render_file_with(text, &FileOptions::default(), scope)
    }
    /// As [`Engine::render_file`], read with other options. A first line `#jinja2: key:value, …` has the
    /// last word on them, and is left out.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn render_file_with(
        &self,
        text: &str,
        options: &FileOptions,
        scope: &Scope,
    ) -> Result<String, TemplateError> {
        let mut options = options.clone();
        let text = header(text, &mut options)?;
        let session = Session::new(Arc::clone(&self.core), scope);
        let outcome = render(text, &options, &session);
        let mut outcome = session.settle(outcome)?;
        engine::keep_end(text, &mut outcome);
        match options.newline_sequence.as_str() {
            "\n" => Ok(outcome),
            ending @ ("\r" | "\r\n") => Ok(outcome.replace("\r\n", "\n").replace('\n', ending)),
            _ => Err(TemplateError::broken("`newline_sequence` must be \\n, \\r or \\r\\n")),
        }
    }
    /// Whether a file of the `template` module can be compiled; for lint, without variables.
    ///
    /// # Errors
    /// [`TemplateError::Broken`].
    pub fn check_file(&self, text: &str, options: &FileOptions) -> Result<(), TemplateError> {
        let mut options = options.clone();
        let text = header(text, &mut options)?;
        let (source, uses) =
            syntax::rewrite_template(text, options.marks()).map_err(engine::at_line)?;
        engine::known(&uses)?;
        environment(&options)?
            .template_from_str(&source)
            .map(drop)
            .map_err(|error| engine::compile_error(&error))
    }
}

impl FileOptions {
    fn marks(&self) -> Marks<'_> {
        Marks {
            variable: (&self.variable.0, &self.variable.1),
            block: (&self.block.0, &self.block.1),
            comment: (&self.comment.0, &self.comment.1),
        }
    }
}

fn environment(options: &FileOptions) -> Result<minijinja::Environment<'static>, TemplateError> {
    let pair = |pair: &(String, String)| pair.clone();
    let ((vo, vc), (bo, bc), (co, cc)) =
        (pair(&options.variable), pair(&options.block), pair(&options.comment));
    let syntax = SyntaxConfig::builder()
        .trim_blocks(options.trim_blocks)
        .lstrip_blocks(options.lstrip_blocks)
        .keep_trailing_newline(true)
        .variable_delimiters(vo, vc)
        .block_delimiters(bo, bc)
        .comment_delimiters(co, cc)
        .build()
        .map_err(|_| {
            TemplateError::broken("the marks of expressions, statements and comments clash")
        })?;
    let mut environment = engine::environment().clone();
    environment.set_syntax(syntax);
    Ok(environment)
}

fn render(
    text: &str,
    options: &FileOptions,
    session: &Arc<Session>,
) -> Result<String, TemplateError> {
    let syntactic = FileOptions { newline_sequence: "\n".to_owned(), ..options.clone() };
    if syntactic == FileOptions::default() {
        return engine::render_whole(session, text);
    }
    let (source, uses) =
        syntax::rewrite_template(text, options.marks()).map_err(engine::at_line)?;
    engine::known(&uses)?;
    let environment = environment(options)?;
    let template =
        environment.template_from_str(&source).map_err(|error| engine::compile_error(&error))?;
    let context = minijinja::Value::from_dyn_object(Arc::clone(session));
    template.render(context).map_err(|error| engine::translate(session, &error))
}

/// Takes the options of a `#jinja2:` line.
fn header<'a>(text: &'a str, options: &mut FileOptions) -> Result<&'a str, TemplateError> {
    let Some(rest) = text.strip_prefix("#jinja2:") else { return Ok(text) };
    let (line, rest) = rest.split_once('\n').unwrap_or((rest, ""));
    for pair in line.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(':').unwrap_or((pair, ""));
        let (key, value) = (key.trim(), value.trim());
        let flag = || match value {
            "True" | "true" => Ok(true),
            "False" | "false" => Ok(false),
            _ => Err(TemplateError::Broken {
                message: format!("`{key}` must be True or False"),
                line: Some(1),
            }),
        };
        let mark = || match value.trim_matches(['\'', '"']) {
            "" => Err(TemplateError::Broken {
                message: format!("`{key}` must not be empty"),
                line: Some(1),
            }),
            mark => Ok(mark.to_owned()),
        };
        match key {
            "trim_blocks" => options.trim_blocks = flag()?,
            "lstrip_blocks" => options.lstrip_blocks = flag()?,
            "variable_start_string" => options.variable.0 = mark()?,
            "variable_end_string" => options.variable.1 = mark()?,
            "block_start_string" => options.block.0 = mark()?,
            "block_end_string" => options.block.1 = mark()?,
            "comment_start_string" => options.comment.0 = mark()?,
            "comment_end_string" => options.comment.1 = mark()?,
            _ => {
                let message = format!("the `#jinja2:` line has no option `{key}`");
                return Err(TemplateError::Broken { message, line: Some(1) });
            }
        }
    }
    Ok(rest)
}
