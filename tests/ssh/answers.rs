//! What a server asks with `keyboard-interactive` beside the password, and who answers.
use super::*;
use cowhand::transport::ssh::{LoginMethod, Question};
use russh::MethodKind;
use russh::server::{self, Auth, Response};
use std::borrow::Cow;
use std::sync::Mutex;

/// Prompts of one round, each with whether the answer may be seen, and the right answers.
type Round = &'static [(&'static str, bool, &'static str)];

/// A server that lets in whoever answers all its rounds.
#[derive(Clone)]
struct Asker {
    rounds: &'static [Round],
    /// Rounds that were asked so far.
    asked: usize,
}

impl server::Handler for Asker {
    type Error = russh::Error;

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        if let Some(response) = response {
            let given: Vec<String> =
                response.map(|answer| String::from_utf8(answer.to_vec()).unwrap()).collect();
            let right = self.rounds[self.asked - 1].iter().map(|(_, _, answer)| *answer);
            if given != right.collect::<Vec<_>>() {
                return Ok(Auth::reject());
            }
        }
        let Some(round) = self.rounds.get(self.asked) else { return Ok(Auth::Accept) };
        self.asked += 1;
        let prompts = round.iter().map(|(words, echo, _)| (Cow::Borrowed(*words), *echo));
        Ok(Auth::Partial {
            name: "".into(),
            instructions: "\x1b[2J answer!".into(),
            prompts: Cow::Owned(prompts.collect()),
        })
    }
}

/// Options that lead to a server which asks these rounds.
async fn asker(rounds: &'static [Round]) -> (tempfile::TempDir, Options) {
    let asker = Asker { rounds, asked: 0 };
    let (folder, mut options) = serving(asker, MethodKind::KeyboardInteractive).await;
    options.password = Some(Secret::new("open sesame".into()));
    (folder, options)
}

/// Who answers all questions by their first words, and what was asked.
fn somebody(
    answers: &'static [(&'static str, &'static str)],
) -> (Arc<Keyring>, Arc<Mutex<Vec<Question>>>) {
    let asked = Arc::new(Mutex::new(vec![]));
    let list = asked.clone();
    let keyring = Keyring::default().replying(move |question| {
        list.lock().unwrap().push(question.clone());
        let known = answers.iter().find(|(words, _)| question.words.starts_with(words));
        known.map(|(_, answer)| Secret::new((*answer).to_owned()))
    });
    (Arc::new(keyring), asked)
}

/// Whether it lets us in, or what is told.
async fn comes_in(options: Options) -> Result<(), String> {
    let error = match SshConnect::new(options).shell(None).await {
        // Such a server opens no channel.
        Err(TransportError::Unreachable { message, .. }) => message,
        Err(other) => panic!("{other:?}"),
        Ok(_) => return Ok(()),
    };
    if error.starts_with("can't open a channel") { Ok(()) } else { Err(error) }
}

const THREE: &[Round] = &[&[
    ("Token name: ", true, "blue"),
    ("Password for root: ", false, "open sesame"),
    ("Verification code: ", false, "123456"),
]];

#[tokio::test]
async fn of_several_questions_the_password_answers_its_own_and_somebody_the_others() {
    let (_folder, mut options) = asker(THREE).await;
    let (keyring, asked) = somebody(&[("Token", "blue"), ("Verification", "123456")]);
    options.keyring = keyring;
    comes_in(options).await.unwrap();
    let asked = asked.lock().unwrap();
    let words: Vec<_> = asked.iter().map(|asked| (asked.words.as_str(), asked.echo)).collect();
    assert_eq!(words, [("Token name:", true), ("Verification code:", false)]);
    assert!(asked[0].who.starts_with("root@127.0.0.1:"), "{:?}", asked[0]);
}

#[tokio::test]
async fn questions_that_nobody_answers_are_told() {
    let (_folder, options) = asker(THREE).await;
    let told = comes_in(options).await.unwrap_err();
    assert!(told.contains("asks for more than the password (`Token name:`)"), "{told}");
    assert!(!told.contains("open sesame"), "{told}");
}

#[tokio::test]
async fn the_password_is_given_once_in_whichever_round_it_is_asked_for() {
    const ROUNDS: &[Round] = &[
        &[("Welcome to the \x1b[2Jdungeon. Name: ", true, "ada")],
        &[("PIN of your password safe:", false, "open sesame")],
        &[],
        &[("Once more, password: ", false, "another")],
    ];
    let (_folder, mut options) = asker(ROUNDS).await;
    let (keyring, asked) = somebody(&[("Welcome", "ada"), ("Once more", "another")]);
    options.keyring = keyring;
    comes_in(options).await.unwrap();
    let asked = asked.lock().unwrap();
    assert!(!asked.iter().any(|asked| asked.words.contains(char::is_control)), "{asked:?}");
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn a_server_that_asks_and_asks_is_given_up() {
    const CODE: Round = &[("Code: ", true, "1")];
    let (_folder, mut options) = asker(&[CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE]).await;
    let (keyring, asked) = somebody(&[("Code", "1")]);
    options.keyring = keyring;
    options.methods = vec![LoginMethod::KeyboardInteractive];
    comes_in(options).await.unwrap_err();
    assert!(asked.lock().unwrap().len() < 8);
}
