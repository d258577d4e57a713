//! Who sends a request: from its cookie to a session, or to the page that asks for a login.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use hyper::header::{ACCEPT_LANGUAGE, COOKIE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode};
use url::form_urlencoded;

use super::once_more;
use super::sessions::{Person, Session, is_same};
use super::state::Console;
use super::texts::{self, Texts};
use crate::mailbox_id::MailboxId;

/// The cookie's name.
pub(super) const NAME: &str = "popgate_session";

/// Of Sec-Fetch-Site, by which browsers say who leads to a page.
const FROM_ELSEWHERE: &str = "cross-site";

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    session: Session,
    /// In their language.
    pub(super) texts: &'static Texts,
}

impl Visitor {
    /// A program that has the rights of a mailbox's user, or the administrator's; it has no forms.
    pub(super) fn of_program(mailbox: Option<MailboxId>) -> Self {
        let session = Session {
            person: mailbox.map_or(Person::Administrator, Person::User),
            form_token: String::new(),
        };
        Self {
            session,
            texts: texts::of(""),
        }
    }

    /// The only mailbox that they see; `None` = all.
    pub(super) fn mailbox(&self) -> Option<&MailboxId> {
        match &self.session.person {
            Person::Administrator => None,
            Person::User(mailbox) => Some(mailbox),
        }
    }

    /// Whether they see what belongs to this mailbox.
    pub(super) fn sees(&self, mailbox: &MailboxId) -> bool {
        self.mailbox().is_none_or(|own| own == mailbox)
    }

    /// What their forms have in them.
    pub(super) fn form_token(&self) -> &str {
        &self.session.form_token
    }

    /// Whether a form is one of theirs.
    pub(super) fn has_sent(&self, form_token: &str) -> bool {
        is_same(&self.session.form_token, form_token)
    }
}

impl FromRequestParts<Arc<Console>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        let session = token(&parts.headers).and_then(|token| console.sessions.of(token));
        match session {
            Some(session) => Ok(Self {
                session,
                texts: texts::of(accepted_languages(&parts.headers)),
            }),
            None => Err(without_session(parts)),
        }
    }
}

/// A page of somebody who is logged in, which looks for news by itself. Without a session it is told so, and not led to
/// a login that nobody sees.
#[derive(Debug)]
pub(super) struct Watcher(pub(super) Visitor);

impl FromRequestParts<Arc<Console>> for Watcher {
    type Rejection = StatusCode;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, StatusCode> {
        let session = token(&parts.headers).and_then(|token| console.sessions.unused(token));
        let session = session.ok_or(StatusCode::UNAUTHORIZED)?;
        Ok(Self(Visitor {
            session,
            texts: texts::of(accepted_languages(&parts.headers)),
        }))
    }
}

/// Browsers send the cookie (SameSite=Strict) with no request that another site leads to, such as a link in a webmail: a page
/// of the console asks for the same once more. A request without a session is sent to the login.
fn without_session(parts: &Parts) -> Response {
    let led_by = parts.headers.get("sec-fetch-site");
    let is_led_here = led_by.is_some_and(|it| it == FROM_ELSEWHERE);
    let page = parts.uri.path_and_query().map(|it| it.as_str());
    match page.filter(|it| is_led_here && parts.method == Method::GET && is_page(it)) {
        Some(page) => once_more::page(texts::of(accepted_languages(&parts.headers)), page),
        None => Redirect::to(&login_for(parts)).into_response(),
    }
}

/// The login that leads to the page that was asked for.
fn login_for(parts: &Parts) -> String {
    let page = parts.uri.path_and_query().map_or("/", |it| it.as_str());
    if parts.method != Method::GET || !is_page(page) {
        return "/login".to_owned();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("to", page);
    format!("/login?{}", query.finish())
}

/// Whether this is an address of the console that a login or an action may lead to, and of no other site.
pub(super) fn is_page(address: &str) -> bool {
    // Browsers take `//` and `/\` for the beginning of another host, and leave out control characters.
    address.starts_with('/')
        && !address[1..].starts_with(['/', '\\'])
        && !address.contains(char::is_control)
}

/// The language of a request, with or without a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Language(pub(super) &'static Texts);

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(texts::of(accepted_languages(&parts.headers))))
    }
}

/// The token in the cookies of a request.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, NAME)
}

/// A cookie of a request.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let cookies = headers.get_all(COOKIE).iter();
    let cookies = cookies.filter_map(|it| it.to_str().ok());
    let mut cookies = cookies.flat_map(|it| it.split(';'));
    cookies.find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == wanted).then_some(value)
    })
}

fn accepted_languages(headers: &HeaderMap) -> &str {
    let accepted = headers.get(ACCEPT_LANGUAGE);
    accepted.and_then(|it| it.to_str().ok()).unwrap_or_default()
}
