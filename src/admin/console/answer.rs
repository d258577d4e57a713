//! Responses that are no page of their own: rendered templates, errors as sentences, the style sheet.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;

use super::state::Unanswered;
use super::texts::Texts;
use super::visitor::{Language, Visitor};

/// What the frame of a page needs.
pub(super) struct Frame {
    pub(super) texts: &'static Texts,
    /// Who is logged in, and what their forms have in them.
    pub(super) person: Option<(String, String)>,
    /// Whether the person sees the pages of the administrator.
    pub(super) is_administrator: bool,
}

impl Frame {
    /// Of a page for somebody who is logged in.
    pub(super) fn of(visitor: &Visitor) -> Self {
        let name = match visitor.mailbox() {
            Some(mailbox) => mailbox.to_string(),
            None => visitor.texts.administrator.to_owned(),
        };
        Self {
            texts: visitor.texts,
            person: Some((name, visitor.form_token().to_owned())),
            is_administrator: visitor.mailbox().is_none(),
        }
    }

    /// Of a page for anybody.
    pub(super) fn without_person(texts: &'static Texts) -> Self {
        Self {
            texts,
            person: None,
            is_administrator: false,
        }
    }

    /// What the person's forms have in them.
    pub(super) fn form_token(&self) -> &str {
        self.person.as_ref().map_or("", |(_, token)| token)
    }
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'p> {
    frame: Frame,
    sentence: &'p str,
    detail: &'p str,
}

/// A rendered page.
pub(super) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the console cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that says what is wrong.
pub(super) fn failure(frame: Frame, status: StatusCode, sentence: &str, detail: &str) -> Response {
    let page = page(&FailurePage {
        frame,
        sentence,
        detail,
    });
    (status, page).into_response()
}

/// There is no such page, or the person may not see it: the same answer.
pub(super) fn missing(visitor: &Visitor) -> Response {
    let sentence = visitor.texts.missing;
    failure(Frame::of(visitor), StatusCode::NOT_FOUND, sentence, "")
}

/// The form is none of this session.
pub(super) fn old_form(visitor: &Visitor) -> Response {
    let sentence = visitor.texts.old_form;
    failure(Frame::of(visitor), StatusCode::FORBIDDEN, sentence, "")
}

/// The store has not answered.
pub(super) fn unanswered(visitor: &Visitor, why: &Unanswered) -> Response {
    let (sentence, detail) = match why {
        Unanswered::NoStore => (visitor.texts.no_store, ""),
        Unanswered::Failed(why) => (visitor.texts.store_away, &**why),
    };
    let status = StatusCode::SERVICE_UNAVAILABLE;
    failure(Frame::of(visitor), status, sentence, detail)
}

pub(super) async fn not_found(Language(texts): Language) -> Response {
    let frame = Frame::without_person(texts);
    failure(frame, StatusCode::NOT_FOUND, texts.missing, "")
}

/// It copies settings where a browser lets it.
pub(super) async fn script() -> Response {
    let kind = [(CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, include_str!("console.js")).into_response()
}

/// It shows new rows of the list.
pub(super) async fn live_script() -> Response {
    let kind = [(CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, include_str!("live.js")).into_response()
}

pub(super) async fn style() -> Response {
    let kind = [(CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("style.css")).into_response()
}
