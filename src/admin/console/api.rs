//! The API: what the pages show and do, for programs, as JSON.
//!
//! In: requests with a token (RFC 6750) that `popgate passwd --api-token` has made; out: the same values and the same
//! actions as those of the administrator's pages, or an object with a sentence that says what is wrong. No cookie counts
//! here, so that no page of another site can use it through a browser; a browser is told nothing about other origins.

mod lists;
mod messages;
mod status;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use serde::Serialize;
use serde_json::json;

use super::access_log;
use super::outcome::Outcome;
use super::protection;
use super::state::{Console, Unanswered};
use super::visitor::Visitor;
use crate::metrics::{ConsoleLogin, ConsoleLoginOutcome};
use crate::store::ApiTokens;

/// The most octets of a body.
const BODY: usize = 16 << 10;

/// Every path of the API.
pub(super) fn router(console: &Arc<Console>) -> Router {
    Router::new()
        .route("/api/v1/counts", get(status::counts))
        .route("/api/v1/health", get(status::health))
        .route("/api/v1/mailboxes", get(status::mailboxes))
        .route("/api/v1/messages", get(messages::list))
        .route("/api/v1/messages/{id}", get(messages::one))
        .route("/api/v1/messages/{id}/{action}", post(messages::act))
        .route("/api/v1/held", get(messages::held))
        .route("/api/v1/held/{id}/{action}", post(messages::act_on_held))
        .route(
            "/api/v1/senders",
            get(lists::senders).post(lists::put_sender),
        )
        .route(
            "/api/v1/settings",
            get(lists::settings).post(lists::change_settings),
        )
        .route("/api/{*other}", get(missing).post(missing))
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(
            Arc::clone(console),
            access_log::observed,
        ))
        .layer(middleware::map_response(protection::with_headers))
        .with_state(Arc::clone(console))
}

/// A program that has a token: it sees what the administrator sees.
pub(super) struct Program(pub(super) Visitor);

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
    /// What is asked for cannot be understood, for this reason.
    Wrong(String),
    /// It failed, for this reason.
    Failed(String),
    /// Other methods.
    WrongMethod,
}

/// An answer, or what is wrong.
pub(super) type Answer = Result<Response, ApiError>;

impl FromRequestParts<Arc<Console>> for Program {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION);
        let token = header.and_then(|it| it.to_str().ok());
        let token = token.and_then(|it| it.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = token.map(|(_, token)| token.trim().to_owned());
        let metrics = Arc::clone(&console.service().metrics);
        let told = |outcome| metrics.console_login(ConsoleLogin::Api, outcome);
        let Some(token) = token else {
            return Err(ApiError::NoToken);
        };
        let data_dir = console.data_dir.clone();
        let name = console.in_thread(move || ApiTokens::name_of(&data_dir, &token));
        match name.await {
            Ok(Ok(Some(_))) => {
                told(ConsoleLoginOutcome::Ok);
                Ok(Self(Visitor::of_program()))
            }
            Ok(Ok(None)) => {
                let limits = console.service().limits;
                let begun = limits
                    .login_failures
                    .map(|it| console.api_throttle.begin(it, limits.login_pause));
                match begun {
                    Some(Err(wait)) => {
                        told(ConsoleLoginOutcome::Throttled);
                        Err(ApiError::Throttled(wait.as_secs() + 1))
                    }
                    _ => {
                        told(ConsoleLoginOutcome::Denied);
                        Err(ApiError::NoToken)
                    }
                }
            }
            Ok(Err(error)) => {
                told(ConsoleLoginOutcome::Error);
                Err(ApiError::Failed(error.to_string()))
            }
            Err(why) => {
                told(ConsoleLoginOutcome::Error);
                Err(why.into())
            }
        }
    }
}

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
        // Programs have the administrator's rights.
        Outcome::Locked => Err(ApiError::Impossible),
    }
}

async fn missing(_: Program) -> ApiError {
    ApiError::Missing
}

async fn wrong_method() -> ApiError {
    ApiError::WrongMethod
}
