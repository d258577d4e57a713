//! Logging in and out.
//!
//! In: a mailbox's own name and password, which its server verifies and nobody keeps; the administrator's password; or
//! the one-time token. Out: a cookie for the session. A GET logs nobody in: the address with a token shows a button.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use hyper::header::{ORIGIN, RETRY_AFTER, SET_COOKIE};
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::answer::{self, Frame};
use super::sessions::Person;
use super::state::Console;
use super::texts::Texts;
use super::visitor::{Language, NAME, Visitor, is_page, token};
use crate::metrics::{ConsoleLogin, ConsoleLoginOutcome};
use crate::session::{LoginDenied, mailbox_of_login};
use crate::store::ConsolePassword;

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) SocketAddr);

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    token: String,
    /// The page to show then.
    #[serde(default)]
    to: String,
}

/// One of the forms.
#[derive(Deserialize)]
#[serde(tag = "as", rename_all = "lowercase")]
pub(super) enum Login {
    User {
        user: String,
        password: Zeroizing<String>,
    },
    Administrator {
        password: Zeroizing<String>,
    },
    Token {
        token: Zeroizing<String>,
    },
}

/// Why nobody is let in.
enum Denied {
    Wrong(String),
    Pause(Duration),
    Failed(String),
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'p> {
    frame: Frame,
    token: &'p str,
    to: &'p str,
    problem: String,
}

/// The forms.
pub(super) async fn page(Language(texts): Language, Query(asked): Query<Asked>) -> Response {
    answer::page(&LoginPage {
        frame: Frame::without_person(texts),
        token: &asked.token,
        to: &asked.to,
        problem: String::new(),
    })
}

/// Lets somebody in, and leads to the page that was asked for.
pub(super) async fn log_in(
    State(console): State<Arc<Console>>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    Language(texts): Language,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Response {
    let who = match &login {
        Login::User { .. } => ConsoleLogin::User,
        Login::Administrator { .. } => ConsoleLogin::Administrator,
        Login::Token { .. } => ConsoleLogin::Token,
    };
    let person = match login {
        Login::User { user, password } => user_of(&console, from, user, password).await,
        Login::Administrator { password } => administrator(&console, password).await,
        Login::Token { token } => by_token(&console, token).await,
    };
    let came = match &person {
        Ok(_) => ConsoleLoginOutcome::Ok,
        Err(Denied::Wrong(_)) => ConsoleLoginOutcome::Denied,
        Err(Denied::Pause(_)) => ConsoleLoginOutcome::Throttled,
        Err(Denied::Failed(_)) => ConsoleLoginOutcome::Error,
    };
    console.service().metrics.console_login(who, came);
    let denied = match person {
        Ok(person) => match console.sessions.begin(person) {
            Some(token) => {
                let to = if is_page(&asked.to) { &asked.to } else { "/" };
                return (cookie(&token, &headers), Redirect::to(to)).into_response();
            }
            None => Denied::Failed("no random numbers".to_owned()),
        },
        Err(denied) => denied,
    };
    refusal(texts, &asked.to, &denied)
}

async fn user_of(
    console: &Console,
    from: SocketAddr,
    user: String,
    password: Zeroizing<String>,
) -> Result<Person, Denied> {
    let drain = console.drain().drain();
    let mailbox = mailbox_of_login(console.service(), from, drain, &user, &password).await;
    match mailbox {
        Ok(mailbox) => {
            tracing::info!(client = %from, "a user has logged in to the console");
            Ok(Person::User(mailbox))
        }
        Err(LoginDenied::Refused(answer)) => Err(Denied::Wrong(answer)),
        Err(denied) => Err(Denied::Failed(denied.to_string())),
    }
}

async fn administrator(console: &Console, password: Zeroizing<String>) -> Result<Person, Denied> {
    begin(console)?;
    let data_dir = console.data_dir.clone();
    let fits = console.in_thread(move || ConsolePassword::verify(&data_dir, &password));
    match fits.await {
        Ok(Ok(true)) => Ok(let_in(console, "by the password")),
        Ok(Ok(false)) => Err(Denied::Wrong(String::new())),
        Ok(Err(error)) => Err(Denied::Failed(error.to_string())),
        Err(_) => Err(Denied::Failed(String::new())),
    }
}

async fn by_token(console: &Arc<Console>, token: Zeroizing<String>) -> Result<Person, Denied> {
    begin(console)?;
    match console.takes_token(token).await {
        Ok(true) => Ok(let_in(console, "by the one-time token")),
        Ok(false) => Err(Denied::Wrong(String::new())),
        Err(_) => Err(Denied::Failed(String::new())),
    }
}

/// Counts an attempt to be the administrator.
fn begin(console: &Console) -> Result<(), Denied> {
    let limits = console.service().limits;
    match limits.login_failures {
        Some(failures) => {
            let begun = console.throttle.begin(failures, limits.login_pause);
            begun.map_err(Denied::Pause)
        }
        None => Ok(()),
    }
}

fn let_in(console: &Console, how: &str) -> Person {
    console.throttle.succeeded();
    tracing::info!("the administrator has logged in to the console {how}");
    Person::Administrator
}

fn refusal(texts: &'static Texts, to: &str, denied: &Denied) -> Response {
    let (status, problem) = match denied {
        Denied::Wrong(answer) => {
            let sentence = format!("{} {answer}", texts.login_wrong);
            (StatusCode::FORBIDDEN, sentence)
        }
        Denied::Pause(_) => (StatusCode::TOO_MANY_REQUESTS, texts.login_pause.to_owned()),
        Denied::Failed(why) => {
            let sentence = format!("{} {why}", texts.login_failed);
            (StatusCode::SERVICE_UNAVAILABLE, sentence)
        }
    };
    let page = answer::page(&LoginPage {
        frame: Frame::without_person(texts),
        token: "",
        to,
        problem,
    });
    match denied {
        Denied::Pause(wait) => {
            let wait = (wait.as_secs() + 1).to_string();
            (status, [(RETRY_AFTER, wait)], page).into_response()
        }
        Denied::Wrong(_) | Denied::Failed(_) => (status, page).into_response(),
    }
}

/// Scripts cannot read it, and other sites' pages do not send it. The browser forgets it when it is closed, and sends it
/// through TLS alone where the login came through that, also that of a proxy.
fn cookie(token: &str, headers: &HeaderMap) -> [(hyper::header::HeaderName, String); 1] {
    let origin = headers.get(ORIGIN).map_or(&b""[..], |it| it.as_bytes());
    let secure = match origin.starts_with(b"https://") {
        true => "; Secure",
        false => "",
    };
    let cookie = format!("{NAME}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
    [(SET_COOKIE, cookie)]
}

#[derive(Debug, Deserialize)]
pub(super) struct LogOut {
    form: String,
}

/// Ends the session.
pub(super) async fn log_out(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(log_out): Form<LogOut>,
) -> Response {
    if !visitor.has_sent(&log_out.form) {
        return answer::old_form(&visitor);
    }
    if let Some(token) = token(&headers) {
        console.sessions.end(token);
    }
    let gone = format!("{NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    ([(SET_COOKIE, gone)], Redirect::to("/login")).into_response()
}
