//! The first run: from a mail address to a configuration, in pages.
//!
//! In: requests that have the token of the address that `serve` printed; out: settings that were tested with a login at the
//! provider, and written. Each form has the token, so that no session is needed. The password is used for the test alone.
//! Nothing on the net is asked before the test, unless a person presses the button that asks the provider.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use askama::Template;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router, middleware};
use hyper::header::CONNECTION;
use hyper::{StatusCode, Uri};
use serde::Deserialize;
use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::answer::{self, Frame};
use super::mail_providers::{Catch, Source, Suggestion, of_file, suggestion};
use super::sessions::{is_same, random};
use super::state::OneTimeToken;
use super::texts::Texts;
use super::visitor::Language;
use super::{FORM, protection};

/// The settings that the pages ask for.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The provider's server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// A value of `upstream.tls`.
    pub tls: &'static str,
    /// Where mail programs connect.
    pub listen: SocketAddr,
}

/// Something that takes its time.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Logs in with these settings, a user name and a password, and out again; an error is a sentence.
pub(super) type TestLogin =
    dyn Fn(Choice, String, Zeroizing<String>) -> Later<Result<(), String>> + Send + Sync;

/// Asks the provider of an address for its file `config-v1.1.xml`; an error is a sentence.
pub(super) type AskProvider = dyn Fn(String) -> Later<Result<Vec<u8>, String>> + Send + Sync;

/// Writes the configuration; returns the path of the file. An error is a sentence.
pub(super) type WriteSettings = dyn Fn(&Choice) -> Result<String, String> + Send + Sync;

/// See the module.
pub struct Setup {
    /// Of the address that is printed.
    pub token: OneTimeToken,
    /// Lets the administrator into the console that is started then.
    pub next_token: OneTimeToken,
    /// Told when the settings are written and the last page is complete.
    pub done: Notify,
    /// Whether they are written.
    pub is_done: AtomicBool,
    /// What is proposed to mail programs.
    pub listen: SocketAddr,
    /// How a provider is asked.
    pub ask: Box<AskProvider>,
    /// How settings are tested.
    pub test: Box<TestLogin>,
    /// How they are written.
    pub write: Box<WriteSettings>,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup").finish_non_exhaustive()
    }
}

/// A token for an address; `None` if the system has no random numbers.
pub fn new_token() -> Option<OneTimeToken> {
    random().map(OneTimeToken)
}

/// Every path of the first run.
pub(in crate::admin) fn router(setup: Arc<Setup>) -> Router {
    Router::new()
        .route("/", get(page).post(act))
        .route("/style.css", get(answer::style))
        .fallback(elsewhere)
        .layer(DefaultBodyLimit::max(FORM))
        .layer(middleware::from_fn(protection::same_origin))
        .layer(middleware::map_response(protection::with_headers))
        .with_state(setup)
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    token: String,
}

/// What the forms have in them; empty fields were not asked yet.
#[derive(Deserialize)]
pub(super) struct SetupForm {
    token: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    host: String,
    #[serde(default)]
    port: String,
    #[serde(default)]
    tls: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: Zeroizing<String>,
    #[serde(default)]
    listen: String,
    #[serde(default, rename = "do")]
    deed: String,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct AddressPage<'p> {
    frame: Frame,
    token: &'p str,
    address: &'p str,
    problem: &'p str,
}

#[derive(Template)]
#[template(path = "setup_server.html")]
struct ServerPage<'p> {
    frame: Frame,
    form: &'p SetupForm,
    /// What to know about the provider.
    note: &'static str,
    problem: String,
    may_ask: bool,
    may_skip: bool,
}

#[derive(Template)]
#[template(path = "setup_done.html")]
struct DonePage<'p> {
    frame: Frame,
    file: &'p str,
    next_token: &'p str,
}

async fn page(
    State(setup): State<Arc<Setup>>,
    Language(texts): Language,
    Query(asked): Query<Asked>,
) -> Response {
    let frame = Frame::without_person(texts);
    if !is_same(&setup.token.0, &asked.token) {
        let sentence = texts.setup_page.wrong_token;
        return answer::failure(frame, StatusCode::FORBIDDEN, sentence, "");
    }
    answer::page(&AddressPage {
        frame,
        token: &asked.token,
        address: "",
        problem: "",
    })
}

async fn act(
    State(setup): State<Arc<Setup>>,
    language: Language,
    Form(form): Form<SetupForm>,
) -> Response {
    let texts = language.0;
    if !is_same(&setup.token.0, &form.token) {
        let sentence = texts.setup_page.wrong_token;
        let frame = Frame::without_person(texts);
        return answer::failure(frame, StatusCode::FORBIDDEN, sentence, "");
    }
    match &*form.deed {
        "test" | "write" => finish(&setup, language, form).await,
        "ask" => ask(&setup, language, form).await,
        _ => server(&setup, language, form),
    }
}

/// Another page: none, or one of the server that is started once the settings are written, on a connection of its own.
async fn elsewhere(State(setup): State<Arc<Setup>>, language: Language, uri: Uri) -> Response {
    if !setup.is_done.load(Ordering::Acquire) {
        return answer::not_found(language).await;
    }
    let path = uri.path_and_query().map_or("/", |it| it.as_str());
    ([(CONNECTION, "close")], Redirect::temporary(path)).into_response()
}

/// From the address to its server.
fn server(setup: &Setup, Language(texts): Language, form: SetupForm) -> Response {
    match suggestion(&form.address) {
        Some(found) => suggested(setup, texts, form, found, String::new()),
        None => answer::page(&AddressPage {
            frame: Frame::without_person(texts),
            token: &form.token,
            address: &form.address,
            problem: texts.setup_page.no_address,
        }),
    }
}

/// The same, from what the provider's own web server says.
async fn ask(setup: &Setup, Language(texts): Language, form: SetupForm) -> Response {
    let Some(guess) = suggestion(&form.address) else {
        return server(setup, Language(texts), form);
    };
    let asked = (setup.ask)(form.address.trim().to_owned()).await;
    let found =
        asked.and_then(|file| of_file(&form.address, &file).map_err(|error| error.to_string()));
    match found {
        Ok(found) => suggested(setup, texts, form, found, String::new()),
        Err(why) => {
            let problem = format!("{} {why}", texts.setup_page.ask_failed);
            suggested(setup, texts, form, guess, problem)
        }
    }
}

/// The page of a server that may be right.
fn suggested(
    setup: &Setup,
    texts: &'static Texts,
    mut form: SetupForm,
    found: Suggestion,
    problem: String,
) -> Response {
    let note = match (found.catch, found.source) {
        (Catch::AppPassword, _) => texts.setup_page.app_password,
        (Catch::OAuth, _) => texts.setup_page.oauth,
        (Catch::NoPop3, _) => texts.setup_page.no_pop3,
        (Catch::None, Source::Listed) => texts.setup_page.known,
        (Catch::None, Source::Provider) => texts.setup_page.asked,
        (Catch::None, Source::Guessed) => texts.setup_page.guessed,
    };
    let may_ask = found.source == Source::Guessed;
    let may_skip = found.catch == Catch::OAuth;
    form.suggest(found, setup.listen);
    answer::page(&ServerPage {
        frame: Frame::without_person(texts),
        note,
        may_ask,
        may_skip,
        problem,
        form: &form,
    })
}

impl SetupForm {
    /// Fills in a server.
    fn suggest(&mut self, found: Suggestion, listen: SocketAddr) {
        self.host = found.host;
        self.port = found.port.to_string();
        found.tls.clone_into(&mut self.tls);
        self.user = found.user;
        self.listen = listen.to_string();
    }
}

/// Tests the settings, if they are to be, and writes them.
async fn finish(setup: &Setup, Language(texts): Language, mut form: SetupForm) -> Response {
    let wrong = |form: &SetupForm, problem: String| {
        answer::page(&ServerPage {
            frame: Frame::without_person(texts),
            note: "",
            problem,
            may_ask: false,
            may_skip: true,
            form,
        })
    };
    let choice = match chosen(&form) {
        Ok(choice) => choice,
        Err(field) => return wrong(&form, format!("{}: {field}", texts.problem)),
    };
    if form.deed == "test" {
        let password = std::mem::take(&mut form.password);
        let tested = (setup.test)(choice.clone(), form.user.clone(), password).await;
        if let Err(why) = tested {
            return wrong(&form, format!("{} {why}", texts.setup_page.test_failed));
        }
    }
    match (setup.write)(&choice) {
        Err(why) => wrong(&form, format!("{} {why}", texts.setup_page.not_written)),
        Ok(file) => {
            setup.is_done.store(true, Ordering::Release);
            setup.done.notify_one();
            let page = answer::page(&DonePage {
                frame: Frame::without_person(texts),
                file: &file,
                next_token: &setup.next_token.0,
            });
            // What the browser asks for next, it asks the server that is started now.
            ([(CONNECTION, "close")], page).into_response()
        }
    }
}

/// The settings of a form; an error is the value that is none.
fn chosen(form: &SetupForm) -> Result<Choice, String> {
    let host = form.host.trim();
    let is_host = |it: char| it.is_ascii_alphanumeric() || ".-:".contains(it);
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(host.to_owned());
    }
    let port: u16 = form.port.trim().parse().map_err(|_| form.port.clone())?;
    let tls = ["implicit", "starttls", "off"];
    let tls = tls.into_iter().find(|it| *it == form.tls);
    let listen = form.listen.trim().parse::<SocketAddr>();
    Ok(Choice {
        host: host.to_owned(),
        port,
        tls: tls.ok_or_else(|| form.tls.clone())?,
        listen: listen.map_err(|_| form.listen.clone())?,
    })
}
