//! Passwords and other answers: what `keyboard-interactive` asks, and the password itself.
use super::{Answer, INTERACTIVE, Login, PASSWORD};
use crate::secret::Secret;
use crate::source::printable;
use crate::transport::TransportError;
use crate::transport::escalate::last_words;
use crate::transport::ssh::keyring::Question;
use crate::transport::ssh::within;
use russh::client::{AuthResult, KeyboardInteractiveAuthResponse as Reply, Prompt};
use russh::{MethodKind, MethodSet};

/// Rounds of questions that a server may ask.
const MAX_ROUNDS: usize = 4;

/// Questions of one round.
const MAX_PROMPTS: usize = 8;

impl Login<'_> {
    pub(super) async fn with_answers(&mut self) -> Result<Answer, TransportError> {
        let Some(password) = &self.options.password else { return Ok(Answer::No) };
        if !self.may_try(INTERACTIVE, MethodKind::KeyboardInteractive) {
            return Ok(Answer::No);
        }
        let reply = self.converse(password).await?;
        self.took(reply)
    }

    pub(super) async fn with_password(&mut self) -> Result<Answer, TransportError> {
        let Some(password) = &self.options.password else { return Ok(Answer::No) };
        if !self.may_try(PASSWORD, MethodKind::Password) {
            return Ok(Answer::No);
        }
        let user = self.options.user.as_str();
        let reply = self.handle.authenticate_password(user, password.expose());
        let reply = within(self.options.connect_timeout, reply).await?;
        let reply = reply.map_err(|error| self.broken(&error))?;
        self.took(reply)
    }

    /// Whether a way to give the password is open and has not been tried; it counts as tried then.
    fn may_try(&mut self, name: &str, method: MethodKind) -> bool {
        let may = self.is_open(method) && !self.tried.iter().any(|tried| tried == name);
        if may {
            self.tried.push(name.to_owned());
        }
        may
    }

    /// Answers what the server asks: with the password where it is asked for, else as somebody does who can be
    /// asked.
    async fn converse(&mut self, password: &Secret<String>) -> Result<AuthResult, TransportError> {
        let (user, limit) = (self.options.user.as_str(), self.options.connect_timeout);
        let start = self.handle.authenticate_keyboard_interactive_start(user, None);
        let mut reply = within(limit, start).await?;
        let mut password = Some(password);
        for _ in 0..=MAX_ROUNDS {
            match reply.map_err(|error| self.broken(&error))? {
                Reply::Success => return Ok(AuthResult::Success),
                Reply::Failure { remaining_methods, partial_success } => {
                    return Ok(AuthResult::Failure { remaining_methods, partial_success });
                }
                Reply::InfoRequest { prompts, .. } => {
                    let Some(answers) = self.answers(&prompts, &mut password).await else { break };
                    let respond = self.handle.authenticate_keyboard_interactive_respond(answers);
                    reply = within(limit, respond).await?;
                }
            }
        }
        Ok(AuthResult::Failure { remaining_methods: MethodSet::empty(), partial_success: false })
    }

    /// The answers of a round; `None`: there is nobody who has them.
    async fn answers(
        &mut self,
        prompts: &[Prompt],
        password: &mut Option<&Secret<String>>,
    ) -> Option<Vec<String>> {
        let ours = for_password(prompts).filter(|_| password.is_some());
        let mut answers = vec![];
        for (index, prompt) in prompts.iter().enumerate() {
            let given = if Some(index) == ours { password.take().cloned() } else { None };
            let answer = match given {
                Some(password) => password,
                None => self.ask_somebody(prompt, prompts.len()).await?,
            };
            answers.push(answer.expose().clone());
        }
        Some(answers)
    }

    async fn ask_somebody(&mut self, prompt: &Prompt, of: usize) -> Option<Secret<String>> {
        let words = last_words(&prompt.prompt);
        let who = format!("{}@{}", printable(&self.options.user), self.options.address());
        let question = Question { who, words: words.clone(), echo: prompt.echo };
        let answer =
            if of > MAX_PROMPTS { None } else { self.options.keyring.answer(question).await };
        if answer.is_none() {
            self.notes.push(format!(
                "it asks for more than the password (`{words}`), and nobody answers"
            ));
        }
        answer
    }
}

/// The question that the password is for: the one that says so, or the only one whose answer is not shown.
fn for_password(prompts: &[Prompt]) -> Option<usize> {
    let hidden = || prompts.iter().enumerate().filter(|(_, prompt)| !prompt.echo);
    let says = |(_, prompt): &(usize, &Prompt)| prompt.prompt.to_lowercase().contains("password");
    let only = hidden().next().filter(|_| hidden().count() == 1);
    hidden().find(says).or(only).map(|(index, _)| index)
}
