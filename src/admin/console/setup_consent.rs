//! The first run's pages for a provider that takes no password but a token: popgate's registration there, the consent in a
//! browser, and the way back from it.
//!
//! In: forms with the token of the address that `serve` printed, and the request that the provider sends the browser back
//! with; out: what the server asks, takes, tests and writes. The way back counts in the browser alone in which the consent
//! was begun: that has a cookie. A script is not needed.
//!
//! RFC 6749 section 10.12 (state), RFC 8252 section 7.3 (loopback), RFC 8628 (consent on another device).

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use hyper::header::{HOST, SET_COOKIE};
use hyper::{HeaderMap, StatusCode};

use super::answer::{self, Frame};
use super::consent_steps::{Asked, Asking, Begun, Came, ConsentProblem, Way};
use super::registration::{Registration, TokenProvider};
use super::sessions::{is_same, random};
use super::setup_form::{Choice, SetupForm, chosen};
use super::setup_state::{Setup, finished};
use super::texts::Texts;
use super::visitor::cookie;

/// The cookie's name.
const NAME: &str = "popgate_consent";

#[derive(Template)]
#[template(path = "setup_consent.html")]
struct RegistrationPage<'p> {
    frame: Frame,
    form: &'p SetupForm,
    provider: Option<TokenProvider>,
    has_device_flow: bool,
    problem: String,
}

#[derive(Template)]
#[template(path = "setup_consent_asked.html")]
struct AskedPage<'p> {
    frame: Frame,
    token: &'p str,
    provider: &'static str,
    asked: &'p Asked,
    problem: String,
}

#[derive(Template)]
#[template(path = "setup_consent_untested.html")]
struct UntestedPage<'p> {
    frame: Frame,
    token: &'p str,
    problem: String,
}

/// The page that asks for popgate's registration.
pub(super) fn page(texts: &'static Texts, form: &SetupForm, problem: String) -> Response {
    let provider = TokenProvider::of(&form.host);
    answer::page(&RegistrationPage {
        frame: Frame::without_person(texts),
        provider,
        has_device_flow: provider.is_none_or(TokenProvider::has_device_flow),
        problem,
        form,
    })
}

/// Asks the provider, and shows the way to its page.
pub(super) async fn begin(
    setup: &Setup,
    texts: &'static Texts,
    headers: &HeaderMap,
    mut form: SetupForm,
    way: Way,
) -> Response {
    let words = &texts.consent_page;
    let choice = match chosen(&form) {
        Ok(choice) => choice,
        Err(field) => return page(texts, &form, format!("{}: {field}", texts.problem)),
    };
    let is_one_line = |text: &str| !text.is_empty() && !text.contains(char::is_control);
    if !is_one_line(form.user.trim()) || !is_one_line(&form.password) {
        return page(texts, &form, words.no_password.to_owned());
    }
    let password = std::mem::take(&mut form.password);
    let registration = Registration::new(&form.host, form.registration.clone());
    let asking = Asking {
        choice: Choice {
            registration: Some(registration),
            ..choice
        },
        account: form.user.trim().to_owned(),
        password,
        way,
    };
    let asked = match (setup.consent.begin)(asking).await {
        Ok(asked) => asked,
        Err(why) => return page(texts, &form, words.sentence(&why)),
    };
    let Some(cookie) = random() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let host = headers.get(HOST).and_then(|it| it.to_str().ok());
    let begun = Begun {
        cookie: cookie.clone(),
        host: host.unwrap_or_default().to_owned(),
        form,
        asked,
    };
    let page = asked_page(setup, texts, &begun, String::new());
    *setup.consent.begun() = Some(begun);
    // Lax: the provider's page leads back.
    let cookie = format!("{NAME}={cookie}; Path=/; HttpOnly; SameSite=Lax");
    ([(SET_COOKIE, cookie)], page).into_response()
}

fn asked_page(setup: &Setup, texts: &'static Texts, begun: &Begun, problem: String) -> Response {
    answer::page(&AskedPage {
        frame: Frame::without_person(texts),
        token: &setup.token.0,
        provider: TokenProvider::of(&begun.form.host)
            .map_or(texts.consent_page.provider, TokenProvider::title),
        asked: &begun.asked,
        problem,
    })
}

/// The browser comes back from the provider.
pub(super) async fn returned(
    setup: &Setup,
    texts: &'static Texts,
    headers: &HeaderMap,
    query: &str,
) -> Response {
    let begun = setup.consent.begun().clone();
    let host = headers.get(HOST).and_then(|it| it.to_str().ok());
    let own = cookie(headers, NAME).unwrap_or_default();
    match begun {
        Some(begun) if is_same(&begun.cookie, own) => {
            take(setup, texts, Came::Query(query.to_owned())).await
        }
        // A provider may know popgate by another name of this machine, for which the browser has no cookie.
        Some(begun) if host.is_some_and(|host| host != begun.host) => {
            Redirect::to(&format!("http://{}/?{query}", begun.host)).into_response()
        }
        _ => {
            let sentence = texts.consent_page.other_browser;
            let frame = Frame::without_person(texts);
            answer::failure(frame, StatusCode::FORBIDDEN, sentence, "")
        }
    }
}

/// Takes what came of the consent; then the login is tested.
pub(super) async fn take(setup: &Setup, texts: &'static Texts, came: Came) -> Response {
    match (setup.consent.take)(came).await {
        Ok(()) => finish(setup, texts, true).await,
        Err(why) => failed(setup, texts, &why),
    }
}

/// Tests the login, if it is to be, and writes the settings.
pub(super) async fn finish(setup: &Setup, texts: &'static Texts, is_tested: bool) -> Response {
    match (setup.consent.finish)(is_tested).await {
        Ok(file) => {
            *setup.consent.begun() = None;
            finished(setup, texts, &file, true)
        }
        Err(why) => failed(setup, texts, &why),
    }
}

fn failed(setup: &Setup, texts: &'static Texts, why: &ConsentProblem) -> Response {
    let problem = texts.consent_page.sentence(why);
    let begun = setup.consent.begun().clone();
    match (why, begun) {
        (ConsentProblem::Login(_) | ConsentProblem::NotWritten(_), _) => {
            answer::page(&UntestedPage {
                frame: Frame::without_person(texts),
                token: &setup.token.0,
                problem,
            })
        }
        (
            ConsentProblem::Foreign | ConsentProblem::Incomplete | ConsentProblem::Pending,
            Some(begun),
        ) => asked_page(setup, texts, &begun, problem),
        (_, Some(begun)) => page(texts, &begun.form, problem),
        (_, None) => {
            let frame = Frame::without_person(texts);
            answer::failure(frame, StatusCode::CONFLICT, &problem, "")
        }
    }
}
