//! Answers of the API: values as JSON, and what is wrong as an object with a sentence.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;
use serde_json::json;

use super::super::outcome::Outcome;
use super::super::state::Unanswered;

/// What is wrong with a request.
#[derive(Debug)]
pub(super) enum ApiError {
    /// There is no token, or it is none.
    NoToken,
    /// There were too many wrong ones; so many seconds to wait.
    Throttled(u64),
    /// There is nothing of this name.
    Missing,
    /// What is there has changed, or nothing is kept that this needs.
    Impossible,
    /// The administrator alone may change it.
    Locked,
    /// What is asked for cannot be understood, for this reason.
    Wrong(String),
    /// It failed, for this reason.
    Failed(String),
    /// Other methods.
    WrongMethod,
}

/// An answer, or what is wrong.
pub(super) type Answer = Result<Response, ApiError>;

impl From<Unanswered> for ApiError {
    fn from(why: Unanswered) -> Self {
        Self::Failed(match why {
            Unanswered::NoStore => "popgate runs without a store".to_owned(),
            Unanswered::Failed(why) => why,
        })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, sentence) = match &self {
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                "send Authorization: Bearer TOKEN, with a token of `popgate passwd --api-token NAME`",
            ),
            Self::Throttled(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too many wrong tokens: wait, as Retry-After says",
            ),
            Self::Missing => (StatusCode::NOT_FOUND, "there is nothing of this name"),
            Self::Impossible => (
                StatusCode::CONFLICT,
                "that cannot be done with it any more, or nothing was kept that it needs",
            ),
            Self::Locked => (
                StatusCode::FORBIDDEN,
                "the administrator has locked this: a token for one mailbox does not change it",
            ),
            Self::Wrong(why) => (StatusCode::UNPROCESSABLE_ENTITY, &**why),
            Self::Failed(why) => (StatusCode::SERVICE_UNAVAILABLE, &**why),
            Self::WrongMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "GET or POST, as the page of the API says",
            ),
        };
        let answer = with_status(status, &json!({ "error": sentence }));
        match self {
            Self::NoToken => ([(WWW_AUTHENTICATE, "Bearer")], answer).into_response(),
            Self::Throttled(wait) => ([(RETRY_AFTER, wait.to_string())], answer).into_response(),
            _ => answer,
        }
    }
}

/// A value as JSON.
pub(super) fn as_json(value: &impl Serialize) -> Response {
    with_status(StatusCode::OK, value)
}

fn with_status(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => (status, [(CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer of the API cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// What came of an action.
pub(super) fn done(outcome: Result<Outcome, Unanswered>) -> Answer {
    match outcome? {
        Outcome::Done => Ok(as_json(&json!({ "done": true }))),
        Outcome::Missing => Err(ApiError::Missing),
        Outcome::Impossible => Err(ApiError::Impossible),
        Outcome::Wrong(why) => Err(ApiError::Wrong(why)),
        Outcome::Locked => Err(ApiError::Locked),
    }
}
