//! The API: what the pages show and do, for programs, as JSON.
//!
//! In: requests with a token (RFC 6750) that `popgate passwd --api-token` has made; out: the same values and the same
//! actions as those of the administrator's pages, or of a user's where the token is for one mailbox, or an object with a
//! sentence that says what is wrong. No cookie counts here, so that no page of another site can use it through a browser; a
//! browser is told nothing about other origins.

mod answer;
mod lists;
mod messages;
mod program;
mod status;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};

use self::answer::ApiError;
use self::program::Program;
use super::access_log;
use super::protection;
use super::state::Console;

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

async fn missing(_: Program) -> ApiError {
    ApiError::Missing
}

async fn wrong_method() -> ApiError {
    ApiError::WrongMethod
}
