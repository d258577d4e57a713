//! The first run: from a mail address to a configuration, in pages.
//!
//! In: requests that have the token of the address that `serve` printed; out: settings that were tested with a login at the
//! provider, and written. Each form has the token, so that no session is needed. The password is used for the test alone.
//! Nothing on the net is asked before the test, unless a person presses the button that asks the provider.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use askama::Template;
use axum::extract::{DefaultBodyLimit, Query, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router, middleware};
use hyper::header::CONNECTION;
use hyper::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;

use super::answer::{self, Frame};
use super::consent_steps::{Came, Way};
use super::mail_providers::{Catch, Source, Suggestion, of_file, suggestion};
use super::registration::TokenProvider;
use super::sessions::is_same;
use super::setup_form::{SetupForm, chosen};
use super::setup_state::{Setup, finished};
use super::texts::Texts;
use super::visitor::Language;
use super::{FORM, protection, setup_consent};

/// Every path of the first run.
pub(in crate::admin) fn router(setup: Arc<Setup>) -> Router {
    Router::new()
        .route("/", get(page).post(act))
        .route("/login", get(invitation).post(opened))
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
    /// Of the address that a provider sends the browser back with.
    state: Option<String>,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct AddressPage<'p> {
    frame: Frame,
    token: &'p str,
    address: &'p str,
    problem: &'p str,
}

/// Of `popgate open`.
#[derive(Template)]
#[template(path = "setup_open.html")]
struct OpenPage<'p> {
    frame: Frame,
    token: &'p str,
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
    /// Whether the provider may take a token in place of a password.
    may_consent: bool,
}

async fn page(
    State(setup): State<Arc<Setup>>,
    Language(texts): Language,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    Query(asked): Query<Asked>,
) -> Response {
    if asked.state.is_some() {
        let query = query.unwrap_or_default();
        return setup_consent::returned(&setup, texts, &headers, &query).await;
    }
    if !is_same(&setup.token.0, &asked.token) {
        return wrong_token(texts);
    }
    answer::page(&AddressPage {
        frame: Frame::without_person(texts),
        token: &asked.token,
        address: "",
        problem: "",
    })
}

async fn act(
    State(setup): State<Arc<Setup>>,
    language: Language,
    headers: HeaderMap,
    Form(form): Form<SetupForm>,
) -> Response {
    let texts = language.0;
    if !is_same(&setup.token.0, &form.token) {
        return wrong_token(texts);
    }
    match &*form.deed {
        "test" | "write" => finish(&setup, language, form).await,
        "ask" => ask(&setup, language, form).await,
        "oauth" => setup_consent::page(texts, &form, String::new()),
        "browser" => setup_consent::begin(&setup, texts, &headers, form, Way::Browser).await,
        "device" => setup_consent::begin(&setup, texts, &headers, form, Way::Device).await,
        "pasted" => setup_consent::take(&setup, texts, Came::Pasted(form.came)).await,
        "consented" => setup_consent::take(&setup, texts, Came::Consented).await,
        "again" => setup_consent::finish(&setup, texts, true).await,
        "untested" => setup_consent::finish(&setup, texts, false).await,
        _ => server(&setup, language, form),
    }
}

/// The address of `popgate open`, which does not know whether there are settings. A GET uses no token up: programs that show
/// where a link leads ask for it, too.
async fn invitation(
    State(setup): State<Arc<Setup>>,
    language: Language,
    uri: Uri,
    Query(asked): Query<Asked>,
) -> Response {
    if setup.is_done.load(Ordering::Acquire) {
        return elsewhere(State(setup), language, uri).await;
    }
    let Language(texts) = language;
    if asked.token.is_empty() {
        return wrong_token(texts);
    }
    answer::page(&OpenPage {
        frame: Frame::without_person(texts),
        token: &asked.token,
    })
}

/// Its button, which leads to the first page.
async fn opened(
    State(setup): State<Arc<Setup>>,
    language: Language,
    uri: Uri,
    Form(asked): Form<Asked>,
) -> Response {
    if setup.is_done.load(Ordering::Acquire) {
        return elsewhere(State(setup), language, uri).await;
    }
    let known = Arc::clone(&setup);
    let takes = move || (known.takes_opening_token)(&asked.token);
    if !tokio::task::spawn_blocking(takes).await.unwrap_or(false) {
        return wrong_token(language.0);
    }
    Redirect::to(&format!("/?token={}", setup.token.0)).into_response()
}

fn wrong_token(texts: &'static Texts) -> Response {
    let sentence = texts.setup_page.wrong_token;
    let frame = Frame::without_person(texts);
    answer::failure(frame, StatusCode::FORBIDDEN, sentence, "")
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
    let (source, is_oauth) = (found.source, found.catch == Catch::OAuth);
    let note = match (found.catch, source) {
        (Catch::AppPassword, _) => texts.setup_page.app_password,
        (Catch::OAuth, _) => "",
        (Catch::NoPop3, _) => texts.setup_page.no_pop3,
        (Catch::None, Source::Listed) => texts.setup_page.known,
        (Catch::None, Source::Provider) => texts.setup_page.asked,
        (Catch::None, Source::Guessed) => texts.setup_page.guessed,
    };
    form.suggest(found, setup.listen);
    if is_oauth {
        return setup_consent::page(texts, &form, problem);
    }
    answer::page(&ServerPage {
        frame: Frame::without_person(texts),
        note,
        may_ask: source == Source::Guessed,
        may_skip: false,
        may_consent: TokenProvider::of(&form.host).is_some(),
        problem,
        form: &form,
    })
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
            may_consent: true,
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
        Ok(file) => finished(setup, texts, &file, false),
    }
}
